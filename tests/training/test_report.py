"""The report of a look back: one page that needs nothing else, every figure beside it as JSON."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from tests import market
from tests.histories import at
from training import backtest as backtests
from training.backtest import backtest
from training.evaluate import OURS
from training.peers import PEERS
from training.report import folder_name, record, write_report
from training.resampling import interval
from veraison.errors import TrainingError
from veraison.playbook import Horizons

ORIGINS, BEFORE = (at(70), at(90)), at(150)
BOOK = market.BOOK.model_copy(update={"horizons": Horizons(days=(7, 30), primary=30)})
ASKED = ("base rate", "Kaplan-Meier", "logistic regression", "Cox")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(told):
    return backtest(
        market.log(), BOOK, before=BEFORE, origins=ORIGINS, peers=ASKED, threads=1, draws=30, say=told.append
    )


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / folder_name(found)
    write_report(found, folder)
    return folder


def test_it_says_what_it_is_doing(found, told):
    assert told[0] == "fold 1 of 2: training on what was known before 2026-03-12T00:00:00Z"
    assert "fold 2 of 2: Cox learns" in told
    assert [fold.origin for fold in found.folds] == sorted(ORIGINS)


def test_every_model_is_measured_on_every_fold_horizon_and_day(found):
    for fold in found.folds:
        for frame, days in ((found.figures, {None}), (found.by_day, {*fold.pairs.day.tolist()})):
            here = frame.filter((pl.col("horizon") > 0) & (pl.col("origin").dt.epoch("us") == fold.origin))
            assert {*here["landmark_day"]} == days
            assert len(here) == len(days) * 5 * 2 * 8  # models, horizons, measures
            assert here.select("model", "horizon", "landmark_day", "metric").is_unique().all()
    assert {"integrated_brier", "concordance", "timing_error_to_constant", "interval_coverage"} <= set(
        found.figures.filter(model=OURS, horizon=0)["metric"]
    )
    assert set(found.figures.filter(metric="integrated_brier")["model"]) == {OURS, "Kaplan-Meier", "Cox"}
    skill = found.figures.filter(metric="brier_skill", model="base rate")
    assert skill["value"].to_list() == [0.0] * 4


def test_rows_of_days_are_the_rows_of_all_days(found):
    by_day = found.by_day.filter(model=OURS, horizon=30, metric="brier")
    pooled = found.figures.filter(model=OURS, horizon=30, metric="brier")
    assert by_day["pairs"].sum() == pooled["pairs"].sum()
    total = (by_day["value"] * by_day["pairs"]).sum()
    assert total == pytest.approx((pooled["value"] * pooled["pairs"]).sum())


def test_the_curve_that_is_judged_is_the_one_that_is_served(found):
    for fold in found.folds:
        at_end = 1 - fold.curves[OURS][:, -1]
        assert fold.times[-1] == 30
        assert at_end == pytest.approx(fold.probability[OURS][:, -1], abs=1e-9)


def test_every_way_to_end_is_told_beside_what_was_predicted(found, folder):
    assert len(found.incidence) == 2 * 2 * 3  # folds, horizons, ways to end
    for fold in found.folds:
        here = found.incidence.filter(pl.col("origin").dt.epoch("us") == fold.origin)
        won = here.filter(cause="converted")
        assert won["predicted"].to_list() == pytest.approx(fold.probability[OURS].mean(axis=0))
        assert here.filter(pl.col("cause") != "converted")["predicted"].is_null().all()
        # every judged row was followed to the end, so nothing is censored; a win after opting out came too late
        seen = np.array([fold.outcomes.within(days).mean() for days in fold.horizons])
        assert (won["observed"].to_numpy() <= seen + 1e-12).all()
        assert won["observed"].to_numpy() == pytest.approx(seen, abs=0.01)
        assert here["before"].is_between(0, 1).all()
        lost = here.filter(cause="lost").sort("horizon")
        assert 0 < lost["observed"][0] < lost["observed"][1] < 1
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "How leads end" in text
    for row in found.incidence.iter_rows(named=True):
        assert f"{row['observed']:.1%}<br><small>before: {row['before']:.1%}" in text


def test_a_comparison_is_the_difference_of_the_figures(found):
    row = found.comparison.row(by_predicate=(pl.col("peer") == "Cox") & (pl.col("horizon") == 30)
                               & (pl.col("metric") == "auc"), named=True)  # fmt: skip
    auc = found.figures.filter(metric="auc", horizon=30)
    mean = {name: auc.filter(model=name)["value"].mean() for name in (OURS, "Cox")}
    assert row["difference"] == pytest.approx(mean[OURS] - mean["Cox"])
    assert row["low"] <= row["difference"] <= row["high"]
    assert len(found.comparison) == len(ASKED) * 2 * 2


def test_the_json_holds_every_figure(found, folder):
    written = json.loads((folder / "backtest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(record(found)))
    assert len(written["figures"]) == len(found.figures)
    assert len(written["by_landmark_day"]) == len(found.by_day)
    assert len(written["comparison"]) == len(found.comparison)
    assert len(written["slices"]) == len(found.slices)
    assert len(written["incidence"]) == len(found.incidence)
    assert written["origins"] == ["2026-03-12T00:00:00Z", "2026-04-01T00:00:00Z"]


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]


def test_the_page_needs_nothing_beside_it(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.tags.count("svg") == 5
    assert not {"script", "link", "img", "iframe"} & {*page.tags}
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"url\((?!#|&quot;#)", text)
    for words in ("ROC", "Reliability", "Lift", "Calibration in time", "Survival curves by decile", "Holm", "Cox"):
        assert words in text


def test_names_that_firms_gave_are_text(found, tmp_path):
    spoilt = found.slices.with_columns(group=pl.lit("<script>alert(1)</script>"))
    found = replace(found)
    found.__dict__["slices"] = spoilt  # where a cached property keeps what it found
    text = write_report(found, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_peers_whose_library_is_absent_are_named_once(monkeypatch):
    monkeypatch.setattr(backtests, "missing_library", lambda peer: peer.library or None)
    there, notes = backtests.installed(tuple(PEERS))
    assert there == ["base rate", "Kaplan-Meier", "logistic regression", "naive Bayes"]
    assert notes == [
        "left out, their libraries are not installed: Cox, random survival forest, gradient-boosted survival, "
        "XGBoost Cox, XGBoost AFT; get them with: pip install 'veraison[peers]'"
    ]


def test_a_figure_without_draws_has_no_interval():
    value, low, high = interval(np.array([0.5]))
    assert value == 0.5
    assert np.isnan([low, high]).all()


def test_a_short_history_is_refused():
    with pytest.raises(TrainingError, match="history is too short to look back"):
        backtest(market.log(), BOOK, before=at(35), threads=1)
