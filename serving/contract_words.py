"""The contract between marketing and sales in words: the bound of this week and why, what was promised, what came."""

from collections.abc import Iterator
from typing import Any

from data.contract_lines import Bound
from data.contract_report import ContractReport, Terms
from serving.contract_tables import (
    NONE,
    SIDES,
    breaches,
    hours_text,
    marketing,
    reason_name,
    reasons,
    sales,
    sellers,
    share_text,
)
from serving.translations import Words
from veraison.playbook import Playbook


def shown(report: ContractReport, words: Words) -> dict[str, Any]:
    """What the page and the report for a manager show, beside the charts."""
    return {
        "bound": bound_sentence(report, words),
        "why": why_sentence(report, words),
        "totals": list(_totals(report, words)),
        "promises": list(_promises(report.terms, words)),
        "breaches": breaches(report, words),
        "marketing": marketing(report, words),
        "sales": sales(report, words),
        "sellers": sellers(report, words),
        "reasons": reasons(report, words),
    }


def bound_sentence(report: ContractReport, words: Words) -> str:
    """From which score on leads are handed over this week, and what is expected of that."""
    bound = report.bound
    if bound is None:
        return words("The model has learned from later weeks than this one, so nothing is said of it.")
    told = words(
        "This week leads are handed over from a score of %(score)s: about %(leads)s of the %(promised)s that "
        "%(sellers)s take",
        score=words.decimal(bound.score, 1),
        leads=words.number(round(bound.leads)),
        promised=words.number(bound.promised),
        sellers=words.many("%(count)s seller", "%(count)s sellers", report.terms.sellers),
    )
    if bound.precision is None:
        return told + "."
    return told + words(
        "; %(share)s of them are expected to %(come)s.", share=words.percent(bound.precision), come=_come(report, words)
    )


def bound_told(bound: Bound, playbook: Playbook, words: Words) -> str:
    """A bound in one sentence, for who calls the leads."""
    contract = playbook.contract
    assert contract is not None  # a bound is that of a contract
    told = words(
        "%(score)s or more this week: about %(leads)s leads for %(sellers)s",
        score=words.decimal(bound.score, 1),
        leads=words.number(round(bound.leads)),
        sellers=words.many("%(count)s seller", "%(count)s sellers", contract.sellers_of(playbook.routing)),
    )
    if bound.precision is None:
        return told + "."
    come = _within(contract.of, playbook.horizons.primary, words)
    return told + words(
        "; %(share)s of them are expected to %(come)s.", share=words.percent(bound.precision), come=come
    )


def why_sentence(report: ContractReport, words: Words) -> str:
    """Which promise sets the bound, and what the other one would take."""
    bound = report.bound
    if bound is None:
        return ""
    if bound.binds == "capacity":
        return words("The number of leads that sales take sets this bound: a lower one would bring more.") + _repaid(
            bound, words
        )
    told = words(
        "The promised precision of %(promised)s sets this bound: the leads aimed at cannot be reached with it "
        "this week.",
        promised=words.percent(bound.promised_precision),
    )
    if bound.possible is None:
        return told
    return (
        told
        + " "
        + words(
            "With as many leads as aimed at, %(share)s would %(come)s.",
            share=words.percent(bound.possible),
            come=_come(report, words),
        )
    )


def _repaid(bound: Bound, words: Words) -> str:
    """Of leads that this week is to bring beside those promised; empty where there are none."""
    count = round(abs(bound.made_up))
    if not count:
        return ""
    if bound.made_up > 0:
        return " " + words.many(
            "The weeks before fell short: %(count)s lead of that is made up this week.",
            "The weeks before fell short: %(count)s leads of that are made up this week.",
            count,
        )
    return " " + words.many(
        "The weeks before brought too many: this week aims at %(count)s lead fewer.",
        "The weeks before brought too many: this week aims at %(count)s leads fewer.",
        count,
    )


def _come(report: ContractReport, words: Words) -> str:
    return _within(report.terms.of, report.terms.days, words)


def _within(of: str, days: int, words: Words) -> str:
    if of == "ready":
        return words("be accepted within %(days)s", days=words.days(days))
    return words("be won within %(days)s", days=words.days(days))


def _promises(terms: Terms, words: Words) -> Iterator[tuple[str, str]]:
    """Side, and what it promises."""
    days = words.days(terms.days)
    what = words("are accepted") if terms.of == "ready" else words("are won")
    yield (
        words(SIDES["marketing"]),
        words(
            "%(leads)s leads a week, %(each)s for each of %(sellers)s sellers; %(share)s of them %(what)s within "
            "%(days)s.",
            leads=words.number(terms.leads),
            each=words.number(terms.leads_per_week),
            sellers=words.number(terms.sellers),
            share=words.percent(terms.precision),
            what=what,
            days=days,
        ),
    )
    yield (
        words(SIDES["sales"]),
        words(
            "A first contact within %(hours)s hours, for %(share)s of the leads.",
            hours=words.number(terms.contact_hours),
            share=words.percent(terms.in_time),
        ),
    )
    if terms.report:
        yield (
            words(SIDES["sales"]),
            words(
                "A report of %(names)s within %(days)s, for %(share)s of the leads accepted or sent back.",
                names=", ".join(terms.report),
                days=words.days(terms.report_days),
                share=words.percent(terms.in_time),
            ),
        )
    yield (
        words(SIDES["sales"]),
        words(
            "Leads are sent back for these reasons only: %(names)s.",
            names=", ".join(reason_name(one, words) for one in terms.return_reasons),
        ),
    )


def _totals(report: ContractReport, words: Words) -> Iterator[tuple[str, str]]:
    """Name of a figure, and the figure over all weeks shown."""
    told, terms = report.totals, report.terms
    yield (
        words("Leads handed over, of those promised"),
        words("%(given)s of %(promised)s", given=words.number(told.handed), promised=words.number(told.promised))
        if told.promised
        else NONE,
    )
    name = words("Accepted in time") if terms.of == "ready" else words("Won in time")
    yield name, share_text(told.won, words)
    yield (
        words("First contact within %(hours)s hours", hours=words.number(terms.contact_hours)),
        share_text(told.contact, words),
    )
    yield words("Half are contacted after"), hours_text(told.hours, words)
    if terms.report:
        yield words("Report in time"), share_text(told.report, words)
    yield words("Sent back"), words.number(told.returned)
    yield words("of them without a declared reason"), words.number(told.undeclared)
