"""The API over real sockets: what goes in, what comes out, and what is said about everything else."""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import scorelog
from data.events import MICROS_PER_DAY, isoformat
from features.words import Language
from serving import scorer
from serving.bodies import MAX_BYTES
from serving.details import in_detail
from serving.leads import Leads
from serving.models import ModelHolder
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """One market and its service; tests add to it, none depends on what another added."""
    with door(market().copy(tmp_path_factory.mktemp("api"))) as opened:
        yield opened


@pytest.fixture
def fresh(tmp_path: Path):
    """The same model on an empty store."""
    with door(market().emptied(tmp_path)) as opened:
        yield opened


def track(number: object, **more: Any) -> dict[str, Any]:
    message = {"type": "track", "messageId": f"t-{number}", "userId": "T1", "event": "Pricing Page Viewed"}
    return message | {"timestamp": "2025-03-01T09:12:00Z"} | more


def problem(answer: Any, status: int) -> str:
    """The detail of a problem document of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail"}
    assert document["status"] == status
    assert "Traceback" not in answer.text
    return str(document["detail"])


# --- events in ---------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_item_by_item(service: Door):
    batch = [track("a1"), track("a2"), track("a1"), track("a3", userId=None), "no object", track("a4", timestamp="?")]
    answer = service.post("/v1/batch", {"batch": batch}, "ingest").json()
    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert [(one["index"], one["messageId"]) for one in answer["rejected"]] == [(3, "t-a3"), (4, None), (5, "t-a4")]
    assert all(one["reason"] for one in answer["rejected"])
    kept = [one for one in service.store.quarantined() if one.source == "http"]
    assert {json.loads(one.raw)["messageId"] for one in kept if one.raw.startswith("{")} >= {"t-a3", "t-a4"}


def test_a_batch_sent_again_changes_nothing(service: Door):
    body = {"batch": [track("b1"), track("b2"), track("b3", event="")], "sentAt": "2025-03-01T09:12:00Z"}
    first, counts = service.post("/v1/batch", body).json(), service.store.counts()
    again = service.post("/v1/import", body).json()
    assert (first["accepted"], first["duplicates"]) == (2, 0)
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert service.store.counts() == counts


def test_of_two_at_once_one_is_told_that_it_was_accepted(service: Door):
    body = {"batch": [track(f"c{number}") for number in range(50)]}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.post("/v1/batch", body).json(), range(4)))
    assert sum(answer["accepted"] for answer in answers) == 50
    assert sum(answer["duplicates"] for answer in answers) == 150


def test_gzip(service: Door):
    body = gzip.compress(json.dumps({"batch": [track("d1")]}).encode())
    headers = service.key("ingest") | {"Content-Encoding": "gzip"}
    assert service.client.post("/v1/batch", content=body, headers=headers).json()["accepted"] == 1


def test_when_an_event_was_received_is_the_servers_word_unless_the_key_may_say(fresh: Door):
    said, happened = "2025-03-02T00:00:00Z", "2025-03-01T09:12:00Z"
    fresh.post("/v1/batch", {"batch": [track("e1", receivedAt=said)]}, "ingest")
    fresh.post("/v1/batch", {"batch": [track("e2", receivedAt=said), track("e3")]}, "admin")
    known = dict(zip(fresh.log().event_ids, fresh.log().known, strict=True))
    assert known["t-e1"] == fresh.market.now
    assert isoformat(int(known["t-e2"])) == said
    assert known["t-e3"] == fresh.market.now
    assert {isoformat(int(at)) for at in fresh.log().occurred} == {happened}


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_single_messages(fresh: Door, kind: str):
    message = track("f") | {"groupId": "g", "previousId": "p", "name": "Home", "type": "ignored"}
    assert fresh.post(f"/v1/{kind}", message).json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert fresh.post(f"/v1/{kind}", {}).json()["rejected"][0]["reason"].startswith("messageId is missing")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (track("g1", properties={"a": {}} | {"deep": json.loads("[" * 40 + "]" * 40)}), "nested"),
        (track("g2", type="page", name="half \ud83d"), "surrogate"),
        (track("g3", properties={"\udc00": 1}), "surrogate"),
        (track("g4", properties={"value": 10**299}), "outside"),
        (track("g\x00"), "printable"),
        (track("g5", timestamp="9999-12-31T23:59:59-23:59"), "outside"),
        (track("g6", timestamp="2025-03-01T09:12:00"), "no zone"),
        (track("g7", timestamp="2035-03-01T09:12:00Z"), "future"),
    ],
)
def test_a_message_that_cannot_be_taken_does_not_keep_the_others_out(service: Door, message: Any, reason: str):
    body = json.dumps({"batch": [message, track(f"beside {reason} {message['messageId']!r}")]})
    answer = service.client.post("/v1/batch", content=body, headers=service.key("ingest"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] + answer.json()["duplicates"] == 1
    assert reason in answer.json()["rejected"][0]["reason"]


def test_emoji_are_whole_letters(service: Door):
    message = track("h", properties={"text": "🍇"})
    answer = service.client.post("/v1/track", content=json.dumps(message), headers=service.key("ingest"))
    assert answer.json()["accepted"] == 1


# --- bodies that are none ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/score", "/v1/track"])
@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"[]", 400, "not a JSON object"),
        (b"3", 400, "not a JSON object"),
        (b'{"batch": NaN}', 400, "NaN is not a JSON number"),
        (b'{"a": 1e999}', 400, "too large"),
        (b'{"a": ' + b"9" * 5_000 + b"}", 400, "too large"),
        (b"[" * 100_000, 400, "nested too deep"),
        (b'{"a": "\xff"}', 400, "not UTF-8"),
        (json.dumps({"batch": []}).encode("utf-16"), 400, "not UTF-8"),
        (b" " * (MAX_BYTES + 1), 413, "at most 5 MB"),
    ],
)
def test_what_is_not_json_is_refused(service: Door, path: str, content: bytes, status: int, sentence: str):
    assert sentence in problem(service.client.post(path, content=content, headers=service.key("admin")), status)


@pytest.mark.parametrize(
    ("encoding", "content", "status", "sentence"),
    [
        ("gzip", b"not gzip", 400, "not gzip"),
        ("gzip", b"", 400, "cut short"),
        ("gzip", gzip.compress(b'{"batch": []}', mtime=0)[:-4], 400, "cut short"),
        ("gzip", gzip.compress(b'{"batch": []}', mtime=0) + b"more", 400, "goes on"),
        ("gzip", gzip.compress(b" " * (MAX_BYTES + 1), mtime=0), 413, "after unpacking"),
        ("br", b"{}", 415, "gzip"),
    ],
)
def test_encodings(service: Door, encoding: str, content: bytes, status: int, sentence: str):
    headers = service.key("ingest") | {"Content-Encoding": encoding}
    assert sentence in problem(service.client.post("/v1/batch", content=content, headers=headers), status)


def test_a_body_without_a_length_is_bounded_too(service: Door):
    chunks = (b" " * 100_000 for _ in range(60))
    answer = service.client.post("/v1/batch", content=chunks, headers=service.key("ingest"))
    assert "at most 5 MB" in problem(answer, 413)


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/v1/batch", {}, 422, "batch: Field required"),
        ("/v1/batch", {"batch": {}}, 422, "batch: Input should be a valid list"),
        ("/v1/batch", {"batch": [{}] * 1_001}, 413, "at most 1,000 messages, not 1,001"),
        ("/v1/score", {}, 422, "lead_ids or events must say whom"),
        ("/v1/score", {"lead_ids": []}, 422, "lead_ids: "),
        ("/v1/score", {"lead_ids": ["x"] * 10_001}, 422, "lead_ids: "),
        ("/v1/score", {"lead_ids": ["a", 7]}, 422, "lead_ids.1: "),
        ("/v1/score", {"lead_ids": ["a", "b\x00"]}, 422, "lead_ids.1: an id is printable text"),
        ("/v1/score", {"lead_ids": ["x" * 257]}, 422, "lead_ids.0: "),
        ("/v1/score", {"lead_ids": ["a"], "as_of": "yesterday"}, 422, "as_of: 'yesterday' is not a date"),
        ("/v1/score", {"lead_ids": ["a"], "as_of": "2025-03-01T00:00:00"}, 422, "as_of: the date"),
        ("/v1/score", {"lead_ids": ["a"], "as_of": "9999-12-31T23:59:59-23:59"}, 422, "outside 1970 to 9000"),
        ("/v1/score", {"lead_ids": ["a"], "as_of": "0001-01-01T00:00:00Z"}, 422, "outside 1970 to 9000"),
        ("/v1/score", {"lead_ids": ["a"], "lang": "de"}, 422, "lang: "),
        ("/v1/score", {"lead_ids": ["a"], "reasons": -1}, 422, "reasons: "),
        ("/v1/score", {"lead_ids": ["a"], "colour": 1}, 422, "colour: "),
        ("/v1/score", {"events": [{"type": "track"}]}, 422, "events.0: messageId is missing"),
        ("/v1/score", {"events": [7]}, 422, "events.0: "),
    ],
)
def test_one_sentence_with_the_path(service: Door, path: str, body: Any, status: int, sentence: str):
    assert sentence in problem(service.post(path, body), status)


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v1/leads?limit=0", 422, "query.limit: "),
        ("/v1/leads?limit=x", 422, "query.limit: "),
        ("/v1/leads?sort=name", 422, "query.sort: "),
        ("/v1/leads?status=gone", 422, "query.status: "),
        ("/v1/leads?as_of=now", 422, "as_of: "),
        ("/v1/leads/nobody", 404, "no lead 'nobody' is known"),
        ("/v1/leads/L00001?lang=xx", 422, "query.lang: "),
        ("/v1/leads/" + "x" * 300, 422, "path.lead_id: "),
        ("/v1/nothing", 404, "nothing at this address"),
        ("/v1/batch", 405, "does not take that method"),
    ],
)
def test_questions_that_have_no_answer(service: Door, path: str, status: int, sentence: str):
    assert sentence in problem(service.get(path), status)


NAMES = [
    *("type", "messageId", "userId", "anonymousId", "timestamp", "event", "properties", "traits", "context"),
    *("receivedAt", "groupId", "previousId", "name", "value", "batch", "events", "lead_ids", "as_of"),
]
nearly_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=5),
            inner | st.sampled_from(["track", "page", "identify", "group", "alias", "2025-03-01T09:12:00Z"]),
            max_size=8,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300)
    | nearly_json.map(lambda value: json.dumps(value).encode())
    | st.lists(nearly_json, max_size=4).map(lambda items: json.dumps({"batch": items}).encode())
    | st.lists(nearly_json, max_size=4).map(lambda items: json.dumps({"events": items}).encode())
    | st.lists(st.text(), max_size=4).map(lambda ids: json.dumps({"lead_ids": ids}).encode()),
    path=st.sampled_from(["/v1/batch", "/v1/score", "/v1/track", "/v1/identify", "/v1/page", "/v1/group", "/v1/alias"]),
    encoding=st.sampled_from(["identity", "gzip", "deflate", ""]),
)
def test_whatever_is_sent_is_never_our_failure(service: Door, content: bytes, path: str, encoding: str):
    headers = service.key("admin") | {"Content-Encoding": encoding}
    answer = service.client.post(path, content=content, headers=headers)
    assert answer.status_code in (200, 400, 413, 415, 422)
    if answer.status_code != 200:
        problem(answer, answer.status_code)


# --- scores out --------------------------------------------------------------------------------------------------


def expected(service: Door, lead_ids: list[str], as_of: int, **how: Any) -> list[dict[str, Any]]:
    """What the scorer says on the whole log: the oracle of every answer here."""
    scores = scorer.score(service.market.bundle, service.log(), lead_ids, [as_of] * len(lead_ids))
    return [row.to_dict() for row in scores.rows(**how)]


def detailed(service: Door, lead_id: str, as_of: int, language: Language = "en") -> dict[str, Any]:
    """The same of one lead, with what it rests on."""
    scores = scorer.score(service.market.bundle, service.log(), [lead_id], [as_of])
    return in_detail(scores, service.log(), language=language).to_dict()


def test_an_answer_about_one_lead_says_what_it_rests_on(service: Door):
    everyone = expected(service, service.log().leads, service.market.now)
    first, second = [one["lead_id"] for one in everyone if one["score"] is not None][:2]
    ask = {"as_of": isoformat(service.market.now), "lang": "fr"}
    (alone,) = service.post("/v1/score", ask | {"lead_ids": [first]}).json()["scores"]
    assert alone == detailed(service, first, service.market.now, "fr")
    assert {"missing", "comparisons"} <= {*alone}
    assert any(reason["evidence"] for reason in alone["reasons"])
    plain = expected(service, [first, second], service.market.now, language="fr")
    assert service.post("/v1/score", ask | {"lead_ids": [first, second]}).json()["scores"] == plain
    assert service.post("/v1/score", ask | {"lead_ids": [first], "details": False}).json()["scores"] == plain[:1]
    both = service.post("/v1/score", ask | {"lead_ids": [first, second], "details": True}).json()["scores"]
    assert both == [detailed(service, lead, service.market.now, "fr") for lead in (first, second)]


def test_a_lead_of_which_nothing_but_its_creation_is_known_is_too_early(fresh: Door):
    fresh.post("/v1/batch", {"batch": [track("i1", event="Lead Created", receivedAt="2025-03-01T09:12:00Z")]})
    (row,) = fresh.post("/v1/score", {"lead_ids": ["T1"]}).json()["scores"]
    assert (row["status"], row["score"], row["grade"], row["reasons"]) == ("too_early", None, None, [])
    assert 0 < row["p_7d"] <= row["probability"] < 1
    assert row["missing"][-1] == {"trait": None, "text": "no act of its own yet"}
    assert [one["trait"] for one in row["missing"][:-1]] == list(fresh.market.playbook.features.traits)
    (listed,) = fresh.get("/v1/leads?status=too_early").json()["leads"]
    assert (listed["score"], listed["probability"]) == (None, row["probability"])
    assert fresh.get("/v1/leads").json()["counts"] == {"too_early": 1}
    ranking = Leads(
        fresh.store, ModelHolder(fresh.market.workspace), fresh.market.playbook, lambda: fresh.clock[0]
    ).ranking()
    assert np.isnan(ranking.score).all()
    assert ranking.probability.tolist() == [row["probability"]]
    (logged,) = scorelog.read(fresh.store)
    assert (logged.status, logged.score, logged.probability) == ("too_early", None, row["probability"])


def test_scores_by_id_are_those_of_the_whole_log_bit_for_bit(service: Door):
    ids = [*service.log().leads, "nobody"]
    for days in (0, 3, 40, 400):
        at = service.market.now - days * MICROS_PER_DAY
        body = {"lead_ids": ids, "as_of": isoformat(at), "lang": "fr", "reasons": 3}
        answer = service.post("/v1/score", body, "read").json()
        assert answer["scores"] == expected(service, ids, at, language="fr", shown=3)
        assert answer["model_version"] == service.market.bundle.version
        assert answer["as_of"] == isoformat(at)


def test_scores_at_the_same_time_are_the_same_scores(service: Door):
    ids, as_of = service.log().leads, isoformat(service.market.now)
    alone = service.post("/v1/score", {"lead_ids": ids, "as_of": as_of}).json()["scores"]
    parts = [slice(start, start + size) for size in (1, 7, 60) for start in range(0, 240, 20)]
    with ThreadPoolExecutor(8) as pool:
        body = {"as_of": as_of, "details": False}
        asked = pool.map(lambda part: service.post("/v1/score", body | {"lead_ids": ids[part]}), parts)
        assert [answer.json()["scores"] for answer in asked] == [alone[part] for part in parts]


def test_the_order_asked_is_the_order_answered(service: Door):
    ids = ["L00009", "nobody", "L00002", "L00009"]
    scores = service.post("/v1/score", {"lead_ids": ids}).json()["scores"]
    assert [one["lead_id"] for one in scores] == ids
    assert scores[1]["status"] == "unknown"
    assert scores[1]["score"] is None


def test_points_add_up(service: Door):
    scores = service.post("/v1/score", {"lead_ids": service.log().leads}).json()["scores"]
    scored = [one for one in scores if one["status"] == "scored"]
    assert len(scored) > 50
    for one in scored:
        total = one["base"] + sum(reason["points"] for reason in one["reasons"])
        assert abs(min(max(total, 0.0), 100.0) - one["score"]) < 1e-9
        assert one["p_7d"] <= one["p_30d"] <= one["p_90d"]
        assert one["probability_low"] <= one["probability"] <= one["probability_high"]
        assert one["probability"] == one["p_30d"]


def test_what_is_served_now_is_logged_with_the_vector_that_makes_it_again(service: Door):
    service.clock[0] += 1_000_000
    at, ids = service.clock[0], ["L00003", "L00004", *service.log().leads[-40:], "nobody"]
    served = service.post("/v1/score", {"lead_ids": ids}).json()["scores"]
    service.post("/v1/score", {"lead_ids": ids})
    logged = {one.lead_id: one for one in scorelog.read(service.store, since=at, before=at + 1)}
    assert set(logged) == {one["lead_id"] for one in served if one["score"] is not None}
    bundle = service.market.bundle
    for one in served:
        if one["score"] is not None:
            row = logged[one["lead_id"]]
            assert row.answer == one
            assert row.feature_set == bundle.feature_set.fingerprint
            prediction = bundle.predict(row.vector[None, :])
            assert float(bundle.points(prediction)[2][0]) == one["score"] == row.score
            assert float(prediction.probability[0, bundle.primary]) == one["probability"] == row.probability


def test_what_is_asked_for_another_moment_is_not_logged(service: Door):
    before = scorelog.count(service.store)
    as_of = isoformat(service.market.now - MICROS_PER_DAY)
    service.post("/v1/score", {"lead_ids": service.log().leads[:50], "as_of": as_of})
    assert scorelog.count(service.store) == before


def test_a_score_of_events_alone_equals_that_of_the_same_events_posted(fresh: Door):
    """Identity, late events, merges and repeated messages included: the first messages of the market, as they came."""
    lines = (market().workspace.root.parent / "market.ndjson").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in lines[:900]]
    messages = [{"receivedAt": one["timestamp"]} | one for one in messages]
    as_of = isoformat(int(fresh.market.now))
    stateless = fresh.post("/v1/score", {"events": messages, "as_of": as_of}, "read").json()["scores"]
    assert fresh.store.counts()["events"] == 0
    assert scorelog.count(fresh.store) == 0
    assert fresh.post("/v1/batch", {"batch": messages}).json()["rejected"] == []
    ids = [one["lead_id"] for one in stateless]
    assert {"scored", "merged"} <= {one["status"] for one in stateless}
    assert fresh.post("/v1/score", {"lead_ids": ids, "as_of": as_of}).json()["scores"] == stateless
    one = fresh.post("/v1/score", {"events": messages, "as_of": as_of, "lead_ids": [ids[0], "nobody"]}).json()["scores"]
    assert [row["status"] for row in one] == [stateless[0]["status"], "unknown"]


# --- leads -------------------------------------------------------------------------------------------------------


def test_leads_come_best_first(service: Door):
    answer = service.get("/v1/leads?limit=20&reasons=2&lang=fr").json()
    rows = answer["leads"]
    scores = [one["score"] for one in rows]
    assert scores == sorted(scores, reverse=True)
    ids, now = service.log().leads, service.clock[0]
    everyone = expected(service, ids, now)
    assert scores == sorted((one["score"] for one in everyone if one["score"] is not None), reverse=True)[:20]
    assert answer["leads_in_all"] == len(ids)
    assert sum(answer["counts"].values()) == len(ids)
    again = service.post("/v1/score", {"lead_ids": [r["lead_id"] for r in rows], "reasons": 2, "lang": "fr"}).json()
    assert [{k: v for k, v in one.items() if k != "last_activity"} for one in rows] == again["scores"]


def test_leads_of_another_status(service: Door):
    answer = service.get("/v1/leads?status=converted&limit=1000").json()
    assert len(answer["leads"]) == answer["counts"]["converted"] > 0
    assert {(one["status"], one["score"]) for one in answer["leads"]} == {("converted", None)}


def test_everyone_is_ranked_once_until_something_changes(fresh: Door, monkeypatch: pytest.MonkeyPatch):
    scans = []
    scan = fresh.store.scan
    monkeypatch.setattr(fresh.store, "scan", lambda: scans.append(1) or scan())
    fresh.post("/v1/batch", {"batch": [track("i1", event="Lead Created", receivedAt="2025-03-01T09:12:00Z")]})

    def listed() -> int:
        return len(fresh.get("/v1/leads?status=too_early").json()["leads"])

    assert [listed(), listed()] == [1, 1]
    assert len(scans) == 1
    fresh.post("/v1/batch", {"batch": [track("i2", userId="T2", event="Lead Created")]})
    fresh.clock[0] += 1  # it became known at the moment of the answer before
    assert [listed(), listed()] == [2, 2]
    assert len(scans) == 2
    fresh.clock[0] += 60_000_000
    assert listed() == 2
    assert len(scans) == 3


def test_one_lead_in_detail(service: Door):
    scored = service.get("/v1/leads?limit=1").json()["leads"][0]["lead_id"]
    answer = service.get(f"/v1/leads/{scored}?lang=fr").json()
    row = detailed(service, scored, service.clock[0], "fr")
    assert {key: answer[key] for key in row} == row
    happened = {one["event_id"] for one in answer["timeline"]}
    assert {one["event_id"] for reason in row["reasons"] for one in reason["evidence"] if "kind" in one} <= happened
    assert answer["merged_into"] is None
    moments = [one["known_at"] for one in answer["timeline"]]
    assert moments == sorted(moments, reverse=True)
    assert {one["kind"] for one in answer["timeline"]} >= {"Lead Created", "identify"}
    assert answer["traits"]["email"]["value"].endswith(".example")
    assert answer["traits"]["email"]["since"].endswith("Z")


def test_a_lead_as_it_was_known_then(service: Door):
    whole = service.get("/v1/leads/L00005").json()["timeline"]
    then = service.get(f"/v1/leads/L00005?as_of={whole[3]['known_at']}").json()["timeline"]
    assert then == [one for one in whole if one["known_at"] < whole[3]["known_at"]]
    first = whole[-1]["known_at"]
    problem(service.get(f"/v1/leads/L00005?as_of={first}"), 404)


def test_a_plus_in_a_query_may_have_become_a_space(service: Door):
    at = "2025-05-01T09:12:00+01:00"
    answers = [service.get(f"/v1/leads?limit=1&as_of={one}") for one in (at, quote(at), "2025-05-01T08:12:00Z")]
    assert {answer.json()["as_of"] for answer in answers} == {"2025-05-01T08:12:00Z"}


def test_a_merged_history_says_where_it_goes_on(service: Door):
    log = service.log()
    merged = log.leads[int(np.flatnonzero(log.merged_at < service.market.now)[0])]
    answer = service.get(f"/v1/leads/{merged}").json()
    assert (answer["status"], answer["score"]) == ("merged", None)
    assert answer["merged_into"] == log.identity.person(merged, service.market.now)


@pytest.mark.parametrize("lead_id", ["a/b", "jean dupont@acme.fr", "é?#%", "..%2f", "x" * 256])
def test_any_id_can_be_asked_for(service: Door, lead_id: str):
    message = track(f"j-{lead_id[:50]}", userId=lead_id, event="Lead Created", receivedAt="2025-03-01T09:12:00Z")
    service.post("/v1/batch", {"batch": [message]})
    assert service.get("/v1/leads/" + quote(lead_id, safe="")).json()["lead_id"] == lead_id


def test_traits_are_what_is_true_of_the_latest_moment(fresh: Door):
    def identify(number: int, at: str, **traits: Any) -> dict[str, Any]:
        return track(number, type="identify", timestamp=at, receivedAt="2025-03-05T00:00:00Z", traits=traits)

    batch = [
        identify(1, "2025-03-02T00:00:00Z", employees=120, phone="0612"),
        identify(2, "2025-03-01T00:00:00Z", employees=80, industry="Retail"),
    ]
    fresh.post("/v1/batch", {"batch": batch})
    traits = fresh.get("/v1/leads/T1").json()["traits"]
    assert {name: one["value"] for name, one in traits.items()} == {
        "employees": 120.0,
        "industry": "Retail",
        "phone": "0612",
    }


# --- the service itself ------------------------------------------------------------------------------------------


def test_status(service: Door):
    answer = service.get("/v1/status").json()
    assert answer["ready"] is True
    assert answer["broken_model"] is None
    assert answer["model"]["version"] == service.market.bundle.version
    assert answer["model"]["trained_as_of"] == service.market.bundle.facts["as_of"]
    assert answer["store"] == service.store.counts()
    assert answer["newest_event"] == isoformat(service.store.newest())


def test_a_failure_of_ours_says_nothing_of_its_inside(
    service: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken() -> int:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(service.store, "newest", broken)
    detail = problem(service.get("/v1/status"), 500)
    assert "secret" not in detail
    until = time.monotonic() + 5  # the log is written after the answer
    while "the secret inside" not in caplog.text and time.monotonic() < until:
        time.sleep(0.02)
    assert "the secret inside" in caplog.text


def test_a_store_that_does_not_answer_is_a_503(service: Door, monkeypatch: pytest.MonkeyPatch):
    def locked(batch: object) -> None:
        raise sa.exc.OperationalError("INSERT", {"email": "anne@acme.fr"}, Exception("database is locked"))

    monkeypatch.setattr(service.store, "append", locked)
    answer = service.post("/v1/batch", {"batch": [track("k")]})
    assert "try again" in problem(answer, 503)
    assert answer.headers["retry-after"] == "5"


def test_what_every_answer_carries(service: Door):
    for path in ("/v1/status", "/v1/nothing", "/openapi.json", "/static/veraison.css"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static"))
