"""Sources and money, for marketing and sales, as `veraison report money` has measured it."""

from functools import partial

from data.money_report import MoneyReport
from serving.money_charts import drawing, there
from serving.money_words import shown
from serving.report_page import Chart, ReportPage
from serving.translations import deferred

MONEY = ReportPage(
    name="money",
    report=MoneyReport,
    title=deferred("Sources and money"),
    about=deferred("What each source costs and brings, what the open leads are expected to bring, what touched sales."),
    shown=shown,
    charts={
        "sources": Chart(
            deferred("What each source cost and brought"),
            deferred(
                "Chart: for each source its cost and the revenue from its leads. The table holds the same figures."
            ),
            lambda report: "sources" in there(report),
            partial(drawing, "sources"),
        ),
        "touches": Chart(
            deferred("What touches contributed, by four ways of counting"),
            deferred(
                "Chart: for each channel its share of what was sold, by each way of counting. The table holds the same "
                "figures."
            ),
            lambda report: "touches" in there(report),
            partial(drawing, "touches"),
        ),
    },
)
