"""What `veraison monitor` has decided, as the service reads it: the journal in the workspace's folder of reports.

A line is a verdict or a step of a renewal, the oldest first, never rewritten; here only verdicts count. A verdict of
an older or newer version may lack a section, or hold one that is not understood: such a section counts as not measured.
A line that is neither is passed over and counted; one without an end is being written, and is read when it is whole.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic import field_validator as checked

from data.events import parse_instant
from data.journal import JOURNAL, STEP, lines
from data.record import Record
from veraison import answers

REPORT = "drift.html"


def _or_none(value: Any, understood: ValidatorFunctionWrapHandler) -> Any:
    try:
        return understood(value)
    except ValidationError:
        return None


T = TypeVar("T")
Measured = Annotated[T | None, WrapValidator(_or_none)]
"""A section that may be absent, or not be understood."""


class Section(BaseModel):
    """A part of a verdict; what it holds besides is not needed here."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Cause(Section):
    """One thing that was seen; its numbers are told in `numbers`."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    kind: str
    name: str
    acts: bool = False

    @property
    def numbers(self) -> dict[str, Any]:
        """What was measured, by the names of its kind."""
        return self.model_extra or {}


class Figure(Section):
    """A figure with its 95 % interval, each null where it cannot be had."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Outcomes(Section):
    """The model's figures on outcomes that have matured."""

    leads: int = 0
    converted: int = 0
    observed: float = 0.0
    expected: float = 0.0
    auc: Measured[Figure] = None
    observed_to_expected: Measured[Figure] = None


class Slice(Section):
    """One kind of lead: how many, how many of them were won and were to be. ``off``: not to be put down to chance."""

    by: str
    name: str
    leads: int
    observed: int
    expected: float
    low: float
    high: float
    off: bool = False


class Times(Section):
    """How right the told times to readiness were."""

    leads: int = 0
    promised_coverage: float = 0.8
    interval_coverage: Measured[Figure] = None
    timing_error_days: Measured[Figure] = None


class Performance(Section):
    """What was promised when the model was made, and what came."""

    promised: Measured[dict[str, float]] = None
    since_model: Measured[Outcomes] = None
    newest: Measured[Outcomes] = None
    slices: Measured[tuple[Slice, ...]] = None
    times: Measured[Times] = None


class Column(Section):
    """A column, or the score, against the reference.

    psi   : population stability index; ``limit``: what it has to pass to be news
    moved : points of score on average
    """

    psi: float
    limit: float | None = None
    moved: float = 0.0


class Volume(Section):
    """Events of one kind a week, in the newest chunk and before it."""

    event: str
    per_week: float
    per_week_before: float = 0.0


class Drift(Section):
    """What was compared."""

    enough: bool = False
    columns: int = 0
    drifted: int = 0
    score: Measured[Column] = None
    events: Measured[tuple[Volume, ...]] = None


class Week(Section):
    """Conversions of one week beside what the model expected. ``week``: ISO date of its first day."""

    week: str
    expected: float
    observed: float
    low: float | None = None
    high: float | None = None

    @checked("week")
    @classmethod
    def _is_a_date(cls, text: str) -> str:
        parse_instant(f"{text[:10]}T00:00:00Z")
        return text

    @property
    def at(self) -> int:
        """Its first moment, microseconds UTC."""
        return parse_instant(f"{self.week[:10]}T00:00:00Z")


class Conversions(Section):
    """Observed against expected conversions, the oldest week first."""

    weeks: tuple[Week, ...] = ()


class Estimated(Section):
    """A figure estimated without labels, and what came true where that is known."""

    estimated: float | None = None
    low: float | None = None
    high: float | None = None
    true: float | None = None


class Chunk(Section):
    """One chunk of time of the estimate."""

    auc: Measured[Estimated] = None


class Estimate(Section):
    """Performance estimated without labels, the oldest chunk first."""

    chunks: tuple[Chunk, ...] = ()


class Level(Section):
    """What the model was set to: so many times as many outcomes as it said, with a 95 % interval.

    name  : ``all``, or ``trait=category``
    event : ``converted`` or ``ready``
    """

    name: str
    event: str
    factor: float
    low: float
    high: float


class Gate(Section):
    """Champion against challenger on leads that neither had seen."""

    leads: int = 0
    converted: int = 0
    passed: bool = False


