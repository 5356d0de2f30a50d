"""Whom a raw record names, as far as anybody can tell: what erasure and export go by where no event was made."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data.rows import folded, readings

_IDS = ("userId", "anonymousId", "previousId")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CELLS = re.compile(r"[,;|\t\r\n\"'{}\[\]<>]+")
_EXPONENT = re.compile(r"\d[eE][+-]?\d")
_WORDS = re.compile(r"[\s,;|:=\"'{}\[\]<>]+")


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a record may call people by.

    ids    : texts that stand where an id does
    values : all its texts, folded: an address names a person wherever it stands
    """

    ids: frozenset[str]
    values: frozenset[str]


def mentions(raw: str) -> Mentions:
    """The names in a raw record.

    Of a Segment message the ids are those in its id fields. A row of a table does not say which of its columns is the
    id, so each whole cell counts; and of what cannot be parsed, each whole word and quoted text.

    >>> sorted(mentions('{"userId": 42, "properties": {"page": "7"}, "traits": {"email": " A@x.fr"}}').ids)
    ['42']
    >>> sorted(mentions('{"lead": "L1", "size": 7}').ids), "L1" in mentions('{"userId": "L1", "eve').ids
    (['7', 'L1'], True)
    """
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        texts = {*_QUOTED.findall(raw), *(cell.strip() for cell in _CELLS.split(raw)), *_WORDS.split(raw)}
        return _named(texts, texts)
    texts = set(_texts(said))
    if isinstance(said, dict) and any(name in said for name in _IDS):
        return _named({text for name in _IDS for text in _texts(said.get(name))}, texts)
    return _named(texts, texts)


def may_name(raw: str, names: frozenset[str]) -> bool:
    """False where `raw` cannot hold any of these folded names: cheap, and asked before it is parsed."""
    if not raw.isascii() or "\\" in raw or _EXPONENT.search(raw):  # a name may be written in other letters there
        return True
    lower = raw.lower()
    return any(name in lower for name in names)


def _named(ids: set[str], texts: set[str]) -> Mentions:
    return Mentions(frozenset(text.strip() for text in ids), frozenset(folded(text) for text in texts))


def _texts(value: Any) -> Iterator[str]:
    """All texts and numbers in a value, as text; numbers as ids and traits write them."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str):
            yield one
        elif isinstance(one, int) and not isinstance(one, bool):
            yield str(one)
        elif isinstance(one, float):
            yield str(readings(one)["text"])
