"""A cell of a row: how it is read as text, a number, truth or a moment, and written as canonical JSON.

What the cells of one format are, those of another may not be: 173688 is a number in a workbook and text in a CSV.
The readings here make them the same. The two rules, ``[time]`` and ``[number]`` of a mapping, are for cells that are
text; they are tables of the mapping file, and what every such table has in common stands here with them.
"""

import json
import math
import re
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

from data.events import instant

T = TypeVar("T")
Row = dict[str, Any]
"""The cells of one row by column; a column whose cell is empty may be absent."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""What a mapping calls a column or a sheet by."""

_EXACT = 2**53  # whole floats beyond this stand for several integers each
_HUGE = sys.float_info.max
_NUMBER = re.compile(r"[+-]?(?:(?:\d+|\d{1,3}(?: \d{3})+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SWAP = str.maketrans(",.", ".,")
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")  # 20180201 is as likely an id or an epoch as a date
_YEAR = re.compile("%[YyGcx]")
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CellError(ValueError):
    """What is wrong with one cell of one row: a verdict on that row, not on the file."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(f"column {column!r}: {sentence}")


def compact(value: object) -> str:
    """Canonical JSON: sorted, without blanks, letters as they are, what is not text a ``?``; dates as ISO text.

    >>> compact({"b": 1, "a": date(2018, 2, 1)})
    '{"a":"2018-02-01","b":1}'
    """
    return _ENCODER.encode(value).encode("utf-8", "replace").decode()


def _as_json(cell: object) -> str:
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_as_json)


class Table(BaseModel):
    """A table of a mapping file: it never changes, and a key that it does not know is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, table: Any) -> Any:
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        for key in table if isinstance(table, dict) else ():
            if key not in keys:
                raise ValueError(f"unknown key {key!r}; the keys here are {', '.join(keys)}")
        return table


def not_empty(items: tuple[T, ...]) -> tuple[T, ...]:
    """The same items. Raises ValueError where there are none."""
    if not items:
        raise ValueError("is empty; at least one is needed")
    return items


def _a_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write one such as Europe/Paris or UTC") from None
    return name


def _a_format(text: str) -> str:
    if "%Z" in text:
        raise ValueError(f"{text!r}: names of zones are ambiguous; write %z for offsets, or the name itself")
    day = datetime(2001, 2, 3, tzinfo=UTC)
    try:  # a format that gives a whole date brings one back
        back = _YEAR.search(text) and datetime.strptime(day.strftime(text), text).replace(tzinfo=UTC)
    except ValueError:
        back = None
    if back != day and text not in ("iso", *_EPOCHS):
        raise ValueError(f"{text!r} does not give a whole date; write one such as %d/%m/%Y, iso or epoch_s")
    return text


class TimeRule(Table):
    """How a cell is read as a moment. Cells that are dates already need no format.

    A cell that carries its zone keeps it. A day is its midnight. Where the clock was put back, so that a local
    time came twice, the first is meant; where it was put forward, a time that never was counts from before the
    change (``fold=0`` of the standard library).
    """

    formats: Annotated[tuple[Annotated[str, AfterValidator(_a_format)], ...], AfterValidator(not_empty)] = ("iso",)
    zone: Annotated[str, AfterValidator(_a_zone)] | None = None

    @cached_property
    def _zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.zone) if self.zone else None

    def read(self, cell: object) -> str:
        """The moment as Segment writes it. Raises ValueError with one sentence."""
        if isinstance(cell, date):
            moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time.min)
        else:
            moment = self._written(cell)
        if moment.tzinfo is None:
            if self._zone is None:
                raise ValueError(f"{str(cell)!r} has no time zone; add one to the cells, or [time] zone to the mapping")
            moment = moment.replace(tzinfo=self._zone)
        try:
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:
            raise ValueError(f"{str(cell)!r} is outside the calendar") from None

    def _written(self, cell: object) -> datetime:
        text = as_text(cell)
        for form in self.formats:
            try:
                if form in _EPOCHS:
                    return instant(int(Decimal(text) * _EPOCHS[form]))
                if form == "iso":
                    if _ISO_DAY.match(text):
                        return datetime.fromisoformat(text)
                else:
                    return datetime.strptime(text, form)
            except (ValueError, OverflowError, OSError, InvalidOperation):
                continue
        raise ValueError(f"{text!r} is not a date; [time] formats of the mapping are {', '.join(self.formats)}")


class NumberRule(Table):
    """How a number written as text is read; blanks may set thousands apart, no other sign may."""

    decimal: Literal[".", ","] = "."

    def read(self, cell: object) -> int | float:
        """The number, whole ones as int, so that 20000 and 20000.0 are the same. Raises ValueError."""
        number = math.nan
        if isinstance(cell, str):
            text = cell.replace("\u00a0", " ").replace("\u202f", " ")  # the blanks of French thousands
            text = text.translate(_SWAP) if self.decimal == "," else text
            if _NUMBER.fullmatch(text):
                number = float(text.replace(" ", ""))
        elif isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
            number = float(cell) if -_HUGE <= cell <= _HUGE else math.inf
        if math.isnan(number):
            raise ValueError(f"{as_text(cell)!r} is not a number (its decimal sign being {self.decimal!r})")
        if math.isinf(number):
            raise ValueError(f"{as_text(cell)!r} is too large for a number")
        return int(number) if number.is_integer() and abs(number) < _EXACT else number


def as_text(cell: object) -> str:
    """A cell as text: the ids of a column of numbers are ``173688``, never ``173688.0``.

    >>> as_text(173688.0), as_text(True), as_text(date(2018, 2, 1))
    ('173688', 'true', '2018-02-01')
    """
    if isinstance(cell, str):
        try:
            cell.encode()
        except UnicodeEncodeError:
            raise ValueError("not in the encoding of the mapping; [file] encoding may be cp1252, say") from None
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        if abs(cell) >= _EXACT:
            raise ValueError(f"{cell!r} was rounded when it was stored as a number; store it as text")
        return str(int(cell))
    if isinstance(cell, Decimal):
        return str(int(cell)) if cell == int(cell) else format(cell.normalize(), "f")
    if isinstance(cell, int | float | date | time):
        return cell.isoformat() if isinstance(cell, date | time) else str(cell)
    raise ValueError(f"a {type(cell).__name__} is not a plain value")


def as_boolean(cell: object) -> bool:
    """True or false, from a cell that is one or says so. Raises ValueError."""
    said = _TRUTH.get(as_text(cell).lower())
    if said is None:
        raise ValueError(f"{as_text(cell)!r} is not one of {', '.join(_TRUTH)}")
    return said
