"""Who may be contacted: the story of the module, words and events, merges, an obvious walk, and what always holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.consent import absent, may_contact, refused
from data.events import Event
from data.log import EventLog
from data.store import Store
from tests.histories import alias, at, identify, log_of, named, playbook, track
from veraison.playbook_consent import Consent

TRAIT = Consent(trait="consent")
ASKED = Consent(trait="consent", required=True, granted_events=("Yes",), withdrawn_events=("No",))


def allowed(consent: Consent, day: float, *events: Event, lead: str = "L1") -> bool:
    log = log_of(*events)
    return bool(may_contact(log, consent, at(day))[log.leads.index(lead)])


def test_what_the_playbook_names_and_nobody_has_told_is_a_line_each():
    rules = Consent(trait="consent", granted_events=("Joined", "Signed"), withdrawn_events=("Left",))
    log = log_of(track("L1", "Joined", 0), track("L1", "Left", 5))
    assert absent(log, rules, at(1)) == [
        "consent.granted_events: no event 'Signed' has occurred so far",
        "consent.withdrawn_events: no event 'Left' has occurred so far",
        "consent.trait: no lead has the trait 'consent' so far",
    ]


def test_the_story_of_the_module():
    story = identify("L1", 60, consent="yes"), identify("L1", 64, known=66, consent="no")
    days = {59.9: False, 60.1: True, 64.5: True, 66.1: False}
    assert {day: allowed(ASKED, day, track("L1", "Visited", 1), *story) for day in days} == days


@pytest.mark.parametrize(
    ("word", "may"),
    [("yes", True), (" YES ", True), (True, True), (1.0, True), ("Opted  In", True), ("no", False), (False, False),
     (0.0, False), ("withdrawn", False), ("perhaps", None), ("", None), (2.0, None)],
)  # fmt: skip
def test_a_word_says_yes_or_no_or_nothing(word: Any, may: bool | None):
    event = identify("L1", 1, consent=word), track("L1", "Visited", 1)
    assert allowed(TRAIT, 2, *event) is (True if may is None else may)
    assert allowed(ASKED, 2, *event) is bool(may)


def test_events_speak_too_and_of_two_at_one_instant_the_no_counts():
    assert allowed(ASKED, 9, track("L1", "Yes", 1))
    assert not allowed(ASKED, 9, track("L1", "Yes", 1), track("L1", "No", 2))
    assert allowed(ASKED, 9, track("L1", "Yes", 3), track("L1", "No", 2, known=4))  # it was said earlier
    assert not allowed(ASKED, 9, track("L1", "Yes", 3), track("L1", "No", 3))
    assert not allowed(ASKED, 9, track("L1", "Yes", 3), identify("L1", 3, consent="no"))


def test_without_a_word_silence_is_what_the_playbook_says_and_without_a_table_everybody_may():
    visit = track("L1", "Visited", 1)
    assert allowed(TRAIT, 2, visit)
    assert not allowed(ASKED, 2, visit)
    assert allowed(Consent(), 2, visit, identify("L1", 1, consent="no"))
    assert not playbook().consent.is_asked


def test_ids_of_one_person_count_together_from_the_merge_on():
    story = identify("a", 1, consent="yes"), identify("L1", 3, consent="no"), alias("a", "L1", 5)
    assert [allowed(ASKED, day, *story, lead=lead) for day in (4, 6) for lead in ("a", "L1")] == [
        True, False, False, False,
    ]  # fmt: skip
    later = identify("a", 7, consent="yes")
    assert all(allowed(ASKED, 8, *story, later, lead=lead) for lead in ("a", "L1"))


def test_who_refuses_among_some_leads():
    with Store("sqlite://") as store:
        store.append(named([identify("L1", 1, consent="no"), identify("L2", 1, consent="yes"), track("L3", "X", 1)]))
        assert refused(store, ASKED, ["L1", "L2", "L3", "nobody", ""], at(2)) == {"L1", "L3"}
        assert refused(store, Consent(), ["L1"], at(2)) == set()
        assert refused(store, ASKED, [], at(2)) == set()


# --- what always holds -------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["yes", "no", "NO", "perhaps"])


@st.composite
def said(draw: Any, known_from: float = 0.0) -> list[Event]:
    """Words, events and merges, some of them known late."""
    found = []
    for _ in range(draw(st.integers(0, 8))):
        lead, other = draw(st.permutations(["a", "b", "c"]))[:2]
        day = draw(st.integers(0, 20))
        known = max(day + draw(st.sampled_from([0, 0, 5])), known_from)
        match draw(st.integers(0, 3)):
            case 0:
                found.append(identify(lead, day, known=known, consent=draw(WORDS)))
            case 1:
                found.append(track(lead, draw(st.sampled_from(["Yes", "No", "Visited"])), day, known=known))
            case 2:
                found.append(identify(lead, day, known=known, other="yes"))
            case _:
                found.append(identify(lead, day, known=known, previous=other))
    return found


def store_of(events: list[Event]) -> EventLog:
    return log_of(*events)


@given(said(), st.booleans())
def test_it_is_the_last_word_that_an_obvious_walk_finds(events: list[Event], required: bool):
    consent = ASKED.model_copy(update={"required": required})
    log, moment = store_of(events), at(12)
    found = may_contact(log, consent, moment)
    for lead in log.leads:
        person = log.identity.person(lead, moment)
        mine = set(log.identity.ids(person, moment))
        words = []
        for one in events:
            told = {"yes": True, "no": False}.get(str(one.traits.get("consent", "")).lower())
            told = {"Yes": True, "No": False}.get(one.kind, told)
            if one.lead_id in mine and one.known_at < moment and told is not None:
                words.append((one.occurred_at, not told))
        wanted = not max(words)[1] if words else not required
        assert found[log.leads.index(lead)] == wanted


@given(said(), said(known_from=12.0))
def test_what_becomes_known_later_changes_nothing(events: list[Event], later: list[Event]):
    before, after = store_of(events), store_of([*events, *later])
    here, there = (may_contact(log, ASKED, at(12)) for log in (before, after))
    for place, lead in enumerate(before.leads):
        assert here[place] == there[after.leads.index(lead)]
