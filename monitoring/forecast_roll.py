"""Forecasts from week to week, each made of what was known when its first week began, and nothing else.

Every one of them learns from those before it: how wide its intervals have to be, and where there is a year of them,
the season: how much more came a year ago than was forecast then for the same week of the year, from as far away.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.log import Floats
from monitoring.forecast_counts import Counts
from monitoring.forecast_means import Means, Sums, fading, means
from monitoring.forecast_spread import spread

FIRST = 4
"""Weeks that have to be over before anything is forecast."""
YEAR = 52
_TINY = 1e-9
FORGOTTEN = 26.0
"""Weeks after which a forecast counts half in how wide the next have to be."""
SEASON_PRIOR = 8.0
"""Outcomes that a season is held back by: they may differ by a third."""


@dataclass(frozen=True)
class Forecast:
    """A forecast of the weeks from one on.

    origin  : place of the first of them
    means   : what is to be expected
    season  : (h,) what it was raised by like a year ago; 1 where there is no year
    spreads : (h,) of each week, and `whole` of their sum
    """

    origin: int
    means: Means
    season: Floats
    spreads: Floats
    whole: float


def roll(event: int, said: Sums, known: Mapping[int, Counts]) -> dict[int, Forecast]:
    """By its first week, the forecast at every one of the weeks of which it is given what was known when it began.

    event : 0 sales, 1 readiness
    """
    plain = {origin: means(event, said, known[origin], origin) for origin in sorted(known) if origin >= FIRST}
    found: dict[int, Forecast] = {}
    for origin, expected in plain.items():
        total, complete = known[origin].total[event], known[origin].complete[:, event]
        season = _season(plain, total, complete, origin)
        raised = expected.times(season)
        found[origin] = Forecast(origin, raised, season, *_spreads(found, total, complete, origin, season))
    return found


def _season(plain: Mapping[int, Means], total: Floats, complete: Floats, origin: int) -> Floats:
    """(h,) how many times as many came a year ago as was forecast then, from as far away; weeks around count in."""
    ahead = len(next(iter(plain.values())).stock)
    seen, due = np.zeros(ahead + 2), np.zeros(ahead + 2)
    before = origin - YEAR
    for moved in (-1, 0, 1):
        if (then := plain.get(before + moved)) is None:
            continue
        # the forecast made a week earlier reaches the same calendar week one step later
        for h in range(ahead):
            week, place = before + moved + h, h + moved + 1
            if 0 <= place < ahead + 2 and week < origin:
                seen[place] += total[week] / max(complete[week], _TINY)
                due[place] += then.total[h]
    around = np.array([1.0, 1.0, 1.0])
    seen, due = np.convolve(seen, around, "valid") / 3, np.convolve(due, around, "valid") / 3
    found: Floats = (SEASON_PRIOR + seen) / (SEASON_PRIOR + due)
    return found


def _spreads(
    found: Mapping[int, Forecast], total: Floats, complete: Floats, origin: int, season: Floats
) -> tuple[Floats, float]:  # fmt: skip
    """The spread of each week ahead and of their sum, from the forecasts whose weeks are over.

    Where there is a season, those that were made without one say only what is usual.
    """
    ahead, count = len(season), len(found)
    came = total / np.maximum(complete, _TINY)
    first = np.array(list(found), dtype=np.int64)
    mean = np.array([one.means.total for one in found.values()]).reshape(count, ahead)
    like = np.array([_seasoned(one.season) >= _seasoned(season) for one in found.values()], dtype=np.float64)
    week = first[:, None] + np.arange(ahead)
    seen = came[np.minimum(week, len(came) - 1)]
    weight = fading(origin - first, FORGOTTEN) / ahead  # the weeks of one forecast are wrong together
    over = weight[:, None] * (week < origin)
    usual = spread(mean.ravel(), seen.ravel(), over.ravel())
    each = [spread(mean[:, h], seen[:, h], over[:, h] * like, usual) for h in range(ahead)]
    past = first + ahead <= origin
    sums = mean[past].sum(axis=1), seen[past].sum(axis=1), weight[past]
    return np.array(each), spread(sums[0], sums[1], sums[2] * like[past], spread(*sums))


def _seasoned(season: Floats) -> bool:
    return bool((season != 1.0).any())
