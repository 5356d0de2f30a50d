"""The bound of a week: stock and flow beside a walk through every bound, and what a promise can do to it."""

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY
from monitoring import contract_bound
from monitoring.contract_bound import GRID, Factors, Ledger, Reached, choose, flow, made_up, stock
from monitoring.contract_scores import Scores
from monitoring.contract_weeks import monday
from monitoring.weeks import WEEK

START = monday(1_772_236_800_000_000)
HEIGHTS = st.integers(0, 1000).map(lambda tenths: tenths / 10)
MOMENT = st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(-12 * 7, 6), HEIGHTS, st.floats(0.01, 0.9))
LEDGERS = st.tuples(st.floats(0, 500), st.floats(0, 1)).map(lambda one: Ledger(one[0], one[0] * one[1]))


def told(moments: list[tuple[int, int, int, float, float]]) -> Scores:
    """Scores, each lead at most once a day; days are counted from the Monday."""
    each = {(lead, turn, day): (score, chance) for lead, turn, day, score, chance in moments}
    rows = sorted(each)
    return Scores(
        lead=np.array([lead for lead, _, _ in rows], dtype=np.int64),
        as_of=np.array([START + day * MICROS_PER_DAY for _, _, day in rows], dtype=np.int64),
        turn=np.array([turn for _, turn, _ in rows], dtype=np.int64),
        score=np.array([each[one][0] for one in rows]),
        chance=np.array([each[one][1] for one in rows]),
    )


