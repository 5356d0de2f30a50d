"""Acts, rules and the score in words: what each would have handed over first, then every table."""

from typing import Any

from data.events import parse_instant
from data.journey_report import ENOUGH, Share
from data.maturity_report import Handed, MaturityReport, Overlap
from serving.journey_words import Grid, duration
from serving.translations import Words, deferred

SHOWN = 12
"""So many weeks are shown in the table, the newest."""
_NONE = "–"
_NAMES = {
    "signs": deferred("all acts and rules"),
    "all": deferred("everything the playbook counts"),
}
_BY = {
    "both": deferred("both"),
    "signs": deferred("acts and rules only"),
    "score": deferred("the score only"),
    "neither": deferred("neither"),
}


def shown(report: MaturityReport, words: Words) -> dict[str, Any]:
    """What the page and the report that stands alone show, beside the charts."""
    return {
        "lede": told(report, words),
        "same": as_many(report, words),
        "basis": _basis(report, words),
        "model": _model(report, words),
        "days": words.days(report.days),
        "ways": [way_row(one, words) for one in report.ways],
        "accepted": any(one.accepted is not None for one in report.ways),
        "overlap": [_overlap_row(one, words) for one in report.overlap],
        "off_topic": [
            {
                "name": one.name,
                "leads": words.number(one.leads),
                "accepted": _NONE if one.accepted is None else words.number(one.accepted),
                "won": words.number(one.won),
            }
            for one in report.off_topic
        ],
        "weeks": weeks(report, words),
        "notes": report.notes,
        "counts": report.counts,
    }


def told(report: MaturityReport, words: Words) -> str:
    """Acts and rules beside the score, in one sentence."""
    signs, score = report.way("signs"), report.way("score")
    if signs is None or not report.leads:
        return words("No leads could be followed yet.")
    if score is None:
        return words(
            "Acts and rules would have handed over %(leads)s of %(all)s leads, and %(share)s of them bought within "
            "%(days)s.",
            leads=words.number(signs.leads),
            all=words.number(report.leads),
            share=_said(signs, words),
            days=words.days(report.days),
        )
    return words(
        "Of %(all)s leads, acts and rules would have handed over %(leads)s, of whom %(share)s bought within %(days)s; "
        "the score %(others)s, of whom %(other)s did.",
        all=words.number(report.leads),
        leads=words.number(signs.leads),
        share=_said(signs, words),
        days=words.days(report.days),
        others=words.number(score.leads),
        other=_said(score, words),
    )


def as_many(report: MaturityReport, words: Words) -> str:
    """The score at as many leads as acts and rules hand over; empty where it is not known."""
    found = report.way("as_many")
    if found is None or found.bound is None or found.seen < ENOUGH:
        return ""
    return words(
        "Of as many leads with the highest scores, %(bound)s or more, %(share)s bought.",
        bound=words.decimal(found.bound, 0),
        share=_said(found, words),
    )


def way_name(one: Handed, words: Words) -> str:
    """A way as people call it."""
    match one.kind:
        case "act":
            return words("act: %(name)s", name=one.name)
        case "rule":
            return words("rule: %(name)s", name=one.name)
        case "score":
            return words("score of %(bound)s or more", bound=words.decimal(one.bound or 0.0, 0))
        case "as_many":
            return words("score of %(bound)s or more: as many leads", bound=words.decimal(one.bound or 0.0, 0))
        case _:
            return words(_NAMES[one.kind])


def way_row(one: Handed, words: Words) -> dict[str, Any]:
    """What one way would have handed over."""
    return {
        "kind": one.kind,
        "name": way_name(one, words),
        "leads": words.number(one.leads),
        "accepted": _NONE if one.accepted is None else words.number(one.accepted),
        "won": words.number(one.won),
        "lost": words.number(one.lost + one.opted_out),
        "open": words.number(one.open),
        "share": bounded(one.share, one.seen, words),
        "seen": _counted(one.bought, one.seen, words),
        "early": duration(one.median_days, words) if one.median_days is not None and one.seen >= ENOUGH else _NONE,
        "missed": words.number(one.missed),
        "too_late": words.number(one.too_late),
    }


def bounded(share: Share | None, seen: int, words: Words) -> str:
    """A share with its bounds; of a few leads nothing is said."""
    if share is None or seen < ENOUGH:
        return words("too few to say anything")
    return words(
        "%(share)s (%(low)s to %(high)s)",
        share=words.percent(share.share),
        low=words.percent(share.low),
        high=words.percent(share.high),
    )


def weeks(report: MaturityReport, words: Words) -> Grid:
    """Leads handed over week by week, the newest at most."""
    head = tuple(words.day_and_month(parse_instant(f"{one}T00:00:00Z")) for one in report.weeks[-SHOWN:])
    rows = tuple(
        (way_name(one, words), tuple(map(words.number, one.weeks[-SHOWN:])))
        for one in report.ways
        if one.kind != "as_many"
    )
    return Grid(words("Leads handed over a week, by the Monday it begins with"), head, rows if head else ())


def _said(one: Handed, words: Words) -> str:
    return words.percent(one.share.share) if one.share and one.seen >= ENOUGH else _NONE


def _counted(bought: int, seen: int, words: Words) -> str:
    return words("%(bought)s of %(seen)s", bought=words.number(bought), seen=words.number(seen))


def _overlap_row(one: Overlap, words: Words) -> dict[str, str]:
    return {
        "name": words(_BY[one.by]),
        "leads": words.number(one.leads),
        "won": words.number(one.won),
        "share": bounded(one.share, one.seen, words),
        "seen": _counted(one.bought, one.seen, words),
    }


def _basis(report: MaturityReport, words: Words) -> str:
    if report.since is None:
        return ""
    found = words(
        "All ways are held against the same %(leads)s leads, those created since %(since)s; %(won)s of them have been "
        "won so far.",
        leads=words.number(report.leads),
        since=words.date(parse_instant(report.since)),
        won=words.number(report.won),
    )
    if report.sample is not None:
        found += " " + words("They were drawn by chance from %(all)s.", all=words.number(report.sample))
    return found


def _model(report: MaturityReport, words: Words) -> str:
    if report.model is None:
        return words("No scores: there is no model that has not seen these leads.")
    if report.twin:
        return words("Their scores are those of a twin of the model, trained only on what was known before they came.")
    return words("Their scores are those of the model that serves; it was trained before they came.")
