"""Every measure against scikit-learn, or against a slow and obvious version of itself."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from training import metrics as ours

chances = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
judged = st.lists(st.tuples(st.booleans(), chances), min_size=2, max_size=60).map(
    lambda rows: (np.array([happened for happened, _ in rows]), np.array([chance for _, chance in rows]))
)
both_happen = judged.filter(lambda drawn: drawn[0].any() and not drawn[0].all())


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(ours).failed == 0


@given(both_happen)
def test_auc_is_the_share_of_pairs_in_the_right_order(drawn):
    happened, chance = drawn
    pairs = [(a > b) + 0.5 * (a == b) for a in chance[happened] for b in chance[~happened]]
    assert ours.auc(happened, chance) == pytest.approx(np.mean(pairs))


@given(both_happen)
def test_the_rest_is_what_scikit_learn_says(drawn):
    happened, chance = drawn
    assert ours.pr_auc(happened, chance) == theirs.average_precision_score(happened, chance)
    assert ours.brier(happened, chance) == pytest.approx(((chance - happened) ** 2).mean())
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    expected = -np.where(happened, np.log(inside), np.log1p(-inside)).mean()
    assert ours.logarithmic_loss(happened, chance) == pytest.approx(expected, rel=1e-6)


def test_what_one_class_cannot_tell_is_nan():
    nothing, chance = np.zeros(3, dtype=bool), np.array([0.1, 0.2, 0.3])
    assert math.isnan(ours.auc(nothing, chance))
    assert math.isnan(ours.auc(~nothing, chance))
    assert math.isnan(ours.pr_auc(nothing, chance))
    assert ours.logarithmic_loss(nothing, chance) == pytest.approx(-np.log1p(-chance).mean())


@given(judged)
def test_calibration_error_is_that_of_ten_bins_of_equal_size(drawn):
    happened, chance = drawn
    ranks = [sum(other < one for other in chance) * 10 // len(chance) for one in chance]
    gaps = [abs(sum(happened[i] - chance[i] for i, rank in enumerate(ranks) if rank == bin_)) for bin_ in range(10)]
    assert ours.ece(happened, chance) == pytest.approx(sum(gaps) / len(chance), abs=1e-12)


def test_bins_hold_equally_many_leads():
    chance = np.random.default_rng(0).random(1_000)
    happened = np.random.default_rng(1).random(1_000) < 0.3
    parts = np.array_split(np.argsort(chance), 10)
    expected = np.mean([abs(happened[part].mean() - chance[part].mean()) for part in parts])
    assert ours.ece(happened, chance) == pytest.approx(expected)


def test_calibration_error_does_not_depend_on_the_order_of_rows():
    happened = np.arange(100) < 30
    assert ours.ece(happened, np.full(100, 0.3)) == pytest.approx(0)  # the base rate is calibrated, sorted or not
    assert ours.ece(happened, np.full(100, 0.5)) == pytest.approx(0.2)


def test_calibration_error_of_perfect_and_of_reversed_certainty():
    happened = np.array([True] * 40 + [False] * 60)
    assert ours.ece(happened, happened.astype(float)) == 0
    assert ours.ece(happened, 1.0 - happened) == 1


lives = st.lists(
    st.tuples(st.one_of(st.floats(0.1, 50), st.sampled_from([1.0, 5.0])), st.booleans(), chances),
    min_size=2,
    max_size=40,
)


@given(lives)
def test_concordance_is_the_share_of_comparable_pairs_in_the_right_order(drawn):
    pairs = [
        (risk > other_risk) + 0.5 * (risk == other_risk)
        for days, event, risk in drawn
        if event
        for other_days, _, other_risk in drawn
        if other_days > days
    ]
    duration, event, risk = (np.array(column) for column in zip(*drawn, strict=True))
    found = ours.concordance(duration, event, risk)
    assert math.isnan(found) if not pairs else found == pytest.approx(np.mean(pairs))


def test_intervals_resample_whole_leads():
    rng = np.random.default_rng(3)
    groups = rng.permutation(np.repeat(np.arange(50), 4))
    seen = []

    def note(rows):
        seen.append(np.bincount(groups[rows], minlength=50))
        for group in np.unique(groups[rows]):
            mine = rows[groups[rows] == group]
            times = len(mine) // 4
            assert sorted(mine) == sorted([*np.flatnonzero(groups == group)] * times)
        return 0.0

    ours.bootstrap(note, groups, draws=20)
    assert all((drawn % 4 == 0).all() for drawn in seen)
    assert all(drawn.sum() == 200 for drawn in seen)  # fifty leads of four rows each
    assert len({drawn.tobytes() for drawn in seen}) == 20


def test_the_interval_of_a_mean_is_as_wide_as_statistics_says():
    rng = np.random.default_rng(5)
    of_lead = rng.normal(size=400)
    groups = np.repeat(np.arange(400), 5)
    values = of_lead[groups]  # five equal rows a lead: no more information than one
    low, high = ours.bootstrap(lambda rows: float(values[rows].mean()), groups, draws=400)
    assert high - low == pytest.approx(2 * 1.96 * of_lead.std() / np.sqrt(400), rel=0.15)
    assert ours.bootstrap(lambda rows: float(values[rows].mean()), groups, draws=400) == (low, high)
    rows_alone = ours.bootstrap(lambda rows: float(values[rows].mean()), np.arange(2_000), draws=400)
    assert rows_alone[1] - rows_alone[0] < 0.6 * (high - low)


def test_draws_that_cannot_be_measured_are_left_out():
    assert np.isnan(ours.bootstrap(lambda _: float("nan"), np.arange(3), draws=5)).all()
    values = iter([1.0, float("nan"), 1.0, float("nan"), 1.0])
    assert ours.bootstrap(lambda _: next(values), np.arange(3), draws=5) == (1.0, 1.0)
