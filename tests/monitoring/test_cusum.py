"""Sums of log-likelihood ratios against slow and obvious ones, and how often they alarm where nothing changed."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from monitoring.cusum import DOWN, LAG, UP, Control, Known, began, cumulated, drawn, learned, log_ratio, sums, watch


def steady(weeks: int, *means: float, level: float = 1e9, season: float = 0.0) -> Control:
    """Cells of the same mean every week; the first series is all of them, then each."""
    cells = len(means)
    return Control(
        mean=np.tile(means, (weeks, 1)),
        level=np.full(cells, level),
        season=np.eye(weeks) * season,
        member=np.concatenate([np.ones((1, cells)), np.eye(cells)]),
    )


@pytest.mark.parametrize("ratio", [DOWN, UP])
@pytest.mark.parametrize("shape", [3.0, 40.0])
def test_a_step_is_the_log_likelihood_ratio_of_negative_binomials(ratio: float, shape: float):
    counts, mean = np.arange(30.0), 7.5
    told = log_ratio(counts, Known(np.float64(mean), np.float64(shape)), ratio)
    changed, usual = (nbinom.logpmf(counts, shape, shape / (shape + m)) for m in (ratio * mean, mean))
    assert told == pytest.approx(changed - usual)


def test_sums_of_certain_poisson_counts_are_those_of_a_slow_loop():
    rng = np.random.default_rng(3)
    counts, means = rng.poisson(4.0, 40), rng.uniform(2, 6, 40)
    steps = [
        poisson.logpmf(count, DOWN * mean) - poisson.logpmf(count, mean)
        for count, mean in zip(counts, means, strict=True)
    ]
    slow = [
        max(0.0, *(sum(steps[first : week + 1]) for first in range(max(week - 5, 0), week + 1))) for week in range(40)
    ]
    known = Known(means[:, None], np.full((40, 1), 1e9))
    down, _ = sums(counts[:, None].astype(float), known)
    assert LAG == 6
    assert down[:, 0] == pytest.approx(slow, abs=1e-5)


def test_what_began_longer_ago_than_a_sum_reaches_is_dated_nevertheless():
    steps = np.array([-1.0, *[0.5] * (LAG + 9)])[:, None]
    assert cumulated(steps)[-1, 0] == pytest.approx(LAG / 2)
    assert began(steps)[-1, 0] == 1


def test_a_level_is_learned_from_what_is_older_than_the_lag():
    control = steady(30, 10.0)
    half = np.full((30, 2), 5.0)
    known = learned(half, control)
    assert known.mean[: LAG + 1, 0] == pytest.approx(10.0)
    assert np.all(np.diff(known.mean[LAG:, 0]) < 0)
    later = half.copy()
    later[-LAG:] = 100.0
    assert learned(later, control).mean.tolist() == known.mean.tolist()


def test_weeks_of_draws_vary_as_control_says():
    control = steady(4, 50.0, 30.0, level=25.0, season=16.0)
    counts = drawn(control, paths=40_000, seed=1)
    assert counts.mean(axis=0) == pytest.approx(control.expected, rel=0.02)
    varies = counts[:, 0, 1].var() / 50.0**2
    assert varies == pytest.approx(1 / 50 + (1 + 1 / 25) * (1 + 1 / 16) * (1 + 1 / 100) - 1, rel=0.05)
    assert np.array_equal(counts[..., 0], counts[..., 1] + counts[..., 2])


def test_limits_are_passed_as_seldom_as_asked_and_a_halved_level_passes_them():
    control = steady(26, 12.0, 6.0, level=60.0, season=60.0)
    fresh = drawn(control, paths=60, seed=99)
    alarms = 0
    member = np.linalg.pinv(control.member)  # counts of cells from those of series
    found = watch(np.zeros((26, 2)), control, alarms=0.2, seed=5)
    for one in fresh:
        down, up = sums(one, learned(one, control))
        assert one @ member.T == pytest.approx(one[:, 1:])
        alarms += bool((down > found.down_limit).any() or (up > found.up_limit).any())
    assert 4 <= alarms <= 22  # of 60, 12 are to be expected
    halved = control.mean.copy()
    halved[12:] /= 2
    told = watch(halved.round(), control, alarms=0.2, seed=5)
    assert told.down[-1, 0] > told.down_limit[-1, 0]
    assert told.down_began[-1, 0] in range(11, 15)


def test_a_sum_never_falls_below_zero():
    assert cumulated(np.array([[-1.0], [2.0], [-5.0], [1.0]]))[:, 0].tolist() == [0.0, 2.0, 0.0, 1.0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_price_rise_at_a_firm_of_thirty_five_conversions_a_week_is_found_within_six_weeks(seed: int):
    """Levels and season are known by a year's counts; half of what is expected comes from week 12 on."""
    control = steady(18, 24.0, 11.0, level=600.0, season=300.0)
    halved = control.mean.copy()
    halved[12:] /= 2
    counts = np.random.default_rng(seed).poisson(halved).astype(float)
    found = watch(counts, control, alarms=0.5 * 18 / 52, seed=5)
    beyond = found.down[:, 0] > found.down_limit[:, 0]
    assert beyond[12:].any()
    assert not beyond[:12].any()
    assert found.down_began[-1, 0] in range(10, 15)
