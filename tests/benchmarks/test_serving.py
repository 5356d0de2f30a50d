"""The benchmark of the service runs both servers, holds their answers together, and writes what the design says."""

import json

import pytest

from benchmarks import load, serving
from benchmarks.load import Answered
from benchmarks.measure import EngineFailedError


@pytest.mark.slow
def test_a_small_run_has_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serving, "RESULTS", tmp_path / "results" / "serving.json")
    assert serving.main(["--leads", "900", "--requests", "60", "--rounds", "1"]) == 0
    found = {(one["case"], one["metric"]): one for one in json.loads(serving.RESULTS.read_text())}
    assert [*found] == [
        ("score_by_id_c32", "cpu"), ("score_by_id_c32_details", "cpu"), ("score_at_100_per_s", "p50"),
        ("score_at_100_per_s", "p99"), ("score_bulk_1000", "leads_per_second_and_core"),
        ("ingest_100", "durable_events_per_second"),
    ]  # fmt: skip
    for one in found.values():
        assert [*one] == ["case", "metric", "unit", "ours", "peers", "ratio_to_best_peer"]
        assert one["ours"] > 0
    key = found["score_by_id_c32", "cpu"]
    assert key["unit"] == "ms"
    assert key["ratio_to_best_peer"] > 0
    assert [*key["peers"]] == ["starlette"]
    assert "at most 1.3 x" in capsys.readouterr().out


def test_an_answer_that_is_an_error_is_no_figure(monkeypatch):
    monkeypatch.setattr(serving, "send", lambda _: Answered(1.0, [0.1], {"200": 1, "429": 1}, "busy"))
    with pytest.raises(EngineFailedError, match="429"):
        serving.answered(load.Load(1, "/v1/score", "k", ["{}"], 1))


def test_quantiles_are_of_the_latencies_seen():
    seen = Answered(1.0, [number / 100 for number in range(100, 0, -1)], {"200": 100}, "")
    assert seen.quantile(0.5) == 0.51
    assert seen.quantile(0.99) == 1.0
