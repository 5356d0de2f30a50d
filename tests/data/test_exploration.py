"""Who chance hands over: the same answer everywhere, as often as the share says, and whoever the others are."""

import doctest
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data import exploration
from data.events import MICROS_PER_DAY, micros
from data.exploration import HandOver, chosen, draw, hand_over, week_number, week_of

LEADS = [f"L{n:05d}" for n in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", [0, 7, 8])
def test_as_many_are_chosen_as_the_share_says(share: float, seed: int):
    found = sum(chosen(lead, "2026-W09", share, seed) for lead in LEADS)
    assert stats.binomtest(found, len(LEADS), share).pvalue > 1e-3


def test_draws_are_uniform_and_those_of_weeks_seeds_and_leads_have_nothing_to_do_with_each_other():
    base = np.array([draw(lead, "2026-W09", 7) for lead in LEADS])
    assert stats.kstest(base, "uniform").pvalue > 1e-3
    others = {
        "week": [draw(lead, "2026-W10", 7) for lead in LEADS],
        "seed": [draw(lead, "2026-W09", 8) for lead in LEADS],
        "lead": [draw(f"{lead}0", "2026-W09", 7) for lead in LEADS],
    }
    for name, drawn in others.items():
        assert abs(np.corrcoef(base, drawn)[0, 1]) < 4 / np.sqrt(len(LEADS)), name


@given(st.text(min_size=1), st.floats(0, 0.2), st.floats(0, 0.2), st.integers(0, 2**31 - 1))
def test_a_greater_share_keeps_who_was_chosen(lead: str, one: float, other: float, seed: int):
    low, high = sorted((one, other))
    assert chosen(lead, "2026-W09", high, seed) >= chosen(lead, "2026-W09", low, seed)
    assert not chosen(lead, "2026-W09", 0.0, seed)


def test_another_process_with_other_hashes_draws_the_same():
    asked = "from data.exploration import draw; print([draw(f'L{n}', '2026-W09', 7) for n in range(50)])"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.strip() == str([draw(f"L{n}", "2026-W09", 7) for n in range(50)])


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        ((2026, 1, 1), "2026-W01"),
        ((2027, 1, 1), "2026-W53"),  # the year of a week is that of its Thursday
        ((2024, 12, 30), "2025-W01"),
        ((2026, 3, 1, 23, 59, 59), "2026-W09"),
        ((2026, 3, 2), "2026-W10"),
    ],
)
def test_weeks_are_those_of_iso_8601_in_greenwich(moment: tuple[int, ...], week: str):
    assert week_of(micros(datetime(*moment, tzinfo=UTC))) == week  # type: ignore[misc,arg-type]


@given(st.integers(0, 40_000 * MICROS_PER_DAY), st.integers(0, 40_000 * MICROS_PER_DAY))
def test_weeks_have_one_name_and_one_number(one: int, other: int):
    assert (week_of(one) == week_of(other)) == (week_number(one) == week_number(other))
    assert (one <= other) <= (week_number(one) <= week_number(other))


def test_who_is_listed_is_handed_over_anyhow_and_who_is_not_with_the_share():
    how = {"share": 0.2, "seed": 7}
    moment = micros(datetime(2026, 2, 28, tzinfo=UTC))
    below = {lead: hand_over(lead, moment, listed=False, **how) for lead in ("L1", "L2")}
    assert below == {"L1": HandOver(0.2, explored=False), "L2": HandOver(0.2, explored=True)}
    assert [one.handed_over for one in below.values() if one] == [False, True]
    for lead in below:
        listed = hand_over(lead, moment, listed=True, **how)
        assert listed == HandOver(1.0, explored=False)
        assert listed.handed_over
        assert hand_over(lead, moment, listed=True, share=0.0, seed=7) is None


def test_what_the_docstrings_show():
    assert doctest.testmod(exploration).failed == 0
