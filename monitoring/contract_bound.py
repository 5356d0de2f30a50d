"""The least score of a week: so that as many leads are handed over as sales take, and as many of them win as promised.

At the start of a week it is known which leads wait at which score (the *stock*). How many more will come to a score in
the days after is not (the *flow*): so many as came to it anew in the last weeks, the newest counting most. A lead comes
to a score once; so of each lead only those moments count at which it stood higher than ever before, and each of them
passes every bound between the old height and the new one.

A worked example: sixty leads a week. On Monday 22 leads stand at 68 and above, and in the last weeks 38 a week came to
68: with a bound of 68, sixty will be handed over. Their chances add up to 13: 22 % of them will be won. Where 25 % are
promised, 68 will not do; at 71 it will, with 41 leads: the *precision* binds, and the volume cannot be kept.

Seasons come and go: a week may be worse than promised as long as it and the `LEDGER_WEEKS` before it together are not.
Nor can a lull be foreseen, August or the end of the year: what it fell short by is made up in the weeks after it, and
what came too much is taken off them, a little each (`made_up`).

Two factors set past and present apart, both near 1 where little is known (empirical Bayes with a Gamma prior): of the
leads handed over before, how many were won for each one expected; and how many came after Mondays for each one
expected. The newest weeks count most. That a level lasts is for the monitor to find (monitoring.recalibration): a
factor that takes a good season for a better market promises too much after it, so the first of the two moves slowly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.log import Floats, Ints
from monitoring.contract_scores import Scores
from monitoring.weeks import WEEK

GRID = np.round(np.arange(0.0, 100.05, 0.1), 1)
"""The bounds that are looked at."""
FLOW_WEEKS, WARM_UP = 8, 4
"""Weeks of which the flow is told, and weeks before them, to know how high leads had stood."""
HALF_LIFE, WON_HALF_LIFE = 3.0, 8.0
"""Weeks after which a week counts half, of leads that came and of leads that were won."""
LEDGER_WEEKS = 26
"""Weeks before a week that count for its precision: the half year that a report shows."""
PRIOR, WON_PRIOR = 20.0, 100.0
"""Leads that came, and leads that were won, as expected before anything was seen. Like the half-lives, chosen on a
simulated market (seed 300) that no figure is told of."""

REPAID, MOST_REPAID, MOST_OWED = 0.25, 0.25, 4
"""Of what the weeks before fell short by: the part that the next week makes up, the most that it does as a part of the
leads promised a week, and the weeks' worth of promised leads beyond which nothing is carried on."""

Binds = Literal["capacity", "precision"]


@dataclass(frozen=True)
class Reached:
    """Leads, and the sum of their chances, that are handed over at each bound of the grid."""

    leads: Floats
    chance: Floats


@dataclass(frozen=True)
class Choice:
    """The bound of a week and what is expected of it.

    score     : least score
    binds     : which promise sets it
    leads     : that will be handed over
    flow      : of them those who come after Monday, before `Factors.flow`
    precision : promised share of them that will come to it; None where nobody is expected
    possible  : the same with as many leads as are aimed at, where precision binds
    """

    score: float
    binds: Binds
    leads: float
    flow: float
    precision: float | None
    possible: float | None


@dataclass(frozen=True)
class Ledger:
    """Leads handed over in the last weeks, and how many of them kept the promise, or will as expected."""

    leads: float = 0.0
    kept: float = 0.0


@dataclass(frozen=True)
class Factors:
    """How many were won, and came after Mondays, for each one expected."""

    chance: float = 1.0
    flow: float = 1.0


def factor(observed: float, expected: float, prior: float = PRIOR) -> float:
    """How many came for each one expected, near 1 where little is known.

    >>> factor(0, 0), round(factor(30, 60), 3), round(factor(30, 60, WON_PRIOR), 4)
    (1.0, 0.625, 0.8125)
    """
    return (prior + observed) / (prior + expected)


def made_up(promised: int, short: Iterable[int]) -> float:
    """Leads that a week is to bring beside those promised, as the weeks before it fell short; below 0: fewer.

    Each week pays a quarter of what is owed, and at most a quarter of what is promised for a week: so many more leads,
    or fewer, a seller may get. A shortage that lasts for long is not carried on in full: nobody could work it off.

    promised : leads a week, > 0
    short    : of each week before, the oldest first, leads promised less leads handed over

    >>> made_up(60, []), made_up(60, [46]), made_up(60, [46, -6]), made_up(60, [46, 34]), made_up(60, [-79])
    (0.0, 11.5, 10.0, 15.0, -15.0)
    """
    most, owed = MOST_OWED * promised, 0
    for one in short:
        owed = max(-most, min(most, owed + one))
    return max(-MOST_REPAID * promised, min(MOST_REPAID * promised, REPAID * owed))


