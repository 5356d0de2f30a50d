"""Bots, late events and repeats against their usual range, in logs of a few lines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Event
from data.quarantine import Refused
from monitoring import volumes
from monitoring.quality import ACTS, Quality, quality
from tests.histories import at, log_of, track

SECOND = 1 / 86_400
NOW = 140.0


def people(days: int = 140) -> list[Event]:
    """Ten visitors a day, who read four pages in four minutes, and one form that comes two days late."""
    found = [
        track(f"v{day}-{n}", "Visited", day + n / 20 + page * 60 * SECOND)
        for day in range(days)
        for n in range(10)
        for page in range(4)
    ]
    return [*found, *(track(f"f{day}", "Form", day, known=day + 2) for day in range(days - 2))]


def bots(first: float, days: int, each: int = 3, pace: float = 2 * SECOND, kind: str = "Visited") -> list[Event]:
    return [
        track(f"b{day}-{n}", kind, first + day + n / 10 + page * pace)
        for day in range(days)
        for n in range(each)
        for page in range(ACTS)
    ]


def seen(events: list[Event], now: float = NOW, snapshot: float = 100) -> Quality:
    return quality(volumes.arrivals(log_of(*events), at(now)), ("Mail Sent",), snapshot=at(snapshot), level=0.01)


def test_people_are_no_bots_and_late_forms_are_usual():
    found = seen(people())
    assert found.faults == {}
    assert found.bots is not None
    assert found.late is not None
    assert (found.bots.value, found.late.value, found.late.low <= 7 <= found.late.high) == (0, 7, True)


def test_bots_are_found_in_their_first_week_and_as_long_as_they_stay():
    for start in (133, 112):
        assert list(seen([*people(), *bots(start, int(NOW) - start)]).faults) == ["bots"]


def test_bots_that_were_there_before_the_model_are_usual():
    assert seen([*people(), *bots(0, 140)]).faults == {}


@pytest.mark.parametrize(("pace", "kind"), [(10 * SECOND, "Visited"), (2 * SECOND, "Mail Sent"), (0.0, "identify")])
def test_what_people_can_do_and_what_the_firm_does_is_no_bot(pace: float, kind: str):
    assert "bots" not in seen([*people(), *bots(133, 7, pace=pace, kind=kind)]).faults


def test_late_events_and_repeats_are_found():
    late = [track(f"l{n}", "Visited", 130, known=135 + n / 40) for n in range(60)]
    assert list(seen([*people(), *late]).faults) == ["late_events"]
    twice = [track(f"v{day}-{n}", "Visited", day + n / 20) for day in range(134, 140) for n in range(10)]
    assert list(seen([*people(), *twice]).faults) == ["duplicates"]


def refused(newest: int, usual: int = 5, since: float | None = None) -> Refused:
    """So many messages that cannot be read in each week, and in the newest one."""
    days = [140 - 7 * week - 0.5 for week in range(1, 20) for _ in range(usual)] + [139.5] * newest
    known = np.array(sorted(at(day) for day in days))
    many = len(known)
    reason = ("time",) * (many - newest) + ("id", "content", "id")[:newest] + ("content",) * max(newest - 3, 0)
    return Refused(known, reason, ("http",) * (many - 1) + ("crm.csv",), None if since is None else at(since))


def held(what: Refused, now: float = NOW, known: tuple[str, ...] = ("Form",)) -> Quality:
    arrivals = volumes.arrivals(log_of(*people()), at(now))
    return quality(arrivals, (), snapshot=at(100), level=0.01, refused=what, known=known)


def test_what_cannot_be_read_is_news_where_it_is_more_than_usual():
    calm, broken = held(refused(5)), held(refused(40))
    assert calm.faults == {}
    assert calm.unread is not None
    assert (calm.unread.value, calm.unread.low <= 5 <= calm.unread.high) == (5, True)
    assert list(broken.faults) == ["quarantine"]
    numbers = broken.faults["quarantine"].to_dict()
    assert (numbers["value"], numbers["reason"], numbers["source"]) == (40, "content", "http")
    assert numbers["value"] > numbers["high"]


def test_weeks_in_which_nobody_noted_refusals_say_nothing_of_what_is_usual():
    assert held(refused(40, since=100)).unread is None
    late = held(refused(40, usual=40, since=50)).unread
    assert late is not None
    assert late.low <= 40 <= late.high
    early = held(refused(40, usual=40)).unread
    assert early is not None
    assert (early.value, early.expected) == (late.value, pytest.approx(late.expected, rel=0.1))


def test_what_is_refused_later_changes_nothing():
    before, after = refused(5), refused(40)
    assert held(before, now=139) == held(after, now=139)


def test_kinds_that_nothing_knows_are_told_and_are_no_fault():
    found = held(refused(0)).unknown
    assert found is not None
    week = [event for event in people() if at(133) <= event.known_at < at(NOW)]
    strange = [event for event in week if event.kind == "Visited"]
    assert (found.value, found.share, found.kinds) == (len(strange), len(strange) / len(week), ("Visited",))
    assert held(refused(0), known=("Form", "Visited")).unknown.value == 0  # type: ignore[union-attr]


def test_a_young_log_says_nothing():
    assert seen(people(days=30), now=30, snapshot=20) == Quality(None, None, None)
    assert seen([], now=30) == Quality(None, None, None)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 5), st.integers(1, 20))
def test_what_is_known_later_changes_nothing(after: float, many: int):
    pages = [(n, 139 + page * SECOND) for n in range(many) for page in range(ACTS)]
    later = [track(f"b{n}", "Visited", day, known=NOW + after) for n, day in pages]
    base = people()
    assert seen([*base, *later]) == seen(base)
