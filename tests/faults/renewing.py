"""Renewals that are broken off, one way after the other; run by test_renewal_killed, which judges what is found here.

One process makes one market and begins all others from it, as learning a model and loading MLflow would cost each of
them seconds.
"""

import json
import os
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.journal import STEP
from data.store import Store
from monitoring import drift
from monitoring.journal import Journal
from serving import keys
from tests.faults import watching
from tests.faults.disks import Disk, small_disk
from tests.faults.world import NOW, STEPS, Ended, Firm, Hook, die, found, plainly, told
from tests.service import free_port, start
from training.bundle import MANIFEST, Bundle
from training.registry import CHALLENGER, Registry

VERDICT = "verdict"
BEFORE, TORN, AFTER = "before", "torn", "after"


def both(*hooks: Hook) -> Hook:
    """One hook after the other."""

    def hooked() -> None:
        for one in hooks:
            one()

    return hooked


def at_line(name: str, do: Hook, when: str = BEFORE) -> Hook:
    """Do something when the line of a step (or of the verdict) is to be written, torn in the middle, or written."""

    def hook() -> None:
        add = Journal.add

        def adding(journal: Journal, line: dict[str, Any]) -> None:
            mine = line.get(STEP, VERDICT) == name
            if mine and when == TORN:
                with journal._path.open("ab") as file:
                    file.write(json.dumps(line).encode()[:40])
            if mine and when != AFTER:
                do()
            add(journal, line)
            if mine and when == AFTER:
                do()

        Journal.add = adding  # type: ignore[method-assign]

    return hook


def at_call(of: Any, name: str, do: Hook) -> Hook:
    """Do something when a function is called, before it does its work."""

    def hook() -> None:
        real = getattr(of, name)

        def called(*args: Any, **named: Any) -> Any:
            do()
            return real(*args, **named)

        setattr(of, name, called)

    return hook


def every_step(here: Firm) -> dict[str, Any]:
    """Killed at each step in turn, before its line is written and after; a service answers all the while."""
    ended, serving, answers = [], [], []
    with service(here) as ask:
        for number, step in enumerate((*STEPS, VERDICT)):
            for when in (TORN if number % 2 else BEFORE, AFTER):
                ended.append(here.monitor(hook=both(plainly, at_line(step, die, when))).code)
                serving.append(told(here.serves))
                answers.append(ask())
        last = here.monitor(hook=plainly)
        answers.append(ask(told(here.serves)))
    return {"codes": ended, "serving": serving, "answers": answers, "last": asdict(last), "state": told(here.state)}


def within(here: Firm) -> dict[str, Any]:
    """Killed between two calls: a report that is half made, a run that is half logged, a version without a name, an
    alias without a memory.
    """
    import mlflow.pyfunc  # noqa: PLC0415 (not before the parent has imported it)

    report = here.workspace.reports / "drift.html"
    report.parent.mkdir(exist_ok=True)
    report.write_text("the report before", encoding="utf-8")
    calls = ((drift, "stability"), (mlflow.pyfunc, "log_model"), (Registry, "_named"), (Registry, "_remember"))
    codes, serving = [], []
    for of, name in calls:
        codes.append(here.monitor(hook=both(plainly, at_call(of, name, die))).code)
        serving.append(told(here.serves))
        if name == "stability":
            kept = report.read_text(encoding="utf-8")
    last = here.monitor(hook=plainly)
    return {
        "codes": codes, "serving": serving, "last": asdict(last), "report": kept, "state": told(here.state),
        "reports": sorted(path.name for path in report.parent.iterdir() if path.is_file()),
    }  # fmt: skip


def full_disk(here: Firm) -> dict[str, Any]:
    """No room left in the store, for the report, the bundle, the registry, the journal, the verdict; then there is."""
    home = here.workspace.root
    shutil.rmtree(home)

    def copied(folder: Path) -> None:
        shutil.copytree(here.base / "kept", folder, dirs_exist_ok=True)

    ended, serving = {}, []
    with small_disk(home, 100, copied) as disk:
        for name, hook in _fills(disk).items():
            ended[name] = asdict(here.monitor(hook=both(plainly, hook)))
            disk.empty()
            serving.append(told(here.serves))
        last = here.monitor(hook=plainly)
        state = told(here.state)
    return {"mounted": disk.mounted, "ended": ended, "serving": serving, "last": asdict(last), "state": state}


def _fills(disk: Disk) -> dict[str, Hook]:
    """When the disk is full, by what cannot be written then."""
    return {
        "store": lambda: disk.fill(0),
        "report": at_call(drift, "stability", lambda: disk.fill(0)),
        "bundle": at_call(Bundle, "save", lambda: disk.fill(20_000)),
        "registry": at_call(Registry, "register", lambda: disk.fill(20_000)),
        "journal": at_line(VERDICT, lambda: disk.fill(0)),
        "verdict": at_line(VERDICT, lambda: disk.fill(0), AFTER),
    }


