"""Monitoring in time, as SVG made by Vega on the server: conversions a week, drift of the scores, events a week."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from data.events import MICROS_PER_DAY
from serving.charts import GRID, Size, drawn
from serving.translations import Words
from serving.verdicts import Line, Verdict

Chart = Literal["conversions", "scores", "events"]
POINTS = 104
"""The newest points of a chart: two years of weeks."""
TICKS = 5
KINDS = 5
"""Kinds of events with a line of their own, the most frequent."""
_OBSERVED, _EXPECTED, _ALARM = "#571d46", "#8a5a00", "#a2411f"
_LINES = ("#571d46", "#8a5a00", "#2c6b4a", "#2f5f8a", "#a2411f")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4])
_WEEK = 7 * MICROS_PER_DAY
_SEASONS = 300 * MICROS_PER_DAY
"""From this length on an axis tells months and years instead of days."""


@dataclass(frozen=True, slots=True)
class WeekSeen:
    """Conversions of a week. ``at``: its first moment, microseconds UTC; ``alarm``: monitoring acted on them in it."""

    at: int
    expected: float
    observed: float
    low: float | None
    high: float | None
    alarm: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """One figure at one moment, microseconds UTC, of something that has a name."""

    at: int
    value: float
    name: str = ""
    alarm: bool = False


def weeks(verdicts: Sequence[Line]) -> tuple[WeekSeen, ...]:
    """The weeks of the newest verdict that has some, with the alarms of all verdicts."""
    held = next((one.verdict.conversions for one in reversed(verdicts) if one.verdict.conversions), None)
    found = held.weeks[-POINTS:] if held else ()
    looks = [one.verdict.at for one in verdicts if _acted(one.verdict, "conversions")]
    began = [max((one.at for one in found if one.at < at), default=at) for at in looks]
    alarms = {start for start, at in zip(began, looks, strict=True) if at - start < 2 * _WEEK}
    return tuple(WeekSeen(one.at, one.expected, one.observed, one.low, one.high, one.at in alarms) for one in found)


def score_drift(verdicts: Sequence[Line]) -> tuple[tuple[Moment, ...], float | None]:
    """The distance of the scores from those at training at each look, and the limit of the newest."""
    newest = verdicts[-POINTS:]
    found = tuple(
        Moment(one.verdict.at, drift.score.psi, alarm=_acted(one.verdict, "score"))
        for one in newest
        if (drift := one.verdict.drift) and drift.score
    )
    limits = [drift.score.limit for one in newest if (drift := one.verdict.drift) and drift.score]
    return found, limits[-1] if limits else None


def volumes(verdicts: Sequence[Line]) -> tuple[Moment, ...]:
    """Events a week at each look, of the kinds that were the most frequent over all of them."""
    newest = [(one.verdict.at, one.verdict.drift.events or ()) for one in verdicts[-POINTS:] if one.verdict.drift]
    totals: dict[str, float] = {}
    for _, events in newest:
        for one in events:
            totals[one.event] = totals.get(one.event, 0.0) + one.per_week
    chosen = sorted(totals, key=lambda name: (-totals[name], name))[:KINDS]
    held = [(at, {one.event: one.per_week for one in events}) for at, events in newest]
    return tuple(Moment(at, rates.get(name, 0.0), name) for name in chosen for at, rates in held)


def _acted(verdict: Verdict, kind: str) -> bool:
    return any(cause.kind == kind and cause.acts for cause in verdict.causes)


@lru_cache(maxsize=16)
def conversions_svg(seen: tuple[WeekSeen, ...], words: Words, size: Size = "wide") -> str:
    """Wins of each week as points, on the line and the band of what the model expected; alarms as triangles."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    observed, expected, alarm = words("won"), words("expected"), words("alarm")
    rows = [
        {
            "at": one.at / MICROS_PER_DAY, "observed": one.observed, "expected": one.expected,
            "low": one.low, "high": one.high, "kind": alarm if one.alarm else observed, "line": expected,
        }
        for one in seen
    ]  # fmt: skip
    data = alt.Chart(alt.InlineData(values=rows))
    kinds = [observed, expected, alarm]
    colour = alt.Scale(domain=kinds, range=[_OBSERVED, _EXPECTED, _ALARM])
    key = alt.Legend(title=None, orient="top", labelFontSize=13)
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=kinds, range=["circle", "square", "triangle-up"]), legend=key
    )  # fmt: skip
    x, leads = _time([one.at for one in seen], words), words("leads a week")
    band = data.transform_filter("isValid(datum.low) && isValid(datum.high)")
    layers = alt.layer(
        band.mark_area(opacity=0.18, color=_EXPECTED).encode(x=x, y=_figure("low", leads, words), y2="high:Q"),
        data.mark_line(strokeWidth=2, strokeDash=[6, 3], color=_EXPECTED).encode(
            x=x, y=_figure("expected", leads, words)
        ),
        data.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=_figure("observed", leads, words), shape=shape,
            color=alt.Color("kind:N", scale=colour, legend=key),
        ),
    )  # fmt: skip
    return _svg(layers, size)


