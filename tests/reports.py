"""Reports in a workspace's folder, as their commands leave them, of the moment of a service's clock."""

from dataclasses import replace
from datetime import date
from typing import Any

from data import contract_lines
from data.contract_report import ContractReport
from data.costs import Cost
from data.events import MICROS_PER_DAY, isoformat
from data.families_report import FamiliesReport
from data.forecast_report import ForecastReport
from data.journey_report import JourneyReport
from data.money_report import MoneyReport
from monitoring.contract import contract
from monitoring.families import families as measured
from monitoring.journey import journey
from monitoring.money import money
from serving.decisions import least_score
from serving.families import chances, families
from serving.scorer import score
from tests import forecasts
from tests.maturities import REPORT as MATURITY
from tests.service import Door
from training.bundle import Bundle
from veraison.playbook import Playbook
from veraison.playbook_contract import Contract


def write_reports(service: Door) -> None:
    """Every report that there is."""
    for write in (write_journey, write_families, write_contract, write_money, write_forecast):
        write(service)
    MATURITY.write(service.market.workspace.reports)


def write_journey(service: Door, playbook: Playbook | None = None) -> JourneyReport:
    """The report of the journey in the workspace's folder, as `veraison report journey` leaves it, at the clock."""
    report = journey(service.log(), playbook or service.market.playbook, service.clock[0])
    report.write(service.market.workspace.reports)
    return report


def write_families(service: Door) -> FamiliesReport:
    """The report of the families in the workspace's folder, as `veraison report families` leaves it, at the clock."""
    log, at, book = service.log(), service.clock[0], service.market.playbook
    scores = score(service.market.bundle, log, log.leads, [at] * len(log.leads))
    found, _ = families(service.store, log, book, log.leads, at, scores, least_score(book))
    report = measured(log, book, found, chances(scores)[1])
    report.write(service.market.workspace.reports)
    return report


def write_forecast(service: Door) -> ForecastReport:
    """A forecast in the workspace's folder, as `veraison report forecast` leaves one, at the clock."""
    report = forecasts.report(now=service.clock[0])
    report.write(service.market.workspace.reports)
    return report


def contracted(playbook: Playbook, **terms: Any) -> Playbook:
    """The same playbook with a contract: two sellers, three leads a week each."""
    told = {"sellers": 2, "leads_per_week": 3, "precision": 0.05} | terms
    return playbook.model_copy(update={"contract": Contract.model_validate(told)})


def earlier(bundle: Bundle, days: int, now: int) -> Bundle:
    """The same model as if it had learned so many days ago: of a small market, weeks that it can be judged by."""
    facts = bundle.facts | {"as_of": isoformat(now - days * MICROS_PER_DAY)}
    return replace(bundle, facts=facts, saved_as=bundle.version)


def write_contract(service: Door, days: int = 90, **terms: Any) -> ContractReport:
    """The report of a contract in the workspace's folder, as `veraison report contract` leaves it, at the clock."""
    now, book = service.clock[0], contracted(service.market.playbook, **terms)
    with service.market.store() as store:
        found = contract(store.scan(), book, earlier(service.market.bundle, days, now), as_of=now, bodies=store.bodies)
    found.report.write(service.market.workspace.reports)
    contract_lines.append(service.market.workspace.reports, found.fresh)
    return found.report


def write_money(service: Door) -> MoneyReport:
    """The report of sources and money, as `veraison report money` leaves it, at the clock, with some costs."""
    costs = [Cost("Trade Fair", date(2025, 1, 1), date(2025, 3, 31), 9_000_000_000)]
    costs += [Cost("Paid Search", date(2025, 1, 1), date(2025, 12, 31), 21_000_000_000)]
    market = service.market
    report = money(service.log(), market.playbook, costs, market.bundle, service.clock[0])
    report.write(market.workspace.reports)
    return report
