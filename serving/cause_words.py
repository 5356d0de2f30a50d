"""What monitoring found, in the reader's language: a sentence from the kind, the name and the numbers of a cause."""

from collections.abc import Callable, Mapping
from typing import Any

from data.events import parse_instant
from features.catalogue import FeatureSet
from features.words import Language, meaning
from serving.translations import Words, deferred
from serving.verdicts import Cause, Verdict

_Teller = Callable[[Cause, Words], str]


def told(cause: Cause, words: Words) -> str | None:
    """A cause as one sentence; None where its kind is not known here, or it lacks a number that its sentence needs."""
    teller = _WORDS.get(cause.kind)
    if teller is None:
        return None
    try:
        return teller(cause, words)
    except (KeyError, TypeError, ValueError, OverflowError):  # of a version that measures something else
        return None


def sentences(verdict: Verdict, words: Words, *, acting: bool | None = None) -> list[str]:
    """The causes of a verdict that have words.

    acting : those that are acted on, or those that are only reported; None for all
    """
    chosen = [one for one in verdict.causes if acting is None or one.acts == acting]
    return [text for one in chosen if (text := told(one, words)) is not None]


def all_told(verdict: Verdict, words: Words) -> bool:
    """Whether every cause has words; else the monitor's own message is to be shown as well."""
    return all(told(one, words) is not None for one in verdict.causes)


def with_meanings(verdict: Verdict, feature_set: FeatureSet, language: Language) -> Verdict:
    """The same verdict with the columns of its causes named by what they mean, where the model knows them."""
    places = {name: place for place, name in enumerate(feature_set.names)}

    def named(cause: Cause) -> Cause:
        if cause.kind != "column" or cause.name not in places:
            return cause
        return cause.model_copy(update={"name": meaning(feature_set, places[cause.name], language)})

    return verdict.model_copy(update={"causes": tuple(map(named, verdict.causes))})


def ratio(value: float, words: Words) -> str:
    """Observed for each one expected; two decimals, since 0.96 and 1.04 are not the same.

    >>> ratio(0.5, Words("en")), ratio(1.237, Words("fr"))
    ('0.5', '1,24')
    """
    return words.decimal(value, 2)


_STAGES: Mapping[str, str] = {
    "not yet accepted": deferred("not yet accepted by sales"),
    "accepted by sales": deferred("accepted by sales"),
}


def slice_name(by: str, name: str, words: Words) -> str:
    """A kind of lead in words: a range of scores, a source as it is called, a stage.

    >>> slice_name("score", "70-80", Words("en")), slice_name("stage", "accepted by sales", Words("fr"))
    ('70 to 80', 'acceptés par les ventes')
    """
    if by == "score" and "-" in name:
        low, _, high = name.partition("-")
        return words("%(low)s to %(high)s", low=low, high=high)
    return words(_STAGES[name]) if by == "stage" and name in _STAGES else name


def _day(moment: Any, words: Words) -> str:
    text = str(moment)
    return words.date(parse_instant(f"{text}T00:00:00Z" if len(text) == 10 else text))


def _event_silent(cause: Cause, words: Words) -> str:
    numbers = cause.numbers
    missed, date = round(float(numbers["missed"])), _day(numbers["last"], words)
    found = words.many(
        "No “%(name)s” has come since %(date)s; about %(count)s lead should have sent one.",
        "No “%(name)s” has come since %(date)s; about %(count)s leads should have sent one.",
        missed,
        name=cause.name,
        date=date,
    )
    instead = numbers.get("instead") or ()
    return (
        found + " " + words("Is it called %(names)s now?", names=", ".join(f"“{one}”" for one in instead))
        if instead
        else found
    )


def _event_new(cause: Cause, words: Words) -> str:
    leads, date = float(cause.numbers["leads"]), _day(cause.numbers["first"], words)
    return words.many(
        "“%(name)s” is new since %(date)s (%(count)s lead lately).",
        "“%(name)s” is new since %(date)s (%(count)s leads lately).",
        leads,
        name=cause.name,
        date=date,
    )


def _category_new(cause: Cause, words: Words) -> str:
    share = words.percent(float(cause.numbers["share"]))
    return words("“%(name)s” is new: %(share)s of new leads have it.", name=cause.name, share=share)


def _source_silent(cause: Cause, words: Words) -> str:
    if "last" in cause.numbers:
        date = _day(cause.numbers["last"], words)
        return words("Nothing has come from the source “%(name)s” since %(date)s.", name=cause.name, date=date)
    return words("The source “%(name)s” has fallen silent.", name=cause.name)


def _source_new(cause: Cause, words: Words) -> str:
    return words("The source “%(name)s” is new; the model has not learned from it.", name=cause.name)


def _volume(cause: Cause, words: Words) -> str:
    value, low, high = (words.number(float(cause.numbers[name])) for name in ("value", "low", "high"))
    return words(
        "%(value)s of “%(name)s” came in the newest week, where %(low)s to %(high)s are usual.",
        name=cause.name,
        value=value,
        low=low,
        high=high,
    )


