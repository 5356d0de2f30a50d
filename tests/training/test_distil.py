"""The explained probability: its parts are Shapley values, and they add up."""

import itertools
import math
import warnings
from functools import cache

import numpy as np
import pytest

from tests import market
from training.distil import ExplainedModel


@pytest.fixture(scope="module")
def small():
    """Five features, one a category and one often missing, and the model of a function of them."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(2_000, 5))
    features[:, 3] = rng.integers(0, 6, 2_000)
    features[rng.random(2_000) < 0.3, 1] = np.nan
    effect = np.array([0.0, 1.0, -1.0, 2.0, 0.5, -2.0])[features[:, 3].astype(int)]
    log_odds = np.sin(features[:, 0]) + np.nan_to_num(features[:, 1], nan=2.0) * (features[:, 2] > 0) + effect - 2
    return features, log_odds, ExplainedModel.fit(features, log_odds, categorical=[3], threads=1)


def expectation(node, row, told):
    """What a tree says of a row of which only the features `told` are known: branches by their share of training."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in told:
        return expectation(left if goes_left(node, row[node["split_feature"]]) else right, row, told)
    weights = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    parts = [expectation(child, row, told) for child in (left, right)]
    return sum(weight * part for weight, part in zip(weights, parts, strict=True)) / sum(weights)


def goes_left(node, value):
    if node["decision_type"] == "==":
        return not math.isnan(value) and int(value) in {int(code) for code in node["threshold"].split("||")}
    if math.isnan(value) and node["missing_type"] == "NaN":
        return node["default_left"]
    return (0.0 if math.isnan(value) else value) <= node["threshold"]


def shapley(model, row):
    """The definition, over all subsets of features."""
    trees = [tree["tree_structure"] for tree in model.booster.dump_model()["tree_info"]]
    size = len(row)

    @cache
    def worth(told):
        return sum(expectation(tree, row, told) for tree in trees)

    found = np.zeros(size)
    for feature in range(size):
        rest = [other for other in range(size) if other != feature]
        for length in range(size):
            weight = math.factorial(length) * math.factorial(size - length - 1) / math.factorial(size)
            for told in map(frozenset, itertools.combinations(rest, length)):
                found[feature] += weight * (worth(told | {feature}) - worth(told))
    return found, worth(frozenset())


def test_contributions_are_the_shapley_values_of_the_definition(small):
    features, _, model = small
    rows = np.array([features[0], features[1], [0.3, np.nan, 1.0, 5.0, 0.0], [np.nan, 9.0, -1.0, 17.0, np.nan]])
    _, contributions, base = model.contributions(rows)
    for row, ours in zip(rows, contributions, strict=True):
        theirs, empty = shapley(model, row)
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        assert base == pytest.approx(empty, abs=1e-9)


def test_shap_gives_the_same_values(small):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own imports
        import shap  # noqa: PLC0415

        for model, rows in ((small[2], small[0][:200]), (market.bundle().explained, market.data().features[:200])):
            explainer = shap.TreeExplainer(model.booster)
            _, contributions, base = model.contributions(rows)
            np.testing.assert_allclose(explainer.shap_values(rows), contributions, atol=1e-9)
            assert float(np.ravel(explainer.expected_value)[0]) == pytest.approx(base, abs=1e-9)


def test_log_odds_are_the_base_and_the_contributions_added_in_order(small):
    features, _, model = small
    log_odds, contributions, base = model.contributions(features)
    for place in (0, 7, 1_999):
        total = base
        for part in contributions[place]:
            total += part
        assert total == log_odds[place]  # to the bit
    np.testing.assert_allclose(log_odds, model.log_odds(features), atol=1e-9)


def test_it_repeats_what_it_learned(small):
    features, log_odds, model = small
    learned = model.log_odds(features)
    assert 1 - ((learned - log_odds) ** 2).mean() / log_odds.var() > 0.95


def test_it_says_what_the_hazard_says():
    fidelity = market.bundle().facts["fidelity"]
    assert fidelity["r2"] > 0.98
    assert fidelity["mean_gap"] < 0.01


def test_the_same_input_gives_the_same_bytes(small):
    features, log_odds, model = small
    again = ExplainedModel.fit(features, log_odds, categorical=[3], threads=1)
    assert again.booster.model_to_string() == model.booster.model_to_string()


def test_a_rows_bits_depend_on_no_other_row_and_on_no_thread(small):
    features, _, model = small
    together = model.contributions(features)
    for place in (0, 1, 1_999):
        z, parts, base = model.contributions(features[place : place + 1])
        assert (z[0], base) == (together[0][place], together[2])
        assert parts[0].tobytes() == together[1][place].tobytes()
    assert model.contributions(features, threads=2)[1].tobytes() == together[1].tobytes()


def test_a_constant_is_learned_too():
    model = ExplainedModel.fit(np.zeros((100, 2)), np.full(100, -1.5), threads=1)
    log_odds, contributions, base = model.contributions(np.ones((3, 2)))
    np.testing.assert_allclose(log_odds, -1.5)
    assert not contributions.any()
    assert base == pytest.approx(-1.5)
