"""The journey of all leads, for marketing and sales: as a page of the service, and as a page that stands alone.

Both show the report that `veraison report journey` has measured (data.journey_report), as of its moment.
"""

from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from data.journey_report import JourneyReport, read
from serving.access import Access
from serving.charts import Size
from serving.journey_charts import CHARTS, Chart, drawing, there
from serving.journey_words import shown
from serving.pages import chart_answer, page, routes, standing_alone, words_of
from serving.translations import Words
from serving.verdicts import Journal
from veraison.errors import VeraisonError


def pages(journal: Journal, access: Access) -> APIRouter:
    """``/journey`` and its charts; the report lies beside the journal of monitoring."""
    found = routes(access)

    @found.get("/journey")
    def journey(request: Request) -> Response:
        """Where the funnel leaks, who goes on, how long it takes, what comes in."""
        words = words_of(request)
        told: dict[str, Any] = {"here": "journey", "report": None, "broken": False, "charts": []}
        try:
            report = read(journal.folder)
        except VeraisonError:
            report = None
            told["broken"] = True
        if report is not None:
            moment = words("As of %(moment)s UTC", moment=words.moment(report.moment))
            told |= {"report": shown(report, words), "as_of": moment}
            told["charts"] = [_chart(name, words) for name in there(report)]
        return page(request, "journey.html", told)

    def chart(request: Request, name: Chart, size: Size) -> Response:
        try:
            report = read(journal.folder)
        except VeraisonError:
            report = None
        if report is None or name not in there(report):
            return chart_answer(None)
        return chart_answer(drawing(name, report, words_of(request), size))

    @found.get("/journey/flow.svg")
    def flow(request: Request, size: Size = "wide") -> Response:
        """What flows from stage to stage."""
        return chart(request, "flow", size)

    @found.get("/journey/time.svg")
    def time(request: Request, size: Size = "wide") -> Response:
        """How long leads stay in each stage."""
        return chart(request, "time", size)

    return found


def alone(report: JourneyReport, words: Words) -> str:
    """The same as text of one HTML file, with words, tables and charts in it, and without a script."""
    names = there(report)
    charts = [
        _chart(name, words) | {"svg": Markup(drawing(name, report, words))}  # noqa: S704 (Vega escapes its texts)
        for name in CHARTS
        if name in names
    ]
    known = {
        "report": shown(report, words),
        "charts": charts,
        "as_of": words("As of %(moment)s UTC", moment=words.moment(report.moment)),
    }
    return standing_alone("journey_report.html", known, words)


def _chart(name: Chart, words: Words) -> dict[str, Any]:
    """What stands around a chart."""
    if name == "flow":
        title = words("What becomes of those who come to a stage")
        said = words(
            "Chart: a column for each stage, parted into those who went on, are still there, were given back, or were "
            "lost. The table holds the same figures."
        )
    else:
        title = words("How long leads stay in a stage")
        said = words(
            "Chart: for each stage the share of leads that is still there after so many days. The table holds the "
            "medians and quartiles."
        )
    return {"name": name, "title": title, "said": said, "svg": None}
