"""The contract between marketing and sales in words: the bound of this week and why, then every table."""

from collections.abc import Iterator
from typing import Any

from data.contract_lines import Bound, Breach, Promise, Side
from data.contract_report import ContractReport, Seller, Share, Terms, Week
from serving.journey_words import Grid
from serving.translations import Words, deferred
from veraison.playbook import Playbook

_NONE = "–"
_SIDES: dict[Side, str] = {"marketing": deferred("Marketing"), "sales": deferred("Sales")}
_PROMISES: dict[Promise, str] = {
    "volume": deferred("leads handed over in four weeks"),
    "precision": deferred("share of the leads that keep the promise"),
    "contact": deferred("first contact in time"),
    "report": deferred("report in time"),
    "reason": deferred("returns without a declared reason"),
}
_REASONS = {
    "postponed": deferred("postponed"),
    "wrong_contact": deferred("wrong contact"),
    "not_mature": deferred("not mature"),
    "no_budget": deferred("no budget"),
    "other": deferred("another reason"),
}


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
        "reasons": _reasons(report, words),
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
        return words("The number of leads that sales take sets this bound: a lower one would bring more.")
    told = words(
        "The promised precision of %(promised)s sets this bound: both promises cannot be kept this week.",
        promised=words.percent(bound.promised_precision),
    )
    if bound.possible is None:
        return told
    return (
        told
        + " "
        + words(
            "With as many leads as promised, %(share)s would %(come)s.",
            share=words.percent(bound.possible),
            come=_come(report, words),
        )
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
        words(_SIDES["marketing"]),
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
        words(_SIDES["sales"]),
        words(
            "A first contact within %(hours)s hours, for %(share)s of the leads.",
            hours=words.number(terms.contact_hours),
            share=words.percent(terms.in_time),
        ),
    )
    if terms.report:
        yield (
            words(_SIDES["sales"]),
            words(
                "A report of %(names)s within %(days)s, for %(share)s of the leads accepted or sent back.",
                names=", ".join(terms.report),
                days=words.days(terms.report_days),
                share=words.percent(terms.in_time),
            ),
        )
    yield (
        words(_SIDES["sales"]),
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
        else _NONE,
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


def share_text(share: Share, words: Words) -> str:
    """A share with what it is of."""
    if share.share is None:
        return _NONE
    return words(
        "%(share)s (%(kept)s of %(of)s)",
        share=words.percent(share.share),
        kept=words.number(share.kept),
        of=words.number(share.of),
    )


def hours_text(hours: float | None, words: Words) -> str:
    """A time in hours."""
    return _NONE if hours is None else words("%(hours)s hours", hours=words.number(round(hours)))


def binds_text(bound: Bound, words: Words) -> str:
    """Which promise sets a bound."""
    return words("capacity") if bound.binds == "capacity" else words("precision")


def reason_name(name: str | None, words: Words) -> str:
    """A reason as people call it."""
    return words("none given") if name is None else words(_REASONS[name]) if name in _REASONS else name


def marketing_row(one: Week, words: Words) -> tuple[str, ...]:
    """What marketing did in a week."""
    return (
        words.decimal(one.bound.score, 1),
        binds_text(one.bound, words),
        words.number(one.bound.promised),
        words.number(one.handed) if one.over else words("%(count)s so far", count=words.number(one.handed)),
        _NONE if one.expected is None else words.percent(one.expected),
        share_text(one.won, words),
    )


def marketing_head(report: ContractReport, words: Words) -> tuple[str, ...]:
    """The names of its cells."""
    return (
        words("Least score"),
        words("Set by"),
        words("Promised"),
        words("Handed over"),
        words("Expected to be accepted") if report.terms.of == "ready" else words("Expected to be won"),
        words("Accepted in time") if report.terms.of == "ready" else words("Won in time"),
    )


def marketing(report: ContractReport, words: Words) -> Grid:
    """Marketing's side, the newest week first."""
    rows = tuple((one.bound.week, marketing_row(one, words)) for one in reversed(report.weeks))
    return Grid(words("Marketing, week by week"), marketing_head(report, words), rows)


def _sales_head(report: ContractReport, words: Words) -> tuple[str, ...]:
    return (
        words("First contact within %(hours)s hours", hours=words.number(report.terms.contact_hours)),
        words("Half are contacted after"),
        words("Report in time"),
        words("Sent back"),
        words("of them without a declared reason"),
    )


def _sales_row(one: Week | Seller, words: Words) -> tuple[str, ...]:
    return (
        share_text(one.contact, words),
        hours_text(one.hours, words),
        share_text(one.report, words),
        words.number(one.returned),
        words.number(one.undeclared),
    )


def sales(report: ContractReport, words: Words) -> Grid:
    """Sales' side, the newest week first."""
    rows = tuple((one.bound.week, _sales_row(one, words)) for one in reversed(report.weeks))
    return Grid(words("Sales, week by week"), _sales_head(report, words), rows)


def sellers(report: ContractReport, words: Words) -> Grid:
    """A row a seller."""
    head = (
        words("Handed over"),
        words("Accepted in time") if report.terms.of == "ready" else words("Won in time"),
        *_sales_head(report, words),
    )
    rows = tuple(
        (
            words("nobody yet") if one.name is None else one.name,
            (words.number(one.handed), share_text(one.won, words), *_sales_row(one, words)),
        )
        for one in report.sellers
    )
    return Grid(words("Seller by seller"), head, rows)


def _reasons(report: ContractReport, words: Words) -> Grid:
    rows = tuple(
        (
            reason_name(one.name, words),
            (words.number(one.returns), words("yes") if one.declared else words("no")),
        )
        for one in report.reasons
    )
    return Grid(words("Why leads were sent back"), (words("Returns"), words("Declared")), rows)


def breaches(report: ContractReport, words: Words) -> Grid:
    """A row a promise that was not kept, the newest first."""
    head = words("Side"), words("What was promised"), words("Promised"), words("Came"), words("Leads counted")
    return Grid(
        words("Promises that were not kept"), head, tuple((one.week, breach_row(one, words)) for one in report.breaches)
    )


def breach_row(one: Breach, words: Words) -> tuple[str, ...]:
    """What was promised and what came."""
    of_leads = one.promise in ("volume", "reason")

    def told(value: float) -> str:
        return words.number(round(value)) if of_leads else words.percent(value)

    return (
        words(_SIDES[one.side]),
        words(_PROMISES[one.promise]),
        told(one.promised),
        told(one.observed),
        words.number(one.leads),
    )