def damage(here: Firm, version: str, *, served: bool = False) -> None:
    """Spoil the registry's copy of a version; `served` the one laid down for serving too."""
    for manifest in here.workspace.artifacts.glob(f"**/bundle/{MANIFEST}"):
        if json.loads(manifest.read_text(encoding="utf-8"))["version"] == version:
            (manifest.parent / "conversion.txt").write_text("tree\n", encoding="utf-8")
    if served:
        (here.workspace.root / "champion" / version / "conversion.txt").write_text("tree\n", encoding="utf-8")


def unloadable(here: Firm) -> dict[str, Any]:
    """The challenger's files are damaged after it was registered, before it is to serve."""

    def spoil() -> None:
        [one] = [one for one in Registry(here.workspace).versions() if CHALLENGER in one.aliases]
        damage(here, one.version)

    last = here.monitor(hook=both(plainly, at_line("registered", spoil, AFTER)))
    serving = told(here.serves)
    again = here.monitor(hook=plainly)
    return {"last": asdict(last), "again": asdict(again), "serving": serving, "state": told(here.state)}


def unreachable(here: Firm) -> dict[str, Any]:
    """The registry is a server that is not there, or one that takes every call and answers none."""

    def away(address: str) -> Ended:
        def hook() -> None:
            # its waits, and the times it asks again, are not what is tested
            os.environ |= {"VERAISON_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
            os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"}

        return here.monitor(hook=hook)

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(20)
        hangs = away(f"http://127.0.0.1:{silent.getsockname()[1]}")
    return {"refused": asdict(away("http://127.0.0.1:9")), "hangs": asdict(hangs), "serving": told(here.serves)}


def back(here: Firm) -> dict[str, Any]:
    """A promoted model of which one copy is damaged is mended; where both are its predecessor serves again."""
    first = told(here.serves)
    here.monitor(hook=plainly)
    promoted = told(here.serves)
    damage(here, promoted)
    mended = here.monitor(at=NOW + 1, hook=plainly)
    whole = told(lambda: Registry(here.workspace).load(2).version)
    kept = told(here.serves)
    damage(here, promoted, served=True)
    killed = here.monitor(at=NOW + 2, hook=both(plainly, at_call(Registry, "_remember", die))).code
    last = here.monitor(at=NOW + 2, hook=plainly)
    return {
        "first": first, "promoted": promoted, "mended": asdict(mended), "whole": whole, "kept": kept, "killed": killed,
        "last": asdict(last), "serving": told(here.serves), "state": told(here.state),
    }  # fmt: skip


@contextmanager
def service(here: Firm) -> Iterator[Callable[..., str]]:
    """The real service beside all that, and how to ask it for a score: the version that made it."""

    def key() -> str:
        with Store(here.workspace.store_url, ("email",)) as store:
            return keys.create(store, "faults", ["read"], now=1)

    headers = {"Authorization": f"Bearer {told(key)}", "Content-Type": "application/json"}
    port = free_port()
    process = start(here.workspace, port)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "answers at" in line:
                break
        body = json.dumps({"lead_ids": ["L00001"], "details": False}).encode()

        def ask(expected: str | None = None, patience: float = 20) -> str:
            """`expected`: wait until it has noticed this model."""
            until = time.monotonic() + patience
            while True:
                request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/score", body, headers)
                with urllib.request.urlopen(request, timeout=30) as answer:
                    version = str(json.load(answer)["model_version"])
                if expected in (None, version) or time.monotonic() > until:
                    return version
                time.sleep(0.2)

        yield ask
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


SCENARIOS = (
    every_step, within, full_disk, unloadable, unreachable, back, watching.stopped, watching.on_sqlite,
    watching.on_postgres,
)  # fmt: skip

if __name__ == "__main__":
    # before the first fork: seconds that every child would spend on them
    import mlflow.pyfunc
    import mlflow.store.artifact.local_artifact_repo
    import mlflow.store.artifact.models_artifact_repo
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    import numba.cpython.unicode  # noqa: F401
    from evidently import Report  # noqa: F401

    import monitoring.run  # noqa: F401
    import veraison.cli  # noqa: F401

    made = found(Path(sys.argv[1]))
    seen: dict[str, Any] = {"calm": {"last": asdict(made.monitor(hook=plainly)), "state": told(made.state)}}
    for scenario in SCENARIOS:
        if sys.argv[2:] and scenario.__name__ not in sys.argv[2:]:
            continue
        before = time.monotonic()
        seen[scenario.__name__] = scenario(made.anew())
        print(f"{scenario.__name__}: {time.monotonic() - before:.0f} s, CPU {sum(os.times()[2:4]):.0f} s so far")
    (made.base / "found.json").write_text(json.dumps(seen), encoding="utf-8")
