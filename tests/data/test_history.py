"""The histories of some leads are their part of the scan, by the short way and by the general one."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.identity import fold
from data.log import EventIds
from data.snapshot import names_company
from data.store import Store
from tests.data.logs import LEADS, some_events, told

ACCOUNTS = ("group_id", "email_domain")
COMPANIES = ("acme", " ACME", "other", "gmail.com", "1")


def same(one, other):
    """Whether two logs are the same to the last bit and type."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "identity":
            assert a.merged == b.merged
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.tobytes() == b.tobytes(), field.name
        elif a is None or b is None:
            assert a is b, field.name
        else:
            assert list(a) == list(b), field.name
    return True


def in_companies(batch, data):
    """The same events, some of them saying where the lead works."""
    for event in batch:
        company = data.draw(st.sampled_from((None, None, *COMPANIES)))
        if company is not None:
            event.traits["group_id"] = company
    return batch


def colleagues(batch, log, lead):
    """The leads that ever carried what one of this person's ids ever carried, the slow way."""
    ids = {one for one in LEADS if log.identity.person(one, 99) == log.identity.person(lead, 99)}
    carried = {}
    for event in batch:
        told_of = dict(event.traits)
        if "@" in str(told_of.get("email", "")):
            told_of.setdefault("email_domain", told_of["email"].partition("@")[2])
        for name in ACCOUNTS:
            if name in told_of and names_company(fold(told_of[name])):
                carried.setdefault(event.lead_id, set()).add((name, fold(told_of[name])))
    mine = set().union(*(carried.get(one, set()) for one in ids))
    return {one for one, values in carried.items() if values & mine}


@given(batch=some_events(), keys=st.sampled_from([(), ("email",)]), data=st.data())
def test_histories_come_with_those_of_colleagues(batch, keys, data):
    batch = in_companies(batch, data)
    with Store("sqlite://", keys, ACCOUNTS) as store:
        store.append(batch)
        log = store.scan()
        for lead in (*LEADS, "nobody"):
            alone = store.history([lead])
            assert told(alone, lead) == told(log, lead)
            for other in colleagues(batch, log, lead):
                assert told(alone, other) == told(log, other)
            for other in alone.leads:
                if alone.identity.person(other, 99) == log.identity.person(other, 99):
                    assert told(alone, other)["events"]
        together = store.history(LEADS)
        assert [told(together, lead) for lead in LEADS] == [told(log, lead) for lead in LEADS]


@given(
    batch=some_events(),
    keys=st.sampled_from([(), ("email",)]),
    accounts=st.sampled_from([(), ACCOUNTS]),
    data=st.data(),
)
def test_the_short_way_gives_what_the_general_way_gives(batch, keys, accounts, data):
    batch = in_companies(batch, data)
    with Store("sqlite://", keys, accounts) as store:
        store.append(batch)
        for lead in (*LEADS, "nobody"):
            alone = store._lone.history(lead)
            with store.snapshot() as seen:
                _, ids = seen.linked([lead])
                linked = len(seen.colleagues(ids)) > 1
            assert (alone is None) >= linked
            short, store._lone = store._lone, None
            general = store.history([lead])
            store._lone = short
            if alone is not None:
                assert same(alone, general)
                assert [list(alone.event_ids)[n] for n in range(len(alone.known))] == list(general.event_ids)


def test_the_short_way_is_taken_by_who_stands_alone():
    with Store("sqlite://", ("email",), ACCOUNTS) as store:
        store.append(
            [
                Event("1", "alone", "identify", "identify", 1, 1, traits={"email": "a@acme.fr", "group_id": "g"}),
                Event("2", "free", "identify", "identify", 1, 1, traits={"email": "a@gmail.com"}),
                Event("3", "of free", "identify", "identify", 1, 1, traits={"email": "b@gmail.com"}),
                Event("4", "one", "identify", "identify", 1, 1, traits={"email": "a@x.fr"}),
                Event("5", "two", "identify", "identify", 1, 1, traits={"email": "b@x.fr"}),
                Event("6", "heir", "alias", "alias", 1, 1, previous_id="gone"),
            ]
        )
        short = {lead for lead in store.scan().leads if store._lone.history(lead) is not None}
        assert short == {"alone", "free", "of free"}
        assert store.history(["one"]).leads == ["one", "two"]
        assert store.history(["free"]).leads == ["free"]
        with Store("sqlite://") as without:
            assert without._lone.history("nobody").leads == []


def test_an_account_is_a_link_for_histories_only(store_url):
    acme = {"group_id": "Acme"}
    with Store(store_url, ("email",), ACCOUNTS) as store:
        store.append(
            [
                Event("1", "a", "group", "group", 1, 1, traits=acme),
                Event("2", "b", "group", "group", 2, 2, traits={"group_id": " ACME "}),
                Event("3", "b", "alias", "alias", 3, 3, previous_id="v"),
                Event("4", "v", "page", "Seen", 1, 1),
                Event("5", "c", "identify", "identify", 4, 4, traits={"email": "c@x.fr", "other": "acme"}),
                Event("6", "b", "group", "group", 5, 5, traits={"group_id": "second"}),
                Event("7", "d", "group", "group", 6, 6, traits={"group_id": "second"}),
            ]
        )
        log = store.history(["a"])
        assert log.leads == ["a", "b", "v"]  # d is a colleague of b, not of a
        assert log.identity.merged == {"v": ("b", 3)}
        assert [log.identity.person(lead, 9) for lead in "abv"] == ["a", "b", "b"]
        assert store.history(["v"]).leads == ["a", "b", "d", "v"]
        assert store.history(["c"]).leads == ["c"]
        assert store.scan().identity.merged == {"v": ("b", 3)}


def test_ids_of_events_are_a_sequence(tmp_path):
    with Store(f"sqlite:///{tmp_path / 's.db'}") as store:
        store.append([Event(f"e{n}", "L", "track", "Seen", n, n) for n in range(4)])
        for log in (store.scan(), store.history(["L"])):
            ids = log.event_ids
            assert (len(ids), ids[0], ids[-1], list(ids[1:3])) == (4, "e0", "e3", ["e1", "e2"])
            assert ids[np.array([2, 0])].to_list() == ["e2", "e0"]
            assert ids.to_arrow().to_pylist() == list(ids) == [f"e{n}" for n in range(4)]
            assert "e2" in ids
            with pytest.raises(IndexError):
                ids[4]
    assert list(EventIds(None, np.array([3, 1]))) == ["3", "1"]
