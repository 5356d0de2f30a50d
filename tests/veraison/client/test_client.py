"""The client against the real app: every call, waited for and awaited, and that it covers the API."""

import asyncio
import inspect
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from data.events import instant, isoformat
from data.journey_report import JourneyReport
from tests.journals import verdict, write_journal
from tests.reports import write_journey
from tests.service import Door, door, market
from tests.support import ROOT
from veraison import answers, client
from veraison.client import AsyncClient, Client, calls
from veraison.client.messages import MAX_BYTES, bodies

OPERATIONS = {
    "batch": "batch",
    "import": "batch",  # the same by the name that Segment's clients know
    "track": "track",
    "identify": "identify",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    "hook": "hook",
    "feedback": "feedback",
    "score": "score",
    "leads": "leads",
    "lead": "lead",
    "export": "export",
    "erase": "erase",
    "cardLink": "card_link",
    "qualify": "qualify",
    "record": "record",
    "monitoring": "monitoring",
    "routes": "routes",
    "reports": "reports",
    "report": "report",
    "status": "status",
}
"""Operation of the API -> method of the client."""
WHEN = {"timestamp": "2025-03-01T09:12:00Z"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("client"))) as opened:
        yield opened


@pytest.fixture(params=["waiting", "awaited"])
def asked(request: pytest.FixtureRequest, service: Door) -> Any:
    """Makes a call of either client."""
    return (ask if request.param == "waiting" else ask_awaited)(service)


def ask(service: Door, scope: str = "admin") -> Any:
    def call(name: str, *values: Any, **named: Any) -> Any:
        with Client(str(service.client.base_url), service.keys[scope]) as opened:
            found = getattr(opened, name)(*values, **named)
            return list(found) if inspect.isgenerator(found) else found

    return call


def ask_awaited(service: Door, scope: str = "admin") -> Any:
    async def made(name: str, *values: Any, **named: Any) -> Any:
        async with AsyncClient(str(service.client.base_url), service.keys[scope]) as opened:
            found = getattr(opened, name)(*values, **named)
            return [one async for one in found] if inspect.isasyncgen(found) else await found

    return lambda *values, **named: asyncio.run(made(*values, **named))


# --- what there is -----------------------------------------------------------------------------------------------


def test_the_client_covers_every_operation(service: Door):
    paths = service.client.get("/openapi.json").json()["paths"]
    there = {operation["operationId"] for said in paths.values() for operation in said.values()}
    assert there == set(OPERATIONS)
    for name in OPERATIONS.values():
        assert callable(getattr(Client, name))


def test_both_clients_are_one():
    def calls_of(kind: type) -> dict[str, Any]:
        return {name: one for name, one in vars(kind).items() if not name.startswith("_")}

    waiting, awaited = calls_of(Client), calls_of(AsyncClient)
    assert set(waiting) == set(awaited)
    for name, one in waiting.items():
        mine, other = inspect.signature(one), inspect.signature(awaited[name])
        assert mine.parameters == other.parameters, name
        result = str(mine.return_annotation).replace("Iterator", "AsyncIterator")
        assert result == str(other.return_annotation), name
        assert one.__doc__ == awaited[name].__doc__, name


def test_what_stands_outside():
    assert client.__all__ == sorted(client.__all__)
    assert [name for name in client.__all__ if not hasattr(client, name)] == []


def test_importing_it_is_light():
    script = """
import sys, veraison.client
heavy = "lightgbm mlflow bentoml fastapi numpy pandas polars pyarrow sqlalchemy numba serving data features training"
print([name for name in heavy.split() if name in sys.modules])
"""
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# --- events in ---------------------------------------------------------------------------------------------------


