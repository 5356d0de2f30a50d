"""The service as it runs: BentoML's process, its worker, and what is left when it has stopped."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from data.events import isoformat
from serving import keys, models, scorer
from serving.metrics import nameless
from serving.models import FOLDER, NO_MODEL, POINTER, ModelHolder, load_champion
from tests.service import Market, Running, market, publish, running, start
from tests.support import ROOT
from veraison.errors import ModelError
from veraison.settings import Workspace


def key_of(here: Market, *scopes: str) -> dict[str, str]:
    with here.store() as store:
        return {"Authorization": "Bearer " + keys.create(store, "test", scopes, now=1)}


def test_the_real_service(tmp_path: Path):
    """One server, from before there is a model: events, health, a score by curl equal to the scorer's, metrics,
    a broken champion, the end.
    """
    whole = market().copy(tmp_path)
    shutil.rmtree(tmp_path / FOLDER)
    headers = key_of(whole, "read", "ingest")
    as_of, lead = isoformat(whole.now), {"lead_ids": ["L00001"]}
    message = {"type": "track", "messageId": "m", "userId": "L1", "event": "Lead Created"}
    with running(whole.workspace) as service, httpx.Client(base_url=service.address, timeout=10) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/livez", "/readyz")] == [200, 200, 503]
        assert client.post("/v1/track", json=message, headers=headers).json()["accepted"] == 1
        assert client.post("/v1/score", json=lead, headers=headers).status_code == 503

        publish(whole.workspace, whole.bundle)
        assert client.get("/readyz").status_code == 200
        with whole.store() as store:
            log = store.scan()
        authorization = f"Authorization: {headers['Authorization']}"
        curl = ["curl", "-s", "-H", authorization, "-d", "@-", f"{service.address}/v1/score"]
        body = json.dumps({"lead_ids": log.leads, "as_of": as_of})
        answer = subprocess.run(curl, input=body, capture_output=True, text=True, check=True)
        on_scan = scorer.score(whole.bundle, log, log.leads, [whole.now] * len(log.leads))
        assert json.loads(answer.stdout)["scores"] == [row.to_dict() for row in on_scan.rows()]

        assert client.get("/").status_code == 200
        assert client.get("/leads/anne@acme.example").status_code == 404
        assert client.get("/v1/leads/anne@acme.example", headers=headers).status_code == 404
        missing = client.get("/nothing/of/this")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")

        ask_with_personal_data(client, headers)
        metrics = client.get("/metrics").text
        assert 'endpoint="/v1/score"' in metrics
        assert 'endpoint="/v1/leads/{}"' in metrics
        assert 'endpoint="/login"' in metrics
        assert not [word for word in PERSONAL if word in metrics]

        publish(whole.workspace, whole.bundle, "another")
        (tmp_path / FOLDER / "another" / "bundle.json").write_text("{}")
        (tmp_path / FOLDER / POINTER).write_text("another\n\n")
        status = client.get("/v1/status", headers=headers).json()
        assert status["ready"] is True
        assert status["model"]["version"] == whole.bundle.version
        assert status["broken_model"]["version"] == "another"
        assert client.get("/readyz").status_code == 200

        family = family_of(service)
        assert service.stop() == 0
        assert not alive(family)
        with pytest.raises(httpx.ConnectError):
            client.get("/healthz")
    assert not [word for word in PERSONAL if word in "".join(service.lines)]
    said = [f"{NO_MODEL} (events are taken already)", f"Véraison answers at {service.address}/ (stop it with Ctrl+C)"]
    assert [line for line in "".join(service.lines).splitlines() if not line.startswith("time=")] == said


PERSONAL = ("anne", "petit", "acme.example", "L00001", "nothing", "hunter2")
"""Of these no word may be in what the server prints or measures."""


def ask_with_personal_data(client: httpx.Client, key: dict[str, str]) -> None:
    """Requests of every kind, right and wrong, that name somebody wherever something can be named."""
    track = {"type": "track", "messageId": "anne-1", "userId": "anne@acme.example", "event": "Petit", "timestamp": "?"}
    bodies = [
        ("/v1/batch", {"batch": [track, track | {"timestamp": "2025-01-01T00:00:00Z"}, track | {"userId": None}]}),
        ("/v1/identify", track | {"traits": {"email": "anne@acme.example", "owner": "petit"}}),
        ("/v1/score", {"lead_ids": ["anne@acme.example", "L00001"]}),
        ("/v1/score", {"lead_ids": ["L00001"], "as_of": "anne"}),
        ("/v1/score", {"events": [track]}),
        ("/v1/anne", track),
        ("/v1/leads/anne@acme.example/card-link", {"seller": "anne"}),
    ]
    for path, body in bodies:
        for headers in (key, {}, {"Authorization": "Bearer anne@acme.example"}):
            client.post(path, json=body, headers=headers)
    for path in (
        "/leads/L00001",
        "/leads/anne@acme.example/waterfall.svg",
        "/leads/anne@acme.example/card?token=anne",
        "/login?next=/leads/anne",
        "/?as_of=anne",
    ):
        client.get(path, headers={"Accept": "text/html"})
        client.get(path, headers={"X-Forwarded-For": "203.0.113.9", "Accept": "text/html"})
    page = client.get("/login", headers={"Accept": "text/html"}).text
    for token in (page.split('name="csrf" value="')[1].split('"')[0], "anne"):
        client.post("/login", data={"csrf": token, "name": "anne@acme.example", "password": "hunter2"})


@pytest.mark.parametrize("how", ["ctrl+c", "kill -9"])
def test_nothing_is_left_running(tmp_path: Path, how: str):
    """Ctrl+C reaches every process of the terminal at once; kill -9 reaches only the one that supervises."""
    with running(market().copy(tmp_path).workspace) as service:
        family = family_of(service)
        if how == "ctrl+c":
            os.killpg(service.process.pid, signal.SIGINT)
            assert service.process.wait(20) == 0
        else:
            service.stop(signal.SIGKILL)
        psutil.wait_procs(family, timeout=20)
        assert not alive(family)


def family_of(service: Running) -> list[psutil.Process]:
    """The processes that the service has started."""
    found = psutil.Process(service.process.pid).children(recursive=True)
    assert found
    return found


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("port", "is taken; choose another with --port"),
        ("playbook", "no playbook there"),
        ("store", "the store sqlite:"),
    ],
)
def test_what_cannot_start_says_so_in_one_line(tmp_path: Path, spoil: str, sentence: str):
    workspace = Workspace(tmp_path)
    shutil.copy(market().workspace.playbook, tmp_path)
    if spoil == "playbook":
        workspace.playbook.unlink()
    if spoil == "store":
        (tmp_path / "veraison.db").write_text("this is no database " * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(workspace, taken.getsockname()[1])
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(printed.splitlines()) == 1
    assert sentence in printed


def test_the_serving_process_imports_nothing_that_only_training_and_reports_need():
    """shap, evidently and mlflow cost seconds; pandas is imported by LightGBM where it is there, and not needed."""
    script = """
