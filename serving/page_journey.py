"""The journey of all leads, for marketing and sales, as `veraison report journey` has measured it."""

from functools import partial

from data.journey_report import JourneyReport
from serving.journey_charts import drawing, there
from serving.journey_words import shown
from serving.report_page import Chart, ReportPage
from serving.translations import deferred

JOURNEY = ReportPage(
    name="journey",
    report=JourneyReport,
    title=deferred("The journey of leads"),
    about=deferred("Where the funnel leaks, who goes on, how long it takes, what comes in."),
    shown=shown,
    charts={
        "flow": Chart(
            deferred("What becomes of those who come to a stage"),
            deferred(
                "Chart: a column for each stage, parted into those who went on, are still there, were given back, or "
                "were lost. The table holds the same figures."
            ),
            lambda report: "flow" in there(report),
            partial(drawing, "flow"),
        ),
        "time": Chart(
            deferred("How long leads stay in a stage"),
            deferred(
                "Chart: for each stage the share of leads that is still there after so many days. The table holds the "
                "medians and quartiles."
            ),
            lambda report: "time" in there(report),
            partial(drawing, "time"),
        ),
    },
)
