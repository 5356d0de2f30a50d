"""Messages on their way to subscriptions, and what each was told last: written together, so that none is lost.

A message stays until it is delivered or given up. Its id never changes, so that a receiver who gets it twice (the
process was killed between the answer and the note of it) can tell.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.schema import events, meta, outbox, pushed, scores, subscriptions
from data.snapshot import parts
from data.store import Store
from data.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Told:
    """What a subscription was last told of a lead. ``as_of``: microseconds UTC."""

    subscription: str
    lead_id: str
    score: float
    grade: str
    as_of: int
    model_version: str


@dataclass(frozen=True, slots=True)
class OutMessage:
    """One message. ``body``: what is posted; ``attempts``: how often it was tried in vain."""

    message_id: str
    subscription: str
    lead_id: str
    body: str
    created_at: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that is new since somebody looked."""

    event_id: str
    lead_id: str
    known_at: int


def told(store: Store, lead_ids: Sequence[str]) -> dict[tuple[str, str], Told]:
    """What was last told of these leads, by subscription and lead."""
    found = {}
    with store.engine.connect() as connection:
        for part in parts(lead_ids):
            for row in connection.execute(sa.select(pushed).where(pushed.c.lead_id.in_(part))):
                found[row.subscription, row.lead_id] = Told(*row)
    return found


def put(connection: sa.Connection, messages: Iterable[OutMessage], news: Iterable[Told]) -> None:
    """Keep messages and what they tell, in the transaction of the caller; one of a known id is there already.

    Those of somebody who was erased since they were made are left out.
    """
    messages, news = list(messages), list(news)
    gone = Tombstones.erased_leads(connection, [one.lead_id for one in messages] + [one.lead_id for one in news])
    there = set(connection.scalars(sa.select(subscriptions.c.name)))  # one may have been removed meanwhile
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows = [_row(message) for message in messages if message.subscription in there and message.lead_id not in gone]
    if rows:
        connection.execute(dialect.insert(outbox).on_conflict_do_nothing(index_elements=["message_id"]), rows)
    told_now = [one for one in news if one.subscription in there and one.lead_id not in gone]
    facts = [{name: getattr(one, name) for name in pushed.c.keys()} for one in told_now]  # noqa: SIM118 (columns, not a dict)
    if facts:
        insert = dialect.insert(pushed)
        changed = {name: insert.excluded[name] for name in ("score", "grade", "as_of", "model_version")}
        connection.execute(
            insert.on_conflict_do_update(index_elements=["subscription", "lead_id"], set_=changed), facts
        )


def due(store: Store, *, now: int, without: Collection[str] = ()) -> list[OutMessage]:
    """The next message of each subscription whose time has come: the oldest that is open, so that order is kept.

    without : subscriptions that are busy
    """
    o = outbox.c
    is_open = o.delivered_at.is_(None) & o.dead_at.is_(None)
    first = (
        sa.select(sa.func.min(o.sequence))
        .where(is_open, o.subscription == subscriptions.c.name)
        .correlate(subscriptions)
        .scalar_subquery()
    )
    query = (
        sa.select(o.message_id, o.subscription, o.lead_id, o.body, o.created_at, o.attempts)
        .join_from(subscriptions, outbox, o.sequence == first)
        .where(subscriptions.c.disabled_at.is_(None), o.next_at <= now)
        .order_by(o.next_at, o.sequence)
    )
    with store.engine.connect() as connection:
        return [OutMessage(*row) for row in connection.execute(query) if row.subscription not in without]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that are open. ``oldest``: when the oldest of them was made (microseconds UTC), None without any."""

    count: int
    oldest: int | None


def waiting(store: Store) -> Waiting:
    """How many messages wait to be delivered, and since when."""
    o = outbox.c
    query = sa.select(sa.func.count(), sa.func.min(o.created_at)).where(o.delivered_at.is_(None), o.dead_at.is_(None))
    with store.reading() as connection:
        return Waiting(*connection.execute(query).one())


def delivered(connection: sa.Connection, message_id: str, *, now: int) -> None:
    """Note that a message has arrived."""
    which = sa.update(outbox).where(outbox.c.message_id == message_id)
    connection.execute(which.values(delivered_at=now, attempts=outbox.c.attempts + 1, error=None))


def failed(connection: sa.Connection, message: OutMessage, error: str, *, next_at: int, dead_at: int | None) -> None:
    """Note that a message has not arrived.

    next_at : microseconds UTC, when to try again; where the message is given up, when to try the one after it
    """
    which = sa.update(outbox).where(outbox.c.message_id == message.message_id)
    connection.execute(which.values(attempts=message.attempts + 1, next_at=next_at, dead_at=dead_at, error=error))
    if dead_at is not None:
        o = outbox.c
        mine = (o.subscription == message.subscription) & o.delivered_at.is_(None) & o.dead_at.is_(None)
        after = sa.select(sa.func.min(o.sequence)).where(mine).scalar_subquery()
        connection.execute(sa.update(outbox).where(o.sequence == after).values(next_at=next_at))


def drop(connection: sa.Connection, message_ids: Sequence[str]) -> None:
    """Take messages out that are not to be sent any more."""
    connection.execute(sa.delete(outbox).where(outbox.c.message_id.in_(message_ids)))


def forget_delivered(connection: sa.Connection, *, before: int) -> None:
    """Drop messages that were delivered before a moment."""
    connection.execute(sa.delete(outbox).where(outbox.c.delivered_at < before))


def arrivals(store: Store, *, since: int, before: int) -> list[Arrival]:
    """Events with ``since <= known_at < before``, in that order."""
    e = events.c
    query = sa.select(e.event_id, e.lead_id, e.known_at).where(e.known_at >= since, e.known_at < before)
    with store.engine.connect() as connection:
        return [Arrival(*row) for row in connection.execute(query.order_by(e.known_at, e.event_id))]


def logged_since(store: Store, score_id: int) -> tuple[set[str], int]:
    """The leads whose scores entered the prediction log after one, and the newest ``score_id`` of them."""
    query = sa.select(scores.c.score_id, scores.c.lead_id).where(scores.c.score_id > score_id)
    with store.engine.connect() as connection:
        rows = connection.execute(query).all()
    return {row.lead_id for row in rows}, max((row.score_id for row in rows), default=score_id)


def newest_logged(store: Store) -> int:
    """The newest ``score_id``, 0 where the log is empty."""
    with store.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(scores.c.score_id))).scalar() or 0


def mark(store: Store, name: str) -> int | None:
    """How far a reader has come, None where it never began."""
    with store.engine.connect() as connection:
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()
    return None if found is None else int(found)


def set_mark(connection: sa.Connection, name: str, value: int) -> None:
    """Keep how far a reader has come."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(meta).values(name=name, value=str(value))
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": str(value)}))


def _row(message: OutMessage) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "subscription": message.subscription,
        "lead_id": message.lead_id,
        "body": message.body,
        "created_at": message.created_at,
        "attempts": message.attempts,
        "next_at": message.created_at,
    }
