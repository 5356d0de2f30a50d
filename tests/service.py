"""A small market with a trained model, and the service on it: in this process, in a thread, or as its own process."""

import atexit
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from data import contract_lines, scorelog
from data.contract_report import ContractReport
from data.events import MICROS_PER_DAY, isoformat
from data.journey_report import JourneyReport
from data.log import EventLog
from data.parse import parse_event
from data.simulator import simulate
from data.store import Store
from monitoring.contract import contract
from monitoring.journey import journey
from serving import keys
from serving.app import create_app
from serving.models import FOLDER, POINTER, ModelHolder
from serving.scorer import score
from serving.settings import AccessSettings
from serving.verdicts import Journal
from serving.wire import Protocol
from tests.support import ROOT
from training.bundle import Bundle
from training.fit import fit, training_set
from veraison.playbook import Playbook
from veraison.playbook_contract import Contract
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

ANSWERS_WITHIN = 100


@dataclass(frozen=True)
class Market:
    """A workspace with events, a playbook and a champion.

    now : microseconds UTC, a moment at which many leads are open; the clock of the tests
    """

    workspace: Workspace
    playbook: Playbook
    bundle: Bundle
    now: int

    def copy(self, folder: Path) -> "Market":
        """The same market in a folder of its own, for a test that changes it."""
        shutil.copytree(self.workspace.root, folder, dirs_exist_ok=True)
        return Market(Workspace(folder), self.playbook, self.bundle, self.now)

    def emptied(self, folder: Path) -> "Market":
        """The same model and playbook in a folder of their own, over an empty store."""
        shutil.copytree(self.workspace.root / FOLDER, folder / FOLDER)
        shutil.copy(self.workspace.playbook, folder)
        return Market(Workspace(folder), self.playbook, self.bundle, self.now)

    def store(self) -> Store:
        return Store(self.workspace.store_url, self.playbook.identity.keys)


def market() -> Market:
    """A simulated firm of 250 leads and 150 days with a model; made once a process, not to be changed."""
    return firm(250, 150)


