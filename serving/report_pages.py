"""All reports that have a page, in the order of the list."""

from typing import Any

from serving.page_contract import CONTRACT
from serving.page_families import FAMILIES
from serving.page_forecast import FORECAST
from serving.page_journey import JOURNEY
from serving.page_maturity import MATURITY
from serving.page_money import MONEY
from serving.report_page import ReportPage

REPORTS: tuple[ReportPage[Any], ...] = (JOURNEY, FORECAST, MATURITY, CONTRACT, FAMILIES, MONEY)
