"""A mapping file says, in TOML, how each row of a table becomes Segment messages.

One ``[[message]]`` table is one message a row; several make several messages of the same row::

    [[message]]
    type   = "track"                # track, page, screen, identify, group, alias
    lead   = "case"                 # the column with the lead's id; or anonymous = "visitor"; or both
    event  = "{concept:name}"       # text with {columns} in it
    suffix = { column = "lifecycle:transition", join = " / ", unless = ["COMPLETE"] }
    time   = "time:timestamp"       # the column that says when it happened
    known  = "received"             # optional: when the firm could know it
    value  = "AMOUNT"               # optional: properties.value, a number
    id     = "crm-{Id}"             # optional: text with {columns}, unlike the ids of any other source
    when   = { column = "won_date", present = true }        # or equals = "won", or in = ["won", "paid"]
    [message.properties]            # [message.traits] for identify and group
    resource = "org:resource"                               # a column, as text
    amount   = { column = "AMOUNT_REQ", as = "number" }     # text, number or boolean
    channel  = { constant = "fair" }

    [time]                          # how dates written as text are read, and the zone of those without one
    formats = ["iso", "%d/%m/%Y"]   # tried in turn; also epoch_s, epoch_ms, epoch_us
    zone    = "Europe/Paris"
    [number]                        # how numbers written as text are read
    decimal = ","
    [file]
    delimiter = ";"                 # CSV; also encoding = "cp1252", and sheet = "Leads" for XLSX

A message without ``id`` is named by a hash of its content: reading a file again, in another order or from
another format, stores nothing twice. Hence two equal rows are one event. ``docs/mapping.md`` tells the rest.
"""

import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    model_validator,
)

from data.events import EventType, RawRecord, instant
from veraison.errors import MappingError

T = TypeVar("T")
Row = dict[str, Any]
"""The cells of one row by column; a column whose cell is empty may be absent."""

_EXACT = 2**53  # whole floats beyond this stand for several integers each
_HUGE = sys.float_info.max
_HASH = 32
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


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, table: Any) -> Any:
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        for key in table if isinstance(table, dict) else ():
            if key not in keys:
                raise ValueError(f"unknown key {key!r}; the keys here are {', '.join(keys)}")
        return table


def _some(items: tuple[T, ...]) -> tuple[T, ...]:
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


class TimeRule(_Table):
    """How a cell is read as a moment. Cells that are dates already need no format.

    A cell that carries its zone keeps it. A day is its midnight. Where the clock was put back, so that a local
    time came twice, the first is meant; where it was put forward, a time that never was counts from before the
    change (``fold=0`` of the standard library).
    """

    formats: Annotated[tuple[Annotated[str, AfterValidator(_a_format)], ...], AfterValidator(_some)] = ("iso",)
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


