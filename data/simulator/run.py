"""The simulation from end to end: check what is asked, live day by day, write the three files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.simulator import files, truth
from data.simulator.crowd import Crowd
from data.simulator.journey import live
from data.simulator.market import DRIFTS, Drift, Market, Outcome
from data.simulator.messages import Outbox
from data.simulator.people import People, settle
from data.simulator.story import Story
from veraison.errors import VeraisonError

LANDMARKS = (0, 1, 3, 7, 14, 30, 60, 90)
"""Days from creation plus one minute to the moments whose truth is written."""
MAX_LEADS, MAX_DAYS, MAX_SEED = 1_000_000, 3_650, 2**63 - 1

_PEOPLE, _STATES, _TELLING, _CROWD = range(4)
"""Streams of chance, apart from each other: a change of one leaves the others as they are."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What was written.

    events : lines of the event file, repeated messages included
    leads  : leads created; under drift "season" or "silent" fewer than asked for, as it takes some away
    wins   : deals won
    """

    events_path: Path
    truth_path: Path
    playbook_path: Path
    events: int
    leads: int
    wins: int


@dataclass(frozen=True, slots=True)
class Told:
    """What happened while a market was told.

    lead, day : (n,) of each landmark, whose state before that day's acts is `state`, (5, n)
    """

    events: int
    leads: int
    wins: int
    lead: Ints
    day: Ints
    state: Ints


def simulate(
    out: Path,
    *,
    leads: int = 2000,
    days: int = 365,
    seed: int = 7,
    drift: str = "none",
    drift_day: int | None = None,
    steady: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationResult:
    """Simulate a mid-market firm and write its events, the truth about its leads, and its playbook.

    out       : the event file F.ndjson; F.truth.parquet and F.playbook.toml are written beside it
    leads     : 1 to 1,000,000, bots among them
    days      : 1 to 3,650, from 2025-01-06T00:00:00Z
    seed      : 0 to 2**63 - 1; the same seed gives the same bytes
    drift     : none, source, rename, price, bots, season, silent or quality
    drift_day : market day from which it holds, 0 to days - 1; by default after 60 % of the days
    steady    : leave the season of the year out, so that nothing but the drift sets the future apart from the past
    progress  : called with (days done, days) now and then
    Raises    : VeraisonError for anything else, or where a file cannot be written
    """
    ruled = _checked(leads, days, seed, drift, drift_day)
    market = Market(ruled, int(0.6 * days) if drift_day is None else drift_day, steady)
    people = settle(market, leads, days, np.random.default_rng((seed, _PEOPLE)))
    truth_path, playbook_path = out.with_suffix(".truth.parquet"), out.with_suffix(".playbook.toml")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("wb") as stream:
            told = tell(market, people, days, seed, stream, leads_a_day=leads / days, progress=progress)
        write_truth(truth_path, market, people, told)
        playbook_path.write_text(files.playbook_text(), encoding="utf-8")
    except OSError as error:
        raise VeraisonError(f"{error.filename or out}: cannot be written ({error.strerror or error})") from error
    return SimulationResult(out, truth_path, playbook_path, told.events, told.leads, told.wins)


def tell(
    market: Market,
    people: People,
    days: int,
    seed: int,
    stream: BinaryIO,
    *,
    leads_a_day: float,
    progress: Callable[[int, int], None] | None = None,
    since: int = 0,
) -> Told:
    """Live the market for some days and write every message that the system receives in them, from day `since` on.

    A day is told from the past alone: fewer days give the beginning of the same story.
    """
    outbox = Outbox(stream, since)
    story, crowd = Story(market, people, outbox), Crowd(market, people, outbox, leads_a_day)
    state = people.state.copy()
    is_open = np.ones(len(people.day), dtype=np.bool_)
    begins = np.searchsorted(people.day, np.arange(days + 1))
    moments: list[tuple[Ints, Ints]] = []
    states: list[Ints] = []
    wins = 0
    for day in range(days):
        states_luck, telling, crowding = (
            np.random.default_rng((seed, part, day)) for part in (_STATES, _TELLING, _CROWD)
        )
        crowd.strangers(day, crowding)
        for number in range(begins[day], begins[day + 1]):
            if people.bot[number]:
                crowd.arrive(people.persons[number], crowding)
            story.born(number, telling)

        alive = np.flatnonzero(is_open[: begins[day + 1]])
        due = alive[np.isin(day - people.day[alive], LANDMARKS)]
        moments.append((due, np.full_like(due, day)))
        states.append(state[:, due])

        who = alive[~people.bot[alive]]
        lived = live(market, day, state[:, who], people.hidden[:, who], states_luck)
        story.lived(day, who, state[:, who], lived, telling)
        state[:, who] = lived.state
        is_open[who[lived.outcome < Outcome.MOVE]] = False
        wins += int((lived.outcome == Outcome.WIN).sum())
        for number in alive[people.bot[alive]].tolist():
            is_open[number] = not crowd.bot(day, people.persons[number], crowding)

        outbox.flush(day)
        if progress is not None:
            progress(day + 1, days)
    lead, when = (np.concatenate(part) for part in zip(*moments, strict=True))
    return Told(outbox.written, int(begins[days]), wins, lead, when, np.concatenate(states, axis=1))


def write_truth(path: Path, market: Market, people: People, told: Told) -> None:
    """Write the true chances of what was told; those of bots are 0."""
    chances = truth.probabilities(market, told.day, told.state, files.HORIZONS)
    chances[people.bot[told.lead]] = 0.0
    files.write_truth(path, people.persons, told.lead, told.day, chances)


def _checked(leads: int, days: int, seed: int, drift: str, drift_day: int | None) -> Drift:
    """The drift, if all that is asked for is allowed."""
    _within("leads", leads, 1, MAX_LEADS)
    _within("days", days, 1, MAX_DAYS)
    _within("seed", seed, 0, MAX_SEED)
    if drift not in DRIFTS:
        raise VeraisonError(f"drift {drift!r} is not one of {', '.join(DRIFTS)}")
    if drift_day is not None:
        if drift == "none":
            raise VeraisonError("drift_day is given without a drift; choose one of " + ", ".join(DRIFTS[1:]))
        _within("drift_day", drift_day, 0, days - 1)
    return drift


def _within(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise VeraisonError(f"{name} is {value!r}; allowed are the whole numbers from {low} to {high}")
