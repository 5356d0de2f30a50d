"""Sources and money in words: what stands out first, then every table."""

from typing import Any

from data.events import parse_instant
from data.money_report import Amounts, Contribution, Credit, Expected, MoneyReport, Source
from serving.journey_words import Grid, source_name
from serving.translations import Words, deferred

SHOWN = 12
"""So many months are shown, the newest."""
FEW = 5
"""Sales of a source below which its cost for each is no headline."""
_NONE = "–"
METHODS = {
    "first": deferred("first touch"),
    "last": deferred("last touch"),
    "linear": deferred("every touch alike"),
    "model": deferred("by the model"),
}


def amount(value: float | None, currency: str, words: Words) -> str:
    """Whole units with their currency."""
    if value is None:
        return _NONE
    return words("%(number)s %(currency)s", number=words.number(round(value)), currency=currency)


def shown(report: MoneyReport, words: Words) -> dict[str, Any]:
    """What the page and the file that stands alone show, beside the charts."""
    return {
        "headline": headline(report, words),
        "outlook": outlook(report, words),
        "currency": report.currency,
        "sources": [source_row(one, report, words) for one in report.sources],
        "whole": _cells(report.whole, report.expected, report, words),
        "costed": report.whole.cost is not None,
        "ready": report.whole.ready is not None,
        "days": words.days(report.days),
        "expected": report.expected is not None,
        "unpriced": _unpriced(report, words),
        "stock": _stock(report, words),
        "months": _months(report, words),
        "grids": [one for one in _grids(report, words) if one.rows],
        "touches": _touches(report, words),
        "touch_notes": _touch_notes(report, words),
        "grouped": report.grouped,
        "window": words.days(report.window_days),
        "notes": report.notes,
    }


def headline(report: MoneyReport, words: Words) -> str:
    """What stands out of sources, in one sentence."""
    told = [one for one in report.sources if one.amounts.cost and (one.amounts.against or one.amounts).won >= FEW]
    if len(told) > 1:
        dear, cheap = (pick(told, key=lambda one: one.amounts.cost_per_won or 0.0) for pick in (max, min))
        return words(
            "A sale from %(dear)s costs %(most)s, one from %(cheap)s %(least)s.",
            dear=source_name(dear.name, words),
            most=amount(dear.amounts.cost_per_won, report.currency, words),
            cheap=source_name(cheap.name, words),
            least=amount(cheap.amounts.cost_per_won, report.currency, words),
        )
    first = max(report.sources, key=lambda one: (one.amounts.revenue or 0, one.amounts.won), default=None)
    if first is None or not first.amounts.won:
        return words("Nothing has been sold yet.")
    known = {"source": source_name(first.name, words)}
    if first.amounts.revenue:
        brought = amount(first.amounts.revenue, report.currency, words)
        return words.many(
            "Leads of %(source)s brought most: %(revenue)s from %(count)s sale.",
            "Leads of %(source)s brought most: %(revenue)s from %(count)s sales.",
            first.amounts.won,
            revenue=brought,
            **known,
        )
    return words.many(
        "Leads of %(source)s brought most: %(count)s sale.",
        "Leads of %(source)s brought most: %(count)s sales.",
        first.amounts.won,
        **known,
    )


def outlook(report: MoneyReport, words: Words) -> str:
    """What the open leads are expected to bring, in one sentence; empty where nothing is expected."""
    found = report.expected
    if found is None:
        return ""
    known = {"days": words.days(report.days), "sales": words.number(found.sales)}
    if found.revenue is None or found.low is None or found.high is None:
        return words.many(
            "%(count)s open lead is expected to bring %(sales)s sales within %(days)s.",
            "%(count)s open leads are expected to bring %(sales)s sales within %(days)s.",
            found.leads,
            **known,
        )
    revenue, low, high = (amount(one, report.currency, words) for one in (found.revenue, found.low, found.high))
    return words.many(
        "%(count)s open lead is expected to bring %(revenue)s within %(days)s, from %(sales)s sales; by chance alone "
        "between %(low)s and %(high)s in four cases of five.",
        "%(count)s open leads are expected to bring %(revenue)s within %(days)s, from %(sales)s sales; by chance alone "
        "between %(low)s and %(high)s in four cases of five.",
        found.leads,
        revenue=revenue,
        low=low,
        high=high,
        **known,
    )


def source_row(one: Source, report: MoneyReport, words: Words) -> dict[str, str]:
    """One source as a line."""
    return {"name": source_name(one.name, words), **_cells(one.amounts, one.expected, report, words)}


def _cells(one: Amounts, expected: Expected | None, report: MoneyReport, words: Words) -> dict[str, str]:
    def told(value: float | None) -> str:
        return _NONE if value is None else words.number(round(value))

    return {
        "cost": told(one.cost),
        "leads": words.number(one.leads),
        "ready": told(one.ready),
        "won": words.number(one.won),
        "revenue": told(one.revenue),
        "per_lead": told(one.cost_per_lead),
        "per_ready": told(one.cost_per_ready),
        "per_won": told(one.cost_per_won),
        "multiple": _NONE if one.multiple is None else words.number(one.multiple),
        "open": _NONE if expected is None else words.number(expected.leads),
        "expected": told(None if expected is None else expected.revenue),
        "sales": _NONE if expected is None else words.number(expected.sales),
    }


