"""The benchmark of reasons runs, and writes what the design says."""

import json

from benchmarks import explain
from tests import market


def test_every_case_has_its_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(explain, "RESULTS", tmp_path / "results" / "explain.json")
    monkeypatch.setattr(explain, "_trained", lambda _: (market.bundle(), market.data()))
    monkeypatch.setattr(explain, "_ONE_ROW_TIMES", 2)
    assert explain.main(["--rows", "100", "--repeat", "1"]) == 0
    found = json.loads(explain.RESULTS.read_text())
    figures = {(one["case"], one["metric"]): one for one in found}
    assert len(figures) == len(found)
    for one in found:
        assert [*one] == ["case", "metric", "unit", "ours", "peers", "ratio_to_best_peer"]
        assert (one["ratio_to_best_peer"] is None) == (one["peers"] == {})
    for case in ("explain_served", "explain_31_leaves", "curve"):
        assert {*figures[case + "_batch", "cpu_per_row"]["peers"]} == {"lightgbm"}
        assert figures[case, "largest_difference"]["ours"] < 1e-10
    assert figures["scores_with_reasons", "leads_per_second_and_core"]["ours"] > 0


def test_rows_are_drawn_from_those_of_training_and_stay_of_their_kind():
    data = market.data()
    rows = explain._drawn(data, 500)
    assert rows.shape == (500, data.features.shape[1])
    categories = data.feature_set.categorical
    assert {*rows[:, categories][rows[:, categories] == rows[:, categories]]} <= {*data.features[:, categories].ravel()}
