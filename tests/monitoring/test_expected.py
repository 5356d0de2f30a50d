"""Observed against expected: calm stays calm, a collapse is named, nobody's later knowledge counts."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from data.events import Event, parse_instant
from monitoring import expected, policy
from monitoring.conversions import ALL, Conversions, Series
from monitoring.expected import conversions, judge
from monitoring.weeks import EVENTS, WEEK, Weeks, weekly
from tests import market
from tests.histories import at, identify, log_of, named

SNAPSHOT, NOW = at(90), at(180)
BOOK = market.BOOK.model_copy(update={"monitoring": market.BOOK.monitoring.model_copy(update={"source": "country"})})


@lru_cache(maxsize=2)
def events(collapsed: bool) -> list[Event]:
    """Leads over half a year; where collapsed, nobody from FR converts or is accepted after day 110."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(1_400):
        lead, born = f"L{number:04d}", float(rng.uniform(0, 180))
        told = market.story(lead, born, rng)
        country = "FR" if number % 2 else "DE"
        told = [one for one in told if one.kind not in ("identify",)] + [identify(lead, born, country=country)]
        if collapsed and country == "FR":
            told = [one for one in told if one.kind not in ("Deal Won", "Accepted") or one.occurred_at < at(110)]
        found += told
    return named(found)


@lru_cache(maxsize=2)
def scored(collapsed: bool) -> Weeks:
    log = log_of(*events(collapsed))
    return weekly(log, market.bundle(), BOOK, since=at(0), until=NOW, threads=1)


def judged(collapsed: bool, as_of: int = NOW) -> Conversions:
    log = log_of(*events(collapsed))
    found = judge(log, scored(collapsed), BOOK, snapshot=SNAPSHOT, as_of=as_of)
    assert found is not None
    return found


def test_a_calm_market_is_calm_and_all_leads_come_first():
    found = judged(collapsed=False)
    assert found.alarms == []
    assert [(one.name, one.event) for one in found.series[:2]] == [(ALL, "converted"), (ALL, "ready")]
    assert {one.name for one in found.series} == {ALL, "DE", "FR"}
    assert policy.unexpected(found) == []
    total = found.series[0]
    assert np.all(total.low <= total.high)
    assert 0.5 < total.observed.sum() / total.expected.sum() < 1.6


def test_a_source_that_goes_bad_is_named_with_its_onset():
    found = judged(collapsed=True)
    causes = {cause.name: cause for cause in policy.unexpected(found)}
    assert "source=FR" in causes
    assert "source=DE" not in causes
    cause = causes["source=FR"]
    assert cause.acts
    assert at(100) <= parse_instant(cause.numbers["onset"]) <= at(125)
    assert cause.numbers["observed"] < cause.numbers["expected"] / 2
    assert "of 'FR' where" in cause.sentence()
    told = found.to_dict()
    assert told["ready"]["sources"][-1]["alarm"] == "fewer" or told["sources"][-1]["alarm"] == "fewer"
    assert [week["week"] for week in told["weeks"]] == sorted(week["week"] for week in told["weeks"])


def test_a_source_is_judged_by_both_outcomes_together_and_all_leads_by_each():
    series = {(one.name, one.event): one for one in judged(collapsed=True).series}
    for_all, of_fr = ([series[name, event] for event in EVENTS] for name in (ALL, "FR"))
    assert of_fr[0].down.tolist() == of_fr[1].down.tolist()
    assert of_fr[0].expected.tolist() != of_fr[1].expected.tolist()
    assert for_all[0].down.tolist() != for_all[1].down.tolist()


def test_a_source_is_judged_by_leads_of_an_age_in_which_half_of_all_outcomes_come(monkeypatch: pytest.MonkeyPatch):
    told = {}
    for days in ((0.0, 1_000.0), (1_000.0,), (25.0,)):
        monkeypatch.setattr(expected, "YOUNG_DAYS", days)
        told[days] = judged(collapsed=False).to_dict()
    assert told[0.0, 1_000.0] == told[1_000.0,]  # nothing comes on the first day
    assert told[25.0,] != told[1_000.0,]


def test_what_is_known_later_changes_nothing():
    early = at(140)
    known = log_of(*(one for one in events(True) if one.known_at < early))
    weeks = weekly(known, market.bundle(), BOOK, since=at(0), until=early, threads=1)
    alone = judge(known, weeks, BOOK, snapshot=SNAPSHOT, as_of=early)
    assert alone is not None
    assert alone.to_dict() == judged(collapsed=True, as_of=early).to_dict()
    # and all of the later ones do matter
    assert judged(collapsed=True).to_dict() != alone.to_dict()


def test_late_outcomes_are_not_missed_ones():
    """Every outcome is known ten days late: the newest weeks expect less of what can be known, and nothing alarms."""
    late = [
        replace(one, known_at=one.known_at + 10 * (at(1) - at(0))) if one.kind in ("Deal Won", "Accepted") else one
        for one in events(collapsed=False)
    ]
    log = log_of(*late)
    found = judge(log, scored(collapsed=False), BOOK, snapshot=SNAPSHOT, as_of=NOW)
    assert found is not None
    assert found.alarms == []
    total = found.series[0]
    assert total.expected[-1] < 0.2 * total.expected[-5]


def test_before_a_week_is_over_there_is_nothing_to_say():
    log = log_of(*events(collapsed=False))
    assert judge(log, scored(collapsed=False), BOOK, snapshot=SNAPSHOT, as_of=SNAPSHOT + WEEK // 2) is None


def test_without_a_readiness_event_conversions_are_watched_alone():
    book = BOOK.model_copy(update={"journey": BOOK.journey.model_copy(update={"ready": (), "returned": ()})})
    log = log_of(*events(collapsed=False))
    found = conversions(log, market.bundle(), book, snapshot=SNAPSHOT, as_of=at(130), threads=1)
    assert found is not None
    assert {one.event for one in found.series} == {"converted"}
    assert found.to_dict()["ready"] is None


@pytest.mark.parametrize("sources", [0, 1])
def test_a_trait_that_nobody_sends_is_no_source(sources: int):
    name = ["nowhere", "country"][sources]
    book = BOOK.model_copy(update={"monitoring": BOOK.monitoring.model_copy(update={"source": name})})
    log = log_of(*events(collapsed=False))
    found = conversions(log, market.bundle(), book, snapshot=SNAPSHOT, as_of=at(130), threads=1)
    assert found is not None
    assert len({one.name for one in found.series}) == 1 + 2 * sources


@pytest.mark.parametrize(("promised", "acts"), [(12.0, False), (4.0, True)])
def test_a_habit_that_ends_is_told_and_a_promise_that_breaks_is_acted_on(promised: float, acts: bool):
    weeks = np.ones(6)
    series = Series(
        ALL, "converted", expected=4 * weeks, observed=12 * weeks, promised=promised * weeks, low=weeks,
        high=9 * weeks, down=0 * weeks, up=np.arange(1, 7.0), down_began=np.arange(6),
        up_began=np.zeros(6, dtype=np.int64), down_limit=5 * weeks, up_limit=5 * weeks,
    )  # fmt: skip
    (cause,) = policy.unexpected(Conversions(np.arange(6) * WEEK, [series]))
    assert cause.numbers["direction"] == "more"
    assert cause.acts is acts
