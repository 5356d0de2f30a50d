"""What sales say of a lead: read, stored once as an event like any other, and seen by training."""

import doctest
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, isoformat
from data.journey import Role, roles, standing
from data.log import NEVER
from data.store import Store
from features import compute
from serving import feedback, keys
from serving.feedback import Feedback, newest, newest_rows
from serving.today import silent_until
from tests.histories import at, log_of, playbook, track
from tests.service import Door, Market, door, market
from training.sets import examples, learned

BOOK = playbook(journey={"ready": ["Sales Accepted"], "returned": ["Lead Returned"]})
POSTPONED = {"outcome": "returned", "reason": "postponed", "until": "2025-06-20"}


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("feedback"))) as opened:
        assert isoformat(opened.clock[0]).startswith("2025-05-25")  # the days below are around it
        yield opened


def say(service: Door, lead: str, body: Any, scope: str = "ingest", *, later: float = 0.01) -> Any:
    """Say it and let some days go by; the answer."""
    answer = service.post(f"/v1/leads/{lead}/feedback", body, scope)
    assert answer.status_code == 200, answer.text
    service.clock[0] += round(later * MICROS_PER_DAY)
    return answer.json()


def fresh(service: Door, count: int = 1) -> list[str]:
    """Open leads that sales have not accepted."""
    listed = service.get("/v1/leads?limit=200").json()["leads"]
    return [one["lead_id"] for one in listed if one["ready_at"] is None][:count]


