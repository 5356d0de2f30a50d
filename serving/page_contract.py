"""The contract between marketing and sales, for both, as `veraison report contract` has measured it."""

from functools import partial

from data.contract_report import ContractReport
from serving.contract_charts import drawing, there
from serving.contract_words import shown
from serving.report_page import Chart, ReportPage
from serving.translations import deferred

CONTRACT = ReportPage(
    name="contract",
    report=ContractReport,
    title=deferred("The contract between marketing and sales"),
    about=deferred("From which score on leads are handed over, what each side has promised, and what came of it."),
    shown=shown,
    charts={
        "volume": Chart(
            deferred("Leads handed over each week; the dashed line is what was promised"),
            deferred(
                "Chart: a bar a week for the leads handed over, and a line for those promised. The table holds the "
                "same figures."
            ),
            there,
            partial(drawing, "volume"),
        ),
        "bound": Chart(
            deferred("The least score of each week"),
            deferred("Chart: the least score of each week as a line. The table holds the same figures."),
            there,
            partial(drawing, "bound"),
        ),
    },
)
