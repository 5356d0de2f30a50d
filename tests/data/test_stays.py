"""Stays in stages: a tiny log by hand, and any history against a slow and obvious walk, lead by lead."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, Event
from data.log import NEVER, EventLog
from data.stays import Exit, Stays, absent, stays
from tests.histories import alias, at, identify, log_of, playbook, track
from veraison.playbook import Playbook

BOOK = playbook(journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]})
OWN = playbook(
    journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]},
    identity={"keys": ["email"]},
    stages={
        "anonymous": {},
        "contact": {"by": ["created", "identity"], "requires": ["email"]},
        "hot": {"events": ["Demo"], "rules": [{"at_least": 2, "of": ["Pricing", "Quote"], "within_days": 5}]},
        "sql": {"requires": ["email", "company"]},
        "offer": {"events": ["Offer"]},
        "customer": {},
    },
)
EARLY = playbook(journey={"created": [], "ready": ["Accepted"], "returned": ["Returned"]}, stages={
    "sql": {}, "customer": {},
})  # fmt: skip
BOOKS = {"usual": BOOK, "own": OWN, "accepted first": EARLY}

Told = tuple[str, str, float, float | None, str, str | None]


def told(found: Stays, log: EventLog, book: Playbook) -> list[Told]:
    """Each stay in words: lead, stage, day entered, day left, how, and for where."""
    names = [one.name for one in book.zones]

    def day(moment: int) -> float | None:
        return None if moment == NEVER else round((moment - at(0)) / MICROS_PER_DAY, 6)

    columns = (found.lead, found.stage, found.entered, found.left, found.exit, found.to)
    return [
        (log.leads[lead], names[stage], day(entered) or 0.0, day(left), Exit(how).name, names[to] if to >= 0 else None)
        for lead, stage, entered, left, how, to in zip(*(one.tolist() for one in columns), strict=True)
    ]


# --- by hand -----------------------------------------------------------------------------------------------------

STORY = (
    track("L1", "Visited", 0), identify("L1", 2), track("L1", "Lead Created", 2.5), track("L1", "Accepted", 9),
    track("L1", "Returned", 11), track("L1", "Visited", 12), track("L1", "Accepted", 19), track("L1", "Deal Won", 32),
)  # fmt: skip


def test_the_story_of_the_module():
    log = log_of(*STORY)
    assert told(stays(log, BOOK, at(40)), log, BOOK) == [
        ("L1", "anonymous", 0, 2, "next", "mql"),
        ("L1", "mql", 2, 9, "next", "sql"),
        ("L1", "sql", 9, 11, "back", "mql"),
        ("L1", "mql", 11, 19, "next", "sql"),
        ("L1", "sql", 19, 32, "next", "customer"),
        ("L1", "customer", 32, None, "still", None),
    ]
    assert stays(log, BOOK, at(40)).days.tolist() == [2, 7, 2, 8, 13, 8]


def one(*events: Event, book: Playbook = BOOK, now: float = 100) -> list[tuple[Any, ...]]:
    log = log_of(*events)
    return [line[1:] for line in told(stays(log, book, at(now)), log, book)]


def test_who_says_who_it_is_within_a_minute_was_never_anonymous():
    minute = 1 / 1440
    at_once = one(track("L", "Visited", 0), track("L", "Lead Created", minute))
    assert [line[0] for line in at_once] == ["mql"]
    assert [line[0] for line in one(track("L", "Visited", 0), track("L", "Lead Created", 2 * minute))] == [
        "anonymous", "mql",
    ]  # fmt: skip


def test_what_closes_a_journey_and_what_does_not():
    created = track("L", "Lead Created", 0)
    lost = [("mql", 0, 5, "lost", None)]
    assert one(created, track("L", "Deal Lost", 5)) == lost
    assert one(created, track("L", "Deal Lost", 5), track("L", "Deal Won", 6)) == lost
    won = one(created, track("L", "Deal Won", 5), track("L", "Deal Lost", 6))
    assert won[-1] == ("customer", 5, None, "still", None)
    assert one(created, track("L", "Deal Won", 5), track("L", "Deal Lost", 5))[-1][0] == "customer"
    assert one(created, track("L", "Stop", 5), track("L", "Accepted", 6)) == [("mql", 0, 5, "opted_out", None)]
    assert one(created, track("L", "Stop", 5), track("L", "Deal Won", 6)) == [
        ("mql", 0, 5, "opted_out", None),
        ("customer", 6, None, "still", None),
    ]
    assert one(track("L", "Deal Lost", 3)) == [("anonymous", 3, 3, "lost", None)]


def test_a_lead_is_given_back_only_from_where_sales_had_it():
    created = track("L", "Lead Created", 0)
    assert one(created, track("L", "Returned", 5)) == [("mql", 0, None, "still", None)]
    assert one(track("L", "Accepted", 1), track("L", "Returned", 2)) == [
        ("sql", 1, 2, "back", "mql"),
        ("mql", 2, None, "still", None),
    ]
    assert one(track("L", "Accepted", 1), track("L", "Returned", 2), book=EARLY) == [("sql", 1, None, "still", None)]
    skipped = one(created, track("L", "Demo", 3), track("L", "Accepted", 4), track("L", "Returned", 6), book=OWN)
    assert [line[0] for line in skipped] == ["contact", "hot", "sql", "hot"]
    later = one(created, track("L", "Accepted", 4), track("L", "Offer", 6), track("L", "Returned", 8), book=OWN)
    assert [line[0] for line in later] == ["contact", "sql", "offer", "contact"]


def test_rules_over_several_acts():
    acts = (track("L", "Lead Created", 0), track("L", "Pricing", 1), track("L", "Quote", 6))
    assert one(*acts, book=OWN)[-1] == ("hot", 6, None, "still", None)
    assert one(acts[0], acts[1], track("L", "Quote", 6.01), book=OWN) == [("contact", 0, None, "still", None)]
    back = one(*acts, track("L", "Accepted", 7), track("L", "Returned", 8), track("L", "Pricing", 9), book=OWN)
    assert [line[0] for line in back] == ["contact", "hot", "sql", "hot"]


def test_a_merged_id_counts_once_and_from_its_merge_on():
    log = log_of(track("a-1", "Visited", 0), alias("a-1", "L1", 3), track("L1", "Lead Created", 3))
    assert told(stays(log, BOOK, at(2)), log, BOOK) == [("a-1", "anonymous", 0, None, "still", None)]
    assert told(stays(log, BOOK, at(9)), log, BOOK) == [
        ("L1", "anonymous", 0, 3, "next", "mql"),
        ("L1", "mql", 3, None, "still", None),
    ]


def test_where_a_trait_names_people_only_that_trait_says_who_it_is():
    events = track("a-1", "Visited", 0), identify("a-1", 1, country="FR"), identify("a-1", 4, email="a@b.fr")
    book = playbook(identity={"keys": ["email"]})
    assert one(*events, book=book)[0] == ("anonymous", 0, 4, "next", "mql")
    assert one(*events)[0] == ("anonymous", 0, 1, "next", "mql")


def test_an_empty_log_has_no_stays():
    assert len(stays(log_of(), BOOK, at(1))) == 0


def test_names_that_never_occurred_are_told_one_line_each():
    log = log_of(track("L", "Demo", 1), track("L", "Pricing", 5), identify("L", 2, email="a@b.fr"))
    never = {
        key: [f"journey.{key}: no event {name!r} has occurred so far"]
        for key in ("created", "ready", "converted", "lost", "returned", "opted_out")
        for name in getattr(OWN.journey, key)
    }
    assert absent(log, OWN, at(9)) == [
        *(line for lines in never.values() for line in lines),
        "stages.hot.rules.0.of: no event 'Quote' has occurred so far",
        "stages.sql.requires: no lead has the trait 'company' so far",
        "stages.offer.events: no event 'Offer' has occurred so far",
    ]
    assert "stages.hot.rules.0.of: no event 'Pricing' has occurred so far" in absent(log, OWN, at(5))
    assert absent(log_of(*STORY), BOOK, at(40)) == [*never["lost"], *never["opted_out"]]


# --- any history, lead by lead -----------------------------------------------------------------------------------

KINDS = (
    "Visited",
    "Lead Created",
    "Accepted",
    "Returned",
    "Deal Won",
    "Deal Lost",
    "Stop",
    "Demo",
    "Pricing",
    "Quote",
    "Offer",
)
moments = st.integers(0, 24).map(lambda half: half / 2)
acts = st.builds(
    lambda lead, kind, day, late: track(lead, kind, day, known=day + late),
    st.sampled_from(["L1", "L2", "L3"]), st.sampled_from(KINDS), moments, st.sampled_from([0, 0, 0, 3.25]),
)  # fmt: skip
words = st.builds(
    lambda lead, day, late, told: identify(lead, day, known=day + late, **told(lead)),
    st.sampled_from(["L1", "L2"]), moments, st.sampled_from([0, 0, 3.25]),
    st.sampled_from([lambda lead: {"email": f"{lead}@x.fr"}, lambda _: {"country": "FR"}, lambda _: {"source": "Web"}]),
)  # fmt: skip
histories = st.lists(acts | words, max_size=24)


def obvious(events: Iterable[Event], book: Playbook, now: int) -> list[Told]:  # noqa: PLR0912 (all rules in a row)
    """The rules of the module, one lead and one moment after the other."""
    zones, found = book.zones, []
    seen = [event for event in events if event.known_at < now]
    accepted = next((n for n, zone in enumerate(zones) if zone.accepted), None)
    for lead in sorted({event.lead_id for event in seen}):
        mine = [event for event in seen if event.lead_id == lead]
        entries: dict[int, set[int]] = {}
        for rank, zone in enumerate(zones):
            for event in mine:
                if event.kind in zone.events:
                    entries.setdefault(event.occurred_at, set()).add(rank)
                for rule in zone.rules:
                    since = event.occurred_at - rule.within_days * MICROS_PER_DAY
                    near = [
                        other for other in mine
                        if other.kind in rule.of and since <= other.occurred_at <= event.occurred_at
                    ]  # fmt: skip
                    if event.kind in rule.of and len(near) >= rule.at_least:
                        entries.setdefault(event.occurred_at, set()).add(rank)
            if zone.identity:
                said = [
                    event.occurred_at for event in mine
                    if (set(event.traits) & set(book.identity.keys) if book.identity.keys else event.kind == "identify")
                ]  # fmt: skip
                if said:
                    entries.setdefault(min(said), set()).add(rank)
        if zones[0].first_event:
            first = min(event.occurred_at for event in mine)
            if not any(moment <= first + 60_000_000 for moment, ranks in entries.items() if max(ranks) > 0):
                entries.setdefault(first, set()).add(0)
        journey: list[list[Any]] = []
        state = "nowhere"
        highest = -1
        before = None
        for moment in sorted({*entries, *(event.occurred_at for event in mine)}):
            kinds = {event.kind for event in mine if event.occurred_at == moment}
            enters = max(entries.get(moment, {-1}))
            won = enters == len(zones) - 1
            if state == "closed" or (state == "opted out" and not won):
                continue
            if enters > highest:
                if state == "inside":
                    journey[-1][2:] = [moment, "next", enters]
                if accepted is not None and highest < accepted <= enters:
                    before = highest if highest >= 0 else accepted - 1
                journey.append([enters, moment, None, "still", None])
                state, highest = "inside", enters
            if won:
                state = "closed"
            elif kinds & set(book.journey.lost):
                if state == "inside":
                    journey[-1][2:] = [moment, "lost", None]
                state = "closed"
            elif kinds & set(book.journey.opted_out):
                if state == "inside":
                    journey[-1][2:] = [moment, "opted_out", None]
                state = "opted out"
            elif kinds & set(book.journey.returned) and state == "inside" and accepted is not None:
                if before is None or before < 0 or highest < accepted:
                    continue
                journey[-1][2:] = [moment, "back", before]
                journey.append([before, moment, None, "still", None])
                highest = before
        for rank, entered, left, how, to in journey:
            day = [None if moment is None else (moment - at(0)) / MICROS_PER_DAY for moment in (entered, left)]
            found.append((lead, zones[rank].name, day[0], day[1], how, None if to is None else zones[to].name))
    return found


@pytest.mark.parametrize("name", BOOKS)
@given(events=histories, now=st.integers(0, 18))
def test_any_history_is_walked_as_by_hand(name: str, events: list[Event], now: int):
    log, book = log_of(*events), BOOKS[name]
    assert told(stays(log, book, at(now)), log, book) == obvious(events, book, at(now))


@pytest.mark.parametrize("name", BOOKS)
@given(events=histories, later=histories, now=st.integers(0, 14))
def test_what_is_known_later_changes_nothing(name: str, events: list[Event], later: list[Event], now: int):
    book, moment = BOOKS[name], at(now)
    known = [event for event in events if event.known_at < moment]
    late = [event for event in [*events, *later] if event.known_at >= moment]
    before, after = log_of(*known), log_of(*known, *late)
    assert told(stays(before, book, moment), before, book) == told(stays(after, book, moment), after, book)
    assert absent(before, book, moment) == absent(after, book, moment)


@given(events=histories, now=st.integers(0, 14))
def test_each_lead_is_in_one_stage_at_a_time_and_its_stays_follow_each_other(events: list[Event], now: int):
    found = stays(log_of(*events), OWN, at(now))
    same = found.lead[1:] == found.lead[:-1]
    assert np.all(found.left[:-1][same] <= found.entered[1:][same])
    going_on = np.isin(found.exit, [Exit.next, Exit.back])
    assert np.all(found.left[:-1][same & going_on[:-1]] == found.entered[1:][same & going_on[:-1]])
    assert np.array_equal(found.left == NEVER, found.exit == Exit.still)
    assert np.array_equal(found.to >= 0, going_on)
    assert np.all(np.bincount(found.lead[found.exit == Exit.still], minlength=1) <= 1)