import sys
sys.modules["pandas"] = None
from pathlib import Path
from serving import service
assert "lightgbm" not in sys.modules, "the supervising process needs no model"
import serving.app, serving.charts, serving.pages
heavy = {"shap", "evidently", "mlflow", "matplotlib", "altair", "vl_convert"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "shown"),
    [(path, path) for path in ("/", "/v1/batch", "/v1/score", "/v1/leads", "/v1/status", "/healthz", "/metrics")]
    + [
        ("/v1/leads/L1", "/v1/leads/{}"),
        ("/v1/leads/a/b/c", "/v1/leads/{}"),
        ("/leads/L1", "/leads/{}"),
        ("/leads/L1/waterfall.svg", "/leads/{}"),
        ("/static/veraison.css", "/static/{}"),
        ("/v1/", "/{}"),
        ("/v1/leads-of-anne", "/{}"),
        ("/.env", "/{}"),
        ("", "/{}"),
    ],
)
def test_metrics_show_no_ids_and_no_endless_series(path: str, shown: str):
    assert nameless(path) == shown


# --- the model that serves ---------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path):
    workspace = Workspace(tmp_path)
    publish(workspace, market().bundle)
    return workspace


def test_no_model_is_one_clear_line(tmp_path: Path):
    holder = ModelHolder(Workspace(tmp_path))
    assert not holder.ready
    assert holder.broken is None
    for ask in (holder.current, lambda: load_champion(Workspace(tmp_path))):
        with pytest.raises(ModelError, match=NO_MODEL):
            ask()


def test_a_new_champion_is_picked_up_and_an_old_one_is_not_read_again(home: Workspace, monkeypatch: pytest.MonkeyPatch):
    loads = []
    load = models.Bundle.load
    monkeypatch.setattr(models.Bundle, "load", lambda folder: loads.append(folder.name) or load(folder))
    holder = ModelHolder(home)
    first = holder.current()
    assert holder.current() is first
    publish(home, first, "second")
    assert holder.current() is not first
    assert holder.current().version == first.version
    assert loads == [first.version, "second"]


@pytest.mark.parametrize("spoil", ["missing", "empty", "upwards", "no folder", "broken"])
def test_a_broken_champion_leaves_the_old_one_in_place_and_says_so(home: Workspace, spoil: str):
    holder = ModelHolder(home)
    first, pointer = holder.current(), home.root / FOLDER / POINTER
    match spoil:
        case "missing":
            pointer.unlink()
        case "empty":
            pointer.write_text("\n")
        case "upwards":
            pointer.write_text("../champion/" + first.version)
        case "no folder":
            pointer.write_text("gone")
        case "broken":
            publish(home, first, "next")
            (home.root / FOLDER / "next" / "explained.txt").write_text("no trees")
            pointer.write_text("next\n\n")
    assert holder.current() is first
    assert holder.ready
    assert holder.broken is not None
    assert "\n" not in holder.broken.problem
    assert holder.broken.version == {"no folder": "gone", "broken": "next"}.get(spoil, "")
    publish(home, first, "repaired")
    assert holder.current() is not first
    assert holder.broken is None
