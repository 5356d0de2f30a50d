"""One lead from its own history, or everyone from a scan: the same bits, whoever else is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.store import Store
from serving.scorer import score
from tests import market
from tests.histories import alias, at, identify, named, track

DAYS = (20.0, 60.5, 100.0, 149.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A hundred leads of the market, with merges and shared addresses among them."""
    mine = [event for event in market.events() if event.lead_id < "L0100"]
    for n in range(0, 90, 9):
        who = f"L{n:04d}"
        mine += [
            track(f"v{n}", "Visited", 12.0 + n / 3),
            track(f"v{n}", "Lead Created", 13.0),
            alias(f"v{n}", who, 40.0 + n),
        ]
        mine += [identify(f"d{n}", 30.0 + n, email=f" {who}@X.FR", size=7.0), track(f"d{n}", "Quote", 31.0, value=3.0)]
    with Store(f"sqlite:///{tmp_path_factory.mktemp('online') / 'store.db'}", ("email",)) as filled:
        filled.append(named(mine))
        yield filled


@pytest.fixture(scope="module")
def everyone(store):
    """All pairs, scored at once on the scan: (lead, moment) -> the whole answer as text."""
    log = store.scan()
    pairs = [(lead, at(day)) for day in DAYS for lead in [*log.leads, "nobody"]]
    return pairs, answers(log, pairs)


def answers(log, pairs, threads=1):
    """What is said of each pair, to the last digit, with the vector it was said of."""
    found = score(market.bundle(), log, [lead for lead, _ in pairs], [as_of for _, as_of in pairs], threads)
    vectors = [found.features[at].tobytes() if at >= 0 else b"" for at in found.scored]
    return [(repr(one), vector) for one, vector in zip(found.rows(shown=99), vectors, strict=True)]


def test_there_is_something_of_everything(everyone):
    said = " ".join(one for one, _ in everyone[1])
    for status in ("scored", "not_started", "merged", "converted", "lost", "opted_out", "unknown"):
        assert f"status='{status}'" in said


def test_one_lead_from_its_own_history_is_scored_as_in_the_scan(store, everyone):
    pairs, batch = everyone
    for lead in dict.fromkeys(lead for lead, _ in pairs):
        mine = [place for place, pair in enumerate(pairs) if pair[0] == lead]
        alone = answers(store.history([lead]), [pairs[place] for place in mine])
        assert alone == [batch[place] for place in mine]


@given(st.data())
def test_any_choice_and_order_of_pairs_gives_the_same_answers(store, everyone, data):
    pairs, batch = everyone
    chosen = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=12))
    asked = [pairs[place] for place in chosen]
    assert answers(store.history([lead for lead, _ in asked]), asked) == [batch[place] for place in chosen]


def test_threads_change_nothing(store, everyone):
    pairs, batch = everyone
    assert answers(store.scan(), pairs, threads=2) == batch


def test_the_order_in_which_events_were_stored_changes_nothing(everyone, store):
    events = [event for event in market.events() if event.lead_id < "L0010"]
    shuffled = [events[place] for place in np.random.default_rng(0).permutation(len(events))]
    pairs = [(f"L{n:04d}", at(day)) for n in range(10) for day in DAYS]
    found = []
    for order in (events, shuffled):
        with Store("sqlite://", ("email",)) as one:
            for start in range(0, len(order), 7):
                one.append(order[start : start + 7])
            found.append(answers(one.scan(), pairs))
    assert found[0] == found[1]
