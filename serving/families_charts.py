"""The families of leads as a picture: how many leads are in each, and how many are forgotten. SVG, no script."""

from functools import lru_cache

from data.families_report import FamiliesReport
from serving.charts import Size, drawn
from serving.families_words import family_name
from serving.translations import Words, sentence

_TOUCHED, _UNTOUCHED = "#571d46", "#a2411f"


def there(report: FamiliesReport) -> bool:
    """Whether there is something to draw."""
    return any(one.leads for one in report.families)


@lru_cache(maxsize=8)
def drawing(report: FamiliesReport, words: Words, size: Size = "wide") -> str:
    """A bar a family, parted into leads that are looked after and those that are forgotten."""
    import altair as alt  # noqa: PLC0415 (a second, and only the pages need it)

    looked_after, forgotten = words("looked after"), words("forgotten")
    names = [sentence(family_name(one.name, words)) for one in report.families]
    parts = [
        {"family": name, "kind": kind, "leads": leads, "order": order}
        for name, one in zip(names, report.families, strict=True)
        for order, (kind, leads) in enumerate(
            ((looked_after, one.leads - one.untouched), (forgotten, one.untouched))
        )
    ]  # fmt: skip
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=[looked_after, forgotten], range=[_TOUCHED, _UNTOUCHED]),
        legend=alt.Legend(title=None, orient="bottom", labelFontSize=13),
    )  # fmt: skip
    bars = (
        alt.Chart(alt.InlineData(values=parts))
        .mark_bar()
        .encode(
            x=alt.X("leads:Q", title=words("Leads"), axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("family:N", sort=names, title=None, axis=alt.Axis(labelFontSize=13, labelLimit=120)),
            color=colour,
            order="order:Q",
        )
    )
    width, height = (210, 28 * len(names)) if size == "narrow" else (720, 34 * len(names))
    return drawn(bars, width, height)
