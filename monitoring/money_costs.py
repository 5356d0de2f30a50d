"""What was spent on each source in each month, as known at a moment: a cost belongs to its days, evenly.

Of the days that have begun by then. What is imported about days to come changes nothing; a correction of a past month
changes what is said of it, as the invoice it stands for would.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from data.costs import Cost
from data.events import instant


def spent(costs: Iterable[Cost], at: int) -> dict[tuple[str, int], float]:
    """By folded source and month since 1970.

    at : microseconds UTC

    >>> march = Cost("Fair", date(2026, 3, 1), date(2026, 3, 31), 3_100_000_000)
    >>> spent([march], 1_772_323_200_000_000 + 10 * 86_400_000_000)  # at the end of 10 March
    {('fair', 674): 1000.0}
    """
    found: dict[tuple[str, int], float] = {}
    today = instant(at - 1).date()  # a day counts as soon as it has begun
    for one in costs:
        days = (one.last - one.first).days + 1
        last = min(one.last, today)
        start = one.first
        while start <= last:
            end = min(last, _end_of_month(start))
            key = one.key[0], (start.year - 1970) * 12 + start.month - 1
            found[key] = found.get(key, 0.0) + one.cost / 1e6 * ((end - start).days + 1) / days
            start = end + timedelta(days=1)
    return found


def begun(costs: Iterable[Cost], at: int) -> list[Cost]:
    """Those of which a day has begun before a moment, microseconds UTC."""
    return [one for one in costs if one.first <= instant(at - 1).date()]


def _end_of_month(day: date) -> date:
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return following - timedelta(days=1)
