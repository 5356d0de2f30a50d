"""Sources and money as pictures: what each source cost and brought, what touches contributed. SVG, no script."""

from functools import lru_cache
from typing import Any, Literal

from data.money_report import MoneyReport
from serving.charts import GRID, Size, drawn
from serving.journey_words import source_name
from serving.money_words import METHODS, channel_name, credit_share, method_rows
from serving.translations import Words

Chart = Literal["sources", "touches"]
_COST, _REVENUE = "#a2411f", "#571d46"
_WAYS = {"first": "#b9aeb5", "last": "#8a5a00", "linear": "#1f4e79", "model": "#571d46"}
_MOST = 12


def there(report: MoneyReport) -> list[Chart]:
    """The charts there is something to draw in."""
    found: list[Chart] = []
    if any(one.amounts.cost or one.amounts.revenue for one in report.sources):
        found.append("sources")
    return [*found, "touches"] if method_rows(report) else found


@lru_cache(maxsize=16)
def drawing(name: Chart, report: MoneyReport, words: Words, size: Size = "wide") -> str:
    """A chart as SVG made by Vega on the server; size: wide, or narrow for a phone."""
    return _sources(report, words, size) if name == "sources" else _touches(report, words, size)


def _sources(report: MoneyReport, words: Words, size: Size) -> str:
    """Two bars a source: cost, revenue."""
    kinds = {"cost": (words("cost"), _COST), "revenue": (words("revenue"), _REVENUE)}
    rows = [
        {"name": source_name(one.name, words), "kind": kinds[key][0], "value": value}
        for one in report.sources[:_MOST]
        for key, value in (("cost", one.amounts.cost), ("revenue", one.amounts.revenue))
        if value is not None
    ]
    return _bars(rows, dict(kinds.values()), words("amount (%(currency)s)", currency=report.currency), size)


def _touches(report: MoneyReport, words: Words, size: Size) -> str:
    """A bar a channel and way of counting: its share in percent."""
    names = (*report.channels, None)
    rows = [
        {
            "name": channel_name(names[place], words),
            "kind": words(METHODS[way]),
            "value": 100 * credit_share(one, counted),
        }
        for way, counted, credits_ in method_rows(report)
        for place, one in enumerate(credits_)
    ]
    colours = {words(METHODS[way]): _WAYS[way] for way, _, _ in method_rows(report)}
    return _bars(rows, colours, words("percent of what was sold"), size)


def _bars(rows: list[dict[str, Any]], colours: dict[str, str], title: str, size: Size) -> str:
    """Bars from left to right, grouped by name; `colours` by kind."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    names = list(dict.fromkeys(row["name"] for row in rows))
    legend = alt.Legend(
        title=None, orient="top", labelFontSize=13, columns=1 if size == "narrow" else 4, labelLimit=240
    )
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=title, axis=alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=4)),
            y=alt.Y(
                "name:N", title=None, scale=alt.Scale(domain=names, paddingInner=0.25),
                axis=alt.Axis(domain=False, ticks=False, labelLimit=110 if size == "narrow" else 200),
            ),
            yOffset=alt.YOffset("kind:N", scale=alt.Scale(domain=list(colours))),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=legend
            ),
        )
    )  # fmt: skip
    height = max(120, len(names) * (14 * len(colours) + 10))
    return drawn(chart, 190 if size == "narrow" else 640, height)
