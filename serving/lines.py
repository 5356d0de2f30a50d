"""Curves as pictures: what a lead scored day by day, and how its chance to be ready grows. SVG, no script."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from data.events import instant
from data.log import Floats
from serving.charts import FAINT, FONT, GRID, INK, Size
from serving.translations import Words

_PLUM = "#571d46"
_HEIGHT = 200


@lru_cache(maxsize=128)
def past_line(past: tuple[tuple[int, float], ...], words: Words, size: Size = "wide") -> str:
    """Scores over time as an SVG picture.

    past : moments (microseconds UTC) and scores, oldest first, at least two
    """
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    rows = [{"at": instant(at).isoformat(), "score": score, "label": str(round(score))} for at, score in past]
    ends = [rows[0], rows[-1]]
    low, high = (bound(score for _, score in past) for bound in (min, max))
    x = alt.X("at:T", axis=_axis(alt, None, values=[rows[0]["at"], rows[-1]["at"]], labelExpr=_days(past, words)))
    y = alt.Y(
        "score:Q",
        axis=_axis(alt, words("score"), tickCount=4, grid=True),
        scale=alt.Scale(domain=[max(0, low - 5), min(100, high + 5)], nice=True),
    )
    data = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    last = alt.Chart(alt.InlineData(values=ends)).encode(x=x, y=y)
    layers = alt.layer(
        data.mark_line(interpolate="step-after", strokeWidth=2.5, color=_PLUM),
        data.mark_point(filled=True, size=45, color=_PLUM, opacity=1),
        last.mark_text(dx=4, dy=-12, align="left", fontSize=14, fontWeight=600, color=INK).encode(text="label:N"),
    )
    return _drawn(layers, size)


def readiness_line(days: Floats, share: Floats, words: Words, size: Size = "wide") -> str:
    """The chance to be ready by each day as an SVG picture.

    days, share : (g,) ascending, and never falling in [0, 1]
    """
    return _readiness(tuple(zip(days.tolist(), share.tolist(), strict=True)), words, size)


@lru_cache(maxsize=128)
def _readiness(points: Sequence[tuple[float, float]], words: Words, size: Size) -> str:
    import altair as alt  # noqa: PLC0415 (as above)

    rows = [{"day": day, "share": share} for day, share in points]
    last = rows[-1] | {"label": words.percent(points[-1][1])}
    x = alt.X("day:Q", axis=_axis(alt, words("days from now"), tickCount=6), scale=alt.Scale(nice=False, zero=True))
    top = max(share for _, share in points)
    ticks = [tick for tick in (0, 0.25, 0.5, 0.75, 1) if tick <= top] if top > 0.25 else [0, round(top, 2)]
    labels = "".join(f"datum.value == {tick} ? '{words.percent(tick)}' : " for tick in ticks) + "''"
    y = alt.Y(
        "share:Q",
        axis=_axis(alt, words("chance to be ready"), values=ticks, grid=True, labelExpr=labels),
        scale=alt.Scale(domain=[0, max(top * 1.15, 0.01)], nice=False),
    )
    data = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    layers = alt.layer(
        data.mark_area(opacity=0.12, color=_PLUM),
        data.mark_line(strokeWidth=2.5, color=_PLUM),
        alt.Chart(alt.InlineData(values=[last]))
        .mark_text(dy=-10, dx=-4, align="right", fontSize=14, fontWeight=600, color=INK)
        .encode(x=x, y=y, text="label:N"),
    )
    return _drawn(layers, size)


def _axis(alt: Any, title: str | None, *, grid: bool = False, **more: Any) -> Any:
    return alt.Axis(
        title=title, grid=grid, domain=not grid, ticks=False, gridColor=GRID, domainColor=GRID, labelColor=FAINT,
        titleColor=FAINT, titleFontWeight="normal", labelFontSize=12, titleFontSize=12, labelPadding=6, **more,
    )  # fmt: skip


def _days(past: Sequence[tuple[int, float]], words: Words) -> str:
    """Labels of the axis in the reader's language: an expression of Vega, which knows English dates alone."""
    first, last = (words.date(at).replace("'", "\u2019") for at in (past[0][0], past[-1][0]))
    middle = (past[0][0] + past[-1][0]) // 2_000
    return f"time(datum.value) < {middle} ? '{first}' : '{last}'"


def _drawn(layers: Any, size: Size) -> str:
    import altair as alt  # noqa: PLC0415 (as above)
    import vl_convert  # noqa: PLC0415 (starts a JavaScript engine)

    chart = layers.properties(
        width=290 if size == "narrow" else 560,
        height=_HEIGHT,
        background="transparent",
        padding={"left": 4, "right": 30, "top": 8, "bottom": 4},
    ).configure(font=FONT, view=alt.ViewConfig(stroke=None))
    return str(vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[]))
