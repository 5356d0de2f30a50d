"""Who is at risk, from when to when, and what was known of it: the two moments ``as_of`` and ``before``."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, instant
from tests import market
from tests.histories import alias, at, identify, log_of, playbook, track
from training.evaluate import later_pairs
from training.landmarks import MINUTE, Landmarks, conversions, earliest_birth, landmarks, ripenings

DAYS = {"training": {"landmark_days": [0, 7, 30]}}
BOOK = playbook(**DAYS)
READY = playbook(**DAYS, journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]})
BORN = track("a", "Lead Created", 0)


def pairs_of(log, book=BOOK, before=100.0, days=None):
    return landmarks(log, book, before=at(before), days=days)


def told(log, pairs):
    """Leads and days of landmarks."""
    return [(log.leads[lead], int(day)) for lead, day in zip(pairs.lead, pairs.day, strict=True)]


def followed(log, book=BOOK, before=100.0, of=conversions):
    """What became of each usable landmark: day -> (entry, duration, event), to the minute."""
    pairs = pairs_of(log, book, before)
    outcomes, usable = of(log, book, pairs, at(before))
    late = MINUTE / MICROS_PER_DAY
    return {
        int(day): (round(float(entry), 6), round(float(duration) + late, 6), bool(event))
        for day, entry, duration, event, use in zip(
            pairs.day, outcomes.entry, outcomes.duration, outcomes.event, usable, strict=True
        )
        if use
    }


def test_the_worked_example_of_the_module():
    log = log_of(BORN, track("a", "Deal Lost", 19))  # created 1 March, lost 20 March, snapshot 1 May: days 0, 19, 61
    pairs = pairs_of(log, before=61)
    assert told(log, pairs) == [("a", 0), ("a", 7)]  # of day 30 it was closed
    outcomes, usable = conversions(log, BOOK, pairs, at(61))
    assert usable.all()
    assert not outcomes.event.any()
    assert outcomes.duration[1] == pytest.approx(54, abs=0.01)


def test_day_zero_is_a_minute_after_the_creation_was_known():
    pairs = pairs_of(log_of(track("a", "Lead Created", 1, known=3)))
    assert [instant(int(moment)).isoformat() for moment in pairs.as_of[:2]] == [
        "2026-01-04T00:01:00+00:00",
        "2026-01-11T00:01:00+00:00",
    ]
    assert pairs.started[0] == at(1)
    assert pairs.born[0] == at(3)


def test_landmarks_stand_before_the_snapshot():
    log = log_of(BORN)
    assert told(log, pairs_of(log, before=7)) == [("a", 0)]
    assert told(log, pairs_of(log, before=7.01)) == [("a", 0), ("a", 7)]


def test_landmarks_are_sorted_by_lead_and_moment():
    log = log_of(track("b", "Lead Created", 0), track("a", "Lead Created", 5))
    assert told(log, pairs_of(log)) == [(lead, day) for lead in "ab" for day in (0, 7, 30)]


@pytest.mark.parametrize("closing", ["Deal Lost", "Deal Won", "Stop"])
def test_a_closed_lead_is_no_landmark(closing):
    log = log_of(BORN, track("a", closing, 6))
    assert told(log, pairs_of(log, READY)) == [("a", 0)]


def test_a_loss_that_was_not_known_yet_leaves_the_landmark_open():
    log = log_of(BORN, track("a", "Deal Lost", 6, known=8))
    assert told(log, pairs_of(log)) == [("a", 0), ("a", 7)]


def test_visitors_are_landmarks_where_any_event_starts_a_journey_and_only_until_they_merge():
    book = playbook(**DAYS, journey={"created": []})
    log = log_of(track("anon", "Visited", 0), alias("anon", "a", 5))
    assert told(log, pairs_of(log, book)) == [("a", 0), ("a", 7), ("a", 30), ("anon", 0)]


def test_a_win_ends_the_time_at_risk():
    assert followed(log_of(BORN, track("a", "Deal Won", 10))) == {0: (0, 10, True), 7: (0, 3, True)}


def test_a_lost_lead_is_at_risk_until_the_snapshot():
    assert followed(log_of(BORN, track("a", "Deal Lost", 10)))[0] == (0, 100, False)


def test_an_open_lead_is_followed_until_the_snapshot():
    assert followed(log_of(BORN), before=40) == {0: (0, 40, False), 7: (0, 33, False), 30: (0, 10, False)}


def test_a_win_after_a_loss_is_no_conversion():
    log = log_of(BORN, track("a", "Deal Lost", 10), track("a", "Deal Won", 20))
    assert followed(log)[0] == (0, 100, False)


def test_a_win_after_opting_out_is_a_conversion_and_opting_out_after_a_win_changes_nothing():
    won = {0: (0, 10, True), 7: (0, 3, True)}
    assert followed(log_of(BORN, track("a", "Deal Won", 10), track("a", "Stop", 20)), READY) == won
    assert followed(log_of(BORN, track("a", "Stop", 8), track("a", "Deal Won", 10)), READY) == won


def test_a_win_that_became_known_late_counts_when_it_happened():
    assert followed(log_of(BORN, track("a", "Deal Won", 10, known=60)))[0] == (0, 10, True)


def test_a_landmark_between_a_win_and_its_becoming_known_cannot_be_used():
    log = log_of(BORN, track("a", "Deal Won", 5, known=60))
    assert told(log, pairs_of(log)) == [("a", 0), ("a", 7), ("a", 30)]
    assert followed(log) == {0: (0, 5, True)}


def test_a_win_that_is_not_known_at_the_snapshot_did_not_happen():
    assert followed(log_of(BORN, track("a", "Deal Won", 10, known=60)), before=60)[0] == (0, 60, False)


def test_follow_up_begins_where_outcomes_were_recorded():
    book = playbook(**DAYS, journey={"observed_from": "2026-01-21T00:00:00Z"})  # day 20
    early = 20 - MINUTE / MICROS_PER_DAY
    assert followed(log_of(BORN), book)[0] == (round(early, 6), 100, False)
    assert followed(log_of(BORN, track("a", "Deal Won", 25)), book)[7] == (round(early - 7, 6), 18, True)
    assert followed(log_of(BORN), book)[30] == (0, 70, False)
    assert followed(log_of(BORN, track("a", "Deal Won", 15)), book) == {}  # nobody could have seen it
    pairs = pairs_of(log_of(BORN), book)
    outcomes, _ = conversions(log_of(BORN), book, pairs, at(100))
    assert outcomes.settled(30).tolist() == [False, False, True]


def test_an_outcome_is_settled_when_the_horizon_is_over_whatever_happened():
    log = log_of(BORN, track("a", "Deal Won", 8))
    pairs = pairs_of(log, before=20)
    outcomes, _ = conversions(log, BOOK, pairs, at(20))
    assert outcomes.settled(19).tolist() == [True, False]
    assert not outcomes.settled(21).any()  # though it converted
    assert outcomes.within(7.9).tolist() == [False, True]


def test_a_visitors_outcome_is_that_of_the_customer_he_turns_out_to_be():
    book = playbook(**DAYS, journey={"created": []})
    log = log_of(track("anon", "Visited", 0), alias("anon", "a", 5), track("a", "Deal Won", 9))
    pairs = pairs_of(log, book)
    outcomes, usable = conversions(log, book, pairs, at(100))
    assert told(log, pairs[usable]) == [("a", 0), ("anon", 0)]
    assert outcomes.event[usable].all()


def test_readiness_is_the_first_of_acceptance_and_conversion():
    assert followed(log_of(BORN, track("a", "Accepted", 3)), READY, of=ripenings) == {0: (0, 3, True)}
    assert followed(log_of(BORN, track("a", "Deal Won", 3)), READY, of=ripenings) == {0: (0, 3, True)}
    assert followed(log_of(BORN, track("a", "Deal Lost", 3), track("a", "Accepted", 4)), READY, of=ripenings) == {
        0: (0, 100, False)
    }


def test_a_return_starts_readiness_anew():
    log = log_of(BORN, track("a", "Accepted", 3), track("a", "Returned", 6), track("a", "Accepted", 40))
    assert followed(log, READY, of=ripenings) == {0: (0, 3, True), 7: (0, 33, True), 30: (0, 10, True)}


def test_a_landmark_that_was_ready_in_truth_cannot_be_used_for_readiness():
    log = log_of(BORN, track("a", "Accepted", 3, known=20))
    assert followed(log, READY, of=ripenings) == {0: (0, 3, True)}
    returned = log_of(BORN, track("a", "Accepted", 3, known=20), track("a", "Returned", 6, known=21))
    assert followed(returned, READY, of=ripenings) == {0: (0, 3, True), 7: (0, 93, False), 30: (0, 70, False)}


# --- what is known later changes nothing ----------------------------------------------------------------------------

KINDS = ["Lead Created", "Visited", "Accepted", "Returned", "Deal Won", "Deal Lost", "Stop"]
day = st.integers(0, 60).map(float)


@st.composite
def histories(draw, known_from=0.0):
    size = draw(st.integers(0, 15))
    rows = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(KINDS), day, day), min_size=size, max_size=size)
    )
    merges = draw(st.lists(st.tuples(st.permutations("abc"), day), max_size=2))
    events = [track(lead, kind, when, known=max(when + late, known_from)) for lead, kind, when, late in rows]
    return events + [identify(who[0], max(when, known_from), previous=who[1]) for who, when in merges]


def bare(log, book, before):
    """Everything that training could learn of landmarks and outcomes, with ids in place of codes."""
    pairs = landmarks(log, book, before=before)
    found = [told(log, pairs), *(getattr(pairs, name).tolist() for name in ("as_of", "started", "born", "ready"))]
    for of in (conversions, ripenings):
        outcomes, usable = of(log, book, pairs, before)
        found += [getattr(outcomes, name).tolist() for name in ("entry", "duration", "event", "followed")]
        found.append(usable.tolist())
    person = log.persons(before)[pairs.lead]
    return [*found, [log.leads[code] for code in person], earliest_birth(log, pairs, before).tolist()]


@given(histories(), histories(known_from=50.0))
def test_what_is_known_after_the_snapshot_changes_nothing(events, later):
    assert bare(log_of(BORN, *events), READY, at(50)) == bare(log_of(BORN, *events, *later), READY, at(50))


@given(histories())
def test_durations_are_what_survival_analysis_expects(events):
    log = log_of(BORN, *events)
    pairs = landmarks(log, READY, before=at(70))
    for of in (conversions, ripenings):
        outcomes, usable = of(log, READY, pairs, at(70))
        used = outcomes[usable]
        assert (used.entry >= 0).all()
        assert (used.duration > used.entry).all()
        assert (used.duration <= used.followed).all()


# --- sides ----------------------------------------------------------------------------------------------------------


def test_judging_begins_a_gap_after_the_origin_and_ends_a_horizon_before_the_snapshot():
    book = playbook(horizons={"days": [10, 30], "primary": 30}, training={"landmark_days": [0, 7], "gap_days": 2})
    births = {"a": 18.0, "b": 20.0, "c": 21.9, "d": 22.0, "e": 70.0 - 7, "f": 70.1}
    log = log_of(*(track(lead, "Lead Created", when) for lead, when in births.items()))
    later = later_pairs(log, book, at(20), at(100))
    assert told(log, later) == [("d", 0), ("d", 7), ("e", 0)]  # e's day 7 is a minute too young, f all of it


def test_nobody_trains_and_judges_under_two_names():
    book = playbook(**DAYS, journey={"created": []}, horizons={"days": [7], "primary": 7})
    log = log_of(
        track("anon", "Visited", 5), alias("anon", "customer", 40), track("stranger", "Visited", 40),
        identify("first", 5, email="x@y.fr"), identify("second", 40, email="x@y.fr"),
        keys=("email",),
    )  # fmt: skip
    trained = {log.leads[lead] for lead in landmarks(log, book, before=at(30)).lead}
    judged = {log.leads[lead] for lead in later_pairs(log, book, at(30), at(100)).lead}
    assert trained == {"anon", "first"}
    assert judged == {"stranger"}


@given(histories(), st.integers(1, 50))
def test_no_person_is_on_both_sides(events, origin):
    book = playbook(
        journey={"created": []}, horizons={"days": [5], "primary": 5}, training={"landmark_days": [0, 3, 9]}
    )
    log = log_of(*events, BORN)
    person = log.persons(at(70))
    earlier, later = landmarks(log, book, before=at(origin)), later_pairs(log, book, at(origin), at(70))
    assert not {*person[earlier.lead]} & {*person[later.lead]}
    assert (later.born >= at(origin + 1)).all()


def test_rows_can_be_chosen():
    pairs = pairs_of(log_of(BORN))
    assert isinstance(pairs[np.array([True, False, True])], Landmarks)
    assert pairs[np.array([2, 0])].day.tolist() == [30, 0]


def test_nothing_is_learned_of_a_lead_from_the_moment_it_opted_out():
    log, kinds = market.log(), set(market.BOOK.journey.opted_out)
    pairs = landmarks(log, market.BOOK, before=market.SNAPSHOT)
    stopped = {}
    for code in range(len(log.leads)):
        for place in range(log.offsets[code], log.offsets[code + 1]):
            if log.kinds[log.kind[place]] in kinds:
                stopped.setdefault(code, int(log.known[place]))
    rows = zip(pairs.lead.tolist(), pairs.as_of.tolist(), strict=True)
    before = [as_of <= stopped[lead] for lead, as_of in rows if lead in stopped]
    assert len(before) > 50
    assert all(before)
