"""Who is who: merges once, never in a circle, and never changed by what comes to be known later."""

import doctest
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import identity
from data.identity import Identity, Statement, fold
from data.store import Store
from tests.data.logs import LEADS, some_events, told

FOREVER = 1_000
KEYS = ("email\x00x", "email\x00z", "phone\x001")


def test_the_examples_of_the_docstrings_hold():
    found = doctest.testmod(identity)
    assert found.failed == 0
    assert found.attempted > 0


@st.composite
def some_statements(draw):
    size = draw(st.integers(0, 14))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 6), st.integers(0, 2), st.sampled_from(LEADS), st.sampled_from(LEADS + KEYS)
            ).filter(lambda row: row[2] != row[3]),
            min_size=size,
            max_size=size,
        )
    )
    return [
        Statement(known, known - early, f"e{number}", source, key=other)
        if other in KEYS
        else Statement(known, known - early, f"e{number}", source, target=other)
        for number, (known, early, source, other) in enumerate(rows)
    ]


def people(who, as_of):
    return {lead: who.person(lead, as_of) for lead in LEADS}


@given(statements=some_statements(), as_of=st.integers(0, 8))
def test_what_is_known_later_changes_nothing(statements, as_of):
    known = [one for one in statements if one.known_at < as_of]
    assert people(Identity(statements), as_of) == people(Identity(known), FOREVER)


@given(statements=some_statements(), order=st.randoms(use_true_random=False))
def test_the_order_in_which_statements_arrive_does_not_matter(statements, order):
    shuffled = order.sample(statements, len(statements))
    assert Identity(shuffled).merged == Identity(statements).merged


@given(statements=some_statements())
def test_an_id_merges_once_and_every_chain_ends(statements):
    who = Identity(statements)
    firsts = {}
    for one in sorted(statements):
        if one.key is None:
            firsts.setdefault(one.source, one)
    for source, (target, at) in who.merged.items():
        chain = [source, *(lead for lead, _ in who.chain(source))]
        assert chain[1] == target
        assert len(set(chain)) == len(chain)
        assert chain[-1] not in who.merged
        assert at <= who.chain(source)[-1][1]
        assert [since for _, since in who.chain(source)] == sorted(since for _, since in who.chain(source))


@given(statements=some_statements(), as_of=st.integers(0, 8))
def test_statements_that_are_known_hold(statements, as_of):
    """A key names one person, and a merged id is its target's person, unless it was merged elsewhere before."""
    who = Identity(statements)
    owner, merged = {}, set()
    for one in sorted(statements):
        if one.known_at >= as_of:
            continue
        if one.key is not None:
            assert who.person(one.source, as_of) == who.person(owner.setdefault(one.key, one.source), as_of)
        elif one.source not in merged:
            merged.add(one.source)
            elsewhere = who.merged.get(one.source, (one.target, 0))[0] != one.target
            assert elsewhere or who.person(one.source, as_of) == who.person(one.target, as_of)


def test_a_visitor_becomes_its_first_user_only():
    who = Identity([Statement(20, 20, "m2", "a-9", "L2"), Statement(10, 10, "m1", "a-9", "L1")])
    assert [who.person("a-9", moment) for moment in (10, 11, 21)] == ["a-9", "L1", "L1"]
    assert who.person("L2", 21) == "L2"


def test_two_ids_that_name_each_other_are_one_person():
    who = Identity([Statement(10, 10, "m1", "a", "b"), Statement(20, 20, "m2", "b", "a")])
    assert who.merged == {"a": ("b", 10)}


def test_a_merge_shows_in_the_whole_chain_from_its_own_moment():
    who = Identity([Statement(10, 10, "m1", "b", "c"), Statement(20, 20, "m2", "a", "b")])
    assert who.chain("a") == [("b", 20), ("c", 20)]
    assert who.chain("b") == [("c", 10)]


def test_the_first_lead_with_an_address_is_the_person():
    who = Identity([Statement(30, 1, "m3", "L1", key="k"), Statement(10, 10, "m1", "L2", key="k")])
    assert who.merged == {"L1": ("L2", 30)}


def test_an_address_joins_the_people_behind_merged_ids():
    who = Identity(
        [
            Statement(10, 10, "m1", "a", "L1"),
            Statement(20, 20, "m2", "a", key="k"),
            Statement(30, 30, "m3", "L2", key="k"),
        ]
    )
    assert who.person("L2", 31) == "L1"


def test_an_address_of_a_merged_id_joins_its_person_to_the_first_that_had_it():
    who = Identity(
        [
            Statement(10, 10, "m1", "L1", key="k"),
            Statement(20, 20, "m2", "a", "L2"),
            Statement(30, 30, "m3", "a", key="k"),
        ]
    )
    assert (who.person("L2", 31), who.person("a", 31)) == ("L1", "L1")


@pytest.mark.parametrize(
    "text", ["Anne.Petit@ACME.fr", " anne.petit@acme.fr ", "ＡＮＮＥ.petit@acme.fr", "anne.petit@acme.fr\u3000"]
)
def test_an_address_has_one_normal_form(text):
    assert fold(text) == "anne.petit@acme.fr"


@given(text=st.text(max_size=20))
def test_the_normal_form_is_final(text):
    assert fold(fold(text)) == fold(text) == fold(normalize("NFD", text))


# In a store


@given(batch=some_events(), order=st.randoms(use_true_random=False), size=st.integers(1, 5))
def test_the_order_of_ingestion_does_not_matter(batch, order, size):
    with Store("sqlite://", ["email"]) as one, Store("sqlite://", ["email"]) as other:
        one.append(batch)
        shuffled = order.sample(batch, len(batch))
        for start in range(0, len(shuffled), size):
            other.append(shuffled[start : start + size])
        first, second = one.scan(), other.scan()
    assert first.identity.merged == second.identity.merged
    assert [told(first, lead) for lead in LEADS] == [told(second, lead) for lead in LEADS]


@given(batch=some_events(), keys=st.sampled_from([[], ["email"], ["email", "size"], ["crm:mail"]]))
def test_the_history_of_one_lead_is_its_part_of_the_scan(batch, keys):
    for event in batch:
        if "email" in event.traits:
            event.traits["crm:mail"] = event.traits["email"]
    with Store("sqlite://", keys) as store:
        store.append(batch)
        log = store.scan()
        for lead in (*LEADS, "nobody"):
            alone = store.history([lead])
            assert told(alone, lead) == told(log, lead)
            for as_of in range(0, 14, 3):
                assert alone.identity.person(lead, as_of) == log.identity.person(lead, as_of)
                assert alone.visible_event_ids(lead, as_of) == log.visible_event_ids(lead, as_of)
        together = store.history(LEADS)
        assert [told(together, lead) for lead in LEADS] == [told(log, lead) for lead in LEADS]
