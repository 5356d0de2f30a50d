"""The benchmark of training runs the real command, and writes what the design says."""

import json

import pytest

from benchmarks import train
from benchmarks.measure import EngineFailedError


def test_a_small_market_has_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "RESULTS", tmp_path / "results" / "train.json")
    assert train.main(["--leads", "900"]) == 0
    found = json.loads(train.RESULTS.read_text())
    assert [(one["case"], one["metric"], one["unit"]) for one in found] == [
        ("train", "wall", "s"), ("train", "cpu", "s"), ("train", "peak", "MB"),
    ]  # fmt: skip
    for one in found:
        assert [*one] == ["case", "metric", "unit", "ours", "peers", "ratio_to_best_peer"]
        assert one["ours"] > 0
    assert found[2]["ours"] > 100
    assert "registering the model" in capsys.readouterr().out


def test_a_training_that_fails_is_no_figure(tmp_path):
    with pytest.raises(EngineFailedError, match="ended with 1: error: "):
        train.trained(tmp_path)
