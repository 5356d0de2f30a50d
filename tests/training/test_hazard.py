"""The hazard: known answers are recovered, and time at risk is counted to the last minute."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import market
from training import hazard
from training.hazard import HazardModel, baseline_rates, choose_edges, person_periods
from training.landmarks import Outcomes

HORIZONS = (7, 30, 90)


def outcomes_of(entry, duration, event):
    entry, duration = np.asarray(entry, dtype=float), np.asarray(duration, dtype=float)
    return Outcomes(entry, duration, np.asarray(event, dtype=bool), duration)


def exponential(rate, seed=3):
    """Lives of a constant hazard: some enter late (and are not there if they ended before), all are censored."""
    rng = np.random.default_rng(seed)
    life = rng.exponential(1 / rate)
    entry = np.where(rng.random(len(life)) < 0.7, rng.uniform(0, 60, len(life)), 0.0)
    end = entry + rng.uniform(5, 80, len(life))
    seen = life > entry
    return outcomes_of(entry[seen], np.minimum(life, end)[seen], (life <= end)[seen]), seen


@pytest.fixture(scope="module")
def two_groups():
    """A feature that triples the hazard, one that does nothing, and the model that learned from them."""
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.integers(0, 2, 12_000), rng.normal(size=12_000)]).astype(float)
    outcomes, seen = exponential(np.where(features[:, 0] == 1, 0.03, 0.01))
    model = HazardModel.fit(features[seen], outcomes, HORIZONS, threads=1)
    return features[seen], outcomes, model


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(hazard).failed == 0


def test_the_worked_example_of_the_module():
    periods = person_periods(outcomes_of([0], [10], [True]), np.array([0.0, 7.0, 30.0]))
    assert list(zip(periods.bin.tolist(), periods.exposure.tolist(), periods.event.tolist(), strict=True)) == [
        (0, 7.0, 0.0),
        (1, 3.0, 1.0),
    ]


def test_a_life_that_enters_late_and_ends_at_an_edge():
    periods = person_periods(outcomes_of([8, 8], [30, 30.5], [True, True]), np.array([0.0, 7.0, 30.0]))
    assert periods.bin.tolist() == [1, 1]
    assert periods.exposure.tolist() == [22, 22]
    assert periods.event.tolist() == [1, 0]  # the second is beyond the last edge: censored there


lives = st.lists(
    st.tuples(st.floats(0, 100), st.floats(1e-6, 200), st.booleans()).filter(lambda one: one[0] + one[1] > one[0]),
    min_size=1,
    max_size=30,
)


@given(lives, st.lists(st.floats(0.1, 89), max_size=6))
def test_time_at_risk_adds_up_and_events_count_once(drawn, inner):
    entry, length, event = (np.array(column) for column in zip(*drawn, strict=True))
    outcomes = outcomes_of(entry, entry + length, event)
    edges = np.unique([0.0, *HORIZONS, *inner])
    periods = person_periods(outcomes, edges)
    at_risk = np.maximum(np.minimum(outcomes.duration, 90) - np.minimum(outcomes.entry, 90), 0)
    pairs = len(drawn)
    np.testing.assert_allclose(np.bincount(periods.pair, periods.exposure, pairs), at_risk, atol=1e-9)
    expected = outcomes.event & (outcomes.duration <= 90)
    np.testing.assert_array_equal(np.bincount(periods.pair, periods.event, pairs), expected)
    assert (periods.exposure > 0).all()
    assert (periods.exposure <= np.diff(edges)[periods.bin] + 1e-12).all()
    assert len({*zip(periods.pair.tolist(), periods.bin.tolist(), strict=True)}) == len(periods.pair)


@given(lives, st.integers(1, 20))
def test_edges_hold_every_horizon_and_end_with_the_longest(drawn, bins):
    entry, length, event = (np.array(column) for column in zip(*drawn, strict=True))
    edges = choose_edges(outcomes_of(entry, entry + length, event), HORIZONS, bins)
    assert (edges[0], edges[-1]) == (0, 90)
    assert {0.0, 7.0, 30.0, 90.0} <= {*edges.tolist()}
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= bins + 4


def test_average_rates_are_events_a_day_and_never_zero():
    periods = person_periods(
        outcomes_of(np.zeros(1000), np.full(1000, 10.0), np.ones(1000)), np.array([0.0, 5.0, 30.0])
    )
    rates = baseline_rates(periods, np.ones(len(periods)), 2)
    assert rates[1] == pytest.approx(1000 / 5000, rel=0.01)
    assert 0 < rates[0] < 1e-4


def test_a_constant_hazard_is_recovered_from_late_entries_and_censored_lives():
    outcomes, _ = exponential(np.full(12_000, 0.02))
    features = np.random.default_rng(2).normal(size=(len(outcomes), 2))
    model = HazardModel.fit(features, outcomes, HORIZONS, threads=1)
    mean = model.cumulative(features).mean(axis=0)
    events = int(outcomes.within(90).sum())
    np.testing.assert_allclose(mean[-1] / 90, 0.02, rtol=3 / np.sqrt(events))
    periods = person_periods(outcomes, model.edges)
    in_bin = np.bincount(periods.bin, periods.event)
    slope = np.diff(mean) / np.diff(model.edges)
    assert (np.abs(slope / 0.02 - 1) < 4 / np.sqrt(in_bin)).all()


def test_ignoring_late_entry_would_be_wrong():
    outcomes, _ = exponential(np.full(12_000, 0.02))
    features = np.random.default_rng(2).normal(size=(len(outcomes), 2))
    ignored = outcomes_of(np.zeros(len(outcomes)), outcomes.duration, outcomes.event)
    model = HazardModel.fit(features, ignored, HORIZONS, threads=1)
    assert model.cumulative(features).mean(axis=0)[-1] / 90 < 0.8 * 0.02


def test_a_tripled_hazard_is_recovered(two_groups):
    features, _, model = two_groups
    by_group = [model.cumulative(features[features[:, 0] == group])[:, -1].mean() / 90 for group in (0, 1)]
    np.testing.assert_allclose(by_group, [0.01, 0.03], rtol=0.1)


def test_expected_events_add_up_to_those_seen(two_groups):
    features, outcomes, model = two_groups
    periods = person_periods(outcomes, model.edges)
    slope = np.diff(model.cumulative(features), axis=1) / np.diff(model.edges)
    assert (slope[periods.pair, periods.bin] * periods.exposure).sum() == pytest.approx(periods.event.sum(), rel=0.02)


def test_the_same_seed_gives_the_same_bytes(two_groups):
    features, outcomes, _ = two_groups
    first, second, other = (
        HazardModel.fit(
            features[:2000], outcomes[np.arange(2000)], HORIZONS, threads=1, settings={"rounds": 20}, seed=seed
        )
        for seed in (7, 7, 8)
    )
    assert first.booster.model_to_string() == second.booster.model_to_string()
    assert first.booster.model_to_string() != other.booster.model_to_string()


def test_cumulative_hazards_begin_at_zero_and_never_fall(two_groups):
    _, _, model = two_groups
    strange = np.array([[np.nan, np.nan], [1e300, -1e300], [-np.inf, np.inf], [0.5, 0.0]])
    cumulative = model.cumulative(strange)
    assert (cumulative[:, 0] == 0).all()
    assert (np.diff(cumulative, axis=1) > 0).all()
    assert np.isfinite(cumulative).all()


def test_a_rows_hazard_has_the_same_bits_however_many_are_asked_for(two_groups):
    features, _, model = two_groups
    many = model.cumulative(features)
    for place in (0, 4_095, 4_096, len(features) - 1):
        assert model.cumulative(features[place : place + 1]).tobytes() == many[place].tobytes()
    assert model.cumulative(features, threads=2).tobytes() == many.tobytes()


def test_a_curve_is_what_the_booster_says_of_each_bin():
    """Bins in their order, each against its own rate, ratios beyond a million cut off."""
    features = market.data().features[:300]
    for model in (market.bundle().conversion, market.bundle().readiness):
        hazard = []
        for place in range(len(model.rates)):
            rows = np.column_stack([features, np.full(len(features), float(place))])
            rows[:, model.clocks] += (model.edges[place] + model.edges[place + 1]) / 2
            ratio = np.clip(model.booster.predict(rows, raw_score=True), -13.8, 13.8)
            hazard.append(model.rates[place] * (model.edges[place + 1] - model.edges[place]) * np.exp(ratio))
        expected = np.cumsum(np.column_stack(hazard), axis=1)
        np.testing.assert_allclose(model.cumulative(features)[:, 1:], expected, rtol=1e-13)


def test_a_hazard_follows_the_age_of_a_lead():
    """Leads wait until their tenth day, whenever they are scored: only a clock that goes on can tell on which."""
    rng = np.random.default_rng(6)
    age = rng.uniform(0, 20, 8_000)
    life = np.maximum(10 - age, 0) + rng.exponential(5, len(age))
    outcomes = outcomes_of(np.zeros(len(age)), np.minimum(life, 15), life <= 15)
    features = np.column_stack([age, rng.normal(size=len(age))])
    model = HazardModel.fit(features, outcomes, (5, 15), clocks=(0,), threads=1, settings={"bins": 15})
    waits = model.cumulative(np.array([[1.0, 0.0], [5.0, 0.0], [15.0, 0.0]]))
    after_four, after_seven, last = (np.searchsorted(model.edges, days) for days in (4, 7, 15))
    assert waits[0, after_seven] < 0.15 * waits[0, last]
    assert waits[1, after_four] < 0.15 * waits[1, last]
    assert waits[2, after_four] == pytest.approx(model.edges[after_four] / 5, rel=0.25)


def test_rare_events_are_neither_bent_up_nor_down():
    """One in two hundred: no class weight, no resampling without its price, so predicted and seen events agree."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(60_000, 3))
    chance = 0.005 * np.exp(features[:, 0] - 0.5)
    life = rng.exponential(-30 / np.log1p(-np.minimum(chance, 0.9)))
    outcomes = outcomes_of(np.zeros(60_000), np.minimum(life, 30), life <= 30)
    train, test = np.arange(30_000), np.arange(30_000, 60_000)
    assert outcomes.event.mean() == pytest.approx(0.005, rel=0.2)
    model = HazardModel.fit(features[train], outcomes[train], (7, 30), threads=1)
    predicted = -np.expm1(-model.cumulative(features[test])[:, -1])
    seen = outcomes.event[test]
    assert abs(seen.sum() - predicted.sum()) < 3 * np.sqrt(seen.sum() + outcomes.event[train].sum())
    top = predicted >= np.quantile(predicted, 0.9)
    assert abs(seen[top].sum() - predicted[top].sum()) < 4 * np.sqrt(seen[top].sum())


