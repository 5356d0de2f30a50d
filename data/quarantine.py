"""What could not become an event: of which class each reason is, and when there were how many.

A reason may hold what somebody sent, so whoever counts reasons counts their classes.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import sqlalchemy as sa

from data.log import Ints
from data.schema import quarantine
from data.store import Store

_CLASSES = {
    "type": "type",
    **dict.fromkeys(("messageId", "userId", "anonymousId", "previousId", "groupId", "alias", "group"), "id"),
    **dict.fromkeys(("timestamp", "originalTimestamp", "receivedAt"), "time"),
    "event": "event",
    **dict.fromkeys(("properties", "context", "traits"), "content"),
    **dict.fromkeys(("a", "the", "not", "cannot"), "unreadable"),
}
CLASSES = frozenset({*_CLASSES.values(), "other"})
_FIRST_WORD = re.compile(r"[A-Za-z]+")


def reason_class(reason: str) -> str:
    """Of `CLASSES`, which part of a message was wrong; the reason itself may hold what somebody sent.

    >>> reason_class("timestamp: 'anne' is not a date"), reason_class("userId and anonymousId are both missing")
    ('time', 'id')
    >>> reason_class("2090-01-01T00:00:00Z lies more than 24 h in the future; check the sender's clock")
    'time'
    """
    if "in the future" in reason and reason[:1].isdecimal():
        return "time"
    word = _FIRST_WORD.match(reason)
    return _CLASSES.get(word.group(), "other") if word else "other"


@dataclass(frozen=True)
class Refused:
    """What was refused before a moment, each once, in the order of time; nothing of what was sent.

    known  : (n,) microseconds UTC
    reason : n classes
    source : n names of files, without their folders, or ``http``
    since  : microseconds UTC; before it nobody noted when something was refused. None: it always was
    """

    known: Ints
    reason: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    since: int | None = None


def refused(store: Store, *, since: int, before: int) -> Refused:
    """What was refused in ``[since; before[``."""
    q = quarantine.c
    query = sa.select(q.known_at, q.reason, q.source).where(q.known_at >= since, q.known_at < before)
    timeless = sa.select(sa.func.count()).select_from(quarantine).where(q.known_at.is_(None))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(q.known_at, q.quarantine_id)).fetchall()
        first = None
        if connection.execute(timeless).scalar_one():
            first = connection.execute(sa.select(sa.func.min(q.known_at))).scalar() or before
    return Refused(
        np.array([row.known_at for row in rows], dtype=np.int64),
        tuple(reason_class(row.reason) for row in rows),
        tuple(PurePath(row.source).name for row in rows),
        first,
    )