def timeline(service: Door, lead: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get(f"/v1/leads/{lead}").json()["timeline"]
    return found


# --- what is stored ----------------------------------------------------------------------------------------------


def test_it_becomes_an_event_under_the_playbooks_name(service: Door):
    (lead,) = fresh(service)
    said = say(service, lead, POSTPONED | {"note": " budget in January "})
    assert said["event"] == "Lead Returned"
    assert (said["lead_id"], said["outcome"], said["duplicate"]) == (lead, "returned", False)
    event = timeline(service, lead)[0]
    assert (event["event_id"], event["kind"]) == (said["messageId"], "Lead Returned")
    expected = {"reason": "postponed", "until": "2025-06-20", "note": "budget in January"}
    assert event["properties"] == expected
    assert event["occurred_at"] == event["known_at"] == isoformat(service.market.now)
    assert say(service, lead, {"outcome": "accepted"})["event"] == "Sales Accepted"
    assert timeline(service, lead)[0]["properties"] == {}


def test_readiness_begins_and_ends_with_it(service: Door):
    (lead,) = fresh(service)
    before = service.get(f"/v1/leads/{lead}").json()
    assert before["ready_p50"] is not None
    said_at = service.clock[0]
    say(service, lead, {"outcome": "accepted"})
    accepted = service.get(f"/v1/leads/{lead}").json()
    assert (accepted["ready_at"], accepted["ready_p50"]) == (isoformat(said_at), None)
    say(service, lead, {"outcome": "returned", "reason": "not_mature"})
    returned = service.get(f"/v1/leads/{lead}").json()
    assert returned["ready_at"] is None
    assert returned["ready_p50"] is not None


def test_a_seller_is_named_as_the_one_who_acted(service: Door):
    (lead,) = fresh(service)
    service.keys["anne"] = keys.create(service.store, "anne", ["read"], now=1, seller="Anne")
    say(service, lead, {"outcome": "accepted"}, "anne")
    assert timeline(service, lead)[0]["properties"] == {"actor": "Anne"}


# --- said twice --------------------------------------------------------------------------------------------------


def test_said_again_it_is_stored_once(service: Door):
    first, second = fresh(service, 2)
    said = say(service, first, POSTPONED)
    again = say(service, first, POSTPONED, later=2)
    assert again == said | {"duplicate": True}
    assert not say(service, first, POSTPONED)["duplicate"]  # two days later it is news
    accepted = say(service, second, {"outcome": "accepted"}, later=9)
    assert say(service, second, {"outcome": "accepted"})["duplicate"]
    assert not say(service, second, {"outcome": "returned", "reason": "other"})["duplicate"]
    once_more = say(service, second, {"outcome": "accepted"})
    assert not once_more["duplicate"]
    assert once_more["messageId"] != accepted["messageId"]
    words = [one["kind"] for one in timeline(service, second) if one["kind"] in ("Sales Accepted", "Lead Returned")]
    assert words[:3] == ["Sales Accepted", "Lead Returned", "Sales Accepted"]


def test_under_the_senders_own_id_it_is_stored_once(service: Door):
    (lead,) = fresh(service)
    body = POSTPONED | {"messageId": "mine-1"}
    assert say(service, lead, body, later=5) | {"duplicate": True} == say(service, lead, body, later=5)
    say(service, lead, body | {"messageId": "mine-2"})
    told = [one["event_id"] for one in timeline(service, lead)]
    assert [one for one in told if one.startswith("mine")] == ["mine-2", "mine-1"]


def test_an_id_that_another_message_has_is_refused_and_nothing_is_taken_for_stored(service: Door):
    one, other = fresh(service, 2)
    for lead, taken in ((other, timeline(service, one)[0]["event_id"]), (one, timeline(service, one)[0]["event_id"])):
        before = len(timeline(service, lead))
        answer = service.post(f"/v1/leads/{lead}/feedback", POSTPONED | {"messageId": taken}, "ingest")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:veraison:problem:taken")
        assert "give it one of its own" in answer.json()["detail"]
        assert len(timeline(service, lead)) == before


def test_sent_many_times_at_once_it_is_stored_once(service: Door):
    (lead,) = fresh(service)
    count = service.store.counts()["events"]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: service.post(f"/v1/leads/{lead}/feedback", POSTPONED), range(8)))
    assert {one.status_code for one in told} == {200}
    assert sorted(one.json()["duplicate"] for one in told) == [False] + [True] * 7
    assert service.store.counts()["events"] == count + 1


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "outcome"),
        ({"outcome": "won"}, "outcome"),
        ({"outcome": "returned"}, "reason"),
        ({"outcome": "returned", "reason": "bored"}, "reason"),
        ({"outcome": "accepted", "reason": "other"}, "reason"),
        ({"outcome": "returned", "reason": "postponed"}, "until"),
        (POSTPONED | {"until": "2025-05-25"}, "until"),
        (POSTPONED | {"until": "2027-05-27"}, "until"),
        (POSTPONED | {"until": "2025-02-30"}, "until"),
        (POSTPONED | {"until": "20250620"}, "until"),
        (POSTPONED | {"until": 1_750_377_600}, "until"),
        (POSTPONED | {"reason": "no_budget"}, "until"),
        ({"outcome": "accepted", "until": "2025-06-20"}, "until"),
        (POSTPONED | {"note": "x" * 1001}, "note"),
        (POSTPONED | {"messageId": ""}, "messageId"),
        (POSTPONED | {"score": 3}, "score"),
        (POSTPONED | {"note": "half \ud800 a pair"}, "note"),
    ],
)
def test_what_is_wrong_is_said_by_field(service: Door, body: dict[str, Any], field: str):
    (lead,) = fresh(service)
    count = service.store.counts()["events"]
    address, text = f"/v1/leads/{lead}/feedback", json.dumps(body)
    answer = service.client.post(address, content=text, headers=service.key("ingest"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(field)
    assert service.store.counts()["events"] == count


def test_of_a_lead_that_is_closed_nothing_is_said(service: Door):
    for status in ("converted", "lost"):
        lead = service.get(f"/v1/leads?limit=1&status={status}").json()["leads"][0]["lead_id"]
        answer = service.post(f"/v1/leads/{lead}/feedback", {"outcome": "accepted"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:veraison:problem:closed")
    assert service.post("/v1/leads/never/feedback", POSTPONED).status_code == 404


def test_of_an_id_that_goes_on_as_another_it_is_said_of_that_one(service: Door):
    (lead,) = fresh(service)
    alias = {"type": "alias", "messageId": "a-1", "previousId": "visitor", "userId": lead}
    service.post("/v1/batch", {"batch": [alias | {"timestamp": "2025-05-01T00:00:00Z"}]})
    service.clock[0] += 1
    said = say(service, "visitor", POSTPONED)
    assert said["lead_id"] == lead
    assert timeline(service, lead)[0]["kind"] == "Lead Returned"
    with service.store.engine.connect() as connection:
        query = "SELECT lead_id FROM events WHERE event_id = :id"
        assert connection.execute(sa.text(query), {"id": said["messageId"]}).scalar() == lead


def test_a_playbook_without_such_events_says_what_to_do(tmp_path_factory: pytest.TempPathFactory):
    made = market().copy(tmp_path_factory.mktemp("unnamed"))
    journey = made.playbook.journey.model_copy(update={"returned": ()})
    without = Market(made.workspace, made.playbook.model_copy(update={"journey": journey}), made.bundle, made.now)
    with door(without) as service:
        (lead,) = fresh(service)
        answer = service.post(f"/v1/leads/{lead}/feedback", POSTPONED)
        assert answer.status_code == 409
        assert answer.json()["detail"].endswith("add to [journey] a name for: returned")
        say(service, lead, {"outcome": "accepted"})


# --- training sees it --------------------------------------------------------------------------------------------


def test_it_reaches_training(service: Door):
    """Labels, landmarks and features of the lead change as they do with events from anywhere else."""
    playbook, start = service.market.playbook, service.clock[0]
    (lead,) = fresh(service)
    days = (0.0, 10.0, 20.0, 30.0)  # accepted on day 10, sent back on day 20
    service.clock[0] = start + 10 * MICROS_PER_DAY
    say(service, lead, {"outcome": "accepted"}, later=10)
    say(service, lead, {"outcome": "returned", "reason": "not_mature"}, later=0)
    before, log = start + 40 * MICROS_PER_DAY, service.log()
    moments = [start + round((day + 0.5) * MICROS_PER_DAY) for day in days]
    open_ = standing(log, playbook.journey, np.repeat(log.codes([lead]), 4), np.array(moments)).status == 0
    assert open_.all()

    found = examples(log, playbook, before=before, pairs=([lead] * 4, moments))
    assert found.pairs.ready.tolist() == [False, True, False, False]
    assert found.ripens.tolist() == [True, False, True, True]
    assert found.ripening.event.tolist()[0]
    assert found.ripening.duration[0] == 9.5  # the acceptance, half a day after the landmark plus nine
    assert not found.ripening.event[2:].any()  # sent back: readiness begins anew, and nothing has ended it

    features = learned(log, playbook, before=before)
    table = compute.batch(log, features, found.pairs.lead, found.pairs.as_of, found.pairs.started)
    accepted = table[:, features.names.index("count__sales_accepted__ever")]
    since = table[:, features.names.index("since__sales_accepted")]
    assert np.diff(accepted).tolist() == [1, 0, 0]
    assert since[1:].tolist() == [0.5, 10.5, 20.5]


# --- read back ---------------------------------------------------------------------------------------------------


def test_other_systems_may_write_their_reasons_as_they_like():
    events = [
        replace(track("A", "Lead Returned", 1), properties={"reason": " Not Mature ", "until": 7, "note": ""}),
        replace(track("B", "Lead Returned", 1), properties={"reason": "postponed", "until": "2026-03-01T09:00:00Z"}),
        replace(track("C", "Lead Returned", 1), properties={"reason": 3, "until": "soon"}),
        track("D", "Deal Lost", 1),
    ]
    with Store("sqlite://") as store:
        store.append([replace(one, event_id=one.lead_id) for one in events])
        log = store.scan()
        said = newest(store, log, BOOK.journey, at(2))
    assert [said.get(code) for code in range(4)] == [
        Feedback("A", "returned", at(1), "not_mature"),
        Feedback("B", "returned", at(1), "postponed", feedback.date(2026, 3, 1)),
        Feedback("C", "returned", at(1)),
        None,
    ]


@given(st.dates(), st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Paris", "America/Los_Angeles", "Pacific/Kiritimati"]))
@example(feedback.date.min, "Europe/Paris")
@example(feedback.date.max, "America/Los_Angeles")
def test_whatever_day_another_system_writes_the_page_of_today_stands(day: feedback.date, zone: str):
    """As some write 0001-01-01 for no day at all."""
    properties = {"reason": "postponed", "until": day.isoformat()}
    event = {"event_id": "m", "kind": "Lead Returned", "occurred_at": at(1), "properties": properties}
    said = feedback.feedback_of(event, BOOK.journey)
    assert said is not None
    assert silent_until(said, ZoneInfo(zone)) > 0
    assert said.until == (day if 1970 < day.year < 3000 else said.until)


WORDS = ("Sales Accepted", "Lead Returned", "Visited")
HISTORIES = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(WORDS), st.integers(0, 5), st.integers(0, 5)), max_size=12
)


@given(HISTORIES, st.integers(0, 8))
@example([("A", "Lead Returned", 1, 0), ("A", "Sales Accepted", 1, 0)], 2)
@example([("A", "Sales Accepted", 1, 0), ("A", "Lead Returned", 1, 0)], 2)
def test_the_newest_word_agrees_with_readiness(history: list[tuple[str, str, int, int]], day: int):
    """Two ways to the same: a lead is ready exactly while the newest visible word on it is an acceptance."""
    events = [track(lead, kind, on, known=on + late) for lead, kind, on, late in history]
    log = log_of(*events, track("D", "Visited", 0))
    rows = newest_rows(log, BOOK.journey, at(day))
    role = roles(log.kinds, BOOK.journey)
    everyone = np.arange(len(log.leads))
    ready = standing(log, BOOK.journey, everyone, np.full(len(everyone), at(day))).ready != NEVER
    accepted = np.array([row >= 0 and role[log.kind[row]] == Role.ready for row in rows])
    assert accepted.tolist() == ready.tolist()
    for code, row in enumerate(rows):
        if row >= 0:
            assert log.offsets[code] <= row < log.offsets[code + 1]
            assert log.known[row] < at(day)


def test_examples_in_the_docs():
    assert doctest.testmod(feedback).failed == 0
