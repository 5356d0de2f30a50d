"""Events come in over HTTP: judged one by one, written in one transaction, answered when they are durable."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data.events import Event, RawRecord, Rejection
from data.parse import judge
from data.store import Store
from data.tombstones import ERASED

SOURCE = "http"
MAX_DEPTH = 32
"""Levels of objects in one message; Segment's own messages have five."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is not taken. ``index``: its place in the batch."""

    index: int
    message_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch; `accepted` and `duplicates` are counts."""

    accepted: int
    duplicates: int
    rejected: tuple[Refused, ...]


class Intake:
    """The one door by which events reach the store of a running service.

    Batches are judged and written one after another: what is durable has ``known_at`` in the order of writing, and of
    two batches with one ``messageId`` exactly one is told that it was accepted.

    clock : microseconds UTC
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._writing = threading.Lock()

    def take(self, messages: Sequence[Any], *, trusted: bool = False) -> Taken:
        """Store a batch of Segment messages; durable when it returns, without effect when it raises.

        trusted : ``receivedAt`` of a message counts, where it has one, instead of the clock
        """
        with self._writing:
            now = self._clock()
            judged = [
                judged_message(message, place, now=now, received=None if trusted and _says_when(message) else now)
                for place, message in enumerate(messages)
            ]
            written = self._store.append(judged)
        rejected = tuple(
            Refused(place, message_id(messages[place]), one.reason if isinstance(one, Rejection) else ERASED)
            for place, one in enumerate(judged)
            if isinstance(one, Rejection) or place in written.erased
        )
        return Taken(len(written.accepted), written.duplicates, rejected)


def judged_message(message: Any, place: int, *, now: int, received: int | None) -> Event | Rejection:
    """One message of a body as an event, or as a rejection that keeps it."""
    raw = json.dumps(message) if not _too_deep(message) else "(nested too deep to keep)"
    problem = _unusable(message, raw)
    payload = message if problem is None else None
    return judge(RawRecord(SOURCE, place + 1, raw, payload, problem), now=now, received=received)


def message_id(message: Any) -> str | None:
    """The id a message gives itself, None where it gives none that is text."""
    found = message.get("messageId") if isinstance(message, dict) else None
    return found if isinstance(found, str) else None


def _says_when(message: Any) -> bool:
    return isinstance(message, dict) and message.get("receivedAt") is not None


def _unusable(message: Any, raw: str) -> str | None:
    if not isinstance(message, dict):
        return "a message is a JSON object"
    if _too_deep(message):
        return f"the message is nested more than {MAX_DEPTH} levels deep"
    if "\\ud" in raw and not _whole_letters(raw):
        return "the message holds half of a surrogate pair"
    return None


def _whole_letters(raw: str) -> bool:
    try:
        json.dumps(json.loads(raw), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(value: Any) -> bool:
    level, depth = [value], 0
    while level:
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        depth += 1
        if depth > MAX_DEPTH + 1:
            return True
        level = inner
    return False
