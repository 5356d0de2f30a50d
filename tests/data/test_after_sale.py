"""The journey after the sale: what events mean in its view, by hand, against an obvious version, for any history."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.after_sale import BEFORE, FIRST, customers, rules, view
from data.events import Event
from data.journey import Status, standing
from data.log import EventLog
from tests.data.test_stays import histories
from tests.histories import alias, at, log_of, playbook, track
from veraison.errors import PlaybookError
from veraison.playbook import Playbook

ORDERS = {"converted": ["Repeat Order"], "lost": ["Deal Lost"], "ready": ["Accepted"]}
BOOK = playbook(journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]}, after_sale=ORDERS)
AGAIN = BOOK.model_copy(update={"after_sale": playbook(after_sale={"converted": ["Deal Won", "Offer"]}).after_sale})


def kinds(log: EventLog, lead: str = "L1") -> list[str]:
    code = int(log.codes([lead])[0])
    return [log.kinds[one] for one in log.kind[log.offsets[code] : log.offsets[code + 1]]]


def status(log: EventLog, book: Playbook, day: float, lead: str = "L1") -> Status:
    return Status(standing(log, book.journey, log.codes([lead]), np.array([at(day)])).status[0])


STORY = (
    track("L1", "Deal Lost", 1), track("L1", "Accepted", 2), track("L1", "Visited", 3), track("L1", "Deal Won", 5),
    track("L1", "Accepted", 20), track("L1", "Repeat Order", 30), track("L1", "Deal Won", 40),
)  # fmt: skip


def test_the_story_of_the_module():
    log, book = customers(log_of(*STORY), BOOK)
    assert kinds(log) == [
        "Deal Lost (before)", "Accepted (before)", "Visited", "Deal Won (first)",
        "Accepted", "Repeat Order", "Deal Won",
    ]  # fmt: skip
    told = [status(log, book, day) for day in (4, 6, 29, 31)]
    assert told == [Status.not_started, Status.scored, Status.scored, Status.converted]
    found = standing(log, book.journey, log.codes(["L1"]), np.array([at(100)]))
    assert (found.started[0], found.closed[0]) == (at(5), at(30))


def test_the_second_sale_may_be_named_as_the_first():
    log, book = customers(log_of(*STORY), AGAIN)
    assert kinds(log)[3:] == ["Deal Won (first)", "Accepted", "Repeat Order", "Deal Won"]
    assert [status(log, book, day) for day in (6, 39, 41)] == [Status.scored, Status.scored, Status.converted]


def test_what_happened_before_the_sale_and_is_heard_of_later_is_history():
    """Else the journey would be over before it began, by an outcome of the first one."""
    late = track("L1", "Deal Lost", 1, known=9), track("L1", "Deal Won", 2, known=8), track("L1", "Deal Won", 5)
    log, book = customers(log_of(*late), AGAIN.model_copy(update={"after_sale": playbook(
        after_sale={"converted": ["Deal Won"], "lost": ["Deal Lost"]}).after_sale}))  # fmt: skip
    assert kinds(log) == ["Deal Won (first)", "Deal Won (before)", "Deal Lost (before)"]
    assert status(log, book, 100) is Status.scored


def test_a_sale_of_an_id_that_is_merged_later_is_heard_of_at_the_merge():
    log, book = customers(log_of(track("a-1", "Deal Won", 1), alias("a-1", "L1", 9), track("L1", "Visited", 3)), BOOK)
    assert kinds(log, "L1") == ["Visited", "Deal Won (first)", "alias"]
    assert (status(log, book, 8), status(log, book, 10)) == (Status.not_started, Status.scored)


def test_the_playbook_of_customers_is_a_whole_one():
    own = playbook(after_sale=ORDERS | {"days": [60, 10], "primary": 60, "min_conversions": 12})
    book = BOOK.model_copy(update={"after_sale": own.after_sale})
    found = rules(book)
    assert (found.journey.created, found.journey.converted) == (("Deal Won (first)",), ("Repeat Order",))
    assert (found.horizons.days, found.horizons.primary, found.training.min_conversions) == ((10, 60), 60, 12)
    assert Playbook.model_validate_json(found.model_dump_json()) == found
    assert rules(BOOK).horizons == BOOK.horizons
    assert rules(BOOK).training.min_conversions == BOOK.training.min_conversions
    assert rules(BOOK).fingerprint != BOOK.fingerprint
    assert BOOK.fingerprint == BOOK.model_copy(update={"after_sale": playbook().after_sale}).fingerprint


def test_mistakes_are_one_line():
    with pytest.raises(PlaybookError, match=r"^after_sale.converted: the playbook names no event [^\n]*$"):
        customers(log_of(*STORY), playbook())
    with pytest.raises(PlaybookError, match=r"^after_sale: an event is called 'Deal Won \(first\)' already; [^\n]*$"):
        view(log_of(*STORY, track("L2", "Deal Won (first)", 1)), BOOK)


def obvious(mine: Iterable[Event], book: Playbook) -> list[str]:
    """The rules of the module, one event after the other."""
    named = {*book.after_sale.converted, *book.after_sale.ready, *book.after_sale.lost}
    mine = list(mine)
    first = next((n for n, event in enumerate(mine) if event.kind in book.journey.converted), len(mine))
    found = []
    for n, event in enumerate(mine):
        if n == first:
            found.append(event.kind + FIRST)
        elif event.kind in named and (n < first or event.occurred_at < mine[first].occurred_at):
            found.append(event.kind + BEFORE)
        else:
            found.append(event.kind)
    return found


@pytest.mark.parametrize("book", [BOOK, AGAIN], ids=["orders", "again"])
@settings(max_examples=50)
@given(events=histories)
def test_any_history_is_renamed_as_by_hand(book: Playbook, events: list[Event]):
    raw = log_of(*events)
    found = view(raw, book)
    order = _of(raw)
    for lead in raw.leads:
        code = int(raw.codes([lead])[0])
        rows = range(int(raw.offsets[code]), int(raw.offsets[code + 1]))
        assert kinds(found, lead) == obvious([order[row] for row in rows], book)


def _of(log: EventLog) -> list[Event]:
    columns = zip(log.known.tolist(), log.occurred.tolist(), log.kind.tolist(), strict=True)
    return [Event("", "", "track", log.kinds[kind], occurred, known) for known, occurred, kind in columns]


@pytest.mark.parametrize("book", [BOOK, AGAIN], ids=["orders", "again"])
@settings(max_examples=50)
@given(events=histories, later=histories, now=st.integers(0, 14))
def test_what_is_known_later_changes_nothing(book: Playbook, events: list[Event], later: list[Event], now: int):
    known = [event for event in events if event.known_at < at(now)]
    late = [event for event in [*events, *later] if event.known_at >= at(now)]
    before, after = view(log_of(*known), book), view(log_of(*known, *late), book)
    for lead in before.leads:
        code = int(after.codes([lead])[0])
        seen = after.visible(code, at(now))
        assert [after.kinds[one] for one in after.kind[seen]] == kinds(before, lead)


@pytest.mark.parametrize("book", [BOOK, AGAIN], ids=["orders", "again"])
@settings(max_examples=50)
@given(events=histories, now=st.integers(0, 24))
def test_no_outcome_of_the_first_journey_is_one_of_the_second(book: Playbook, events: list[Event], now: int):
    """And whoever was ever sold anything, and nobody else, has a journey there."""
    log, second = customers(log_of(*events), book)
    every = np.arange(len(log.leads))
    found = standing(log, second.journey, every, np.full(len(every), at(now)))
    closed = np.isin(found.status, [Status.converted, Status.lost])
    assert np.all(found.closed[closed] >= found.started[closed])
    moment = np.full(len(every), at(now))
    only_sales = book.journey.model_copy(update={"opted_out": (), "lost": ()})
    sold = standing(log_of(*events), only_sales, every, moment).status == Status.converted
    mine = standing(log, second.journey.model_copy(update={"opted_out": ()}), every, moment).status
    there = ~np.isin(mine, [Status.merged, Status.unknown])
    assert np.array_equal((mine != Status.not_started)[there], sold[there])
