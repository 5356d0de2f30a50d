"""How sure a chance is: bounds that hold it, cover the truth where it is known, and close in as more is learned."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import market
from training import interval
from training.distil import ExplainedModel
from training.hazard import HazardModel, log_odds
from training.interval import IntervalModel, halves
from training.landmarks import Outcomes

HORIZONS, PRIMARY = (7, 30, 90), 30


def world(count, seed):
    """Leads with six features, and the true log of their rate a day."""
    rng = np.random.default_rng(seed)
    features = np.column_stack([rng.normal(size=(count, 4)), rng.integers(0, 4, (count, 2))]).astype(float)
    log_rate = np.log(0.003) + 0.9 * features[:, 0] - 0.6 * features[:, 1] + 0.4 * (features[:, 4] > 1)
    return features, log_rate


def lives(log_rate, seed):
    rng = np.random.default_rng(seed)
    life, end = rng.exponential(np.exp(-log_rate)), rng.uniform(5, 120, len(log_rate))
    return Outcomes(np.zeros(len(life)), np.minimum(life, end), life <= end, end)


def learned(count, seed, person=None):
    """(n,) true chances of other leads, their served log-odds, (n, 2) bounds."""
    features, log_rate = world(count, seed)
    outcomes, weight, alone = lives(log_rate, seed), np.ones(count), {"categorical": [], "threads": 1}
    hazard = HazardModel.fit(features, outcomes, HORIZONS, **alone)
    meant = log_odds(hazard.cumulative(features)[:, np.searchsorted(hazard.edges, PRIMARY)])
    person = np.arange(count) if person is None else person
    model = IntervalModel.fit(features, outcomes, person, HORIZONS, PRIMARY, weight=weight, **alone)
    others, log_rate = world(4_000, seed + 1)
    served = ExplainedModel.fit(features, meant, **alone).log_odds(others)
    return -np.expm1(-PRIMARY * np.exp(log_rate)), served, model.bounds(others, served)


@pytest.fixture(scope="module")
def worlds():
    return {count: [learned(count, seed) for seed in (11, 12)] for count in (1_000, 4_000)}


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(interval).failed == 0


def test_four_true_chances_in_five_lie_between_the_bounds(worlds):
    """Or more: six columns tell this world wholly, and the width is that of markets (docs/decisions/0006)."""
    covered = [(low <= chance) & (chance <= high) for chance, _, (low, high) in unpacked(worlds[1_000])]
    assert 0.75 <= np.mean(covered) <= 0.95


def test_what_more_leads_taught_is_surer(worlds):
    widths = [np.mean([high - low for _, _, (low, high) in unpacked(found)]) for found in worlds.values()]
    assert widths[1] < 0.9 * widths[0]


def test_however_many_leads_taught_no_chance_is_held_for_certain(worlds):
    for _, _served, (low, high) in unpacked(worlds[4_000]):
        least = 1.8 * interval.QUANTILE * np.sqrt(interval.FLOOR)  # a forest draws its smallest values up, or nearly
        assert (np.log(high / (1 - high)) - np.log(low / (1 - low)) > least).all()


def unpacked(found):
    return [(chance, served, bounds.T) for chance, served, bounds in found]


@given(st.floats(-50, 50), st.floats(-14, 8))
def test_bounds_hold_the_chance_to_the_bit(log_odds, log_variance):
    out = np.empty((1, 2))
    interval._bounds(np.array([log_odds]), np.array([log_variance]), out)
    odds = np.exp(-abs(log_odds))
    chance = 1 / (1 + odds) if log_odds >= 0 else odds / (1 + odds)
    assert 0 <= out[0, 0] <= chance <= out[0, 1] <= 1


def test_bounds_are_the_quantiles_of_chances_whose_mean_is_served():
    """Of normal log-odds of a rare event: eight in ten between the bounds, one in ten on either side."""
    rng = np.random.default_rng(1)
    for centre, variance in ((-5.0, 1.0), (-3.0, 0.5), (0.0, 1.0), (2.0, 0.3)):
        chances = 1 / (1 + np.exp(-rng.normal(centre, np.sqrt(variance), 200_000)))
        served = np.log(chances.mean() / (1 - chances.mean()))
        out = np.empty((1, 2))
        interval._bounds(np.array([served]), np.array([np.log(variance)]), out)
        np.testing.assert_allclose(out[0], np.quantile(chances, [0.1, 0.9]), rtol=0.1)


def test_a_person_is_in_a_half_with_all_rows_or_none_and_neighbours_share_nobody():
    person = np.random.default_rng(3).integers(0, 101, 700)
    parts, scale = halves(person, np.random.default_rng(7))
    assert scale == 50 / 51
    for part in parts:
        assert len(part) == np.isin(person, person[part]).sum()
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        assert not set(person[one]) & set(person[other])
        assert len({*person[one]}) == len({*person[other]}) == 50


def test_a_large_firm_is_learned_in_small_parts_of_which_more_is_expected(monkeypatch):
    monkeypatch.setattr(interval, "PERSONS", 10)
    parts, scale = halves(np.arange(100), np.random.default_rng(7))
    assert {len(part) for part in parts} == {10}
    assert scale == 10 / 90


def test_the_same_leads_many_times_over_are_not_more_of_them():
    """Rows of one person stand and fall together: copies of a row make nobody surer."""
    rng = np.random.default_rng(2)
    few, log_rate = world(500, 5)
    outcomes, copies = lives(log_rate, 5), np.repeat(np.arange(500), 4)
    weight, alone = np.full(2_000, 0.25), {"categorical": [], "threads": 1}
    widths = []
    for person in (copies, rng.permutation(2_000)):
        model = IntervalModel.fit(few[copies], outcomes[copies], person, HORIZONS, PRIMARY, weight=weight, **alone)
        widths.append(np.diff(model.bounds(few, np.full(500, -2.0)), axis=1).mean())
    assert widths[0] > 1.2 * widths[1]


def test_where_halves_hold_no_conversion_nothing_is_said():
    features, _ = world(200, 1)
    never = Outcomes(np.zeros(200), np.full(200, 30.0), np.arange(200) < 0, np.full(200, 30.0))
    alone = {"weight": np.ones(200), "categorical": [], "threads": 1}
    assert IntervalModel.fit(features, never, np.arange(200), HORIZONS, PRIMARY, **alone) is None


def test_the_market_has_bounds_about_each_chance():
    found = market.bundle().predict(market.data().features)
    chance, (low, high) = found.probability[:, market.bundle().primary], found.interval.T
    assert (low >= 0).all()
    assert (low < chance).all()
    assert (chance < high).all()
    assert (high <= 1).all()
