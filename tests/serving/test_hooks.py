"""Webhooks of HubSpot and Salesforce, posted as they are: through mappings, once each, nothing dropped in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.events import isoformat
from data.mapping import flat_rows, load_mapping
from data.schema import events, traits
from data.sources import EXAMPLES
from serving.hooks import Hooks
from tests.service import Door, door, market

AT = 1_735_689_600_000  # 2025-01-01, in milliseconds as both send it


@pytest.fixture
def service(tmp_path: Path):
    """The market's model on an empty store, and a folder for mappings."""
    (tmp_path / "mappings").mkdir()
    with door(market().emptied(tmp_path)) as opened:
        yield opened


def hubspot(number: int, kind: str = "contact.propertyChange", **more: Any) -> dict[str, Any]:
    """An event as HubSpot's documentation shows it."""
    found = {"eventId": number, "subscriptionId": 12, "portalId": 62515, "appId": 54321, "occurredAt": AT + number}
    return found | {"subscriptionType": kind, "attemptNumber": 0, "objectId": 123, "changeSource": "CRM"} | more


def salesforce(
    kind: str = "UPDATE", ids: tuple[str, ...] = ("00Q1",), entity: str = "Lead", place: int = 1, **fields: Any
) -> Any:
    """A change event as Salesforce's documentation shows it."""
    header = {
        "entityName": entity, "recordIds": list(ids), "changeType": kind, "changeOrigin": "com/salesforce/api/rest/60",
        "transactionKey": "0002343d-9d90-e395-ed20-cf416ba652ad", "sequenceNumber": place, "commitTimestamp": AT,
        "commitNumber": 65824907130, "commitUser": "005RM000001vI54YAE", "changedFields": list(fields),
    }  # fmt: skip
    return {"schema": "7DT_BP6i", "payload": {"ChangeEventHeader": header, **fields}, "event": {"replayId": 22}}


def stored(service: Door) -> list[tuple[str, str]]:
    with service.store.engine.connect() as connection:
        rows = connection.execute(sa.select(events.c.lead_id, events.c.kind).order_by(events.c.event_id))
        return sorted((row.lead_id, row.kind) for row in rows)


def learned(service: Door) -> dict[tuple[str, str], str]:
    with service.store.engine.connect() as connection:
        return {(row.lead_id, row.name): row.text for row in connection.execute(sa.select(traits))}


def test_hubspot(service: Door):
    batch = [
        hubspot(1, "contact.creation"),
        hubspot(2, propertyName="lifecyclestage", propertyValue="opportunity"),
        hubspot(3, propertyName="email", propertyValue="anne@acme.fr"),
        hubspot(4, propertyName="favourite_colour", propertyValue="red"),
        hubspot(5, "deal.propertyChange", propertyName="email", propertyValue="no@contact"),
        hubspot(6, propertyName="lifecyclestage", propertyValue=""),
    ]
    answer = service.post("/v1/hooks/hubspot", batch, "ingest").json()
    assert answer == {"accepted": 3, "duplicates": 0, "rejected": [], "ignored": 3}
    assert stored(service) == [
        ("123", "Contact Created"), ("123", "Lifecycle Stage opportunity"), ("123", "identify")
    ]  # fmt: skip
    assert learned(service)["123", "email"] == "anne@acme.fr"
    log = service.log()
    assert {isoformat(int(at)) for at in log.occurred} == {f"2025-01-01T00:00:00.00{n}000Z" for n in (1, 2, 3)}
    assert set(log.known.tolist()) == {service.market.now}, "received by the server's clock, whatever was said"
    again = [one | {"attemptNumber": 2} for one in batch]
    assert service.post("/v1/hooks/hubspot", again, "ingest").json() == answer | {"accepted": 0, "duplicates": 3}


def test_salesforce(service: Door):
    fields = {"Status": "Working", "Email": "a@b.fr", "NumberOfEmployees": 120, "Address": {"Country": "FR"}}
    body = salesforce(ids=("00Q1", "00Q2"), **fields)
    answer = service.post("/v1/hooks/salesforce", body, "ingest").json()
    assert answer == {"accepted": 6, "duplicates": 0, "rejected": [], "ignored": 0}
    kinds = ["Lead Status Working", "Lead UPDATE", "identify"]
    assert stored(service) == [(lead, kind) for lead in ("00Q1", "00Q2") for kind in kinds]
    assert learned(service)["00Q2", "country"] == "FR"
    assert learned(service)["00Q1", "employees"] == "120"
    assert service.post("/v1/hooks/salesforce", [body, body]).json()["duplicates"] == 12
    other = [salesforce(entity="Account", Status="x"), salesforce("DELETE", place=2)]
    assert service.post("/v1/hooks/salesforce", other).json() == {
        "accepted": 1, "duplicates": 0, "rejected": [], "ignored": 1
    }  # fmt: skip


