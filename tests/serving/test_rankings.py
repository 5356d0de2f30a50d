"""How long a ranking of now does: anew for each event where it is quick, some seconds where it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.leads import Leads
from serving.models import ModelHolder
from tests.service import Door, door, market


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Door]:
    with door(market().copy(tmp_path)) as opened:
        yield opened


class Watch:
    """A clock that goes on when it is told to, and while the store is scanned."""

    def __init__(self, service: Door, scan_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.scans = service.market.now, 0
        scan = service.store.scan

        def slow():
            self.now += int(scan_seconds * 1e6)
            self.scans += 1
            return scan()

        monkeypatch.setattr(service.store, "scan", slow)
        self.leads = Leads(service.store, ModelHolder(service.market.workspace), service.market.playbook, self)

    def __call__(self) -> int:
        return self.now


def arrives(service: Door, watch: Watch, event_id: str) -> None:
    service.clock[0] = watch.now
    lead = watch.leads.ranking().lead_ids[0]
    said = {"type": "track", "messageId": event_id, "userId": lead, "event": "Pricing Page Viewed"}
    assert service.post("/v1/batch", {"batch": [said]}).json()["accepted"] == 1
    watch.now += 1_000


def test_a_quick_ranking_has_each_event_at_once(service: Door, monkeypatch: pytest.MonkeyPatch):
    watch = Watch(service, 0.05, monkeypatch)
    before = watch.leads.ranking()
    assert watch.leads.ranking() is before
    arrives(service, watch, "a")
    assert watch.leads.ranking() is not before
    assert watch.scans == 2


def test_a_slow_one_does_for_ten_times_as_long(service: Door, monkeypatch: pytest.MonkeyPatch):
    watch = Watch(service, 0.5, monkeypatch)
    before = watch.leads.ranking()
    arrives(service, watch, "a")
    watch.now += 4_990_000
    assert watch.leads.ranking() is before
    assert watch.leads.ranking(watch.now) is not before, "a moment that is asked for is that moment"
    watch.now += 20_000
    after = watch.leads.ranking()
    assert after is not before
    assert after.as_of > before.as_of


def test_a_clock_that_is_set_back_keeps_nothing(service: Door, monkeypatch: pytest.MonkeyPatch):
    watch = Watch(service, 0.5, monkeypatch)
    before = watch.leads.ranking()
    watch.now -= 3_600_000_000
    assert watch.leads.ranking().as_of < before.as_of


def test_what_a_seller_says_shows_at_once_to_everyone(service: Door, monkeypatch: pytest.MonkeyPatch):
    watch = Watch(service, 0.5, monkeypatch)
    before = watch.leads.ranking()
    watch.leads.of("Anne").renew()  # what a seller's copy of the leads says holds for all of them
    arrives(service, watch, "a")
    assert watch.leads.ranking() is not before


def test_the_desk_renews(service: Door, monkeypatch: pytest.MonkeyPatch):
    lead = service.get("/v1/leads?limit=1").json()["leads"][0]["lead_id"]
    renewed: list[bool] = []
    monkeypatch.setattr(Leads, "renew", lambda self: renewed.append(True))
    assert service.post(f"/v1/leads/{lead}/feedback", {"outcome": "returned", "reason": "no_budget"}).is_success
    assert renewed == [True]
