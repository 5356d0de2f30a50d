"""Whole runs on simulated markets: calm stays calm; a renamed event is found, learned anew, and then all is calm."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.events import MICROS_PER_DAY
from data.log import EventLog
from data.record import Done, Record, banded
from data.simulator import simulate
from data.simulator.market import START
from data.store import Store
from monitoring import retraining
from monitoring.journal import Journal
from monitoring.report import Verdict
from monitoring.run import monitor
from tests.histories import ingest
from training.bundle import Bundle
from training.fit import TrainingSet, fit, training_set
from training.registry import CHALLENGER, CHAMPION, Registry
from veraison.errors import ModelError
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

pytestmark = [  # MLflow's own: at its import, at each model, at each look into its tables
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


def day(number: int) -> int:
    return START + number * MICROS_PER_DAY


@dataclass
class Firm:
    """A simulated market in memory, with a workspace of its own."""

    workspace: Workspace
    playbook: Playbook
    log: EventLog
    registry: Registry

    def train(self, at: int) -> str:
        """Make the champion of that day."""
        data = training_set(self.log, self.playbook, before=day(at))
        bundle = fit(data, self.playbook, before=day(at), threads=1)
        return self.registry.register(bundle, alias=CHAMPION).version

    def monitor(self, at: int) -> Verdict:
        """One run, as of that day."""
        return monitor(
            self.log, self.registry, self.playbook, self.workspace.reports, as_of=day(at), record=self.served_scores,
            threads=1,
        )  # fmt: skip

    def served_scores(self, log: EventLog) -> Record:
        """The record of one score, of the first lead."""
        assert log is self.log
        one = np.array([0.5])
        won = done = np.array([True])
        return banded(np.array([0]), np.array([day(3)]), 50 * one, one, won, 30, Done(done, one * np.nan, ~done))

    @property
    def served(self) -> str:
        return (self.workspace.root / "champion" / "CURRENT").read_text(encoding="utf-8").strip()

    @property
    def journal(self) -> list[dict[str, object]]:
        return [one.document for one in Journal(self.workspace.reports / "monitor.log.jsonl").read().verdicts]


def firm(folder: Path, **market: object) -> Firm:
    """A market with fewer features and horizons than the simulator's own playbook names, to learn it in seconds."""
    made = simulate(folder / "market.ndjson", **market)  # type: ignore[arg-type]
    book = load_playbook(made.playbook_path)
    small = {
        "journey": {**book.journey.model_dump(), "ready": (), "returned": ()},
        "horizons": {"days": (7, 30), "primary": 30},
        "features": {**book.features.model_dump(), "windows_days": (30,), "traits": {"source": "category"}},
        "training": {**book.training.model_dump(), "landmark_days": (0, 3, 7, 14, 30)},
    }
    book = Playbook.model_validate(book.model_dump() | small)
    with Store("sqlite://", book.identity.keys) as store:
        ingest(store, made.events_path)
        log = store.scan()
    workspace = Workspace(folder / "workspace")
    return Firm(workspace, book, log, Registry(workspace))


def clumsily(data: TrainingSet, playbook: Playbook, **others: Any) -> Bundle:
    """A training that mixes up whose outcome is whose."""
    mixed = np.random.default_rng(1).permutation(len(data.pairs))
    return fit(replace(data, outcomes=data.outcomes[mixed]), playbook, **others)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [21, 22])
def test_a_market_that_goes_on_as_before_needs_no_new_model(seed: int, tmp_path: Path):
    calm = firm(tmp_path, leads=900, days=260, seed=seed)
    champion = calm.train(180)
    verdict = calm.monitor(260)
    assert (verdict.decision, verdict.reason_code) == ("none", "calm"), verdict.message
    assert [cause for cause in verdict.causes if cause.acts] == []
    assert (verdict.champion, verdict.challenger, verdict.promoted) == (champion, None, False)
    assert verdict.selection is not None
    assert (verdict.selection["worked"]["leads"], verdict.selection["not_worked"]["leads"]) == (1, 0)
    assert calm.journal[-1]["selection"] == verdict.selection
    assert verdict.drift["enough"]
    assert verdict.data["bots"]["value"] <= verdict.data["bots"]["high"]
    assert verdict.performance["newest"]["pairs"] > 100
    assert calm.served == champion


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    """Quotes are asked for under another name from day 100 on; the champion was trained that day."""
    made = firm(
        tmp_path_factory.mktemp("renamed"), leads=2_400, days=240, seed=23, drift="rename", drift_day=100, steady=True
    )
    made.train(100)
    return made