def test_what_cannot_be_used_is_answered_and_kept(service: Door):
    deep: Any = {}
    for _ in range(50):
        deep = {"a": deep}
    batch = [hubspot(1, "contact.creation", occurredAt="soon"), "text", deep, hubspot(2, "contact.creation")]
    answer = service.post("/v1/hooks/hubspot", batch).json()
    assert (answer["accepted"], answer["ignored"]) == (1, 0)
    reasons = {one["index"]: one["reason"] for one in answer["rejected"]}
    assert set(reasons) == {0, 1, 2}
    assert "column 'occurredAt': 'soon' is not a date" in reasons[0]
    assert {one.source for one in service.store.quarantined()} == {"hooks/hubspot"}
    assert json.loads(service.store.quarantined()[0].raw) == batch[0]


def test_who_was_erased_does_not_come_back_by_a_webhook(service: Door):
    service.post("/v1/hooks/hubspot", [hubspot(1, "contact.creation")])
    ((lead, _),) = stored(service)
    assert service.client.delete(f"/v1/leads/{lead}", headers=service.key("admin")).status_code == 200
    batch = ["text", hubspot(2, "contact.creation"), hubspot(3, "contact.creation", objectId=124)]
    answer = service.post("/v1/hooks/hubspot", batch).json()
    assert (answer["accepted"], answer["duplicates"], answer["ignored"]) == (1, 0, 0)
    assert [one["index"] for one in answer["rejected"]] == [0, 1]
    assert answer["rejected"][1]["reason"].startswith("erased: ")
    assert lead not in {one for one, _ in stored(service)}
    assert service.store.counts()["quarantine"] == 1


def test_a_mapping_of_ones_own_comes_first_and_is_read_again_when_it_changes(service: Door):
    own = service.market.workspace.mappings / "hubspot.toml"
    text = '[[message]]\ntype = "track"\nlead = "who"\nevent = "{what}"\ntime = "at"\nid = "own-{id}"\n'
    own.write_text(text)
    hooks = Hooks(own.parent)
    said = {"who": "L1", "what": "Called", "at": "2025-01-01T00:00:00Z", "id": 1}
    [record] = hooks.records("hubspot", said, 10)[0]
    assert record.payload is not None
    assert (record.payload["event"], record.payload["messageId"]) == ("Called", "own-1")
    own.write_text(text.replace("own-", "another-"))
    [record] = hooks.records("hubspot", said, 10)[0]
    assert record.payload is not None
    assert record.payload["messageId"] == "another-1"


@pytest.mark.parametrize("name", ["nobody", "..%2Fplaybook", ".hidden", "a.b", "%00", "a" * 99])
def test_no_such_mapping(service: Door, name: str):
    answer = service.post(f"/v1/hooks/{name}", {})
    assert answer.status_code == 404
    assert str(service.market.workspace.root) not in answer.text


def test_a_broken_mapping_is_the_operators_concern(service: Door):
    (service.market.workspace.mappings / "own.toml").write_text("[[message]]\n")
    answer = service.post("/v1/hooks/own", {})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:veraison:problem:mapping")
    assert "own.toml" not in answer.text


def test_who_may_post(service: Door):
    assert service.client.post("/v1/hooks/hubspot", json=[]).status_code == 401
    assert service.post("/v1/hooks/hubspot", [], "read").status_code == 403
    basic = service.client.post("/v1/hooks/hubspot", json=[], auth=(service.keys["ingest"], ""))
    assert basic.json() == {"accepted": 0, "duplicates": 0, "rejected": [], "ignored": 0}
    assert service.post("/v1/hooks/hubspot", [{}] * 1001).status_code == 413
    assert service.client.post("/v1/hooks/hubspot", content=b"{", headers=service.key("ingest")).status_code == 400


def test_a_list_that_makes_rows_has_as_many_as_members():
    each = load_mapping(EXAMPLES / "salesforce.toml").file.each
    assert [len(list(flat_rows(salesforce(ids=ids), each))) for ids in ((), ("a",), ("a", "b"))] == [0, 1, 2]
    assert len(list(flat_rows({"a": 1}, each))) == 1
