"""Points as people read them: whole numbers that add up, the same for a reason on every page and on the card."""

import math
from collections.abc import Sequence

from serving.scorer import ExplainedScore

_LAST_BITS = 1e-6
"""A score and the sum of its points are equal to 1e-9; more than this apart, a limit of the scale lies between."""


def whole_account(row: ExplainedScore) -> tuple[int, list[int]]:
    """The whole points that a lead starts at, and those of each reason; 0 and none where it has no score.

    They add up exactly to the score as it is shown or, where a limit of the scale cuts it, to what it cuts. Two rows
    give one reason the same figure only where they tell equally many reasons: pages ask for all that are told, and show
    the first of them.

    >>> from serving.reasons import Reason
    >>> told = tuple(Reason("f", None, one, "text") for one in (12.6, -4.9))
    >>> whole_account(ExplainedScore("L", 0, "scored", "v", score=57.9, base=50.2, reasons=told))
    (50, [13, -5])
    """
    if row.score is None or row.base is None:
        return 0, []
    values = [row.base, *(reason.points for reason in row.reasons)]
    total = math.fsum(values)
    limited = abs(total - row.score) > _LAST_BITS
    start, *reasons = largest_remainder(values, round(total) if limited else round(row.score))
    return start, reasons


def whole_move(before: float, now: float) -> int:
    """By how much a score has moved, as it is shown: the difference of the two whole scores.

    >>> whole_move(42.4, 45.6), whole_move(42.6, 45.4)
    (4, 2)
    """
    return round(now) - round(before)


def whole_parts(values: Sequence[float], move: int) -> tuple[list[int], int]:
    """Whole points of what moved a score, and what a limit of the scale cuts off: together they are the move as shown.

    >>> whole_parts([2.3, 1.4, -0.2], 4)
    ([2, 2, 0], 0)
    >>> whole_parts([7.6, 4.8], 5)
    ([7, 5], -7)
    """
    total = math.fsum(values)
    limited = abs(move - total) >= 1  # two roundings are less than a point
    whole = largest_remainder(values, round(total) if limited else move)
    return whole, move - sum(whole)


def largest_remainder(values: Sequence[float], total: int) -> list[int]:
    """Whole numbers near the values that add up to `total`, which is less than 1 from their sum.

    >>> largest_remainder([50.3, 0.4, 0.4], 51)
    [50, 1, 0]
    >>> largest_remainder([50.2, 12.6, -4.7], 58)
    [50, 13, -5]
    """
    whole = [math.floor(value) for value in values]
    missing = total - sum(whole)
    by_remainder = sorted(range(len(values)), key=lambda place: whole[place] - values[place])
    for place in by_remainder[:missing]:
        whole[place] += 1
    return whole