def passing(past: Scores, bound: float) -> list[tuple[int, float]]:
    """(week before the start, chance) of each lead's first moment at a bound, one turn at a time, but on Mondays."""
    seen, found = set(), []
    for lead, turn, moment, score, chance in zip(
        past.lead.tolist(), past.turn.tolist(), past.as_of.tolist(), past.score.tolist(), past.chance.tolist(),
        strict=True,
    ):  # fmt: skip
        if moment < START and score >= bound and (lead, turn) not in seen:
            seen.add((lead, turn))
            if (moment - START) % WEEK:
                found.append(((moment - START) // WEEK, chance))
    return found


@given(st.lists(MOMENT, max_size=60), st.sampled_from(GRID.tolist()))
def test_the_flow_is_what_came_to_a_bound_for_the_first_time(moments: Any, bound: float):
    past = told(moments)
    found, at = flow(past, START), int(np.searchsorted(GRID, bound))
    weeks = min(8, max(1, -min([0, *((past.as_of - START) // WEEK).tolist()]) - 4))
    weight = {-week: 0.5 ** ((week - 1) / 3) for week in range(1, weeks + 1)}
    wanted = [(weight[week], chance) for week, chance in passing(past, bound) if week in weight]
    whole = sum(weight.values())
    assert found.leads[at] == pytest.approx(sum(one for one, _ in wanted) / whole, abs=1e-9)
    assert found.chance[at] == pytest.approx(sum(one * chance for one, chance in wanted) / whole, abs=1e-9)


@given(st.lists(MOMENT, max_size=60), st.lists(MOMENT, max_size=20))
def test_what_is_scored_later_changes_no_flow(moments: Any, later: Any):
    past = told([one for one in moments if one[2] < 0])
    both = told([one for one in moments if one[2] < 0] + [(*one[:2], abs(one[2]), *one[3:]) for one in later])
    for name in ("leads", "chance"):
        assert getattr(flow(past, START), name).tolist() == getattr(flow(both, START), name).tolist()


@given(st.lists(st.tuples(HEIGHTS, st.floats(0, 1)), max_size=30), st.sampled_from(GRID.tolist()))
def test_the_stock_is_who_stands_there(leads: list[tuple[float, float]], bound: float):
    found = stock(np.array([one for one, _ in leads]), np.array([one for _, one in leads]))
    there = [chance for height, chance in leads if height >= bound]
    at = int(np.searchsorted(GRID, bound))
    assert found.leads[at] == len(there)
    assert found.chance[at] == pytest.approx(sum(there), abs=1e-9)


@st.composite
def reached(draw: Any) -> tuple[Reached, Reached]:
    scores = draw(st.lists(st.tuples(HEIGHTS, st.floats(0.001, 0.9)), max_size=40))
    now = stock(np.array([one for one, _ in scores]), np.array([one for _, one in scores]))
    return now, flow(told(draw(st.lists(MOMENT, max_size=40))), START)


@given(
    reached(), LEDGERS, st.floats(0.3, 3), st.floats(0.3, 3), st.integers(1, 30), st.integers(0, 20),
    st.floats(0.01, 0.99), st.floats(0, 0.5),
)  # fmt: skip
def test_more_capacity_never_raises_the_bound_and_more_precision_never_lowers_it(
    leads: Any,
    ledger: Ledger,
    chance: float,
    arrivals: float,
    capacity: int,
    more: int,
    precision: float,
    higher: float,
):
    factors = Factors(chance, arrivals)
    one = choose(*leads, factors, ledger, capacity=capacity, precision=precision)
    wider = choose(*leads, factors, ledger, capacity=capacity + more, precision=precision)
    stricter = choose(*leads, factors, ledger, capacity=capacity, precision=min(0.999, precision + higher))
    assert wider.score <= one.score <= stricter.score
    assert one.score == GRID[-1] or one.leads <= capacity + 1e-9
    together = None if one.precision is None else (ledger.kept + one.precision * one.leads) / (ledger.leads + one.leads)
    if one.precision is not None and one.score < GRID[-1]:
        assert one.precision >= precision - 1e-9 or together is None or together >= precision - 1e-9 or chance > 1


def test_capacity_binds_or_precision_does_and_it_is_said_which():
    now = stock(np.array([80.0, 70.0, 60.0, 50.0]), np.array([0.4, 0.3, 0.2, 0.1]))
    none = Reached(np.zeros(len(GRID)), np.zeros(len(GRID)))
    two = choose(now, none, Factors(), Ledger(), capacity=2, precision=0.1)
    assert (two.score, two.binds, two.leads, two.possible) == (60.1, "capacity", 2, None)
    assert two.precision == pytest.approx(0.35)
    worse = choose(now, none, Factors(chance=0.5), Ledger(), capacity=2, precision=0.1)
    assert worse.precision == pytest.approx(0.175)  # half as many were won as expected
    more = choose(now, Reached(now.leads, now.chance), Factors(flow=2.0), Ledger(), capacity=6, precision=0.1)
    assert (more.score, more.leads, more.flow) == (60.1, 6, 2)  # two are there, and two times two will come
    strict = choose(now, none, Factors(), Ledger(), capacity=4, precision=0.3)
    assert (strict.score, strict.binds, strict.leads) == (50.1, "precision", 3)
    assert strict.possible == pytest.approx(0.25)
    saved = choose(now, none, Factors(), Ledger(100, 40), capacity=4, precision=0.3)
    assert (saved.binds, saved.leads) == ("capacity", 4)  # the weeks before were better than promised
    nobody = choose(now, none, Factors(), Ledger(), capacity=4, precision=0.9)
    assert (nobody.binds, nobody.leads, nobody.precision) == ("precision", 0, None)


def test_a_higher_bound_never_hands_over_more_whatever_single_weeks_have_shown():
    """Where counts fall as the bound does, the low bound is not taken for one that brings few."""
    leads = np.where(GRID <= 40, 5.0, np.where(GRID <= 60, 20.0, np.where(GRID <= 80, 8.0, 0.0)))
    none = Reached(np.zeros(len(GRID)), np.zeros(len(GRID)))
    for now, later in ((Reached(leads, leads * 0.5), none), (none, Reached(leads, leads * 0.5))):
        found = choose(now, later, Factors(), Ledger(), capacity=10, precision=0.1)
        assert (found.score, found.leads) == (60.1, 8)  # not 0.0, at which 5 seem to come


@given(st.integers(1, 500), st.lists(st.integers(-2000, 500), max_size=40), st.integers(0, 300))
def test_what_is_made_up_is_a_quarter_of_a_week_at_most_and_grows_with_what_fell_short(
    promised: int, short: list[int], more: int
):
    found = made_up(promised, short)
    assert abs(found) <= promised / 4
    assert made_up(promised, [-one for one in short]) == -found
    for place in range(len(short)):
        assert made_up(promised, [*short[:place], short[place] + more, *short[place + 1 :]]) >= found
    # whatever came before, four promised weeks that bring nothing are owed in full, and four more change nothing
    assert made_up(promised, [*short, *[promised] * 8]) == promised / 4


def test_a_lull_is_made_up_week_by_week():
    """A lull of 46 of 60; each week after it brings just what it aims at: three quarters of what is owed stay."""
    short, owed = [46], 46.0
    for _ in range(8):
        more = made_up(60, short)
        assert more == pytest.approx(min(owed / 4, 15), abs=1e-9)
        brought = round(more)
        short.append(-brought)
        owed -= brought
    assert 0 <= owed <= 6
    # a shortage that nobody could work off is not carried on: 240 are owed, and after 15 weeks of 15 that is over
    assert made_up(60, [60] * 30 + [-15] * 15) == pytest.approx(15 / 4)
    assert made_up(60, [60] * 30 + [-15] * 16) == 0


def test_what_the_docstrings_show():
    assert doctest.testmod(contract_bound).failed == 0
