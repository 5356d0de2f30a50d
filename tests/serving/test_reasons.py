"""Reasons by groups: known sums, the column that speaks for its group, and nothing lost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import FeatureSet, Sequence, TraitSpec
from features.custom import registered
from features.groups import title
from features.rates import RateHistory
from features.words import LANGUAGES
from serving.reasons import OTHER_SIGNALS, reasons_of
from tests.features import firm

SET = FeatureSet(
    windows=(7, 30),
    kinds=("Quote", "Mail Sent"),
    outbound=("Mail Sent",),
    neutral=("Lead Created",),
    valued=("Quote",),
    traits=(TraitSpec("country", "category", ("FR",)), TraitSpec("domain", "account")),
    half_lives=(7,),
    sequences=(Sequence("Mail Sent", "Quote", 7),),
    people=True,
    rates=tuple(RateHistory(name, (), (0, 0), (), (), ()) for name in ("country", "source", "actor")),
    custom=tuple(one.spec for one in registered(firm.__name__)),
)


def group(name):
    return SET.group_of(SET.features[SET.names.index(name)])


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        ("event:Quote", "count__quote__7d decayed__quote__half_7d since__quote first__quote sum__quote__ever "
         "highest__quote latest__quote"),
        ("event:Mail Sent", "count__mail_sent__ever since__mail_sent"),
        ("activity", "count__all__7d count__inbound__ever active_days__inbound__30d trend__all__7d_30d "
         "gap_mean__inbound office_hours__all overdue__inbound"),
        ("touches", "count__outbound__7d since__outbound busiest_day__outbound"),
        ("other_events", "count__other__7d active_days__other__ever"),
        ("journey", "age recent_kind__1 stage in_stage"),
        ("people", "actors rate__actor"),
        ("sequences", "sequence__mail_sent__quote__7d"),
        ("trait:country", "trait__country missing__country learned__country rate__country"),
        ("trait:source", "rate__source"),
        ("profile", "profile"),
        ("company", "missing__domain learned__domain colleagues active_colleagues__7d colleague_acts__30d "
         "since_colleague won_colleagues"),
        ("custom:quotes_at_night", "custom__quotes_at_night"),
    ],
)  # fmt: skip
def test_columns_belong_to_what_a_seller_understands(expected, names):
    assert {group(name) for name in names.split()} == {expected}


def test_every_column_has_one_group():
    places = [place for places in SET.members for place in places]
    assert sorted(places) == list(range(len(SET.names)))
    assert [{group(SET.names[place]) for place in places} for places in SET.members] == [{key} for key in SET.groups]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_group_has_words_of_its_own(language):
    titles = [title(SET, key, language) for key in SET.groups]
    assert len({*titles}) == len(titles)
    assert all(titles)
    assert title(SET, "event:Quote", language) == "Quote"
    assert title(SET, "custom:quotes_at_night", language) in ("quotes at night", "devis la nuit")


def told(shown=8, language="en", **points):
    """Reasons of a lead that has these points, and the value 2 in every column."""
    row = np.zeros(len(SET.names))
    for name, value in points.items():
        row[SET.names.index(name)] = value
    return reasons_of(SET, np.full(len(row), 2.0), row, language, shown)


def test_near_duplicates_are_one_reason_told_by_the_weightiest_of_them():
    (one,) = told(since__quote=3.0, count__quote__7d=4.0, count__quote__30d=-1.0)
    assert (one.group, one.feature, one.value, one.points, one.type) == (
        "event:Quote", "count__quote__7d", 2.0, 6.0, "positive",
    )  # fmt: skip
    assert one.text == "Quote: 2 in 7 days"


def test_the_sentence_is_of_the_direction_of_the_sum():
    (one,) = told(since__quote=5.0, count__quote__7d=-3.0, count__quote__30d=-4.0)
    assert (one.feature, one.points, one.type) == ("count__quote__30d", -2.0, "negative")


def test_of_two_that_carry_as_much_the_first_speaks():
    (one,) = told(since__quote=3.0, first__quote=3.0)
    assert one.feature == "since__quote"


def test_columns_that_cancel_out_are_no_reason():
    assert told(since__quote=3.0, count__quote__7d=-3.0) == ()
    assert [one.group for one in told(since__quote=3.0, count__quote__7d=-3.0, age=1.0)] == ["journey"]


def test_what_is_not_shown_is_together():
    first, rest = told(1, "fr", age=-2.0, since__quote=3.0, profile=0.5)
    assert (first.group, first.text) == ("event:Quote", "Quote : il y a 2 jours")
    assert (rest.feature, rest.group, rest.value, rest.points) == (OTHER_SIGNALS, OTHER_SIGNALS, None, -1.5)
    assert rest.text == "tous les autres signaux réunis"


@given(st.integers(0, 10_000), st.integers(0, 20), st.sampled_from(LANGUAGES))
def test_no_point_is_lost_and_the_weightiest_come_first(seed, shown, language):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=len(SET.names)) * (rng.random(len(SET.names)) < 0.3)
    found = reasons_of(SET, rng.integers(0, 2, len(points)).astype(float), points, language, shown)
    assert math.fsum(one.points for one in found) == pytest.approx(math.fsum(points), abs=1e-9)
    weights = [abs(one.points) for one in found if one.group != OTHER_SIGNALS]
    assert weights == sorted(weights, reverse=True)
    assert len({one.group for one in found}) == len(found) <= shown + 1
    for one in found:
        if one.group != OTHER_SIGNALS:
            place = SET.names.index(one.feature)
            assert SET.group_of(SET.features[place]) == one.group
            assert points[place] * one.points > 0
