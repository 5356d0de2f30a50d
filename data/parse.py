"""A Segment message becomes an event, or a sentence that says why not.

Segment spec: https://segment.com/docs/connections/spec/ (``track identify page screen group alias``).
"""

from collections.abc import Mapping
from typing import Any

from data.events import (
    EVENT_TYPES,
    MICROS_PER_DAY,
    Event,
    RawRecord,
    Rejection,
    Trait,
    isoformat,
    parse_instant,
)

MAX_TEXT = 1_000
MAX_ID = 256
MAX_VALUE = 9e12
"""Values are kept as int64 millionths; beyond this they would not fit."""
MAX_NUMBER = 1e300
"""Traits are kept as float64."""
MAX_WHOLE = 2**63
"""Numbers that name somebody are written as whole ones up to here."""
ACTORS = ("actor", "owner", "seller", "resource")
"""Properties that say who acted, the surest first."""

_FUTURE = MICROS_PER_DAY
_LATEST = parse_instant("9000-01-01T00:00:00Z")
_DATE_LENGTH = 60
_CONTROLS = {0: None} | dict.fromkeys([*range(1, 32), *range(127, 160)], " ")


class InvalidEvent(ValueError):  # noqa: N818 (it is a verdict on a message, not a failure of ours)
    """Why a message cannot become an event; its text is shown to the sender."""


def judge(record: RawRecord, *, now: int, received: int | None = None) -> Event | Rejection:
    """Turn one record of a source into an event, or into a rejection that keeps the record whole.

    now      : the clock, microseconds UTC; a message more than 24 h after it is refused
    received : over HTTP the moment of arrival, which then overrides the body's ``receivedAt``;
               None for imported history, where ``receivedAt`` counts, else the time of the event
    """
    if record.payload is None:
        known = now if received is None else received
        return Rejection(record.source, record.line, record.problem or "cannot be read", record.raw, known)
    try:
        return parse_event(record.payload, now=now, received=received)
    except InvalidEvent as reason:
        known = _known(record.payload, now=now, received=received)
        return Rejection(record.source, record.line, str(reason), record.raw, known)


def parse_event(message: Mapping[str, Any], *, now: int, received: int | None = None) -> Event:
    """One event of a Segment message.

    Raises InvalidEvent with one sentence.

    >>> event = parse_event({"type": "page", "messageId": "m-5", "anonymousId": "a-9", "name": "Pricing",
    ...                      "timestamp": "2026-03-01T09:12:00Z"}, now=2_000_000_000_000_000)
    >>> event.kind, event.lead_id
    ('Viewed Pricing Page', 'a-9')
    """
    event_type = message.get("type")
    if event_type not in EVENT_TYPES:
        raise InvalidEvent(f"type {_shown(event_type)} is not one of {', '.join(EVENT_TYPES)}")
    event_id = _identifier(message, "messageId")
    if event_id is None:
        raise InvalidEvent("messageId is missing; without it the same message could not be told from a second one")
    user, anonymous = _identifier(message, "userId"), _identifier(message, "anonymousId")
    lead_id = user or anonymous
    if lead_id is None:
        raise InvalidEvent("userId and anonymousId are both missing; one of them must say whose event it is")
    occurred_at, known_at = _moments(message, now=now, received=received)
    properties = _table(message, "properties")
    context = _table(message, "context")
    own_traits = _table(message, "traits")
    return Event(
        event_id=event_id,
        lead_id=lead_id,
        type=event_type,
        kind=_kind(event_type, message),
        occurred_at=occurred_at,
        known_at=known_at,
        value=_micro_value(properties),
        properties=properties | ({"context": context} if context else {}),
        traits=_traits(event_type, message, own_traits or _table(context, "traits", "context.traits")),
        previous_id=_previous_id(event_type, message, user, anonymous),
        actor=actor_of(properties),
    )


def actor_of(properties: Mapping[str, Any]) -> str | None:
    """Who at the firm acted: the first of `ACTORS` that is text or a number, as text.

    >>> actor_of({"owner": " ", "seller": "Petit", "resource": 112.0}), actor_of({"resource": 112.0}), actor_of({})
    ('Petit', '112', None)
    """
    for name in ACTORS:
        given = properties.get(name)
        if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= MAX_NUMBER:
            given = str(int(given)) if given == int(given) and abs(given) < MAX_WHOLE else repr(float(given))
        actor = _clean(given) if isinstance(given, str) else ""
        if actor:
            return actor
    return None


