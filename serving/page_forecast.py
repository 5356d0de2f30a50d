"""The forecast of sales and of leads that become ready, as `veraison report forecast` has measured it."""

from functools import partial

from data.forecast_report import ForecastReport
from serving.forecast_charts import drawing, outlook_of
from serving.forecast_words import TITLES, shown
from serving.report_page import Chart, ReportPage
from serving.translations import deferred

_SAID = deferred(
    "Chart: a line of how many there were in each week before, and a dashed line of how many are expected in each week "
    "to come, in a band that holds four weeks in five. The tables hold the same figures."
)

FORECAST = ReportPage(
    name="forecast",
    report=ForecastReport,
    title=deferred("The weeks to come"),
    about=deferred("Sales and ready leads to be expected in each week to come, and how right such forecasts were."),
    shown=shown,
    charts={
        "sales": Chart(
            TITLES["converted"],
            _SAID,
            lambda report: outlook_of(report, "converted") is not None,
            partial(drawing, "converted"),
        ),
        "ready": Chart(
            TITLES["ready"],
            _SAID,
            lambda report: outlook_of(report, "ready") is not None,
            partial(drawing, "ready"),
        ),
    },
)
