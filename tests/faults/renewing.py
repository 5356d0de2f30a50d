"""A small firm whose model is renewed by processes that are killed, one after the other; run by test_renewal_killed.

The parent does nothing else than to fork (threads of its own, such as Polars', would not live on in its children, and
whoever waits for them waits for ever): each child is a process of its own, killed
with SIGKILL, without a chance to put anything in order. What the children share is the disk alone.
"""

import json
import os
import pickle
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog
from data.simulator import simulate
from data.simulator.market import START
from data.store import Store
from monitoring import guard, loop, performance
from monitoring.journal import JOURNAL, Journal
from monitoring.policy import Cause
from monitoring.progress import Work, renewals
from monitoring.report import Verdict, write
from tests.histories import ingest
from training.bundle import Bundle
from training.fit import fit, training_set
from training.landmarks import landmarks
from training.registry import CHALLENGER, CHAMPION, Registry
from veraison.errors import VeraisonError
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

LEARNED, NOW = 120, 240
STEPS = ("started", "window", "trained", "judged", "registered", "beside", "shadow", "settled")


@dataclass
class Firm:
    folder: Path
    log: EventLog
    book: Playbook
    uri: str | None = None

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder, tracking_uri_override=self.uri)

    def anew(self) -> "Firm":
        """The firm as it was kept, in its own place: MLflow writes down where its artefacts lie."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.folder.with_name("kept"), self.folder)
        return self

    def serves(self) -> str:
        """What a service would load now; ModelError where it could load nothing."""
        home = self.folder / "champion"
        return Bundle.load(home / (home / "CURRENT").read_text(encoding="utf-8").strip()).version

    def work(self, go_on: Callable[[str], None] = lambda _: None) -> Work:
        reports = self.workspace.reports
        return Work(self.log, Registry(self.workspace), self.book, reports, Journal(reports / JOURNAL), go_on=go_on)

    def run(self, go_on: Callable[[str], None] = lambda _: None, *, later: int = 0) -> Verdict:
        """One run of the loop on a cause that is given: what drift is, other tests say."""
        as_of = START + (NOW + later) * MICROS_PER_DAY
        work = self.work(go_on)
        back = guard.keep_serving(work, as_of)
        registered = work.registry.aliased(CHAMPION)
        assert registered is not None
        champion = work.registry.load(registered.number)
        snapshot = START + LEARNED * MICROS_PER_DAY
        pairs = landmarks(self.log, self.book, before=as_of)
        new = performance.matured(self.log, self.book, pairs, born_after=snapshot, at=as_of)
        causes = [Cause("score", "probability", True, {"psi": 0.5, "moved": 3.0})]
        done = loop.act(
            work, champion, loop.Seen(causes, 1_000, new, snapshot, lambda _: frozenset(), back), as_of=as_of
        )
        verdict = Verdict(
            done.decision, causes, isoformat(as_of), done.champion, done.challenger, done.promoted,
            performance={}, drift={}, data={}, gate=done.gate, message=done.reason, action=done.action,
            renewal=done.renewal, window=done.window, shadow=done.shadow, guard=done.guard,
        )  # fmt: skip
        write(verdict, self.workspace.reports)
        return verdict

    def state(self) -> dict[str, Any]:
        """What came of everything: of the registry, of the disk, of the journal."""
        registry, read = Registry(self.workspace), Journal(self.workspace.reports / JOURNAL).read()
        return {
            "serves": self.serves(),
            "champions": registry.champions(),
            "versions": [[one.number, one.version, sorted(one.aliases)] for one in registry.versions()],
            "steps": renewals(read)[-1].steps if read.steps else {},
            "verdicts": [[one.decision, one.challenger, one.promoted, one.action] for one in read.verdicts],
            "bytes": {
                path.name: path.read_text(encoding="utf-8")
                for path in sorted((self.folder / "champion" / self.serves()).glob("*.txt"))
            },
        }


def firm(folder: Path) -> Firm:
    """The market, and a workspace with its first champion."""
    made = simulate(folder / "market.ndjson", leads=1_800, days=NOW + 20, seed=101)
    book = load_playbook(made.playbook_path)
    small = {
        "journey": {**book.journey.model_dump(), "ready": (), "returned": ()},
        "horizons": {"days": (30,), "primary": 30},
        "features": {**book.features.model_dump(), "windows_days": (30,), "traits": {"source": "category"}},
        "training": {**book.training.model_dump(), "landmark_days": (0, 7, 30), "model": {"rounds": 30}},
        "monitoring": {**book.monitoring.model_dump(), "gate_margin": 1.0, "gate_ece": 1.0},
    }
    book = Playbook.model_validate(book.model_dump() | small)
    with Store("sqlite://", book.identity.keys) as store:
        ingest(store, made.events_path)
        log = store.scan()
    return Firm(folder / "workspace", log, book)


def child(work: Callable[[], object]) -> tuple[int, Any]:
    """Do something in a process of its own: how it ended (its code, or minus the signal), and what it said."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        said: Any = None
        try:
            said = work()
        except VeraisonError as problem:
            said = {"error": str(problem), "kind": type(problem).__name__}
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(said))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code, json.loads(said) if said else None


def serves(here: Firm) -> str:
    """What a service would load now; looked up in a child, as the parent must start no threads before it forks."""
    code, version = child(here.serves)
    assert code == 0, version
    return str(version)


