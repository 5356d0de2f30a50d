"""The case-cohort sample: nothing is lost of few, and of many the rates stay right."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import market
from training import cohort
from training import fit as fitting
from training.cohort import case_cohort
from training.fit import fit, training_set
from training.hazard import HazardModel, baseline_rates, choose_edges, person_periods
from training.landmarks import Outcomes


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(cohort).failed == 0


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 30), st.integers(0, 30), st.integers(0, 5))
def test_weights_give_back_how_many_there_are_of_each_sort(cases, size, more, seed):
    case = np.array(cases, dtype=bool)
    found = case_cohort(case, seed, cohort=size, cases=size + more)
    assert (np.diff(found.rows) > 0).all()
    assert (np.diff(found.cohort) > 0).all()
    assert len(found.cohort) == min(size, len(case))
    for sort in (case, ~case):
        kept = sort[found.rows]
        assert found.weight[kept].sum() == pytest.approx(sort.sum() if kept.any() else 0)
    if len(case) > size:
        assert case[found.rows].sum() == min(case.sum(), size + more)
        assert set(found.rows[~case[found.rows]]) <= set(found.rows[found.cohort])
    else:
        assert found.rows.tolist() == list(range(len(case)))
        assert (found.weight == 1).all()


def test_the_cohort_looks_as_all_do_on_average():
    case = np.arange(1_000) < 100
    shares = [
        case[few.rows[few.cohort]].mean() for few in (case_cohort(case, n, cohort=200, cases=200) for n in range(300))
    ]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.004)  # four standard errors


@pytest.mark.parametrize("cases", [2_000, 4_000])
def test_rates_of_a_sample_are_those_of_all(cases):
    """Also where not even all landmarks with an event are kept: 3,000 of 40,000 have one."""
    rng = np.random.default_rng(1)
    features = rng.integers(0, 2, size=(40_000, 1)).astype(float)
    life, seen = rng.exponential(1 / np.where(features[:, 0] == 1, 0.003, 0.001)), rng.uniform(20, 60, 40_000)
    outcomes = Outcomes(np.zeros(40_000), np.minimum(life, seen), life <= seen, seen)
    few = case_cohort(outcomes.within(30), seed=7, cohort=2_000, cases=cases)
    assert len(few.rows) < 6_000
    edges = choose_edges(outcomes, (7, 30))
    whole, part = person_periods(outcomes, edges), person_periods(outcomes[few.rows], edges)
    rates = baseline_rates(part, few.weight[part.pair], len(edges) - 1)
    np.testing.assert_allclose(rates, baseline_rates(whole, np.ones(len(whole)), len(edges) - 1), rtol=0.15)
    model = HazardModel.fit(features[few.rows], outcomes[few.rows], (7, 30), weight=few.weight, threads=1)
    chance = -np.expm1(-model.cumulative(features)[:, -1])
    truth = -np.expm1(-30 * np.where(features[:, 0] == 1, 0.003, 0.001))
    for group in (0.0, 1.0):
        rows = features[:, 0] == group
        assert chance[rows].mean() == pytest.approx(truth[rows].mean(), rel=0.15)


@pytest.fixture
def sampled(monkeypatch):
    assert len(market.bundle().reference)  # made of all landmarks, before they are sampled
    monkeypatch.setattr(fitting, "case_cohort", lambda case, seed: case_cohort(case, seed, cohort=600, cases=2_000))
    return training_set(market.log(), market.BOOK, before=market.SNAPSHOT)


def test_a_model_of_a_sample_is_one_of_all_landmarks(sampled):
    """What is told of all is of all, and what is predicted fits all that happened."""
    data, whole = sampled, market.data()
    assert len(data.pairs) < len(whole.pairs) == len(data.every)
    assert data.weight.sum() == pytest.approx(len(whole.pairs))
    assert (data.converted, data.incidence, data.feature_set) == (whole.converted, whole.incidence, whole.feature_set)
    bundle = fit(data, market.BOOK, before=market.SNAPSHOT, threads=1)
    for fact in ("leads", "landmarks", "converted", "incidence"):
        assert bundle.facts[fact] == market.bundle().facts[fact]
    np.testing.assert_array_equal(bundle.conversion.edges, market.bundle().conversion.edges)
    assert len(bundle.reference) == 600
    theirs = market.bundle().predict(whole.features).probability.mean(axis=0)
    np.testing.assert_allclose(bundle.predict(whole.features).probability.mean(axis=0), theirs, rtol=0.1)
    assert bundle.base_odds == pytest.approx(market.bundle().base_odds, rel=0.2)


def test_who_learns_without_weights_is_given_the_cohort_alone(sampled):
    few = sampled.by_chance()
    assert len(few.pairs) == 600
    assert (few.weight == 1).all()
    np.testing.assert_array_equal(few.features, sampled.features[sampled.cohort])
    assert market.data().by_chance() is market.data()
