"""The one record everything rests on: an event, and the moments that belong to it.

Time is an ``int`` of microseconds since 1970-01-01 UTC everywhere below the door: exact, sortable,
the same in SQLite, Arrow, numpy and numba. Text comes in and goes out through the two functions here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

MICROS_PER_SECOND = 1_000_000
MICROS_PER_DAY = 86_400 * MICROS_PER_SECOND

EventType = Literal["track", "page", "screen", "identify", "group", "alias"]
EVENT_TYPES: tuple[EventType, ...] = ("track", "page", "screen", "identify", "group", "alias")

Trait = str | float | bool


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one lead.

    event_id    : the sender's ``messageId``; the same id twice is stored once
    lead_id     : the id as sent (``userId``, else ``anonymousId``); who that person is, identity says
    type        : the Segment call
    kind        : what happened, in the firm's words (``"Pricing Page Viewed"``)
    occurred_at : microseconds UTC, when it happened
    known_at    : microseconds UTC, when the system could know it; never before `occurred_at`
    value       : millionths of the event's ``properties.value``, None where it has none
    properties  : what else the sender said about the event
    traits      : what it says about the person or company (identify, group)
    previous_id : the id that continues as this lead (alias, or identify carrying both ids)
    actor       : who at the firm acted: a seller, a queue, a machine; None where nobody is named
    """

    event_id: str
    lead_id: str
    type: EventType
    kind: str
    occurred_at: int
    known_at: int
    value: int | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    traits: dict[str, Trait] = field(default_factory=dict)
    previous_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of a source before anyone has judged it.

    source  : the file's name as given, or ``"http"``
    line    : 1-based line or row in that source
    raw     : the record as text, kept whole for the quarantine
    payload : the Segment-shaped message, or None where the text could not even be decoded
    problem : why `payload` is None
    """

    source: str
    line: int
    raw: str
    payload: dict[str, Any] | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not become an event: nothing is dropped, it is kept with its reason.

    known_at : when it could be known, microseconds UTC, by the rule for events; where it bears no time that can be
               read, when it was judged. None: nobody noted it. The same record again is the same rejection
    """

    source: str
    line: int
    reason: str
    raw: str
    known_at: int | None = field(default=None, compare=False)


EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("occurred_at", pa.int64(), nullable=False),
        pa.field("known_at", pa.int64(), nullable=False),
        pa.field("value", pa.int64()),
        pa.field("actor", pa.string()),
    ]
)
"""An event as features see it. ``occurred_at``, ``known_at``: microseconds UTC; ``value``: millionths."""

TRAIT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("occurred_at", pa.int64(), nullable=False),
        pa.field("known_at", pa.int64(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("number", pa.float64()),
    ]
)
"""One trait as one event taught it; text and number are both filled where the value allows it."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime.

    >>> micros(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    if moment.tzinfo is None:
        raise ValueError(f"the date {moment.isoformat()} has no zone")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MICROS_PER_SECOND + delta.microseconds


def parse_instant(text: object) -> int:
    """Microseconds of an ISO 8601 date and time with a zone.

    Raises ValueError with a sentence a person can act on.

    >>> parse_instant("2026-03-01T09:12:00Z")
    1772356320000000
    >>> parse_instant("2026-03-01T09:12:00")
    Traceback (most recent call last):
    ...
    ValueError: the date '2026-03-01T09:12:00' has no zone; write it as 2026-03-01T09:12:00Z
    """
    if not isinstance(text, str):
        raise ValueError(f"a date is text such as 2026-03-01T09:12:00Z, not {text!r}")  # noqa: TRY004 (one kind)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write it as 2026-03-01T09:12:00Z") from None
    if moment.tzinfo is None:
        day = moment.isoformat(timespec="seconds")
        raise ValueError(f"the date {text!r} has no zone; write it as {day}Z")
    try:
        return micros(moment)
    except OverflowError:
        raise ValueError(f"{text!r} is outside the calendar") from None


def instant(value: int) -> datetime:
    """The aware datetime of microseconds UTC.

    >>> instant(86400000000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    seconds, rest = divmod(value, MICROS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def isoformat(value: int) -> str:
    """Text of microseconds UTC, ``2026-03-01T09:12:00Z``, with a fraction only where there is one.

    >>> isoformat(1772356320000000)
    '2026-03-01T09:12:00Z'
    """
    return instant(value).isoformat().replace("+00:00", "Z")
