"""Where outcomes are known: what the model expected of each kind of lead, what came, and its times."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from serving.cause_words import slice_name
from serving.translations import Words, deferred
from serving.verdicts import Slice, Times, Verdict

_BY: Mapping[str, str] = {
    "score": deferred("By score"),
    "source": deferred("By source"),
    "stage": deferred("By stage"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of lead as a row of a table. ``off``: more or fewer were won than chance lets come."""

    name: str
    leads: str
    expected: str
    won: str
    off: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known: groups of rows, each with its heading, and sentences about the times; all may be empty."""

    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    times: tuple[str, ...]


def truth(verdict: Verdict, words: Words) -> Truth | None:
    """What is known by a verdict; None where nothing is."""
    performance = verdict.performance
    slices = (performance.slices if performance else None) or ()
    times = performance.times if performance else None
    if not slices and times is None:
        return None
    groups = [
        (words(_BY[by]), tuple(_row(one, words) for one in rows))
        for by, rows in groupby(slices, key=lambda one: one.by)
        if by in _BY
    ]
    return Truth(tuple(groups), tuple(_times(times, words)))


def _row(one: Slice, words: Words) -> Row:
    low, high = words.number(round(one.low)), words.number(round(one.high))
    return Row(
        name=slice_name(one.by, one.name, words),
        leads=words.number(one.leads),
        expected=words.number(one.expected),
        won=words("%(share)s (%(low)s to %(high)s)", share=words.number(one.observed), low=low, high=high),
        off=one.off,
    )


def _times(times: Times | None, words: Words) -> list[str]:
    if times is None:
        return []
    said = []
    inside, error = times.interval_coverage, times.timing_error_days
    if inside and inside.value is not None:
        said.append(
            words.many(
                "Of %(count)s lead that became ready, %(share)s did so between the first and the last day that was "
                "told (promised: %(promised)s).",
                "Of %(count)s leads that became ready, %(share)s did so between the first and the last day that was "
                "told (promised: %(promised)s).",
                times.leads,
                share=words.percent(inside.value),
                promised=words.percent(times.promised_coverage),
            )
        )
    if error and error.value is not None:
        said.append(words("The day told was off by %(days)s on average.", days=words.days(error.value)))
    return said
