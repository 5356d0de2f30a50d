"""Compiled trees say what LightGBM says, bit for bit, of whatever rows."""

import doctest

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import market
from tests.training import boosters
from training import forest
from training.forest import Curve, forest_of, predict
from training.hazard import middles
from veraison.errors import ModelError


def repeated(rows: np.ndarray, values: int, clocks: list[int] | None = None, passed=None) -> np.ndarray:
    """Each row once for each value of its last column, with which its clocks go on."""
    found = np.repeat(rows, values, axis=0)
    found[:, -1] = np.tile(np.arange(values), len(rows))
    if clocks:
        found[:, clocks] += np.tile(passed, len(rows))[:, None]
    return found


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(forest).failed == 0


@given(boosters.parameters, st.sampled_from([0.0, 0.1]))
def test_predictions_have_lightgbms_bits(asked, gaps):
    model = boosters.booster(gaps=gaps, **asked)
    rows = boosters.awkward_rows(model, asked["seed"])
    assert predict(forest_of(model), rows).tobytes() == boosters.raw(model, rows).tobytes()


@given(boosters.parameters)
def test_a_curve_is_the_predictions_of_its_bins(asked):
    model = boosters.booster(**asked)
    rows = boosters.awkward_rows(model, asked["seed"])
    theirs = boosters.raw(model, repeated(rows, boosters.BINS)).reshape(len(rows), boosters.BINS)
    assert Curve(forest_of(model), boosters.BINS)(rows[:, :-1]).tobytes() == theirs.tobytes()


@given(boosters.parameters, st.sets(st.sampled_from([0, 1, 4, 5]), min_size=1).map(sorted))
def test_clocks_go_on_from_bin_to_bin(asked, clocks):
    model = boosters.booster(**asked)
    rows = boosters.awkward_rows(model, asked["seed"])
    passed = np.cumsum(np.random.default_rng(asked["seed"]).exponential(0.3, boosters.BINS))
    theirs = boosters.raw(model, repeated(rows, boosters.BINS, clocks, passed)).reshape(len(rows), boosters.BINS)
    assert Curve(forest_of(model), boosters.BINS, clocks, passed)(rows[:, :-1]).tobytes() == theirs.tobytes()


@pytest.mark.parametrize("values", [1, 2, 63, 64, 65, 130])
def test_a_curve_may_have_any_number_of_bins(values):
    model = boosters.booster(num_leaves=31)
    rows, clocks, passed = boosters.training_rows(1, rows=20), [0, 1], np.linspace(0, 2, values)
    theirs = boosters.raw(model, repeated(rows, values, clocks, passed)).reshape(len(rows), values)
    assert Curve(forest_of(model), values, clocks, passed)(rows[:, :-1]).tobytes() == theirs.tobytes()


@pytest.mark.parametrize("decision", [0, 2, 4, 6, 8, 10])
def test_thresholds_next_to_zero_are_read_as_lightgbm_reads_them(decision):
    """It reads numbers within 1e-35 as zero before it compares: no threshold can part two of them."""
    rng = np.random.default_rng(decision)
    rows = rng.normal(size=(300, boosters.COLUMNS))
    model = lgb.train({"verbosity": -1, "num_leaves": 7}, lgb.Dataset(rows, rows.sum(axis=1)), 10)
    model = boosters.changed(model, "threshold", lambda _: rng.choice(boosters.AWKWARD[:11]))
    model = boosters.changed(model, "decision_type", lambda _: decision)
    asked = rng.choice(boosters.AWKWARD, size=(500, boosters.COLUMNS))
    assert predict(forest_of(model), asked).tobytes() == boosters.raw(model, asked).tobytes()


def test_a_bin_that_counts_as_missing_goes_where_missing_ones_go():
    """With zero_as_missing the first bin parts from its neighbours: the set of bins is no range."""
    model = boosters.booster(num_leaves=31, zero_as_missing=True)
    trees = forest_of(model)
    own = trees.splits[trees.splits["feature"] == boosters.COLUMNS - 1]
    assert (own["how"] == forest.BEYOND_ZERO).any()
    sets = forest.sets_of(trees, boosters.COLUMNS - 1, np.arange(5.0))
    yes = sets.yes[trees.splits["feature"] == boosters.COLUMNS - 1]
    assert (yes & np.uint64(1) == 0).all()
    assert {*yes.tolist()} & {0b00010, 0b00110, 0b01110}  # neither from the first on nor up to the last


