"""The contract measured: what sales did beside hand-made histories, promises that break, and that the past stays."""

import doctest
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import said as said_module
from data.contract_lines import Bound, Breach
from data.events import MICROS_PER_DAY, Event
from data.log import EventLog
from data.said import said
from data.store import Store
from monitoring import contract as contract_module
from monitoring import contract_weeks
from monitoring.contract import Measured, contract
from monitoring.contract_kept import Sellers, contacts, spoken
from monitoring.contract_scores import _moments, _turns
from monitoring.contract_weeks import Handed, matured, succeeded
from monitoring.weeks import WEEK
from tests.histories import HOUR, at, identify, named, playbook, track
from tests.reports import contracted, earlier
from tests.service import market
from veraison.errors import VeraisonError

JOURNEY = {"ready": ["Accepted"], "returned": ["Returned"], "worked": ["Call Made"]}
BOOK = playbook(journey=JOURNEY, contract={"sellers": 1, "report": ["valid"], "precision": 0.2})


def told(*events: Event) -> tuple[EventLog, Any]:
    """A log, and what its events say besides."""
    with Store("sqlite://") as store:
        store.append(named(events))
        log = store.scan()
        bodies = store.bodies(log.event_ids.to_list())
    return log, lambda ids: {one: bodies[one] for one in ids if one in bodies}


def says(lead: str, kind: str, day: float, known: float | None = None, **properties: Any) -> Event:
    return replace(track(lead, kind, day, known=known), properties=properties)


def handed(log: EventLog, **days: float) -> Handed:
    moments = np.array([at(day) for day in days.values()], dtype=np.int64)
    return Handed(log.codes(list(days)), moments, moments, np.full(len(days), 0.2))


def test_the_first_contact_is_the_first_act_of_sales_after_the_hand_over():
    log, _ = told(
        track("A", "Lead Created", 0), track("A", "Call Made", 1), track("A", "Call Made", 6),
        track("A", "Call Made", 7),
        track("B", "Lead Created", 0), says("B", "Accepted", 8),
        track("C", "Lead Created", 0), track("C", "Pricing", 6),
        track("D", "Lead Created", 0), track("D", "Deal Lost", 6),
        track("E", "Lead Created", 0),
        track("F", "Lead Created", 0), track("F", "Call Made", 6, known=40),
    )  # fmt: skip
    given = handed(log, A=5, B=5, C=5, D=5, E=19, F=5)
    found = contacts(log, BOOK, given, Sellers(log, BOOK, at(20)), at(20))
    assert found.hours.tolist() == [24, 72, np.inf, np.inf, np.inf, np.inf]
    # D closed by itself before the 48 hours were over, E's are not over
    assert found.due.tolist() == [True, True, True, False, False, True]


def test_who_acted_is_the_seller_and_else_who_has_the_lead():
    log, _ = told(
        track("A", "Lead Created", 0), replace(track("A", "Call Made", 6), actor="Eva"),
        track("B", "Lead Created", 0), identify("B", 1, owner="Amira"),
        track("C", "Lead Created", 0),
    )  # fmt: skip
    sellers = Sellers(log, BOOK, at(20))
    found = contacts(log, BOOK, handed(log, A=5, B=5, C=5), sellers, at(20))
    assert [sellers.names[one] if one >= 0 else None for one in found.seller.tolist()] == ["Eva", "Amira", None]


def test_a_report_may_stand_on_the_event_on_a_later_one_or_be_a_trait_and_has_its_time():
    log, bodies = told(
        says("A", "Accepted", 5, valid=True),
        says("B", "Accepted", 5), says("B", "Returned", 9, reason="Not mature", valid="yes"),
        says("C", "Accepted", 5), identify("C", 10, valid="no"),
        says("D", "Accepted", 5), identify("D", 25, valid="no"),
        says("E", "Accepted", 5, valid=""), says("F", "Returned", 30, reason="moon", valid=1),
        says("G", "Returned", 30, valid=1),
    )  # fmt: skip
    heard = said(log, BOOK, bodies, before=at(40))
    found = spoken(log, BOOK, heard, Sellers(log, BOOK, at(40)), at(40))
    who = [log.leads[one] for one in heard.lead.tolist()]
    assert who == ["A", "B", "B", "C", "D", "E", "F", "G"]
    assert found.due.tolist() == [True, True, True, True, True, True, False, False]
    assert found.reported.tolist() == [True, True, True, True, False, False, True, True]
    assert heard.reason == (None, None, "not_mature", None, None, None, "moon", None)
    assert found.undeclared.tolist() == [False] * 6 + [True, True]


