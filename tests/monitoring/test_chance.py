"""What a week usually is: known answers, and false alarms as seldom as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.chance import LEAST_WEEKS, WEEK, usual, weeks

ONES = np.ones(40)


def test_weeks_count_back_from_the_moment():
    at = 10 * WEEK
    assert weeks(np.array([at - 1, at - WEEK, at - WEEK - 1, 0]), at).tolist() == [0, 0, 1, 9]


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_usual_weeks_leave_the_range_as_seldom_as_asked_for(spread: float):
    rng = np.random.default_rng(1)
    means = 40 * (rng.gamma(1 / spread, spread, (4_000, 41)) if spread else np.ones((4_000, 41)))
    counted = rng.poisson(means)
    beyond = [
        not one.low <= one.value <= one.high
        for row in counted
        if (one := usual(int(row[0]), 1.0, row[1:], ONES, 0.02)) is not None
    ]
    assert np.mean(beyond) < 0.03


@given(st.lists(st.integers(0, 50), min_size=LEAST_WEEKS, max_size=30), st.integers(0, 500))
def test_the_range_holds_what_is_expected_and_p_agrees_with_it(past: list[int], now: int):
    found = usual(now, 1.0, np.array(past), np.ones(len(past)), 0.01)
    assert found is not None
    assert found.low <= max(found.expected, 1) and found.high >= found.expected - 1
    assert 0 <= found.p <= 1
    if found.p < 0.01 / 3:
        assert not found.low < now < found.high


def test_a_short_past_says_nothing():
    assert usual(5, 1.0, np.ones(LEAST_WEEKS - 1), np.ones(LEAST_WEEKS - 1), 0.01) is None
    assert usual(5, 0.0, np.ones(20), np.ones(20), 0.01) is None
