"""More events than can be written: who comes too much is told so at once, and what was promised is written."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from data.store import Appended, Store
from serving.intake import WAITING, Intake
from serving.problems import Problem
from tests.receivers import eventually
from tests.service import door, market


class Blocked:
    """A store that writes when it is told to."""

    def __init__(self, store: Store) -> None:
        self.whole = store.append
        self.entered, self.released = threading.Event(), threading.Event()

    def append(self, batch: Any) -> Appended:
        self.entered.set()
        assert self.released.wait(30)
        return self.whole(batch)


def message(number: object) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": f"m{number}",
        "userId": "L1",
        "event": "Visited",
        "timestamp": "2025-01-01T00:00:00Z",
    }


def test_beyond_the_bound_a_batch_is_refused_at_once_and_the_others_are_written(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        blocked = Blocked(store)
        intake = Intake(blocked, lambda: 2_000_000_000_000_000, waiting=3)  # type: ignore[arg-type]
        with ThreadPoolExecutor(3) as pool:
            here = [pool.submit(intake.take, [message(number)]) for number in range(3)]
            eventually(lambda: intake._room._value == 0)
            with pytest.raises(Problem) as refused:
                intake.take([message(3)])
            assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
            assert store.counts()["events"] == 0
            blocked.released.set()
            assert [one.result().accepted for one in here] == [1, 1, 1]
        assert intake.take([message(3)]).accepted == 1
        assert store.counts()["events"] == 4


def test_a_store_that_fails_gives_the_place_back():
    class Broken:
        def append(self, batch: Any) -> Appended:
            raise OSError("no space")

    intake = Intake(Broken(), lambda: 2_000_000_000_000_000, waiting=1)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(OSError, match="no space"):
            intake.take([message(1)])


def test_the_service_answers_others_while_writers_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Twice as many batches as may wait: half are told to come back, scores are given all the while, none is lost."""
    with door(market().copy(tmp_path)) as service:
        blocked, headers = Blocked(service.store), service.key("ingest")
        monkeypatch.setattr(service.store, "append", blocked.append)
        with ThreadPoolExecutor(2 * WAITING) as pool:
            sent = [
                pool.submit(service.client.post, "/v1/track", json=message(f"w{number}"), headers=headers)
                for number in range(2 * WAITING)
            ]
            eventually(lambda: sum(one.done() for one in sent) >= WAITING)
            refused = [one.result() for one in sent if one.done()]
            assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(429, "1")}
            assert refused[0].json()["type"] == "urn:veraison:problem:busy"
            assert service.post("/v1/score", {"lead_ids": ["L00001"]}).status_code == 200
            blocked.released.set()
            answers = [one.result() for one in sent]
        taken = [one for one in answers if one.status_code == 200]
        assert len(taken) == WAITING == sum(one.json()["accepted"] for one in taken)
