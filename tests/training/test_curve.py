"""The served curve: whatever the hazard and the explained probability say, it never contradicts itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import curve

EDGES = np.array([0.0, 0.3, 2.0, 7.0, 11.7, 30.0, 61.1, 90.0])
HORIZONS = np.array([7.0, 30.0, 90.0])
AT = np.searchsorted(EDGES, HORIZONS)
LEVELS = np.array([0.0001, 0.1, 0.5, 0.9, 0.9999])

rises = st.one_of(st.floats(1e-12, 1e-6), st.floats(1e-6, 5), st.floats(5, 1e6))
rises_or_none = st.one_of(st.just(0.0), rises)  # next to a high hazard a low one leaves no trace in a sum
hazards = st.lists(st.tuples(rises, *[rises_or_none] * 6), min_size=1, max_size=5).map(
    lambda rows: np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
)
log_odds = st.one_of(
    st.floats(-20, 20), st.floats(-1000, 1000), st.sampled_from([0.0, -0.0, 37.0, -37.0, 1e300, -1e300])
)


def bent(cumulative, z, primary=1):
    probability, out = np.empty((len(z), len(HORIZONS))), np.empty_like(cumulative)
    curve.bend(EDGES, cumulative, np.asarray(z, dtype=float), HORIZONS, primary, probability, out)
    return probability, out


def days_by(cumulative, edges=EDGES):
    out = np.empty((len(cumulative), len(LEVELS)))
    curve.quantiles(edges, cumulative, LEVELS, out)
    return out


def logistic(z):
    small = math.exp(-abs(z))
    return 1 / (1 + small) if z >= 0 else small / (1 + small)


@given(hazards, log_odds, st.integers(0, 2))
def test_probabilities_never_cross_and_the_primary_one_is_the_explained_one(cumulative, z, primary):
    probability, _ = bent(cumulative, np.full(len(cumulative), z), primary)
    assert (probability >= 0).all()
    assert (probability <= 1).all()
    assert (np.diff(probability, axis=1) >= 0).all()
    assert {*probability[:, primary].tolist()} == {logistic(z)}  # to the bit, whatever the hazard says


@given(hazards, st.floats(-13.8, 13.8))
def test_the_curve_keeps_the_shape_of_the_hazard(cumulative, z):
    probability, out = bent(cumulative, np.full(len(cumulative), z))
    np.testing.assert_allclose(-np.expm1(-out[:, AT[1]]), logistic(z), rtol=1e-9)
    np.testing.assert_allclose(
        out * cumulative[:, [AT[1]]], cumulative * out[:, [AT[1]]], rtol=1e-9
    )  # the ratio is one number a lead
    np.testing.assert_allclose(probability, -np.expm1(-out[:, AT]), rtol=1e-9)


def test_a_lead_whose_explanation_agrees_with_its_hazard_keeps_it():
    cumulative = np.array([[0.0, 0.01, 0.05, 0.1, 0.15, 0.3, 0.5, 0.8]])
    _, out = bent(cumulative, np.log(np.expm1(cumulative[:, AT[1]])))
    np.testing.assert_allclose(out, cumulative, rtol=1e-12)


@given(hazards, log_odds)
def test_quantiles_rise_and_lie_within_the_longest_horizon(cumulative, z):
    for curves in (cumulative, bent(cumulative, np.full(len(cumulative), z))[1]):
        days = days_by(curves)
        assert (days >= 0).all()
        assert (days <= EDGES[-1]).all()
        assert (np.diff(days, axis=1) >= 0).all()


@given(st.lists(st.floats(1e-4, 2), min_size=7, max_size=7))
def test_quantiles_are_those_of_leads_that_ripen_within_the_longest_horizon(rise):
    cumulative = np.concatenate([[0.0], np.cumsum(rise)])[None]
    hazard_then = np.interp(days_by(cumulative)[0], EDGES, cumulative[0])
    np.testing.assert_allclose(np.expm1(-hazard_then) / np.expm1(-cumulative[0, -1]), LEVELS, rtol=1e-7)


def test_a_constant_hazard_gives_the_median_one_can_work_out():
    rate = 0.01
    days = days_by(rate * EDGES[None])[0, 2]
    assert days == pytest.approx(-np.log(1 - 0.5 * (1 - np.exp(-0.9))) / rate)


def test_quantiles_exist_where_nothing_is_left_to_happen():
    assert np.isfinite(days_by(np.zeros((1, len(EDGES))))).all()


@given(hazards, hazards)
def test_readiness_is_never_later_than_conversion(ripening, converting):
    rows = min(len(ripening), len(converting))
    ripening, converting = ripening[:rows], converting[:rows]
    other_edges = np.array([0.0, 1.0, 7.0, 20.0, 30.0, 55.0, 77.0, 90.0])
    grid = np.union1d(EDGES, other_edges)
    both = np.empty((rows, len(grid)))
    curve.no_later_than(other_edges, ripening, EDGES, converting, grid, both)
    days = np.linspace(0, 90, 181)
    for row in range(rows):
        ready = np.interp(days, grid, both[row])
        for edges, one in ((other_edges, ripening[row]), (EDGES, converting[row])):
            assert (ready >= np.interp(days, edges, one) * (1 - 1e-9)).all()
    assert (np.diff(both, axis=1) >= 0).all()
    ends = np.maximum(ripening[:, -1], converting[:, -1])
    np.testing.assert_array_equal(both[:, -1], ends)
    np.testing.assert_array_equal(both[:, 0], 0)


@given(hazards, log_odds)
def test_a_rows_curve_depends_on_no_other_row(cumulative, z):
    probability, out = bent(cumulative, np.full(len(cumulative), z))
    alone, alone_out = bent(cumulative[-1:], [z])
    assert alone[0].tobytes() == probability[-1].tobytes()
    assert alone_out[0].tobytes() == out[-1].tobytes()
    assert days_by(out)[-1].tobytes() == days_by(alone_out)[0].tobytes()
