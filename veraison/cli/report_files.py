"""Where reports are put: as the file that the service shows, and as a page that stands alone."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from veraison.cli.common import Place, day, writing

if TYPE_CHECKING:
    from data.reports import Report
    from serving.report_page import ReportPage
    from serving.translations import Words

R = TypeVar("R", bound="Report")


def put(where: Place, page: "ReportPage[R]", report: R, words: "Words", *, of_now: bool, out_file: Path | None) -> Path:
    """Write a report; where its page is.

    of_now   : whether the service is to show it from now on
    out_file : of the page, None for ``reports/<name>.html`` in the workspace, with its day where it is not of now
    """
    reports = where.workspace.reports
    path = out_file or reports / (f"{page.name}.html" if of_now else f"{page.name}-{day(report.moment)}.html")
    with writing(path):
        if of_now:
            report.write(reports)
        path.write_text(page.alone(report, words), encoding="utf-8")
    return path
