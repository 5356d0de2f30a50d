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
    each = "deal.ids"               # JSON: a list of which every member makes a row of its own

A message without ``id`` is named by a hash of its content: reading a file again, in another order or from
another format, stores nothing twice. Hence two equal rows are one event. ``docs/mapping.md`` tells the rest.
"""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ValidationError, model_validator

from data.cells import CellError, Name, NumberRule, Row, Table, TimeRule, compact, not_empty
from data.events import RawRecord
from data.message import Message
from veraison.errors import MappingError


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


class FileRule(Table):
    """How the file itself is read."""

    delimiter: Annotated[str, AfterValidator(_a_delimiter)] | None = None
    encoding: Annotated[str, AfterValidator(_an_encoding)] = "utf-8"
    sheet: Name | None = None
    each: Name | None = None


class Mapping(Table):
    """A whole mapping file.

    >>> mapping = Mapping.model_validate({"message": [
    ...     {"type": "track", "lead": "case", "event": "Won", "time": "won"}], "time": {"zone": "Europe/Paris"}})
    >>> [record] = mapping.records("deals.csv", 2, {"case": "L1", "won": "2018-02-01"})
    >>> record.payload["timestamp"], record.payload["userId"]
    ('2018-01-31T23:00:00Z', 'L1')
    """

    message: Annotated[tuple[Message, ...], AfterValidator(not_empty)]
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


def flat_rows(said: Row, each: str | None = None) -> Iterator[Row]:
    """The rows of one JSON object: what is nested becomes columns of its own.

    each : the column of a list of which every member makes a row

    >>> list(flat_rows({"id": 7, "to": {"ids": ["a", "b"]}}, each="to.ids"))
    [{'id': 7, 'to.ids': 'a'}, {'id': 7, 'to.ids': 'b'}]
    >>> list(flat_rows({"id": 7, "to": {"ids": ["a", "b"]}}))
    [{'id': 7, 'to.ids': ['a', 'b']}]
    """
    cells = dict(_cells("", said))
    members = cells.pop(each, None) if each else None
    if not isinstance(members, list):
        yield cells if members is None else cells | {str(each): members}
        return
    for member in members:
        yield cells | dict(_cells(str(each), member))


def _cells(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, one in value.items():
        yield from _cells(f"{path}.{name}" if path else name, one)


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
