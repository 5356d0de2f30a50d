"""How far counts lie from what was expected of them: intervals as wide as forecasts of the past were wrong.

A count varies by chance even where its mean is known (Poisson), and its mean is not known. Both together are a negative
binomial count: its variance is ``mean + spread * mean ** 2``. The spread is learned from what was forecast at earlier
moments, so it holds whatever made them wrong: a model, a season, a price.

Few forecasts say little of it. Before any is over the spread is one that is usual, a wide one where no season has been
seen; and as what few of them say is itself uncertain, it is widened as Student's t is wider than a normal curve.
"""

from scipy.stats import nbinom, norm, t

from data.forecast_report import COVERED
from data.log import Floats

USUAL = 0.05
"""A spread before anything is known, where the season is: means are wrong by a fifth."""
UNSEEN = 0.3
"""The same in a first year, whose holidays nobody has seen: means are wrong by half."""
WORTH = 4.0
"""So many forecasts these count for."""
FREEDOM = 7.0
"""Degrees of freedom before any forecast is over; each that is adds one."""
LEAST = 1e-6  # below it the count is Poisson in all but name; the distribution needs a spread above 0


def spread(mean: Floats, seen: Floats, weight: Floats, usual: float = USUAL, worth: float = WORTH) -> float:
    """The spread of (n,) forecasts, by moments, held back towards what is usual.

    mean, seen : what was expected, what came
    weight     : how much each counts
    usual      : what counts for `worth` forecasts

    >>> import numpy as np
    >>> spread(np.array([100.0] * 50), np.array([80.0, 120.0] * 25), np.ones(50)) > 0.02
    True
    """
    whole = float(weight.sum())
    square = float((weight * mean**2).sum()) / whole if whole > 0 else 1.0
    beyond = float((weight * ((seen - mean) ** 2 - mean)).sum())
    found = (worth * usual * square + beyond) / max((worth + whole) * square, 1e-12)
    return max(found, LEAST)


def doubt(forecasts: float) -> float:
    """How many times as wide a spread is taken that so many forecasts were learned from; 1 were it known.

    By Student's t, whose range of 80 % is so much wider than that of a normal curve: a variance that was learned from
    few is as often too small as too large, and costs more where it is too small (Gelman et al., Bayesian Data Analysis,
    3rd ed., 3.2).

    >>> [round(doubt(many), 2) for many in (0, 5, 20, 1000)]
    [1.22, 1.12, 1.05, 1.0]
    """
    upper = (1 + COVERED) / 2
    return float((t.ppf(upper, FREEDOM + forecasts) / norm.ppf(upper)) ** 2)


def bounds(mean: float, spread: float) -> tuple[int, int]:
    """Whole numbers between which a count lies with a chance as near to 80 % as whole numbers allow.

    mean   : > 0
    spread : > 0

    >>> bounds(100.0, 1e-6)
    (88, 113)
    """
    size = 1.0 / max(spread, LEAST)
    count = nbinom(size, size / (size + max(mean, 1e-9)))
    tail = (1 - COVERED) / 2
    low, high = int(count.ppf(tail)), int(count.ppf(1 - tail))
    ends = [(one, other) for one in (low, low + 1) for other in (high - 1, high) if one <= other]
    return min(ends, key=lambda one: (round(abs(count.cdf(one[1]) - count.cdf(one[0] - 1) - COVERED), 9), one))