def _unpriced(report: MoneyReport, words: Words) -> str:
    """What is to be known of sales without an amount; empty where all have one."""
    without = report.whole.won - report.whole.priced
    if not without:
        return ""
    if not report.whole.priced:
        return words("No sale has an amount, so nothing is said of revenue.")
    return words.many(
        "%(count)s sale of %(all)s has no amount and counts as 0.",
        "%(count)s sales of %(all)s have no amount and count as 0.",
        without,
        all=words.number(report.whole.won),
    )


def _stock(report: MoneyReport, words: Words) -> str:
    """Where the amounts of open leads come from; empty where nothing is expected."""
    found = report.expected
    if found is None:
        return words("Nothing is said of open leads: there is no model, or nobody is open.")
    if report.amounts_of == "mean":
        return words("What is expected counts every open lead at the average amount of a sale so far.")
    if report.amounts_of == "own":
        return words.many(
            "%(count)s open lead counts at its own expected amount, the others at the average amount of a sale so far.",
            "%(count)s open leads count at their own expected amount, the others at the average amount of a sale so "
            "far.",
            found.priced,
        )
    return words("No amount is known of open leads, nor of any sale.")


def _month(name: str, words: Words) -> str:
    return words.month_and_year(parse_instant(f"{name}-01T00:00:00Z"))


def _months(report: MoneyReport, words: Words) -> list[dict[str, str]]:
    return [
        {"name": _month(one.name, words), **_cells(one.amounts, None, report, words)} for one in report.months[-SHOWN:]
    ]


def _grids(report: MoneyReport, words: Words) -> tuple[Grid, ...]:
    """By source and month: what was spent, and what of the month's leads was won."""
    newest = report.months[-SHOWN:]
    head = tuple(_month(one.name, words) for one in newest)

    def rows(cell: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found = [
            (source_name(source.name, words), tuple(cell(month.sources[place]) for month in newest))
            for place, source in enumerate(report.sources)
        ]
        return tuple(one for one in found if any(one[1]))

    def spent(one: Amounts) -> str:
        return "" if one.cost is None else words.number(round(one.cost))

    def won(one: Amounts) -> str:
        if not one.leads:
            return ""
        return words("%(won)s of %(leads)s", won=words.number(one.won), leads=words.number(one.leads))

    return (
        Grid(words("Cost by source and month (%(currency)s)", currency=report.currency), head, rows(spent)),
        Grid(words("Won so far of the leads that began in a month, by source"), head, rows(won)),
    )


def channel_name(name: str | None, words: Words) -> str:
    """A channel as people call it."""
    return words("no touch") if name is None else words("all other channels") if name == "…" else name


def method_rows(report: MoneyReport) -> list[tuple[str, Contribution, tuple[Credit, ...]]]:
    """(way of counting, what it counts, credits) of all there are."""
    both = [one for one in (report.by_rule, report.by_model) if one is not None]
    return [(method.name, one, method.credits) for one in both for method in one.methods]


def credit_share(credit: Credit, counted: Contribution) -> float:
    """Of the amounts that were counted; of the sales where none has an amount."""
    return credit.revenue / counted.revenue if counted.revenue else credit.sales / counted.sales


def _touches(report: MoneyReport, words: Words) -> dict[str, Any] | None:
    """A line a channel: of each way of counting the amount and the share."""
    methods = method_rows(report)
    if not methods:
        return None
    rows = []
    for place, name in enumerate((*report.channels, None)):
        cells = []
        for _, counted, credits_ in methods:
            one = credits_[place]
            money = amount(one.revenue, report.currency, words) if counted.revenue else words.number(one.sales)
            cells.append((words.percent(credit_share(one, counted)), money))
        rows.append((channel_name(name, words), cells))
    whole = [
        amount(one.revenue, report.currency, words) if one.revenue else words.number(one.sales) for _, one, _ in methods
    ]
    return {"head": [words(METHODS[name]) for name, _, _ in methods], "rows": rows, "whole": whole}


def _touch_notes(report: MoneyReport, words: Words) -> list[str]:
    """What is to be known of the ways of counting."""
    found = []
    if (rule := report.by_rule) is not None:
        found.append(
            words.many(
                "First, last and every touch alike are rules that somebody chose, no measurement; they count %(count)s "
                "sale.",
                "First, last and every touch alike are rules that somebody chose, no measurement; they count all "
                "%(count)s sales.",
                rule.sales,
            )
        )
    one = report.by_model
    if one is None:
        return [*found, words("The model is not asked: there is none, or no sale to ask it about.")]
    found.append(
        words(
            "By the model: what it would have said just before the sale without these touches, not what would have "
            "happened. No experiment was made; a touch can be a sign of interest rather than its cause."
        )
    )
    found.append(
        words.many(
            "It was asked about %(count)s sale. Its mean probability within %(days)s was %(whole)s; without any touch "
            "it would have been %(without)s. That part stands under “no touch”.",
            "It was asked about %(count)s sales. Its mean probability within %(days)s was %(whole)s; without any touch "
            "it would have been %(without)s. That part stands under “no touch”.",
            one.sales,
            days=words.days(report.primary),
            whole=words.percent(one.mean_with or 0.0),
            without=words.percent(one.mean_without or 0.0),
        )
    )
    if one.seen:
        found.append(
            words.many(
                "%(count)s of these sales was made before the model was trained, which may have learned from it: "
                "too few have been made since.",
                "%(count)s of these sales were made before the model was trained, which may have learned from them: "
                "too few have been made since.",
                one.seen,
            )
        )
    if one.sampled:
        found.append(
            words.many(
                "%(count)s sale had so many channels that their orders were drawn at random.",
                "%(count)s sales had so many channels that their orders were drawn at random.",
                one.sampled,
            )
        )
    return found
