"""A score as a picture: the waterfall from where every lead starts, reason by reason, to the score. SVG, no script."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from serving.points import whole_account
from serving.scorer import ExplainedScore
from serving.translations import Words, sentence

Kind = Literal["start", "rise", "fall", "limit", "score"]
Size = Literal["wide", "narrow"]

_COLOURS: dict[Kind, str] = {
    "start": "#5c5560",
    "rise": "#2c6b4a",
    "fall": "#a2411f",
    "limit": "#5c5560",
    "score": "#571d46",
}
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
INK, FAINT, GRID = "#2a2230", "#6b6370", "#e7e1e4"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the account of a score, in whole points.

    points     : of a reason, what it adds; of the start and of the score, where they stand
    low, high  : where the line begins and ends on the scale, before rounding
    """

    kind: Kind
    text: str
    points: int
    low: float
    high: float


def steps(row: ExplainedScore, words: Words) -> tuple[Step, ...]:
    """The account of a scored lead: start, reasons, the limit of the scale where it cuts, the score.

    The whole numbers add up exactly: start and reasons are rounded by largest remainder to the rounded sum, and what
    the limits 0 and 100 cut off is a line of its own.
    """
    if row.score is None or row.base is None:
        return ()
    start, whole = whole_account(row)
    score, cut = round(row.score), round(row.score) - start - sum(whole)
    found = [Step("start", words("Where every lead starts"), start, row.base, row.base)]
    at = row.base
    for reason, points in zip(row.reasons, whole, strict=True):
        found.append(
            Step("fall" if reason.points < 0 else "rise", sentence(reason.text), points, at, at + reason.points)
        )
        at += reason.points
    if cut:
        found.append(Step("limit", words("Limit of the scale"), cut, at, row.score))
    found.append(Step("score", words("Score"), score, row.score, row.score))
    return tuple(found)


@lru_cache(maxsize=128)
def waterfall(account: tuple[Step, ...], words: Words, size: Size = "wide") -> str:
    """The account as an SVG picture, made by Vega on the server.

    size : wide, with the reasons beside the bars; narrow, for a phone, with the reasons above them
    """
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)
    import vl_convert  # noqa: PLC0415 (starts a JavaScript engine)

    narrow = size == "narrow"
    width, left, row_height, letters = (344, 4, 58, 46) if narrow else (760, 330, 46, 44)
    low, high = _domain(account)
    rows = [
        {
            "place": place,
            "next": min(place + 1, len(account) - 1),
            "low": step.low,
            "high": step.high,
            "tip": max(step.low, step.high),
            "label": "\n".join(textwrap.wrap(step.text, letters, max_lines=2, placeholder=" …")),
            "points": words.points(step.points) if step.kind not in ("start", "score") else str(step.points),
            "kind": step.kind,
        }
        for place, step in enumerate(account)
    ]
    scale = alt.Scale(domain=[low, high], range=[left + 6, width - 30], nice=False, zero=False)
    ticks = [tick for tick in range(0, 101, 10 if high - low <= 70 else 20) if low <= tick <= high]
    axis = alt.Axis(
        values=ticks, title=words("score"), orient="bottom", domain=False, ticks=False, gridColor=GRID,
        labelColor=FAINT, titleColor=FAINT, titleFontWeight="normal", labelFontSize=12, titleFontSize=12,
        titleAnchor="end",
    )  # fmt: skip
    x = alt.X("low:Q", scale=scale, axis=axis)
    lane = 0.72 if narrow else 0.5

    def y(position: float = lane) -> Any:
        return alt.Y("place:O", axis=None, bandPosition=position)

    kinds = list(_COLOURS)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[_COLOURS[kind] for kind in kinds]), legend=None)
    data = alt.Chart(alt.InlineData(values=rows))
    moving = data.transform_filter("datum.kind != 'start' && datum.kind != 'score'")
    fixed = data.transform_filter("datum.kind == 'start' || datum.kind == 'score'")
    layers = alt.layer(
        data.mark_rule(strokeWidth=1, color="#b9aeb5").encode(
            x=alt.X("high:Q", scale=scale), y=y(), y2=alt.Y2("next:O", bandPosition=lane)
        ),
        moving.mark_rule(strokeWidth=14).encode(x=x, x2="high:Q", y=y(), color=colour),
        fixed.mark_rule(strokeWidth=20, xOffset=-2, x2Offset=2).encode(x=x, x2="high:Q", y=y(), color=colour),
        data.mark_text(align="left", dx=9, fontSize=13, fontWeight=600).encode(
            x=alt.X("tip:Q", scale=scale), y=y(), text="points:N", color=colour
        ),
        data.mark_text(
            align="left", baseline="middle", fontSize=13, color=INK, lineBreak="\n", lineHeight=16
        ).encode(x=alt.value(0), y=y(0.22 if narrow else 0.5), text="label:N"),
    )  # fmt: skip
    chart = layers.properties(
        width=width,
        height=alt.Step(row_height),
        background="transparent",
        padding={"left": 2, "right": 2, "top": 6, "bottom": 2},
    ).configure(font=FONT, view=alt.ViewConfig(stroke=None))
    return str(vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[]))


def drawn(layers: Any, width: int, height: int) -> str:
    """Layers of Altair as SVG in the look of the pages, made by Vega on the server; width and height in pixels."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)
    import vl_convert  # noqa: PLC0415 (starts a JavaScript engine)

    chart = layers.properties(width=width, height=height, background="transparent").configure(
        font=FONT,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=FAINT, titleColor=FAINT, titleFontWeight="normal", labelFontSize=12, titleFontSize=12
        ),
        legend=alt.LegendConfig(labelColor=INK),
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[]))


def _domain(account: Sequence[Step]) -> tuple[float, float]:
    """The part of the scale that the account moves in, with room for the figures at its ends."""
    ends = [end for step in account for end in (step.low, step.high)]
    low, high = min(ends), max(ends)
    room = max(high - low, 20.0)
    return low - 0.06 * room, high + 0.16 * room