def test_messages_of_each_type(service: Door, asked: Any):
    mark = f"{asked.__qualname__}-{len(service.log().event_ids)}"
    told: list[answers.Taken] = [
        asked("track", "Pricing Page Viewed", {"value": 3}, user_id=mark, message_id=f"{mark}-1", **WHEN),
        asked("identify", {"industry": "retail"}, user_id=mark, anonymous_id=f"a-{mark}", **WHEN),
        asked("page", "Pricing", user_id=mark, timestamp=datetime(2025, 3, 1, tzinfo=UTC)),
        asked("screen", user_id=mark, **WHEN),
        asked("group", "acme.fr", {"country": "FR"}, user_id=mark, **WHEN),
        asked("alias", f"b-{mark}", user_id=mark, **WHEN),
    ]
    assert told == [answers.Taken(accepted=1, duplicates=0, rejected=())] * 6
    again = asked("track", "Pricing Page Viewed", {"value": 3}, user_id=mark, message_id=f"{mark}-1", **WHEN)
    assert (again.accepted, again.duplicates) == (0, 1)
    kinds = {one.kind for one in asked("lead", mark, as_of=isoformat(service.market.now + 1)).timeline}
    assert kinds == {"Pricing Page Viewed", "identify", "Viewed Pricing Page", "Viewed Screen", "group", "alias"}


def test_a_batch_of_any_size_is_told_as_one(service: Door, asked: Any):
    mark = f"{asked.__qualname__}-{len(service.log().event_ids)}"
    messages: list[dict[str, Any]] = [
        {"type": "track", "messageId": f"{mark}-{number}", "userId": mark, "event": "Seen"} | WHEN
        for number in range(2_300)
    ]
    messages[1_700]["event"] = ""
    told = asked("batch", iter(messages))
    assert (told.accepted, told.duplicates) == (2_299, 0)
    assert [(one.index, one.message_id) for one in told.rejected] == [(1_700, f"{mark}-1700")]
    assert asked("batch", messages).duplicates == 2_299
    assert asked("batch", []) == answers.Taken(accepted=0, duplicates=0, rejected=())


def test_bodies_are_bounded():
    large = [{"messageId": str(number), "timestamp": "t", "x": "y" * 1_000_000} for number in range(9)]
    made = list(bodies(large))
    assert [place for place, _ in made] == [0, 4, 8]
    assert all(len(body) <= MAX_BYTES for _, body in made)
    with pytest.raises(ValueError, match="message 1 is larger"):
        list(bodies([{}, {"x": "y" * MAX_BYTES}]))


def test_a_webhook(asked: Any):
    said = [{"eventId": 1, "subscriptionType": "unheard of", "objectId": 42, "occurredAt": 1_740_000_000_000}]
    told = asked("hook", "hubspot", said)
    assert told.accepted + told.duplicates + told.ignored + len(told.rejected) >= 1
    with pytest.raises(client.NotFoundError):
        asked("hook", "nothing/of this", said)


def test_what_sales_found(service: Door, asked: Any):
    lead = f"F-{asked.__qualname__}-{len(service.log().event_ids)}"
    asked("track", "Lead Created", user_id=lead, **WHEN)
    until = instant(service.market.now).date() + timedelta(days=30)
    told = asked("feedback", lead, outcome="returned", reason="postponed", until=until, note="no time yet")
    assert (told.lead_id, told.outcome, told.duplicate) == (lead, "returned", False)
    again = asked("feedback", lead, outcome="returned", reason="other", message_id=told.message_id)
    assert (again.message_id, again.duplicate) == (told.message_id, True)
    with pytest.raises(client.InvalidError, match="reason"):
        asked("feedback", lead, outcome="returned")
    with pytest.raises(TypeError, match="until: a day"):
        asked("feedback", lead, outcome="returned", reason="postponed", until=datetime.now(UTC))


# --- scores out --------------------------------------------------------------------------------------------------


def raw(service: Door, ids: list[str], **more: Any) -> Any:
    return service.post("/v1/score", {"lead_ids": ids} | more).json()["scores"]


