"""The tables of the contract: both sides week by week, sellers, reasons, breaches."""

from data.contract_lines import Bound, Breach, Promise, Side
from data.contract_report import ContractReport, Seller, Share, Week
from serving.journey_words import Grid
from serving.translations import Words, deferred

NONE = "–"
SIDES: dict[Side, str] = {"marketing": deferred("Marketing"), "sales": deferred("Sales")}
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


def share_text(share: Share, words: Words) -> str:
    """A share with what it is of."""
    if share.share is None:
        return NONE
    return words(
        "%(share)s (%(kept)s of %(of)s)",
        share=words.percent(share.share),
        kept=words.number(share.kept),
        of=words.number(share.of),
    )


def hours_text(hours: float | None, words: Words) -> str:
    """A time in hours."""
    return NONE if hours is None else words("%(hours)s hours", hours=words.number(round(hours)))


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
        NONE if one.expected is None else words.percent(one.expected),
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


def reasons(report: ContractReport, words: Words) -> Grid:
    """A row a reason for which leads were sent back."""
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
        words(SIDES[one.side]),
        words(_PROMISES[one.promise]),
        told(one.promised),
        told(one.observed),
        words.number(one.leads),
    )
