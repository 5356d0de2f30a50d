"""What the curves say of the weeks ahead: of each open lead at the start of a week, of each newcomer when it came.

A curve gives the chance to convert, or to become ready, within any number of days. Its *step* in a week ahead is what
it rises by in that week, counted in calendar weeks (Monday to Monday, UTC): so steps of leads that were looked at at
different moments can be added up.

Worked example: a lead stands open on Monday with a hazard of .1 a week. Its steps are .095 for this week, .086 for the
next, .078 for the third. One that came on Friday noon, with the same hazard, has a step of .035 in what is left of its
first week, and .092 in the next.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.journey import first_ripening
from data.log import NEVER, EventLog, Floats, Ints
from features import compute
from monitoring.weeks import WEEK, Pairs, hazards_then, mondays, open_pairs
from training.bundle import Bundle
from training.landmarks import Bools
from veraison.playbook import Playbook

_ROWS = 20_000  # features are made for so many at a time: a wide set of all of them would not fit


@dataclass(frozen=True)
class Steps:
    """(n,) leads in weeks, each with its steps.

    week     : place of the week
    lead     : code in the log
    newcomer : whether it came in the week; otherwise it was open when the week began
    source, seller : place in the log's `trait_texts`, -1 where it is not known
    chance   : (n, 2, h) to convert, to become ready, in the week and those after it; NaN where it has been ready before
    """

    week: Ints
    lead: Ints
    newcomer: Bools
    source: Ints
    seller: Ints
    chance: Floats

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Steps":
        return Steps(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.lead)


@dataclass(frozen=True)
class Weeks:
    """Weeks one after the other, the last of them the first to come.

    starts : (t,) microseconds UTC; what is known before the last of them is what a forecast is made of
    """

    starts: Ints
    steps: Steps

    @property
    def origin(self) -> int:
        """When the first week to come begins, microseconds UTC."""
        return int(self.starts[-1])

    @property
    def ahead(self) -> int:
        """How many weeks ahead the steps tell of."""
        return int(self.steps.chance.shape[2])


def weekly_steps(
    log: EventLog, champion: Bundle, playbook: Playbook, *, since: int, until: int, ahead: int, threads: int = 2
) -> Weeks:
    """The steps of every week from a moment to the one that runs at another.

    since, until : microseconds UTC
    ahead        : so many weeks, the week itself included
    """
    starts = mondays(since, until + WEEK)
    found = open_pairs(log, playbook, starts)
    newcomer = found.as_of > starts[found.week]
    kept = np.flatnonzero(~(newcomer & (found.week == len(starts) - 1)))  # who comes later is not known yet
    chance = np.empty((len(kept), 2, ahead))
    for start in range(0, len(kept), _ROWS):
        rows = kept[start : start + _ROWS]
        chance[start : start + _ROWS] = _chances(log, champion, found, rows, starts, ahead, threads)
    lead, as_of = found.lead[kept], found.as_of[kept]
    ripe = first_ripening(log, playbook.journey, lead, np.zeros(len(kept), dtype=np.int64), as_of)
    chance[ripe != NEVER, 1] = np.nan
    traits = [playbook.monitoring.source, playbook.pages.seller]
    row = compute.trait_rows(log, champion.feature_set, traits, lead, as_of)
    text = np.append(log.trait_text, -1)[row].astype(np.int64)
    return Weeks(starts, Steps(found.week[kept], lead, newcomer[kept], text[:, 0], text[:, 1], chance))


def _chances(
    log: EventLog, champion: Bundle, found: Pairs, rows: Ints, starts: Ints, ahead: int, threads: int
) -> Floats:  # fmt: skip
    """(rows, 2, ahead) the steps of some pairs, at the levels of the champion that were known by then."""
    as_of = found.as_of[rows]
    features = compute.batch(log, champion.feature_set, found.lead[rows], as_of, found.started[rows], threads=threads)
    first = (starts[found.week[rows]] + WEEK - as_of) / MICROS_PER_DAY
    days = np.concatenate([np.zeros((len(rows), 1)), first[:, None] + 7.0 * np.arange(ahead)], axis=1)
    chance = np.empty((len(rows), 2, ahead))
    for mine, *both in hazards_then(champion, features, as_of, threads):
        for event, (edges, cumulative) in enumerate(both):
            chance[mine, event] = steps(edges, cumulative, days[mine])
    return chance


def steps(edges: Floats, cumulative: Floats, days: Floats) -> Floats:
    """(n, h) the chance of each row between one of its days and the next.

    edges      : (g,) days ascending from 0; beyond the last the hazard of the last piece goes on
    cumulative : (n, g) hazard by then
    days       : (n, h + 1) ascending

    >>> steps(np.array([0.0, 7.0]), np.array([[0.0, 0.1]]), np.array([[0.0, 7.0, 14.0]])).round(3).tolist()
    [[0.095, 0.086]]
    """
    place = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    row = np.arange(len(days))[:, None]
    low, high = cumulative[row, place], cumulative[row, place + 1]
    hazard = low + (high - low) * (days - edges[place]) / (edges[place + 1] - edges[place])
    found: Floats = -np.diff(np.exp(-hazard), axis=1)
    return found
