"""Events come in over HTTP: judged one by one, written in one transaction, answered when they are durable."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data.events import Event, RawRecord, Rejection
from data.parse import judge
from data.store import Appended, Store
from data.tombstones import ERASED
from serving import meters
from serving.problems import Problem

SOURCE = "http"
MAX_DEPTH = 32
"""Levels of objects in one message; Segment's own messages have five."""
WAITING = 16
"""Batches that may wait to be written, each in a thread of the server: the other threads go on to answer."""


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

    clock   : microseconds UTC
    waiting : batches that may be here at once, the one that is written among them
    """

    def __init__(self, store: Store, clock: Callable[[], int], waiting: int = WAITING) -> None:
        self._store = store
        self._clock = clock
        self._writing = threading.Lock()
        self._room = threading.BoundedSemaphore(waiting)

    def take(self, messages: Sequence[Any], *, trusted: bool = False) -> Taken:
        """Store a batch of Segment messages; durable when it returns, without effect when it raises.

        trusted : ``receivedAt`` of a message counts, where it has one, instead of the clock
        Raises  : Problem of status 429, at once, where too many batches wait already
        """

        def judged(now: int) -> list[Event | Rejection]:
            return [
                judged_message(message, place, now=now, received=None if trusted and _says_when(message) else now)
                for place, message in enumerate(messages)
            ]

        written, verdicts = self._write(judged)
        return _counted(
            written,
            (Refused(place, message_id(messages[place]), reason) for place, reason in _refusals(written, verdicts)),
        )

    def take_records(self, records: Sequence[RawRecord]) -> Taken:
        """Store what a mapping made of a sender's rows, received now; as `take` in all else.

        ``index`` of what is refused is the place of its row, the record's ``line`` less one.
        """

        def judged(now: int) -> list[Event | Rejection]:
            return [judge(record, now=now, received=now) for record in records]

        written, verdicts = self._write(judged)
        return _counted(
            written,
            (
                Refused(records[place].line - 1, message_id(records[place].payload), reason)
                for place, reason in _refusals(written, verdicts)
            ),
        )

    def _write(self, judged: Callable[[int], list[Event | Rejection]]) -> tuple[Appended, list[Event | Rejection]]:
        if not self._room.acquire(blocking=False):
            raise Problem(429, "busy", "more events come in than can be written; try again", {"Retry-After": "1"})
        try:
            with self._writing:
                verdicts = judged(self._clock())
                return self._store.append(verdicts), verdicts
        finally:
            self._room.release()


def _counted(written: Appended, refused: Iterator[Refused]) -> Taken:
    taken = Taken(len(written.accepted), written.duplicates, tuple(refused))
    meters.taken(taken.accepted, taken.duplicates, (one.reason for one in taken.rejected))
    return taken


def _refusals(written: Appended, verdicts: Sequence[Event | Rejection]) -> Iterator[tuple[int, str]]:
    """The places of what is not taken, and why."""
    for place, one in enumerate(verdicts):
        if isinstance(one, Rejection):
            yield place, one.reason
        elif place in written.erased:
            yield place, ERASED


def judged_message(message: Any, place: int, *, now: int, received: int | None) -> Event | Rejection:
    """One message of a body as an event, or as a rejection that keeps it."""
    raw = json.dumps(message) if not too_deep(message) else "(nested too deep to keep)"
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
    if too_deep(message):
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


def too_deep(value: Any) -> bool:
    """Whether objects and lists are nested more than `MAX_DEPTH` levels deep."""
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
