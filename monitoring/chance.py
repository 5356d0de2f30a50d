"""What a week's count usually is, and whether this one is beyond chance.

Counts of people's doings spread wider than a Poisson's: mailings, fairs, holidays. The spread is taken from past
weeks, so that what wanders by itself is no news, and how little is known of a short past widens it too.

Worked example: 52 weeks with 10 bots among 1,000 visitors each, give or take what chance gives, then 30 among 1,000.
The usual range of such a week at a level of .001 is about 1 to 23; 30 is beyond it.
"""

from dataclasses import dataclass

from scipy import stats

from data.events import MICROS_PER_DAY
from data.log import Floats, Ints

WEEK = 7 * MICROS_PER_DAY
LEAST_WEEKS = 8
"""With fewer past weeks than this there is no usual range."""
FLOOR = 0.0025
"""No week repeats another to better than a twentieth: the least squared relative spread beyond a Poisson's."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The newest week's count, and what it usually is.

    low, high : the range that a usual week leaves once in 1 / level
    p         : chance of a count so far from what is expected, on its side, times two
    """

    value: int
    expected: float
    low: int
    high: int
    p: float

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"value": self.value, "expected": round(self.expected, 1), "low": self.low, "high": self.high}


def weeks(moments: Ints, at: int) -> Ints:
    """(n,) how many whole weeks before `at` each moment lies, 0 being the newest; moments lie before `at`."""
    return (at - 1 - moments) // WEEK


def usual(now: int, expected: float, past: Ints | Floats, foreseen: Floats, level: float) -> Usual | None:
    """Hold the newest week's count against the past weeks' counts.

    The count is taken as negative binomial: its squared relative spread is what past counts show beyond a Poisson's
    around what was foreseen of them, plus what is not known of the mean.

    now      : count of the newest week
    expected : what was to be expected of it, before it is scaled by what past weeks made of what was foreseen
    past     : (w,) counts of past weeks
    foreseen : (w,) what was to be expected of each, on the scale of `expected`
    level    : chance in ]0; 1[ at which a usual week leaves the range
    Returns  : None where there are fewer than `LEAST_WEEKS` past weeks of which anything was to be expected

    >>> import numpy as np
    >>> ten = np.array([9, 11, 10, 8, 12, 10, 10, 10, 9, 11])
    >>> usual(10, 1.0, ten, np.ones(10), .001).p > .5, usual(40, 1.0, ten, np.ones(10), .001).p < .001
    (True, True)
    """
    there = foreseen > 0
    past, foreseen = past[there], foreseen[there]
    if len(past) < LEAST_WEEKS:
        return None
    total = float(past.sum()) + 0.5
    scale = total / float(foreseen.sum())
    mean, means = scale * expected, scale * foreseen
    if mean <= 0:
        return None
    beyond = float(((past - means) ** 2 - means).sum() / (means**2).sum())
    spread = max(beyond, FLOOR) * (1 + 1 / len(past)) + 1 / total
    chance = stats.nbinom(1 / spread, 1 / (1 + mean * spread))
    side = min(float(chance.cdf(now)), float(chance.sf(now - 1)))
    low, high = (int(chance.ppf(part)) for part in (level / 2, 1 - level / 2))
    return Usual(now, mean, low, high, min(1.0, 2 * side))
