"""Time in stage and ways to leave it, beside lifelines, scikit-survival and counting by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import median_survival_times
from sksurv.nonparametric import cumulative_incidence_competing_risks

from monitoring.journey_survival import incidence, kaplan_meier, trend, two_sided

pytestmark = pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0")  # lifelines' own
few = settings(max_examples=40)  # lifelines takes its time
lasting = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=2, max_size=60)


def columns(drawn: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    days, how = zip(*drawn, strict=True)
    return np.array(days, dtype=np.float64), np.array(how, dtype=np.int64)


@few
@given(lasting)
def test_the_curve_is_that_of_lifelines(drawn):
    days, how = columns(drawn)
    ended = how > 0
    curve = kaplan_meier(days, ended)
    oracle = KaplanMeierFitter().fit(days, ended)
    told = oracle.survival_function_at_times(curve.days).to_numpy()
    assert curve.share == pytest.approx(told, abs=1e-12)
    assert set(curve.days) == set(days[ended])
    for part in (0.25, 0.5, 0.75):
        there = oracle.survival_function_.iloc[:, 0]
        assert curve.quantile(part) == next((day for day, left in there.items() if left <= 1 - part + 1e-9), None)


@few
@given(lasting)
def test_the_interval_of_the_median_is_that_of_lifelines(drawn):
    days, how = columns(drawn)
    days, ended = days + 1, how > 0
    oracle = KaplanMeierFitter().fit(days, ended)
    band = oracle.confidence_interval_.to_numpy()
    assume(not np.any(oracle.survival_function_.to_numpy() == 0))  # lifelines leaves bounds of nobody undefined
    assume(not np.any(np.isclose(band, 0.5)))
    low, high = (None if np.isinf(one) else one for one in median_survival_times(oracle.confidence_interval_).iloc[0])
    assert kaplan_meier(days, ended).median_interval == (low, high)


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.integers(0, 11)), min_size=2, max_size=60))
def test_who_was_looked_at_late_is_at_risk_from_then_on(drawn):
    """By hand: at each moment those who began to be seen before it, and last until it or longer."""
    drawn = [(days, ended, min(entry, days - 1)) for days, ended, entry in drawn]
    days, ended, entry = (np.array(one) for one in zip(*drawn, strict=True))
    curve = kaplan_meier(days.astype(float), ended, entry.astype(float))
    share = 1.0
    wanted = []
    for moment in sorted({one for one, over, _ in drawn if over}):
        risk = [over and one == moment for one, over, seen in drawn if one >= moment and (seen < moment or seen == 0)]
        share *= 1 - sum(risk) / len(risk)
        wanted.append(share)
    assert curve.share == pytest.approx(wanted, abs=1e-12)


@given(lasting, st.integers(0, 12))
def test_ways_to_end_are_those_of_scikit_survival(drawn, within):
    days, how = columns(drawn)
    assume(set(how.tolist()) >= {1, 2, 3})
    days = days + 1
    times, shares, _ = cumulative_incidence_competing_risks(how, days, conf_type="log-log")
    place = np.searchsorted(times, within, side="right") - 1
    for way in (1, 2, 3):
        found = incidence(days, how, way, float(within))
        wanted = 0.0 if place < 0 else float(shares[way][place])
        if found is None:
            assert days.max() < within
            assert shares[0][-1] < 1 - 1e-12
            continue
        assert found.share == pytest.approx(wanted, abs=1e-12)
        assert 0 <= found.low <= found.share <= found.high <= 1


def test_the_bounds_of_a_way_to_end_are_those_of_scikit_survival():
    rng = np.random.default_rng(3)
    days, how = rng.exponential(20, 400), rng.integers(0, 4, 400)
    times, _, bounds = cumulative_incidence_competing_risks(how, days, conf_type="log-log", var_type="Aalen")
    found = incidence(days, how, 2, 25.0)
    place = np.searchsorted(times, 25.0, side="right") - 1
    assert found is not None
    assert (found.low, found.high) == pytest.approx(bounds[2][:, place], abs=2e-3)


def test_the_ways_to_end_add_up_to_what_has_ended():
    rng = np.random.default_rng(4)
    days, how = rng.exponential(20, 300), rng.integers(0, 4, 300)
    ways = [incidence(days, how, way, 30.0) for way in (1, 2, 3)]
    curve = kaplan_meier(days, how > 0)
    lasting = curve.share[np.searchsorted(curve.days, 30.0, side="right") - 1]
    assert sum(one.share for one in ways if one) == pytest.approx(1 - lasting)


def test_of_none_there_is_no_share_and_of_too_short_a_look_neither():
    assert incidence(np.empty(0), np.empty(0, dtype=np.int64), 1, 5.0) is None
    days = np.array([1.0, 2.0, 3.0])
    assert incidence(days, np.array([1, 0, 0]), 1, 5.0) is None
    over = incidence(days, np.array([1, 1, 2]), 1, 5.0)  # all have ended: nothing more can come
    assert over is not None
    assert over.share == pytest.approx(2 / 3)


@few
@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 1)), min_size=4, max_size=60))
def test_a_trend_over_two_periods_is_the_log_rank_test(drawn):
    days, ended, period = (np.array(one) for one in zip(*drawn, strict=True))
    assume(ended.any() and 0 < period.sum() < len(period))
    z = trend(days.astype(float), ended, period)
    one, other = period == 0, period == 1
    oracle = logrank_test(days[one], days[other], ended[one], ended[other])
    if z == 0.0:
        return  # no variance: lifelines has no answer then
    assert z**2 == pytest.approx(oracle.test_statistic, abs=1e-9)
    assert two_sided(z) == pytest.approx(oracle.p_value, abs=1e-9)


def test_a_trend_has_its_sign_and_noise_is_none():
    rng = np.random.default_rng(5)
    period = np.repeat(np.arange(8), 100)
    ended = rng.random(800) < 0.8
    assert trend(rng.exponential(30 - 2 * period), ended, period) > 4
    assert trend(rng.exponential(10 + 2 * period), ended, period) < -4
    noise = [two_sided(trend(rng.exponential(20, 800), ended, period)) for _ in range(400)]
    assert 0.02 <= np.mean(np.array(noise) < 0.05) <= 0.085
