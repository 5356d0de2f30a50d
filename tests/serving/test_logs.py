"""What is written down and what is traced: one line of one form each, an id for every request, and nobody's name."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from serving import logs
from serving.leads import Leads
from serving.logs import HEADER
from tests.receivers import eventually
from tests.service import door, market, running
from tests.serving.test_service import PERSONAL, ask_with_personal_data, key_of

UUID = "0195c1f2-7a1e-7c3a-9d51-6f0a3c0e8b11"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(as_json: bool, message: str, *arguments: object, name: str = "veraison.x", **more: object) -> str:
    record = logging.LogRecord(name, logging.WARNING, "f.py", 1, message, arguments, None)
    for key, given in more.items():
        setattr(record, key, given)
    return logs._Line(as_json=as_json).format(record)


def test_a_line_is_words_or_json():
    words = line(False, "%s waits", "push", fields={"ms": 1.5, "model": 'a "b" = c'})
    assert words.startswith("time=20")
    rest = words.partition(" ")[2]
    assert rest == 'level=warning logger=veraison.x message="push waits" ms=1.5 model="a \\"b\\" = c"'
    read = json.loads(line(True, "two\nlines", fields={"ms": 1.5}))
    assert {name: read[name] for name in ("level", "message", "ms")} == {
        "level": "warning",
        "message": "two\nlines",
        "ms": 1.5,
    }
    assert "\n" not in line(False, "two\nlines")


def test_an_error_is_its_type_and_its_places_never_its_words():
    try:
        raise ValueError("anne@acme.example")  # noqa: TRY301 (to be caught here)
    except ValueError:
        whole = line(True, "Exception in ASGI application\nanne", name="uvicorn.error", exc_info=sys.exc_info())
    read = json.loads(whole)
    assert read["message"] == "Exception in ASGI application"
    assert read["error"] == "ValueError"
    assert read["at"][-1].endswith("test_an_error_is_its_type_and_its_places_never_its_words")
    assert "anne" not in whole


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({HEADER: UUID}, UUID),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({HEADER: UUID, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, UUID),
        ({HEADER: "anne@acme.example"}, None),
        ({HEADER: "L00042"}, None),
        ({HEADER: "a" * 65}, None),
        ({"traceparent": "anne"}, None),
        ({}, None),
    ],
)
def test_a_request_has_an_id_of_its_own_or_a_new_one(sent: dict[str, str], found: str | None):
    with door(market()) as here:
        answers = [here.client.get(path, headers=sent) for path in ("/v1/status", "/nothing", "/")]
        ids = [one.headers[HEADER] for one in answers]
        if found is not None:
            assert ids == [found] * 3
        else:
            assert len(set(ids)) == 3
            assert all(len(one) == 32 for one in ids)
            assert not set(ids) & set(sent.values())


def test_a_failure_says_the_id_under_which_the_log_has_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("anne@acme.example")

    monkeypatch.setattr(Leads, "scored_together", fail)
    with door(market()) as here:
        answer = here.post("/v1/score", {"lead_ids": ["L00001"]}, "read")
    assert answer.status_code == 500
    told = [one for one in caplog.records if one.name == "veraison.requests"]
    assert [(one.levelname, one.fields["route"], one.fields["status"]) for one in told] == [("ERROR", "/v1/score", 500)]
    assert len(answer.headers[HEADER]) == 32
    assert "anne" not in answer.text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_session_over_every_route_leaves_nobody_in_the_log(tmp_path: Path, form: str):
    here = market().copy(tmp_path)
    headers = key_of(here, "read", "ingest")
    settings = {"VERAISON_LOGS": form, "VERAISON_LOG_REQUESTS": "1"}
    with running(here.workspace, **settings) as service, httpx.Client(base_url=service.address, timeout=20) as client:
        ask_with_personal_data(client, headers)
        client.get("/v1/leads/L00001?lang=anne", headers={**headers, HEADER: UUID})
        client.get("/v1/leads/L00001", headers={**headers, HEADER: "anne@acme.example"})
        eventually(lambda: sum("/v1/leads/{}" in one for one in service.lines) >= 2)
    whole = "".join(service.lines)
    assert not [word for word in PERSONAL if word in whole]
    told = [one for one in whole.splitlines() if "Véraison answers" not in one]
    if form == "json":
        read = [json.loads(one) for one in told]
        answered = [one for one in read if one["message"] == "answered"]
        assert {"/v1/score", "/v1/leads/{}", "/login", "/leads/{}", "/v1/batch"} <= {one["route"] for one in answered}
        assert any(one["request_id"] == UUID and one["status"] == 422 for one in answered)
        assert all(one["ms"] >= 0 and one["request_id"] for one in answered)
        assert any(one["message"] == "model loaded" and one["model"] == here.bundle.version for one in read)
    else:
        assert all(one.startswith("time=") for one in told)
        assert any(f"request_id={UUID}" in one and "status=422" in one for one in told)


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """What an OpenTelemetry collector is to a sender: an address, and what was posted to it."""
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", posted
        finally:
            server.shutdown()
            thread.join()


def test_spans_go_where_they_are_wanted_and_name_nobody(tmp_path: Path):
    here = market().copy(tmp_path)
    headers = key_of(here, "read", "ingest")
    with collector() as (address, posted):
        settings = {"VERAISON_TRACES": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with (
            running(here.workspace, **settings) as service,
            httpx.Client(base_url=service.address, timeout=20) as client,
        ):
            ask_with_personal_data(client, headers)
            client.get(
                "/v1/leads/L00001?owner=anne", headers={**headers, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            )
            eventually(lambda: any(bytes.fromhex(TRACE) in one for one in posted))
    whole = b"".join(posted).decode("latin-1")
    assert not [word for word in PERSONAL if word in whole]
    assert headers["Authorization"].removeprefix("Bearer ") not in whole
    spans = [span for one in posted for span in _spans(one)]
    assert {"POST /v1/score", "GET /v1/leads/{}"} <= {span.name for span in spans}
    assert any(span.trace_id.hex() == TRACE for span in spans)


def _spans(body: bytes) -> list:
    read = ExportTraceServiceRequest.FromString(body)
    return [span for resource in read.resource_spans for scope in resource.scope_spans for span in scope.spans]
