"""How leads end: against scikit-survival, against one minus Kaplan-Meier, and in histories told by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from tests.histories import at, log_of, playbook, track
from training import competing
from training.competing import CAUSES, cumulative_incidence, endings, incidence
from training.landmarks import conversions, landmarks

BOOK = playbook(
    journey={"lost": ["Deal Lost"], "opted_out": ["Stop"]},
    horizons={"days": [7, 30], "primary": 30},
    training={"landmark_days": [0]},
)

lives = st.lists(st.tuples(st.integers(1, 30), st.integers(-1, 2)), min_size=3, max_size=60).filter(
    lambda drawn: any(cause >= 0 for _, cause in drawn)
)


def test_the_example_of_the_docstring_holds():
    assert doctest.testmod(competing).failed == 0


@given(lives)
def test_shares_equal_those_of_scikit_survival(drawn):
    duration, cause = (np.array(column) for column in zip(*drawn, strict=True))
    if not all((cause == place).any() for place in range(3)):
        cause = np.concatenate([cause, [0, 1, 2]])
        duration = np.concatenate([duration, [5, 5, 5]])
    times, expected = cumulative_incidence_competing_risks(cause + 1, duration.astype(float))
    found = cumulative_incidence(np.zeros(len(duration)), duration.astype(float), cause, times, 3)
    np.testing.assert_allclose(found.T, expected[1:], atol=1e-12)


def test_late_entry_with_one_cause_is_one_minus_kaplan_meier():
    rng = np.random.default_rng(0)
    entry = rng.uniform(0, 10, 300)
    duration, event = entry + rng.exponential(10, 300), rng.random(300) < 0.6
    times, left = kaplan_meier_estimator(event, duration, time_enter=entry)
    found = cumulative_incidence(entry, duration, np.where(event, 0, -1), times, 1)
    np.testing.assert_allclose(found[:, 0], 1 - left, atol=1e-12)


def one(lead, *events):
    return [track(lead, "Lead Created", 0), *(track(lead, name, day) for name, day in events)]


@pytest.mark.parametrize(
    ("events", "cause", "days"),
    [
        ([("Deal Won", 5)], "converted", 5),
        ([("Deal Lost", 5)], "lost", 5),
        ([("Stop", 5)], "opted_out", 5),
        ([("Stop", 3), ("Deal Won", 5)], "opted_out", 3),
        ([("Deal Won", 3), ("Stop", 5)], "converted", 3),
        ([("Deal Lost", 3), ("Deal Won", 5)], "lost", 3),
        ([("Visited", 3)], None, 40),
        ([("Deal Won", 41)], None, 40),
    ],
)
def test_the_first_end_known_at_the_snapshot_counts(events, cause, days):
    log = log_of(*one("A", *events))
    pairs = landmarks(log, BOOK, before=at(40))
    duration, place, usable = endings(log, BOOK, pairs, at(40))
    assert usable.all()
    assert place.tolist() == [CAUSES.index(cause) if cause else -1]
    assert duration[0] == pytest.approx(days, abs=0.01)


def test_only_ends_that_the_playbook_names_are_told():
    log = log_of(*one("A", ("Deal Won", 5)), *one("B", ("Deal Lost", 10)), *one("C"), *one("D", ("Stop", 20)))
    pairs = landmarks(log, BOOK, before=at(60))
    outcomes, usable = conversions(log, BOOK, pairs, at(60))
    found = incidence(log, BOOK, pairs[usable], outcomes[usable], at(60))
    assert found == {
        "7d": {"converted": 0.25, "lost": 0.0, "opted_out": 0.0},
        "30d": {"converted": 0.25, "lost": pytest.approx(0.25), "opted_out": pytest.approx(0.25)},
    }
    silent = BOOK.model_copy(update={"journey": BOOK.journey.model_copy(update={"opted_out": ()})})
    assert set(incidence(log, silent, pairs, outcomes, at(60))["7d"]) == {"converted", "lost"}
