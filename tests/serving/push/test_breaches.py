"""Promises that were not kept reach those who asked for it, once; and nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data import leases
from data.contract_lines import append
from data.leases import LostLeaseError
from data.store import Store
from data.subscriptions import Subscription
from serving.push.breaches import Breaches
from serving.push.watcher import LEASE
from tests.data.test_contract_lines import BREACH, ONE, TWO
from tests.receivers import subscribe
from tests.serving.push.test_alerts import all_due
from veraison.errors import VeraisonError

NOW, ME = 1_772_500_000_000_000, "me"
LATER = BREACH.model_copy(update={"week": "2026-W10", "side": "marketing", "promise": "volume"})


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        leases.take(opened, LEASE, ME, now=NOW, seconds=1e6)
        yield opened


def listens(store: Store, name: str = "crm", shape: str = "cloudevents") -> Subscription:
    return subscribe(store, name, "https://crm.example/hook", about=("contract",), shape=shape)


def test_each_breach_goes_once_to_each_that_asked_from_then_on(tmp_path: Path, store: Store):
    looking = Breaches(store, tmp_path, ME)
    append(tmp_path, [ONE, BREACH])
    listens(store)
    subscribe(store, "scores", "https://other.example/hook")
    assert looking.look(NOW) == 0  # what was broken before is no news
    append(tmp_path, [TWO, LATER])
    assert looking.look(NOW) == 1
    assert Breaches(store, tmp_path, ME).look(NOW) == 0
    (row,) = all_due(store)
    event = json.loads(row.body)
    assert (event["type"], event["source"], event["subject"]) == (
        "io.veraison.contract.broken.v1", "urn:veraison:contract", "marketing",
    )  # fmt: skip
    assert event["data"] == LATER.model_dump(mode="json", exclude={"kind"})
    assert row.message_id == event["id"]


def test_before_there_is_a_file_and_without_the_lease_nothing_is_told(tmp_path: Path, store: Store):
    assert Breaches(store, None, ME).look(NOW) == 0
    listens(store)
    assert Breaches(store, tmp_path, ME).look(NOW) == 0
    append(tmp_path, [BREACH])
    with pytest.raises(LostLeaseError):
        Breaches(store, tmp_path, "another").look(NOW)
    assert all_due(store) == []
    assert Breaches(store, tmp_path, ME).look(NOW) == 1


def test_it_speaks_of_no_lead(store: Store):
    with pytest.raises(VeraisonError, match="what becomes of the contract is told as cloudevents"):
        listens(store, shape="crm")
