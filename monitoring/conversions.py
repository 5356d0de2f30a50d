"""Weeks of conversions beside what was expected of them, as series: what is in alarm, since when, and by how much."""

import math
from dataclasses import dataclass
from typing import Any

from scipy.stats import gamma

from data.events import isoformat
from data.log import Floats, Ints
from monitoring.weeks import EVENTS

ALL = "all"
OPTIMISM = 6.0
"""An alarm picks the weeks in which chance helped. Of priors of 4 to 15 outcomes this has the least error of factors'
logarithms at their alarms, of factors of .35 to .65 and 6 to 60 expected outcomes a week."""
_TINY = 1e-9


@dataclass(frozen=True)
class Series:
    """(t,) one series: all leads, or the young leads of a source, and one kind of outcome.

    A source's sums and limits are those of both kinds of outcome together.

    name             : `ALL` or the source
    event            : ``converted`` or ``ready``
    expected         : by the champion, corrected by level, season and what can be known yet
    promised         : the same without the level: what its chances say
    low, high        : 95 % interval of the count in control
    down, up         : sums of evidence for fewer, for more; an alarm where they pass their limits
    *_began          : the week in which what they show began, as far as can be estimated
    """

    name: str
    event: str
    expected: Floats
    observed: Floats
    promised: Floats
    low: Floats
    high: Floats
    down: Floats
    up: Floats
    down_began: Ints
    up_began: Ints
    down_limit: Floats
    up_limit: Floats

    @property
    def direction(self) -> str | None:
        """Whether there are ``fewer`` or ``more`` than expected, in the newest week; None where there is no alarm."""
        if not len(self.down):
            return None
        if self.down[-1] > self.down_limit[-1]:
            return "fewer"
        return "more" if self.up[-1] > self.up_limit[-1] else None

    def ratio(self, since: int) -> tuple[float, float, float]:
        """How many times as many came since a week as the champion's chances say, and its 95 % interval.

        A gamma-Poisson rate, held back towards 1 by `OPTIMISM` outcomes.
        """
        shape, rate = OPTIMISM + self.observed[since:].sum(), OPTIMISM + self.promised[since:].sum()
        low, high = gamma.ppf((0.025, 0.975), shape) / rate
        return float(shape / rate), float(low), float(high)

    @property
    def excess(self) -> float:
        """How many times its limit the higher of the two sums is."""
        return float(max(self.down[-1] / self.down_limit[-1], self.up[-1] / self.up_limit[-1]))

    @property
    def off(self) -> float:
        """How far what was observed since then lies from what was expected, in standard deviations of a Poisson."""
        expected = float(self.expected[self.since :].sum())
        missed = float(self.observed[self.since :].sum()) - expected
        return abs(missed) / math.sqrt(max(expected, _TINY))

    @property
    def since(self) -> int:
        """The week in which what it sees began, as far as can be estimated."""
        return int((self.up_began if self.direction == "more" else self.down_began)[-1])


@dataclass(frozen=True)
class Conversions:
    """What was found in the weeks since the snapshot.

    starts : (t,) microseconds UTC
    series : all leads first, then sources, conversions before acceptances
    """

    starts: Ints
    series: list[Series]

    @property
    def alarms(self) -> list[Series]:
        """The series in alarm, of each name the one that is furthest beyond its limit, or furthest off."""
        alarmed = [one for one in self.series if one.direction]
        mostly = sorted(alarmed, key=lambda one: (one.excess, one.off))
        furthest = {one.name: one for one in mostly}
        return [furthest[name] for name in dict.fromkeys(one.name for one in alarmed)]

    def broken(self, alarm: Series) -> bool:
        """Whether the promise of what is in alarm is broken, and not only the habit of the year before the snapshot."""
        together = [one for one in self.series if one.name == alarm.name and one.direction]
        ranges = [one.ratio(alarm.since) for one in together]
        return any(not low <= 1.0 <= high for _, low, high in ranges)

    def onset(self, series: Series) -> int:
        """When what a series sees began, as far as can be estimated, microseconds UTC."""
        return int(self.starts[series.since])

    def to_dict(self) -> dict[str, Any]:
        """The section ``conversions`` of the verdict: all leads by the week; acceptances beside them."""
        told: dict[str, Any] = {}
        for event in EVENTS:
            mine = [one for one in self.series if one.event == event]
            if mine:
                sources = [{"source": one.name, **_now(one)} for one in mine[1:]]
                told[event] = {"weeks": self._weeks(mine[0]), **_now(mine[0]), "sources": sources}
        return {**told.get("converted", {"weeks": []}), "ready": told.get("ready")}

    def _weeks(self, one: Series) -> list[dict[str, Any]]:
        return [
            {
                "week": isoformat(int(start))[:10],
                "expected": round(float(one.expected[week]), 2),
                "observed": int(one.observed[week]),
                "low": int(one.low[week]),
                "high": int(one.high[week]),
            }
            for week, start in enumerate(self.starts)
        ]


def _now(one: Series) -> dict[str, Any]:
    """The newest state of a series: its sums, and what was seen in the weeks since the higher one began to rise."""
    since = one.since if one.direction else max(len(one.down) - 4, 0)
    return {
        "expected": round(float(one.expected[since:].sum()), 2),
        "observed": int(one.observed[since:].sum()),
        "weeks_summed": len(one.down) - since,
        "up": round(float(one.up[-1]), 3),
        "down": round(float(one.down[-1]), 3),
        "threshold_up": round(float(one.up_limit[-1]), 3),
        "threshold_down": round(float(one.down_limit[-1]), 3),
        "alarm": one.direction,
    }
