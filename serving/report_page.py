"""Reports on all leads as pages: one page of the service each, a list of them, and each as a file that stands alone.

What a page shows was measured by a command (data.reports) and is as of its moment; the service measures nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from markupsafe import Markup
from starlette.responses import Response

from data.events import isoformat
from data.reports import Report
from serving.access import Access
from serving.charts import Size
from serving.openapi import NO_REPORT, PROBLEMS, answers, asks
from serving.pages import chart_answer, page, routes, standing_alone, words_of
from serving.problems import JSON, Problem
from serving.translations import Words
from serving.verdicts import Journal
from veraison.answers import Reports, WholeReport
from veraison.errors import VeraisonError

R = TypeVar("R", bound=Report)
ReportName = Annotated[
    str, PathParameter(description="The report, as the list of them names it.", examples=["journey"])
]


@dataclass(frozen=True)
class Chart(Generic[R]):
    """A picture of a report.

    title, said : sentences (`deferred`): above it, and for who cannot see it
    there       : whether there is something to draw
    draw        : as SVG
    """

    title: str
    said: str
    there: Callable[[R], bool]
    draw: Callable[[R, Words, Size], str]


@dataclass(frozen=True)
class ReportPage(Generic[R]):
    """How a report is shown: at ``/<name>``, each chart at ``/<name>/<chart>.svg``, with template ``_<name>.html``.

    title, about : sentences (`deferred`): its heading, and what the list of reports says of it
    shown        : what its template knows as ``report``
    charts       : by name; its template knows those there is something to draw in as ``charts``
    """

    name: str
    report: type[R]
    title: str
    about: str
    shown: Callable[[R, Words], dict[str, Any]]
    charts: Mapping[str, Chart[R]]

    @property
    def paths(self) -> list[str]:
        """Its addresses."""
        return [f"/{self.name}", *(f"/{self.name}/{chart}.svg" for chart in self.charts)]

    def alone(self, report: R, words: Words) -> str:
        """As text of one HTML file, with words, tables and charts in it, and without a script."""
        charts = self._charts(report, words)
        for one in charts:
            one["svg"] = Markup(self.charts[one["name"]].draw(report, words, "wide"))  # noqa: S704 (Vega escapes its texts)
        return standing_alone("report_alone.html", self._known(report, words, charts), words)

    def known(self, folder: Path | None, words: Words) -> dict[str, Any]:
        """What the page of the service knows: of the report that was written last, of none, or of a broken one."""
        report, broken = self._read(folder)
        if report is None:
            return self._heading(words) | {"report": None, "broken": broken, "charts": [], "as_of": None}
        return self._known(report, words, self._charts(report, words))

    def line(self, folder: Path | None, words: Words) -> dict[str, Any]:
        """What the list of reports says of it."""
        report, broken = self._read(folder)
        heading = self._heading(words)
        state = heading["unreadable" if broken else "unmeasured"] if report is None else _as_of(report, words)
        return {"path": f"/{self.name}", "title": heading["title"], "about": words(self.about), "state": state}

    def drawing(self, folder: Path | None, name: str, words: Words, size: Size) -> str | None:
        """A chart of the report that was written last; None where there is nothing to draw."""
        report = self.newest(folder)
        chart = self.charts[name]
        return None if report is None or not chart.there(report) else chart.draw(report, words, size)

    def newest(self, folder: Path | None) -> R | None:
        """The report that was written last; None where there is none that can be read."""
        return self._read(folder)[0]

    def _read(self, folder: Path | None) -> tuple[R | None, bool]:
        try:
            return self.report.read(folder), False
        except VeraisonError:
            return None, True

    def _known(self, report: R, words: Words, charts: list[dict[str, Any]]) -> dict[str, Any]:
        shown = {"report": self.shown(report, words), "charts": charts, "as_of": _as_of(report, words), "broken": False}
        return self._heading(words) | shown

    def _heading(self, words: Words) -> dict[str, Any]:
        command = self.report.COMMAND
        return {
            "here": self.name,
            "in_reports": True,
            "title": words(self.title),
            "body": f"_{self.name}.html",
            "unmeasured": words("Nobody has measured it yet. Run: %(command)s", command=command),
            "unreadable": words("The report cannot be read. Write it anew with: %(command)s", command=command),
        }

    def _charts(self, report: R, words: Words) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "path": f"/{self.name}/{name}.svg",
                "title": words(one.title),
                "said": words(one.said),
                "svg": None,
            }
            for name, one in self.charts.items()
            if one.there(report)
        ]


def _as_of(report: Report, words: Words) -> str:
    return words("As of %(moment)s UTC", moment=words.moment(report.moment))


def api(shown: tuple[ReportPage[Any], ...], journal: Journal, access: Access) -> APIRouter:
    """``GET /v1/reports`` and ``GET /v1/reports/{name}``."""
    found = APIRouter(prefix="/v1", dependencies=[Depends(access.scope("read"))])
    every = {one.name: one for one in shown}

    @found.get(
        "/reports", responses=answers(Reports) | PROBLEMS, operation_id="reports",
        openapi_extra=asks("read", "service"), summary="What is measured of all leads",
    )  # fmt: skip
    def reports() -> JSON:
        """Every report there can be, and of which moment it is: each was measured by its command."""
        return JSON({"reports": [_heading(one, one.newest(journal.folder)) for one in shown]})

    @found.get(
        "/reports/{name}", responses=answers(WholeReport) | PROBLEMS | NO_REPORT, operation_id="report",
        openapi_extra=asks("read", "service"), summary="One report",
    )  # fmt: skip
    def report(name: ReportName) -> JSON:
        """One report as it was measured last."""
        if name not in every:
            raise Problem(404, "unknown-report", f"there is no report {name!r}; there are {', '.join(every)}")
        measured = every[name].newest(journal.folder)
        if measured is None:
            raise Problem(404, "not-measured", f"nothing to read of it; measure it with: {every[name].report.COMMAND}")
        return JSON(_heading(every[name], measured) | {"report": measured.model_dump(mode="json")})

    return found


def _heading(shown: ReportPage[Any], measured: Report | None) -> dict[str, Any]:
    as_of = None if measured is None else isoformat(measured.moment)
    return {"name": shown.name, "as_of": as_of, "command": shown.report.COMMAND}


def pages(shown: tuple[ReportPage[Any], ...], journal: Journal, access: Access) -> APIRouter:
    """``/reports``, the list of them, and the pages and charts of each; they lie beside the journal of monitoring."""
    found = routes(access)

    @found.get("/reports")
    def reports(request: Request) -> Response:
        """What is measured of all leads, and of which moment each report is."""
        words = words_of(request)
        every = [one.line(journal.folder, words) for one in shown]
        return page(request, "reports.html", {"here": "reports", "reports": every})

    for one in shown:
        _add(found, one, journal)
    return found


def _add(found: APIRouter, shown: ReportPage[Any], journal: Journal) -> None:
    @found.get(f"/{shown.name}", name=shown.name)
    def whole(request: Request) -> Response:
        return page(request, "report.html", shown.known(journal.folder, words_of(request)))

    for name in shown.charts:
        _add_chart(found, shown, name, journal)


def _add_chart(found: APIRouter, shown: ReportPage[Any], name: str, journal: Journal) -> None:
    @found.get(f"/{shown.name}/{name}.svg", name=f"{shown.name}-{name}")
    def drawing(request: Request, size: Size = "wide") -> Response:
        return chart_answer(shown.drawing(journal.folder, name, words_of(request), size))