def test_scores_are_those_of_the_service(service: Door, asked: Any, monkeypatch: pytest.MonkeyPatch):
    ids, as_of = [*service.log().leads[:50], "nobody"], isoformat(service.market.now)
    monkeypatch.setattr(calls, "CHUNK", 10)  # the last part is of one lead
    found = asked("score", ids, as_of=as_of, lang="fr", reasons=3)
    assert [one.model_dump(mode="json", exclude_unset=True) for one in found] == [
        answers.Score.model_validate(one).model_dump(mode="json", exclude_unset=True)
        for one in raw(service, ids, as_of=as_of, lang="fr", reasons=3)
    ]
    scored = next(one for one in found if one.status == "scored")
    assert scored.probabilities[service.market.playbook.horizons.primary] == scored.probability
    assert scored.as_of == instant(service.market.now)
    assert scored.score == pytest.approx(scored.base + sum(reason.points for reason in scored.reasons))
    (alone,) = asked("score", [scored.lead_id], as_of=instant(service.market.now))
    assert alone.missing is not None
    assert alone.trend is not None
    assert asked("score", []) == []


def test_scores_as_a_table(service: Door, asked: Any, monkeypatch: pytest.MonkeyPatch):
    ids, as_of = service.log().leads[:25], isoformat(service.market.now)
    monkeypatch.setattr(calls, "CHUNK", 10)
    table, rows = asked("score_table", ids, as_of=as_of), asked("score", ids, as_of=as_of)
    assert table["lead_id"].to_pylist() == ids
    assert table["score"].to_pylist() == [one.score for one in rows]
    assert table.to_pandas()["probability"].notna().sum() == sum(one.probability is not None for one in rows)
    assert asked("score_table", []).num_rows == 0
    with pytest.raises(ValueError, match="no columns"):
        asked("score_table", ids, trend=True)


def test_scores_of_events_that_are_not_stored(service: Door, asked: Any):
    before = service.store.counts()
    message = {
        "type": "track",
        "messageId": "n",
        "userId": "N1",
        "event": "Lead Created",
        "timestamp": WHEN["timestamp"],
    }
    (one,) = asked("score_events", [message], as_of=isoformat(service.market.now))
    assert (one.lead_id, one.status) == ("N1", "too_early")
    assert one.score is None
    assert one.probabilities
    (other,) = asked("score_events", [message], ["N2"])
    assert other.status == "unknown"
    assert service.store.counts() == before


def test_a_list_is_read_to_its_end(service: Door, asked: Any):
    everyone = service.get("/v1/leads?limit=1000").json()["leads"]
    for size in (7, 1_000):
        assert [one.lead_id for one in asked("leads", page_size=size)] == [one["lead_id"] for one in everyone]
    table = asked("leads_table", page_size=11)
    assert table["lead_id"].to_pylist() == [one["lead_id"] for one in everyone]
    assert "last_activity" in table.column_names
    best = asked("leads", min_score=50, status="scored", sort="-score", owner="nobody at all")
    assert best == []
    first = asked("leads_page", limit=2, changed_since=datetime(2020, 1, 1, tzinfo=UTC))
    second = asked("leads_page", limit=2, cursor=first.next, changed_since=datetime(2020, 1, 1, tzinfo=UTC))
    assert [one.lead_id for one in (*first.leads, *second.leads)] == [one["lead_id"] for one in everyone[:4]]
    assert first.counts["scored"] == len(everyone)


def test_one_lead_and_its_rights(service: Door, asked: Any):
    lead = f"É rase/{asked.__qualname__}?#%2e{len(service.log().event_ids)}"
    asked("batch", [{"type": "track", "messageId": lead, "userId": lead, "event": "Lead Created"} | WHEN])
    found = asked("lead", lead, lang="fr", reasons=2, as_of=isoformat(service.market.now + 1))
    assert (found.lead_id, found.timeline[0].event_id) == (lead, lead)
    held = asked("export", lead)
    assert held.batch[0]["messageId"] == lead
    gone = asked("erase", lead)
    assert gone.rows["events"] == 1
    for name in ("lead", "export", "erase"):
        with pytest.raises(client.NotFoundError) as error:
            asked(name, lead)
        assert error.value.kind == "unknown-lead"
    (refused,) = asked("batch", [{"type": "track", "messageId": "again", "userId": lead, "event": "x"} | WHEN]).rejected
    assert refused.reason.startswith("erased")


