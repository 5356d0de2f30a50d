"""Forecasts from week to week, each made of what was known when its first week began, and nothing else.

Every one of them learns from those before it: where there is a year of them, the season (how much more came a year ago
than was forecast then for the same week of the year, from as far away), and how wide its intervals have to be. For
these only forecasts count that were made after the training of their model: of earlier weeks it has learned what came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from data.log import Floats
from monitoring.forecast_counts import Counts
from monitoring.forecast_means import Means, Sums, fading, means
from monitoring.forecast_spread import UNSEEN, USUAL, doubt, spread

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


def roll(
    event: int, said: Sums, known: Mapping[int, Counts], *, trained: int = 0,
    others: Mapping[int, Forecast] = MappingProxyType({}),
) -> dict[int, Forecast]:  # fmt: skip
    """By its first week, the forecast at every one of the weeks of which it is given what was known when it began.

    event   : 0 sales, 1 readiness
    trained : place of the first week that began after the training of the model
    others  : forecasts of a model that was trained earlier, to learn from how wrong they were, by their first week
    """
    plain = {origin: means(event, said, known[origin], origin) for origin in sorted(known) if origin >= FIRST}
    found: dict[int, Forecast] = {}
    for origin, expected in plain.items():
        total, complete = known[origin].total[event], known[origin].complete[:, event]
        season = _season(plain, total, complete, origin)
        raised = expected.times(season)
        judged = {one: made for one, made in others.items() if one < origin}
        judged |= {one: made for one, made in found.items() if one >= trained}
        found[origin] = Forecast(origin, raised, season, *_spreads(judged, total, complete, origin, season))
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
    """The spread of each week ahead and of their sum, from forecasts made before whose weeks are over.

    Where there is a season, those that were made without one say only what is usual.
    """
    before = USUAL if _seasoned(season) else UNSEEN
    ahead, count = len(season), len(found)
    came = total / np.maximum(complete, _TINY)
    first = np.array(list(found), dtype=np.int64)
    mean = np.array([one.means.total for one in found.values()]).reshape(count, ahead)
    like = np.array([_seasoned(one.season) >= _seasoned(season) for one in found.values()], dtype=np.float64)
    week = first[:, None] + np.arange(ahead)
    seen = came[np.minimum(week, len(came) - 1)]
    weight = fading(origin - first, FORGOTTEN) / ahead  # the weeks of one forecast are wrong together
    over = weight[:, None] * (week < origin)
    usual = spread(mean.ravel(), seen.ravel(), over.ravel(), before)
    each = [spread(mean[:, h], seen[:, h], over[:, h] * like, usual, worth=1.0) for h in range(ahead)]
    past = first + ahead <= origin
    sums = mean[past].sum(axis=1), seen[past].sum(axis=1), weight[past]
    whole = spread(sums[0], sums[1], sums[2] * like[past], spread(*sums, before), worth=1.0)
    wider = doubt(float(over.sum()))
    return np.array(each) * wider, whole * wider


def _seasoned(season: Floats) -> bool:
    return bool((season != 1.0).any())