def stock(score: Floats, chance: Floats) -> Reached:
    """Who stands at each bound or above.

    >>> reached = stock(np.array([20.0, 80.0]), np.array([0.1, 0.4]))
    >>> [float(reached.leads[GRID == bound][0]) for bound in (20.0, 20.1, 80.0, 80.1)]
    [2.0, 1.0, 1.0, 0.0]
    """
    return Reached(_at_least(score, np.ones(len(score))), _at_least(score, chance))


def flow(past: Scores, start: int) -> Reached:
    """Who will come to each bound between a Monday and the next, not at its midnight: a week of the last ones.

    past  : scores of the weeks before; later ones do not count
    start : the Monday, microseconds UTC
    """
    past = past[past.as_of < start]
    before = _highest_before(past)
    days = (past.as_of - start) % WEEK  # 0: on a Monday, when the bound moves
    week = (past.as_of - start) // WEEK  # -1: the newest
    oldest = -min(FLOW_WEEKS, max(1, int(-week.min(initial=0)) - WARM_UP))
    rises = (np.round(past.score, 6) > before) & (days > 0) & (week >= oldest)
    weights = 0.5 ** (-(np.arange(oldest, 0) + 1) / HALF_LIFE)
    weight = weights[week[rises] - oldest] / weights.sum()
    high, low, chance = past.score[rises], before[rises], past.chance[rises]
    return Reached(
        np.maximum(_at_least(high, weight) - _at_least(low, weight), 0.0),
        np.maximum(_at_least(high, weight * chance) - _at_least(low, weight * chance), 0.0),
    )


def choose(
    now: Reached, later: Reached, factors: Factors, ledger: Ledger, *, capacity: float, precision: float
) -> Choice:
    """The least bound that keeps both promises as expected; where both cannot be kept, that of the precision.

    now, later : stock and flow
    ledger     : of the weeks before
    capacity   : leads of the week, > 0: those promised, and what is made up
    precision  : in ]0; 1[; it holds at the bound and at every higher one, in the week or together with those before it
    """
    leads = now.leads + factors.flow * later.leads
    chance = factors.chance * (now.chance + factors.flow * later.chance)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(leads > 0, np.minimum(chance / leads, 1.0), np.nan)
    # a higher bound never hands over more, whatever single weeks have shown
    at_most = np.maximum.accumulate(leads[::-1])[::-1]
    by_capacity = _first(at_most <= capacity)
    together = (ledger.kept + chance) / np.maximum(ledger.leads + leads, 1e-9)
    kept = np.isnan(share) | (share >= precision) | (together >= precision)
    by_precision = _first(np.logical_and.accumulate(kept[::-1])[::-1])
    place = max(by_capacity, by_precision)
    binds: Binds = "precision" if by_precision > by_capacity else "capacity"
    return Choice(
        score=float(GRID[place]),
        binds=binds,
        leads=float(leads[place]),
        flow=float(later.leads[place]),
        precision=_number(share[place]),
        possible=_number(share[by_capacity]) if binds == "precision" else None,
    )


def _first(holds: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> int:
    """The first place that holds; the last where none does."""
    return int(np.argmax(holds)) if holds.any() else len(holds) - 1


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _at_least(values: Floats, weight: Floats) -> Floats:
    """(grid,) the weight of the values at each bound or above."""
    order = np.argsort(values, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weight[order])])
    found: Floats = below[-1] - below[np.searchsorted(values[order], GRID, side="left")]
    return found


def _highest_before(past: Scores) -> Floats:
    """(n,) the highest score of the same lead in the same turn earlier; -1 at its first."""
    first = np.diff(past.key, prepend=-1) != 0
    # one running maximum over all: each group begins higher than the one before can end
    room: Ints = np.cumsum(first) * 1_000
    highest = np.round(np.maximum.accumulate(past.score + room) - room, 6)  # the sums have lost the last digits
    found: Floats = np.where(first, -1.0, np.concatenate([[0.0], highest[:-1]]))
    return found
