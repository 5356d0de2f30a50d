"""What a route asks of one trait: the grammar of `when`, and the set of values that it means.

====================  ==========================================================================================
``"FR"``, ``"75"``    that text (of a category; upper and lower case are one)
``"=missing"``        the text after the sign as it stands, for texts that read like something else
``500``, ``"=500"``   that number
``">=500"``           also ``>``, ``<=`` and ``<``
``"50..499"``         from 50 to 499, both of them in; ``"50..<500"`` leaves the end out
``"missing"``         nothing is known of it
``"known"``           anything is
``["FR", "BE"]``      any of these
``{not = "FR"}``      everything else, *also missing*; ``{not = ["FR", "BE"]}`` everything but these two
====================  ==========================================================================================

A missing value is a value of every domain. Categories are open: there is always a text that nobody named. Numbers are
the line: between "..499" and ">=500" lies 499.5, and ``"50..<500"`` closes that gap.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf, isfinite

Cut = tuple[float, bool]
"""A cut of the line just before a number (False) or just after it (True); cuts are ordered as Python orders them."""
Span = tuple[Cut, Cut]
MISSING, KNOWN = "missing", "known"
EMAIL_KINDS = ("free", "education", "company")
"""What a trait of kind ``email`` can be, as data.domains tells it."""

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_COMPARED = re.compile(rf"(>=|>|<=|<|=|)\s*({_NUMBER})")
_BETWEEN = re.compile(rf"({_NUMBER})\s*\.\.\s*(<?)\s*({_NUMBER})")
_OF_A_NUMBER = re.compile(rf"(>=|>|<=|<)\s*{_NUMBER}|{_BETWEEN.pattern}")
_WRITE_NUMBER = 'write ">=500", "<500", "50..499", "50..<500", "missing", "known", a list of such, or {not = ...}'
_WRITE_TEXT = 'write "FR", "missing", "known", a list of such, or {not = ...}'


@dataclass(frozen=True)
class Numbers:
    """A set of numbers, and whether a missing one is in it. ``spans`` are apart, and ascend."""

    spans: tuple[Span, ...] = ()
    missing: bool = False

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.missing
        return isinstance(value, int | float) and any(low <= (value, False) < high for low, high in self.spans)

    def __or__(self, other: "Numbers") -> "Numbers":
        joined: list[Span] = []
        for low, high in sorted(self.spans + other.spans):
            if joined and low <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], high)
            else:
                joined.append((low, high))
        return Numbers(tuple(joined), self.missing or other.missing)

    def within(self, whole: Span) -> "Numbers":
        """What of it lies in a span."""
        cut = ((max(low, whole[0]), min(high, whole[1])) for low, high in self.spans)
        return replace(self, spans=tuple((low, high) for low, high in cut if low < high))

    def others(self, whole: Span) -> "Numbers":
        """Everything else, within a span.

        >>> everything = ((-inf, False), (inf, True))
        >>> read(">=500", Domain("number")).others(everything).spans == read("<500", Domain("number")).spans
        True
        """
        edges = [whole[0], *(cut for span in self.spans for cut in span), whole[1]]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return Numbers(tuple((low, high) for low, high in pairs if low < high), not self.missing)

    @property
    def is_empty(self) -> bool:
        return not self.spans and not self.missing


@dataclass(frozen=True)
class Names:
    """A set of texts, and whether a missing one is in it. ``rest``: all texts but those named."""

    named: frozenset[str] = frozenset()
    rest: bool = False
    missing: bool = False

    def __contains__(self, value: object) -> bool:
        return self.missing if value is None else (value in self.named) != self.rest

    def __or__(self, other: "Names") -> "Names":
        missing = self.missing or other.missing
        if self.rest and other.rest:
            return Names(self.named & other.named, True, missing)
        if self.rest or other.rest:
            most, least = (self, other) if self.rest else (other, self)
            return Names(most.named - least.named, True, missing)
        return Names(self.named | other.named, False, missing)

    def others(self, values: Iterable[str] | None) -> "Names":
        """Everything else; `values`: all there are, None where the category is open."""
        if values is None:
            return Names(self.named, not self.rest, not self.missing)
        return Names(frozenset(values) - self.named, False, not self.missing)

    def written(self, form: Callable[[str], str]) -> "Names":
        """The same of texts in another form."""
        return replace(self, named=frozenset(map(form, self.named)))

    @property
    def is_empty(self) -> bool:
        return not self.named and not self.rest and not self.missing


Values = Numbers | Names


@dataclass(frozen=True)
class Domain:
    """What something can be, besides missing.

    kind   : "number" or "category"
    span   : of a number, where it lies
    values : of a category, all there are; None where it is open
    """

    kind: str
    span: Span = ((-inf, False), (inf, True))
    values: tuple[str, ...] | None = None

    def others(self, values: Values) -> Values:
        """Everything else."""
        return values.others(self.span) if isinstance(values, Numbers) else values.others(self.values)


def domain_of(kind: str) -> Domain:
    """What a trait of a kind of `[features.traits]` can be."""
    if kind == "number":
        return Domain("number")
    return Domain("category", values=EMAIL_KINDS if kind == "email" else None)


def terms(condition: object) -> list[object]:
    """The parts of a condition of which any is enough."""
    return list(condition) if isinstance(condition, list | tuple) else [condition]


def read(condition: object, domain: Domain) -> Values:
    """The values that a condition means.

    Raises : ValueError, a sentence about the condition, also where it or a part of it takes no value at all

    >>> 500 in read("50..<500", Domain("number")), 499.5 in read("50..<500", Domain("number"))
    (False, True)
    >>> None in read({"not": ["FR", "BE"]}, Domain("category"))
    True
    """
    if not (parts := terms(condition)):
        raise ValueError("names no value; " + _write(domain))
    found: Values = Numbers() if domain.kind == "number" else Names()
    for part in parts:
        if (more := _part(part, domain)).is_empty:
            raise ValueError("takes no value at all, so no lead" + _bounds(domain))
        found = found | more  # type: ignore[operator]  # both are of the domain's kind
    return found


def _part(part: object, domain: Domain) -> Values:
    if isinstance(part, dict):
        if set(part) != {"not"} or isinstance(part["not"], dict):
            raise ValueError("is no condition; " + _write(domain))
        if any(isinstance(one, dict | list | tuple) for one in terms(part["not"])):
            raise ValueError("not = holds one condition, or a list of plain ones; " + _write(domain))
        return domain.others(read(part["not"], domain))
    if part in (MISSING, KNOWN):
        nothing: Values = Numbers(missing=True) if domain.kind == "number" else Names(missing=True)
        return nothing if part == MISSING else domain.others(nothing)
    return _numbers(part, domain) if domain.kind == "number" else _names(part, domain)


def _numbers(part: object, domain: Domain) -> Numbers:
    text = part.strip() if isinstance(part, str) else "" if isinstance(part, bool) else repr(part)
    if found := _COMPARED.fullmatch(text):
        low, high = {
            ">=": (False, None), ">": (True, None), "<=": (None, True), "<": (None, False),
        }.get(found[1], (False, True))  # fmt: skip
        number = _finite(found[2], text)
        span = (domain.span[0] if low is None else (number, low), domain.span[1] if high is None else (number, high))
    elif found := _BETWEEN.fullmatch(text):
        first, last = _finite(found[1], text), _finite(found[3], text)
        span = (first, False), (last, not found[2])
        if span[0] >= span[1]:
            raise ValueError(f'"{text}" is empty: nothing is at least {first:g} and {_up_to(found[2])} {last:g}')
    else:
        raise ValueError(f"{_short(part)} is no condition on a number; {_WRITE_NUMBER}")
    return Numbers((span,)).within(domain.span)


def _names(part: object, domain: Domain) -> Names:
    if not isinstance(part, str) or not part.strip():
        raise ValueError(f"{_short(part)} is no text; {_WRITE_TEXT}")
    text = part.strip()
    if _OF_A_NUMBER.fullmatch(text):
        raise ValueError(f'"{text}" is a condition on a number, and this is a category; for that text write "={text}"')
    text = text.removeprefix("=").strip()
    if not text:
        raise ValueError(f"{_short(part)} names no text; {_WRITE_TEXT}")
    if domain.values is not None and text not in domain.values:
        raise ValueError(f"{text!r} is none of {', '.join(domain.values)}")
    return Names(frozenset((text,)))


def _finite(text: str, condition: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError(f'"{condition}" is too large a number')
    return number + 0.0  # no negative zero


def _up_to(open_end: str) -> str:
    return "less than" if open_end else "at most"


def _bounds(domain: Domain) -> str:
    (low, _), (high, _) = domain.span
    if domain.kind != "number" or (low == -inf and high == inf):
        return ""
    return f"; it lies in [{low:g}; {high:g}]" if high < inf else f"; it is at least {low:g}"


def _write(domain: Domain) -> str:
    return _WRITE_NUMBER if domain.kind == "number" else _WRITE_TEXT


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