@pytest.mark.parametrize("lead", [".", "..", "...", "a b", "%", "+", "?", "é", "\u200d"])
def test_any_id_can_be_asked_for(asked: Any, lead: str):
    with pytest.raises((client.NotFoundError, client.InvalidError)):
        asked("lead", lead)
    with pytest.raises(ValueError, match="over HTTP"):
        asked("lead", "")


@pytest.mark.parametrize("lead", ["x/export", "x/card-link", "/", "100%", "%2F"])
def test_an_id_with_a_slash_is_the_lead_of_that_id(service: Door, asked: Any, lead: str):
    message = {"type": "track", "messageId": f"slash-{lead}", "userId": lead, "event": "Lead Created"}
    service.post("/v1/batch", {"batch": [message | WHEN | {"receivedAt": WHEN["timestamp"]}]})
    assert asked("lead", lead).lead_id == lead
    assert asked("export", lead).lead_id == lead


def test_whom_to_qualify(asked: Any):
    found = asked("qualify", limit=2)
    assert 0 < len(found.leads) <= 2
    assert found.leads[0].worth == max(one.worth for one in found.leads)


def test_a_link_to_a_card(service: Door, asked: Any):
    link = asked("card_link", "L00001", days=3)
    assert link.until == instant(service.market.now) + timedelta(days=3)
    assert service.client.get(link.url).status_code == 200


def test_how_good_it_is(asked: Any):
    found = asked("record")
    assert found.waiting >= 0
    assert found.model_version is None
    with pytest.raises(client.NotFoundError):
        asked("record", "no such model")


def test_what_monitoring_decided(service: Door, asked: Any):
    now = service.market.now
    write_journal(service.market.workspace.reports, [verdict(now), verdict(now + 1_000_000, decision="hold")])
    newest = asked("monitoring", limit=1)
    assert (newest.newest.decision, newest.next) == ("hold", 2)
    assert [one.decision for one in asked("monitoring", before=newest.next).verdicts] == ["none"]


def test_routes_are_asked_for_by_moment_and_language(service: Door, asked: Any):
    with pytest.raises(client.NotFoundError, match=r"the playbook has no \[\[routes\]\]"):
        asked("routes", as_of=instant(service.market.now), lang="fr")


def test_reports_are_there_once_they_are_measured(service: Door, asked: Any):
    path = service.market.workspace.reports / JourneyReport.FILE
    path.unlink(missing_ok=True)
    assert {one.name: (one.as_of, one.command) for one in asked("reports").reports}["journey"] == (
        None, "veraison report journey",
    )  # fmt: skip
    with pytest.raises(client.NotFoundError, match="measure it with: veraison report journey"):
        asked("report", "journey")
    measured = write_journey(service)
    found = asked("report", "journey")
    assert JourneyReport.model_validate(found.report) == measured
    assert found.as_of == instant(measured.moment)
    assert {one.name: one.as_of for one in asked("reports").reports}["journey"] == found.as_of
    with pytest.raises(client.NotFoundError, match="there is no report 'weather'"):
        asked("report", "weather")


