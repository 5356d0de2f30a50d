"""What is to be expected of the weeks to come, in three parts, from the curves and from what came of earlier weeks.

stock      the steps of the curves of all open leads, added up, times the *level* of each week ahead: how many converted
           for each one expected, seen so many weeks ahead, from the weeks before. Curves know what is known today and
           leads go on acting, so chances of weeks far ahead stand at another level than those of the next;
arrivals   newcomers as they came in the last weeks, with the mean steps of their first curves, at levels of their own;
unforeseen a rate a week, from the weeks before: of leads older than the model follows anybody.

Weeks before count the less the longer they are ago. Levels are held back towards their mean over all weeks ahead, and
that towards 1, so that a young log makes no wild ones.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.log import Floats, Ints
from monitoring.forecast_counts import Counts
from monitoring.forecast_steps import Weeks

HALF_LIFE = 26.0
"""Weeks after which a week counts half in a level, and in what is unforeseen."""
QUICK = 4.0
"""The same in what all of them share: prices and budgets change what comes of everybody."""
RECENT = 6.0
"""The same in how many newcomers come."""
PRIOR = 10.0
"""Outcomes that a level is held back by."""
PRIOR_WEEKS = 4.0
"""Weeks that the rate of the unforeseen is held back by, towards its mean over all weeks ahead."""
PARTS = ("stock", "arrivals", "unforeseen")


@dataclass(frozen=True)
class Sums:
    """(2, t, h) what the curves say of each week and those after it: steps added up, of each event.

    stock     : of leads open at the start of the week
    newcomers : of leads that came in it
    """

    stock: Floats
    newcomers: Floats


@dataclass(frozen=True)
class Means:
    """(h,) what is to be expected of each week to come, and (h,) what each part is made by.

    level   : of the stock's steps
    arrived : outcomes of a week's newcomers by weeks since they came, at their level
    """

    stock: Floats
    arrivals: Floats
    unforeseen: Floats
    level: Floats
    arrived: Floats

    @property
    def total(self) -> Floats:
        """(h,) of all parts."""
        return self.stock + self.arrivals + self.unforeseen

    def times(self, factor: Floats) -> "Means":
        """With every part (h,) times as large."""
        return replace(self, stock=self.stock * factor, arrivals=self.arrivals * factor,
                       unforeseen=self.unforeseen * factor)  # fmt: skip


def sums(weeks: Weeks) -> Sums:
    """Add the steps up, week by week."""
    steps = weeks.steps
    found = np.zeros((2, 2, len(weeks.starts), weeks.ahead))
    for event in range(2):
        for kind, rows in enumerate((~steps.newcomer, steps.newcomer)):
            np.add.at(found[kind, event], steps.week[rows], np.nan_to_num(steps.chance[rows, event]))
    return Sums(found[0], found[1])


def means(event: int, said: Sums, known: Counts, origin: int) -> Means:
    """What is to be expected of the weeks from one on.

    known  : what came of the weeks before, as known when that one began
    origin : its place
    """
    ahead = said.stock.shape[2]
    over = np.add.outer(np.arange(origin), np.arange(ahead)) < min(origin, known.over)
    age = origin - np.arange(origin, dtype=np.float64)
    weight = fading(age, HALF_LIFE)[:, None] * over
    shown = np.maximum(_shifted(known.complete[:, event], origin, ahead), 1e-9)
    level = _levels(known.stock[event, :origin], said.stock[event, :origin] * shown, weight)
    stock = said.stock[event, origin] * level
    begun = _levels(known.newcomers[event, :origin], said.newcomers[event, :origin] * shown, weight)
    recent = fading(age, RECENT)
    arrived = (recent @ said.newcomers[event, :origin]) / max(recent.sum(), 1e-9) * begun
    rate = (weight * known.unforeseen(event)[:origin] / shown).sum(axis=0)
    overall = rate.sum() / max(weight.sum(), 1e-9)
    unforeseen = (rate + PRIOR_WEEKS * overall) / (weight.sum(axis=0) + PRIOR_WEEKS)
    now = _now(known.total[event, :origin] / shown[:, 0], age, (
        said.stock[event, :origin, 0] * level[0] + said.newcomers[event, :origin, 0] * begun[0] + unforeseen[0]
    ))  # fmt: skip
    return Means(stock * now, np.cumsum(arrived) * now, unforeseen * now, level * now, arrived * now)


def _now(came: Floats, age: Floats, expected: Floats) -> float:
    """How many came for each one expected, of all parts together, in the weeks just past."""
    weight = fading(age, QUICK)
    return float((PRIOR + weight @ came) / (PRIOR + weight @ expected))


def _levels(counted: Floats, expected: Floats, weight: Floats) -> Floats:
    """(h,) how many came for each one expected, by weeks ahead; all (t, h)."""
    seen, due = (weight * counted).sum(axis=0), (weight * expected).sum(axis=0)
    many = len(seen)
    together = (PRIOR + seen.sum() / many) / (PRIOR + due.sum() / many)
    found: Floats = (PRIOR * together + seen) / (PRIOR + due)
    return found


def fading(age: Floats | Ints, half_life: float) -> Floats:
    """(n,) how much weeks count that are so many weeks ago."""
    found: Floats = 0.5 ** (np.asarray(age, dtype=np.float64) / half_life)
    return found


def _shifted(values: Floats, weeks: int, ahead: int) -> Floats:
    """(weeks, ahead) the value of each week h after each; the last one's beyond the end."""
    place = np.add.outer(np.arange(weeks), np.arange(ahead))
    found: Floats = values[np.minimum(place, len(values) - 1)]
    return found
