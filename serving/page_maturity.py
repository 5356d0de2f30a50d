"""What acts, rules and the score would have handed over, as `veraison report maturity` has measured it."""

from functools import partial

from data.maturity_report import MaturityReport
from serving.maturity_charts import drawing, there
from serving.maturity_words import shown
from serving.report_page import Chart, ReportPage
from serving.translations import deferred

MATURITY = ReportPage(
    name="maturity",
    report=MaturityReport,
    title=deferred("Rules and score"),
    about=deferred("What acts, rules and the score would have handed over, how many of these bought, and how early."),
    shown=shown,
    charts={
        "share": Chart(
            deferred("How many of those handed over bought"),
            deferred(
                "Chart: for each act, each rule and the score, the share of its leads that bought, with its interval. "
                "The table holds the same figures."
            ),
            partial(there, "share"),
            partial(drawing, "share"),
        ),
        "weeks": Chart(
            deferred("How many are handed over a week"),
            deferred(
                "Chart: leads handed over a week, by acts and rules and by the score. The table holds the same figures "
                "of the newest weeks."
            ),
            partial(there, "weeks"),
            partial(drawing, "weeks"),
        ),
    },
)
