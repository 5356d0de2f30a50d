"""Simulated markets that a monitor watches: a champion that learned from the first year, and the weeks after.

The season of the first year comes again in the second, so that a monitor cannot take it for news. What goes wrong, if
anything, does so on one day in the second year. Until that day a disturbed market is the calm one of its seed, line by
line: so they share the champion, and what came in before.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from types import MappingProxyType

import numpy as np

from data.events import MICROS_PER_DAY, parse_instant
from data.log import EventLog
from data.parse import judge
from data.simulator import simulate
from data.simulator.market import START, Drift, Market
from data.simulator.people import settle
from data.simulator.run import tell, write_truth
from data.sources import open_source
from data.store import Store
from training.bundle import Bundle
from training.fit import fit, training_set
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

LEARNED_DAYS, WEEKS, LEADS_A_YEAR = 364, 52, 3_000
"""Days before the champion learned, weeks that are watched then at most, and new leads in 364 days."""
_LATER = 2**60
"""A moment after all that is simulated."""


@dataclass(frozen=True)
class Watched:
    """A market, and the champion that serves in it.

    snapshot : what the champion learned from was known before this moment, microseconds UTC
    truth    : file of the true chances of its landmarks (`data.simulator.truth`), where they were asked for
    """

    log: EventLog
    book: Playbook
    champion: Bundle
    snapshot: int
    truth: Path | None = None

    def week(self, number: int) -> int:
        """The moment, microseconds UTC, at the end of a week; week 1 is the first after the snapshot."""
        return self.snapshot + 7 * number * MICROS_PER_DAY


def watched(
    folder: Path, *, seed: int, weeks: int = WEEKS, leads_a_year: int = LEADS_A_YEAR, threads: int = 1
) -> Watched:
    """A market in which nothing goes wrong; what `folder` holds from an earlier call is used again."""
    events, kept, store = folder / "calm.ndjson", folder / "champion", folder / "calm.db"
    days = LEARNED_DAYS + 7 * weeks
    if not kept.is_dir():
        simulate(events, leads=round(leads_a_year * days / LEARNED_DAYS), days=days, seed=seed)
        _ingest(events, load_playbook(events.with_suffix(".playbook.toml")), store)
    book = load_playbook(events.with_suffix(".playbook.toml"))
    log, snapshot = _scan(store, book), START + LEARNED_DAYS * MICROS_PER_DAY
    if not kept.is_dir():
        data = training_set(log, book, before=snapshot)
        fit(data, book, before=snapshot, threads=threads, interval=False).save(kept)
    return Watched(log, book, Bundle.load(kept), snapshot)


def disturbed(
    folder: Path, calm: Watched, drifts: Sequence[Drift], *, seed: int, week: int, weeks: int,
    leads_a_year: int = LEADS_A_YEAR, told: Mapping[Drift, int] = MappingProxyType({}),
    true: bool = False,
) -> Iterator[tuple[Drift, Watched]]:  # fmt: skip
    """The same market with each drift from the end of a week on, one after another.

    folder, calm : of `watched` with the same seed, weeks and leads
    told         : of some drifts, the week with which the story breaks off; of the others, the last
    true         : whether the true chances of all landmarks are written too
    """
    days, since = LEARNED_DAYS + 7 * weeks, LEARNED_DAYS + 7 * week
    leads = round(leads_a_year * days / LEARNED_DAYS)
    calmly, shared, begun, events = (folder / name for name in ("calm.ndjson", "shared.db", "begun.db", "drift.ndjson"))
    truth = folder / "drift.truth.parquet"
    before = START + since * MICROS_PER_DAY
    with calmly.open("rb") as lines:
        alike = sum(1 for _ in takewhile(lambda line: _received(line) < before, lines))
    shutil.copy(folder / "calm.db", shared)
    _forget(shared, before)
    for drift in drifts:
        market = Market(drift, since)
        people = settle(market, leads, days, np.random.default_rng((seed, 0)))
        with events.open("wb") as stream:
            until = LEARNED_DAYS + 7 * told.get(drift, weeks)
            lived = tell(market, people, until, seed, stream, leads_a_day=leads / days)
        if true:
            write_truth(truth, market, people, lived)
        _check_alike(calmly, events, alike)
        shutil.copy(shared, begun)
        _ingest(events, calm.book, begun, alike)
        yield drift, replace(calm, log=_scan(begun, calm.book), truth=truth if true else None)
        begun.unlink()
    shared.unlink()


def _forget(store: Path, since: int) -> None:
    """Take what became known later out of a store."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table in ("events", "traits"):
            connection.execute(f"DELETE FROM {table} WHERE known_at >= ?", (since,))


def _received(line: bytes) -> int:
    message = json.loads(line)
    return parse_instant(message.get("receivedAt", message["timestamp"]))


def _check_alike(one: Path, other: Path, count: int) -> None:
    with one.open("rb") as first, other.open("rb") as second:
        if any(a != b for a, b in islice(zip(first, second, strict=False), count)):
            raise ValueError(f"{other.name} differs from {one.name} before its drift: they cannot share a champion")


def _ingest(events: Path, book: Playbook, store: Path, start: int = 0, stop: int | None = None) -> None:
    """Append some lines of a file, as `veraison ingest` does it."""
    with Store(f"sqlite:///{store}", book.identity.keys, book.features.accounts) as opened:
        opened.append(judge(record, now=_LATER) for record in islice(open_source(events), start, stop))


def _scan(store: Path, book: Playbook) -> EventLog:
    with Store(f"sqlite:///{store}", book.identity.keys, book.features.accounts) as opened:
        return opened.scan()
