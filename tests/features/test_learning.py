"""What is learned of training pairs, and of nothing else: kinds, categories, sequences, who acts, conversion rates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import compute
from features.catalogue import GROUPS, Sequence, TraitSpec
from features.learning import learn
from tests.histories import at, identify, log_of, playbook, track
from veraison.errors import TrainingError

LATER = at(100)


def learned(events, as_of=LATER, min_leads=2, **tables):
    """The feature set of a log whose every lead is a training pair at one moment."""
    log = log_of(*events)
    everyone = np.arange(len(log.leads))
    return learn(log, playbook(**tables), everyone, np.full(len(everyone), as_of), min_leads=min_leads, min_values=1)


def shown_by(leads, kind, day=1.0, **more):
    return [track(lead, kind, day, **more) for lead in leads]


def test_a_kind_has_columns_where_enough_leads_showed_it():
    found = learned([*shown_by("ab", "Quote"), track("a", "Rare", 1), track("a", "Rare", 2), track("b", "Called", 3)])
    assert found.kinds == ("Quote",)


def test_the_most_widespread_kinds_come_first_and_equals_by_name():
    events = [*shown_by("abc", "Visit"), *shown_by("ab", "Quote"), *shown_by("bc", "Called")]
    assert learned(events).kinds == ("Visit", "Called", "Quote")
    assert learned(events, features={"max_kinds": 2}).kinds == ("Visit", "Called")


def test_what_became_known_after_the_training_pairs_teaches_nothing():
    seen = [*shown_by("ab", "Quote", value=1.0), *(identify(lead, 1, country="FR") for lead in "ab")]
    unseen = [
        *shown_by("ab", "Called", 1.0, known=100.0, value=1.0),
        *(identify(lead, 1.0, known=100.0, country="DE") for lead in "ab"),
        *shown_by("cd", "Quote", 101.0),
    ]
    traits = {"features": {"traits": {"country": "category"}}}
    assert learned([*seen, *unseen], **traits) == learned(seen, **traits)


def test_leads_that_are_no_training_pairs_teach_nothing():
    log = log_of(*shown_by("ab", "Quote"), *shown_by("cd", "Called"))
    found = learn(log, playbook(), log.codes(["a", "b"]), np.full(2, LATER), min_leads=2)
    assert found.kinds == ("Quote",)


def test_closing_and_teaching_events_have_no_columns():
    events = [
        *(
            event
            for kind in ("Deal Won", "Deal Lost", "Stop", "Quote", "Lead Created")
            for event in shown_by("ab", kind)
        ),
        *(identify(lead, 1, country="FR") for lead in "ab"),
    ]
    assert learned(events, journey={"opted_out": ["Stop"]}).kinds == ("Lead Created", "Quote")


def test_the_journeys_own_events_are_neutral_unless_the_firm_calls_them_outbound():
    events = [*shown_by("ab", "Lead Created"), *shown_by("ab", "Taken")]
    journey = {"ready": ["Taken"]}
    assert learned(events, journey=journey).neutral == (
        "Deal Lost", "Deal Won", "Lead Created", "Taken", "alias", "group", "identify"
    )  # fmt: skip
    outbound = learned(events, journey=journey, features={"outbound": ["Lead Created"]})
    assert outbound.neutral == ("Deal Lost", "Deal Won", "Taken", "alias", "group", "identify")
    assert outbound.outbound == ("Lead Created",)


def test_kinds_with_values_are_summed():
    events = [*shown_by("ab", "Quote", value=2.0), *shown_by("ab", "Called"), track("a", "Called", 2, value=1.0)]
    assert learned(events).valued == ("Quote",)


def test_categories_are_learned_most_widespread_first_and_numbers_have_none():
    events = [
        *(identify(lead, 1, country="FR", size=3.0) for lead in "abc"),
        *(identify(lead, 2, country="DE") for lead in "ab"),
        identify("a", 3, country="rare"),
    ]
    found = learned(events, features={"traits": {"country": "category", "size": "number", "never": "category"}})
    assert found.traits == (
        TraitSpec("country", "category", ("FR", "DE")),
        TraitSpec("size", "number"),
        TraitSpec("never", "category"),
    )


def test_an_event_called_like_a_group_counts_as_other():
    events = [event for kind in (*GROUPS, "Quote") for event in shown_by("ab", kind)]
    found = learned(events)
    assert found.kinds == ("Quote",)
    log = log_of(*events)
    row = compute.vector(log, found, "a", LATER, LATER)
    told = dict(zip(found.names, row, strict=True))
    assert (told["count__all__ever"], told["count__other__ever"], told["count__inbound__ever"]) == (5, 4, 1)
    with pytest.raises(ValueError, match="name of a group"):
        replace(found, kinds=("inbound",))


def test_without_a_lead_there_is_nothing_to_learn_from():
    log = log_of(*shown_by("ab", "Quote"))
    nobody = np.empty(0, dtype=np.int64)
    with pytest.raises(TrainingError, match="no lead"):
        learn(log, playbook(), nobody, nobody)


@given(st.permutations([*shown_by("ab", "Quote"), *shown_by("bc", "Called"), *shown_by("ca", "Visit", 2.0)]))
def test_the_order_in_which_events_arrived_does_not_matter(events):
    assert learned(events) == learned(sorted(events, key=lambda one: (one.kind, one.lead_id)))


def test_sequences_are_chosen_that_tell_leads_apart_most():
    """`Visit` then `Quote` half of the leads did, `Quote` then `Call` one in six and nobody anything else in a week."""
    events = [*shown_by("abcdef", "Visit", 1.0), *shown_by("abc", "Quote", 2.0), *shown_by("def", "Quote", 20.0)]
    events += [*shown_by("a", "Call", 5.0), *shown_by("bcdef", "Call", 40.0)]
    within = learned(events, min_leads=1).sequences
    assert within == (Sequence("Visit", "Quote", 7), Sequence("Quote", "Call", 7), Sequence("Visit", "Call", 7))
    assert learned(events, min_leads=2).sequences == (Sequence("Visit", "Quote", 7),)
    assert learned(events, features={"windows_days": [3]}).sequences == (Sequence("Visit", "Quote", 3),)


def acted(lead, kind, day, actor, **more):
    return replace(track(lead, kind, day, **more), actor=actor)


def test_people_are_columns_where_enough_events_say_who_acted():
    events = [*shown_by("abc", "Quote"), acted("a", "Mail Sent", 2, "Petit"), acted("a", "Mail Sent", 3, "Durand")]
    assert "actors" not in learned(events).names
    assert "actors" in learned([*events, acted("b", "Mail Sent", 2, "Petit")]).names
    assert "actors" not in learned([*events, acted("b", "Mail Sent", 2, "Petit", known=100.0)]).names


def test_rates_are_learned_of_categories_and_of_whoever_acted_last():
    """Leads count from thirty days of age; their category is the one known by then, folded; later wins count later."""
    events = [
        *(track(lead, "Lead Created", 1.0) for lead in "abcd"), track("young", "Lead Created", 80.0),
        *(identify(lead, 1.0, source=source) for lead, source in zip("abc", ("fair", " Fair", "web"), strict=True)),
        identify("d", 35.0, source="fair"), identify("young", 80.0, source="fair"), identify("c", 40.0, source="fair"),
        track("a", "Deal Won", 20.0), track("b", "Deal Won", 32.0), track("c", "Deal Won", 25.0, known=50.0),
        track("d", "Deal Lost", 3.0), track("d", "Deal Won", 4.0),
        *(acted(lead, "Mail Sent", 2.0, "Petit") for lead in "ab"), acted("a", "Mail Sent", 3.0, "Durand"),
    ]  # fmt: skip
    found = learned(events, features={"traits": {"source": "category"}}, horizons={"days": [30], "primary": 30})
    source, actor = found.rates
    assert (source.subject, source.texts) == ("source", ("fair", "web"))
    day = at(0) // (at(1) - at(0))
    assert (source.offsets, source.days) == ((0, 2, 3, 5), (day + 32, day + 51, day + 32, day + 32, day + 51))
    assert (source.leads, source.won) == ((4, 4, 2, 1, 1), (1, 2, 1, 0, 1))
    assert (actor.subject, actor.texts) == ("actor", ("Durand", "Petit"))
    assert (actor.leads[-1], actor.won[-1]) == (1, 0)
    assert learned(events, horizons={"days": [30], "primary": 30}).rates == (actor,)


def test_rates_know_only_what_was_known_before_the_snapshot():
    events = [*(track(lead, "Lead Created", 1.0) for lead in "ab"), *(identify(lead, 1.0, source="x") for lead in "ab")]
    events.append(track("a", "Deal Won", 5.0, known=60.0))
    log, both = log_of(*events), np.arange(2)
    book = playbook(features={"traits": {"source": "category"}}, horizons={"days": [30], "primary": 30})

    def outcomes(day):
        found = learn(log, book, both, np.full(2, LATER), before=at(day), min_leads=1, min_values=1).rates
        return [(one.leads[-1], one.won[-1]) for one in found]

    assert [outcomes(day) for day in (31, 32, 60, 61)] == [[], [(2, 0)], [(2, 0)], [(2, 1)]]
