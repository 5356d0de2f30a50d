"""Counts of leads give what copies of rows give; every measure is scikit-learn's with sample weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs
from sksurv.metrics import concordance_index_censored

from training import metrics
from training.resampling import Resampling, interval

rows = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.5, 1.0]))),
    min_size=2,
    max_size=60,
)


def columns(drawn):
    return tuple(np.array(column) for column in zip(*drawn, strict=True))


def copies(draw, place):
    """The rows of one draw, copied as often as their lead counts."""
    return np.repeat(np.arange(len(draw.lead)), draw.counts[place][draw.lead])


@settings(max_examples=60, deadline=None)
@given(rows)
def test_weights_are_copies(drawn):
    person, happened, chance = columns(drawn)
    draw = Resampling.of(person, draws=6)
    found = draw.ranked(happened, chance)
    for place in range(7):
        copied = copies(draw, place)
        for metric, of in metrics.METRICS.items():
            expected = of(happened[copied], chance[copied])
            assert found[metric][place] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), metric
        won = happened[copied].sum()
        ratio = chance[copied].sum() / won if won else np.nan
        assert found["predicted_to_observed"][place] == pytest.approx(ratio, nan_ok=True)


def test_intervals_are_those_of_the_bootstrap_that_copies():
    rng = np.random.default_rng(1)
    person = rng.integers(0, 80, 400)
    chance = rng.random(400)
    happened = rng.random(400) < chance
    found = Resampling.of(person, draws=60, seed=3).ranked(happened, chance)
    for metric, of in metrics.METRICS.items():
        low, high = metrics.bootstrap(lambda r, of=of: of(happened[r], chance[r]), person, draws=60, seed=3)
        assert interval(found[metric]) == pytest.approx((of(happened, chance), low, high), rel=1e-9)


def test_a_draw_takes_whole_leads_and_as_many_as_there_are():
    person = np.repeat([5, 9, 12, 30], [1, 4, 2, 3])
    draw = Resampling.of(person, draws=50)
    assert (draw.counts[0] == 1).all()
    assert (draw.counts.sum(axis=1) == 4).all()
    assert len(np.unique(draw.counts, axis=0)) > 10
    some = draw[person == 9]
    assert some.mean(np.ones(4))[draw.counts[:, 1] > 0] == pytest.approx(1)
    assert np.isnan(some.mean(np.ones(4))[draw.counts[:, 1] == 0]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from([1.0, 2.0, 5.0, 7.5, 9.0]), st.booleans(),
            st.sampled_from([0.0, 0.1, 0.2, 0.9]),
        ),
        min_size=2, max_size=40,
    )
)  # fmt: skip
def test_concordance_of_weights_is_that_of_copies(drawn):
    person, duration, event, risk = columns(drawn)
    draw = Resampling.of(person, draws=5)
    found = draw.concordance(duration, event, risk)
    for place in range(6):
        copied = copies(draw, place)
        expected = metrics.concordance(duration[copied], event[copied], risk[copied])
        assert found[place] == pytest.approx(expected, nan_ok=True)


def test_concordance_is_that_of_scikit_survival():
    rng = np.random.default_rng(2)
    risk, duration = rng.random(300), rng.exponential(10, 300)
    event = duration < 12
    duration = np.minimum(duration, 12) - 1e-9 * event  # it takes the censored at 12 for comparable, as we do
    expected = concordance_index_censored(event, duration, risk)[0]
    assert Resampling.of(np.arange(300), draws=1).concordance(duration, event, risk)[0] == pytest.approx(expected)


def test_a_hundred_leads_of_the_top_tenth():
    happened = np.arange(1_000) < 200  # a fifth converts
    chance = np.where(np.arange(1_000) < 50, 0.9, np.where(np.arange(1_000) < 150, 0.5, 0.1))
    lift = Resampling.of(np.arange(1_000), draws=1).ranked(happened, chance)["top_decile_lift"][0]
    assert lift == pytest.approx(1 / 0.2)  # the tenth holds converted leads only
    half = Resampling.of(np.arange(1_000), draws=1).ranked(np.arange(1_000) % 2 == 0, np.full(1_000, 0.3))
    assert half["top_decile_lift"][0] == pytest.approx(1)  # of equal probabilities a fitting part


def test_weighted_measures_are_those_of_scikit_learn():
    rng = np.random.default_rng(4)
    person, chance = rng.integers(0, 50, 500), np.round(rng.random(500), 2)
    happened = rng.random(500) < chance
    draw = Resampling.of(person, draws=3)
    found = draw.ranked(happened, chance)
    for place in range(4):
        weight = draw.counts[place][draw.lead]
        of = {"sample_weight": weight}
        assert found["auc"][place] == pytest.approx(theirs.roc_auc_score(happened, chance, **of))
        assert found["pr_auc"][place] == pytest.approx(theirs.average_precision_score(happened, chance, **of))
        assert found["brier"][place] == pytest.approx(theirs.brier_score_loss(happened, chance, **of))
        inside = np.clip(chance, 1e-12, 1 - 1e-12)
        assert found["log_loss"][place] == pytest.approx(theirs.log_loss(happened, inside, **of))


def test_a_figure_does_not_depend_on_the_number_of_draws():
    rng = np.random.default_rng(6)
    person, chance = rng.integers(0, 700, 5_000), rng.random(5_000)
    happened = rng.random(5_000) < chance
    few, many = (Resampling.of(person, draws=draws).ranked(happened, chance) for draws in (2, 41))
    for metric, values in few.items():
        assert values.tobytes() == many[metric][:3].tobytes(), metric
