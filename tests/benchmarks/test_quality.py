"""The benchmark of survival curves: its rule, its measures on known answers, and its verdicts."""

import doctest

import numpy as np
import pytest

from benchmarks import quality, survival_sets
from benchmarks.features import Result
from benchmarks.survival_models import COX, FOREST, MODELS, OURS
from benchmarks.survival_sets import SurvivalSet
from training.landmarks import Outcomes


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(quality).failed == 0


def test_ten_sets_are_chosen_by_size_and_learning_never_sees_them():
    names = survival_sets.chosen()
    sizes = [len(survival_sets.load(name).event) for name in names]
    assert len(names) == 10
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= 10_000
    assert not set(names) & set(survival_sets.others())


def test_what_became_of_people_is_no_feature():
    """The chapter of the cause of death tells the dead from the living: alone it would rank them perfectly."""
    data = survival_sets.load("flchain")
    for column in data.categorical:
        shares = [data.event[data.features[:, column] == code].mean() for code in np.unique(data.features[:, column])]
        assert 0 < min(shares) < 1, column


@pytest.fixture(scope="module")
def known():
    """An exponential market of one number, and its true curves."""
    rng = np.random.default_rng(0)
    risk = rng.normal(size=(1_500, 1))
    life, end = rng.exponential(100 / np.exp(risk[:, 0])), rng.uniform(20, 300, 1_500)
    return SurvivalSet("known", risk, [], np.minimum(life, end), life <= end)


class Truth:
    """Knows the market."""

    @staticmethod
    def fit(features, outcomes, horizons, categorical):
        return Truth()

    def survival(self, features, times):
        return np.exp(-np.exp(features) * times[None, :] / 100)


def test_the_truth_is_better_than_any_model_and_every_model_than_no_model(known, monkeypatch):
    monkeypatch.setitem(MODELS, "truth", Truth)
    train, test = next(quality.deal(known, 1))
    found = {name: quality.judge(known, name, 0, train, test) for name in ("truth", OURS, COX, "Kaplan-Meier")}
    assert found["truth"].integrated_brier < min(found[OURS].integrated_brier, found[COX].integrated_brier) + 0.002
    assert found["Kaplan-Meier"].harrell_c == found["Kaplan-Meier"].uno_c == 0.5
    for name in (OURS, COX):
        assert found[name].integrated_brier < 0.95 * found["Kaplan-Meier"].integrated_brier
        assert found[name].harrell_c > 0.6


def test_without_censoring_the_score_is_the_mean_squared_error(known):
    everyone = SurvivalSet("seen", known.features, [], known.duration, np.ones_like(known.event))
    train, test = next(quality.deal(everyone, 1))
    times = np.linspace(5, 100, 20)
    left = Truth().survival(everyone.features[test], times)
    open_ = everyone.duration[test][:, None] > times
    squared = ((left - open_) ** 2).mean(axis=0)
    expected = np.trapezoid(squared, times) / (times[-1] - times[0])
    assert quality._worth(everyone, train, test, times, left)[0] == pytest.approx(expected, rel=1e-6)


def test_a_missed_bar_is_told():
    wins = dict.fromkeys(quality.BARS, 10.0) | {COX: 6.0}
    lines = [Result("all", "wins", "sets", None, wins), Result("all", "fit_cpu_share", "ratio", None, {FOREST: 0.3})]
    told = quality.bars(lines, 10)
    assert len(told) == 2
    assert "better than Cox on 6 of 10 sets, 7 of 10" in told[0]
    assert "0.30 of the forest" in told[1]


def test_figures_of_an_earlier_run_are_taken(known, monkeypatch, tmp_path):
    monkeypatch.setattr(quality, "load", lambda name: known)
    keep = tmp_path / "kept.jsonl"
    first = list(quality.measured(("known",), ["Kaplan-Meier"], 1, keep))
    monkeypatch.setattr(quality, "judge", lambda *_: pytest.fail("fitted again"))
    assert list(quality.measured(("known",), ["Kaplan-Meier"], 1, keep)) == first


def test_everybody_enters_at_once(known):
    outcomes: Outcomes = known.outcomes
    assert (outcomes.entry == 0).all()
    np.testing.assert_array_equal(outcomes.followed, known.duration)
