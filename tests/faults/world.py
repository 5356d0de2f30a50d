"""A small firm whose model is renewed by processes that are killed, and how such a process is made.

The parent does nothing else than to fork (threads of its own, such as Polars', would not live on in its children, and
whoever waits for them waits for ever). Each child is a process of its own that does what `veraison monitor` does; it is
killed with SIGKILL, without a chance to put anything in order. What the children share is the disk alone.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data.events import MICROS_PER_DAY, isoformat
from data.journal import JOURNAL
from data.simulator import simulate
from data.simulator.market import START
from data.store import Store
from monitoring import drift, watch
from monitoring.journal import Journal
from monitoring.progress import renewals
from tests.histories import ingest
from training import metrics
from training.bundle import Bundle
from training.fit import fit, training_set
from training.registry import CHAMPION, Registry
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

LEARNED, NOW = 100, 200
"""Days: the champion learned up to the first, from which on quotes are asked for under another name."""
STEPS = ("started", "window", "trained", "judged", "registered", "beside", "shadow", "settled")
PLAYBOOK = """
[journey]
created = ["Lead Created"]
converted = ["Deal Won"]
lost = ["Deal Lost", "Disqualified"]
opted_out = ["Unsubscribed"]

[horizons]
days = [30]
primary = 30

[features]
windows_days = [30]
outbound = ["Email Sent", "Call Made", "Meeting Scheduled", "Proposal Sent"]
traits = { source = "category" }

[identity]
keys = ["email"]

[training]
landmark_days = [0, 7, 30]
model = { rounds = 30 }

[monitoring]
gate_margin = 1.0
gate_ece = 1.0
"""
LEASE = 3.0
"""Seconds, instead of twenty."""
Hook = Callable[[], None]


def nothing() -> None:
    """No hook."""


def day(number: float) -> int:
    """A moment of the simulated market, microseconds UTC."""
    return START + round(number * MICROS_PER_DAY)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal; and what it printed."""

    code: int
    out: str
    err: str

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The last line of the command, where it is a verdict."""
        lines = self.out.splitlines()
        found: dict[str, Any] | None = json.loads(lines[-1]) if self.code == 0 and lines else None
        return found


@dataclass(frozen=True)
class Firm:
    """A workspace below `base`, which also holds the kept copy of its beginning and what its processes printed."""

    base: Path
    folder: str = "workspace"

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.base / self.folder)

    def keep(self) -> None:
        """Remember the firm as it is."""
        shutil.copytree(self.workspace.root, self.base / "kept")

    def anew(self) -> "Firm":
        """The firm as it was kept, in its own place: MLflow writes down where its artefacts lie."""
        shutil.rmtree(self.workspace.root, ignore_errors=True)
        shutil.copytree(self.base / "kept", self.workspace.root)
        return self

    def begin(self, *words: str, hook: Hook = nothing) -> int:
        """A process of `veraison monitor`, begun and not waited for: its process id."""
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            return process
        code = 70
        try:
            os.setpgid(0, 0)
            for stream in (sys.stdout, sys.stderr):
                path = self._printed(os.getpid(), stream.fileno())
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
            hook()
            from veraison.cli import main  # noqa: PLC0415 (in the child: its consoles hold on to the streams)

            sys.argv = ["veraison", "monitor", "-w", str(self.workspace.root), *words]
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def ended(self, process: int) -> Ended:
        """Wait for a process to end."""
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return Ended(code, self.printed(process), self.printed(process, 2))

    def monitor(self, *words: str, at: float = NOW, hook: Hook = nothing) -> Ended:
        """One run as of a day, to its end."""
        return self.ended(self.begin("--as-of", isoformat(day(at)), *words, hook=hook))

    def printed(self, process: int, stream: int = 1) -> str:
        """What a process printed so far."""
        path = self._printed(process, stream)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _printed(self, process: int, stream: int) -> Path:
        return self.base / f"printed-{process}-{stream}"

    def serves(self) -> str:
        """What a service would load now; ModelError where it could load nothing."""
        home = self.workspace.root / "champion"
        return Bundle.load(home / (home / "CURRENT").read_text(encoding="utf-8").strip()).version

    def state(self) -> dict[str, Any]:
        """What came of everything: of the registry, of the disk, of the journal."""
        registry, read = Registry(self.workspace), Journal(self.workspace.reports / JOURNAL).read()
        champion = self.workspace.root / "champion" / self.serves()
        return {
            "serves": self.serves(),
            "champions": registry.champions(),
            "versions": [[one.number, one.version, sorted(one.aliases)] for one in registry.versions()],
            "runs": sorted(run.info.status for run in registry._client.search_runs([registry._experiment_id])),
            "steps": renewals(read)[-1].steps if renewals(read) else {},
            "lines": [line.name if hasattr(line, "name") else "verdict" for line in read.lines],
            "verdicts": [one.document for one in read.verdicts],
            "torn": read.torn,
            "bytes": {path.name: path.read_text(encoding="utf-8") for path in sorted(champion.glob("*.txt"))},
        }


def told(work: Callable[[], Any]) -> Any:
    """What something comes to, in a process of its own."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        code = 70
        try:
            with os.fdopen(writing, "w") as pipe:
                pipe.write(json.dumps(work()))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code == 0, code
    return json.loads(said)


def found(base: Path) -> Firm:
    """The market, and a workspace with its first champion."""

    def make() -> str:
        made = simulate(
            base / "market.ndjson", leads=2_000, days=NOW + 20, seed=23, drift="rename", drift_day=LEARNED, steady=True
        )
        here = Firm(base)
        here.workspace.create()
        here.workspace.playbook.write_text(PLAYBOOK, encoding="utf-8")
        book = load_playbook(here.workspace.playbook)
        with Store(here.workspace.store_url, book.identity.keys) as store:
            ingest(store, made.events_path)
            log = store.scan()
        bundle = fit(training_set(log, book, before=day(LEARNED)), book, before=day(LEARNED), threads=1)
        return Registry(here.workspace).register(bundle, alias=CHAMPION).version

    told(make)
    here = Firm(base)
    here.keep()
    return here


def die(*_: object) -> None:
    """What a machine does that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def plainly() -> None:
    """A hook: without Evidently's pictures, with few draws of a bootstrap, and with a short lease: they take longer
    than all else, and are not what is broken off.
    """

    def written(_columns: object, html: Path) -> dict[str, float]:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text("<p>plain</p>", encoding="utf-8")
        return {}

    real = metrics.bootstrap
    drift.stability = written
    watch.Alone = partial(watch.Alone, lease=LEASE)  # type: ignore[assignment,misc]
    metrics.bootstrap = lambda *given, **named: real(*given, **named | {"draws": 20})