@lru_cache(maxsize=16)
def scores_svg(seen: tuple[Moment, ...], threshold: float | None, words: Words, size: Size = "wide") -> str:
    """The distance of the scores (PSI) at each look, beside the limit above which they have drifted."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    ordinary, alarm = words("distance"), words("alarm")
    rows = [
        {"at": one.at / MICROS_PER_DAY, "value": one.value, "kind": alarm if one.alarm else ordinary} for one in seen
    ]
    data = alt.Chart(alt.InlineData(values=rows))
    x = _time([one.at for one in seen], words)
    y = _figure("value", words("distance from the scores at training (PSI)"), words)
    kinds = [ordinary, alarm]
    key = alt.Legend(title=None, orient="top", labelFontSize=13)
    layers = [
        data.mark_line(strokeWidth=2, color=_OBSERVED).encode(x=x, y=y),
        data.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y,
            color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[_OBSERVED, _ALARM]), legend=key),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]), legend=key),
        ),
    ]  # fmt: skip
    if threshold is not None:
        limit = alt.Chart(alt.InlineData(values=[{"limit": threshold}]))
        layers.append(limit.mark_rule(strokeDash=[6, 3], color=_ALARM).encode(y="limit:Q"))
    return _svg(alt.layer(*layers), size)


@lru_cache(maxsize=16)
def events_svg(seen: tuple[Moment, ...], words: Words, size: Size = "wide") -> str:
    """Events a week at each look, a line for each of the most frequent kinds."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    names = list(dict.fromkeys(one.name for one in seen))
    rows = [{"at": one.at / MICROS_PER_DAY, "value": one.value, "name": names.index(one.name)} for one in seen]
    shown = "[" + ", ".join(_quoted(name) for name in names) + "][datum.value]"
    places = list(range(len(names)))
    # by number: a name that somebody sent must not become a part of an expression, only a quoted text in a legend
    key = alt.Legend(
        title=None, orient="top", labelFontSize=13, labelExpr=shown, columns=1 if size == "narrow" else 3,
        labelLimit=280 if size == "narrow" else 220,
    )  # fmt: skip
    colour = alt.Color("name:N", scale=alt.Scale(domain=places, range=list(_LINES[: len(names)])), legend=key)
    dash = alt.StrokeDash("name:N", scale=alt.Scale(domain=places, range=list(_DASHES[: len(names)])), legend=key)
    line = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=2, point=len(rows) <= len(names))
    x, y = _time([one.at for one in seen], words), _figure("value", words("events a week"), words)
    return _svg(line.encode(x=x, y=y, color=colour, strokeDash=dash), size)


def _quoted(text: str) -> str:
    """A text as a string of a Vega expression: every sign by its number.

    >>> print(_quoted("a'"))
    '\N{REVERSE SOLIDUS}u0061\N{REVERSE SOLIDUS}u0027'
    """
    units = text.encode("utf-16-be", "surrogatepass")
    return "'" + "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)) + "'"


def _time(moments: Sequence[int], words: Words) -> Any:
    """The axis of time, in days since 1970; its labels are made here, in the reader's language and in UTC."""
    import altair as alt  # noqa: PLC0415

    first, last = min(moments), max(moments)
    count = min(TICKS, max(1, (last - first) // MICROS_PER_DAY))
    ticks = sorted({(first + (last - first) * step // count) // MICROS_PER_DAY for step in range(count + 1)})
    day = words.month_and_year if last - first > _SEASONS else words.day_and_month
    labels = ", ".join(_quoted(day(tick * MICROS_PER_DAY)) for tick in ticks)
    values = ", ".join(map(str, ticks))
    axis = alt.Axis(
        title=None, values=ticks, labelExpr=f"[{labels}][indexof([{values}], datum.value)]", grid=False,
        labelOverlap=True, labelFlush=True,
    )  # fmt: skip
    return alt.X("at:Q", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=12))


def _figure(name: str, title: str, words: Words) -> Any:
    import altair as alt  # noqa: PLC0415

    sign = f"replace(datum.label, '.', {_quoted(words.decimal(0.5, 1)[1])})"
    axis = alt.Axis(title=title, domain=False, ticks=False, gridColor=GRID, tickCount=5, labelExpr=sign)
    return alt.Y(f"{name}:Q", scale=alt.Scale(zero=True), axis=axis)


def _svg(layers: Any, size: Size) -> str:
    width, height = (290, 200) if size == "narrow" else (520, 240)
    return drawn(layers, width, height)
