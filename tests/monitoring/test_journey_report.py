"""The report of the journey: known answers on a log made by hand, planted rates and leaks, and what always holds."""

from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.bands import wilson
from data.events import Event
from data.journey_report import JourneyReport, Stage
from data.log import NEVER, EventLog
from data.stays import Exit, stays
from monitoring.journey import journey
from monitoring.journey_groups import month_end, month_name, months
from tests.data.test_stays import BOOKS, histories
from tests.histories import at, identify, log_of, named, playbook, track
from veraison.playbook import Playbook

BOOK = playbook(
    journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]},
    stages={"anonymous": {}, "mql": {"requires": ["email", "company"]}, "sql": {}, "customer": {}},
)


def stage(report: JourneyReport, name: str) -> Stage:
    return next(one for one in report.stages if one.name == name)


# --- by hand -----------------------------------------------------------------------------------------------------


def lead(name: str, *story: tuple[str, float], source: str | None = None, **traits: Any) -> list[Event]:
    """A lead that is created on the day of the first of its events."""
    told = {"source": source} if source else {}
    first = story[0][1]
    words = [identify(name, first, **told, **traits)] if told or traits else []
    return [*words, *(track(name, kind, day) for kind, day in story)]


def test_a_log_of_six_leads():
    events = [
        *lead("L1", ("Lead Created", 0), ("Accepted", 10), ("Deal Won", 30), source="Fair", email="a@b.fr"),
        *lead("L2", ("Lead Created", 5), ("Accepted", 25), ("Returned", 40), source="Fair", email="c@b.fr"),
        *lead("L3", ("Lead Created", 35), ("Deal Lost", 60), source="Web"),
        *lead("L4", ("Lead Created", 95)),
        track("L5", "Visited", 40),
        *lead("L6", ("Lead Created", 33), ("Stop", 34), source="Web"),
    ]
    report = journey(log_of(*events), BOOK, at(100))
    counts = {one.name: (one.now, one.stays, one.next, one.back, one.lost, one.opted_out) for one in report.stages}
    assert counts == {
        "anonymous": (1, 1, 0, 0, 0, 0),
        "mql": (2, 6, 2, 0, 1, 1),
        "sql": (0, 2, 1, 1, 0, 0),
        "customer": (1, 1, 0, 0, 0, 0),
    }
    assert (report.leads, report.since, report.days) == (6, "2026-01-01T00:00:00Z", 90)
    assert report.months == ("2026-01", "2026-02", "2026-03", "2026-04")
    assert {one.name: one.leads for one in report.arrivals} == {
        "Fair": (2, 0, 0, 0), "Web": (0, 2, 0, 0), None: (0, 1, 0, 1),
    }  # fmt: skip
    assert {one.name: one.leads for one in report.entries}["mql"] == (2, 3, 0, 1)
    assert {(one.origin, one.target, one.way): one.stays for one in report.flows} == {
        (None, "anonymous", "next"): 1, (None, "mql", "next"): 5, ("anonymous", None, "still"): 1,
        ("mql", "sql", "next"): 2, ("mql", None, "lost"): 1, ("mql", None, "opted_out"): 1, ("mql", None, "still"): 2,
        ("sql", "customer", "next"): 1, ("sql", "mql", "back"): 1, ("customer", None, "still"): 1,
    }  # fmt: skip
    assert [(one.trait, one.leads) for one in stage(report, "mql").missing] == [("email", 1), ("company", 2)]
    assert stage(report, "mql").lacking == 2
    assert "stages.mql.requires: no lead has the trait 'company' so far" in report.notes
    january = report.cohorts[0]
    assert (january.month, january.leads) == ("2026-01", 2)
    reached = {(one.stage, one.days): one.share for one in january.reached}
    assert (reached["sql", 7], reached["sql", 30], reached["customer", 30]) == (0.0, 1.0, 0.5)
    assert reached["customer", 90] is None  # of who came on the 31st, nothing is known of the 90th day


def test_of_few_leads_nothing_is_said():
    events = [one for n in range(19) for one in lead(f"L{n}", ("Lead Created", n / 9), ("Accepted", n / 9 + 3))]
    report = journey(log_of(*events), BOOK, at(200))
    mql = stage(report, "mql")
    assert (mql.stays, mql.time.median, mql.time.curve, mql.velocity.direction) == (19, None, (), "unknown")
    assert mql.passage is not None
    assert (mql.passage.seen, mql.passage.passed, mql.passage.observed, mql.passage.on) == (19, 19, None, None)
    assert (report.leaks, report.enough) == ((), False)
    more = journey(log_of(*events, *lead("L20", ("Lead Created", 1), ("Accepted", 9))), BOOK, at(200))
    assert stage(more, "mql").time.median == 3
    assert more.enough


