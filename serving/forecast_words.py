"""The forecast in words: the sentence first, then each week, each source and seller, and how far to trust it."""

from typing import Any

from data.events import MICROS_PER_DAY, parse_instant
from data.forecast_report import FEW_ORIGINS, Ahead, Backtest, Bounds, Error, ForecastReport, Outlook, Portion
from serving.journey_words import Grid
from serving.translations import Words, deferred

_NONE = "–"
_RULES = {
    "last": deferred("the last week again"),
    "mean4": deferred("the mean of 4 weeks"),
    "mean12": deferred("the mean of 12 weeks"),
    "year": deferred("the same week a year ago"),
}
TITLES = {"converted": deferred("Sales"), "ready": deferred("Leads that become ready")}


def shown(report: ForecastReport, words: Words) -> dict[str, Any]:
    """What the page and the report for a manager show, beside the charts."""
    return {
        "basis": basis(report, words),
        "outlooks": [
            {
                "event": one.event,
                "title": words(TITLES[one.event]),
                "sentence": sentence_of(one, report, words),
                "trust": trust(one.backtest, words),
                "so_far": so_far(one, words),
                "weeks": weeks(one, words),
                "sources": portions(one.sources, words("By source (%(trait)s)", trait=report.source), words, report),
                "sellers": portions(one.sellers, words("By seller (%(trait)s)", trait=report.seller), words, report),
                "past": past(one, words),
                "backtest": None if one.backtest is None else backtest(one.backtest, words),
                "season": one.season,
            }
            for one in report.outlooks
        ],
    }


def week_name(text: str, words: Words) -> str:
    """A week by its Monday."""
    return words.date(parse_instant(f"{text}T00:00:00Z"))


def between(count: Bounds, words: Words) -> str:
    """An interval in whole numbers."""
    return words("%(low)s to %(high)s", low=words.number(count.low), high=words.number(count.high))


def sentence_of(outlook: Outlook, report: ForecastReport, words: Words) -> str:
    """What is to be expected of all weeks together."""
    last = parse_instant(report.origin) + 7 * report.ahead * MICROS_PER_DAY - 1
    known = {
        "mean": words.number(round(outlook.total.mean)),
        "between": between(outlook.total, words),
        "first": words.date(parse_instant(report.origin)),
        "last": words.date(last),
    }
    if outlook.event == "converted":
        return words(
            "About %(mean)s sales are to be expected from %(first)s to %(last)s; four times in five it is %(between)s.",
            **known,
        )
    return words(
        "About %(mean)s leads will become ready from %(first)s to %(last)s; four times in five it is %(between)s.",
        **known,
    )


def basis(report: ForecastReport, words: Words) -> str:
    """What it is made of."""
    return words(
        "From the %(open)s leads that were open at the start of %(first)s, and about %(newcomers)s new ones a week.",
        open=words.number(report.open),
        first=words.date(parse_instant(report.origin)),
        newcomers=words.number(round(report.newcomers)),
    )


def so_far(outlook: Outlook, words: Words) -> str:
    """What is known of the week that runs."""
    return words("%(count)s so far in the first of these weeks.", count=words.number(outlook.so_far))


def trust(found: Backtest | None, words: Words) -> str:
    """How good such forecasts were, in one sentence; that it is not known, where it is not."""
    if found is None:
        return words("How good such a forecast is, is not known yet: there is too little past to try it on.")
    known = {
        "held": words.percent(found.whole.held),
        "weeks": words.number(found.whole.weeks),
        "error": words.number(found.whole.error),
    }
    said = words(
        "Such forecasts, made in the past with what was known then: the range held %(held)s of %(weeks)s weeks (meant "
        "are 80%%), and the forecast was off by %(error)s a week on average",
        **known,
    )
    told = [(one.error, words(_RULES[one.rule])) for one in found.whole.rules if one.error is not None]
    if told:
        error, rule = min(told)
        said += words("; the best simple rule, %(rule)s, by %(error)s", rule=rule, error=words.number(error))
    said += "."
    if found.origins < FEW_ORIGINS:
        said += " " + words.many(
            "That is from %(count)s forecast only: too few to rely on.",
            "That is from %(count)s forecasts only: too few to rely on.",
            found.origins,
        )
    return said


