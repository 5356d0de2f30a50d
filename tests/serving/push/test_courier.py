"""Delivery over real sockets: signed, in order, later again, and nobody waits for somebody else's dead URL."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data import leases, outbox, subscriptions
from data.consent import refused
from data.events import MICROS_PER_SECOND, Event
from data.outbox import OutMessage
from data.schema import outbox as table
from data.store import Store
from data.subscriptions import Subscription, standings
from serving.push import courier
from serving.push.addresses import Resolve
from serving.push.courier import ATTEMPTS, FIRST_DELAY, LONGEST_DELAY, Courier, Sender, delay
from serving.push.watcher import LEASE
from tests.receivers import Post, eventually, receiver, subscribe
from tests.service import free_port
from veraison.errors import StoreError
from veraison.playbook_consent import Consent

NOW = 1_800_000_000 * MICROS_PER_SECOND


class Post_Office:  # noqa: N801 (two words)
    """A store with an outbox, and a courier on a clock that the test sets."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.clock = NOW
        leases.take(self.store, LEASE, "me", now=NOW, seconds=1e6)

    def put(self, *ids: str, to: str, lead: str = "L1") -> None:
        messages = [OutMessage(one, to, lead, f'{{"id":"{one}"}}', self.clock) for one in ids]
        with self.store.writing() as connection:
            outbox.put(connection, messages, [])

    def deliver(
        self,
        until: Callable[[], bool],
        *,
        private: bool = True,
        resolve: Resolve | None = None,
        refused: Callable[[Sequence[str]], set[str]] = lambda _: set(),
    ) -> None:
        """Rounds of a courier until something holds."""

        async def rounds() -> None:
            more: dict[str, Any] = {} if resolve is None else {"resolve": resolve}
            made = Courier(
                self.store, Sender(private=private, timeout=1, **more), "me", lambda: self.clock, refused=refused
            )
            stop = time.monotonic() + 30
            while not until():
                assert time.monotonic() < stop
                await made.round()
                await made.wait(0.05)
            await made.close()

        asyncio.run(rounds())

    def row(self, message_id: str) -> Any:
        with self.store.engine.connect() as connection:
            return connection.execute(sa.select(table).where(table.c.message_id == message_id)).one()


@pytest.fixture
def office(tmp_path: Path):
    made = Post_Office(f"sqlite:///{tmp_path / 'store.db'}")
    yield made
    made.store.close()


def verified(post: Post, to: Subscription) -> bool:
    """The check of a receiver, written from the specification of Standard Webhooks alone."""
    key = base64.b64decode(to.secret[len("whsec_") :])
    message = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.{post.body.decode()}"
    made = base64.b64encode(hmac.new(key, message.encode(), hashlib.sha256).digest()).decode()
    return f"v1,{made}" in post.headers["webhook-signature"].split(" ")