class NumberRule(_Table):
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


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True)
class Template:
    """Text with columns in it: constants at the even places of `parts`, columns at the odd ones."""

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Raises ValueError where a brace has no pair.

        >>> Template.parse("{stage} / {status}").columns
        ('stage', 'status')
        """
        if not isinstance(text, str) or not text.strip():
            raise ValueError("should be text, with the columns it takes in braces: {column}")
        parts = re.split(r"\{\s*([^{}]+?)\s*\}", text.strip())
        if any(brace in part for part in parts for brace in "{}"):
            raise ValueError(f"{text!r} has a brace without its pair")
        return cls(tuple(parts))

    @property
    def columns(self) -> tuple[str, ...]:
        return self.parts[1::2]

    def fill(self, row: Row) -> str:
        return "".join(_need(row, part, as_text) if odd % 2 else part for odd, part in enumerate(self.parts))


Text = Annotated[Template, BeforeValidator(Template.parse)]


class Suffix(_Table):
    """A cell that refines the name of an event, unless it says the ordinary."""

    column: Name
    join: str = " / "
    unless: tuple[str, ...] = ()


class Condition(_Table):
    """Which rows give the message; exactly one test, on the cell as text."""

    column: Name
    present: StrictBool | None = None
    equals: str | None = None
    any_of: tuple[str, ...] | None = Field(None, alias="in")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if sum(test is not None for test in (self.present, self.equals, self.any_of)) != 1:
            raise ValueError("needs exactly one of present, equals, in")
        return self

    def holds(self, row: Row) -> bool:
        text = _read(row, self.column, as_text)
        if self.present is not None:
            return (text is not None) == self.present
        return text is not None and text in (self.any_of or (self.equals,))


def _a_constant(value: object) -> object:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("should be text, a number, or true or false")
    return value


class Assignment(_Table):
    """What one property or trait is given: a column read as a type, or a constant."""

    column: Name | None = None
    constant: Annotated[Any, AfterValidator(_a_constant)] = None
    as_: Literal["text", "number", "boolean"] = Field("text", alias="as")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("needs either column or constant")
        return self

    def read(self, row: Row, number: NumberRule) -> Any:
        if self.column is None:
            return self.constant
        how = {"text": as_text, "number": number.read, "boolean": as_boolean}[self.as_]
        return _read(row, self.column, how)


def _an_assignment(given: object) -> object:
    return {"column": given} if isinstance(given, str) else given


Assignments = dict[Name, Annotated[Assignment, BeforeValidator(_an_assignment)]]

_SHAPES: dict[str, tuple[set[str], set[str]]] = {  # what a message of a type needs, and may have
    "track": ({"event"}, {"suffix", "value", "properties"}),
    "page": ({"event"}, {"suffix", "value", "properties"}),
    "screen": ({"event"}, {"suffix", "value", "properties"}),
    "identify": (set(), {"traits"}),
    "group": ({"group"}, {"traits"}),
    "alias": ({"lead", "previous"}, set()),
}


class Message(_Table):
    """One Segment message of a row. For page and screen, `event` is the name of what was seen."""

    type: EventType
    lead: Name | None = None
    anonymous: Name | None = None
    time: Name
    known: Name | None = None
    id: Text | None = None
    when: Condition | None = None
    event: Text | None = None
    suffix: Suffix | None = None
    value: Name | None = None
    properties: Assignments = {}
    traits: Assignments = {}
    group: Name | None = None
    previous: Name | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        needs, may = _SHAPES[self.type]
        special = {"event", "suffix", "value", "properties", "traits", "group", "previous"}
        for key in sorted(needs - self.model_fields_set):
            raise ValueError(f"a message of type {self.type} needs {key}")
        for key in sorted((self.model_fields_set & special) - needs - may):
            raise ValueError(f"a message of type {self.type} has no {key}")
        if not (self.lead or self.anonymous):
            raise ValueError("needs lead or anonymous, the column that says whose message it is")
        if self.value and "value" in self.properties:
            raise ValueError("value and properties.value are the same thing, given twice")
        if self.id and not self.id.columns:
            raise ValueError("id names no column, so every row would have the same; write {column}")
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column the message reads."""
        single = (self.lead, self.anonymous, self.time, self.known, self.value, self.group, self.previous)
        tables = (self.suffix, self.when, *self.properties.values(), *self.traits.values())
        texts = (text.columns for text in (self.event, self.id) if text)
        named = chain(single, (table.column for table in tables if table), chain.from_iterable(texts))
        return tuple(dict.fromkeys(column for column in named if column))

    def payload(self, row: Row, moment: TimeRule, number: NumberRule) -> dict[str, Any] | None:
        """The message of one row, or None where its condition does not hold. Raises CellError."""
        if self.when and not self.when.holds(row):
            return None
        said: dict[str, Any] = {"type": self.type, "timestamp": _need(row, self.time, moment.read)}
        if self.known and (known := _read(row, self.known, moment.read)):
            said["receivedAt"] = known
        if self.lead and (lead := _read(row, self.lead, as_text)):
            said["userId"] = lead
        if self.anonymous and (visitor := _read(row, self.anonymous, as_text)):
            said["anonymousId"] = visitor
        if len(said.keys() & {"userId", "anonymousId"}) == 0:
            raise CellError(self.lead or self.anonymous or "", "the cell is empty; it says whose row it is")
        if self.group:
            said["groupId"] = _need(row, self.group, as_text)
        if self.previous:
            said["previousId"] = _need(row, self.previous, as_text)
        if self.event:
            said["event" if self.type == "track" else "name"] = self.event.fill(row) + self._ending(row)
            said["properties"] = self._assigned(self.properties, row, number)
            if self.value and (value := _read(row, self.value, number.read)) is not None:
                said["properties"]["value"] = value
        elif self.type != "alias":
            said["traits"] = self._assigned(self.traits, row, number)
        said["messageId"] = self.id.fill(row) if self.id else sha256(compact(said).encode()).hexdigest()[:_HASH]
        return said

    def _ending(self, row: Row) -> str:
        text = _read(row, self.suffix.column, as_text) if self.suffix else None
        return "" if not self.suffix or text is None or text in self.suffix.unless else self.suffix.join + text

    @staticmethod
    def _assigned(assignments: Assignments, row: Row, number: NumberRule) -> dict[str, Any]:
        read = {name: given.read(row, number) for name, given in assignments.items()}
        return {name: value for name, value in read.items() if value is not None}


