"""What a record of scores says, in words and in cells of a table."""

from typing import Any

from data.record import Band, Record
from serving.translations import Words


def of_hundred(share: float | None, words: Words) -> str:
    """A share as so many of a hundred; one decimal below ten, where it tells bands apart."""
    return "–" if share is None else words.number(_in_hundred(share))


def _in_hundred(share: float) -> float:
    return round(share * 100, 1 if share < 0.0995 else 0)


def _predicted(count: float, words: Words) -> str:
    if not count:
        return words("none was predicted")
    return words.many("%(count)s was predicted", "%(count)s were predicted", count)


def _scores(band: Band, words: Words) -> str:
    return words("%(low)s to %(high)s", low=str(band.low), high=str(band.high))


def share_within(share: float | None, interval: tuple[float, float] | None, words: Words) -> str:
    """A share of a hundred, with its interval in brackets."""
    if interval is None:
        return "–"
    low, high = (of_hundred(bound, words) for bound in interval)
    return words("%(share)s (%(low)s to %(high)s)", share=of_hundred(share, words), low=low, high=high)


def figures_of(band: Band, words: Words) -> dict[str, Any]:
    """The cells of a row."""
    return {
        "leads": words.number(band.leads),
        "won": words.number(band.won),
        "share": share_within(band.share, band.interval, words),
        "predicted": of_hundred(band.predicted, words),
        "enough": band.enough,
    }


def banded_row(band: Band, days: int, words: Words) -> dict[str, Any]:
    """One band as a row of a table, and in a sentence."""
    return {"scores": _scores(band, words), "sentence": _sentence(band, days, words), **figures_of(band, words)}


def _sentence(band: Band, days: int, words: Words) -> str:
    """One band in words; empty where nobody had such a score."""
    if band.share is None or band.predicted is None:
        return ""
    low, high = str(band.low), str(band.high)
    if not band.enough:
        return words.many(
            "%(count)s lead scored %(low)s to %(high)s: too few to say anything.",
            "%(count)s leads scored %(low)s to %(high)s: too few to say anything.",
            band.leads,
            low=low,
            high=high,
        )
    told = {
        "low": low,
        "high": high,
        "days": words.days(days),
        "predicted": _predicted(_in_hundred(band.predicted), words),
    }
    if not band.won:
        return words(
            "Of 100 leads scored %(low)s to %(high)s, none was won within %(days)s; %(predicted)s.", **told
        )  # fmt: skip
    return words.many(
        "Of 100 leads scored %(low)s to %(high)s, %(count)s was won within %(days)s; %(predicted)s.",
        "Of 100 leads scored %(low)s to %(high)s, %(count)s were won within %(days)s; %(predicted)s.",
        _in_hundred(band.share),
        **told,
    )


def period(one: Record, words: Words) -> str:
    """From when to when its scores are."""
    if one.since is None or one.until is None:
        return ""
    return words("from %(since)s to %(until)s", since=words.date(one.since), until=words.date(one.until))


def summary(one: Record, words: Words) -> str:
    """All bands together, in one sentence."""
    everyone = one.everyone
    told = {
        "leads": words.many("%(count)s scored lead", "%(count)s scored leads", everyone.leads),
        "days": words.days(one.days),
        "predicted": _predicted(round(everyone.expected), words),
    }
    if not everyone.won:
        return words("None of %(leads)s was won within %(days)s; %(predicted)s.", **told)
    return words.many(
        "%(count)s of %(leads)s was won within %(days)s; %(predicted)s.",
        "%(count)s of %(leads)s were won within %(days)s; %(predicted)s.",
        everyone.won,
        **told,
    )
