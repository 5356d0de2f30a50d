"""The service as BentoML runs it: one worker process, supervised, with the app mounted into it.

door     what a request meets first; the app behind it is built in the worker, not when this module is imported
Service  builds the app, says when it is ready, closes the store at the end
serve    what the command line calls: looks first, then runs the server until it is told to stop
"""

import errno
import gc
import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "BENTOML_QUIET": "true",
    "DO_NOT_TRACK": "true",
}
for _name, _value in _QUIET.items():  # before BentoML is imported: nothing may phone home, however this is started
    os.environ.setdefault(_name, _value)

import bentoml  # noqa: E402 (as all below: after its telemetry is off)
import uvicorn.config  # noqa: E402
from bentoml._internal.configuration.containers import BentoMLContainer  # noqa: E402
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: E402
from pydantic import ValidationError  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.types import ASGIApp, Receive, Scope, Send  # noqa: E402

from data.contacts import Contacts  # noqa: E402
from data.store import Store  # noqa: E402
from serving.hosts import is_loopback  # noqa: E402
from serving.metrics import Fresh, Nameless, named  # noqa: E402
from serving.settings import ServiceSettings  # noqa: E402
from veraison.errors import VeraisonError  # noqa: E402
from veraison.playbook_file import load_playbook  # noqa: E402
from veraison.settings import Workspace, from_environment  # noqa: E402

STARTING_SECONDS = 120


class _Door:
    """What BentoML mounts: the app of the worker's service.

    Not the app itself, for two reasons: it needs a store and a model, which importing this module must not open; and
    BentoML passes on to a Starlette app only the paths it knows, so that ours could not answer for the others.
    """

    app: ASGIApp | None = None
    look: Callable[[], None] | None = None

    def look_again(self) -> None:
        """Set the gauges to what is so now."""
        if self.look is not None:
            self.look()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            raise RuntimeError("a request came before the service was built")
        await self.app(named(scope), receive, send)


class _LeanService(bentoml.Service[Any]):  # type: ignore[misc]
    def to_asgi(self, is_main: bool = True) -> Starlette:
        app: Starlette = super().to_asgi(is_main)
        if BentoMLContainer.tracing.exporter_type.get() is None:
            # spans that nobody collects take 180 us of the 230 us that BentoML adds to a request
            idle: Any = OpenTelemetryMiddleware
            app.user_middleware = [one for one in app.user_middleware if one.cls is not idle]
        app.add_middleware(Fresh, look=_door.look_again)
        app.add_middleware(Nameless)
        uvicorn.config.HTTP_PROTOCOLS["auto"] = "serving.wire:Protocol"  # BentoML passes no choice of ours on
        return app


_door = _Door()


def _tracing() -> dict[str, Any]:
    """BentoML's settings of traces: none go anywhere unless the operator says where to."""
    try:
        settings = ServiceSettings()
    except ValidationError:  # `serve` says it in one line
        return {}
    if settings.traces is None:
        return {}
    to = {"protocol": "http", "endpoint": settings.traces}
    return {"exporter_type": "otlp", "sample_rate": settings.traces_share, "otlp": to}