def test_an_empty_log_gives_an_empty_report():
    report = journey(log_of(), BOOK, at(10))
    assert (report.leads, report.since, report.cohorts, report.flows, report.leaks) == (0, None, (), (), ())
    assert [one.stays for one in report.stages] == [0, 0, 0, 0]


def test_outcomes_that_were_not_recorded_say_nothing_and_later_ones_count_from_then_on():
    """The first of three leads closed before the records begin, the others are at risk from their beginning on."""
    book = playbook(journey={"observed_from": "2026-01-11T00:00:00Z"})
    events = [one for n in range(30) for one in lead(f"A{n}", ("Lead Created", 0), ("Deal Lost", 5))]
    events += [one for n in range(30) for one in lead(f"B{n}", ("Lead Created", 0), ("Deal Lost", 20))]
    events += [one for n in range(30) for one in lead(f"C{n}", ("Lead Created", 12), ("Deal Won", 13))]
    mql = stage(journey(log_of(*events), book, at(300)), "mql")
    assert mql.stays == 90
    assert mql.time.stays == 60
    assert mql.passage is not None
    assert (mql.passage.seen, mql.passage.passed) == (30, 30)
    # at day 1 only C is looked at (B from day 10 on), and all of it goes on: nothing is left to be lost
    assert mql.passage.on is not None
    assert mql.passage.on.share == 1.0


# --- planted -----------------------------------------------------------------------------------------------------

RATES = {"mql": 0.4, "sql": 0.5}
SPEED = {"mql": 20.0, "sql": 12.0}
SOURCES = ("Fair", "Web", "Bought List")


