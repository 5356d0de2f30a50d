"""What each stage does to the leads in it: who goes on, how long it takes, and whether that changes."""

from dataclasses import dataclass

import numpy as np

from data.bands import wilson
from data.events import MICROS_PER_DAY, micros
from data.journey_report import ENOUGH, MonthOfPassage, Pace, Passage, Share, Time, Velocity
from data.log import NEVER, Floats, Ints
from data.stays import Bools, Exit, Stays
from monitoring.journey_groups import month_name, months, quarter_name
from monitoring.journey_survival import Incidence, incidence, kaplan_meier, trend, two_sided
from veraison.playbook import Journey

NEWEST = 24
"""So many months are told, the newest."""
POINTS = 60
"""A curve is drawn with at most so many points."""
LEVEL = 0.05
"""Chance that a trend, or a leak, is told where there is none, all stages together."""
_SEASONS = 12
"""A history of more months than this is told by quarter."""
_ON, _BACK, _GONE = 1, 2, 3


@dataclass(frozen=True)
class Watched:
    """(n,) stays whose end could be recorded, from when on they could, and of which cohort their lead is.

    delay : (n,) days after which a stay was first looked at; at most 0 where from its beginning on
    month : (n,) months since 1970; of what began before its lead was created, the month in which it began
    """

    stays: Stays
    delay: Floats
    month: Ints

    def __getitem__(self, rows: Bools | Ints) -> "Watched":
        return Watched(self.stays[rows], self.delay[rows], self.month[rows])

    def __len__(self) -> int:
        return len(self.stays)


def watched(found: Stays, journey: Journey, created: Ints) -> Watched:
    """The stays that figures are made of: what ended before outcomes were recorded says nothing.

    created : (leads,) microseconds UTC, `NEVER` where a lead was not
    """
    since = found.entered.min(initial=NEVER) if journey.observed_from is None else micros(journey.observed_from)
    delay = (since - found.entered) / MICROS_PER_DAY
    month = months(np.minimum(created[found.lead], found.entered))  # before it, who will be created is not known
    return Watched(found, delay, month)[(delay <= 0) | (found.days > delay)]


def passage(seen: Watched, days: int) -> Passage:
    """Whether the stays of one stage go on within some days."""
    mature, passed = ripe(seen, days)
    how = _ways(seen.stays)
    on, back, gone = (_share(_chance(seen, how, way, days)) for way in (_ON, _BACK, _GONE))
    enough = len(seen) >= ENOUGH
    by_month = []
    for month in sorted(set(seen.month.tolist()))[-NEWEST:]:
        part = seen[seen.month == month]
        share = _share(_chance(part, how[seen.month == month], _ON, days)) if len(part) >= ENOUGH else None
        by_month.append(MonthOfPassage(month=month_name(month), stays=len(part), on=share))
    return Passage(
        seen=int(mature.sum()),
        passed=int(passed.sum()),
        observed=bounded(int(passed.sum()), int(mature.sum())),
        on=on if enough else None,
        back=back if enough else None,
        gone=gone if enough else None,
        months=tuple(by_month),
    )


def _chance(seen: Watched, how: Ints, way: int, days: int) -> Incidence | None:
    could = (seen.stays.at - int(seen.stays.entered.min(initial=seen.stays.at))) / MICROS_PER_DAY
    return incidence(seen.stays.days, how, way, days, seen.delay, could)


def ripe(seen: Watched, days: int) -> tuple[Bools, Bools]:
    """(n,) which stays could be seen for so many days from their beginning on, and which of these went on in them."""
    found = seen.stays
    mature = (found.entered + days * MICROS_PER_DAY <= found.at) & (seen.delay <= 0)
    return mature, mature & (found.exit == Exit.next) & (found.days <= days)


def bounded(passed: int, seen: int) -> Share | None:
    """A share with its bounds; None where there are too few."""
    if seen < ENOUGH:
        return None
    low, high = wilson(passed, seen)
    return Share(share=passed / seen, low=low, high=high)


def time(seen: Watched) -> Time:
    """How long the stays of one stage last, until they are left in any way."""
    found = seen.stays
    curve = kaplan_meier(found.days, found.exit != Exit.still, seen.delay)
    enough = len(seen) >= ENOUGH
    low, high = curve.median_interval
    places = np.unique(np.linspace(0, len(curve.days) - 1, min(POINTS, len(curve.days))).astype(np.int64))
    drawn = [(0.0, 1.0), *zip(curve.days[places].tolist(), curve.share[places].tolist(), strict=True)]
    end = float(found.days.max(initial=0.0))
    return Time(
        stays=len(seen),
        still=int((found.exit == Exit.still).sum()),
        lower=_days(curve.quantile(0.25) if enough else None),
        median=_days(curve.quantile(0.5) if enough else None),
        upper=_days(curve.quantile(0.75) if enough else None),
        low=_days(low if enough else None),
        high=_days(high if enough else None),
        curve=tuple((round(day, 3), round(share, 5)) for day, share in [*drawn, (end, drawn[-1][1])]) if enough else (),
    )


def velocity(seen: Watched, tests: int) -> Velocity:
    """Whether the stays of one stage last as long as they did, by the period in which they began.

    tests : so many stages share the level
    """
    month = months(seen.stays.entered)
    if not len(month):
        return Velocity(direction="unknown", p=None)
    quarters = int(month.max() - month.min()) >= _SEASONS
    period, name = (month // 3, quarter_name) if quarters else (month, month_name)
    ended = seen.stays.exit != Exit.still
    told: list[tuple[int, Pace]] = []
    for one in sorted(set(period.tolist())):
        rows = period == one
        if rows.sum() < ENOUGH or not ended[rows].any():
            continue
        curve = kaplan_meier(seen.stays.days[rows], ended[rows], seen.delay[rows])
        median, (low, high) = _days(curve.quantile(0.5)), map(_days, curve.median_interval)
        told.append((one, Pace(period=name(one), stays=int(rows.sum()), median=median, low=low, high=high)))
    told = told[-NEWEST:]
    among = np.isin(period, [one for one, _ in told])
    periods = tuple(one for _, one in told)
    if len(periods) < 2 or ended[among].sum() < ENOUGH:
        return Velocity(direction="unknown", p=None, periods=periods)
    part = seen[among]
    z = trend(part.stays.days, ended[among], period[among], part.delay)
    p = two_sided(z)
    if p >= LEVEL / tests:
        return Velocity(direction="steady", p=p, periods=periods)
    return Velocity(direction="faster" if z > 0 else "slower", p=p, periods=periods)


def _ways(found: Stays) -> Ints:
    """(n,) in which of the ways that `passage` tells apart each stay ended."""
    table = np.zeros(len(Exit), dtype=np.int64)
    table[[Exit.next, Exit.back, Exit.lost, Exit.opted_out]] = _ON, _BACK, _GONE, _GONE
    ways: Ints = table[found.exit]
    return ways


def _share(found: Incidence | None) -> Share | None:
    return None if found is None else Share(share=found.share, low=found.low, high=found.high)


def _days(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
