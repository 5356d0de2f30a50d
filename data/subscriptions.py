"""Who is told when scores change, or monitoring decides: kept in the store, each with a secret to sign with."""

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa

from data.schema import outbox, pushed, subscription_topics, subscriptions
from data.store import Store
from veraison.errors import VeraisonError

Shape = Literal["cloudevents", "dynamics", "crm"]
First = Literal["best", "all", "none"]
Topic = Literal["scores", "monitoring", "contract"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
FIRSTS: tuple[First, ...] = get_args(First)
TOPICS: tuple[Topic, ...] = get_args(Topic)
SECRET_PREFIX = "whsec_"  # noqa: S105 (how Standard Webhooks marks one)

_SECRET_BYTES = 32
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Subscription:
    """One receiver.

    secret      : of Standard Webhooks, ``whsec_`` and base64
    min_points  : a score that moved by more than this is told
    grades      : the grades whose crossing is told; empty for all
    first       : which leads are told that were never told before: of the best grade, all, none
    created_at  : microseconds UTC
    disabled_at : since when nothing is sent, None where it is
    about       : what is told: scores that change, what monitoring decides, promises of the contract that are not kept
    """

    name: str
    url: str
    secret: str
    shape: Shape
    min_points: float
    grades: tuple[str, ...]
    first: First
    created_at: int
    disabled_at: int | None = None
    about: tuple[Topic, ...] = ("scores",)

    def moved(self, before: tuple[float, str] | None, score: float, grade: str, best: str) -> bool:
        """Whether a change is to be told.

        before : score and grade last told, None where the lead is new here
        best   : the playbook's best grade
        """
        if before is None:
            return self.first == "all" or (self.first == "best" and grade == best)
        points, earlier = before
        crossed = grade != earlier and (not self.grades or bool({grade, earlier} & set(self.grades)))
        return crossed or abs(score - points) > self.min_points


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscription and what became of its messages: counts, and the newest error of those not delivered."""

    subscription: Subscription
    waiting: int
    delivered: int
    dead: int
    error: str | None


def add(store: Store, new: Subscription) -> None:
    """Keep a subscription; VeraisonError, one line, where something about it is not allowed."""
    if not new.name or len(new.name) > _MAX_NAME or not new.name.isprintable():
        raise VeraisonError(f"a subscription needs a name of 1 to {_MAX_NAME} printable characters, such as: crm")
    if new.shape not in SHAPES:
        raise VeraisonError(f"shape {new.shape!r}: allowed are {', '.join(SHAPES)}")
    if new.first not in FIRSTS:
        raise VeraisonError(f"first {new.first!r}: allowed are {', '.join(FIRSTS)}")
    if not 0 <= new.min_points <= 100:
        raise VeraisonError(f"points {new.min_points:g}: allowed are 0 to 100")
    if not new.about or not set(new.about) <= set(TOPICS):
        unknown = next((one for one in new.about if one not in TOPICS), "")
        raise VeraisonError(f"about {unknown!r}: allowed are {', '.join(TOPICS)}")
    if {"monitoring", "contract"} & set(new.about) and new.shape != "cloudevents":
        what = "what monitoring decides" if "monitoring" in new.about else "what becomes of the contract"
        raise VeraisonError(f"shape {new.shape!r} speaks of leads; {what} is told as cloudevents")
    row = {name: getattr(new, name) for name in subscriptions.c.keys()}  # noqa: SIM118 (columns, not a dict)
    with store.writing() as connection:
        if connection.execute(sa.select(subscriptions.c.name).where(subscriptions.c.name == new.name)).first():
            raise VeraisonError(
                f"a subscription named {new.name!r} is there already; remove it, or choose another name"
            )
        connection.execute(sa.insert(subscriptions).values(row | {"grades": json.dumps(new.grades)}))
        if set(new.about) != {"scores"}:
            topics = [{"subscription": new.name, "topic": one, "told": None} for one in dict.fromkeys(new.about)]
            connection.execute(sa.insert(subscription_topics), topics)


def new_secret() -> str:
    """A secret to sign with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def listed(store: Store, *, active: bool = False) -> list[Subscription]:
    """Every subscription, the oldest first; with `active`, those that are sent to."""
    query = sa.select(subscriptions).order_by(subscriptions.c.created_at, subscriptions.c.name)
    if active:
        query = query.where(subscriptions.c.disabled_at.is_(None))
    with store.engine.connect() as connection:
        topics: dict[str, list[Topic]] = {}
        for name, topic in connection.execute(
            sa.select(subscription_topics.c.subscription, subscription_topics.c.topic)
        ):
            topics.setdefault(name, []).append(topic)
        return [
            _subscription(row, tuple(sorted(topics.get(row.name, ["scores"])))) for row in connection.execute(query)
        ]


def told_until(store: Store, topic: Topic) -> dict[str, int | None]:
    """How far each subscription to a topic was told: bytes of its journal, None where it was not told yet."""
    t = subscription_topics.c
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(t.subscription, t.told).where(t.topic == topic))
        return {row.subscription: row.told for row in rows}