def test_status(service: Door, asked: Any):
    found = asked("status")
    assert found.ready
    assert found.model.version == service.market.bundle.version
    assert found.store == service.store.counts()


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_problems_are_errors_of_their_kind(service: Door):
    with pytest.raises(client.ForbiddenError, match="403 Forbidden: the key lacks the scope: admin") as error:
        ask(service, "read")("export", "L00001")
    assert error.value.status == 403
    copied = pickle.loads(pickle.dumps(error.value))
    assert (type(copied), str(copied), copied.problem) == (client.ForbiddenError, str(error.value), error.value.problem)
    with pytest.raises(client.InvalidError, match="as_of: 'yesterday' is not a date"):
        ask(service)("score", ["L1"], as_of="yesterday")
    with pytest.raises(client.InvalidError, match=r"lead_ids\.0"):
        ask(service)("score", [""])
    address, retry = str(service.client.base_url), client.Retry(2, 0.001)
    with pytest.raises(client.UnauthorizedError), Client(address, "ver_no") as one:
        one.status()
    with pytest.raises(client.UnreachableError, match="2 of 2"), Client("http://127.0.0.1:9", "v", retry=retry) as one:
        one.status()


def test_what_cannot_be_asked(service: Door):
    with Client(str(service.client.base_url), service.keys["admin"]) as one:
        for wrong, error in [
            (lambda: one.score("L1"), TypeError),
            (lambda: one.track("x"), ValueError),
            (lambda: one.track("x", user_id="a", colour=1), TypeError),
            (lambda: one.track("x", {"a": float("nan")}, user_id="a"), ValueError),
            (lambda: one.track("x", {"a": object()}, user_id="a"), TypeError),
            (lambda: one.score(["a"], as_of=datetime(2025, 1, 1)), ValueError),
            (lambda: one.lead("a", trend=True), TypeError),
        ]:
            with pytest.raises(error):
                wrong()


@pytest.mark.parametrize(
    "url",
    ["leads.example", "ftp://leads.example", "https://ver_secret@leads.example", "http://", "https://x?key=ver_secret"],
)
def test_addresses_that_are_none(url: str):
    with pytest.raises(ValueError, match="url: an address") as error:
        Client(url, "ver_secret")
    assert "ver_secret" not in str(error.value)


def test_where_the_service_is_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERAISON_URL", "https://leads.example/")
    with pytest.raises(ValueError, match="VERAISON_KEY"):
        Client()
    monkeypatch.setenv("VERAISON_KEY", "ver_secret")
    assert repr(Client()) == "Client('https://leads.example')"
    assert repr(AsyncClient()) == "AsyncClient('https://leads.example')"
    for wrong in ("ver_é", "ver a", "ver\n"):
        with pytest.raises(ValueError, match="key: one of") as error:
            Client(key=wrong)
        assert wrong not in str(error.value)


def test_the_key_is_shown_nowhere(service: Door, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    key = service.keys["read"]
    with Client(str(service.client.base_url), key) as one:
        one.status()
        shown = repr(one) + repr(vars(one)) + repr(vars(one._door)) + repr(one._http.headers)
        with pytest.raises(client.ForbiddenError) as error:
            one.export("L00001")
    shown += "".join(map(str, (error.value, error.value.__dict__, caplog.text)))
    assert "veraison" in shown
    assert key not in shown


def test_an_answer_of_something_else_is_said_to_be_one():
    for answer, error in [
        (httpx.Response(200, text="<html>"), client.UnreadableError),
        (httpx.Response(200, json={"ready": "perhaps"}), client.UnreadableError),
        (httpx.Response(302, headers={"Location": "/login"}), client.UnreadableError),
        (httpx.Response(403, text="<html>forbidden by a proxy"), client.ForbiddenError),
        (httpx.Response(418, text=""), client.InvalidError),
        (httpx.Response(500, json={"status": "?"}), client.UnavailableError),
    ]:
        with (
            pytest.raises(error),
            Client(key="ver_x", transport=httpx.MockTransport(lambda _, answer=answer: answer)) as one,
        ):
            one.status()


def test_members_that_a_newer_service_adds_are_no_harm():
    said = answers.Taken(accepted=1, duplicates=0, rejected=()).model_dump() | {"new": 1}
    answer = httpx.Response(200, json=said)
    with Client(key="ver_x", transport=httpx.MockTransport(lambda _: answer)) as one:
        assert one.batch([{}]).accepted == 1