def test_until_when_a_lead_is_left_alone():
    log, bodies = told(
        says("A", "Returned", 5, reason="wrong contact"),
        says("B", "Returned", 5, reason="postponed", until="2026-03-01"),
        says("C", "Returned", 5, reason="postponed", until="soon"), says("D", "Accepted", 5),
    )  # fmt: skip
    quiet = said(log, BOOK, bodies, before=at(40)).quiet.tolist()
    assert quiet[0] > at(10_000)
    assert quiet[1:] == [at(59), at(35), 0]


def test_a_turn_begins_with_each_return_and_waits_until_the_lead_was_left_alone():
    log, bodies = told(
        track("A", "Lead Created", 0), says("A", "Returned", 5, reason="other"),
        says("A", "Returned", 50, 51, reason="other"),
        track("B", "Lead Created", 0),
    )  # fmt: skip
    heard = said(log, BOOK, bodies, before=at(99))
    days = [4, 5, 6, 51, 52]
    lead = np.array([0] * len(days) + [1], dtype=np.int64)
    turn, quiet = _turns(log, heard, lead, np.array([at(day) for day in [*days, 60]], dtype=np.int64))
    assert turn.tolist() == [0, 0, 1, 1, 2, 0]
    assert quiet.tolist() == [0, 0, at(35), at(35), at(80), 0]


def test_leads_are_looked_at_on_mondays_and_after_news():
    log, _ = told(track("A", "Lead Created", 6.5), track("A", "Pricing", 13.2), track("B", "Lead Created", 20))
    monday = at(4)  # 2026-01-05
    lead, moment = _moments(log, monday, monday + 2 * WEEK)
    assert lead.tolist() == [0, 0, 0]
    assert moment.tolist() == [at(7), at(11), at(14)]


def test_only_what_came_in_time_after_the_hand_over_and_is_known_keeps_the_promise():
    log, _ = told(
        *(track(one, "Lead Created", 0) for one in "ABCDE"),
        track("A", "Deal Won", 34), track("B", "Deal Won", 36), track("C", "Deal Won", 3),
        track("D", "Deal Won", 20, known=90),
    )  # fmt: skip
    given = handed(log, A=5, B=5, C=5, D=5, E=20)
    assert succeeded(log, BOOK, given, at(40)).tolist() == [True, False, False, False, False]
    assert matured(given, BOOK, at(40)).tolist() == [True, True, True, True, False]
    assert succeeded(log, BOOK, given, at(91)).tolist() == [True, False, False, True, False]


@cache
def log() -> EventLog:
    with market().store() as store:
        return store.scan()


def measured(events: EventLog, moment: int, entries: Any = (), **terms: Any) -> Measured:
    book = contracted(market().playbook, **terms)
    return contract(events, book, earlier(market().bundle, 100, market().now), as_of=moment, entries=entries)


PAST = market().now - 20 * MICROS_PER_DAY


@cache
def before() -> Measured:
    return measured(log(), PAST)


