"""What the service measures of itself: right numbers, few series, nobody's name; here and on a real server."""

import math
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Mount

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.schema import outbox
from data.store import Store
from data.tombstones import ERASED
from serving import meters
from serving.intake import Intake
from serving.lights import QUESTIONS
from serving.metrics import nameless
from serving.models import FOLDER, POINTER, ModelHolder
from serving.problems import Problem
from serving.verdicts import Journal
from tests.journals import story, write_journal
from tests.service import door, market, publish, running
from tests.serving.test_service import PERSONAL, ask_with_personal_data, key_of
from veraison.errors import StoreError

SENT = {"type": "track", "messageId": "m-1", "userId": "L9", "event": "Seen", "timestamp": "2025-01-01T00:00:00Z"}


def value(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"veraison_{name}", labels)
    assert found is not None, name
    return found


def test_scores_are_counted_by_status_and_kept_as_a_distribution(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        asked = [*here.log().leads, "nobody"]
        before = {status: value("scores_total", status=status) for status in ("scored", "unknown", "converted")}
        seen = value("score_count"), value("score_bucket", le="50.0")
        rows = here.post("/v1/score", {"lead_ids": asked}, "read").json()["scores"]
        counted = {status: value("scores_total", status=status) - before[status] for status in before}
        assert counted == {status: sum(row["status"] == status for row in rows) for status in before}
        assert counted["scored"] > 50
        shown = [row["score"] for row in rows if row["score"] is not None]
        assert value("score_count") - seen[0] == len(shown)
        assert value("score_bucket", le="50.0") - seen[1] == sum(one <= 50 for one in shown)
        here.get(f"/v1/leads/{next(row['lead_id'] for row in rows if row['status'] == 'scored')}")
        assert value("scores_total", status="scored") == before["scored"] + counted["scored"] + 1


def test_events_are_counted_by_what_became_of_them(tmp_path: Path):
    wrong = [
        (SENT | {"messageId": "m-2", "timestamp": "anne"}, "time"),
        (SENT | {"messageId": "m-3", "timestamp": "2300-01-01T00:00:00Z"}, "time"),
        (SENT | {"messageId": None}, "id"),
        (SENT | {"messageId": "m-4", "type": "anne"}, "type"),
        (SENT | {"messageId": "m-5", "properties": "anne"}, "content"),
        (SENT | {"messageId": "m-6", "event": ""}, "event"),
        ("anne", "unreadable"),
    ]
    with door(market().emptied(tmp_path)) as here:
        results = {one: value("events_total", result=one) for one in ("accepted", "duplicate", "quarantined")}
        classes = {one: value("quarantined_total", reason=one) for one in meters.CLASSES}
        sent = here.post("/v1/batch", {"batch": [SENT, SENT, SENT | {"messageId": "m-9"}, *(one for one, _ in wrong)]})
        assert sent.json()["accepted"] == 2
        assert {one: value("events_total", result=one) - was for one, was in results.items()} == {
            "accepted": 2,
            "duplicate": 1,
            "quarantined": len(wrong),
        }
        for one, was in classes.items():
            assert value("quarantined_total", reason=one) - was == sum(part == one for _, part in wrong), one


def test_reasons_fall_into_few_classes():
    assert meters.reason_class(ERASED) == "erased"
    assert meters.reason_class("anne@acme.example is no reason of ours") == "other"
    assert meters.reason_class("") == "other"


def test_too_much_is_counted_by_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with door(market().emptied(tmp_path), rate_per_key=1) as here:
        before = value("refused_total", why="too-many-requests")
        assert [here.get("/v1/status").status_code for _ in range(3)].count(429) == 2
        assert value("refused_total", why="too-many-requests") == before + 2
    with door(market().emptied(tmp_path / "other")) as here:
        before = value("refused_total", why="busy")

        def full(*_: Any) -> None:
            raise Problem(429, "busy", "more events come in than can be written; try again")

        monkeypatch.setattr(Intake, "_write", full)
        assert here.post("/v1/batch", {"batch": [SENT]}).status_code == 429
        assert value("refused_total", why="busy") == before + 1


def test_ages_are_of_the_moment_they_are_asked_for(tmp_path: Path):
    here = market().copy(tmp_path)
    ticks = [100.0]
    models = ModelHolder(here.workspace, timer=lambda: ticks[0])
    with here.store() as store:
        newest = store.newest()
        assert newest is not None
        ticks[0] = 107.0
        meters.look(store, models, lambda: newest + 60 * MICROS_PER_SECOND)
        assert value("newest_event_age_seconds") == 60
        assert value("model_loaded_seconds") == 7
        assert value("model_age_seconds") == pytest.approx(60, abs=1)  # it learned up to the newest event
        assert (value("model_ready"), value("model_broken"), value("store_up")) == (1, 0, 1)
        assert (value("push_waiting"), value("push_oldest_seconds")) == (0, 0)

        publish(here.workspace, here.bundle, "next")
        (tmp_path / FOLDER / "next" / "explained.txt").write_text("no trees")
        (tmp_path / FOLDER / POINTER).write_text("next\n\n")
        meters.look(store, models, lambda: newest + MICROS_PER_DAY)
        assert (value("model_ready"), value("model_broken")) == (1, 1)
        assert value("newest_event_age_seconds") == 86_400

        with store.writing() as connection:
            for name, at in (("one", newest), ("two", newest + 50 * MICROS_PER_SECOND)):
                row = {"message_id": name, "subscription": "s", "lead_id": "L1", "body": "{}", "created_at": at}
                connection.execute(sa.insert(outbox).values(row | {"attempts": 0, "next_at": at}))
        meters.look(store, models, lambda: newest + 90 * MICROS_PER_SECOND)
        assert (value("push_waiting"), value("push_oldest_seconds")) == (2, 90)


def test_a_store_that_does_not_answer_is_said_and_metrics_go_on(tmp_path: Path):
    here = market().copy(tmp_path)
    with here.store() as store:

        class Broken(Store):
            def __init__(self) -> None: ...
            def newest(self) -> int | None:
                raise StoreError("the store cannot be used")

        meters.look(Broken(), ModelHolder(here.workspace), lambda: here.now)
        assert value("store_up") == 0
        meters.look(store, ModelHolder(here.workspace), lambda: here.now)
        assert value("store_up") == 1


def test_a_real_server_shows_few_series_and_nobody(tmp_path: Path):
    """Whatever is asked under whatever address: the same series, and none of the words that were sent."""
    here = market().copy(tmp_path)
    headers = key_of(here, "read", "ingest")
    with running(here.workspace) as service, httpx.Client(base_url=service.address, timeout=20) as client:
        ask_with_personal_data(client, headers)
        client.post("/v1/score", json={"lead_ids": ["L00001"]}, headers=headers)

        def ask(who: str) -> None:
            for path in (f"/v1/leads/{who}", f"/{who}/petit", f"/leads/{who}", f"/static/{who}"):
                client.get(path, headers=headers)
            client.post("/v1/score", json={"lead_ids": [who]}, headers=headers)
            client.post("/v1/batch", json={"batch": [{"type": who, "messageId": who}]}, headers=headers)

        ask("anne")
        client.get("/metrics")
        once = series(client)
        for number in range(30):
            ask(f"anne-{number}")
        text = client.get("/metrics").text
        assert series(client) == once
        assert not [word for word in PERSONAL if word in text]
        families = {one.name: one for one in text_string_to_metric_families(text)}
        ours = {name.removeprefix("veraison_") for name in families if name.startswith("veraison_")}
        assert ours >= {"scores", "score", "events", "quarantined", "refused", "push_deliveries", "store_up"}
        assert ours >= {"model_age_seconds", "model_loaded_seconds", "model_ready", "model_broken"}
        assert ours >= {"newest_event_age_seconds", "push_waiting", "push_oldest_seconds"}
        for name in ours:
            assert f"`veraison_{name}" in DOCUMENTED.read_text(encoding="utf-8"), name
        seconds = families["bentoml_service_request_duration_seconds"]
        assert {"/v1/score", "/v1/leads/{}"} <= {one.labels["endpoint"] for one in seconds.samples}
        unknown = [one for one in families["veraison_scores"].samples if one.labels["status"] == "unknown"]
        assert unknown[0].value >= 30


DOCUMENTED = Path(__file__).parents[2] / "docs" / "operate" / "metrics.md"


def series(client: httpx.Client) -> set[str]:
    """All series there are, without their values."""
    text = client.get("/metrics").text
    return {re.sub(r" [^ ]+$", "", line) for line in text.splitlines() if not line.startswith("#")}


def paths(app: Any, under: str = "") -> set[str]:
    """The addresses of all routes, as they are written, with what includes others opened."""
    found: set[str] = set()
    for route in app.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = getattr(route, "path", "")
        if isinstance(route, Mount):
            found.add(f"{under}{path}/x")
        elif path:
            found.add(under + path)
        elif inner is not None and hasattr(inner, "routes"):
            found |= paths(inner, under)
    return found


def test_every_route_has_a_name_of_its_own_in_the_metrics():
    """A new route must be told to serving.metrics, else its requests are counted with those of nowhere."""
    with door(market()) as here:
        app: FastAPI = here.app
        known = paths(app) | set(app.openapi()["paths"])
        assert len(known) > 10
        lost = {path for path in known if nameless(re.sub(r"\{[^}]*\}", "L1", path)) == "/{}"}
    assert not lost, f"add them to serving.metrics: {sorted(lost)}"


def test_gauges_of_monitoring_are_those_of_the_newest_verdict(tmp_path: Path):
    here = market().copy(tmp_path)
    journal = Journal(here.workspace.reports)
    with here.store() as store:
        models = ModelHolder(here.workspace)
        meters.look(store, models, lambda: here.now, journal)
        assert math.isnan(value("monitoring_age_seconds"))
        assert math.isnan(value("monitoring_light", question="scores"))
        write_journal(here.workspace.reports, story(here.now), rest="{broken\n")
        meters.look(store, models, lambda: here.now + MICROS_PER_DAY, journal)
    assert value("monitoring_age_seconds") == 86_400
    assert [value("monitoring_decision", decision=one) for one in meters.DECISIONS] == [0, 1, 0, 0]
    lit = {one: value("monitoring_light", question=one) for one in QUESTIONS}
    assert lit == dict.fromkeys(QUESTIONS, 0.0) | {"events": 1.0, "conversions": 2.0}
    assert value("monitoring_score_psi") == story(here.now)[-1]["drift"]["score"]["psi"]
    assert value("monitoring_observed_to_expected") == 1.04
    assert (value("monitoring_week_observed"), value("monitoring_week_expected")) == (5, 10)
    assert value("monitoring_journal_unreadable") == 1
