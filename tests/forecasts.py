"""A forecast as a file, for tests of what shows it."""

from datetime import date, timedelta

from data.events import isoformat
from data.forecast_report import (
    Ahead,
    Backtest,
    Bounds,
    Error,
    ForecastReport,
    Outlook,
    Portion,
    WeekAhead,
    WeekPast,
)

MONDAY = date(2026, 4, 27)
RULES = (Error(rule="last", error=5.5), Error(rule="mean4", error=4.25), Error(rule="mean12", error=6.0),
         Error(rule="year", error=None))  # fmt: skip


def backtest(origins: int = 26) -> Backtest:
    """A look back of a twin."""
    rows = [
        Ahead(ahead=ahead, weeks=origins * 8 if ahead is None else origins, held=0.81, error=3.75, observed=14.5,
              expected=15.25, rules=RULES)
        for ahead in (None, *range(1, 9))
    ]  # fmt: skip
    return Backtest(
        model="twin", trained="2025-10-06T00:00:00Z", origins=origins, first="2025-10-06", last="2026-04-20",
        rows=tuple(rows), sums=0.75, sources=0.7,
    )  # fmt: skip


def outlook(event: str = "converted", *, look_back: Backtest | None = None, source: str = "Trade Fair") -> Outlook:
    """Twenty-six weeks before and eight to come, by two sources and a seller."""
    weeks = tuple(
        WeekAhead(
            week=str(MONDAY + timedelta(weeks=h)), count=Bounds(mean=15.5 - h, low=10 - h, high=21 - h),
            stock=10.5 - h, arrivals=3.0, unforeseen=2.0,
        )
        for h in range(8)
    )  # fmt: skip
    portions = tuple(
        Portion(name=name, others=others, count=Bounds(mean=mean, low=int(mean) - 5, high=int(mean) + 6),
                stock=mean / 2, arrivals=mean / 4, unforeseen=mean / 4)
        for name, others, mean in ((source, False, 60.0), (None, True, 20.0), (None, False, 16.0))
    )  # fmt: skip
    return Outlook.model_validate(
        {
            "event": event,
            "past": tuple(WeekPast(week=str(MONDAY - timedelta(weeks=26 - n)), count=10 + n % 7) for n in range(26)),
            "so_far": 3, "weeks": weeks, "total": Bounds(mean=96.2, low=78, high=115), "sources": portions,
            "sellers": (portions[0].model_copy(update={"name": "Anne"}), portions[2]), "season": True,
            "backtest": look_back,
        }
    )  # fmt: skip


def report(*outlooks: Outlook, now: int = 1_777_500_000_000_000) -> ForecastReport:
    """A forecast of sales and of readiness, unless others are given."""
    return ForecastReport(
        as_of=isoformat(now), origin=f"{MONDAY}T00:00:00Z", ahead=8, open=2_345, newcomers=41.6,
        version="2026-04-30-0123456789", source="source", seller="owner",
        outlooks=outlooks or (outlook(look_back=backtest()), outlook("ready")),
    )  # fmt: skip
