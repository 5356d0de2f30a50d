"""The benchmark of a run of monitoring: a small market has its figures, and its log holds what was asked for."""

import json

import pytest

from benchmarks import scored
from data import scorelog
from data.store import Store
from veraison.settings import Workspace

pytestmark = [  # MLflow's own: at its import, at each model, at each look into its tables
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


def test_a_small_market_has_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scored, "RESULTS", tmp_path / "results" / "scored.json")
    workspace = tmp_path / "workspace"
    asked = ["--leads", "9000", "--scores", "3000", "--workspace", str(workspace)]
    assert scored.main(asked) == 0
    found = json.loads(scored.RESULTS.read_text())
    assert [(one["case"], one["metric"], one["unit"]) for one in found] == [
        ("monitor", "wall", "s"), ("monitor", "cpu", "s"), ("monitor", "peak", "MB"),
    ]  # fmt: skip
    assert found[2]["ours"] > 100
    assert "measuring the champion where outcomes have matured" in capsys.readouterr().out
    with Store(Workspace(workspace).store_url) as store:
        assert scorelog.count(store) >= 3_000
        ids = set(store.scan().leads)
        assert {one.lead_id for one in scorelog.read(store)} <= ids
    assert sum("~" not in one for one in ids) * scored.COPIES == len(ids)
