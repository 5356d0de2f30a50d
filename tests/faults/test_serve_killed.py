"""kill -9 of the real service while events come in: every acknowledged event is there once; a replay adds the rest.

Three rounds here; ``make faults`` makes fifty: ``VERAISON_FAULT_ROUNDS=50``. The moment of each kill comes from the
number of its round, so that a round can be made again; every fifth round is on PostgreSQL, and rounds go on with the
store that the one before left.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
import sqlalchemy as sa

from data.schema import events, quarantine, traits
from data.store import Store
from serving import keys
from tests.service import Running, market, running
from tests.support import postgres_database, require
from veraison.settings import Workspace

ROUNDS = int(os.environ.get("VERAISON_FAULT_ROUNDS", "3"))
ON_POSTGRES = 5
"""Every so many rounds; of three the last."""
SENDERS, BATCH, BATCHES = 4, 50, 400
LATEST_KILL = 2.5


@dataclass
class Sender:
    """Sends its batches one after another and remembers what was acknowledged; the first failure ends it."""

    number: int
    round: int
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def batch(self, place: int) -> list[dict[str, object]]:
        """Made from its place alone, so that a replay sends the same; a tenth of it was in the batch before too."""
        first = place * (BATCH - BATCH // 10)
        return [self.message(first + one) for one in range(BATCH)]

    def message(self, number: int) -> dict[str, object]:
        one = {
            "type": "track",
            "messageId": f"r{self.round}-s{self.number}-{number}",
            "userId": f"L{number % 300}",
            "timestamp": "2026-03-01T09:12:00Z",
            "event": "Seen",
            "properties": {"value": number},
        }
        return one | {"type": "identify", "traits": {"visits": number}} if number % 7 == 0 else one

    def send(self, address: str, headers: dict[str, str]) -> None:
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            for place in range(BATCHES):
                body = self.batch(place)
                try:
                    answer = client.post("/v1/batch", json={"batch": body})
                    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                        continue
                    taken = answer.json()
                except (httpx.HTTPError, json.JSONDecodeError):
                    return
                if answer.status_code != httpx.codes.OK or taken["rejected"]:
                    self.wrong.append(answer.text[:200])
                    return
                if taken["accepted"] + taken["duplicates"] != BATCH:
                    self.wrong.append(f"{taken} of {BATCH}")
                self.acknowledged += [str(one["messageId"]) for one in body]


def killed(service: Running, moment: float) -> None:
    """Kill the service with all its processes, the one that writes first, after so many seconds."""
    family = psutil.Process(service.process.pid).children(recursive=True)
    time.sleep(moment)
    for one in family:
        one.kill()
    service.process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=20)


def stored(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.scalars(sa.select(events.c.event_id)))


def one_round(number: int, workspace: Workspace, settings: dict[str, str]) -> dict[str, float]:
    """Kill under ingestion, start again, replay; what was seen. AssertionError where anything is lost or doubled."""
    moment = random.Random(number).uniform(0.0, LATEST_KILL)
    with Store(settings.get("VERAISON_STORE_URL") or workspace.store_url) as store:
        before = set(stored(store))
        key = keys.create(store, f"faults-{number}-{len(before)}", ["ingest"], now=1)
    headers = {"Authorization": f"Bearer {key}"}
    senders = [Sender(one, number) for one in range(SENDERS)]
    with running(workspace, **settings) as service:
        threads = [threading.Thread(target=one.send, args=(service.address, headers)) for one in senders]
        for thread in threads:
            thread.start()
        killed(service, moment)
        for thread in threads:
            thread.join()
    acknowledged = {event for one in senders for event in one.acknowledged}
    with running(workspace, **settings) as service, httpx.Client(base_url=service.address, headers=headers) as client:
        with Store(settings.get("VERAISON_STORE_URL") or workspace.store_url) as store:
            after = Counter(stored(store))
        lost = acknowledged - set(after)
        assert not lost, f"round {number}: {len(lost)} acknowledged events are gone, such as {min(lost)}"
        assert before <= set(after), f"round {number}: events of earlier rounds are gone"
        assert max(after.values(), default=1) == 1, f"round {number}: an event is there twice"
        replayed = Counter[str]()
        for one in senders:
            for place in range(len(one.acknowledged) // BATCH + 2):  # what was not acknowledged too
                whole = client.post("/v1/batch", json={"batch": one.batch(place)}, timeout=60)
                assert whole.status_code == httpx.codes.OK, f"round {number}: {whole.text}"
                answer = whole.json()
                replayed.update({name: answer[name] for name in ("accepted", "duplicates")})
                assert answer["rejected"] == []
    sent = {
        str(message["messageId"])
        for one in senders
        for place in range(len(one.acknowledged) // BATCH + 2)
        for message in one.batch(place)
    }
    with Store(settings.get("VERAISON_STORE_URL") or workspace.store_url) as store:
        final = Counter(stored(store))
        with store.engine.connect() as connection:
            learned = connection.scalars(sa.select(traits.c.event_id).where(traits.c.name == "visits")).all()
            refused = connection.scalar(sa.select(sa.func.count()).select_from(quarantine))
    assert set(final) == before | sent
    assert max(final.values()) == 1
    mine = [one for one in learned if one in sent]
    assert sorted(mine) == sorted(one for one in sent if int(one.rpartition("-")[2]) % 7 == 0)
    assert refused == 0
    assert [one.wrong for one in senders] == [[]] * SENDERS
    found = {"kill after, s": moment, "acknowledged": len(acknowledged), "stored but not acknowledged": 0.0}
    found["stored but not acknowledged"] = len(set(after) - before - acknowledged)
    return found | {"new by replay": replayed["accepted"]}


@pytest.mark.timeout(180 * ROUNDS + 300)
def test_what_was_acknowledged_is_there_once_after_kill_and_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    require("postgres")
    workspace = market().emptied(tmp_path / "workspace").workspace
    with postgres_database() as url, capsys.disabled():
        seen = []
        for number in range(1, ROUNDS + 1):
            on_postgres = number % ON_POSTGRES == 0 or number == ROUNDS == 3
            found = one_round(number, workspace, {"VERAISON_STORE_URL": url} if on_postgres else {})
            seen.append(found)
            if ROUNDS > 3:
                told = ", ".join(f"{name} {value:,.4g}" for name, value in found.items())
                print(f"\nround {number:2d} ({'PostgreSQL' if on_postgres else 'SQLite'}): {told}", end="", flush=True)
        if ROUNDS > 3:
            total = sum(one["acknowledged"] for one in seen)
            print(f"\n{ROUNDS} kills, {total:,.0f} events acknowledged, none lost", flush=True)
    assert sum(one["acknowledged"] for one in seen) > 100, "the kills came before anything was acknowledged"
