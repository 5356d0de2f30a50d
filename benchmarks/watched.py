"""Simulated markets that a monitor watches: a champion that learned from the first year, and the weeks after.

The season of the first year comes again in the second, so that a monitor cannot take it for news. What goes wrong, if
anything, does so on one day in the second year. Until that day a disturbed market is the calm one of its seed, line by
line: so they share the champion, and what came in before.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from data.events import MICROS_PER_DAY
from data.log import EventLog
from data.parse import judge
from data.simulator.files import playbook_text
from data.simulator.market import START, Drift, Market
from data.simulator.people import People, settle
from data.simulator.run import Told, tell, write_truth
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
    kept, store, rules = (folder / name for name in ("champion", "calm.db", "calm.playbook.toml"))
    if not kept.is_dir():
        rules.write_text(playbook_text(), encoding="utf-8")
        events = folder / "calm.ndjson"
        _tell(Market(), events, seed=seed, leads_a_year=leads_a_year, weeks=weeks)
        _ingest(events, load_playbook(rules), store)
        events.unlink()
    book = load_playbook(rules)
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
    since = LEARNED_DAYS + 7 * week
    shared, begun, events = (folder / name for name in ("shared.db", "begun.db", "drift.ndjson"))
    truth = folder / "drift.truth.parquet"
    shutil.copy(folder / "calm.db", shared)
    _forget(shared, START + since * MICROS_PER_DAY)
    for drift in drifts:
        market = Market(drift, since)
        people, lived = _tell(
            market, events, seed=seed, leads_a_year=leads_a_year, weeks=weeks, until=told.get(drift, weeks), since=since
        )
        if true:
            write_truth(truth, market, people, lived)
        shutil.copy(shared, begun)
        _ingest(events, calm.book, begun)
        yield drift, replace(calm, log=_scan(begun, calm.book), truth=truth if true else None)
        begun.unlink()
    shared.unlink()


def _tell(
    market: Market, events: Path, *, seed: int, leads_a_year: int, weeks: int, until: int | None = None, since: int = 0
) -> tuple[People, Told]:
    """Write what a market's system receives, from market day `since` on, in the first `until` weeks or in all of them.

    Leads are the same whatever `until` and `since` are.
    """
    days = LEARNED_DAYS + 7 * weeks
    leads = round(leads_a_year * days / LEARNED_DAYS)
    people = settle(market, leads, days, np.random.default_rng((seed, 0)))
    last = LEARNED_DAYS + 7 * (weeks if until is None else until)
    with events.open("wb") as stream:
        return people, tell(market, people, last, seed, stream, leads_a_day=leads / days, since=since)


def _forget(store: Path, since: int) -> None:
    """Take what became known later out of a store."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table in ("events", "traits"):
            connection.execute(f"DELETE FROM {table} WHERE known_at >= ?", (since,))


def _ingest(events: Path, book: Playbook, store: Path) -> None:
    """Append a file, as `veraison ingest` does it."""
    with Store(f"sqlite:///{store}", book.identity.keys, book.features.accounts) as opened:
        opened.append(judge(record, now=_LATER) for record in open_source(events))


def _scan(store: Path, book: Playbook) -> EventLog:
    with Store(f"sqlite:///{store}", book.identity.keys, book.features.accounts) as opened:
        return opened.scan()
