"""What monitoring decided reaches those who asked for it, once, over a real socket; and nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data import leases, outbox, subscriptions
from data.events import MICROS_PER_DAY, isoformat
from data.leases import LostLeaseError
from data.store import Store
from data.subscriptions import Subscription
from serving.leads import Leads
from serving.models import ModelHolder
from serving.push.alerts import Alerts, alerts
from serving.push.courier import Sender
from serving.push.signing import headers
from serving.push.watcher import LEASE
from serving.push.worker import Push
from serving.verdicts import Journal
from tests.journals import SCORE, SILENT, story, verdict, write_journal
from tests.receivers import eventually, receiver, subscribe
from tests.service import market
from veraison.errors import VeraisonError

NOW = market().now
ME = "me"


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        leases.take(opened, LEASE, ME, now=NOW, seconds=1e6)
        yield opened


def hold(at: int, *causes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return verdict(at, decision="hold", causes=list(causes), **more)


def told(store: Store) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in sorted(all_due(store), key=lambda one: one.created_at)]


def all_due(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT * FROM outbox ORDER BY sequence"))


def decisions(store: Store, to: str) -> list[str]:
    return [json.loads(one.body)["data"]["as_of"] for one in all_due(store) if one.subscription == to]


def listens(store: Store, name: str = "pager", **more: Any) -> Subscription:
    return subscribe(store, name, "https://ops.example/hook", **{"about": ("monitoring",)} | more)


def test_what_is_news(tmp_path: Path):
    days = [NOW + number * MICROS_PER_DAY for number in range(12)]
    quiet = SILENT | {"acts": False}
    lines = [
        verdict(days[0]),
        hold(days[1], SCORE),  # news
        hold(days[2], SCORE | {"psi": 0.4}),
        hold(days[3], SCORE, quiet),
        hold(days[4], SCORE, SILENT),  # news: another cause
        hold(days[5], SILENT, SCORE),
        verdict(days[6], decision="retrain", causes=[SCORE, SILENT], challenger="b"),  # news: another decision
        verdict(days[7], decision="retrain", causes=[SCORE, SILENT], challenger="c"),
        verdict(days[8], decision="retrain", causes=[SCORE, SILENT], challenger="d", promoted=True),  # news
        verdict(days[9], causes=[quiet]),
        hold(days[10], SCORE),  # news: it had gone meanwhile
        verdict(days[11], action="rolled_back"),  # news
    ]
    write_journal(tmp_path, lines)
    assert [one.number - 1 for one in alerts(Journal(tmp_path).lines().verdicts)] == [1, 4, 6, 8, 10, 11]


def test_each_line_goes_once_to_each_that_asked(tmp_path: Path, store: Store):
    listens(store)
    listens(store, "late")
    subscribe(store, "crm", "https://crm.example/hook")
    looking = Alerts(store, Journal(tmp_path), ME)
    assert looking.look(NOW) == 0  # no journal yet
    write_journal(tmp_path, [verdict(NOW), hold(NOW + 1, SCORE)])
    assert looking.look(NOW) == 2
    assert looking.look(NOW) == 0
    write_journal(tmp_path, [verdict(NOW), hold(NOW + 1, SCORE), hold(NOW + 2, SCORE), hold(NOW + 3, SILENT)])
    assert Alerts(store, Journal(tmp_path), ME).look(NOW) == 2  # another process goes on where this one was
    for name in ("pager", "late"):
        assert decisions(store, name) == [isoformat(NOW + 1), isoformat(NOW + 3)]
    assert decisions(store, "crm") == []
    assert len({one.message_id for one in all_due(store)}) == 4


def test_who_comes_later_is_told_what_holds_now(tmp_path: Path, store: Store):
    write_journal(tmp_path, [hold(NOW, SCORE), verdict(NOW + 1), hold(NOW + 2, SCORE), hold(NOW + 3, SCORE)])
    listens(store)
    assert Alerts(store, Journal(tmp_path), ME).look(NOW) == 1
    assert decisions(store, "pager") == [isoformat(NOW + 3)]
    write_journal(tmp_path, [hold(NOW, SCORE), verdict(NOW + 1)])
    listens(store, "second")
    assert Alerts(store, Journal(tmp_path), ME).look(NOW) == 0  # nothing holds; and the first was told nothing twice


def test_what_goes_out_is_a_cloudevent(tmp_path: Path, store: Store):
    listens(store)
    write_journal(tmp_path, [hold(NOW, SCORE, champion="m-1", message="Seen: é.")])
    Alerts(store, Journal(tmp_path), ME).look(NOW + 5)
    [row] = all_due(store)
    assert row.body.isascii()
    event = json.loads(row.body)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0", "id": row.message_id, "source": "urn:veraison:monitoring",
        "type": "io.veraison.monitoring.decided.v1", "time": isoformat(NOW), "subject": "m-1",
        "datacontenttype": "application/json",
    }  # fmt: skip
    assert data["causes"] == [SCORE]
    assert (data["decision"], data["promoted"], data["message"]) == ("hold", False, "Seen: é.")
    assert row.lead_id == ""


def test_without_the_lease_nothing_is_written(tmp_path: Path, store: Store):
    listens(store)
    write_journal(tmp_path, [hold(NOW, SCORE)])
    with pytest.raises(LostLeaseError):
        Alerts(store, Journal(tmp_path), "another").look(NOW)
    assert all_due(store) == []
    assert Alerts(store, Journal(tmp_path), ME).look(NOW) == 1


def test_what_a_subscription_may_be_about(store: Store):
    listens(store, "both", about=("scores", "monitoring"))
    listens(store, "plain", about=("scores",))
    assert {one.name: one.about for one in subscriptions.listed(store)} == {
        "both": ("monitoring", "scores"), "plain": ("scores",),
    }  # fmt: skip
    for wrong, why in (
        ({"about": ("weather",)}, "about 'weather': allowed are scores, monitoring"),
        ({"about": ()}, "allowed are scores, monitoring"),
        ({"shape": "dynamics"}, "what monitoring decides is told as cloudevents"),
    ):
        with pytest.raises(VeraisonError, match=why):
            listens(store, "wrong", **wrong)
    subscriptions.remove(store, "both")
    listens(store, "both", about=("scores",))
    assert subscriptions.told_until(store, "monitoring") == {}


@pytest.mark.slow
def test_an_alert_reaches_a_real_receiver_once(tmp_path: Path):
    """Through the threads of a running service: signed, tried again after a failure, and not sent twice."""
    where = market().copy(tmp_path)
    answers = iter([(503, {}), (200, {})])
    with receiver(lambda post: next(answers, (200, {}))) as there, where.store() as store:
        to = subscribe(store, "pager", there.url, about=("monitoring",))
        clock = [where.now]

        def look() -> int:
            clock[0] += 1_000_000  # so that what failed is tried again soon
            return clock[0]

        models = ModelHolder(where.workspace)
        reports = where.workspace.reports
        write_journal(reports, story(where.now))
        push = Push(
            store, Leads(store, models, where.playbook, look), models, sweep=3600, look=0.05, lease=1e6,
            sender=lambda: Sender(private=True), journal=Journal(reports),
        ).start()  # fmt: skip
        try:
            first, again = there.wait_for(2)
            assert first.headers["webhook-id"] == again.headers["webhook-id"]
            stamp = int(again.headers["webhook-timestamp"])
            signed = headers(to.secret, again.headers["webhook-id"], stamp, again.body)
            assert again.headers["webhook-signature"] == signed["webhook-signature"]
            assert again.headers["content-type"] == "application/cloudevents+json"
            assert again.json()["data"]["message"] == story(where.now)[-1]["message"]
            write_journal(reports, [*story(where.now), story(where.now)[-1], hold(where.now + 5, SCORE)])
            assert there.wait_for(3)[2].json()["data"]["causes"] == [SCORE]
            eventually(lambda: outbox.waiting(store).count == 0)
            assert len(there.posts) == 3
        finally:
            push.stop()
