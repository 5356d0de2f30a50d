"""How long something lasts, and how it ends, when some of it has not ended yet.

The mean of what has finished flatters: in a stage that leads enter every day the quick ones have left, the slow ones
are still there. Kaplan and Meier count those that are still there for as long as they were seen; where there are
several ways to end, Aalen and Johansen do the same for each of them.

Worked example. Four stays: 2 days (left), 3 days (still there), 5 days (left), 8 days (still there). After 2 days 3/4
are left; at 5 days two are at risk and one leaves: 3/8. So the median is 5 days, the upper quartile is not reached; the
mean of the finished would have said 3.5.

Sources: Kaplan and Meier 1958; Aalen and Johansen 1978; Brookmeyer and Crowley 1982 (interval of the median);
Kalbfleisch and Prentice 2002, 1.4 (log-log bounds); Tarone 1975 (test for a trend); Marubini and Valsecchi 1995, 10.2
(variance of the cumulative incidence).
"""

from dataclasses import dataclass
from math import erfc, exp, log, sqrt

import numpy as np
import numpy.typing as npt

from data.log import Floats, Ints

Bools = npt.NDArray[np.bool_]
_Z = 1.959963984540054  # 95 % of the normal distribution lie within so many deviations


@dataclass(frozen=True)
class Survival:
    """(k,) a curve of Kaplan and Meier, a point for each moment at which something ended.

    days      : ascending
    share     : in [0; 1], what still lasts after so many days
    low, high : 95 % bounds of the share, never outside [0; 1]
    """

    days: Floats
    share: Floats
    low: Floats
    high: Floats

    def quantile(self, part: float) -> float | None:
        """Days after which `part` of all has ended; None where that is not reached."""
        return _reached(self.days, self.share, 1 - part)

    @property
    def median_interval(self) -> tuple[float | None, float | None]:
        """95 % bounds of the median; None where a bound is not reached."""
        return _reached(self.days, self.low, 0.5), _reached(self.days, self.high, 0.5)


@dataclass(frozen=True, slots=True)
class Incidence:
    """The chance that something has ended in one way within some days, with 95 % bounds."""

    share: float
    low: float
    high: float


def kaplan_meier(days: Floats, ended: Bools, entry: Floats | None = None) -> Survival:
    """The curve of what still lasts.

    days    : (n,) >= 0, until it ended or was last seen
    ended   : (n,) whether it ended
    entry   : (n,) days after which it was first looked at, less than `days`; 0 or less: from its beginning on

    >>> curve = kaplan_meier(np.array([2.0, 3.0, 5.0, 8.0]), np.array([True, False, True, False]))
    >>> curve.share.tolist(), curve.quantile(0.5), curve.quantile(0.75)
    ([0.75, 0.375], 5.0, None)
    """
    at, ends, risk = _table(days, ended, entry)
    share = np.cumprod(1 - ends / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(ends / (risk * (risk - ends))))
        power = np.exp(_Z * spread / np.log(share))
        low, high = share ** (1 / power), share**power
    # nobody is left: no bound can be computed, and there is nothing above it
    return Survival(at, share.astype(np.float64), np.where(share > 0, low, 0.0), np.where(share > 0, high, 0.0))


def incidence(
    days: Floats, how: Ints, way: int, within: float, entry: Floats | None = None, could: float = 0.0
) -> Incidence | None:
    """The chance to have ended in one way within some days; None where nothing could be looked at for so long.

    how    : (n,) in which way each ended, 0 where it has not
    way    : the way that is asked for, > 0
    within : days
    could  : the longest that any of them could have been seen, where it is more than `days` say

    >>> found = incidence(np.array([1.0, 2.0, 3.0, 9.0]), np.array([1, 2, 0, 0]), 1, 5.0)
    >>> found.share
    0.25
    """
    if not len(days):
        return None
    at, ends, risk = _table(days, how > 0, entry)
    before = np.concatenate([[1.0], np.cumprod(1 - ends / risk)])
    inside = at <= within
    if max(could, float(days.max())) < within and before[inside.sum()] > 0:
        return None
    mine = np.bincount(np.searchsorted(at, days[how == way]), minlength=len(at)).astype(np.float64)
    at, ends, risk, mine, before = at[inside], ends[inside], risk[inside], mine[inside], before[:-1][inside]
    share = np.cumsum(before * mine / risk)
    if not len(share) or share[-1] == 0:
        most = 1 - 0.05 ** (1 / max(1, int((days >= within).sum())))  # none of n: the exact bound
        return Incidence(0.0, 0.0, most)
    left = share[-1] - share
    alive = risk > ends
    variance = np.zeros(len(share))
    variance[alive] = left[alive] ** 2 * ends[alive] / (risk[alive] * (risk[alive] - ends[alive]))
    variance += before**2 * mine * (risk - mine) / risk**3 - 2 * left * before * mine / risk**2
    found = float(share[-1])
    if found > 1 - 1e-9:
        return Incidence(1.0, 0.05 ** (1 / len(days)), 1.0)  # all of n: the exact bound
    power = exp(min(700.0, _Z * sqrt(max(0.0, float(variance.sum()))) / (found * -log(found))))
    return Incidence(found, found**power, found ** (1 / power))


def trend(days: Floats, ended: Bools, period: Ints, entry: Floats | None = None) -> float:
    """The log-rank statistic for a trend over periods: standard normal where there is none.

    Above 0 what begins in later periods ends sooner; with two periods its square is the log-rank statistic.

    period : (n,) whole numbers, in the order of time
    """
    at, _, risk = _table(days, ended, entry)
    place = np.searchsorted(at, days[ended])
    weight = period.astype(np.float64)
    observed = float(weight[ended].sum())
    there = _at_risk(days, entry, at, weight) / risk
    squares = _at_risk(days, entry, at, weight**2) / risk
    counted = np.bincount(place, minlength=len(at)).astype(np.float64)
    more = risk > 1
    variance = float(
        (counted * (risk - counted) / np.where(more, risk - 1, 1) * (squares - there**2))[more].sum()
    )  # fmt: skip
    return 0.0 if variance <= 0 else (observed - float((counted * there).sum())) / sqrt(variance)


def two_sided(z: float) -> float:
    """The chance of a standard normal so far from 0 on either side.

    >>> round(two_sided(1.96), 3)
    0.05
    """
    return erfc(abs(z) / sqrt(2))


def _reached(days: Floats, share: Floats, at: float) -> float | None:
    below = np.flatnonzero(share <= at + 1e-12)
    return float(days[below[0]]) if len(below) else None


def _table(days: Floats, ended: Bools, entry: Floats | None) -> tuple[Floats, Floats, Floats]:
    """(k,) the moments at which something ended, how much ended then, and how much was at risk."""
    at, ends = np.unique(days[ended], return_counts=True)
    return at, ends.astype(np.float64), _at_risk(days, entry, at, np.ones(len(days)))


def _at_risk(days: Floats, entry: Floats | None, at: Floats, weight: Floats) -> Floats:
    """(k,) the weight of what still lasts just before each moment and was looked at by then."""
    found = _from(days, at, weight)
    if entry is not None:
        late = entry > 0
        found = found - _from(entry[late], at, weight[late])
    return found


def _from(values: Floats, at: Floats, weight: Floats) -> Floats:
    """(k,) the weight of the values that are not below each moment."""
    order = np.argsort(values, kind="stable")
    above = np.concatenate([[0.0], np.cumsum(weight[order])])
    found: Floats = above[-1] - above[np.searchsorted(values[order], at, side="left")]
    return found
