"""Conversion rates of categories as they were known at a moment."""

import doctest
import math
from dataclasses import asdict, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY as DAY
from features import compute, rates
from features.catalogue import FeatureSet, TraitSpec
from features.rates import RateHistory
from tests.features.worlds import rate_history
from tests.histories import START, at, identify, log_of, track

TOLD = [
    ("fair", START, 1, 0),
    ("fair", START + 5 * DAY, 0, 1),
    ("web", START + 2 * DAY, 1, 0),
    (None, START + 2 * DAY, 2, 2),
]
SOURCE = rate_history("source", TOLD)


def rate(history, place, *days):
    return history.at(np.full(len(days), place), np.array([at(day) for day in days])).tolist()


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(rates).failed == 0


def test_before_any_outcome_is_known_there_is_no_rate():
    assert all(math.isnan(one) for one in rate(SOURCE, 0, -400, 0, 0.5, 1 - 1 / DAY))
    assert all(math.isnan(one) for one in rate(SOURCE, 1, 0, 0.99))


def test_a_day_counts_when_it_is_over():
    assert rate(SOURCE, 0, 1, 2.99, 3, 5.99, 6, 900) == [0, 0, 2 / 4, 2 / 4, 3 / 4, 3 / 4]


def test_a_category_is_drawn_towards_everyone():
    fair = (0 + 20 * 0.5) / (1 + 20), (1 + 20 * 0.75) / (1 + 20)
    assert rate(SOURCE, 1, 3, 6) == pytest.approx(fair, rel=1e-15)
    assert rate(SOURCE, 2, 1, 3) == pytest.approx((0.0, (20 * 0.5) / 21), rel=1e-15)  # web is not known on day 1


def test_a_category_that_is_not_known_has_no_rate_and_an_unheard_one_everyones():
    assert math.isnan(rate(SOURCE, -1, 6)[0])
    assert rate(SOURCE, 0, 6) == [0.75]


def test_without_outcomes_there_is_no_rate():
    assert math.isnan(rate(rate_history("source", []), 0, 900)[0])


@pytest.mark.parametrize("history", [SOURCE, rate_history("actor", [])])
def test_a_history_survives_being_written(history):
    assert RateHistory.of(asdict(history)) == history
    assert (
        RateHistory.of({key: list(v) if isinstance(v, tuple) else v for key, v in asdict(history).items()}) == history
    )


outcomes = st.lists(
    st.tuples(
        st.sampled_from([None, "x", "y"]), st.integers(0, 8 * 4).map(lambda n: START + n * DAY // 4), st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=20,
)  # fmt: skip


@given(outcomes, st.sampled_from([None, "x", "y"]), st.floats(0, 10))
def test_a_rate_is_that_of_the_outcomes_of_days_that_are_over(told, category, day):
    history = rate_history("source", told)
    over = [one for one in told if one[1] // DAY < at(day) // DAY]
    leads, won = (sum(one[part] for one in over) for part in (2, 3))
    mine = [one for one in over if one[0] == category and category is not None]
    (found,) = rate(history, history.places.get(category, 0), day)
    if leads == 0:
        assert math.isnan(found)
        return
    expected = (sum(one[3] for one in mine) + 20 * Fraction(won, leads)) / (sum(one[2] for one in mine) + 20)
    assert found == pytest.approx(float(expected), rel=1e-12)


@given(outcomes, outcomes, st.integers(0, 9))
def test_later_outcomes_and_the_order_in_which_they_are_told_change_nothing(told, more, day):
    later = [(category, max(known, at(day)), leads, won) for category, known, leads, won in more]
    before, after = rate_history("source", told), rate_history("source", [*later, *told[::-1]])
    for category in (None, "x", "y"):
        places = [one.places.get(category, 0) for one in (before, after)]
        one, other = (np.array(rate(h, p, day, day - 0.5)) for h, p in zip((before, after), places, strict=True))
        assert one.tobytes() == other.tobytes()


# --- as columns

SET = FeatureSet(
    windows=(7,), kinds=("Quote",), outbound=(), neutral=("identify", "Deal Won"), valued=(),
    traits=(TraitSpec("source", "category", ("fair",)),),
    rates=(SOURCE, rate_history("actor", [("Petit", START, 1, 1), ("Durand", START, 1, 0)])),
)  # fmt: skip


def told(*events, day=10.0, which=SET):
    row = compute.vector(log_of(track("a", "Quote", 0.0), *events), which, "a", at(day), at(0))
    return dict(zip(which.names, row.tolist(), strict=True))


def test_the_category_is_folded_and_the_newest_known():
    fair, web = (round(rate(SOURCE, place, 10)[0], 12) for place in (1, 2))
    assert round(told(identify("a", 1, source=" FAIR"))["rate__source"], 12) == fair
    changed = [identify("a", 1, source="fair"), identify("a", 2, known=5, source="web")]
    assert round(told(*changed)["rate__source"], 12) == web
    assert told(*changed, day=4.0)["rate__source"] == rate(SOURCE, 1, 4)[0]
    assert told(identify("a", 1, source="unheard"))["rate__source"] == rate(SOURCE, 0, 10)[0]
    assert math.isnan(told()["rate__source"])


def test_the_rate_of_a_trait_needs_no_other_column_of_it():
    alone = SET.only(["rate__source"])
    assert told(identify("a", 1, source="fair"), which=alone) == {"rate__source": rate(SOURCE, 1, 10)[0]}


def test_the_rate_of_whoever_acted_last():
    petit, durand = (rate(SET.rates[1], SET.rates[1].places[who], 10)[0] for who in ("Petit", "Durand"))

    def by(actor, day, kind="Quote", **more):
        return replace(track("a", kind, day, **more), actor=actor)

    assert told(by("Petit", 1), track("a", "Quote", 2))["rate__actor"] == petit
    assert told(by("Petit", 1), by("Durand", 2))["rate__actor"] == durand
    assert told(by("Petit", 3), by("Durand", 2, known=4))["rate__actor"] == petit
    assert told(by("Petit", 1), by("Durand", 2, "Deal Won"))["rate__actor"] == petit  # no act
    assert told(by("Nobody we know", 2))["rate__actor"] == rate(SET.rates[1], 0, 10)[0]
    assert math.isnan(told()["rate__actor"])
    assert told(by("Petit", 1), which=SET.only(["rate__actor"])) == {"rate__actor": petit}
