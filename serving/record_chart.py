"""The record as a picture: by bands of scores, the share that was won with its interval, and the share predicted."""

from functools import lru_cache

from data.record import Record
from serving.charts import GRID, Size, drawn
from serving.translations import Words

_WON, _PREDICTED = "#571d46", "#8a5a00"


@lru_cache(maxsize=32)
def reliability(record: Record, words: Words, size: Size = "wide") -> str:
    """One column a band, as SVG made by Vega on the server; bands with too few leads stay empty.

    size : wide, or narrow for a phone
    """
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    width, height = (300, 260) if size == "narrow" else (640, 320)
    rows = []
    for band in record.bands:
        low, high = band.interval or (0.0, 0.0)
        rows.append(
            {
                "band": f"{band.low}–{band.high}",
                "told": band.enough,
                "won": 100 * (band.share or 0.0),
                "low": 100 * low,
                "high": 100 * high,
                "predicted": 100 * (band.predicted or 0.0),
            }
        )
    won, predicted = words("won"), words("predicted")
    bands = alt.X(
        "band:N", sort=None, title=words("score"),
        axis=alt.Axis(labelAngle=-45 if size == "narrow" else 0, domain=False, ticks=False),
    )  # fmt: skip
    most = max((100 * band.interval[1] for band in record.bands if band.enough and band.interval), default=10.0)
    scale = alt.Scale(domain=[0, min(100.0, 10 * (most // 10 + 1))])
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=[won, predicted], range=[_WON, _PREDICTED]),
        legend=alt.Legend(title=None, orient="top", symbolType="circle", labelFontSize=13),
    )  # fmt: skip
    data = alt.Chart(alt.InlineData(values=rows))
    clear = data.transform_filter("datum.told")
    value = alt.Axis(title=words("of 100 leads"), domain=False, ticks=False, gridColor=GRID, tickCount=5)
    layers = alt.layer(
        data.mark_point(opacity=0).encode(x=bands),  # bands of which nothing is told keep their place
        clear.mark_rule(strokeWidth=2, color=_WON).encode(
            x=bands, y=alt.Y("low:Q", scale=scale, axis=value), y2="high:Q"
        ),
        clear.transform_calculate(kind=f"'{predicted}'").mark_tick(thickness=3, width=26, opacity=1).encode(
            x=bands, y=alt.Y("predicted:Q", scale=scale, axis=value), color=colour
        ),
        clear.transform_calculate(kind=f"'{won}'").mark_point(filled=True, size=90, opacity=1).encode(
            x=bands, y=alt.Y("won:Q", scale=scale, axis=value), color=colour
        ),
    )  # fmt: skip
    return drawn(layers, width, height)