def set_told(connection: sa.Connection, name: str, topic: Topic, told: int) -> None:
    """Keep how far a subscription was told."""
    which = (subscription_topics.c.subscription == name) & (subscription_topics.c.topic == topic)
    connection.execute(sa.update(subscription_topics).where(which).values(told=told))


def named(store: Store, name: str) -> Subscription:
    """The subscription of this name; VeraisonError where there is none."""
    found = [one for one in listed(store) if one.name == name]
    if not found:
        raise VeraisonError(f"no subscription named {name!r}; see: veraison subscriptions list")
    return found[0]


def standings(store: Store) -> list[Standing]:
    """Every subscription with what became of its messages."""
    o = outbox.c
    counts = sa.select(
        o.subscription,
        sa.func.count(o.delivered_at),
        sa.func.count(o.dead_at),
        sa.func.count(),
        sa.func.max(sa.case((o.delivered_at.is_(None) & o.error.is_not(None), o.sequence))),
    ).group_by(o.subscription)
    with store.engine.connect() as connection:
        told = {row[0]: row[1:] for row in connection.execute(counts)}
        newest = [row[3] for row in told.values() if row[3] is not None]
        said = connection.execute(sa.select(o.sequence, o.error).where(o.sequence.in_(newest)))
        errors = {row.sequence: row.error for row in said}
    found = []
    for one in listed(store):
        delivered, dead, everything, last = told.get(one.name, (0, 0, 0, None))
        found.append(Standing(one, everything - delivered - dead, delivered, dead, errors.get(last)))
    return found


def remove(store: Store, name: str) -> None:
    """Forget a subscription and all of its messages; VeraisonError where there is none of that name."""
    with store.writing() as connection:
        if not connection.execute(sa.delete(subscriptions).where(subscriptions.c.name == name)).rowcount:
            raise VeraisonError(f"no subscription named {name!r}; see: veraison subscriptions list")
        connection.execute(sa.delete(outbox).where(outbox.c.subscription == name))
        connection.execute(sa.delete(pushed).where(pushed.c.subscription == name))
        connection.execute(sa.delete(subscription_topics).where(subscription_topics.c.subscription == name))


def disable(connection: sa.Connection, name: str, *, now: int) -> None:
    """Send nothing more to a subscription, and compare no scores for it; what is in the outbox waits."""
    connection.execute(sa.update(subscriptions).where(subscriptions.c.name == name).values(disabled_at=now))


def revive(store: Store, name: str, *, now: int) -> int:
    """Try again at once whatever is not delivered, dead messages too; returns how many messages that is."""
    named(store, name)
    again = {"attempts": 0, "next_at": now, "dead_at": None}
    with store.writing() as connection:
        connection.execute(sa.update(subscriptions).where(subscriptions.c.name == name).values(disabled_at=None))
        which = (outbox.c.subscription == name) & outbox.c.delivered_at.is_(None)
        return connection.execute(sa.update(outbox).where(which).values(again)).rowcount


def _subscription(row: Any, about: tuple[Topic, ...]) -> Subscription:
    return Subscription(
        name=row.name,
        url=row.url,
        secret=row.secret,
        shape=row.shape,
        min_points=row.min_points,
        grades=tuple(json.loads(row.grades)),
        first=row.first,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        about=about,
    )
