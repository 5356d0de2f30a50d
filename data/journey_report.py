"""What there is to say of the journey of all leads (`data.reports`); whoever measures it is `monitoring.journey`."""

from typing import ClassVar, Literal

from pydantic import Field

from data.reports import Part, Report

ENOUGH = 20
"""Stays below which nothing is told of a share, a median or a trend."""
Way = Literal["next", "back", "lost", "opted_out", "still"]


class Share(Part):
    """A share with its 95 % bounds, each in [0; 1]."""

    share: float
    low: float
    high: float


class Passage(Part):
    """Whether leads go on from a stage within the days of the report.

    seen, passed : stays that began so long ago that all of them could be seen for so many days, and those that went on
    observed     : of these the share; null where there are too few
    on, back, gone : the chance to go on, to be given back, to be lost or opt out, with those that are still there
                     counted right (Aalen-Johansen); null where nobody was there for so long
    months       : the first of the three by the month in which the lead was created
    """

    seen: int
    passed: int
    observed: Share | None
    on: Share | None
    back: Share | None
    gone: Share | None
    months: tuple["MonthOfPassage", ...] = ()


class MonthOfPassage(Part):
    """The chance to go on of the leads created in a month (``2026-03``); null where that is not known yet."""

    month: str
    stays: int
    on: Share | None


class Time(Part):
    """Days in a stage until it is left in any way, by Kaplan-Meier; null where so many have not left.

    still     : stays that have not ended
    low, high : 95 % bounds of the median
    curve     : (days, share that is still there), for a picture
    """

    stays: int
    still: int
    lower: float | None
    median: float | None
    upper: float | None
    low: float | None
    high: float | None
    curve: tuple[tuple[float, float], ...] = ()


class Pace(Part):
    """Time in stage of the stays that began in a period (``2026-03`` or ``2026-Q1``)."""

    period: str
    stays: int
    median: float | None
    low: float | None
    high: float | None


class Velocity(Part):
    """Whether leads pass a stage faster or slower than they did.

    direction : "steady" where what is seen may well be chance, "unknown" where there is too little to tell
    p         : chance of such a trend where there is none (log-rank test for a trend), null where unknown
    """

    direction: Literal["faster", "slower", "steady", "unknown"]
    p: float | None
    periods: tuple[Pace, ...] = ()


class Missing(Part):
    """A trait that a stage requires, and how many of the leads in it lack it."""

    trait: str
    leads: int


class Stage(Part):
    """One stage. ``now``: leads in it; the other counts are of stays."""

    name: str
    now: int
    stays: int
    next: int
    back: int
    lost: int
    opted_out: int
    passage: Passage | None = None
    time: Time
    velocity: Velocity
    missing: tuple[Missing, ...] = ()
    lacking: int = 0
    """Leads in it of which any required trait is not known."""


class Flow(Part):
    """Stays of a stage (null: from outside) that went to a stage (null: to none) in one way."""

    origin: str | None
    target: str | None
    way: Way
    stays: int


class Volume(Part):
    """Leads a month, in the order of the report's months; null is the source of those of whom none is known."""

    name: str | None
    leads: tuple[int, ...]


class Reached(Part):
    """Of the leads created in a month the share that came to a stage within some days; null while it is too early."""

    stage: str
    days: int
    share: float | None


class Cohort(Part):
    """The leads created in a month."""

    month: str
    leads: int
    reached: tuple[Reached, ...]


class Leak(Part):
    """Where leads are lost that could have gone on.

    kind      : "source": of this source fewer go on than of the others, beyond chance; "stage": no source stands
                out, and here most leads were lost or opted out
    stays     : that could be seen for the days of the report (of kind "stage": that ended, or could be)
    passed    : of them, how many went on
    others    : share of the other sources' that did; null where no source stands out
    leads     : that would have gone on as of the other sources; of kind "stage": that were lost or opted out
    customers : so many of them would have become customers, null where that is not known
    value     : what these would have been worth on average, in the money of the events; null where no amounts are known
    """

    kind: Literal["source", "stage"]
    stage: str
    target: str
    source: str | None
    stays: int
    passed: int
    others: float | None
    leads: float
    customers: float | None = None
    value: float | None = None


class JourneyReport(Report):
    """The journey of all leads as known at a moment.

    days     : within which a lead is said to go on
    since    : the first event of all, ISO 8601; null where there are none
    leads    : that were in any stage
    months   : of `arrivals` and `entries`, the newest at most
    arrivals : by source, leads by the month of their first stay
    entries  : by stage, stays by the month in which they began
    leaks    : the largest first
    notes    : what the playbook names and nobody sent
    """

    FILE: ClassVar[str] = "journey.json"
    COMMAND: ClassVar[str] = "veraison report journey"

    days: int
    since: str | None
    leads: int
    stages: tuple[Stage, ...]
    flows: tuple[Flow, ...] = ()
    months: tuple[str, ...] = ()
    arrivals: tuple[Volume, ...] = ()
    entries: tuple[Volume, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    leaks: tuple[Leak, ...] = ()
    notes: tuple[str, ...] = Field(default=())

    @property
    def enough(self) -> bool:
        """Whether there is anything to tell beyond counts."""
        return any(one.stays >= ENOUGH for one in self.stages[1:])