def test_a_message_arrives_signed(office: Post_Office):
    with receiver() as there:
        to = subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").delivered_at is not None)
    [post] = there.posts
    assert post.headers["webhook-id"] == "m1"
    assert post.headers["webhook-timestamp"] == str(NOW // MICROS_PER_SECOND)
    assert post.headers["content-type"] == "application/cloudevents+json"
    assert post.headers["host"] == f"127.0.0.1:{there.port}"
    assert verified(post, to)
    assert not verified(Post(post.path, post.headers, post.body + b" "), to)
    assert not verified(post, subscribe(office.store, "other", there.url))


def test_messages_keep_their_order_and_one_that_fails_holds_back_the_next(office: Post_Office):
    fails = {"m2"}
    with receiver(lambda post: (500 if post.headers["webhook-id"] in fails else 204, {})) as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", "m2", "m3", to="crm")
        office.deliver(lambda: office.row("m2").attempts == 1)
        assert office.row("m2").error == "HTTP 500"
        assert office.row("m3").attempts == 0
        wait = (office.row("m2").next_at - NOW) / MICROS_PER_SECOND
        assert FIRST_DELAY <= wait <= 1.2 * FIRST_DELAY
        fails.clear()
        office.clock += round(wait * MICROS_PER_SECOND)
        office.deliver(lambda: office.row("m3").delivered_at is not None)
    assert [post.headers["webhook-id"] for post in there.posts] == ["m1", "m2", "m2", "m3"]
    assert there.posts[1].body == there.posts[2].body


def test_a_dead_url_and_a_slow_one_hold_nobody_up(office: Post_Office):
    asleep = asyncio.Event()

    def slowly(_: Post) -> tuple[int, dict[str, str]]:
        time.sleep(0.3 if asleep.is_set() else 3)
        return 200, {}

    with receiver() as good, receiver(slowly) as slow:
        subscribe(office.store, "dead", f"http://127.0.0.1:{free_port()}/")
        subscribe(office.store, "slow", slow.url)
        subscribe(office.store, "good", good.url)
        for name in ("dead", "slow"):
            office.put(f"{name}-1", to=name)
        office.put(*(f"good-{number}" for number in range(20)), to="good")
        office.deliver(lambda: office.row("good-19").delivered_at is not None)
        assert len(good.posts) == 20
        office.deliver(lambda: office.row("slow-1").attempts > 0 and office.row("dead-1").attempts > 0)
    assert office.row("slow-1").error == "no answer within 1 s"
    assert "refused" in office.row("dead-1").error.lower() or "failed" in office.row("dead-1").error.lower()
    found = {one.subscription.name: (one.waiting, one.delivered, one.dead) for one in standings(office.store)}
    assert found == {"dead": (1, 0, 0), "slow": (1, 0, 0), "good": (0, 20, 0)}


def test_after_the_last_attempt_a_message_is_dead_until_it_is_revived(office: Post_Office):
    status = [503]
    with receiver(lambda _: (status[0], {})) as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", "m2", to="crm")
        waits = []
        for attempt in range(1, ATTEMPTS + 1):
            office.deliver(lambda made=attempt: office.row("m1").attempts == made)
            waits.append((office.row("m1").next_at - office.clock) / MICROS_PER_SECOND)
            office.clock = office.row("m1").next_at
        assert office.row("m1").dead_at is not None
        assert waits == pytest.approx([delay(attempt, "m1") for attempt in range(1, ATTEMPTS + 1)], abs=1e-5)
        bounds = [min(FIRST_DELAY * 2**attempt, LONGEST_DELAY / 1.2) for attempt in range(ATTEMPTS)]
        assert all(least <= wait <= 1.2 * least for least, wait in zip(bounds, waits, strict=True))
        assert office.row("m2").next_at == office.clock, "what comes after a dead message waits as long"
        [one] = standings(office.store)
        assert (one.waiting, one.dead, one.error) == (1, 1, "HTTP 503")
        status[0] = 200
        assert subscriptions.revive(office.store, "crm", now=office.clock) == 2
        office.deliver(lambda: office.row("m2").delivered_at is not None)
    assert [post.headers["webhook-id"] for post in there.posts] == ["m1"] * (ATTEMPTS + 1) + ["m2"]


def test_who_is_gone_is_sent_nothing_more(office: Post_Office):
    with receiver(lambda _: (410, {})) as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").attempts == 1)
        assert subscriptions.listed(office.store, active=True) == []
        assert outbox.due(office.store, now=2**60) == []
        subscriptions.revive(office.store, "crm", now=office.clock)
        assert [one.message_id for one in outbox.due(office.store, now=office.clock)] == ["m1"]


def test_who_asks_for_time_gets_it(office: Post_Office):
    with receiver(lambda _: (429, {"Retry-After": "500"})) as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").attempts == 1)
    assert office.row("m1").next_at == NOW + 500 * MICROS_PER_SECOND


def test_redirects_are_not_followed(office: Post_Office):
    """A public receiver could send us on to whatever it likes; here both are on this machine."""
    with receiver() as inner, receiver(lambda _: (307, {"Location": inner.url})) as outer:
        subscribe(office.store, "crm", outer.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").attempts == 1)
    assert inner.posts == []
    assert office.row("m1").error.startswith("HTTP 307: redirects are not followed")


def test_an_inner_address_is_refused_at_each_delivery(office: Post_Office):
    with receiver() as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").attempts == 1, private=False)
    assert there.posts == []
    assert "not a public address" in office.row("m1").error


def test_the_connection_goes_to_the_address_that_was_judged(office: Post_Office):
    """The name answers once with what is allowed, and from then on with another receiver: nobody asks it twice."""
    with receiver() as meant, receiver() as other:
        asked = []

        async def changing(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        subscribe(office.store, "crm", f"http://crm.example:{meant.port}/hook?x=1")
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").delivered_at is not None, resolve=changing)
        assert asked == [("crm.example", meant.port)]
        assert other.posts == []
    [post] = meant.posts
    assert post.headers["host"] == f"crm.example:{meant.port}"
    assert post.path == "/hook?x=1"


def test_a_name_that_turns_inwards_is_refused(office: Post_Office):
    """DNS rebinding: public when it was subscribed to, this machine when the message goes out."""

    async def turned(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with receiver() as there:
        subscribe(office.store, "crm", f"http://rebound.example:{there.port}/")
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").attempts == 1, private=False, resolve=turned)
    assert there.posts == []
    assert "rebound.example leads to 127.0.0.1" in office.row("m1").error


def test_the_second_address_is_tried_where_there_is_no_way_to_the_first(office: Post_Office):
    async def both(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    with receiver() as there:
        subscribe(office.store, "crm", f"http://crm.example:{there.port}/")
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").delivered_at is not None, resolve=both)
    assert len(there.posts) == 1


def test_proxies_of_the_environment_are_not_asked(office: Post_Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with receiver() as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        office.deliver(lambda: office.row("m1").delivered_at is not None)
    assert len(there.posts) == 1


def test_a_message_is_not_sent_again_while_the_store_does_not_answer(
    office: Post_Office, monkeypatch: pytest.MonkeyPatch
):
    whole, refusals = outbox.delivered, iter(range(3))

    def delivered(*args: Any, **more: Any) -> None:
        if next(refusals, None) is not None:
            raise StoreError("disk full")
        whole(*args, **more)

    monkeypatch.setattr(courier, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(outbox, "delivered", delivered)
    with receiver() as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", "m2", to="crm")
        office.deliver(lambda: office.row("m2").delivered_at is not None)
    assert [post.headers["webhook-id"] for post in there.posts] == ["m1", "m2"]


def test_an_answer_that_never_ends_is_cut_off(office: Post_Office):
    """A byte now and then keeps every single read within its time; the attempt as a whole has one too."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            there, _ = server.accept()
            with there, contextlib.suppress(OSError):
                while not over.wait(0.2):
                    there.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        subscribe(office.store, "crm", f"http://127.0.0.1:{server.getsockname()[1]}/")
        office.put("m1", to="crm")
        try:
            office.deliver(lambda: office.row("m1").attempts == 1)
        finally:
            over.set()
            thread.join()
    assert office.row("m1").error == "no answer within 1 s"


def test_name_servers_that_never_answer_hold_nobody_up(office: Post_Office):
    """Each holds a thread for as long as the resolver likes; the store and other names have theirs."""
    released = threading.Event()

    async def resolve(host: str, port: int) -> list[str]:
        if host.startswith("stuck"):
            await asyncio.get_running_loop().run_in_executor(None, released.wait, 30)
        return ["127.0.0.1"]

    with receiver() as there:
        for number in range(7):
            subscribe(office.store, f"stuck{number}", f"http://stuck{number}.example/")
            office.put(f"s{number}", to=f"stuck{number}")
        subscribe(office.store, "good", f"http://good.example:{there.port}/")
        office.put("m1", "m2", to="good")
        office.deliver(lambda: office.row("m2").delivered_at is not None and (released.set() or True), resolve=resolve)
    assert len(there.posts) == 2


def test_who_lost_the_lease_notes_nothing(office: Post_Office):
    with receiver() as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm")
        leases.give_back(office.store, LEASE, "me")
        leases.take(office.store, LEASE, "another", now=NOW, seconds=1e6)
        office.deliver(lambda: len(there.posts) > 0)
        eventually(lambda: office.row("m1").delivered_at is None)
    assert office.row("m1").attempts == 0


def test_what_waits_for_a_lead_that_refuses_meanwhile_is_never_sent(office: Post_Office):
    """Its messages leave the outbox, and those of others behind them go out."""
    with receiver() as there:
        subscribe(office.store, "crm", there.url)
        office.put("m1", to="crm", lead="L1")
        office.put("m2", to="crm", lead="L2")
        office.put("m3", to="crm", lead="L1")
        office.put("m4", to="crm", lead="")  # of what monitoring decides
        office.store.append([Event("w", "L1", "identify", "identify", NOW - 2, NOW - 2, traits={"consent": "no"})])
        consent = Consent(trait="consent")
        office.deliver(
            lambda: len(there.posts) == 2, refused=lambda ids: refused(office.store, consent, ids, office.clock)
        )  # fmt: skip
        assert [one.json()["id"] for one in there.posts] == ["m2", "m4"]
        (standing,) = standings(office.store)
        assert (standing.waiting, standing.dead) == (0, 0)
