"""What there is to say of the weeks to come (`data.reports`); whoever measures it is `monitoring.forecast`."""

from typing import ClassVar, Literal

from data.reports import Part, Report

Event = Literal["converted", "ready"]
Model = Literal["champion", "twin"]
Rule = Literal["last", "mean4", "mean12", "year"]
COVERED = 0.8
"""The share of weeks that an interval is meant to hold."""
FEW_ORIGINS = 8
"""Origins below which what a backtest says is too little to go by."""


class Bounds(Part):
    """What is to be expected of a count, and whole numbers that hold it four times in five."""

    mean: float
    low: int
    high: int


class WeekAhead(Part):
    """A week to come, by its Monday (``2026-04-27``); the three parts add up to the mean.

    stock      : of leads that are open now
    arrivals   : of leads yet to come
    unforeseen : of leads older than the model follows anybody, or taken for lost
    """

    week: str
    count: Bounds
    stock: float
    arrivals: float
    unforeseen: float


class WeekPast(Part):
    """A week that is over: how many there were, as known now."""

    week: str
    count: int


class Portion(Part):
    """The part of one source, or of one seller's leads, in all weeks to come together; they add up to the whole.

    name   : null for leads of whom it is not known; of sellers, also for those who are nobody's yet
    others : whether it stands for all that are not told apart
    """

    name: str | None
    others: bool = False
    count: Bounds
    stock: float
    arrivals: float
    unforeseen: float


class Error(Part):
    """How far a simple rule was off, on average; null where it had not enough weeks before."""

    rule: Rule
    error: float | None


class Ahead(Part):
    """How good forecasts of weeks so many ahead were: 1 is the week that begins at the moment of the forecast.

    ahead    : null for all of them
    weeks    : that were forecast, and are over
    held     : the share of them that the interval held
    error    : how many a week forecasts were off, on average
    observed, expected : outcomes a week
    """

    ahead: int | None
    weeks: int
    held: float
    error: float
    observed: float
    expected: float
    rules: tuple[Error, ...] = ()


class Backtest(Part):
    """The same forecast made at moments of the past, each with what was known then, and what came.

    model   : whose curves: the champion's own from after its training, else those of a twin trained so early
    trained : what it learned from was known before this moment, ISO 8601
    origins : moments at which a forecast was made, a week apart
    first, last : the first and the last of them, by their Mondays
    rows    : by weeks ahead; the first of all together
    sums    : the share of sums over all weeks ahead that their interval held; null where none is over
    sources : the same of sources' sums, all sources together; null where there are none to tell apart
    """

    model: Model
    trained: str
    origins: int
    first: str
    last: str
    rows: tuple[Ahead, ...]
    sums: float | None
    sources: float | None = None

    @property
    def whole(self) -> Ahead:
        """All weeks ahead together."""
        return self.rows[0]


class Outlook(Part):
    """One kind of outcome: sales, or leads that become ready for the first time.

    past   : whole weeks, the newest last
    so_far : in the week that runs, as known now; it is the first of those to come
    total  : of all weeks to come together
    season : whether weeks are raised and lowered like those of a year ago
    """

    event: Event
    past: tuple[WeekPast, ...]
    so_far: int
    weeks: tuple[WeekAhead, ...]
    total: Bounds
    sources: tuple[Portion, ...] = ()
    sellers: tuple[Portion, ...] = ()
    season: bool = False
    backtest: Backtest | None = None


class ForecastReport(Report):
    """The weeks to come, as known at the start of the week that ran at a moment.

    origin   : that Monday, ISO 8601: the stock is that of then
    ahead    : weeks that are forecast
    open     : leads that were open then, and are followed by the model
    newcomers: leads a week that are taken to come
    version  : of the model whose curves these are
    outlooks : sales first, then readiness where the playbook names an event for it
    """

    FILE: ClassVar[str] = "forecast.json"
    COMMAND: ClassVar[str] = "veraison report forecast"

    origin: str
    ahead: int
    open: int
    newcomers: float
    version: str
    source: str
    seller: str
    outlooks: tuple[Outlook, ...]