def test_each_lead_is_handed_over_once_and_by_the_bound_of_its_week():
    found = before()
    assert len(found.report.weeks) > 10
    starts = [one.bound.start for one in found.report.weeks]
    assert starts == list(range(starts[0], starts[-1] + 1, WEEK))
    assert sum(one.handed for one in found.report.weeks) > 20
    assert all(one.bound.leads <= 6 + one.bound.made_up or one.bound.binds == "precision" for one in found.report.weeks)
    assert [one for one in found.fresh if isinstance(one, Bound)] == [one.bound for one in found.report.weeks]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_known_later_changes_nothing(data: Any, tmp_path: Path):
    """Wins, returns, acts and merges that become known at the moment or after it, whenever they happened."""
    who, kinds = st.sampled_from(log().leads), st.sampled_from(
        ["Deal Won", "Lead Returned", "Sales Accepted", "Quote Requested", "Unsubscribed"]
    )  # fmt: skip
    later = [
        track(data.draw(who), data.draw(kinds), 0)
        for _ in range(data.draw(st.integers(1, 30)))
    ]  # fmt: skip
    moved = [
        replace(
            one, event_id=f"later-{number}", occurred_at=PAST - data.draw(st.integers(-5, 60)) * MICROS_PER_DAY,
            known_at=PAST + data.draw(st.integers(0, 200)) * HOUR,
        )
        for number, one in enumerate(later)
    ]  # fmt: skip
    pair = data.draw(st.lists(who, min_size=2, max_size=2, unique=True))
    merge = replace(identify(pair[0], 0, previous=pair[1]), event_id="merge", occurred_at=PAST, known_at=PAST)
    folder = tmp_path / str(data.draw(st.integers(0, 2**60)))
    with market().copy(folder).store() as store:
        store.append([*moved, merge])
        assert measured(store.scan(), PAST).report == before().report


def test_a_bound_that_is_written_stays_and_what_was_told_is_not_told_again():
    found = before()
    raised = [
        one.model_copy(update={"score": 99.0}) if isinstance(one, Bound) else one for one in found.fresh
    ]  # fmt: skip
    again = measured(log(), PAST, entries=raised)
    assert {one.bound.score for one in again.report.weeks} == {99.0}
    assert measured(log(), PAST, entries=found.fresh).report == found.report
    assert measured(log(), PAST, entries=found.fresh).fresh == []
    other = measured(log(), PAST, entries=raised, precision=0.06)  # under other terms they do not count
    assert {one.bound.score for one in other.report.weeks} != {99.0}
    later = measured(log(), PAST + WEEK, entries=found.fresh)
    assert [one.bound for one in later.report.weeks][: len(found.report.weeks)] == [
        one.bound for one in found.report.weeks
    ]


def test_a_week_whose_model_is_gone_is_left_out():
    found = before()
    gone = [one.model_copy(update={"model_version": "gone"}) for one in found.fresh[:3] if isinstance(one, Bound)]
    again = measured(log(), PAST, entries=gone)
    assert [one.bound.week for one in again.report.weeks] == [one.bound.week for one in found.report.weeks][3:]


def test_the_sums_are_those_of_the_weeks_and_of_the_sellers():
    report = measured(log(), market().now, report=("valid",)).report
    for name in ("won", "contact", "report"):
        for part in ("of", "kept"):
            total = getattr(getattr(report.totals, name), part)
            assert total == sum(getattr(getattr(one, name), part) for one in report.weeks)
            assert total == sum(getattr(getattr(one, name), part) for one in report.sellers)
    assert sum(one.handed for one in report.weeks) == sum(one.handed for one in report.sellers)
    assert report.totals.returned == sum(one.returns for one in report.reasons)
    assert report.totals.handed == sum(one.handed for one in report.weeks if one.over)


def test_breaches_are_of_promises_that_did_not_come():
    strict = measured(log(), market().now, report=("valid",), return_reasons=("moon",), precision=0.9).report
    found = {(one.side, one.promise) for one in strict.breaches}
    assert {("sales", "report"), ("sales", "contact"), ("sales", "reason")} <= found
    assert len({one.name for one in strict.breaches}) == len(strict.breaches)
    for one in strict.breaches:
        week = next(week for week in strict.weeks if week.bound.week == one.week)
        assert isinstance(one, Breach)
        if one.promise == "reason":
            assert one.observed == week.undeclared > 0
        elif one.promise == "report":
            assert (one.observed, one.leads) == (week.report.share, week.report.of)
    mild = measured(log(), market().now, precision=0.001, contact_hours=8_760, in_time=0.01).report
    assert {one.promise for one in mild.breaches} <= {"volume", "reason"}  # no event says a reason here


def test_without_a_contract_there_is_nothing_to_measure():
    with pytest.raises(VeraisonError, match=r"the playbook has no \[contract\]"):
        contract(log(), market().playbook, market().bundle, as_of=PAST)


@pytest.mark.parametrize("module", [contract_module, contract_weeks, said_module])
def test_what_the_docstrings_show(module: Any):
    assert doctest.testmod(module).failed == 0
