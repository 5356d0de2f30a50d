"""The journal: every decision of the monitor and every step of a renewal, one line of JSON each, only ever added to.

Two kinds of lines stand in it. A *verdict* is what one run decided (``decision`` is its first word). A *step* is
written when a step of a renewal is done, before the next one begins (``step``), with its numbers. The journal is also
what a renewal that was broken off is resumed from, so a line counts only when it is on the disk.

A process that dies while it writes leaves a line without its end. Such a line is nothing: it is skipped when the
journal is read, it stays where it is, and the next line begins on a line of its own. As the line of a step was torn,
the step counts as not done and is done again.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.events import parse_instant
from data.journal import JOURNAL, STEP, lines
from veraison.errors import VeraisonError

__all__ = ["JOURNAL", "Decided", "Journal", "Read", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a renewal that was done.

    renewal : name of the renewal, and of its folder in ``reports/renewal``
    name    : what was done (monitoring.renewal)
    as_of   : the moment of the run that did it, ISO 8601
    numbers : what came of it
    """

    renewal: str
    name: str
    as_of: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, the step first."""
        return {STEP: self.name, "renewal": self.renewal, "as_of": self.as_of, "numbers": self.numbers}


@dataclass(frozen=True, slots=True)
class Decided:
    """One verdict as the journal keeps it; `document` is all of it.

    causes  : as dictionaries: ``kind``, ``name``, ``acts`` and the numbers
    action  : what was done with a model beside deciding (monitoring.report.Verdict)
    renewal : the renewal that the run worked at
    """

    as_of: str
    decision: str
    causes: list[dict[str, Any]]
    champion: str
    challenger: str | None
    promoted: bool
    action: str | None
    renewal: str | None
    message: str
    document: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all that the verdict said."""
        return self.document

    @property
    def moment(self) -> int:
        """`as_of` in microseconds UTC."""
        return parse_instant(self.as_of)


@dataclass(frozen=True)
class Read:
    """The lines of a journal, oldest first, and how many were torn or are no line of it."""

    lines: Sequence[Step | Decided]
    torn: int = 0

    @property
    def verdicts(self) -> list[Decided]:
        return [line for line in self.lines if isinstance(line, Decided)]

    @property
    def steps(self) -> list[Step]:
        return [line for line in self.lines if isinstance(line, Step)]


class Journal:
    """One file that is only ever added to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, line: dict[str, Any]) -> None:
        """Write one line and wait until it is on the disk; VeraisonError, one line, where it cannot be written."""
        text = json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                if _is_torn(file):
                    text = b"\n" + text
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise VeraisonError(f"{self._path}: the journal cannot be written ({error.strerror})") from error

    def read(self) -> Read:
        """All lines; nothing where there is no journal yet."""
        try:
            written = self._path.read_bytes()
        except FileNotFoundError:
            return Read([])
        found = [_line(one.document) for one in lines(written)]
        return Read([line for line in found if line is not None], sum(line is None for line in found))


def _is_torn(file: Any) -> bool:
    """Whether the last line has no end."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")


def _line(found: dict[str, Any] | None) -> Step | Decided | None:
    """What a line says; None where it was torn, or is neither."""
    if found is None:
        return None
    try:
        if STEP in found:
            return Step(found["renewal"], found[STEP], found["as_of"], found["numbers"])
        return Decided(
            as_of=found["as_of"],
            decision=found["decision"],
            causes=found["causes"],
            champion=found["champion"],
            challenger=found["challenger"],
            promoted=found["promoted"],
            action=found.get("action"),  # journals of 0.1.0 before the loop have no such key
            renewal=found.get("renewal"),
            message=found["message"],
            document=found,
        )
    except KeyError:
        return None