def _moments(message: Mapping[str, Any], *, now: int, received: int | None) -> tuple[int, int]:
    def instant_of(key: str) -> int | None:
        text = message.get(key)
        if text is None:
            return None
        if not isinstance(text, str):
            raise InvalidEvent(f"{key}: a date is text such as 2026-03-01T09:12:00Z, not {_shown(text)}")
        if len(text) > _DATE_LENGTH:
            raise InvalidEvent(f"{key}: {_shown(text)} is not a date; write it as 2026-03-01T09:12:00Z")
        try:
            value = parse_instant(text)
        except ValueError as problem:
            raise InvalidEvent(f"{key}: {problem}") from None
        if not 0 <= value < _LATEST:
            raise InvalidEvent(f"{key}: {text!r} is outside 1970 to 9000")
        return value

    occurred = instant_of("timestamp")
    if occurred is None:
        occurred = instant_of("originalTimestamp")
    if received is None:
        received = instant_of("receivedAt")
    if occurred is None:
        occurred = received
    if occurred is None:
        raise InvalidEvent("timestamp is missing; write it as 2026-03-01T09:12:00Z")
    known = occurred if received is None else max(received, occurred)
    if known - now > _FUTURE:
        raise InvalidEvent(f"{isoformat(known)} lies more than 24 h in the future; check the sender's clock")
    return occurred, known


def _known(message: Mapping[str, Any], *, now: int, received: int | None) -> int:
    """When a message that was refused could be known, by the rule for events; `now` where its times say nothing."""
    try:
        return _moments(message, now=now, received=received)[1]
    except InvalidEvent:
        return now if received is None else received


def _kind(event_type: str, message: Mapping[str, Any]) -> str:
    if event_type == "track":
        name = message.get("event")
        if not isinstance(name, str) or not _clean(name):
            raise InvalidEvent("event is missing: a track message says what happened")
        return _clean(name)
    if event_type in ("page", "screen"):
        given = message.get("name")
        name = _clean(given) if isinstance(given, str) else ""
        return f"Viewed {name} {event_type.capitalize()}" if name else f"Viewed {event_type.capitalize()}"
    return event_type


def _previous_id(event_type: str, message: Mapping[str, Any], user: str | None, anonymous: str | None) -> str | None:
    if event_type == "alias":
        previous = _identifier(message, "previousId")
        if previous is None or user is None:
            raise InvalidEvent("alias needs previousId and userId")
        return previous if previous != user else None
    if event_type == "identify" and user and anonymous and user != anonymous:
        return anonymous
    return None


def _identifier(message: Mapping[str, Any], key: str) -> str | None:
    value = message.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidEvent(f"{key}: {_shown(value)} is not text")
    value = value.strip()
    if len(value) > MAX_ID or not value.isprintable():
        raise InvalidEvent(f"{key}: {_shown(value)} is not printable text of at most {MAX_ID} characters")
    return value or None


def _table(message: Mapping[str, Any], key: str, shown: str | None = None) -> dict[str, Any]:
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidEvent(f"{shown or key}: {_shown(value)} is not an object")
    return value


def _micro_value(properties: Mapping[str, Any]) -> int | None:
    value = properties.get("value")
    if value is None:
        value = properties.get("revenue")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) <= MAX_VALUE:  # so that NaN is outside, and an integer beyond all floats can be compared
        raise InvalidEvent(f"properties.value: {_shown(value)} is outside +-{MAX_VALUE:.0e}")
    return round(value * 1_000_000)


def _traits(event_type: str, message: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Trait]:
    found: dict[str, Trait] = {}
    for name, value in table.items():
        if isinstance(value, dict):  # address.country, company.employees: one level, as Segment's own traits have
            for inner, scalar in value.items():
                _learn(found, f"{name}.{inner}", scalar)
        else:
            _learn(found, name, value)
    if event_type == "group":
        group = _identifier(message, "groupId")
        if group is None:
            raise InvalidEvent("group needs groupId")
        found["group_id"] = group
    return found


def _learn(found: dict[str, Trait], name: str, value: object) -> None:
    """Add one trait; what is neither text nor number nor truth says nothing."""
    if isinstance(value, str):
        value = _clean(value) or None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= MAX_NUMBER:
            label = f"traits.{name}"
            label = label if label.isprintable() and len(label) <= MAX_ID else _shown(label)
            raise InvalidEvent(f"{label}: {_shown(value)} is not a usable number")
        value = float(value)
    name = _clean(name)
    if not name or not isinstance(value, str | float | bool):
        return
    if len(name) > MAX_ID:
        raise InvalidEvent(f"traits: the name {_shown(name)} is longer than {MAX_ID} characters")
    found[name] = value


def _clean(text: str) -> str:
    """Text that every store can hold and every terminal show: no NUL or other control, no half of a surrogate pair."""
    if not text.isprintable():
        text = text.encode("utf-8", "ignore").decode().translate(_CONTROLS)
    return text.strip()[:MAX_TEXT]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
