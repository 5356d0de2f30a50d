"""Where the histories of a long command are, and which engine works on them: the store, or Parquet files elsewhere."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.log import EventLog
from veraison.cli.common import Engine, Place, history_tables, say, writing
from veraison.errors import VeraisonError
from veraison.playbook import Playbook

if TYPE_CHECKING:
    from training import engines

IN_MEMORY = 5_000_000
"""A store of more events than this is worked on part by part."""
PLAIN_IN_MEMORY = 20_000_000
"""The same of a file of plain events, which take a third of the memory."""


@dataclass(frozen=True)
class Histories:
    """Histories that a command works on.

    newest  : gives the newest ``known_at``, None where there are no events
    sample  : gives what columns are learned from; `sampled` says whose histories these are
    kinds   : kinds of event and how often each occurs; None where only reading all would tell
    cluster : the engine, where its executors can write the result themselves
    """

    engine: "engines.Engine"
    newest: Callable[[], int | None]
    sample: Callable[[], EventLog]
    sampled: str
    kinds: dict[str, int] | None = None
    cluster: "engines.Cluster | None" = None


@contextmanager
def histories(
    where: Place, book: Playbook, engine: Engine, master: str, events: str | None, *, learning: bool
) -> Iterator[Histories]:
    """Open what is to be worked on.

    events   : path or address of Parquet files; None for the workspace's store
    learning : whether columns are to be learned
    """
    with ExitStack() as stack:
        if engine is Engine.spark:
            from features.cluster import session

            stack.enter_context(session(master))
        if events is None:
            yield _stored(stack, where, book, engine, master)
        elif engine is Engine.spark and not learning:
            yield _remote(events, master)
        elif engine is Engine.local and (plain := _plain(where, events)) is not None:
            yield plain
        else:
            yield _divided(stack, where, engine, master, events)


def _stored(stack: ExitStack, where: Place, book: Playbook, engine: Engine, master: str) -> Histories:
    """The store: in memory as long as it fits there."""
    from data.units import part_count, read_part
    from training.engines import Cluster, Parts, Whole

    store = stack.enter_context(where.store(keys=book.identity.keys))
    large = store.counts()["events"] > IN_MEMORY
    if engine is Engine.local and not large:
        log = store.scan()
        return Histories(Whole(log, where.settings.threads), store.newest, lambda: log, _ALL, store.kinds())
    say("dividing the store by lead")
    tables = stack.enter_context(history_tables(store, where.workspace, book.features.accounts))
    count = part_count(tables)
    made: engines.Engine = Parts(tables, count, where.settings.threads)
    if engine is Engine.spark:
        made = Cluster(tables, master, say)
    if large:
        return Histories(made, store.newest, lambda: read_part(tables, 0), _share(count), store.kinds())
    return Histories(made, store.newest, store.scan, _ALL, store.kinds())


def _remote(events: str, master: str) -> Histories:
    """Files that only Spark reads."""
    from features import spark
    from training.engines import Cluster

    made = Cluster(events, master, say)
    return Histories(made, lambda: spark.newest(events, master=master), spark.nobody, "nobody", cluster=made)


def _plain(where: Place, events: str) -> Histories | None:
    """A file of plain events that fits in memory; None where it is anything else, or anything is wrong with it."""
    from data.stream import NotPlainError, plain_rows, read_events
    from training.engines import Whole

    rows = plain_rows(Path(events))
    if rows is None or rows > PLAIN_IN_MEMORY:
        return None
    say(f"reading {rows:,} events")
    try:
        log = read_events(Path(events), where.settings.threads)
    except NotPlainError:
        return None  # the general way says what it is
    kinds = dict(zip(log.kinds, np.bincount(log.kind, minlength=len(log.kinds)).tolist(), strict=True))
    newest = int(log.known.max()) if len(log.known) else None
    return Histories(Whole(log, where.settings.threads), lambda: newest, lambda: log, _ALL, kinds)


def _divided(stack: ExitStack, where: Place, engine: Engine, master: str, events: str) -> Histories:
    """Files that this machine reads: all of them, or a part to learn from."""
    from data.units import read_part, split
    from training.engines import Cluster, Parts

    if "://" in events:
        what = "columns are learned" if engine is Engine.spark else "the local engine works"
        instead = "--set champion" if engine is Engine.spark else "--engine spark"
        raise VeraisonError(f"{events}: {what} on files of this machine only; give {instead}")
    where.workspace.create()
    with writing(where.workspace.root / "histories"):
        folder = tempfile.TemporaryDirectory(prefix="histories-", dir=where.workspace.root)
    tables = Path(stack.enter_context(folder))
    say(f"dividing {events} by lead")
    count = split(Path(events), tables)
    parts = Parts(tables, count, where.settings.threads)
    cluster = Cluster(events, master, say) if engine is Engine.spark else None
    return Histories(cluster or parts, parts.newest, lambda: read_part(tables, 0), _share(count), cluster=cluster)


_ALL = "all leads"


def _share(parts: int) -> str:
    return f"a {parts}th of the leads, chosen by chance" if parts > 1 else _ALL
