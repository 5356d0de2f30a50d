"""The bounds of past weeks and the breaches, one line of JSON each, only ever added to: ``reports/contract.jsonl``.

Whoever measures writes it (`monitoring.contract`); whoever serves hands leads over by its newest bound, and pushes its
breaches. A bound that was written stays as it is, whatever is known later and whatever model serves.
"""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ValidationError

from data.events import instant, parse_instant
from data.journal import Line, lines
from data.reports import Part

FILE = "contract.jsonl"
"""Its name in the folder of reports."""

Side = Literal["marketing", "sales"]
Promise = Literal["volume", "precision", "contact", "report", "reason"]


def _is_a_moment(text: str) -> str:
    parse_instant(text)
    return text


Moment = Annotated[str, AfterValidator(_is_a_moment)]


class Bound(Part):
    """The least score of a week, and what was expected of it when the week began.

    week          : ``2026-W09``
    starts        : its Monday, midnight UTC, ISO 8601
    terms         : of the contract that it was computed from (`veraison.playbook_contract`)
    model_version : whose scores it speaks of
    score         : least score, in [0; 100]
    binds         : the promise that sets it
    promised      : leads a week
    made_up       : leads that the week is to bring beside those, as weeks before fell short; below 0: fewer
    leads         : expected
    flow          : of them those who come after Monday, before the factor
    promised_precision : in ]0; 1[
    precision     : expected, null where nobody is
    possible      : the same at the volume aimed at, where the precision binds
    factor, flow_factor : won, and come after Mondays, for each one expected, in the weeks before
    """

    kind: Literal["bound"] = "bound"
    week: str
    starts: Moment
    terms: str
    model_version: str
    score: float
    binds: Literal["capacity", "precision"]
    promised: int
    made_up: float = 0.0
    leads: float
    flow: float
    promised_precision: float
    precision: float | None
    possible: float | None
    factor: float
    flow_factor: float

    @property
    def start(self) -> int:
        """Its Monday, microseconds UTC."""
        return parse_instant(self.starts)


class Breach(Part):
    """A promise that was not kept.

    week     : in which the leads were handed over, or the event happened
    promised, observed : leads (volume), shares (precision, contact, report), or returns without a declared reason
    leads    : that were counted
    seen     : the moment at which it was known, ISO 8601
    """

    kind: Literal["breach"] = "breach"
    week: str
    side: Side
    promise: Promise
    promised: float
    observed: float
    leads: int
    seen: Moment

    @property
    def name(self) -> tuple[str, Promise]:
        """What there is one of."""
        return self.week, self.promise


Entry = Bound | Breach
_KINDS: dict[str, type[Entry]] = {"bound": Bound, "breach": Breach}


def week_name(start: int) -> str:
    """The ISO week of a moment, microseconds UTC.

    >>> week_name(1_772_236_800_000_000)
    '2026-W09'
    """
    day: date = instant(start).date()
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def read(folder: Path | None) -> list[tuple[Line, Entry]]:
    """All entries, the oldest first; what is none, or was torn, is passed over. Empty where there is no file."""
    if folder is None:
        return []
    try:
        text = (folder / FILE).read_bytes()
    except OSError:
        return []
    found = []
    for line in lines(text):
        kind = _KINDS.get(str((line.document or {}).get("kind")))
        if kind is None or not line.ended:
            continue
        try:
            found.append((line, kind.model_validate(line.document)))
        except ValidationError:
            continue
    return found


def bounds(entries: Iterable[Entry], terms: str, before: int | None = None) -> dict[int, Bound]:
    """By Monday (microseconds UTC), the bounds of a contract; of a week that stands twice the first.

    before : those of weeks that began by then; None for all
    """
    found: dict[int, Bound] = {}
    for one in entries:
        if isinstance(one, Bound) and one.terms == terms and (before is None or one.start <= before):
            found.setdefault(one.start, one)
    return found


def append(folder: Path, entries: Sequence[Entry]) -> None:
    """Add entries, on the disk when this returns; OSError where they cannot be written."""
    if not entries:
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(one.model_dump(mode="json")) + "\n" for one in entries).encode("ascii")
    with (folder / FILE).open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":  # a process died while it wrote: what it left stays, and is nothing
                text = b"\n" + text
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
