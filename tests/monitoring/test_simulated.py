"""What goes wrong in a simulated market is found under its name and in time: three markets of each kind.

The faults that have a name need no champion and no year, so these markets are half a year long and are watched by what
finds faults alone. All of them, a year, and what needs a champion: ``make bench-monitoring``.
"""

from pathlib import Path

import numpy as np
import pytest

from data.events import MICROS_PER_DAY
from data.log import EventLog
from data.parse import judge
from data.simulator.files import playbook_text
from data.simulator.market import START, Drift, Market
from data.simulator.people import settle
from data.simulator.run import tell
from data.sources import open_source
from data.store import Store
from monitoring import quality, sources, volumes
from tests.histories import at
from training.sets import learned
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

LEARNED, SINCE, DAYS, LEADS = 126, 140, 154, 1_300
"""Days before the champion's snapshot, until something goes wrong, and in all; some 60 leads a week."""
LEVEL = 0.0033
FOUND: dict[Drift, tuple[int, set[str]]] = {
    "rename": (1, {"Quote Requested", "Quote Form Sent"}),
    "bots": (1, {"bots"}),
    "silent": (1, {"source=Organic Search"}),
    "source": (2, {"source=Social Ads"}),
}
"""Within how many weeks, and by which name: of what is silent, or of what came instead."""


def market(folder: Path, drift: Drift, seed: int) -> tuple[EventLog, Playbook]:
    events, definitions = folder / "events.ndjson", folder / "playbook.toml"
    definitions.write_text(playbook_text(), encoding="utf-8")
    book = load_playbook(definitions)
    simulated = Market(drift, SINCE)
    people = settle(simulated, LEADS, DAYS, np.random.default_rng((seed, 0)))
    with events.open("wb") as stream:
        tell(simulated, people, DAYS, seed, stream, leads_a_day=LEADS / DAYS)
    with Store("sqlite://", book.identity.keys, book.features.accounts) as store:
        store.append(judge(record, now=at(1_000)) for record in open_source(events))
        return store.scan(), book


def named(log: EventLog, book: Playbook, day: int) -> set[str]:
    """All that acts on a day, by name."""
    snapshot, now = START + LEARNED * MICROS_PER_DAY, START + day * MICROS_PER_DAY
    seen = volumes.arrivals(log, now)
    changed = volumes.structure(log, seen, book, learned(log, book, before=snapshot), snapshot=snapshot)
    silent = sources.silent(sources.contacts(log, "source", now), snapshot=snapshot, level=LEVEL)
    faults = quality.quality(seen, book.features.outbound, snapshot=snapshot, level=LEVEL).faults
    return {*changed.silent, *changed.appeared, *changed.categories, *silent, *faults}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [201, 202, 203])
@pytest.mark.parametrize("drift", FOUND)
def test_a_fault_is_found_in_time_and_by_its_name_and_nothing_before(drift: Drift, seed: int, tmp_path: Path):
    log, book = market(tmp_path, drift, seed)
    within, names = FOUND[drift]
    assert [named(log, book, day) for day in (SINCE - 7, SINCE)] == [set(), set()]
    assert names & named(log, book, SINCE + 7 * within)
