"""The weeks before and the weeks to come as a picture: what came, what is expected, and the range around it. SVG."""

from functools import lru_cache
from typing import Any

from data.events import parse_instant
from data.forecast_report import Event, ForecastReport, Outlook
from serving.charts import GRID, Size, drawn
from serving.translations import Words

_CAME, _EXPECTED = "#571d46", "#8a5a00"
_NARROW_PAST = 13
"""So many weeks before are drawn on a phone."""


def outlook_of(report: ForecastReport, event: Event) -> Outlook | None:
    """What is told of one kind of outcome; None where nothing is."""
    return next((one for one in report.outlooks if one.event == event), None)


@lru_cache(maxsize=16)
def drawing(event: Event, report: ForecastReport, words: Words, size: Size = "wide") -> str:
    """A fan: a line of the weeks before, and the expected weeks with their range; made by Vega on the server."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    found = outlook_of(report, event)
    if found is None:
        raise ValueError(f"the report tells nothing of {event}")
    past = found.past[-_NARROW_PAST:] if size == "narrow" else found.past
    came, expected = words("came"), words("expected, with its range")
    before: list[dict[str, Any]] = [{"at": _at(one.week), "count": one.count, "kind": came} for one in past]
    ahead: list[dict[str, Any]] = [
        {"at": _at(one.week), "count": one.count.mean, "low": one.count.low, "high": one.count.high, "kind": expected}
        for one in found.weeks
    ]
    most = max([1.0, *(row["count"] for row in before), *(row["high"] for row in ahead)])
    ticks = [row["at"] for row in before + ahead][:: 6 if size == "narrow" else 4]
    names = [f"{place}" for place in ticks]
    labels = " : ".join(
        f"datum.value == {place} ? '{words.day_and_month(int(place) * 1_000)}'" for place in names
    )  # the dates of the page's language, which Vega does not speak
    x = alt.X(
        "at:Q", title=words("week from Monday"), scale=alt.Scale(nice=False, zero=False, padding=8),
        axis=alt.Axis(grid=False, values=ticks, labelExpr=f"{labels} : ''"),
    )  # fmt: skip
    y = alt.Y(
        "count:Q", title=words("a week"), scale=alt.Scale(domain=[0, most], nice=True),
        axis=alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=5, tickMinStep=1),
    )  # fmt: skip
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=[came, expected], range=[_CAME, _EXPECTED]),
        legend=alt.Legend(title=None, orient="top", labelFontSize=13, symbolType="stroke", labelLimit=250),
    )  # fmt: skip
    ranged = alt.Chart(alt.InlineData(values=ahead))
    layers = alt.layer(
        ranged.mark_area(opacity=0.22, color=_EXPECTED).encode(
            x=x, y=alt.Y("low:Q", title=words("a week")), y2="high:Q"
        ),
        alt.Chart(alt.InlineData(values=before)).mark_line(point=True, strokeWidth=2).encode(x=x, y=y, color=colour),
        ranged.mark_line(point=True, strokeWidth=2, strokeDash=[6, 3]).encode(x=x, y=y, color=colour),
    )
    width, height = (290, 220) if size == "narrow" else (820, 280)
    return drawn(layers, width, height)


def _at(week: str) -> int:
    """Milliseconds UTC of a week's Monday."""
    return parse_instant(f"{week}T00:00:00Z") // 1_000
