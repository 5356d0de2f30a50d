"""Acts, rules and the score as pictures: how many of their leads bought, and how many they hand over a week."""

from functools import lru_cache
from typing import Literal

from data.journey_report import ENOUGH
from data.maturity_report import Handed, MaturityReport
from serving.charts import FAINT, GRID, INK, Size, drawn
from serving.maturity_words import way_name
from serving.translations import Words

Chart = Literal["share", "weeks"]
_SIGN, _SCORE, _ALL = "#8a5a00", "#571d46", "#5c5560"
_COLOURS = {"act": _SIGN, "rule": _SIGN, "signs": _SIGN, "score": _SCORE, "as_many": _SCORE, "all": _ALL}
_LINES = (("signs", _SIGN, [8, 3]), ("score", _SCORE, [1, 0]))
WEEKS = 26
"""So many weeks are drawn, the newest."""


def there(name: Chart, report: MaturityReport) -> bool:
    """Whether there is something to draw in a chart."""
    return bool(_told(report)) if name == "share" else len(report.weeks) > 1


@lru_cache(maxsize=16)
def drawing(name: Chart, report: MaturityReport, words: Words, size: Size = "wide") -> str:
    """A chart as SVG made by Vega on the server; size: wide, or narrow for a phone."""
    return _share(report, words, size) if name == "share" else _weeks(report, words, size)


def _told(report: MaturityReport) -> list[Handed]:
    return [one for one in report.ways if one.share is not None and one.seen >= ENOUGH]


def _share(report: MaturityReport, words: Words, size: Size) -> str:
    """A line a way: of 100 leads handed over, how many bought, with the interval of that share."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    rows = [
        {
            "place": place,
            "name": way_name(one, words),
            "share": 100 * one.share.share,
            "low": 100 * one.share.low,
            "high": 100 * one.share.high,
            "said": words.percent(one.share.share),
            "colour": _COLOURS[one.kind],
        }
        for place, one in enumerate(_told(report))
        if one.share is not None
    ]
    narrow = size == "narrow"
    x = alt.X(
        "low:Q", title=words("of 100 leads handed over, bought within %(days)s", days=words.days(report.days)),
        scale=alt.Scale(domainMin=0), axis=alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=5),
    )  # fmt: skip
    y = alt.Y(
        "name:N", sort=alt.EncodingSortField("place", order="ascending"), title=None,
        axis=alt.Axis(domain=False, ticks=False, labelLimit=130 if narrow else 280, labelColor=INK, labelFontSize=13),
    )  # fmt: skip
    shown = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    colour = alt.Color("colour:N", scale=None, legend=None)
    chart = alt.layer(
        shown.mark_rule(strokeWidth=3, opacity=0.45).encode(x=x, x2="high:Q", color=colour),
        shown.mark_point(size=90, filled=True, opacity=1).encode(x="share:Q", color=colour),
        shown.mark_text(dy=-12, fontSize=12, color=FAINT).encode(x="share:Q", text="said:N"),
    )
    return drawn(chart, 190 if narrow else 560, 44 * len(rows) + 10)


def _weeks(report: MaturityReport, words: Words, size: Size) -> str:
    """A line for acts and rules, and one for the score: leads handed over a week."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    names = {"signs": words("acts and rules"), "score": words("score")}
    there_are = [(kind, colour, dash) for kind, colour, dash in _LINES if report.way(kind)]  # type: ignore[arg-type]
    rows = [
        {"week": f"{week}T00:00:00", "name": names[one.kind], "leads": leads}
        for one in report.ways
        if one.kind in names
        for week, leads in list(zip(report.weeks, one.weeks, strict=True))[-WEEKS:]
    ]
    order = [names[kind] for kind, _, _ in there_are]
    key = alt.Legend(title=None, orient="top", labelFontSize=13, symbolType="stroke")
    dashes = alt.Scale(domain=order, range=[dash for _, _, dash in there_are])
    chart = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=2).encode(
        x=alt.X("week:T", title=words("week"), axis=alt.Axis(grid=False, format="%d/%m", tickCount=6)),
        y=alt.Y(
            "leads:Q", title=words("leads handed over"), scale=alt.Scale(domainMin=0),
            axis=alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=5),
        ),
        color=alt.Color(
            "name:N", scale=alt.Scale(domain=order, range=[colour for _, colour, _ in there_are]), legend=key
        ),
        strokeDash=alt.StrokeDash("name:N", scale=dashes, legend=key),
    )  # fmt: skip
    width, height = (290, 200) if size == "narrow" else (820, 240)
    return drawn(chart, width, height)