@pytest.mark.slow
def test_a_renamed_event_is_held_learned_anew_and_then_calm(renamed: Firm):
    """One story, as each step rests on the one before."""
    first = renamed.served
    early = renamed.monitor(130)
    assert (early.decision, early.reason_code) == ("hold", "too_few_conversions_to_judge")
    assert {(cause.kind, cause.name) for cause in early.causes if cause.acts} == {
        ("event_silent", "Quote Requested"),
        ("event_new", "Quote Form Sent"),
    }
    assert "have converted" in early.message
    assert renamed.served == first

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retraining, "fit", clumsily)
        refused = renamed.monitor(240)
    assert refused.decision == "retrain"
    assert refused.gate is not None
    assert not refused.gate["passed"]
    assert "the champion stays" in refused.message
    assert (refused.promoted, renamed.served) == (False, first)
    waiting = renamed.registry.aliased(CHALLENGER)
    assert waiting is not None
    assert waiting.version == refused.challenger

    late = renamed.monitor(240)
    assert late.decision == "retrain"
    assert {"Quote Requested", "Quote Form Sent"} <= {cause.name for cause in late.causes}
    assert late.promoted
    assert late.champion == first
    assert late.challenger == renamed.served
    champion = renamed.registry.aliased(CHAMPION)
    assert champion is not None
    assert champion.version == late.challenger
    old, new = renamed.registry.load(1), renamed.registry.load(champion.number)
    assert "Quote Form Sent" in new.feature_set.kinds
    assert new.base_odds == old.base_odds
    assert late.renewal is not None
    record = renamed.workspace.reports / "renewal" / late.renewal / "report" / "gate.json"
    assert json.loads(record.read_text(encoding="utf-8"))["gate"] == late.gate

    calm = renamed.monitor(240)
    assert calm.decision == "none", calm.message
    assert set(calm.performance["promised"]) == {"log_loss", "auc", "ece"}
    assert calm.champion == renamed.served == late.challenger
    again = renamed.monitor(240)
    assert again.to_json() == calm.to_json()

    assert [line["decision"] for line in renamed.journal] == ["hold", "retrain", "retrain", "none", "none"]
    kept = json.loads((renamed.workspace.reports / "monitor.json").read_text(encoding="utf-8"))
    assert kept == again.to_dict()
    assert (renamed.workspace.reports / "drift.html").stat().st_size > 100_000


def test_without_a_champion_there_is_nothing_to_watch(renamed: Firm, tmp_path: Path):
    with pytest.raises(ModelError, match="no model yet; train one with: veraison train"):
        monitor(renamed.log, Registry(Workspace(tmp_path)), renamed.playbook, tmp_path, as_of=day(200))


def test_a_moment_before_the_champion_learned_and_a_horizon_it_does_not_know_are_mistakes(renamed: Firm):
    with pytest.raises(ModelError, match="is earlier"):
        renamed.monitor(99)
    other = renamed.playbook.model_validate(
        renamed.playbook.model_dump() | {"horizons": {"days": (45,), "primary": 45}}
    )
    with pytest.raises(ModelError, match="primary horizon is 45 days"):
        monitor(renamed.log, renamed.registry, other, renamed.workspace.reports, as_of=day(200))


@pytest.mark.slow
def test_the_last_line_of_the_command_is_the_verdict(trained_workspace: Path, tmp_path: Path):
    workspace = tmp_path / "workspace"
    shutil.copytree(trained_workspace, workspace)
    serving = (workspace / "champion" / "CURRENT").read_bytes()
    words = ["monitor", "--workspace", str(workspace)]
    run = subprocess.run(
        [sys.executable, "-c", "from veraison.cli import main; main()", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    verdict = json.loads(run.stdout.splitlines()[-1])
    assert verdict == json.loads((workspace / "reports" / "monitor.json").read_text(encoding="utf-8"))
    assert verdict["decision"] == "none"
    assert "none" in run.stderr
    assert (workspace / "champion" / "CURRENT").read_bytes() == serving
