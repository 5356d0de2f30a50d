"""Worked or not: sales' acts around a score, and never what came of it or came later."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.events import Event
from data.log import EventLog
from data.worked import worked
from tests.histories import alias, at, log_of, playbook, track
from veraison.playbook import Journey

TABLES = {"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]}
JOURNEY = playbook(journey=TABLES).journey
NAMED = playbook(journey=TABLES | {"worked": ["Call Made"]}).journey
SCORED = 30.0


def act(kind: str, day: float, by: str | None = None, **more: float) -> Event:
    return replace(track("L1", kind, day, **more), actor=by)


def said(*events: Event, journey: Journey = JOURNEY, at_day: float = 100, days: int | None = None) -> bool:
    log = log_of(track("L1", "Lead Created", 0), *events)
    return bool(told(log, journey, at_day, days)[0])


def told(log: EventLog, journey: Journey, at_day: float, days: int | None = None) -> "np.ndarray":
    person = log.persons(at(at_day))[log.codes(["L1"])]
    return worked(log, journey, person, np.array([at(SCORED)]), before=at(at_day), days=days)


def test_the_worked_example():
    assert said(act("Call", 39, "Petit"), act("Deal Won", 41, "Petit"))
    assert not said(act("Deal Won", 34, "Petit"))
    assert not said(act("Call", 49, "Petit"))


@pytest.mark.parametrize(
    ("kind", "by", "journey", "counts"),
    [
        ("Accepted", None, JOURNEY, True),
        ("Returned", None, JOURNEY, True),
        ("Email Sent", None, JOURNEY, False),  # a machine's mailing names nobody
        ("Call Made", "Petit", JOURNEY, True),
        ("Call Made", None, JOURNEY, False),
        ("Call Made", None, NAMED, True),
        ("Meeting", "Petit", NAMED, False),  # where acts are named, only those
        ("Accepted", None, NAMED, True),
        ("Lead Created", "Petit", JOURNEY, False),
        ("Deal Won", "Petit", JOURNEY, False),
        ("Deal Lost", "Petit", JOURNEY, False),
        ("Stop", "Petit", JOURNEY, False),
    ],
)
def test_what_is_an_act_of_sales(kind: str, by: str | None, journey: Journey, counts: bool):
    assert said(act(kind, SCORED + 2, by), journey=journey) is counts


def test_the_days_around_a_score():
    for day, counts in ((16, True), (15.99, False), (43.99, True), (44, False)):
        assert said(act("Call", day, "Petit")) is counts, day
    assert said(act("Call", 36.9, "Petit"), days=7)
    assert not said(act("Call", 37, "Petit"), days=7)
    short = JOURNEY.model_copy(update={"worked_days": 3})
    assert not said(act("Call", 34, "Petit"), journey=short)


def test_who_is_accepted_stays_worked_until_given_back():
    assert said(act("Accepted", 1))
    assert not said(act("Accepted", 1), act("Returned", 5))
    assert said(act("Accepted", 1), act("Returned", 5), act("Accepted", 9))


def test_what_comes_after_the_end_is_no_work_on_the_lead():
    assert not said(act("Deal Lost", 31), act("Call", 32, "Petit"))
    assert said(act("Call", 31, "Petit"), act("Deal Lost", 32))
    assert said(act("Stop", 31), act("Call", 32, "Petit"))  # who opts out may still be won


def test_what_was_not_known_yet_is_not_seen():
    late = act("Call", 31, "Petit", known=60)
    assert not said(late, at_day=60)
    assert said(late, at_day=61)


def test_a_person_is_worked_under_all_ids():
    call = replace(track("a", "Call", 31), actor="Petit")
    log = log_of(track("a", "Lead Created", 0), track("L1", "Lead Created", 1), call, alias("a", "L1", 50))
    assert not told(log, JOURNEY, 45)[0]
    assert told(log, JOURNEY, 60)[0]


KINDS = ("Accepted", "Returned", "Call", "Deal Won", "Deal Lost", "Stop", "Visit")
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 89), st.sampled_from([None, "Petit"])), max_size=10
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, EVENTS)
def test_what_happens_after_the_window_changes_nothing(early: list, late: list):
    """Else who stays open for long would be worked for having stayed."""
    window = JOURNEY.worked_days
    known = [act(kind, day * (SCORED + window - 0.1) / 90, by) for kind, day, by in early]
    later = [act(kind, SCORED + window + day / 90, by) for kind, day, by in late]
    assert said(*known) is said(*known, *later)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS)
def test_a_plain_reading_of_the_rule_says_the_same(events: list):
    """The oracle: lists and sorting, no kernel."""
    closed = min((day for kind, day, _ in events if kind in ("Deal Won", "Deal Lost")), default=1_000)
    seen = [(kind, day, by) for kind, day, by in events if day < closed]
    moves = sorted((day, kind == "Returned") for kind, day, _ in seen if kind in ("Accepted", "Returned") and day < 30)
    has = bool(moves) and not moves[-1][1]
    acts = [day for kind, day, by in seen if kind in ("Accepted", "Returned") or (by and kind in ("Call", "Visit"))]
    expected = has or any(16 <= day < 44 for day in acts)
    assert said(*(act(kind, day, by) for kind, day, by in events)) is expected


def test_nobody_and_nothing():
    log = log_of(track("L1", "Lead Created", 0))
    none = np.empty(0, dtype=np.int64)
    assert worked(log, JOURNEY, none, none, before=at(1)).tolist() == []