def _read(row: Row, column: str, how: Callable[[Any], T]) -> T | None:
    if column not in row:
        return None
    try:
        return how(row[column])
    except ValueError as problem:
        raise CellError(column, str(problem)) from None


def _need(row: Row, column: str, how: Callable[[Any], T]) -> T:
    found = _read(row, column, how)
    if found is None:
        raise CellError(column, "the cell is empty")
    return found


def _a_delimiter(sign: str) -> str:
    if len(sign) != 1 or sign in '\r\n"':
        raise ValueError(f"{sign!r} is not a delimiter; write one sign such as ';'")
    return sign


def _an_encoding(name: str) -> str:
    try:
        "x".encode(name)
    except LookupError:
        raise ValueError(f"{name!r} is not an encoding; write one such as utf-8 or cp1252") from None
    return name


class FileRule(_Table):
    """How the file itself is read."""

    delimiter: Annotated[str, AfterValidator(_a_delimiter)] | None = None
    encoding: Annotated[str, AfterValidator(_an_encoding)] = "utf-8"
    sheet: Name | None = None


class Mapping(_Table):
    """A whole mapping file.

    >>> mapping = Mapping.model_validate({"message": [
    ...     {"type": "track", "lead": "case", "event": "Won", "time": "won"}], "time": {"zone": "Europe/Paris"}})
    >>> [record] = mapping.records("deals.csv", 2, {"case": "L1", "won": "2018-02-01"})
    >>> record.payload["timestamp"], record.payload["userId"]
    ('2018-01-31T23:00:00Z', 'L1')
    """

    message: Annotated[tuple[Message, ...], AfterValidator(_some)]
    time: TimeRule = TimeRule()
    number: NumberRule = NumberRule()
    file: FileRule = FileRule()

    @model_validator(mode="after")
    def _ids_apart(self) -> Self:
        ids = [message.id for message in self.message if message.id]
        if len(set(ids)) < len(ids):
            raise ValueError("two messages of a row have the same id, so one would be lost; add a word to one")
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column the mapping reads."""
        return tuple(dict.fromkeys(chain.from_iterable(message.columns for message in self.message)))

    def check(self, columns: Sequence[str], source: str) -> None:
        """Raise MappingError where the source lacks a column, or has it twice, that the mapping reads."""
        shown = ", ".join(map(repr, columns[:30])) + (f" and {len(columns) - 30} more" if columns[30:] else "")
        for column in self.columns:
            if column not in columns:
                hint = "; is its delimiter another one? [file] delimiter says so" if len(columns) == 1 else ""
                raise MappingError(
                    f"{source}: the mapping reads the column {column!r}, which is not there; "
                    f"there are {shown or 'none'}{hint}"
                )
            if list(columns).count(column) > 1:
                raise MappingError(f"{source}: the column {column!r} is there twice; rename one of them")

    def records(self, source: str, line: int, cells: Row, raw: str | None = None) -> Iterator[RawRecord]:
        """The messages of one row; a row without any filled cell has none.

        A bad cell is the problem of the messages that read it; the others of the row survive.
        """
        row = {column: cell for column, value in cells.items() if (cell := _filled(value)) is not None}
        raw = compact(row) if raw is None else raw
        for message in self.message if row else ():
            try:
                payload = message.payload(row, self.time, self.number)
            except CellError as problem:
                yield RawRecord(source, line, raw, None, str(problem))
            else:
                if payload is not None:
                    yield RawRecord(source, line, raw, payload)


def _filled(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell.strip() or None
    return None if cell is None or cell != cell else cell  # noqa: PLR0124 (NaN is how tables say "nothing")


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises MappingError: one line with the file, the key's path, and what is allowed there.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # TOML or UTF-8
        raise MappingError(f"{path}: not valid TOML: {error}") from None
    try:
        return Mapping.model_validate(tables)
    except ValidationError as error:
        raise MappingError(f"{path}: {_one_line(error)}") from None


_KINDS = {"tuple": "a list", "dict": "a table", "model": "a table", "dataclass": "a table", "string": "text"}


def _one_line(error: ValidationError) -> str:
    first, *others = error.errors()
    path = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    kind = _KINDS.get(first["type"].removesuffix("_type"))
    if first["type"] == "missing":
        sentence = "is required and missing"
    elif kind:
        hint = "; write [[message]] with two brackets" if path == "message" else ""
        sentence = f"should be {kind}, not {first['input']!r}{hint}"
    else:
        sentence = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return (f"{path}: " if path else "") + sentence + (f" (and {len(others)} more)" if others else "")