def weeks(outlook: Outlook, words: Words) -> Grid:
    """A line a week to come."""
    return Grid(
        words("Week by week"),
        (
            words("Expected"), words("Four times in five"), words("Of today’s leads"), words("Of leads to come"),
            words("Of old or lost leads"),
        ),
        tuple(
            (
                week_name(one.week, words),
                (
                    words.number(one.count.mean), between(one.count, words), words.number(one.stock),
                    words.number(one.arrivals), words.number(one.unforeseen),
                ),
            )
            for one in outlook.weeks
        ),
    )  # fmt: skip


def past(outlook: Outlook, words: Words) -> Grid:
    """The weeks before, the newest last."""
    return Grid(
        words("The weeks before"),
        (words("Came"),),
        tuple((week_name(one.week, words), (words.number(one.count),)) for one in outlook.past),
    )


def portion_name(one: Portion, words: Words) -> str:
    """A source or a seller as people call them."""
    if one.others:
        return words("all others")
    return words("not known") if one.name is None else one.name


def portions(found: tuple[Portion, ...], title: str, words: Words, report: ForecastReport) -> Grid:
    """A line a source, or a seller, in all weeks together."""
    return Grid(
        title,
        (
            words("Expected in %(weeks)s weeks", weeks=words.number(report.ahead)), words("Four times in five"),
            words("Of today’s leads"), words("Of leads to come"), words("Of old or lost leads"),
        ),
        tuple(
            (
                portion_name(one, words),
                (
                    words.number(one.count.mean), between(one.count, words), words.number(one.stock),
                    words.number(one.arrivals), words.number(one.unforeseen),
                ),
            )
            for one in found
        ),
    )  # fmt: skip


def backtest(found: Backtest, words: Words) -> dict[str, Any]:
    """The look back: what was tried, and a line for each distance."""
    rules = found.whole.rules
    span = {"first": week_name(found.first, words), "last": week_name(found.last, words)}
    made = words.many("Made at the start of one week.", "Made at the start of %(count)s weeks in a row.", found.origins)
    made += " " + words("The first is that of %(first)s, the last that of %(last)s.", **span)
    if found.model == "champion":
        made += " " + words("The model that serves made them: it had learned before.")
    else:
        until = words.date(parse_instant(found.trained))
        made += " " + words("A model made them that was trained for this only, on what was known before %(until)s.",
                            until=until)  # fmt: skip
    sums = ""
    if found.sums is not None:
        sums = words("The range held %(share)s of the sums over all weeks.", share=words.percent(found.sums))
    if found.sources is not None:
        sums += " " + words("Of those of single sources it held %(share)s.", share=words.percent(found.sources))
    head = (
        words("Weeks tried"), words("Held by the range"), words("Came a week"), words("Expected a week"),
        words("Off by, on average"), *(words(_RULES[one.rule]) for one in rules),
    )  # fmt: skip
    return {
        "made": made,
        "sums": sums,
        "grid": Grid(
            words("How far off, by how far ahead"), head, tuple((_distance(one, words), _row(one, words))
                                                               for one in found.rows)
        ),
    }  # fmt: skip


def _distance(one: Ahead, words: Words) -> str:
    if one.ahead is None:
        return words("all weeks")
    return words.many("%(count)s week ahead", "%(count)s weeks ahead", one.ahead)


def _row(one: Ahead, words: Words) -> tuple[str, ...]:
    return (
        words.number(one.weeks),
        words.percent(one.held),
        words.number(one.observed),
        words.number(one.expected),
        words.number(one.error),
        *(_error(rule, words) for rule in one.rules),
    )


def _error(one: Error, words: Words) -> str:
    return _NONE if one.error is None else words.number(one.error)
