"""Who is named in a sale is won with it, once, whoever sends it how often; the amount counts once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.contacts import MOST, Contacts
from data.erasure import erase
from data.events import Event
from data.journey import won_at
from data.log import NEVER
from data.store import Store
from tests.histories import at, playbook

CONTACTS = Contacts("contacts", frozenset(["Deal Won"]))
names = st.text("ab ,é\n", max_size=4)


def sale(said: object, event_id: str = "m-1", lead: str = "L1", kind: str = "Deal Won") -> Event:
    properties = {"value": 9_000, "contacts": said, "seller": "Eva"}
    return Event(event_id, lead, "track", kind, at(5), at(6), value=9_000_000_000, properties=properties)


def opened(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'events.db'}", contacts=CONTACTS)


def test_the_named_contacts_are_won_with_it_at_the_same_moment_and_the_amount_counts_once(tmp_path: Path):
    book = playbook()
    with opened(tmp_path) as store:
        said = store.append([sale(["L2", "L3", "L1"])])
        assert (said.accepted, said.duplicates) == ({"m-1"}, 0)
        log = store.scan()
        codes = log.codes(["L1", "L2", "L3", "L4"])
        assert won_at(log, book.journey, codes[:3], at(7)).tolist() == [at(5)] * 3
        assert won_at(log, book.journey, codes[:3], at(6)).tolist() == [NEVER] * 3  # not known yet
        assert codes[3] == -1
        assert sorted(log.value.tolist())[-1] == 9_000_000_000
        assert (log.value == 9_000_000_000).sum() == 1
        body = store.timeline("L2", at(9))[0]
        assert body["properties"] == {"seller": "Eva"}  # nothing of the others, who may be erased


def test_the_same_sale_again_changes_nothing(tmp_path: Path):
    with opened(tmp_path) as store:
        store.append([sale("L2, L3")])
        again = store.append([sale("L2, L3"), sale("L2, L3")])
        assert (again.accepted, again.duplicates) == (frozenset(), 2)
        assert store.counts()["events"] == 3


def test_other_events_name_nobody_and_a_store_without_the_word_neither(tmp_path: Path):
    with opened(tmp_path) as store:
        store.append([sale(["L2"], kind="Deal Lost")])
        assert store.counts()["events"] == 1
    with Store("sqlite://") as store:
        store.append([sale(["L2"])])
        assert store.counts()["events"] == 1


def test_of_who_was_erased_nothing_is_kept(tmp_path: Path):
    with opened(tmp_path) as store:
        store.append([sale(None, "m-0", "L2", "Visited")])
        erase(store, "L2", now=at(7))
        said = store.append([sale(["L2", "L3"])])
        assert said.accepted == {"m-1"}
        assert set(store.scan().leads) == {"L1", "L3"}


@given(
    st.one_of(
        st.none(),
        st.integers(),
        names,
        st.lists(st.one_of(names, st.integers())),
        st.just([f"L{n}" for n in range(300)]),
    )
)
def test_whatever_it_says_each_contact_is_named_once_and_never_the_lead_itself(said: object):
    copies = list(CONTACTS.copies(sale(said, lead="a")))
    leads = [one.lead_id for one in copies]
    assert len(set(leads)) == len(leads) <= MOST
    assert "a" not in leads
    assert all(one and one == one.strip() and one.isprintable() for one in leads)
    assert len({one.event_id for one in copies}) == len(copies)


@pytest.mark.parametrize("said", ["L2,L3", ["L2", "L3"], " L2 , L3,"])
def test_a_list_or_a_text(said: object):
    assert [one.lead_id for one in CONTACTS.copies(sale(said))] == ["L2", "L3"]
