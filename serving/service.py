"""The service as BentoML runs it: one worker process, supervised, with the app mounted into it.

door     what a request meets first; the app behind it is built in the worker, not when this module is imported
Service  builds the app, says when it is ready, closes the store at the end
serve    what the command line calls: looks first, then runs the server until it is told to stop
"""

import errno
import http.client
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
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
from starlette.applications import Starlette  # noqa: E402
from starlette.types import ASGIApp, Receive, Scope, Send  # noqa: E402

from data.store import Store  # noqa: E402
from serving.hosts import is_loopback  # noqa: E402
from serving.metrics import Nameless, named  # noqa: E402
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            raise RuntimeError("a request came before the service was built")
        await self.app(named(scope), receive, send)


class _NamelessService(bentoml.Service[Any]):  # type: ignore[misc]
    def to_asgi(self, is_main: bool = True) -> Starlette:
        app: Starlette = super().to_asgi(is_main)
        app.add_middleware(Nameless)
        return app


_door = _Door()


@bentoml.service(
    name="veraison",
    workers=1,
    traffic={"timeout": 10},
    logging={"access": {"enabled": False}},
    service_class=_NamelessService,
)
@bentoml.asgi_app(_door, path="/")
class Service:
    """Explained lead scores over HTTP, and the pages for people."""

    def __init__(self) -> None:
        # seconds of imports that only the worker needs, not the process that supervises it
        from serving.app import create_app, system_clock  # noqa: PLC0415
        from serving.leads import Leads  # noqa: PLC0415
        from serving.models import NO_MODEL, ModelHolder  # noqa: PLC0415
        from serving.push.courier import Sender  # noqa: PLC0415
        from serving.push.worker import Push  # noqa: PLC0415

        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        settings = ServiceSettings()
        workspace = Workspace(settings.workspace, settings.store_url, settings.tracking_uri)
        playbook = load_playbook(settings.playbook or workspace.playbook)
        self._store = Store(workspace.store_url, playbook.identity.keys, playbook.features.accounts)
        self._models = ModelHolder(workspace)
        _door.app = create_app(self._store, self._models, playbook, settings=settings, mappings=workspace.mappings)
        leads = Leads(self._store, self._models, playbook, system_clock)
        if self._models.ready:
            leads.warm_up()
        else:
            problem = self._models.broken.problem if self._models.broken else NO_MODEL
            print(f"{problem} (events are taken already)", file=sys.stderr, flush=True)
        sender = partial(Sender, private=settings.push_private)
        self._push = Push(self._store, leads, self._models, sweep=settings.push_sweep, sender=sender).start()

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
    from_environment(ServiceSettings)
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
