"""Tables and sums over leaves give LightGBM's own Shapley values, whatever the trees."""

import doctest

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import market
from tests.training import boosters
from training import shapley
from training.forest import forest_of, predict
from training.shapley import Explainer


def theirs(model: lgb.Booster, rows: np.ndarray) -> tuple[np.ndarray, float]:
    found = np.asarray(model.predict(rows, pred_contrib=True, num_threads=1))
    return found[:, :-1], float(found[0, -1])


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(shapley).failed == 0


@given(boosters.parameters, st.sampled_from([0.0, 0.1]))
def test_values_are_those_of_lightgbm(asked, gaps):
    model = boosters.booster(gaps=gaps, **asked)
    rows = boosters.awkward_rows(model, asked["seed"])
    explainer = Explainer(forest_of(model))
    expected, base = theirs(model, rows)
    np.testing.assert_allclose(explainer(rows), expected, rtol=0, atol=1e-10)
    assert explainer.base == pytest.approx(base, abs=1e-12)


@given(boosters.parameters)
def test_values_add_up_to_the_prediction(asked):
    model = boosters.booster(**asked)
    rows = boosters.awkward_rows(model, asked["seed"])
    explainer = Explainer(forest_of(model))
    total = explainer.base + explainer(rows).sum(axis=1)
    np.testing.assert_allclose(total, predict(forest_of(model), rows), rtol=0, atol=1e-10)


@pytest.mark.parametrize("leaves", [2, 7, 9])
def test_tables_say_what_the_sum_over_leaves_says(leaves, monkeypatch):
    trees, rows = forest_of(boosters.booster(num_leaves=leaves)), boosters.training_rows(9)
    by_table = Explainer(trees)
    assert by_table.table_bytes > 0
    assert not len(by_table._large)
    monkeypatch.setattr(shapley, "TABULATED", 0)
    by_leaf = Explainer(trees)
    assert by_leaf.table_bytes == 0
    np.testing.assert_allclose(by_leaf(rows), by_table(rows), rtol=0, atol=1e-12)


def test_deep_and_lopsided_trees_are_exact_too():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3_000, 40))
    label = (rows > 1).cumprod(axis=1).sum(axis=1) + rows @ rng.normal(size=40)
    settings = {"verbosity": -1, "num_leaves": 255, "min_child_samples": 1, "num_threads": 1}
    model = lgb.train(settings, lgb.Dataset(rows, label), 5)
    expected, base = theirs(model, rows[:100])
    explainer = Explainer(forest_of(model))
    np.testing.assert_allclose(explainer(rows[:100]), expected, rtol=0, atol=1e-10)
    assert explainer.base == pytest.approx(base, abs=1e-12)


def test_a_tree_that_asks_one_feature_gives_all_to_it():
    rows = np.arange(200.0).reshape(-1, 1) % 17
    model = lgb.train({"verbosity": -1, "num_leaves": 7}, lgb.Dataset(rows, np.sin(rows[:, 0])), 5)
    explainer = Explainer(forest_of(model))
    np.testing.assert_allclose(explainer(rows)[:, 0] + explainer.base, boosters.raw(model, rows), rtol=0, atol=1e-14)


def test_the_served_model_has_tables_of_less_than_a_megabyte():
    explainer = Explainer(forest_of(market.bundle().explained.booster))
    assert 0 < explainer.table_bytes < 1_000_000
    assert not len(explainer._large)


def test_the_models_of_the_market_are_explained_as_by_lightgbm():
    features = market.data().features
    model = market.bundle().explained.booster
    expected, base = theirs(model, features)
    explainer = Explainer(forest_of(model))
    np.testing.assert_allclose(explainer(features), expected, rtol=0, atol=1e-10)
    assert explainer.base == pytest.approx(base, abs=1e-12)


@pytest.mark.parametrize("leaves", [7, 31])
def test_no_row_changes_the_bits_of_another_and_no_thread_does(leaves):
    explainer = Explainer(forest_of(boosters.booster(num_leaves=leaves)))
    rows = boosters.training_rows(5, rows=1_000)
    together = explainer(rows)
    assert explainer(rows, threads=3).tobytes() == together.tobytes()
    for place in (0, 1, 333, 999):
        assert explainer(rows[place : place + 1])[0].tobytes() == together[place].tobytes()
    assert explainer(rows[:0]).shape == (0, boosters.COLUMNS)


def test_a_feature_no_tree_asks_has_no_part():
    model = boosters.booster(num_leaves=2, rounds=1)
    asked = forest_of(model).splits["feature"][0]
    found = Explainer(forest_of(model))(boosters.training_rows(3))
    assert not np.delete(found, asked, axis=1).any()
    assert found[:, asked].all()


def test_a_constant_has_a_base_and_no_parts():
    model = lgb.train({"verbosity": -1}, lgb.Dataset(np.zeros((100, 2)), np.full(100, -1.5)), 3)
    explainer = Explainer(forest_of(model))
    assert not explainer(np.ones((4, 2))).any()
    assert explainer.base == -1.5
