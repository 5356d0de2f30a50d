"""Messages of the Segment spec, complete before they are sent the first time, and put together to what fits."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

MAX_MESSAGES = 1_000
MAX_BYTES = 4_500_000
"""Of a body before it is packed; the service takes 5 MB."""
_FRAME = len(b'{"batch":[]}')

Moment = datetime | str
Message = Mapping[str, Any]


class Said(TypedDict, total=False):
    """What every message can say.

    user_id      : the lead
    anonymous_id : a visitor whose name is not known yet; one of the two is needed
    message_id   : the message's own id, made where none is given; the same one twice is stored once
    timestamp    : when it happened; now where none is given
    context      : where it came from
    received_at  : counts with a key of scope ``admin``
    """

    user_id: str
    anonymous_id: str
    message_id: str
    timestamp: Moment
    context: Mapping[str, Any]
    received_at: Moment


_NAMES = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "message_id": "messageId",
    "timestamp": "timestamp",
    "context": "context",
    "received_at": "receivedAt",
}


def message(kind: str, said: Said, **more: Any) -> dict[str, Any]:
    """One message of a type; what is None or empty is left out.

    >>> message("track", {"user_id": "L42", "message_id": "m-1", "timestamp": "2026-03-01T09:12:00Z"}, event="Seen")
    {'type': 'track', 'event': 'Seen', 'userId': 'L42', 'messageId': 'm-1', 'timestamp': '2026-03-01T09:12:00Z'}
    """
    if not (said.get("user_id") or said.get("anonymous_id")):
        raise ValueError("user_id or anonymous_id must say whose message it is")
    unknown = sorted(set(said) - set(_NAMES))
    if unknown:
        raise TypeError(f"a message has no {', '.join(unknown)}; it has {', '.join(_NAMES)}")
    named: dict[str, Any] = {_NAMES[name]: value for name, value in said.items()}
    return complete({"type": kind} | {name: value for name, value in (more | named).items() if value not in (None, {})})


def complete(one: Message) -> dict[str, Any]:
    """A message with an id and a time, so that sending it again is sending the same."""
    found = {name: isoformat(value) if isinstance(value, datetime) else value for name, value in one.items()}
    found.setdefault("messageId", str(uuid.uuid4()))
    if "timestamp" not in found and "originalTimestamp" not in found:
        found["timestamp"] = isoformat(datetime.now(UTC))
    return found


def bodies(messages: Iterable[Message]) -> Iterator[tuple[int, bytes]]:
    """Bodies for ``POST /v1/batch``, each with the place of its first message; ValueError for one that fits in none.

    >>> [place for place, _ in bodies({"messageId": str(number)} for number in range(2_500))]
    [0, 1000, 2000]
    """
    start, parts, size = 0, list[bytes](), _FRAME
    for place, one in enumerate(messages):
        part = encoded(complete(one))
        if len(part) + _FRAME > MAX_BYTES:
            raise ValueError(f"message {place} is larger than {MAX_BYTES:,} bytes")
        if len(parts) == MAX_MESSAGES or size + len(part) > MAX_BYTES:
            yield start, _batch(parts)
            start, parts, size = place, [], _FRAME
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield start, _batch(parts)


def encoded(value: Any) -> bytes:
    """JSON as the service reads it; ValueError for NaN and infinity, which JSON has no words for."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_told).encode("ascii")


def isoformat(moment: Moment) -> str:
    """A moment as text; ValueError where it has no zone.

    >>> isoformat(datetime(2026, 3, 1, 9, 12, tzinfo=UTC))
    '2026-03-01T09:12:00+00:00'
    """
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone; give one, such as datetime.now(UTC)")
    return moment.isoformat()


def _told(value: object) -> str:
    if isinstance(value, datetime):
        return isoformat(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")


def _batch(parts: list[bytes]) -> bytes:
    return b'{"batch":[' + b",".join(parts) + b"]}"
