"""What monitoring saw, one thing at a time, for programs and in words; what is done about it is the policy's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitoring.conversions import ALL


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that was seen.

    kind    : ``event_silent``, ``event_new``, ``source_silent``, ``category_new``, ``volume``, ``bots``,
              ``late_events``, ``quarantine``, ``duplicates``, ``score``, ``inputs``, ``column``,
              ``calibration``, ``slice``, ``conversions`` or ``estimate``
    name    : of what: the event, ``trait=category``, the column, the figure
    acts    : whether the policy acts on it; a drift that moves no prediction is reported only
    numbers : what was measured
    """

    kind: str
    name: str
    acts: bool
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the numbers beside kind, name and acts."""
        return {"kind": self.kind, "name": self.name, "acts": self.acts, **self.numbers}

    def sentence(self) -> str:
        """The cause in words."""
        return _WORDS[self.kind](self)


def _unexpected(cause: Cause) -> str:
    numbers = cause.numbers
    what = "leads were accepted by sales" if numbers["event"] == "ready" else "leads converted"
    where = "" if cause.name == ALL else f" of {cause.name.partition('=')[2]!r}"
    due = f"{numbers['expected']:.0f} were expected"
    return f"since about {numbers['since']} {numbers['observed']} {what}{where} where {due}"


def _level(cause: Cause) -> str:
    numbers = cause.numbers
    where = "" if cause.name == ALL else f" of {cause.name.partition('=')[2]!r}"
    what = "acceptances by sales" if numbers["event"] == "ready" else "conversions"
    return (
        f"the level{where} that has held since about {numbers['since']} is known better: "
        f"{numbers['factor']:.2f} times as many {what} instead of {numbers['before']:.2f}"
    )


_WORDS: dict[str, Callable[[Cause], str]] = {
    "event_silent": lambda c: (
        f"no {c.name!r} since {c.numbers['last'][:10]} (about {c.numbers['missed']} leads should have sent one"
        + (f"; is it called {' or '.join(map(repr, c.numbers['instead']))} now?)" if "instead" in c.numbers else ")")
    ),
    "event_new": lambda c: f"{c.name!r} is new since {c.numbers['first'][:10]} ({c.numbers['leads']} leads lately)",
    "category_new": lambda c: f"the category {c.name!r} is new ({c.numbers['share']:.0%} of new leads)",
    "source_silent": lambda c: (
        f"no lead of {c.name!r} since {c.numbers['last'][:10]} (about {c.numbers['missed']} should have come)"
    ),
    "volume": lambda c: (
        f"{c.numbers['value']} of {c.name!r} in the newest week, "
        f"where {c.numbers['low']} to {c.numbers['high']} are usual"
    ),
    "bots": lambda c: (
        f"{c.numbers['value']} visitors acted faster than people can, where at most {c.numbers['high']} are usual: "
        "filter bots at the source"
    ),
    "late_events": lambda c: (
        f"{c.numbers['value']} events arrived more than a day late, where at most {c.numbers['high']} are usual"
    ),
    "duplicates": lambda c: (
        f"{c.numbers['value']} acts were sent twice under different ids, where at most {c.numbers['high']} are usual"
    ),
    "quarantine": lambda c: (
        f"{c.numbers['value']} messages could become no event, where at most {c.numbers['high']} are usual "
        f"(most of all of {c.numbers['source']!r}: {c.numbers['reason']})"
    ),
    "score": lambda c: (
        f"the scores have drifted (PSI {c.numbers['psi']:.2f}, {c.numbers['moved']:+.1f} points on average)"
    ),
    "inputs": lambda c: f"the inputs have drifted, {c.numbers['columns']} columns beyond what is usual of them",
    "calibration": lambda c: (
        f"{c.numbers['value']:.2f} conversions were observed for each one expected "
        f"({c.numbers['low']:.2f} to {c.numbers['high']:.2f})"
    ),
    "slice": lambda c: (
        f"of {c.numbers['leads']} leads of {c.name!r} {c.numbers['observed']} converted "
        f"where {c.numbers['expected']:.0f} were expected"
    ),
    "conversions": _unexpected,
    "level": _level,
    "estimate": lambda c: (
        f"the leads of late are harder to rank (AUC estimated at {c.numbers['value']:.2f}, "
        f"{c.numbers['promised']:.2f} when the model learned)"
    ),
    "column": lambda c: f"the column {c.name} has drifted (PSI {c.numbers['psi']:.2f})",
}