def _score(cause: Cause, words: Words) -> str:
    moved = float(cause.numbers["moved"])
    points = words.points(round(moved))
    if points == "0":
        return words("The scores are spread otherwise than when the model learned, the average is the same.")
    return words("The scores are not as they were when the model learned (on average %(points)s).", points=points)


def _inputs(cause: Cause, words: Words) -> str:
    share = words.percent(float(cause.numbers["share"]))
    return words("%(share)s of what the model looks at has changed.", share=share)


def _column(cause: Cause, words: Words) -> str:
    return words("No longer as it was: %(name)s.", name=cause.name)


def _calibration(cause: Cause, words: Words) -> str:
    value, low, high = (ratio(float(cause.numbers[name]), words) for name in ("value", "low", "high"))
    return words(
        "For each win that was expected, %(value)s came (between %(low)s and %(high)s).",
        value=value,
        low=low,
        high=high,
    )


def _slice(cause: Cause, words: Words) -> str:
    by, _, name = cause.name.partition("=")
    leads, observed, expected = (float(cause.numbers[one]) for one in ("leads", "observed", "expected"))
    shown = slice_name(by, name, words)
    return words.many(
        "Of %(leads)s leads (%(name)s), %(count)s was won where the model expected %(expected)s.",
        "Of %(leads)s leads (%(name)s), %(count)s were won where the model expected %(expected)s.",
        observed,
        name=shown,
        leads=words.number(leads),
        expected=words.number(round(expected)),
    )


def _conversions(cause: Cause, words: Words) -> str:
    observed, expected = float(cause.numbers["observed"]), float(cause.numbers["expected"])
    told = {"expected": words.number(round(expected)), "name": cause.name.rpartition("=")[2]}
    if cause.numbers.get("event") == "ready":
        return _acceptances(cause, words, observed, told)
    if cause.name == "all":
        return words.many(
            "%(count)s lead was won where the model expected %(expected)s.",
            "%(count)s leads were won where the model expected %(expected)s.",
            observed,
            **told,
        )
    return words.many(
        "Of “%(name)s”, %(count)s lead was won where the model expected %(expected)s.",
        "Of “%(name)s”, %(count)s leads were won where the model expected %(expected)s.",
        observed,
        **told,
    )


def _acceptances(cause: Cause, words: Words, observed: float, told: dict[str, str]) -> str:
    if cause.name == "all":
        return words.many(
            "Sales accepted %(count)s lead where the model expected %(expected)s.",
            "Sales accepted %(count)s leads where the model expected %(expected)s.",
            observed,
            **told,
        )
    return words.many(
        "Of “%(name)s”, sales accepted %(count)s lead where the model expected %(expected)s.",
        "Of “%(name)s”, sales accepted %(count)s leads where the model expected %(expected)s.",
        observed,
        **told,
    )


def _level(cause: Cause, words: Words) -> str:
    before, now = (ratio(float(cause.numbers[name]), words) for name in ("before", "factor"))
    told = {"before": before, "now": now, "name": cause.name.rpartition("=")[2]}
    if cause.name == "all":
        return words("The model’s new level is known better: %(now)s in place of %(before)s.", **told)
    return words("The new level of “%(name)s” is known better: %(now)s in place of %(before)s.", **told)


_PARTS: Mapping[str, str] = {
    "type": deferred("their type"),
    "id": deferred("their ids"),
    "time": deferred("their times"),
    "event": deferred("the name of their event"),
    "content": deferred("their properties"),
    "unreadable": deferred("their form"),
}


def _quarantine(cause: Cause, words: Words) -> str:
    said = words("More messages than usual cannot be read.")
    source, part = cause.numbers.get("source"), str(cause.numbers.get("reason"))
    if source:
        said += " " + words("Most come from “%(source)s”.", source=str(source))
    if part in _PARTS:
        told = words(_PARTS[part])
        said += " " + words("What is wrong most often: %(part)s.", part=told)
    return said


def _more(text: str) -> _Teller:
    """More of something than usual: `text` as it stands, in words."""
    return lambda cause, words: words(text)


_WORDS: Mapping[str, _Teller] = {
    "event_silent": _event_silent,
    "event_new": _event_new,
    "category_new": _category_new,
    "source_silent": _source_silent,
    "source_new": _source_new,
    "volume": _volume,
    "score": _score,
    "inputs": _inputs,
    "column": _column,
    "calibration": _calibration,
    "conversions": _conversions,
    "level": _level,
    "slice": _slice,
    "bots": _more(deferred("More of the events than usual come from robots, not from people.")),
    "late_events": _more(deferred("More events than usual come late.")),
    "quarantine": _quarantine,
    "duplicates": _more(deferred("More messages than usual come twice.")),
    "estimate": _more(
        deferred("The model ranks leads less well than it promised, as far as can be told before they are won or lost.")
    ),
}