@cache
def firm(leads: int, days: int, *, since: int = 0, open_days: int = 10) -> Market:
    """The same of another size, with a model that knows nothing of the last `since` days.

    open_days : so long before the end the clock of the tests stands
    """
    folder = Path(tempfile.mkdtemp(prefix="veraison-market-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = simulate(folder / "market.ndjson", leads=leads, days=days, seed=11)
    workspace = Workspace(folder / "workspace")
    workspace.create()
    playbook = load_playbook(made.playbook_path)
    shutil.copy(made.playbook_path, workspace.playbook)
    with Store(workspace.store_url, playbook.identity.keys) as store:
        with made.events_path.open(encoding="utf-8") as lines:
            store.append(parse_event(json.loads(line), now=2**60) for line in lines)
        log = store.scan()
    soon = playbook.model_copy(update={"training": playbook.training.model_copy(update={"min_conversions": 10})})
    before = log.newest + 1 - since * MICROS_PER_DAY
    bundle = fit(training_set(log, soon, before=before), soon, before=before, threads=1)
    publish(workspace, bundle)
    return Market(workspace, playbook, bundle, log.newest - open_days * MICROS_PER_DAY)


def publish(workspace: Workspace, bundle: Bundle, name: str | None = None) -> None:
    """Lay a champion down as the registry does: the folder first, then the pointer in one move."""
    home, name = workspace.root / FOLDER, name or bundle.version
    bundle.save(home / name)
    fresh = home / ".CURRENT"
    fresh.write_text(name + "\n", encoding="utf-8")
    fresh.replace(home / POINTER)


@dataclass
class Door:
    """An app on a market, in a thread of this process, with a key of each scope and a clock that stands still."""

    client: httpx.Client
    app: FastAPI
    store: Store
    market: Market
    keys: dict[str, str]
    clock: list[int]

    def post(self, path: str, body: Any, scope: str = "admin", **more: Any) -> httpx.Response:
        return self.client.post(path, json=body, headers=self.key(scope), **more)

    def get(self, path: str, scope: str = "read", **more: Any) -> httpx.Response:
        return self.client.get(path, headers=self.key(scope), **more)

    def key(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[scope]}"}

    def log(self) -> EventLog:
        return self.store.scan()


def log_scores(service: Door, lead_ids: list[str], *, days: float) -> None:
    """Scores in the prediction log, as they were served so many days before the clock."""
    as_of = service.clock[0] - round(days * MICROS_PER_DAY)
    scores = score(service.market.bundle, service.log(), lead_ids, [as_of] * len(lead_ids))
    scorelog.append(service.store, (one for one in scores.to_log(as_of) if one.vector is not None))


def write_journey(service: Door, playbook: Playbook | None = None) -> JourneyReport:
    """The report of the journey in the workspace's folder, as `veraison report journey` leaves it, at the clock."""
    report = journey(service.log(), playbook or service.market.playbook, service.clock[0])
    report.write(service.market.workspace.reports)
    return report


def contracted(playbook: Playbook, **terms: Any) -> Playbook:
    """The same playbook with a contract: two sellers, three leads a week each."""
    told = {"sellers": 2, "leads_per_week": 3, "precision": 0.05} | terms
    return playbook.model_copy(update={"contract": Contract.model_validate(told)})


def earlier(bundle: Bundle, days: int, now: int) -> Bundle:
    """The same model as if it had learned so many days ago: of a small market, weeks that it can be judged by."""
    facts = bundle.facts | {"as_of": isoformat(now - days * MICROS_PER_DAY)}
    return replace(bundle, facts=facts, saved_as=bundle.version)


def write_contract(service: Door, days: int = 90, **terms: Any) -> ContractReport:
    """The report of a contract in the workspace's folder, as `veraison report contract` leaves it, at the clock."""
    now, book = service.clock[0], contracted(service.market.playbook, **terms)
    with service.market.store() as store:
        found = contract(store.scan(), book, earlier(service.market.bundle, days, now), as_of=now, bodies=store.bodies)
    found.report.write(service.market.workspace.reports)
    contract_lines.append(service.market.workspace.reports, found.fresh)
    return found.report


@contextmanager
def door(
    where: Market, *, open_pages: bool = True, ticks: bool = False, mlflow: str | None = None, **access: Any
) -> Iterator[Door]:
    """The app of a market, behind a real socket of this machine.

    ticks  : the clock goes on by a second each time somebody looks at it, instead of standing still
    mlflow : its tracking address
    access : of serving.settings.AccessSettings
    """

    def look() -> int:
        clock[0] += 1_000_000 if ticks else 0
        return clock[0]

    with where.store() as store:
        clock = [where.now]
        settings = AccessSettings(open_pages=open_pages, **access)
        app = create_app(
            store,
            ModelHolder(where.workspace),
            where.playbook,
            clock=look,
            settings=settings,
            mappings=where.workspace.mappings,
            journal=Journal(where.workspace.reports),
            mlflow=mlflow,
        )
        made = {
            scope: keys.create(store, f"{scope}-{len(keys.listed(store))}", [scope], now=1) for scope in keys.SCOPES
        }
        with in_thread(app) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield Door(client, app, store, where, made, clock)


@contextmanager
def in_thread(app: FastAPI) -> Iterator[str]:
    """The app on a real socket, for a browser; yields its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, http=Protocol))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_SERVE = """
import os, sys
from pathlib import Path
from serving.service import serve
from veraison.errors import VeraisonError
from veraison.settings import Workspace
workspace = Workspace(Path(sys.argv[1]), os.environ.get("VERAISON_STORE_URL"))
try:
    serve(workspace, workspace.playbook, sys.argv[2], int(sys.argv[3]))
except VeraisonError as error:
    sys.exit(f"error: {error}")
"""


@dataclass
class Running:
    """A server process of its own. ``lines``: what it has printed so far."""

    address: str
    process: subprocess.Popen[str]
    lines: list[str]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(30)


def start(workspace: Workspace, port: int, host: str = "127.0.0.1", **settings: str) -> subprocess.Popen[str]:
    """The process that `veraison serve` is, without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(workspace.root), host, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
        start_new_session=True,
    )


@contextmanager
def running(workspace: Workspace, **settings: str) -> Iterator[Running]:
    """The real service, from the moment it says that it answers; `settings` are of its environment."""
    port = free_port()
    process = start(workspace, port, **settings)
    lines: list[str] = []
    said: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines, said.put))
    reader.start()
    try:
        while (line := said.get(timeout=ANSWERS_WITHIN)) is not None and "answers at" not in line:
            pass
        assert line is not None, "the service ended: " + "".join(lines)
        yield Running(f"http://127.0.0.1:{port}", process, lines)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def _read(process: subprocess.Popen[str], lines: list[str], say: Callable[[str | None], None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        say(line)
    say(None)
