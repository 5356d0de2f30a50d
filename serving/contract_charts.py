"""The contract as pictures: leads handed over beside those promised, and the least score, week by week."""

from functools import lru_cache
from typing import Literal

from data.contract_report import ContractReport
from serving.charts import GRID, INK, Size, drawn
from serving.translations import Words

Chart = Literal["volume", "bound"]
_BAR, _BOUND = "#571d46", "#1f4e79"


def there(report: ContractReport) -> bool:
    """Whether there is a week to draw."""
    return bool(report.weeks)


@lru_cache(maxsize=16)
def drawing(name: Chart, report: ContractReport, words: Words, size: Size = "wide") -> str:
    """A chart as SVG made by Vega on the server; size: wide, or narrow for a phone."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    rows = [
        {"week": one.bound.week, "handed": one.handed, "promised": one.bound.promised, "score": one.bound.score}
        for one in report.weeks
    ]
    base = alt.Chart(alt.InlineData(values=rows))
    every = [one.bound.week for one in report.weeks]
    step = max(1, len(every) // (5 if size == "narrow" else 13))
    x = alt.X(
        "week:O", title=None, axis=alt.Axis(grid=False, ticks=False, values=every[::step], labelAngle=-45)
    )  # fmt: skip
    axis = alt.Axis(domain=False, ticks=False, gridColor=GRID, tickCount=5)
    width, height = (290, 200) if size == "narrow" else (820, 240)
    if name == "volume":
        bars = base.mark_bar(color=_BAR).encode(x=x, y=alt.Y("handed:Q", title=words("leads"), axis=axis))
        promised = base.mark_line(color=INK, strokeDash=[6, 4], strokeWidth=2).encode(
            x=x, y=alt.Y("promised:Q", title=words("leads"), axis=axis)
        )
        return drawn(alt.layer(bars, promised), width, height)
    line = base.mark_line(color=_BOUND, strokeWidth=2, interpolate="step", point={"color": _BOUND, "size": 30})
    score = alt.Y("score:Q", title=words("least score"), scale=alt.Scale(zero=False), axis=axis)
    return drawn(line.encode(x=x, y=score), width, height)