def test_the_models_of_the_market_are_read_to_the_bit():
    features, bundle = market.data().features, market.bundle()
    assert predict(forest_of(bundle.explained.booster), features).tobytes() == (
        boosters.raw(bundle.explained.booster, features).tobytes()
    )
    for hazard in (bundle.conversion, bundle.readiness):
        bins, clocks, passed = len(hazard.rates), list(hazard.clocks), middles(hazard.edges)
        rows = repeated(np.column_stack([features, np.zeros(len(features))]), bins, clocks, passed)
        theirs = boosters.raw(hazard.booster, rows).reshape(len(features), bins)
        assert clocks
        assert Curve(forest_of(hazard.booster), bins, clocks, passed)(features).tobytes() == theirs.tobytes()


def test_trees_of_one_leaf_are_constants():
    model = lgb.train({"verbosity": -1}, lgb.Dataset(np.zeros((100, 2)), np.full(100, -1.5)), 3)
    np.testing.assert_array_equal(predict(forest_of(model), np.ones((2, 2))), boosters.raw(model, np.ones((2, 2))))


def test_a_stopped_model_is_read_up_to_its_best_round():
    rng = np.random.default_rng(3)
    rows, label = rng.normal(size=(300, 3)), rng.normal(size=300)
    data = lgb.Dataset(rows[:150], label[:150])
    settings = {"verbosity": -1, "early_stopping_round": 2}
    later = data.create_valid(rows[150:], label[150:])
    model = lgb.train(settings, data, 50, valid_sets=[later], keep_training_booster=True)
    assert 0 < model.best_iteration < model.current_iteration()
    assert predict(forest_of(model), rows).tobytes() == boosters.raw(model, rows).tobytes()


def test_rows_of_another_width_are_refused():
    trees = forest_of(boosters.booster())
    with pytest.raises(ValueError, match=r"shape \(1, 6\) were given; the model takes \(n, 7\)"):
        predict(trees, np.zeros((1, 6)))
    with pytest.raises(ValueError, match=r"shape \(1, 7\) were given; the model takes \(n, 6\)"):
        Curve(trees, 3)(np.zeros((1, 7)))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"objective": "multiclass", "num_class": 3}, "several classes"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged trees"),
        ({"linear_tree": True}, "linear leaves"),
    ],
)
def test_models_that_are_no_plain_sum_of_trees_are_refused(asked, why):
    rows = np.random.default_rng(1).normal(size=(300, 3))
    data = lgb.Dataset(rows, rows[:, 0] > 0, params={"verbosity": -1} | asked)
    with pytest.raises(ModelError, match=why):
        forest_of(lgb.train({"verbosity": -1} | asked, data, 2))


def test_no_row_changes_the_bits_of_another_and_no_thread_does():
    model = boosters.booster(num_leaves=31)
    trees, rows = forest_of(model), boosters.training_rows(5, rows=1_000)
    together = predict(trees, rows)
    curves = Curve(trees, boosters.BINS)
    assert predict(trees, rows, threads=3).tobytes() == together.tobytes()
    assert curves(rows[:, :-1], threads=3).tobytes() == curves(rows[:, :-1]).tobytes()
    for place in (0, 1, 333, 999):
        assert predict(trees, rows[place : place + 1])[0] == together[place]
    assert predict(trees, rows[:0]).shape == (0,)
    assert curves(rows[:0, :-1]).shape == (0, boosters.BINS)


def test_rows_may_be_stored_in_any_order():
    trees, rows = forest_of(boosters.booster()), boosters.training_rows(5)
    assert predict(trees, np.asfortranarray(rows)).tobytes() == predict(trees, rows).tobytes()
    assert predict(trees, rows[::2]).tobytes() == predict(trees, rows)[::2].tobytes()
