"""Histories in columns: what is visible is what was known before, on the one boundary there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.log import NEVER, EventLog
from data.store import Store
from tests.data.logs import LEADS, some_events, told


def logged(batch, keys=("email",)):
    with Store("sqlite://", keys) as store:
        store.append(batch)
        return store.scan()


def seen(number, lead="L1", occurred=None, **rest):
    return Event(f"e{number}", lead, "track", "Seen", number if occurred is None else occurred, number, **rest)


def merge(at, source, target):
    return Event(f"m{at}", target, "alias", "alias", at, at, previous_id=source)


def test_visible_is_what_was_known_strictly_before():
    log = logged([seen(10), seen(20), seen(20, "L2")])
    assert [log.visible_event_ids("L1", as_of) for as_of in (10, 11, 20, 21)] == [[], ["e10"], ["e10"], ["e10", "e20"]]
    assert log.visible_event_ids("nobody", 100) == []


def test_an_event_that_was_learned_late_is_visible_late():
    log = logged([seen(10), seen(30, occurred=5)])
    assert log.visible_event_ids("L1", 20) == ["e10"]
    assert log.visible_event_ids("L1", 31) == ["e10", "e30"]


def test_a_history_is_ordered_by_known_then_occurred_then_id():
    batch = [Event(name, "L1", "track", "Seen", occurred, 9) for name, occurred in [("b", 3), ("a", 3), ("c", 2)]]
    assert logged([*batch, seen(8)]).visible_event_ids("L1", 10) == ["e8", "c", "a", "b"]


def test_a_merged_history_shows_from_the_moment_of_the_merge():
    log = logged([seen(10, "a-9"), seen(12, "L1"), merge(20, "a-9", "L1"), seen(30, "a-9")])
    assert log.visible_event_ids("L1", 20) == ["e12"]
    assert log.visible_event_ids("L1", 21) == ["e12", "e10", "m20"]
    assert log.visible_event_ids("L1", 31) == ["e12", "e10", "m20", "e30"]
    assert log.visible_event_ids("a-9", 31) == ["e10", "e30"]
    code = {lead: place for place, lead in enumerate(log.leads)}
    assert (log.merged_at[code["a-9"]], log.merged_at[code["L1"]]) == (20, NEVER)
    assert log.persons(20).tolist() == [code["L1"], code["a-9"]]
    assert log.persons(21).tolist() == [code["L1"], code["L1"]]


def test_a_log_knows_its_newest_moment():
    assert logged([seen(10), seen(30, occurred=5)]).newest == 30
    with pytest.raises(ValueError, match="empty"):
        _ = logged([]).newest


@given(batch=some_events(), as_of=st.integers(0, 14))
def test_a_log_says_what_its_events_say(batch, as_of):
    """The slow way: every event under every id its own id is known by, from the later of both moments on."""
    log = logged(batch)
    assert log.leads == sorted({name for one in batch for name in (one.lead_id, *_later(log, one.lead_id))})
    for lead in LEADS:
        expected = []
        for one in batch:
            since = {one.lead_id: 0} | dict(log.identity.chain(one.lead_id))
            if lead in since:
                known = max(one.known_at, since[lead])
                expected.append((known, one.occurred_at, one.event_id, one.kind, one.value, one.actor))
        expected.sort()
        found = told(log, lead) or {"events": []}
        assert [(known, occurred, name, *rest) for name, known, occurred, *rest in found["events"]] == expected
        assert log.visible_event_ids(lead, as_of) == [name for known, _, name, *_ in expected if known < as_of]


def _later(log, lead):
    return [name for name, _ in log.identity.chain(lead)]


@given(batch=some_events(), as_of=st.integers(0, 14))
def test_every_lead_is_known_as_one_person_that_is_in_the_log(batch, as_of):
    log = logged(batch)
    persons = [log.leads[code] for code in log.persons(as_of)]
    assert persons == [log.identity.person(lead, as_of) for lead in log.leads]


@given(batch=some_events(), later=some_events("later", least_known=7), as_of=st.integers(0, 7))
def test_what_is_known_later_changes_nothing_that_is_visible(batch, later, as_of):
    before, after = logged(batch), logged([*batch, *later])
    for lead in LEADS:
        assert before.visible_event_ids(lead, as_of) == after.visible_event_ids(lead, as_of)


@given(batch=some_events())
def test_the_order_of_rows_does_not_change_the_columns(batch):
    log, turned = logged(batch), logged(batch[::-1])
    for name in ("offsets", "known", "occurred", "kind", "value", "actor", "trait_offsets", "trait_name", "trait_text"):
        np.testing.assert_array_equal(getattr(log, name), getattr(turned, name))
    assert isinstance(log, EventLog)
    for name in ("kinds", "actors", "trait_names", "trait_texts"):
        assert getattr(log, name) == getattr(turned, name)
    assert list(log.event_ids) == list(turned.event_ids)
