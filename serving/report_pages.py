"""All reports that have a page, in the order of the list."""

from typing import Any

from serving.page_forecast import FORECAST
from serving.page_journey import JOURNEY
from serving.report_page import ReportPage

REPORTS: tuple[ReportPage[Any], ...] = (JOURNEY, FORECAST)