def _record(told: Any) -> Record:
    checked = answers.Record.model_validate(told).model_dump(mode="json")
    if any((one["worked"] is None) != (checked["worked"] is None) for one in checked["bands"]):
        raise ValueError("a record whose bands are not parted alike")
    return Record.from_dict(checked)


class Verdict(Section):
    """One line of the journal. ``as_of``: the moment it stood at, ISO 8601."""

    decision: str
    as_of: str
    reason_code: Measured[str] = None
    champion_run: Measured[Annotated[str, Field(pattern=r"^/experiments/\w+/runs/\w+$")]] = None
    champion: str = ""
    challenger: str | None = None
    promoted: bool = False
    action: str | None = None
    message: str = ""
    causes: tuple[Cause, ...] = ()
    gate: Measured[Gate] = None
    levels: Measured[list[Level]] = None
    performance: Measured[Performance] = None
    drift: Measured[Drift] = None
    conversions: Measured[Conversions] = None
    estimate: Measured[Estimate] = None
    selection: Measured[Annotated[InstanceOf[Record], BeforeValidator(_record)]] = None
    data: Measured[dict[str, Any]] = Field(default=None)

    @checked("as_of")
    @classmethod
    def _is_a_moment(cls, text: str) -> str:
        parse_instant(text)
        return text

    @property
    def at(self) -> int:
        """The moment it stood at, microseconds UTC."""
        return parse_instant(self.as_of)

    @property
    def went_back(self) -> bool:
        """Whether the model before became the champion again."""
        return self.action == "rolled_back"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is a verdict. ``number``: from 1; ``start``, ``end``: its bytes in the file, no newline."""

    number: int
    start: int
    end: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Lines:
    """What is read of a journal: its verdicts, the oldest first, and how many lines are none."""

    verdicts: tuple[Line, ...] = ()
    unreadable: int = 0
    size: int = 0

    @property
    def newest(self) -> Verdict | None:
        """The last verdict."""
        return self.verdicts[-1].verdict if self.verdicts else None


class Journal:
    """The journal of one workspace, of which only what is new is read again.

    reports : folder of the journal; None where there is no workspace
    """

    def __init__(self, reports: Path | None) -> None:
        self._reports = reports
        self._path = None if reports is None else reports / JOURNAL
        self._reading = threading.Lock()
        self._read: tuple[tuple[int, ...], int, Lines] = (), 0, Lines()

    def lines(self) -> Lines:
        """The journal as it is now; empty where there is none, or it cannot be opened."""
        if self._path is None:
            return Lines()
        with self._reading:
            try:
                found = self._path.stat()
                mark, many, known = self._read
                seen = (found.st_ino, found.st_size, found.st_mtime_ns)
                if mark == seen:
                    return known
                if mark and (mark[0] != found.st_ino or found.st_size <= mark[1]):  # it did not grow: another journal
                    many, known = 0, Lines()
                if found.st_size > known.size:
                    with self._path.open("rb") as file:
                        file.seek(known.size)
                        many, known = _more(many, known, file.read())
            except OSError:
                return Lines()
            self._read = seen, many, known
            return known

    @property
    def folder(self) -> Path | None:
        """The folder of reports, None where there is no workspace."""
        return self._reports

    @property
    def report(self) -> Path | None:
        """Evidently's report of the newest look, None where it made none."""
        found = None if self._reports is None else self._reports / REPORT
        return found if found is not None and found.is_file() else None

    def whole(self, line: Line) -> dict[str, Any]:
        """A line as it stands in the file, with all its sections."""
        if self._path is None:
            return {}
        with self._path.open("rb") as file:
            file.seek(line.start)
            found: dict[str, Any] = json.loads(file.read(line.end - line.start))
        return found


def _more(many: int, known: Lines, text: bytes) -> tuple[int, Lines]:
    """Add whole lines to what is known; ``many``: lines so far, with those that are none."""
    verdicts, unreadable = list(known.verdicts), known.unreadable
    for one in lines(text, number=many, start=known.size):
        if one.ended and (one.document is None or STEP not in one.document):
            try:
                verdicts.append(Line(one.number, one.start, one.end, Verdict.model_validate(one.document)))
            except ValidationError:  # cut off by a full disk, or by hand
                unreadable += 1
    whole = text[: text.rfind(b"\n") + 1]
    return many + whole.count(b"\n"), Lines(tuple(verdicts), unreadable, known.size + len(whole))
