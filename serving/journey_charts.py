"""The journey as pictures: what flows from stage to stage, and how long leads stay in each. SVG, no script."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np

from data.journey_report import Flow, JourneyReport
from serving.charts import FAINT, GRID, INK, Size, drawn
from serving.journey_words import stage_name
from serving.translations import Words

Chart = Literal["flow", "time"]
CHARTS: tuple[Chart, ...] = ("flow", "time")
_ON, _STILL, _BACK, _GONE = "#571d46", "#b9aeb5", "#8a5a00", "#a2411f"
_LINES = ("#571d46", "#8a5a00", "#2c6b4a", "#1f4e79", "#a2411f", "#5c5560")
_DASHES = ([1, 0], [8, 3], [2, 2], [10, 3, 2, 3], [5, 5], [1, 3])
_BAR, _STEPS = 0.1, 24
_LONGEST = 2
"""Time in a stage is drawn up to so many times the days of the report."""


def there(report: JourneyReport) -> list[Chart]:
    """The charts there is something to draw in."""
    return [name for name in CHARTS if (report.leads if name == "flow" else any(_curves(report)))]


@lru_cache(maxsize=16)
def drawing(name: Chart, report: JourneyReport, words: Words, size: Size = "wide") -> str:
    """A chart as SVG made by Vega on the server; size: wide, or narrow for a phone."""
    return _flow(report, words, size) if name == "flow" else _time(report, words, size)


def _flow(report: JourneyReport, words: Words, size: Size) -> str:
    """A column a stage, parted by what became of those who came, with ribbons to the stages that they went on to."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    kinds = {
        "next": words("went on"), "still": words("still there"),
        "back": words("given back"), "gone": words("lost or opted out"),
    }  # fmt: skip
    names = [one.name for one in report.stages]
    parts = [
        {"x": place - _BAR, "x2": place + _BAR, "y": low, "y2": high, "kind": kinds[kind]}
        for place, name in enumerate(names)
        for kind, low, high, _ in _parts(report, name)
    ]
    titles = [
        {"x": place, "name": stage_name(one.name, words), "count": words.number(one.stays)}
        for place, one in enumerate(report.stages)
    ]
    x = alt.Scale(domain=[-0.5, len(names) - 0.5], nice=False)
    y = alt.Scale(domain=[0, max(1, *(one.stays for one in report.stages))], reverse=True, nice=False)
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=list(kinds.values()), range=[_ON, _STILL, _BACK, _GONE]),
        legend=alt.Legend(title=None, orient="bottom", columns=2 if size == "narrow" else 4, labelFontSize=13),
    )  # fmt: skip
    # scales of text above the columns: one line for the name of a stage, one for how many came
    shown = alt.Chart(alt.InlineData(values=titles)).encode(x=alt.X("x:Q", scale=x, axis=None), y=alt.value(0))
    ribbons = alt.Chart(alt.InlineData(values=list(_ribbons(report, names))))
    bars = alt.Chart(alt.InlineData(values=parts))
    letters, limit = (12, 84) if size == "narrow" else (14, 150)
    layers = alt.layer(
        ribbons.mark_area(opacity=0.25, color=_ON).encode(
            x=alt.X("x:Q", scale=x, axis=None), y=alt.Y("y:Q", scale=y, axis=None), y2="y2:Q", detail="ribbon:N"
        ),
        bars.mark_rect().encode(
            x=alt.X("x:Q", scale=x, axis=None), x2="x2:Q",
            y=alt.Y("y:Q", scale=y, axis=None), y2="y2:Q", color=colour,
        ),
        shown.mark_text(dy=-26, fontSize=letters, fontWeight=600, color=INK, limit=limit).encode(text="name:N"),
        shown.mark_text(dy=-10, fontSize=letters - 1, color=FAINT).encode(text="count:N"),
    )  # fmt: skip
    width, height = (330, 260) if size == "narrow" else (900, 300)
    return drawn(layers, width, height)


def _parts(report: JourneyReport, stage: str) -> Iterator[tuple[str, float, float, str | None]]:
    """(kind, from, to, target) of what became of those in a stage, from the top of its column down."""
    order = {"next": 0, "still": 1, "back": 2, "lost": 3, "opted_out": 4}
    names = [one.name for one in report.stages]

    def rank(flow: Flow) -> tuple[int, int]:
        return order[flow.way], -names.index(flow.target) if flow.target in names else 0

    at = 0.0
    for one in sorted((flow for flow in report.flows if flow.origin == stage), key=rank):
        kind = "gone" if one.way in ("lost", "opted_out") else one.way
        yield kind, at, at + one.stays, one.target if one.way == "next" else None
        at += one.stays


def _ribbons(report: JourneyReport, names: list[str]) -> Iterator[dict[str, float | int]]:
    """Points of the ribbons: from the part of a column that went on to the top of the column that it went to."""
    filled = dict.fromkeys(names, 0.0)
    for place, name in reversed(list(enumerate(names))):  # what comes from the next stage lies highest
        for _, low, high, target in _parts(report, name):
            if target is None or target not in filled:
                continue
            top, end = filled[target], names.index(target)
            filled[target] += high - low
            for step in np.linspace(0, 1, _STEPS).tolist():
                bend = step * step * (3 - 2 * step)
                yield {
                    "ribbon": place * len(names) + end,
                    "x": place + _BAR + step * (end - place - 2 * _BAR),
                    "y": low + bend * (top - low),
                    "y2": high + bend * (top + high - low - high),
                }


def _curves(report: JourneyReport) -> Iterator[tuple[str, tuple[tuple[float, float], ...]]]:
    """Of each stage but the last, which nobody leaves, its name and curve."""
    for one in report.stages[:-1]:
        if one.time.curve:
            yield one.name, one.time.curve


def _time(report: JourneyReport, words: Words, size: Size) -> str:
    """A line a stage: of 100 leads that entered it, how many are still there after so many days."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    names = [stage_name(name, words) for name, _ in _curves(report)]
    longest = max((curve[-1][0] for _, curve in _curves(report)), default=1.0)
    most = max(1.0, min(_LONGEST * report.days, longest))
    rows = [
        {"name": stage_name(name, words), "days": day, "share": 100 * share}
        for name, curve in _curves(report)
        for day, share in curve
    ]
    styles = [n % len(_LINES) for n in range(len(names))]
    key = alt.Legend(
        title=None, orient="top", labelFontSize=13, columns=2 if size == "narrow" else 4, labelLimit=150,
        symbolType="stroke",
    )  # fmt: skip
    axis = alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=5)
    line = alt.Chart(alt.InlineData(values=rows)).mark_line(interpolate="step-after", strokeWidth=2, clip=True)
    chart = line.encode(
        x=alt.X(
            "days:Q", title=words("days in the stage"), scale=alt.Scale(domain=[0, most], nice=False),
            axis=alt.Axis(grid=False, tickCount=6),
        ),
        y=alt.Y("share:Q", title=words("of 100 leads, still there"), scale=alt.Scale(domain=[0, 100]), axis=axis),
        color=alt.Color(
            "name:N", scale=alt.Scale(domain=names, range=[_LINES[one] for one in styles]), legend=key
        ),
        strokeDash=alt.StrokeDash(
            "name:N", scale=alt.Scale(domain=names, range=[_DASHES[one] for one in styles]), legend=key
        ),
    )  # fmt: skip
    width, height = (290, 220) if size == "narrow" else (820, 280)
    return drawn(chart, width, height)