@bentoml.service(
    name="veraison",
    workers=1,
    traffic={"timeout": 60},  # ten thousand leads with all details take half a minute
    logging={"access": {"enabled": False}},
    metrics={"enabled": True, "duration": {"min": 0.001, "max": 10.0, "factor": 2.0}},
    tracing=_tracing(),
    service_class=_LeanService,
)
@bentoml.asgi_app(_door, path="/")
class Service:
    """Explained lead scores over HTTP, and the pages for people."""

    def __init__(self) -> None:
        # seconds of imports that only the worker needs, not the process that supervises it
        from serving import logs, meters  # noqa: PLC0415
        from serving.app import create_app, system_clock  # noqa: PLC0415
        from serving.leads import Leads  # noqa: PLC0415
        from serving.models import NO_MODEL, ModelHolder  # noqa: PLC0415
        from serving.push.courier import Sender  # noqa: PLC0415
        from serving.push.worker import Push  # noqa: PLC0415
        from serving.verdicts import Journal  # noqa: PLC0415

        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        settings = ServiceSettings()
        logs.configure(settings)
        workspace = Workspace(settings.workspace, settings.store_url, settings.tracking_uri)
        playbook = load_playbook(settings.playbook or workspace.playbook)
        self._store = Store(
            workspace.store_url, playbook.identity.keys, playbook.features.accounts, Contacts.of(playbook)
        )
        self._models = ModelHolder(workspace)
        journal = Journal(workspace.reports)
        _door.app = create_app(
            self._store,
            self._models,
            playbook,
            settings=settings,
            mappings=workspace.mappings,
            journal=journal,
            mlflow=workspace.tracking_uri,
            customers=ModelHolder(workspace.customers),
            log_requests=settings.log_requests,
        )
        _door.look = partial(meters.look, self._store, self._models, system_clock, journal)
        leads = Leads(self._store, self._models, playbook, system_clock, journal.folder)
        if self._models.ready:
            leads.warm_up()
        else:
            problem = self._models.broken.problem if self._models.broken else NO_MODEL
            print(f"{problem} (events are taken already)", file=sys.stderr, flush=True)
        sender = partial(Sender, private=settings.push_private)
        self._push = Push(
            self._store, leads, self._models, sweep=settings.push_sweep, sender=sender, journal=journal
        ).start()
        gc.collect()
        gc.freeze()  # half a million objects of imports stay for good; to go through them takes 50 ms of a request

    def __is_ready__(self) -> bool:
        return self._models.ready

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Stop to tell of scores, and give the store's connections back."""
        self._push.stop()
        self._store.close()


def serve(workspace: Workspace, playbook_path: Path, host: str, port: int) -> None:
    """Run the service in the foreground until SIGINT or SIGTERM; prints one line when it answers.

    host : an address of this machine; on a loopback address the pages ask nobody to log in, elsewhere they do
    Raises VeraisonError, one line, where it cannot start: a bad setting or playbook, a store that cannot be opened, a
    taken port.
    """
    if from_environment(ServiceSettings).traces and not find_spec("opentelemetry.exporter"):
        raise VeraisonError("VERAISON_TRACES needs more packages: pip install 'veraison[tracing]'")
    with Store(workspace.store_url, load_playbook(playbook_path).identity.keys):
        pass
    address = _free(host, port)
    os.environ |= _environment(workspace, playbook_path, address)
    watch = _Watch(address, port)
    watch.start()
    service: Any = Service
    service.serve_http(host=address, port=port)
    watch.over.set()
    if watch.gave_up:
        raise VeraisonError(f"the service did not answer within {STARTING_SECONDS} s; its output above says why")


def _end_with(parent: int) -> None:
    """End this worker soon after the process that supervises it, were that killed: else it would keep the port."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _free(host: str, port: int) -> str:
    """The numeric address to bind, which BentoML asks for; VeraisonError where it cannot be bound."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen(1)
    except (socket.gaierror, OverflowError):
        raise VeraisonError(
            f"{host}:{port} is not an address; use one such as 127.0.0.1 with a port to 65535"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise VeraisonError(f"port {port} on {host} is taken; choose another with --port") from None
        raise VeraisonError(f"{host}:{port} cannot be used: {error.strerror}") from None
    return str(where[0])


def _environment(workspace: Workspace, playbook_path: Path, address: str) -> dict[str, str]:
    """What the worker reads; an operator's own VERAISON_OPEN_PAGES counts."""
    found = {
        "VERAISON_WORKSPACE": str(workspace.root.absolute()),
        "VERAISON_PLAYBOOK": str(playbook_path.absolute()),
        "VERAISON_STORE_URL": workspace.store_url,
        "VERAISON_OPEN_PAGES": os.environ.get("VERAISON_OPEN_PAGES", str(is_loopback(address)).lower()),
        # of its own: BentoML clears the metrics of whoever else uses the same home
        "BENTOML_HOME": str((workspace.root / "bentoml").absolute()),
    }
    Path(found["BENTOML_HOME"]).mkdir(parents=True, exist_ok=True)
    return found


class _Watch(threading.Thread):
    """Says when the service answers; ends it when it never does.

    over    : set when the server has stopped
    gave_up : whether it was ended from here
    """

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.gave_up = False
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 (a name, not a bind)
        self._port = port

    def run(self) -> None:
        until = time.monotonic() + STARTING_SECONDS
        while not self.over.wait(0.2):
            if self._answers():
                shown = f"[{self._host}]" if ":" in self._host else self._host
                print(f"Véraison answers at http://{shown}:{self._port}/ (stop it with Ctrl+C)", flush=True)
                return
            if time.monotonic() > until:
                self.gave_up = True
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()
