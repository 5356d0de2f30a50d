"""The journey of all leads in words: the sentence that says where it leaks first, then every table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from data.events import parse_instant
from data.journey_report import JourneyReport, Leak, Passage, Share, Stage, Time, Velocity
from serving.translations import Words, deferred

SHOWN = 12
"""So many months are shown, the newest."""
_USUAL = {
    "anonymous": deferred("anonymous"),
    "mql": deferred("MQL"),
    "sql": deferred("SQL"),
    "customer": deferred("customer"),
}
"""The stages that every firm knows, as people call them; any other goes by the name that the playbook gives it."""
_NONE = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that may be wider than a phone: it scrolls by itself. ``rows``: name of the row, and its cells."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def stage_name(name: str, words: Words) -> str:
    """A stage as people call it."""
    return words(_USUAL[name]) if name in _USUAL else name


def source_name(name: str | None, words: Words) -> str:
    """A source as people call it."""
    return words("not known") if name is None else words("all others") if name == "…" else name


def shown(report: JourneyReport, words: Words) -> dict[str, Any]:
    """What the page and the report for a manager show, beside the charts."""
    days = words.days(report.days)
    return {
        "leak": leak_sentence(report, words),
        "enough": report.enough,
        "basis": _basis(report, words),
        "days": days,
        "stages": [stage_row(one, words) for one in report.stages],
        "leaks": [leak_row(one, words) for one in report.leaks if one.kind == "source"],
        "times": [time_row(one, words) for one in report.stages[:-1]],
        "grids": [one for one in (_paces(report, words), *_cohorts(report, words)) if one.rows],
        "passages": _passages(report, words),
        "volumes": [one for one in _volumes(report, words) if one.rows],
        "missing": [
            (stage_name(one.name, words), field.trait, words.number(field.leads), words.number(one.now))
            for one in report.stages
            for field in one.missing
        ],
        "notes": report.notes,
    }


def leak_sentence(report: JourneyReport, words: Words) -> str:
    """Where the funnel leaks, in one sentence."""
    if not report.leaks:
        return words("Too few leads have come far enough to say where the funnel leaks.")
    first = report.leaks[0]
    return _by_source(first, report, words) if first.kind == "source" else _by_stage(first, words)


def _by_source(leak: Leak, report: JourneyReport, words: Words) -> str:
    told = words(
        "The funnel leaks most from %(stage)s to %(target)s, among leads of %(source)s: at the rate of the other "
        "sources %(leads)s more of %(stays)s would have gone on within %(days)s",
        stage=stage_name(leak.stage, words),
        target=stage_name(leak.target, words),
        source=source_name(leak.source, words),
        leads=words.number(round(leak.leads)),
        stays=words.number(leak.stays),
        days=words.days(report.days),
    )
    last = leak.target == report.stages[-1].name
    if leak.customers is not None and not last and round(leak.customers) >= 1:
        told += words.many(
            ", and about %(count)s of them would have bought",
            ", and about %(count)s of them would have bought",
            round(leak.customers),
        )
    if leak.value is not None:
        told += words(", for %(value)s", value=words.number(round(leak.value)))
    return told + "."


def _by_stage(leak: Leak, words: Words) -> str:
    known = {
        "stage": stage_name(leak.stage, words),
        "lost": words.number(leak.leads),
        "stays": words.number(leak.stays),
    }
    if leak.source is None:
        return words(
            "Most leads are lost in %(stage)s, %(lost)s of %(stays)s; no source does worse than the others beyond "
            "chance.",
            **known,
        )
    return words(
        "Most leads are lost in %(stage)s, %(lost)s of %(stays)s, and most of these came from %(source)s; no source "
        "does worse than the others beyond chance.",
        source=source_name(leak.source, words),
        **known,
    )


def _basis(report: JourneyReport, words: Words) -> str:
    if report.since is None:
        return ""
    return words.many(
        "From the journey of %(count)s lead, between %(since)s and %(until)s.",
        "From the journeys of %(count)s leads, between %(since)s and %(until)s.",
        report.leads,
        since=words.date(parse_instant(report.since)),
        until=words.date(report.moment),
    )


def stage_row(stage: Stage, words: Words) -> dict[str, str]:
    """Who is in a stage, who came, and what became of them."""
    passage = stage.passage
    return {
        "name": stage_name(stage.name, words),
        "now": words.number(stage.now),
        "came": words.number(stage.stays),
        "on": _bounded(passage.on if passage else None, words),
        "seen": _counted(passage, words),
        "back": _percent(passage.back if passage else None, words),
        "gone": _percent(passage.gone if passage else None, words),
        "lacking": words.number(stage.lacking) if stage.missing else "",
    }


def leak_row(leak: Leak, words: Words) -> dict[str, str]:
    """One leak as a line of a table."""
    return {
        "stage": stage_name(leak.stage, words),
        "source": source_name(leak.source, words),
        "rate": words.percent(leak.passed / leak.stays),
        "others": _NONE if leak.others is None else words.percent(leak.others),
        "leads": words.number(round(leak.leads)),
        "customers": _NONE if leak.customers is None else words.number(leak.customers),
        "value": _NONE if leak.value is None else words.number(round(leak.value)),
    }


def time_row(stage: Stage, words: Words) -> dict[str, str]:
    """How long a stage takes."""
    time = stage.time
    told = bool(time.curve)
    return {
        "name": stage_name(stage.name, words),
        "median": duration(time.median, words) if told else words("too few to say anything"),
        "between": _between(time, words) if told else "",
        "stays": words.number(time.stays),
        "still": words.number(time.still),
        "trend": trend_word(stage.velocity, words),
    }


def duration(days: float | None, words: Words) -> str:
    """Days in words; hours where it is less than one."""
    if days is None:
        return words("not reached")
    if days < 1:
        return words.many("%(count)s hour", "%(count)s hours", max(1, round(24 * days)))
    return words.many("%(count)s day", "%(count)s days", round(days, 1) if days < 10 else round(days))


def trend_word(velocity: Velocity, words: Words) -> str:
    """Whether it changes; what may be chance is no change."""
    match velocity.direction:
        case "faster":
            return words("faster than it was")
        case "slower":
            return words("slower than it was")
        case "steady":
            return words("no change beyond chance")
        case _:
            return words("too few to say anything")


def _between(time: Time, words: Words) -> str:
    return words(
        "%(lower)s to %(upper)s",
        lower=duration(time.lower, words),
        upper=duration(time.upper, words),
    )


def _bounded(found: Share | None, words: Words) -> str:
    if found is None:
        return _NONE
    return words(
        "%(share)s (%(low)s to %(high)s)",
        share=words.percent(found.share),
        low=words.percent(found.low),
        high=words.percent(found.high),
    )


def _percent(found: Share | None, words: Words) -> str:
    return _NONE if found is None else words.percent(found.share)


def _counted(passage: Passage | None, words: Words) -> str:
    if passage is None or not passage.seen:
        return ""
    return words(
        "%(passed)s of %(seen)s that could be seen for so long",
        passed=words.number(passage.passed),
        seen=words.number(passage.seen),
    )


def _month(name: str, words: Words) -> str:
    year, _, rest = name.partition("-")
    if rest.startswith("Q"):
        return words("quarter %(number)s of %(year)s", number=rest[1:], year=year)
    return words.month_and_year(parse_instant(f"{name}-01T00:00:00Z"))


def _paces(report: JourneyReport, words: Words) -> Grid:
    """Median time in each stage by the period in which it began."""
    stages = report.stages[:-1]
    told = {(one.name, pace.period): pace for one in stages for pace in one.velocity.periods}
    periods = sorted({period for _, period in told})[-SHOWN:]

    def cell(stage: str, period: str) -> str:
        pace = told.get((stage, period))
        return "" if pace is None else duration(pace.median, words)

    return Grid(
        words("Half have left a stage after, by when they entered it"),
        tuple(stage_name(one.name, words) for one in stages),
        tuple((_month(period, words), tuple(cell(one.name, period) for one in stages)) for period in periods),
    )


def _cohorts(report: JourneyReport, words: Words) -> Iterable[Grid]:
    """A table for each stage: of the leads created in a month, the share that reached it."""
    for stage in report.stages[1:]:
        days = sorted({one.days for cohort in report.cohorts for one in cohort.reached})
        rows = []
        for cohort in report.cohorts[-SHOWN:]:
            shares = {one.days: one.share for one in cohort.reached if one.stage == stage.name}
            if shares:
                cells = tuple("" if (share := shares.get(day)) is None else words.percent(share) for day in days)
                rows.append((_month(cohort.month, words), (words.number(cohort.leads), *cells)))
        if any(cell for _, (_, *cells) in rows for cell in cells):
            yield Grid(
                words(
                    "Came to %(stage)s within so many days, by month of creation", stage=stage_name(stage.name, words)
                ),
                (words("Leads"), *(words.days(day) for day in days)),
                tuple(rows),
            )


def _passages(report: JourneyReport, words: Words) -> Grid:
    """The chance to go on by month of creation."""
    stages = [one for one in report.stages if one.passage]
    told = {(one.name, part.month): part.on for one in stages for part in (one.passage.months if one.passage else ())}
    months = sorted({month for (_, month), on in told.items() if on})[-SHOWN:]
    rows = ((month, tuple(_cell(told.get((one.name, month)), words) for one in stages)) for month in months)
    return Grid(
        words("Go on within %(days)s, by month of creation", days=words.days(report.days)),
        tuple(stage_name(one.name, words) for one in stages),
        tuple((_month(month, words), cells) for month, cells in rows),
    )


def _cell(found: Share | None, words: Words) -> str:
    return "" if found is None else words.percent(found.share)


def _volumes(report: JourneyReport, words: Words) -> Sequence[Grid]:
    """Leads by source and month, and entries of stages."""
    head = tuple(_month(one, words) for one in report.months[-SHOWN:])

    def rows(volumes: Any, name: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((name(one.name, words), tuple(map(words.number, one.leads[-SHOWN:]))) for one in volumes)

    return (
        Grid(words("New leads by source and month"), head, rows(report.arrivals, source_name)),
        Grid(words("Entries into each stage by month"), head, rows(report.entries, stage_name)),
    )
