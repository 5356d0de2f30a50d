"""Bots, late events and repeats against their usual range, in logs of a few lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Event
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
