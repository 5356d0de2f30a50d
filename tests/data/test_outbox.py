"""The outbox, the subscriptions and the lease, on SQLite and on PostgreSQL."""

import pytest

from data import leases, outbox, subscriptions
from data.leases import LostLeaseError
from data.outbox import OutMessage, Told
from data.store import Store
from data.subscriptions import Subscription
from tests.receivers import subscribe
from veraison.errors import VeraisonError


@pytest.fixture
def store(store_url: str):
    with Store(store_url) as opened:
        yield opened


def message(name: str, to: str = "crm", at: int = 10) -> OutMessage:
    return OutMessage(name, to, "L1", "{}", at)


def put(store: Store, *messages: OutMessage, news: tuple[Told, ...] = ()) -> None:
    with store.writing() as connection:
        outbox.put(connection, messages, news)


def due(store: Store, now: int = 100) -> list[str]:
    return [one.message_id for one in outbox.due(store, now=now)]


def test_each_subscription_has_its_oldest_open_message_due(store: Store):
    subscribe(store, "crm", "https://crm")
    subscribe(store, "bi", "https://bi")
    put(store, message("a"), message("b"), message("c", "bi", 9), message("late", "bi", 8))
    assert due(store) == ["c", "a"]
    assert due(store, now=9) == ["c"]
    with store.writing() as connection:
        outbox.delivered(connection, "a", now=11)
        outbox.failed(connection, message("c", "bi"), "HTTP 500", next_at=50, dead_at=None)
    assert due(store, now=49) == ["b"]
    assert due(store, now=50) == ["b", "c"]
    with store.writing() as connection:
        outbox.failed(connection, message("c", "bi"), "HTTP 500", next_at=70, dead_at=60)
    assert due(store, now=69) == ["b"]
    assert due(store, now=70) == ["b", "late"]


def test_a_message_put_twice_is_there_once_and_news_replace_news(store: Store):
    subscribe(store, "crm", "https://crm")
    first, second = (Told("crm", "L1", score, "B", moment, "v1") for score, moment in ((50.0, 1), (60.0, 2)))
    put(store, message("a"), news=(first,))
    put(store, message("a"), message("b"), news=(second,))
    assert outbox.told(store, ["L1", "L2"]) == {("crm", "L1"): second}
    [one] = subscriptions.standings(store)
    assert (one.waiting, one.delivered, one.dead, one.error) == (2, 0, 0, None)


def test_nothing_is_kept_for_who_was_removed(store: Store):
    subscribe(store, "crm", "https://crm")
    put(store, message("a"), news=(Told("crm", "L1", 1.0, "D", 1, "v1"),))
    subscriptions.remove(store, "crm")
    put(store, message("b"), news=(Told("crm", "L1", 2.0, "D", 2, "v1"),))
    assert due(store) == []
    assert outbox.told(store, ["L1"]) == {}
    with pytest.raises(VeraisonError, match="no subscription named 'crm'"):
        subscriptions.remove(store, "crm")


def test_a_lease_is_of_one_at_a_time_and_ends(store: Store):
    second = 1_000_000
    assert leases.take(store, "push", "a", now=0, seconds=10)
    assert not leases.take(store, "push", "b", now=9 * second, seconds=10)
    assert leases.take(store, "push", "a", now=9 * second, seconds=10)
    assert not leases.take(store, "push", "b", now=10 * second, seconds=10)
    with store.writing() as connection:
        leases.check(connection, "push", "a")
    assert leases.take(store, "push", "b", now=19 * second, seconds=10)
    with pytest.raises(LostLeaseError), store.writing() as connection:
        outbox.set_mark(connection, "far", 7)
        leases.check(connection, "push", "a")
    assert outbox.mark(store, "far") is None, "what was written with it is undone"
    leases.give_back(store, "push", "a")
    assert not leases.take(store, "push", "a", now=20 * second, seconds=10)
    leases.give_back(store, "push", "b")
    assert leases.take(store, "push", "a", now=20 * second, seconds=10)


def test_marks_and_old_messages(store: Store):
    subscribe(store, "crm", "https://crm")
    put(store, message("a"), message("b"))
    with store.writing() as connection:
        outbox.set_mark(connection, "far", 7)
        outbox.set_mark(connection, "far", 8)
        outbox.delivered(connection, "a", now=20)
        outbox.forget_delivered(connection, before=21)
    assert outbox.mark(store, "far") == 8
    [one] = subscriptions.standings(store)
    assert (one.waiting, one.delivered) == (1, 0)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "a\nb"}, "needs a name"),
        ({"name": "taken"}, "is there already"),
        ({"shape": "soap"}, "shape 'soap': allowed are cloudevents, dynamics, crm"),
        ({"first": "some"}, "first 'some': allowed are best, all, none"),
        ({"min_points": -1.0}, "allowed are 0 to 100"),
        ({"min_points": float("nan")}, "allowed are 0 to 100"),
    ],
)
def test_what_a_subscription_may_not_be(store: Store, facts: dict[str, object], why: str):
    subscribe(store, "taken", "https://crm")
    with pytest.raises(VeraisonError, match=why):
        subscribe(store, url="https://crm", **{"name": "new"} | facts)


@pytest.mark.parametrize(
    ("before", "now", "facts", "told"),
    [
        (None, (70.0, "A"), {"first": "best"}, True),
        (None, (60.0, "B"), {"first": "best"}, False),
        (None, (60.0, "B"), {"first": "all"}, True),
        (None, (70.0, "A"), {"first": "none"}, False),
        ((60.0, "B"), (64.9, "B"), {}, False),
        ((60.0, "B"), (65.0, "A"), {}, True),
        ((60.0, "B"), (65.0, "A"), {"grades": ("C",)}, False),
        ((60.0, "B"), (65.0, "A"), {"grades": ("A",)}, True),
        ((66.0, "A"), (64.0, "B"), {"grades": ("A",)}, True),
        ((66.0, "A"), (76.0, "A"), {}, False),
        ((66.0, "A"), (76.5, "A"), {}, True),
        ((86.0, "A"), (75.5, "A"), {}, True),
        ((60.0, "B"), (75.0, "A"), {"grades": ("C",)}, True),
    ],
)
def test_what_is_told(before: object, now: tuple[float, str], facts: dict[str, object], told: bool):
    known = {"shape": "cloudevents", "min_points": 10.0, "grades": (), "first": "best", "created_at": 1}
    one = Subscription(name="n", url="u", secret="s", **known | facts)
    assert one.moved(before, *now, best="A") is told
