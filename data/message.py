"""One ``[[message]]`` table of a mapping: how a row becomes one Segment message.

`Message` is the table; the others are what stands in it: text with columns, a suffix, a condition, assignments.
What the keys mean, ``data.mapping`` and ``docs/mapping.md`` say.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from data.cells import CellError, Name, NumberRule, Row, Table, TimeRule, as_boolean, as_text, compact
from data.events import EventType

T = TypeVar("T")

_HASH = 32


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


class Suffix(Table):
    """A cell that refines the name of an event, unless it says the ordinary."""

    column: Name
    join: str = " / "
    unless: tuple[str, ...] = ()


class Condition(Table):
    """Which rows give the message; exactly one test, on the cell as text, and whatever `also` asks for besides."""

    column: Name
    present: StrictBool | None = None
    equals: str | None = None
    any_of: tuple[str, ...] | None = Field(None, alias="in")
    also: "Condition | None" = None

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if sum(test is not None for test in (self.present, self.equals, self.any_of)) != 1:
            raise ValueError("needs exactly one of present, equals, in")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it looks at."""
        return (self.column, *(self.also.columns if self.also else ()))

    def holds(self, row: Row) -> bool:
        return self._test(row) and (self.also is None or self.also.holds(row))

    def _test(self, row: Row) -> bool:
        text = _read(row, self.column, as_text)
        if self.present is not None:
            return (text is not None) == self.present
        return text is not None and text in (self.any_of or (self.equals,))


def _a_constant(value: object) -> object:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("should be text, a number, or true or false")
    return value


class Assignment(Table):
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


class Message(Table):
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
    properties: Assignments = Field(default_factory=dict)
    traits: Assignments = Field(default_factory=dict)
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
        tables = (self.suffix, *self.properties.values(), *self.traits.values())
        texts = (text.columns for text in (self.event, self.id) if text)
        looked_at = self.when.columns if self.when else ()
        named = chain(single, looked_at, (table.column for table in tables if table), chain.from_iterable(texts))
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
