"""What acts, rules and the score would have handed over: by hand, planted, read slowly, and what always holds."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.bands import wilson
from data.events import MICROS_PER_DAY, Event
from data.journey import Status, standing
from data.log import NEVER, EventLog
from data.maturity import signalled
from data.maturity_report import Aside, Handed, MaturityReport
from data.signs import signs_of
from monitoring import maturity_scores
from monitoring.maturity import maturity
from monitoring.maturity_scores import judge, weekly
from serving.scorer import score
from tests.histories import alias, at, identify, log_of, named, playbook, track
from tests.service import firm
from training.landmarks import MINUTE
from veraison.errors import PlaybookError
from veraison.playbook import Playbook
from veraison.playbook_maturity import Maturity

RULES: dict[str, Any] = {
    "acts": ["Demo"],
    "rules": [{"name": "prices", "any": ["Pricing"], "at_least": 2, "within_days": 5}],
    "for_days": 10,
    "off_topic": [
        {"name": "jobs", "events": ["Application"]},
        {"name": "students", "when": {"role": "student"}},
    ],
}
BOOK = playbook(
    journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]},
    features={"traits": {"role": "category"}},
    maturity=RULES,
)
LEAST = 50.0


def measured(*events: Event, now: float = 100, book: Playbook = BOOK) -> MaturityReport:
    return maturity(log_of(*named(events)), book, at(now), least=LEAST)


def way(report: MaturityReport, kind: str, name: str = "") -> Handed:
    return next(one for one in report.ways if one.label == (kind, name))


def created(lead: str, day: float, *story: tuple[str, float]) -> list[Event]:
    return [track(lead, "Lead Created", day), *(track(lead, kind, when) for kind, when in story)]


# --- by hand -----------------------------------------------------------------------------------------------------


def test_a_log_of_seven_leads():
    report = measured(
        *created("L1", 0, ("Demo", 2), ("Accepted", 11), ("Deal Won", 19)),  # 17 days before the win
        *created("L2", 0, ("Accepted", 1), ("Demo", 4), ("Deal Won", 6)),  # sales had it
        *created("L3", 0, ("Pricing", 1), ("Pricing", 5), ("Deal Lost", 9)),
        *created("L4", 0, ("Demo", 3), ("Deal Won", 40)),  # after more than 30 days
        *created("L5", 60, ("Demo", 80)),  # not seen for 30 days yet
        *created("L6", 0, ("Deal Won", 5)),  # nothing said so
        *created("L7", 0, ("Demo", 3), ("Stop", 4)),
    )
    assert (report.leads, report.won, report.days, report.since) == (7, 4, 30, "2026-01-01T00:00:00Z")
    act, rule = way(report, "act", "Demo"), way(report, "rule", "prices")
    assert (act.leads, act.won, act.lost, act.opted_out, act.open) == (4, 2, 0, 1, 1)
    assert (act.accepted, act.seen, act.bought, act.median_days) == (2, 3, 1, 17)
    assert (act.missed, act.too_late) == (2, 1)
    assert act.share is not None
    assert (act.share.share, act.share.low, act.share.high) == (1 / 3, *wilson(1, 3))
    assert (rule.leads, rule.lost, rule.seen, rule.bought, rule.median_days) == (1, 1, 1, 0, None)
    assert way(report, "signs").leads == way(report, "all").leads == 5
    assert (report.model, report.overlap, report.way("score")) == (None, (), None)
    assert report.notes[-1].startswith("no scores to compare")
    monday = dict(zip(report.weeks, act.weeks, strict=True))
    assert {one: count for one, count in monday.items() if count} == {"2025-12-29": 3, "2026-03-16": 1}


def test_a_lead_that_sales_give_back_while_an_act_speaks_is_handed_over_then():
    back = created("L1", 0, ("Accepted", 1), ("Demo", 2), ("Returned", 5), ("Deal Won", 9))
    found = way(measured(*back), "act", "Demo")
    assert (found.leads, found.too_late, found.median_days) == (1, 0, 4)
    late = created("L1", 0, ("Accepted", 1), ("Demo", 2), ("Returned", 15), ("Deal Won", 19))
    found = way(measured(*late), "act", "Demo")
    assert (found.leads, found.too_late, found.missed) == (0, 1, 1)


def test_an_act_before_the_creation_hands_over_at_the_creation_while_it_speaks():
    report = measured(
        track("a-1", "Demo", 0), *created("L1", 4, ("Deal Won", 9)), alias("a-1", "L1", 4),
        track("L2", "Demo", 0), *created("L2", 14, ("Deal Won", 19)),
    )  # fmt: skip
    found = way(report, "act", "Demo")
    assert (report.leads, found.leads, found.median_days) == (2, 1, 5)


def test_off_topic_leads_leave_the_perimeter_and_are_counted():
    report = measured(
        *created("L1", 0, ("Application", 1), ("Demo", 2), ("Deal Won", 9)),
        *created("L2", 0, ("Demo", 2), ("Application", 3), ("Deal Lost", 8)),  # handed over before
        *created("L3", 0, ("Demo", 3)), identify("L3", 1, role="Student"), identify("L3", 6, role="buyer"),
        *created("L4", 0, ("Demo", 3)), identify("L4", 50, role="student"),
        *created("L5", 0, ("Deal Won", 3), ("Application", 5)),  # closed before
    )  # fmt: skip
    assert way(report, "act", "Demo").leads == 3  # L2, L4, and L3 from the day it turned out to be a buyer
    assert report.off_topic == (
        Aside(name="jobs", leads=2, accepted=1, won=1),
        Aside(name="students", leads=2, accepted=0, won=0),
    )


def test_what_was_never_seen_is_told_and_of_nobody_nothing_is():
    report = measured()
    assert (report.leads, report.since, report.won) == (0, None, 0)
    assert [one.leads for one in report.ways] == [0, 0, 0, 0]
    assert "maturity.acts: no event 'Demo' has occurred so far" in report.notes
    assert "maturity.off_topic.1.when: no lead has the trait 'role' so far" in report.notes
    with pytest.raises(PlaybookError, match=r"^the playbook has no \[maturity\]"):
        measured(book=playbook())


def test_outcomes_that_were_not_recorded_are_left_out():
    recorded = playbook(journey={"observed_from": "2026-01-11T00:00:00Z"}, maturity={"acts": ["Demo"]})
    report = measured(*created("L1", 5, ("Demo", 12)), *created("L2", 15, ("Demo", 16)), book=recorded)
    assert (report.leads, way(report, "act", "Demo").leads, way(report, "act", "Demo").accepted) == (1, 1, None)


# --- any history, read slowly --------------------------------------------------------------------------------------

DAYS = st.integers(0, 30).map(float)
KINDS = (
    "Demo",
    "Pricing",
    "Application",
    "Accepted",
    "Returned",
    "Deal Won",
    "Deal Lost",
    "Stop",
    "Lead Created",
    "role",
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    told: list[Event] = []
    for _ in range(draw(st.integers(0, 16))):
        lead, day = draw(st.sampled_from(("a-1", "L1", "L2"))), draw(DAYS)
        known, what = day + draw(st.sampled_from((0, 0, 0, 1, 12))), draw(st.sampled_from(KINDS))
        role = draw(st.sampled_from(("student", "buyer")))
        told.append(
            identify(lead, day, known=known, role=role) if what == "role" else track(lead, what, day, known=known)
        )
    if draw(st.booleans()):
        told.append(alias("a-1", "L1", draw(DAYS)))
    return named(told)


def slowly(log: EventLog, book: Playbook, now: int) -> dict[str, dict[int, int]]:
    """By sign, the moment at which it hands each lead over: looked for after every event, whatever it is."""
    assert book.maturity is not None
    found: dict[str, dict[int, int]] = {one.name: {} for one in signs_of(book.maturity)}
    known = np.unique(np.concatenate([log.known, log.trait_known]))
    for code in np.flatnonzero(log.merged_at >= now).tolist():
        lead = np.array([code])
        end = standing(log, book.journey, lead, np.array([now]))
        stopped = [
            int(moment) for moment in log.known[log.visible(code, now)] if out(log, book, code, int(moment) + 1)
        ]  # fmt: skip
        for moment in known[known < now].tolist():
            then = standing(log, book.journey, lead, np.array([moment + 1]))
            if then.status[0] != Status.scored or then.ready[0] != NEVER:
                continue
            if moment >= min([int(end.closed[0]), *stopped]):
                continue
            told = signalled(log, book, lead, np.array([moment + 1]))
            for sign, speaks in zip(signs_of(book.maturity), told.speaks[:, 0], strict=True):
                if speaks and told.off_topic[0] < 0:
                    found[sign.name].setdefault(code, moment)
    return found


def out(log: EventLog, book: Playbook, code: int, as_of: int) -> bool:
    return bool(standing(log, book.journey, np.array([code]), np.array([as_of])).status[0] == Status.opted_out)


@given(histories(), st.integers(1, 40))
def test_any_history_read_slowly(events, now):
    log = log_of(*events)
    report, wanted = maturity(log, BOOK, at(now), least=LEAST), slowly(log, BOOK, at(now))
    for one in report.ways[:2]:
        assert one.leads == len(wanted[one.name])
        monday = [sum(week(moment) == start for moment in wanted[one.name].values()) for start in report.weeks]
        assert list(one.weeks) == monday
    together = {code for moments in wanted.values() for code in moments}
    assert way(report, "signs").leads == len(together)


def week(moment: int) -> str:
    return str(np.datetime64(moment, "us").astype("datetime64[D]") - (moment // MICROS_PER_DAY + 3) % 7)


@given(histories(), st.integers(1, 40))
def test_the_counts_add_up(events, now):
    report = measured(*events, now=now)
    for one in report.ways:
        assert one.leads == one.won + one.lost + one.opted_out + one.open == sum(one.weeks)
        assert one.bought <= one.seen <= one.leads
        assert one.won + one.missed == report.won
        assert one.leads + one.too_late <= report.leads
    assert way(report, "signs").leads <= sum(one.leads for one in report.ways[:2])
    assert MaturityReport.model_validate_json(report.model_dump_json()) == report


@given(histories(), histories(), st.integers(1, 40))
def test_what_is_known_later_changes_nothing(events, later, now):
    before = [one for one in events if one.known_at < at(now)]
    after = [replace(one, event_id=f"l-{n}") for n, one in enumerate((*events, *later)) if one.known_at >= at(now)]
    short, long = (maturity(log_of(*told), BOOK, at(now), least=LEAST) for told in (before, [*before, *after]))
    assert short == long


# --- planted -------------------------------------------------------------------------------------------------------

WINS, OTHERS, DELAY = 0.4, 0.08, 6.0


@lru_cache(maxsize=32)
def market(seed: int, leads: int = 450, days: int = 200) -> EventLog:
    """A third of the leads look at prices twice, and 40 % of these buy, some days later; 8 % of the others."""
    rng = np.random.default_rng(seed)
    told: list[Event] = []
    for n in range(leads):
        lead, born = f"L{n:04d}", float(rng.uniform(0, days))
        told += created(lead, born, *((kind, born + float(rng.uniform(0, 3))) for kind in ("Visited", "Pricing")))
        keen = rng.random() < 1 / 3
        second = born + 3 + float(rng.uniform(0, 1))
        if keen:
            told.append(track(lead, "Pricing", second))
        if rng.random() < (WINS if keen else OTHERS):
            told.append(track(lead, "Deal Won", second + float(rng.exponential(DELAY))))
    return log_of(*named(one for one in told if one.occurred_at < at(days)))


def test_a_planted_rule_is_found_to_win_as_often_and_as_soon_as_it_does():
    """Rules alone: where no model can be learned, all leads are followed."""
    book = BOOK.model_copy(update={"training": BOOK.training.model_copy(update={"min_conversions": 10_000})})
    held, shares, early = 0, [], []
    within = WINS * (1 - np.exp(-30 / DELAY))
    for seed in range(10):
        found = way(maturity(market(seed), book, at(200), least=LEAST), "rule", "prices")
        assert found.share is not None
        held += found.share.low <= within <= found.share.high
        shares.append(found.share.share)
        early.append(found.median_days)
    assert held >= 8  # of 10, 9.5 are to be expected
    assert np.mean(shares) == pytest.approx(within, abs=0.03)
    assert np.mean(np.array(early, dtype=float)) == pytest.approx(DELAY * np.log(2), rel=0.1)


# --- scores --------------------------------------------------------------------------------------------------------

ACTS = {"acts": ["Demo Requested", "Quote Requested"], "off_topic": [{"name": "students", "when": {"role": "student"}}]}


@lru_cache(maxsize=1)
def simulated() -> tuple[EventLog, Playbook, int]:
    """The firm of the tests, with a model that knows nothing of the last 90 days."""
    found = firm(600, 240, since=90)
    with found.store() as store:
        log = store.scan()
    return log, found.playbook.model_copy(update={"maturity": Maturity.model_validate(ACTS)}), log.newest + 1


def report_of(monkeypatch: pytest.MonkeyPatch, least: float = LEAST) -> MaturityReport:
    log, book, now = simulated()
    monkeypatch.setattr(maturity_scores, "ENOUGH", 1)
    return maturity(log, book, now, least=least, champion=firm(600, 240, since=90).bundle)


def test_the_champion_speaks_of_leads_that_came_after_it_alone(monkeypatch):
    report, (log, book, now) = report_of(monkeypatch), simulated()
    bundle = firm(600, 240, since=90).bundle
    assert (report.model, report.twin) == (bundle.version, False)
    assert report.since is not None
    by = judge(log, book, now, bundle)
    assert by.since == bundle.known_until + book.training.gap_days * MICROS_PER_DAY
    monkeypatch.setattr(maturity_scores, "ENOUGH", 10_000)
    twin = judge(log, book.model_copy(update={"training": few(book)}), now, bundle)
    assert twin.twin
    assert twin.bundle is not None
    assert twin.bundle.known_until < twin.since
    assert twin.bundle.base_odds == bundle.base_odds
    past = judge(log, book, bundle.known_until, bundle)  # of a moment that the champion knows more than
    assert (past.bundle, past.why.startswith("no scores to compare")) == (None, True)


def few(book: Playbook) -> Any:
    return book.training.model_copy(update={"min_conversions": 10})


def test_the_ways_of_a_market_hang_together(monkeypatch):
    report = report_of(monkeypatch)
    signs, by_score, same, both = (way(report, kind) for kind in ("signs", "score", "as_many", "all"))
    assert (by_score.bound, report.counts) == (LEAST, True)
    assert signs.leads <= same.leads <= signs.leads + 2  # scores that are equal stay together
    found = {one.by: one for one in report.overlap}
    assert sum(one.leads for one in report.overlap) == report.leads
    assert sum(one.won for one in report.overlap) == report.won
    assert found["both"].leads + found["signs"].leads == signs.leads
    assert found["both"].leads + found["score"].leads == by_score.leads
    assert both.leads == report.leads - found["neither"].leads
    assert way(report_of(monkeypatch, 100.1), "score").leads == 0
    everyone = way(report_of(monkeypatch, 0.0), "score")
    assert everyone.leads >= by_score.leads


def test_where_the_score_does_not_count_it_is_compared_all_the_same(monkeypatch):
    log, book, now = simulated()
    rules = Maturity.model_validate(ACTS | {"score": False})
    monkeypatch.setattr(maturity_scores, "ENOUGH", 1)
    champion = firm(600, 240, since=90).bundle
    report = maturity(log, book.model_copy(update={"maturity": rules}), now, least=LEAST, champion=champion)
    assert not report.counts
    assert way(report, "all").leads == way(report, "signs").leads
    assert way(report, "score").leads > 0


def pairs(log: EventLog, book: Playbook, now: int) -> Iterator[tuple[int, int]]:
    """Every Monday and the first minute of every lead, slowly."""
    for code in range(0, len(log.leads), 7):
        then = standing(log, book.journey, np.array([code]), np.array([now]))
        if log.merged_at[code] < now or then.started_known[0] == NEVER:
            continue
        born = int(then.started_known[0])
        yield code, born + MINUTE
        for day in range(born // MICROS_PER_DAY, now // MICROS_PER_DAY + 1):
            if (day + 3) % 7 == 0 and day * MICROS_PER_DAY > born + MINUTE:
                yield code, day * MICROS_PER_DAY


def test_weekly_scores_are_those_that_the_service_gives():
    log, book, now = simulated()
    bundle = firm(600, 240, since=90).bundle
    asked = list(pairs(log, book, now))
    lead = np.unique([code for code, _ in asked]).astype(np.int64)
    then = standing(log, book.journey, lead, np.full(len(lead), now))
    found = weekly(log, book, bundle, lead, then.started_known, np.minimum(then.closed, now))
    ends = dict(zip(lead.tolist(), np.minimum(then.closed, now).tolist(), strict=True))
    asked = [(code, moment) for code, moment in asked if moment < ends[code]]
    scores = score(bundle, log, [log.leads[code] for code, _ in asked], [moment for _, moment in asked])
    shown = scores.shown
    wanted = {
        pair: float(scores.score[shown[place]]) for place, pair in enumerate(asked) if shown[place] >= 0
    }  # fmt: skip
    given = dict(zip(zip(found.lead.tolist(), found.as_of.tolist(), strict=True), found.score.tolist(), strict=True))
    assert given == wanted
