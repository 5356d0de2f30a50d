"""Scores side by side: known answers."""

import numpy as np

from monitoring.shadow import compared

GRADES = {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0}


def test_the_same_scores_change_nothing():
    old = np.array([10.0, 50.0, 64.9, 65.0])
    found = compared(old, old, GRADES)
    assert (found.scored, found.regraded, found.rank, found.moved, found.furthest) == (4, 0.0, 1.0, 0.0, 0.0)


def test_a_shift_keeps_the_order_and_moves_grades():
    old = np.array([10.0, 48.0, 60.0, 70.0])
    found = compared(old, old + 5, GRADES)
    assert (found.regraded, found.rank, found.moved, found.furthest) == (0.5, 1.0, 5.0, 5.0)


def test_a_reversed_order_is_told():
    old = np.array([10.0, 20.0, 30.0])
    found = compared(old, old[::-1], GRADES)
    assert (found.rank, found.moved) == (-1.0, 0.0)


def test_a_bound_belongs_to_the_better_grade():
    assert compared(np.array([64.999]), np.array([65.0]), GRADES).regraded == 1.0
    assert compared(np.array([65.0]), np.array([99.0]), GRADES).regraded == 0.0


def test_constant_scores_have_no_order_and_nothing_has_no_figures():
    assert compared(np.array([50.0, 50.0]), np.array([40.0, 60.0]), GRADES).rank is None
    nothing = compared(np.array([]), np.array([]), GRADES, failures=2, gone=1)
    assert (nothing.scored, nothing.failures, nothing.gone, nothing.regraded) == (0, 2, 1, None)
    assert "could not score 2 of 2" in nothing.sentence()
