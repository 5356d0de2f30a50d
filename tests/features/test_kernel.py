"""The kernel by hand: small histories whose every number can be told by looking (tests/parity has the oracle)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY
from data.log import NEVER
from features import compute
from features.catalogue import FeatureSet, TraitSpec
from tests.histories import alias, at, identify, log_of, track

SET = FeatureSet(
    windows=(1, 7, 30),
    kinds=("Quote", "Mail Sent", "Lead Created"),
    outbound=("Mail Sent",),
    neutral=("Lead Created", "identify", "alias"),
    valued=("Quote",),
    traits=(TraitSpec("country", "category", ("FR", "DE")), TraitSpec("size", "number")),
)

MICROSECOND = 1 / MICROS_PER_DAY


def told(*events, day=10.0, lead="a", started=0.0):
    """Every column of one lead on one day, by name."""
    row = compute.vector(log_of(*events), SET, lead, at(day), NEVER if started is None else at(started))
    return dict(zip(SET.names, row.tolist(), strict=True))


def test_never_is_not_zero():
    found = told(track("a", "Quote", 9.5))
    assert found["count__mail_sent__7d"] == 0
    assert math.isnan(found["since__mail_sent"])
    assert math.isnan(found["sum__quote__ever"])
    assert math.isnan(found["trend__outbound__1d_7d"])
    assert math.isnan(found["trait__country"])
    assert found["profile"] == 0


def test_a_value_of_zero_is_not_the_same_as_no_value():
    assert told(track("a", "Quote", 9, value=0.0))["sum__quote__30d"] == 0


def test_a_window_holds_what_is_younger_than_its_days():
    edge = told(track("a", "Quote", 3.0))
    assert (edge["count__quote__7d"], edge["count__quote__30d"], edge["count__quote__ever"]) == (0, 1, 1)
    assert told(track("a", "Quote", 3.0 + MICROSECOND))["count__quote__7d"] == 1


def test_what_becomes_known_at_the_moment_is_not_visible_yet():
    assert told(track("a", "Quote", 10.0))["count__quote__ever"] == 0
    assert told(track("a", "Quote", 9.0, known=10.0))["count__quote__ever"] == 0
    assert told(track("a", "Quote", 9.0, known=10.0 - MICROSECOND))["count__quote__ever"] == 1
    assert math.isnan(told(identify("a", 9.0, known=10.0, size=5.0))["trait__size"])
    assert told(identify("a", 9.0, known=10.0 - MICROSECOND, size=5.0))["trait__size"] == 5


def test_a_late_event_counts_when_it_happened():
    found = told(track("a", "Quote", 1.0, known=9.9))
    assert (found["count__quote__7d"], found["count__quote__30d"], found["since__quote"]) == (0, 1, 9.0)


def test_recency_is_of_the_newest_event_not_of_the_last_known():
    assert told(track("a", "Quote", 8.0), track("a", "Quote", 2.0, known=9.0))["since__quote"] == 2.0


def test_active_days_are_counted_back_from_the_moment():
    found = told(*(track("a", "Quote", day) for day in (9.9, 9.1, 8.95, 5.5, 2.9)))
    assert (found["active_days__all__7d"], found["active_days__inbound__30d"]) == (3, 4)


def test_a_trend_compares_the_pace_of_two_windows():
    assert told(*(track("a", "Quote", day) for day in (9.5, 9.6, 4.0, 5.0)))["trend__inbound__1d_7d"] == 2 * 7 / 4


def test_groups_are_acts_touches_and_the_rest():
    found = told(
        track("a", "Quote", 1), track("a", "Mail Sent", 2), track("a", "Never Seen Before", 3), track("a", "Rare", 4)
    )
    counts = [found[f"count__{group}__ever"] for group in ("all", "inbound", "outbound", "other")]
    assert counts == [4, 1, 1, 2]


def test_the_journeys_own_events_count_for_themselves_only():
    found = told(track("a", "Lead Created", 1), identify("a", 2, country="FR"), alias("z", "a", 3))
    assert found["count__lead_created__ever"] == 1
    assert [found[f"count__{group}__ever"] for group in ("all", "inbound", "outbound", "other")] == [0, 0, 0, 0]
    assert math.isnan(found["since__all"])


def test_sums_are_exact_where_floats_would_not_be():
    values = [0.1] * 10 + [1e9, -1e9]
    assert told(*(track("a", "Quote", 5 + n / 100, value=v) for n, v in enumerate(values)))["sum__quote__30d"] == 1.0


def test_the_age_is_that_of_the_journey():
    assert told(track("a", "Quote", 9), started=2.5)["age"] == 7.5
    assert math.isnan(told(track("a", "Quote", 9), started=None)["age"])


def test_a_trait_is_the_one_that_is_true_of_the_latest_moment():
    learned = [identify("a", 5, country="FR"), identify("a", 1, known=6, country="DE")]  # the older truth came later
    assert told(*learned)["trait__country"] == SET.traits[0].categories.index("FR") + 1
    again = [*learned, identify("a", 5, known=7, country="DE")]  # of two truths of one moment the one known last
    assert told(*again)["trait__country"] == SET.traits[0].categories.index("DE") + 1
    assert told(*again, day=6.5)["trait__country"] == 1


def test_a_category_nobody_trained_with_is_other_and_an_unreadable_number_is_not_known():
    found = told(identify("a", 1, country="IT", size="many"))
    assert (found["trait__country"], found["profile"]) == (0, 1)
    assert math.isnan(found["trait__size"])
    assert told(identify("a", 1, size="12"), identify("a", 2, size="many"))["trait__size"] == 12


def test_an_anonymous_past_shows_from_the_merge_on():
    events = [track("anon", "Quote", 2, value=5.0), alias("anon", "a", 6), track("a", "Mail Sent", 1)]
    assert told(*events, day=5.9)["count__quote__ever"] == 0
    after = told(*events, day=6.1)
    assert (after["count__quote__ever"], after["sum__quote__ever"]) == (1, 5.0)
    assert after["since__quote"] == pytest.approx(4.1)


def test_a_lead_without_events_has_a_row_too():
    log = log_of(track("a", "Quote", 1), identify("b", 2, country="FR"))
    row = compute.vector(log, SET, "b", at(1.0), at(0))
    found = dict(zip(SET.names, row, strict=True))
    assert found["count__all__ever"] == 0
    assert math.isnan(found["trait__country"])


def test_no_pairs_give_an_empty_matrix_of_the_right_width():
    nobody = np.empty(0, dtype=np.int64)
    assert compute.batch(log_of(track("a", "Quote", 1)), SET, nobody, nobody, nobody).shape == (0, len(SET.names))


days = st.floats(0, 20, allow_nan=False)
history = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["Quote", "Mail Sent", "x"]), days, days), max_size=30
)


@given(history, st.lists(st.tuples(st.sampled_from("ab"), days), min_size=1, max_size=6))
def test_a_pairs_numbers_depend_on_no_other_pair(events, asked):
    log = log_of(
        track("a", "Quote", 0.0), track("b", "x", 0.0),
        *(track(lead, kind, day, known=day + late, value=late) for lead, kind, day, late in events),
    )  # fmt: skip
    lead, as_of = log.codes([who for who, _ in asked]), np.array([at(day) for _, day in asked])
    together = compute.batch(log, SET, lead, as_of, np.full(len(asked), at(0)))
    for place, (who, day) in enumerate(asked):
        assert together[place].tobytes() == compute.vector(log, SET, who, at(day), at(0)).tobytes()
