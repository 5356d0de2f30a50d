"""The real service while it is in use: the model changes and the service is told to stop, and no request is lost."""

import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from serving.models import FOLDER, POINTER
from tests.receivers import eventually
from tests.service import market, publish, running
from tests.serving.test_service import key_of

SENDERS = 6
SEEN = "2025-01-01T00:00:00Z"


@dataclass
class Load:
    """What came back: (status, model version) of each answer, and the requests that had none."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def versions(self) -> list[str]:
        return [version for _, version in self.answers]


@contextmanager
def load(address: str, headers: dict[str, str], leads: list[str]) -> Iterator[Load]:
    """Scores asked for without a pause, one lead and all of them in turn, until the block ends."""
    seen, over = Load(), threading.Event()

    def send(first: int) -> None:
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            for number in itertools.count(first):
                if over.is_set():
                    return
                ids = leads if number % 10 == 0 else [leads[number % len(leads)]]
                try:
                    answer = client.post("/v1/score", json={"lead_ids": ids, "details": False})
                    seen.answers.append((answer.status_code, answer.json().get("model_version", "")))
                except (httpx.HTTPError, json.JSONDecodeError) as error:
                    seen.failures.append(repr(error))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_model_swap_under_load_drops_no_request_and_a_broken_one_changes_nothing(tmp_path: Path):
    here = market().copy(tmp_path)
    headers = key_of(here, "read")
    first = here.bundle.version
    successors = [replace(here.bundle, saved_as=f"2030-01-0{number}-successor") for number in (1, 2, 3)]
    with here.store() as store:
        leads = store.scan().leads[:60]
    with running(here.workspace) as service, httpx.Client(base_url=service.address, timeout=30) as client:
        with load(service.address, headers, leads) as seen:
            eventually(lambda: first in seen.versions)
            for bundle in successors:
                publish(here.workspace, bundle)
                eventually(lambda bundle=bundle: bundle.version in seen.versions)
            last = successors[-1].version
            publish(here.workspace, here.bundle, "broken")
            (tmp_path / FOLDER / "broken" / "explained.txt").write_text("no trees")
            (tmp_path / FOLDER / POINTER).write_text("broken\n\n")
            before = len(seen.answers)
            eventually(lambda: len(seen.answers) > before + 50)
            status = client.get("/v1/status", headers=headers).json()
            metrics = client.get("/metrics").text
        assert status["model"]["version"] == last
        assert status["broken_model"]["version"] == "broken"
        assert "veraison_model_broken 1.0" in metrics
    assert seen.failures == []
    assert Counter(status for status, _ in seen.answers) == {200: len(seen.answers)}
    assert set(seen.versions) == {first, *(one.version for one in successors)}
    assert set(seen.versions[before + SENDERS :]) == {last}
    assert any("model broken cannot be loaded" in line for line in service.lines)


def test_what_is_under_way_is_answered_when_the_service_is_told_to_stop(tmp_path: Path):
    """A request whose body still comes in when the signal does, and a long one, have whole answers; then it ends."""
    here = market().copy(tmp_path)
    headers = key_of(here, "read", "ingest")
    with here.store() as store:
        leads = store.scan().leads
        known = store.counts()["events"]
    told = threading.Event()
    batch = [
        {
            "type": "track",
            "messageId": f"late-{number}",
            "userId": "L1",
            "event": "Seen",
            "timestamp": "2025-01-01T00:00:00Z",
        }
        for number in range(500)
    ]

    def slowly() -> Iterator[bytes]:
        body = json.dumps({"batch": batch}).encode()
        yield body[:1000]
        told.wait(20)
        time.sleep(0.5)
        yield body[1000:]

    found: dict[str, httpx.Response] = {}

    def ask(name: str, path: str, **how: object) -> threading.Thread:
        def post() -> None:
            found[name] = httpx.post(service.address + path, headers=headers, timeout=60, **how)

        thread = threading.Thread(target=post)
        thread.start()
        return thread

    with running(here.workspace) as service:
        under_way = [
            ask("batch", "/v1/batch", content=slowly()),
            ask("score", "/v1/score", json={"lead_ids": leads * 8, "details": False, "trend": True}),
        ]
        eventually(lambda: _in_progress(service.address) >= 2)
        service.process.send_signal(signal.SIGTERM)
        told.set()
        for thread in under_way:
            thread.join(60)
        assert service.process.wait(30) == 0
    assert {name: answer.status_code for name, answer in found.items()} == {"batch": 200, "score": 200}
    assert found["batch"].json()["accepted"] == 500
    assert len(found["score"].json()["scores"]) == len(leads) * 8
    with here.store() as store:
        assert store.counts()["events"] == known + 500


def _in_progress(address: str) -> float:
    lines = httpx.get(f"{address}/metrics", timeout=10).text.splitlines()
    mine = [one for one in lines if one.startswith("bentoml_service_request_in_progress")]
    return sum(float(one.rpartition(" ")[2]) for one in mine if 'endpoint="/v1/' in one)
