"""The journal of monitoring as a file: one line of JSON each, only ever added to.

Whoever monitors writes it (`monitoring.journal`), whoever serves shows it (`serving.verdicts`). What both have to agree
on stands here: where a line begins and ends, and what counts as one. A process that dies while it writes leaves a line
without its end; whoever writes next begins a line of its own, so that what was torn stays where it is and is nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

JOURNAL = "monitor.log.jsonl"
"""Its name in the folder of reports."""
STEP = "step"
"""A line that has this word is a step of a renewal; any other is a verdict."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file.

    number     : from 1, blank lines counted
    start, end : its bytes in the file, no newline
    document   : None where it is no JSON object, as where it was torn
    ended      : whether its newline is there; the last one may be being written
    """

    number: int
    start: int
    end: int
    document: dict[str, Any] | None
    ended: bool


def lines(text: bytes, *, number: int = 0, start: int = 0) -> Iterator[Line]:
    r"""The lines of (a later part of) a journal, blank ones left out.

    number, start : how many lines, and bytes, came before

    >>> [(one.number, one.document, one.ended) for one in lines(b'{"step": "window"}\n\n{"ste\n{"a": 1}')]
    [(1, {'step': 'window'}, True), (3, None, True), (4, {'a': 1}, False)]
    """
    *whole, last = text.split(b"\n")
    for place, one in enumerate([*whole, last]):
        end = start + len(one)
        if one.strip():
            yield Line(number + place + 1, start, end, _document(one), ended=place < len(whole))
        start = end + 1


def _document(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
