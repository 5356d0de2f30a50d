"""Better is said only where it is true, and chance is called chance."""

import doctest
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from training import comparison, slices
from training.comparison import compare, holm, normal_p
from training.evaluate import OURS
from training.landmarks import Landmarks, Outcomes
from training.slices import SliceRows, groups, measure_slices


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(comparison).failed == 0


def test_holm_is_the_step_down_of_ordered_p_values():
    p = np.array([0.02, 0.001, 0.3, np.nan, 0.04])
    found = holm(p)
    order = [1, 0, 4, 2]
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, p[place] * (4 - rank)))
        assert found[place] == pytest.approx(running)
    assert np.isnan(found[3])


def test_a_normal_p_value_is_that_of_its_z():
    rng = np.random.default_rng(0)
    draws = np.append(1.96, rng.normal(1.96, 1, 20_000))
    assert normal_p(draws) == pytest.approx(0.05, abs=0.003)
    assert normal_p(np.zeros(10)) == 1.0
    assert np.isnan(normal_p(np.full(10, np.nan)))


def fold(seed, probability, person=None):
    """1,000 leads whose true chance is known; `probability` makes each model's answer of it."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 8, 1_000)
    happened = rng.random(1_000) < chance
    outcomes = Outcomes(np.zeros(1_000), np.where(happened, 3.0, 40.0), happened, np.full(1_000, 40.0))
    told = {name: of(chance, rng)[:, None] for name, of in probability.items()}
    who = np.arange(1_000) if person is None else person
    return SimpleNamespace(person=who, horizons=(30,), outcomes=outcomes, probability=told)


def noisy(chance, rng):
    return np.clip(chance + rng.normal(0, 0.3, len(chance)), 0.01, 0.99)


MODELS = {
    OURS: lambda chance, _: chance,
    "noise": noisy,
    "twin": lambda chance, rng: np.clip(chance + rng.normal(0, 1e-3, len(chance)), 0.001, 0.999),
    "twice": lambda chance, _: np.clip(2 * chance, 0, 0.99),
}


def test_verdicts_say_what_is_so():
    found = compare([fold(1, MODELS), fold(2, MODELS)], OURS)
    verdict = {(row["peer"], row["metric"]): row["verdict"] for row in found.iter_rows(named=True)}
    assert verdict == {
        ("noise", "auc"): "better", ("noise", "log_loss"): "better",
        ("twin", "auc"): "not to be told apart", ("twin", "log_loss"): "not to be told apart",
        ("twice", "auc"): "not to be told apart", ("twice", "log_loss"): "better",
    }  # fmt: skip
    other_way = compare([fold(1, MODELS), fold(2, MODELS)], "noise")
    assert other_way.filter(peer=OURS)["verdict"].to_list() == ["worse", "worse"]


def test_a_fold_that_is_more_optimistic_ranks_no_worse():
    """The same ranks at another level: pooled as they are, they would look worse than they are."""
    shifted = {OURS: lambda chance, _: chance, "twin": lambda chance, _: chance / 3}
    found = compare([fold(1, {**shifted, "twin": lambda chance, _: chance}), fold(2, shifted)], OURS)
    assert found.filter(metric="auc")["difference"].to_list() == [0.0]
    assert found.filter(metric="auc")["verdict"].to_list() == ["not to be told apart"]


def test_a_lead_judged_twice_is_no_second_witness():
    once = compare([fold(1, MODELS)], OURS)
    twice = compare([fold(1, MODELS), fold(1, MODELS)], OURS)  # the same leads, the same answers
    spread = [(frame["high"] - frame["low"]).to_numpy() for frame in (once, twice)]
    np.testing.assert_allclose(spread[0], spread[1], rtol=1e-9)


# --- slices ---------------------------------------------------------------------------------------------------------


def test_a_group_whose_numbers_are_wrong_is_marked_and_no_other():
    rng = np.random.default_rng(3)
    country = rng.choice(["FR", "DE", "IT"], 6_000)
    truth = rng.beta(2, 8, 6_000)
    happened = rng.random(6_000) < np.where(country == "DE", truth / 2, truth)
    tiny = np.where(np.arange(6_000) < 20, "tiny", "large")
    found = measure_slices(SliceRows({"country": country, "size": tiny}, np.arange(6_000), happened, truth))
    marked = found.filter("poor")
    assert marked.select("slice", "group").rows() == [("country", "DE")]
    assert marked["predicted_to_observed"][0] == pytest.approx(2, rel=0.15)
    assert found["poor"][0]  # first in the table
    assert found.filter(group="tiny")["p"].to_list() == [None]  # too few to tell
    assert found.filter(slice="country")["pairs"].sum() == 6_000


def test_a_difference_that_is_certain_but_small_is_not_marked():
    rng = np.random.default_rng(4)
    truth = np.full(400_000, 0.3)
    happened = rng.random(400_000) < 0.31
    found = measure_slices(SliceRows({"all": np.full(400_000, "x")}, np.arange(400_000), happened, truth), draws=40)
    assert found["p"][0] < 0.001
    assert not found["poor"][0]


def test_groups_are_of_traits_and_of_where_a_lead_stands():
    kinds = {"trait__country": ("category", ("FR", "DE")), "trait__employees": ("number", ()), "age": ("number", ())}
    names = list(kinds)
    feature_set = SimpleNamespace(
        names=names, features=names, type_of=lambda one: kinds[one][0], categories=lambda one: kinds[one][1]
    )
    features = np.array([[1, 10, 0], [2, np.nan, 0], [0, 20, 0], [np.nan, 30, 0], [1, 40, 0]], dtype=float)
    zeros = np.zeros(5, dtype=np.int64)
    pairs = Landmarks(zeros, zeros, zeros, np.array([0, 0, 0, 7, 7]), zeros, np.array([0, 0, 0, 0, 1], dtype=bool))
    found = groups(feature_set, features, pairs)
    assert list(found) == ["landmark day", "readiness", "country", "employees"]
    assert found["country"].tolist() == ["FR", "DE", "other", "missing", "FR"]
    assert found["landmark day"].tolist() == ["day 0"] * 3 + ["day 7"] * 2
    assert found["employees"].tolist() == ["10 to 17.5", "missing", "17.5 to 25", "25 to 32.5", "32.5 to 40"]
    assert found["readiness"].tolist() == ["not yet accepted"] * 4 + ["accepted by sales"]


def test_numbers_with_few_values_make_few_groups():
    found = slices._parts(np.array([0.0, 0, 0, 0, 0, 5, np.nan]))
    assert set(found) <= {"0 to 5", "0", "missing"}
    assert isinstance(pl.Series(found)[0], str)
