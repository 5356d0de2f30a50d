"""A source that falls silent, in logs of a few lines."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Event
from monitoring import sources
from tests.histories import alias, at, identify, log_of

NAMES = ("Search", "Fair", "Webinar")


def leads(until: float = 1_000, days: int = 140) -> list[Event]:
    """Six leads a day, two of each source; "Webinar" brings none from some day on."""
    return [
        identify(f"L{day:03d}-{n}", day + n / 10, source=NAMES[n % 3])
        for day in range(days)
        for n in range(6)
        if n % 3 < 2 or day < until
    ]


def silent(events: list[Event], now: float, snapshot: float = 100) -> dict[str, sources.Numbers]:
    return sources.silent(sources.contacts(log_of(*events), "source", at(now)), snapshot=at(snapshot), level=0.003)


def test_a_source_that_brings_nothing_any_more_is_silent_within_a_week():
    assert silent(leads(until=120), 124) == {}
    found = silent(leads(until=120), 127)
    assert list(found) == ["source=Webinar"]
    assert found["source=Webinar"] == {"last": "2026-04-30T12:00:00Z", "missed": 14}


def test_holidays_of_all_sources_are_no_long_pause_of_one():
    closed = [one for one in leads(until=120) if not at(60) <= one.occurred_at < at(72)]
    assert list(silent(closed, 127)) == ["source=Webinar"]
    assert silent([one for one in leads() if not at(115) <= one.occurred_at < at(127)], 128) == {}


def test_sources_that_go_on_are_not():
    assert [silent(leads(), now) for now in range(100, 140, 5)] == [{}] * 8


def test_where_everything_stops_no_source_is_singled_out():
    assert silent(leads(days=120), 139) == {}


def test_a_model_that_was_made_later_may_know():
    assert silent(leads(until=120), 139, snapshot=130) == {}


def test_a_list_that_is_bought_once_a_month_is_not_silent_between():
    lists = [identify(f"B{day}-{n}", day + n / 100, source="List") for day in range(5, 140, 30) for n in range(20)]
    assert [silent([*leads(), *lists], now) for now in range(100, 140, 3)] == [{}] * 14
    gone = [one for one in lists if one.occurred_at < at(60)]
    assert list(silent([*leads(days=200), *gone], 120, snapshot=70)) == ["source=List"]


def test_a_lead_counts_once_whoever_it_turns_out_to_be():
    log = log_of(identify("a1", 1, source="Fair"), alias("a1", "L1", 2), identify("L1", 3, source="Search"))
    assert len(sources.contacts(log, "source", at(1.5)).known) == 1
    seen = sources.contacts(log, "source", at(10))
    assert [seen.names[code] for code in seen.source] == ["Fair"]
    assert len(sources.contacts(log, "nothing", at(10)).known) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(1, 30))
def test_what_is_known_later_changes_nothing(after: int, many: int):
    now = 127.0
    later = [identify(f"X{n}", 121, known=now + after / 10, source="Webinar") for n in range(many)]
    base = leads(until=120)
    assert silent([*base, *later], now) == silent(base, now)
    assert np.all(sources.contacts(log_of(*base, *later), "source", at(now)).known < at(now))
