"""Leads in bands of their scores, how many of each were won, and how sure such a share is."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

WIDTH = 10
EDGES = tuple(range(0, 101, WIDTH))
ENOUGH = 20
"""Leads below which a share says nothing: of 20, one more or less is 5 of 100."""
_Z = 1.959963984540054  # 95 % of the normal distribution lie within so many deviations


@dataclass(frozen=True, slots=True)
class Band:
    """Leads with a score in ``[low; high[`` (100 belongs to the last) and what became of them.

    won      : how many were won within the horizon
    expected : how many were to be, the sum of their probabilities
    """

    low: int
    high: int
    leads: int
    won: int
    expected: float

    @property
    def enough(self) -> bool:
        """Whether there are leads enough to say anything."""
        return self.leads >= ENOUGH

    @property
    def share(self) -> float | None:
        """Of the leads, how many were won; None where there are no leads."""
        return self.won / self.leads if self.leads else None

    @property
    def predicted(self) -> float | None:
        """Of the leads, how many were to be won; None where there are no leads."""
        return self.expected / self.leads if self.leads else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Bounds of the share, 95 %; None where there are no leads."""
        return wilson(self.won, self.leads) if self.leads else None

    def to_dict(self) -> dict[str, Any]:
        """As the API has it, without its bounds."""
        low, high = self.interval or (None, None)
        return {
            "leads": self.leads, "won": self.won, "share": self.share,
            "share_low": low, "share_high": high, "predicted": self.predicted, "enough": self.enough,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Split:
    """The leads of a band, parted by what was done with them; each stands on one side, with the score that counts.

    worked, left        : whether sales worked the lead around that score (data.worked)
    explored, not_drawn : those below the list whom chance handed over (data.exploration), and those it passed over
    """

    worked: Band
    left: Band
    explored: Band
    not_drawn: Band

    def to_dict(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "worked": self.worked.to_dict(),
            "not_worked": self.left.to_dict(),
            "explored": self.explored.to_dict(),
            "not_drawn": self.not_drawn.to_dict(),
        }


def wilson(won: int, leads: int) -> tuple[float, float]:
    """The interval (95 %) of a share: never outside [0; 1], and no point where all or none were won.

    Source : Wilson 1927, Probable inference, the law of succession, and statistical inference

    >>> [round(bound, 3) for bound in wilson(34, 100)]
    [0.255, 0.437]
    """
    share, weight = won / leads, _Z**2 / leads
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt(share * (1 - share) / leads + weight / (4 * leads)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(one: Band, other: Band) -> tuple[float, float] | None:
    """The interval (95 %) of the share of one band less that of another, of different leads; None where one is empty.

    Source : Newcombe 1998, Interval estimation for the difference between independent proportions, method 10

    >>> found = difference(Band(0, 100, 70, 56, 0.0), Band(0, 100, 80, 48, 0.0))
    >>> [round(bound, 4) for bound in found]
    [0.0524, 0.3339]
    """
    if one.share is None or other.share is None:
        return None
    (low, high), (other_low, other_high) = wilson(one.won, one.leads), wilson(other.won, other.leads)
    apart = one.share - other.share
    below = sqrt((one.share - low) ** 2 + (other_high - other.share) ** 2)
    above = sqrt((high - one.share) ** 2 + (other.share - other_low) ** 2)
    return apart - below, apart + above
