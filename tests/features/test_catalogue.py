"""The feature set: names, what is learned from training pairs only, and what can never happen to a column."""

import doctest
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import catalogue, compute
from features.catalogue import GROUPS, Feature, FeatureSet, Op, TraitSpec, learn
from tests.histories import at, identify, log_of, playbook, track
from veraison.errors import TrainingError

PLAIN = FeatureSet(
    (1, 7), ("Called", "Quote"), ("Called",), ("Lead Created",), ("Quote",), (TraitSpec("size", "number"),)
)
LATER = at(100)


def learned(events, as_of=LATER, min_leads=2, **tables):
    """The feature set of a log whose every lead is a training pair at one moment."""
    log = log_of(*events)
    everyone = np.arange(len(log.leads))
    return learn(log, playbook(**tables), everyone, np.full(len(everyone), as_of), min_leads=min_leads)


def shown_by(leads, kind, day=1.0, **more):
    return [track(lead, kind, day, **more) for lead in leads]


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(catalogue).failed == 0


def test_a_name_tells_every_parameter():
    features = [
        Feature(op, subject, short, long) for op in Op for subject in ("x", "y") for short in (1, 7) for long in (7, 30)
    ]
    told = {Op.count: 4, Op.since: 2, Op.active_days: 4, Op.sum: 4, Op.trend: 8, Op.age: 1, Op.trait: 2, Op.profile: 1}
    assert {op: len({f.name for f in features if f.op is op}) for op in Op} == told


@given(st.lists(st.text(max_size=8), unique=True, max_size=8).filter(lambda kinds: not {*kinds} & {*GROUPS}))
def test_names_are_unique_whatever_the_events_are_called(kinds):
    names = replace(PLAIN, kinds=(*kinds, "Été", "ete", "ÉTÉ", "__", "All"), valued=tuple(kinds)).names
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name for name in names)


def test_a_set_survives_being_written():
    again = FeatureSet.from_json(PLAIN.to_json())
    assert again == PLAIN
    assert again.fingerprint == PLAIN.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"windows": (1, 8)}, {"kinds": ("Quote", "Called")}, {"outbound": ()}, {"neutral": ()}, {"valued": ()},
        {"traits": (TraitSpec("size", "category"),)}, {"traits": (TraitSpec("size", "category", ("a",)),)},
    ],
)  # fmt: skip
def test_the_fingerprint_changes_with_every_part(change):
    assert replace(PLAIN, **change).fingerprint != PLAIN.fingerprint


def test_a_set_of_another_version_is_refused():
    other = json.dumps(json.loads(PLAIN.to_json()) | {"version": catalogue.VERSION + 1})
    with pytest.raises(ValueError, match="another version"):
        FeatureSet.from_json(other)


def test_there_are_no_outbound_columns_where_nothing_is_outbound():
    assert any("outbound" in name for name in PLAIN.names)
    assert not any("outbound" in name for name in replace(PLAIN, outbound=()).names)


def test_categorical_columns_are_those_of_categories():
    both = replace(PLAIN, traits=(TraitSpec("size", "number"), TraitSpec("country", "category", ("FR",))))
    assert [both.names[place] for place in both.categorical] == ["trait__country"]


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
    assert learned(events, journey=journey).neutral == ("Lead Created", "Taken", "alias", "group", "identify")
    outbound = learned(events, journey=journey, features={"outbound": ["Lead Created"]})
    assert outbound.neutral == ("Taken", "alias", "group", "identify")
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