@lru_cache(maxsize=32)
def market(seed: int, leads: int = 900, days: int = 240, *, leak: float = 1.0, slower: float = 0.0) -> EventLog:
    """Leads that go on or are lost by chance; of the bought list fewer by a factor, and all slower as time goes by."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for n in range(leads):
        name, born = f"L{n:04d}", float(rng.uniform(0, days))
        source = SOURCES[n % len(SOURCES)]
        events += [identify(name, born, source=source), track(name, "Lead Created", born)]
        now = born
        for here, after in (("mql", "Accepted"), ("sql", "Deal Won")):
            now += float(rng.exponential(SPEED[here] * (1 + slower * born / days)))
            rate = RATES[here] * (leak if source == "Bought List" and here == "mql" else 1.0)
            on = rng.random() < rate
            value = 1000.0 if on and after == "Deal Won" else None
            events.append(track(name, after if on else "Deal Lost", now, value=value))
            if not on:
                break
    return log_of(*named(one for one in events if one.occurred_at < at(days)))


def test_the_rates_found_are_those_planted():
    """Though a third of the leads are too young to have gone on, the chance to within 90 days is the planted one."""
    inside = dict.fromkeys(RATES, 0)
    for seed in range(20):
        report = journey(market(seed), BOOK, at(240))
        for name, rate in RATES.items():
            passage = stage(report, name).passage
            assert passage is not None
            assert passage.on is not None
            assert passage.observed is not None
            within = rate * (1 - np.exp(-90 / SPEED[name]))
            inside[name] += passage.on.low <= within <= passage.on.high
            assert passage.on.share == pytest.approx(within, abs=0.1)
            assert (passage.observed.low, passage.observed.high) == wilson(passage.passed, passage.seen)
    assert min(inside.values()) >= 17  # of 20, 19 are to be expected


def test_the_median_is_that_planted_where_the_mean_of_the_finished_is_not():
    found = [stage(journey(market(seed, days=60), BOOK, at(60)), "mql") for seed in range(5)]
    true = SPEED["mql"] * np.log(2)
    medians = [one.time.median for one in found]
    assert None not in medians
    assert np.mean(np.array(medians, dtype=float)) == pytest.approx(true, rel=0.07)
    one = stays(market(0, days=60), BOOK, at(60))
    finished = one.days[(one.stage == 1) & (one.exit != Exit.still)]
    assert np.median(finished) < 0.85 * true
    assert all(part.time.low is not None and part.time.low <= true <= (part.time.high or np.inf) for part in found)


def test_the_leak_found_is_the_one_planted():
    report = journey(market(1, leak=0.25), BOOK, at(240))
    first = report.leaks[0]
    assert (first.kind, first.stage, first.target, first.source) == ("source", "mql", "sql", "Bought List")
    assert len(report.leaks) == 1
    assert first.others is not None
    assert first.leads == pytest.approx(first.stays * first.others - first.passed, abs=0.05)
    assert first.others == pytest.approx(RATES["mql"], abs=0.06)
    assert first.customers == pytest.approx(first.leads * RATES["sql"], rel=0.2)
    assert first.value == pytest.approx(1000 * (first.customers or 0), rel=0.01)


def test_where_no_source_stands_out_the_stage_is_told():
    kinds = Counter()
    for seed in range(20):
        first = journey(market(seed), BOOK, at(240)).leaks[0]
        kinds[first.kind] += 1
        if first.kind == "stage":
            assert (first.stage, first.others, first.customers) == ("mql", None, None)
    assert kinds["source"] <= 3  # one in twenty is to be expected


def test_a_planted_slowing_is_found_and_noise_is_not():
    slow = stage(journey(market(2, slower=2.0), BOOK, at(240)), "mql").velocity
    assert (slow.direction, slow.p is not None and slow.p < 0.001) == ("slower", True)
    medians = [one.median for one in slow.periods if one.median is not None]
    assert medians[-1] > 1.5 * medians[0]
    calm = [one.velocity.direction for n in range(12) for one in journey(market(n), BOOK, at(240)).stages[1:3]]
    assert calm.count("steady") >= 22


# --- always ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOOKS)
@given(events=histories, later=histories, now=st.integers(0, 14))
def test_what_is_known_later_changes_nothing(name: str, events: list[Event], later: list[Event], now: int):
    book, moment = BOOKS[name], at(now)
    known = [event for event in events if event.known_at < moment]
    late = [event for event in [*events, *later] if event.known_at >= moment]
    assert journey(log_of(*known), book, moment) == journey(log_of(*known, *late), book, moment)


def test_of_a_market_neither():
    """The same with many leads, where shares and trends are told."""
    whole = market(4, leak=0.3)
    assert journey(_until(market(4, leak=0.3), 150), BOOK, at(150)) == journey(whole, BOOK, at(150))


def _until(log: EventLog, day: float) -> EventLog:
    """What was there on that day, as a log of its own."""
    seen = np.flatnonzero(log.known < at(day))
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))[seen]
    events = [
        track(log.leads[row], log.kinds[log.kind[place]], (int(log.occurred[place]) - at(0)) / 86_400e6,
              value=None if log.value[place] < 0 else float(log.value[place]) / 1e6)
        for row, place in zip(rows.tolist(), seen.tolist(), strict=True)
        if log.kinds[log.kind[place]] != "identify"
    ]  # fmt: skip
    traits = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))
    words = [
        identify(log.leads[row], (int(log.trait_occurred[place]) - at(0)) / 86_400e6,
                 **{log.trait_names[log.trait_name[place]]: log.trait_texts[log.trait_text[place]]})
        for place, row in enumerate(traits.tolist())
        if log.trait_known[place] < at(day)
    ]  # fmt: skip
    return log_of(*named([*words, *events]))


@pytest.mark.parametrize("name", BOOKS)
@given(events=histories, now=st.integers(1, 14))
def test_the_counts_add_up(name: str, events: list[Event], now: int):
    log, book = log_of(*events), BOOKS[name]
    report, found = journey(log, book, at(now)), stays(log, book, at(now))
    assert sum(one.stays for one in report.stages) == len(found)
    for one in report.stages:
        assert one.stays == one.now + one.next + one.back + one.lost + one.opted_out
        came = sum(flow.stays for flow in report.flows if flow.target == one.name)
        went = sum(flow.stays for flow in report.flows if flow.origin == one.name)
        outside = _after_opting_out(found, book, one.name)
        assert (came + outside, went) == (one.stays, one.stays)
        assert one.lacking <= one.now
    assert sum(sum(one.leads) for one in report.arrivals) == report.leads == len(set(found.lead.tolist()))
    assert sum(sum(one.leads) for one in report.entries) == len(found)
    assert JourneyReport.model_validate_json(report.model_dump_json()) == report


def _after_opting_out(found: Any, book: Playbook, name: str) -> int:
    """Stays of customers who had opted out: they come from nowhere, and not for the first time."""
    place = [one.name for one in book.zones].index(name)
    again = (found.lead[1:] == found.lead[:-1]) & (found.exit[:-1] == Exit.opted_out)
    return int((again & (found.stage[1:] == place)).sum())


@given(st.integers(0, 2**52))
def test_months_are_those_of_the_calendar(moment: int):
    month = int(months(np.array([moment]))[0])
    day = np.datetime64(moment, "us").astype("datetime64[D]").item()
    assert month_name(month) == f"{day:%Y-%m}"
    assert month_end(month) > moment
    assert months(np.array([month_end(month) - 1, month_end(month)])).tolist() == [month, month + 1]
    assert moment < NEVER