def test_a_part_of_the_rows_without_event_gives_the_same_rates(two_groups, monkeypatch):
    features, outcomes, whole = two_groups
    monkeypatch.setattr(hazard, "EVENT_FREE", 15_000)
    part = HazardModel.fit(features, outcomes, HORIZONS, threads=1)
    assert len(person_periods(outcomes, whole.edges)) > 2 * 15_000
    np.testing.assert_array_equal(part.rates, whole.rates)
    means = [model.cumulative(features)[:, -1].mean() for model in (whole, part)]
    assert means[1] == pytest.approx(means[0], rel=0.03)
    by_group = [part.cumulative(features[features[:, 0] == group])[:, -1].mean() / 90 for group in (0, 1)]
    np.testing.assert_allclose(by_group, [0.01, 0.03], rtol=0.1)


def test_rows_left_out_are_counted_by_those_kept(two_groups):
    _, outcomes, model = two_groups
    periods = person_periods(outcomes, model.edges)
    each = np.random.default_rng(0).uniform(0.5, 1.5, len(periods))
    kept, weight = hazard.sampled(periods, each, 5_000, seed=7)
    assert kept.event.sum() == periods.event.sum()
    assert len(kept) == 5_000 + int(periods.event.sum())
    free, all_free = kept.event == 0, periods.event == 0
    np.testing.assert_array_equal(weight[~free], each[periods.event > 0])
    assert (weight * kept.exposure)[free].sum() == pytest.approx((each * periods.exposure)[all_free].sum(), rel=0.05)


def test_weights_move_the_average(two_groups):
    features, outcomes, model = two_groups
    weight = np.where(features[:, 0] == 1, 3.0, 1.0)
    heavy = HazardModel.fit(features, outcomes, HORIZONS, threads=1, weight=weight)
    assert heavy.rates.mean() > 1.1 * model.rates.mean()
    by_group = [heavy.cumulative(features[features[:, 0] == group])[:, -1].mean() / 90 for group in (0, 1)]
    np.testing.assert_allclose(by_group, [0.01, 0.03], rtol=0.1)


def test_a_direction_against_the_data_leaves_no_effect(two_groups):
    features, outcomes, _ = two_groups
    falling = HazardModel.fit(features, outcomes, HORIZONS, threads=1, monotone=(-1, 0))
    low, high = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    assert (falling.cumulative(high) <= falling.cumulative(low) + 1e-12).all()