def train(here: Firm) -> str:
    before = START + LEARNED * MICROS_PER_DAY
    bundle = fit(training_set(here.log, here.book, before=before), here.book, before=before, threads=1)
    return Registry(here.workspace).register(bundle, alias=CHAMPION).version


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_writing(here: Firm, step: str, *, torn: bool) -> Callable[[], object]:
    """A run that dies when the step is done and its line is to be written: nothing of the line, or half of it."""

    def work() -> object:
        add = Journal.add

        def adding(journal: Journal, line: dict[str, Any]) -> None:
            if line.get("step", "verdict") != step:
                add(journal, line)
                return
            if torn:
                with (here.workspace.reports / JOURNAL).open("ab") as file:
                    file.write(json.dumps(line).encode()[:40])
            die()

        Journal.add = adding  # type: ignore[method-assign]
        here.run()
        return "was not killed"

    return work


def dies_within(here: Firm, name: str, later: int = 0) -> Callable[[], object]:
    """A run that dies in the middle of what the registry does: at the call of one of its steps."""

    def work() -> object:
        setattr(Registry, name, die)
        here.run(later=later)
        return "was not killed"

    return work


def every_step(here: Firm) -> dict[str, Any]:
    """Killed at each step in turn, when its work is done and not written down; then a run that is left in peace."""
    codes, serving = [], []
    for number, step in enumerate((*STEPS, "verdict")):
        codes.append(child(dies_writing(here, step, torn=bool(number % 2)))[0])
        serving.append(serves(here))
    code, verdict = child(lambda: here.run().to_dict())
    return {"codes": codes, "serving": serving, "code": code, "verdict": verdict, "state": child(here.state)[1]}


def within_the_registry(here: Firm) -> dict[str, Any]:
    """Killed between two calls to the registry: a version without a name, an alias without a memory."""
    codes, serving = [], []
    for name in ("_named", "_remember"):
        codes.append(child(dies_within(here, name))[0])
        serving.append(serves(here))
    code, verdict = child(lambda: here.run().to_dict())
    return {"codes": codes, "serving": serving, "code": code, "verdict": verdict, "state": child(here.state)[1]}


def full_disk(here: Firm) -> dict[str, Any]:
    """No file may grow beyond a few kilobytes, then there is room again."""

    def work() -> object:
        registry_file = here.workspace.tracking.stat().st_size

        def small(step: str) -> None:
            if step == "trained":
                resource.setrlimit(resource.RLIMIT_FSIZE, (min(20_000, registry_file), resource.RLIM_INFINITY))

        try:
            here.run(small)
        except OSError as problem:
            return {"error": str(problem), "kind": "OSError"}
        return "was not stopped"

    code, said = child(work)
    serving = serves(here)
    again, verdict = child(lambda: here.run().to_dict())
    return {
        "codes": [code],
        "said": said,
        "serving": [serving],
        "code": again,
        "verdict": verdict,
        "state": child(here.state)[1],
    }


def unloadable(here: Firm) -> dict[str, Any]:
    """The challenger's files are damaged after it was registered, before it is to serve."""

    def work() -> object:
        def damage(step: str) -> None:
            if step == "shadow":
                [one] = [one for one in Registry(here.workspace).versions() if CHALLENGER in one.aliases]
                for path in here.workspace.artifacts.glob("**/bundle/conversion.txt"):
                    if json.loads((path.parent / "manifest.json").read_text())["version"] == one.version:
                        path.write_text("tree\n")

        return here.run(damage).to_dict()

    code, verdict = child(work)
    return {"code": code, "verdict": verdict, "serving": [serves(here)], "state": child(here.state)[1]}


def unreachable(here: Firm) -> dict[str, Any]:
    """The registry is a server that is not there."""
    away = replace(here, uri="http://127.0.0.1:9")
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"  # its waits between tries are not what is tested
    code, said = child(lambda: away.run().to_dict())
    return {"code": code, "said": said, "serving": [serves(here)]}


def back(here: Firm) -> dict[str, Any]:
    """A promoted model is damaged: its predecessor serves again, also where the way back is killed in the middle."""
    first = serves(here)
    child(lambda: here.run().to_dict())
    promoted = serves(here)
    for path in here.workspace.artifacts.glob("**/bundle/conversion.txt"):
        if json.loads((path.parent / "manifest.json").read_text())["version"] == promoted:
            path.write_text("tree\n")
    killed, _ = child(dies_within(here, "_remember", later=1))
    code, verdict = child(lambda: here.run(later=1).to_dict())
    return {
        "first": first, "promoted": promoted, "codes": [killed], "code": code, "verdict": verdict,
        "serving": [serves(here)], "state": child(here.state)[1],
    }  # fmt: skip


SCENARIOS = (every_step, within_the_registry, full_disk, unloadable, unreachable, back)

if __name__ == "__main__":
    import mlflow.pyfunc  # noqa: F401 (before the first fork: seconds that every child would spend on it)

    base = Path(sys.argv[1])

    def begin() -> None:
        with (base / "firm.pickle").open("wb") as file:
            pickle.dump(firm(base), file)

    assert child(begin)[0] == 0
    with (base / "firm.pickle").open("rb") as file:
        start: Firm = pickle.load(file)
    code, trained = child(lambda: train(start))
    assert isinstance(trained, str), (code, trained)
    found: dict[str, Any] = {}
    shutil.copytree(start.folder, start.folder.with_name("kept"))
    calm = start.anew()
    found["calm"] = {"verdict": child(lambda: calm.run().to_dict())[1], "state": child(calm.state)[1]}
    for scenario in SCENARIOS:
        if sys.argv[2:] and scenario.__name__ not in sys.argv[2:]:
            continue
        found[scenario.__name__] = scenario(start.anew())
    (base / "found.json").write_text(json.dumps(found), encoding="utf-8")
