"""What fell silent and what appeared, by name, in logs of a few lines."""

from dataclasses import replace

import numpy as np

from data.events import Event
from data.log import EventLog
from features.catalogue import FeatureSet, TraitSpec
from monitoring import volumes
from tests.histories import alias, at, identify, log_of, playbook, track

BOOK = playbook(features={"traits": {"source": "category"}})
SOURCE = TraitSpec("source", "category", ("Fair", "Search"))
KNOWN = FeatureSet((7,), ("Visited", "Quote", "Mail Sent"), (), (), (), (SOURCE,))


def quotes_and_visits(quotes_until: float = 100, *, renamed: bool = False, days: int = 142) -> list[Event]:
    """Twenty visits a day of different leads, and every second day a quote, called otherwise from some day on."""
    found = []
    for day in range(days):
        found += [track(f"v{day}-{n}", "Visited", day + n / 40) for n in range(20)]
        if day % 2 == 0 and (day < quotes_until or renamed):
            found.append(track(f"q{day}", "Quote" if day < quotes_until else "Quote Sent", day + 0.9))
        if day % 14 == 1:
            found += [track(f"m{day}-{n}", "Mail Sent", day + 0.3) for n in range(30)]
    return found


def structure(log: EventLog, *, snapshot: float, now: float) -> volumes.Structure:
    return volumes.structure(log, volumes.arrivals(log, at(now)), BOOK, KNOWN, snapshot=at(snapshot))


def test_a_renamed_event_is_a_silent_one_and_a_new_one():
    log = log_of(*quotes_and_visits(renamed=True))
    changed = structure(log, snapshot=100, now=130)
    assert list(changed.silent) == ["Quote"]
    assert list(changed.appeared) == ["Quote Sent"]
    assert changed.silent["Quote"]["last"].startswith("2026-04-09")
    assert changed.silent["Quote"]["instead"] == ["Quote Sent"]
    assert changed.appeared["Quote Sent"]["first"].startswith("2026-04-11")
    assert changed.appeared["Quote Sent"]["leads_before"] == 0


def test_a_model_that_was_made_later_may_know():
    log = log_of(*quotes_and_visits(renamed=True, days=200))
    seen = volumes.arrivals(log, at(130))
    changed = volumes.structure(log, seen, BOOK, KNOWN, snapshot=at(100))
    assert volumes.learnable(changed, seen, KNOWN, snapshot=at(105)) == set()
    assert volumes.learnable(changed, seen, KNOWN, snapshot=at(125)) == {"Quote"}
    later = replace(KNOWN, kinds=(*KNOWN.kinds, "Quote Sent"))
    assert volumes.learnable(changed, seen, later, snapshot=at(125)) == {"Quote", "Quote Sent"}
    then = volumes.structure(log, volumes.arrivals(log, at(190)), BOOK, later, snapshot=at(145))
    assert (then.silent, then.appeared, then.categories) == ({}, {}, {})


def test_silence_takes_time_to_be_one():
    log = log_of(*quotes_and_visits())
    assert structure(log, snapshot=100, now=120).silent == {}
    assert structure(log, snapshot=100, now=139).silent["Quote"] == {"last": "2026-04-09T21:36:00Z", "missed": 20}


def test_silence_is_believed_sooner_where_something_else_began():
    log = log_of(*quotes_and_visits(renamed=True))
    assert structure(log, snapshot=100, now=104).silent == {}
    assert list(structure(log, snapshot=100, now=110).silent) == ["Quote"]


def test_a_connection_that_broke_is_the_silence_of_everything():
    changed = structure(log_of(*quotes_and_visits(1_000, days=120)), snapshot=100, now=135)
    assert list(changed.silent) == [volumes.EVERYTHING]
    assert changed.silent[volumes.EVERYTHING]["last"].startswith("2026-04-30")


def test_what_comes_every_other_week_is_not_silent_between():
    log = log_of(*quotes_and_visits(quotes_until=1_000))
    for now in range(100, 140):
        found = structure(log, snapshot=90, now=now)
        assert (found.silent, found.appeared) == ({}, {})


def test_a_quiet_season_of_everything_is_no_silence_of_a_kind():
    busy = quotes_and_visits(quotes_until=100, days=100)
    few = [track(f"s{day}", "Visited", day + 0.5) for day in range(100, 140)]
    assert structure(log_of(*busy, *few), snapshot=100, now=140).silent == {}


def test_only_what_was_known_by_then_counts():
    late = track("late", "Quote", 101, known=150)
    log = log_of(*quotes_and_visits(), late)
    assert list(structure(log, snapshot=100, now=140).silent) == ["Quote"]


def test_an_event_that_a_merge_shows_twice_counts_once():
    log = log_of(track("a1", "Visited", 1), alias("a1", "L1", 2), track("L1", "Visited", 3))
    seen = volumes.arrivals(log, at(10))
    assert len(seen.known) == 3
    assert np.all(np.diff(seen.known) >= 0)


def test_a_new_category_is_named_with_its_share():
    old = [identify(f"L{n}", n, source=("Search", "Fair")[n % 2]) for n in range(100)]
    new = [identify(f"N{n}", 100 + n, source="Social" if n % 2 else "Search") for n in range(28)]
    changed = structure(log_of(*old, *new), snapshot=100, now=128)
    assert changed.categories == {"source=Social": {"leads": 14, "share": 0.5, "leads_before": 0}}
    assert structure(log_of(*old), snapshot=70, now=100).categories == {}
    social = replace(KNOWN, traits=(replace(SOURCE, categories=("Fair", "Search", "Social")),))
    seen = volumes.arrivals(log_of(*old, *new), at(128))
    assert volumes.learnable(changed, seen, social, snapshot=at(120)) == {"source=Social"}


def test_a_rare_kind_that_stays_rare_has_not_appeared():
    rare = [track(f"r{n}", "Careers", 3.5 * n) for n in range(40)]
    assert structure(log_of(*quotes_and_visits(1_000), *rare), snapshot=100, now=140).appeared == {}
    often = [track(f"o{n}", "Careers", 115 + n) for n in range(25)]
    assert list(structure(log_of(*quotes_and_visits(1_000), *rare, *often), snapshot=100, now=140).appeared) == [
        "Careers"
    ]


def test_events_that_close_a_journey_are_no_inputs():
    won = [track(f"w{n}", "Deal Won", 110 + n / 10) for n in range(50)]
    assert structure(log_of(*quotes_and_visits(quotes_until=1_000), *won), snapshot=100, now=120).appeared == {}


def test_events_a_week_now_and_before():
    week = volumes.weekly(volumes.arrivals(log_of(*quotes_and_visits()), at(140)), recent_days=28)
    rows = {row["event"]: row for row in week}
    assert week[0]["event"] == "Quote"
    assert rows["Quote"]["per_week"] == 0
    assert 3 <= rows["Quote"]["per_week_before"] <= 3.5
    assert rows["Visited"] == {"event": "Visited", "per_week": 140.0, "per_week_before": 140.0}


def test_an_empty_log_has_nothing_to_say():
    seen = volumes.arrivals(log_of(), at(10))
    assert volumes.weekly(seen, 28) == []
    nothing = structure(log_of(), snapshot=5, now=10)
    assert (nothing.silent, nothing.appeared, nothing.categories) == ({}, {}, {})
