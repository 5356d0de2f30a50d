"""The written policy, rule by rule, on made-up findings."""

from typing import get_args

import pytest

from monitoring import policy
from monitoring.causes import Cause
from monitoring.chance import Usual
from monitoring.drift import ColumnDrift, Drift
from monitoring.performance import RATIO
from monitoring.policy import Plan, decide
from monitoring.quality import Unread
from monitoring.reasons import Code
from monitoring.volumes import EVERYTHING, Structure
from tests import market
from tests.histories import playbook

BOOK = playbook(journey={"ready": ["Accepted"]})
RULES = BOOK.monitoring
READY = Plan(before=1, learning=30, judging=12, learnable=frozenset({"Quote", "Quote Sent"}))
UNREAD = Unread(40, 5.0, 1, 12, 1e-6, "time", "http")
SILENT = Cause("event_silent", "Quote", True, {"last": "2026-01-01", "missed": 20})
NEW = Cause("event_new", "Quote Sent", True, {"first": "2026-01-01", "leads": 12})
BROKEN = Cause("calibration", "observed_to_expected", True, {"value": 0.4, "low": 0.2, "high": 0.6})


def drift(*psi: float, score: float = 0.01, scored: int = 1_000) -> Drift:
    """Columns and a score that are news from .1 on."""
    columns = [ColumnDrift(f"c{n}", one, 0.1, 0.0, 0.0, 0.0) for n, one in enumerate(psi)]
    return Drift(columns, ColumnDrift("probability", score, 0.1, 0.0, 0.0, -2.0), scored, 100, scored, scored, [])


def names(causes: list[Cause]) -> list[tuple[str, bool]]:
    return [(cause.kind, cause.acts) for cause in causes]


def test_columns_that_move_no_prediction_are_reported_and_not_acted_on():
    causes = policy.distributional(drift(0.9, 0.5, 0.01), RULES)
    assert names(causes) == [("inputs", False), ("column", False), ("column", False)]
    assert decide(causes, BOOK, scored=1_000, plan=READY).decision == "none"


def test_many_columns_that_move_predictions_are_acted_on():
    causes = policy.distributional(drift(0.9, 0.5, 0.01, score=0.15), RULES)
    assert names(causes)[:2] == [("score", True), ("inputs", True)]
    assert decide(causes, BOOK, scored=1_000, plan=READY).decision == "retrain"


def test_a_drifted_score_is_acted_on():
    causes = policy.distributional(drift(0.0, 0.0, score=0.3), RULES)
    assert names(causes) == [("score", True)]


def test_a_small_chunk_is_no_verdict_on_drift():
    assert policy.distributional(drift(5.0, 5.0, score=5.0, scored=RULES.min_scored - 1), RULES) == []
    few = decide([], BOOK, scored=10, plan=READY)
    assert few.decision == "none"
    assert "Only 10 landmarks" in few.reason
    assert decide([SILENT], BOOK, scored=10, plan=READY).decision == "hold"


def test_nothing_seen_is_nothing_done():
    assert decide([], BOOK, scored=1_000, plan=READY).decision == "none"


def test_a_renamed_event_is_learned_anew():
    assert decide([SILENT, NEW], BOOK, scored=1_000, plan=READY).decision == "retrain"


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(None, 0, 3), "3 have converted"),
        (Plan(1, 2, 10, READY.learnable), "12 conversions are new"),
        (Plan(1, 30, 12, frozenset()), "could not have learned about 'Quote', 'Quote Sent' yet"),
    ],
)
def test_it_holds_where_a_challenger_could_not_learn_or_be_judged(plan: Plan, words: str):
    held = decide([SILENT, NEW], BOOK, scored=1_000, plan=plan)
    assert held.decision == "hold"
    assert words in held.reason


def test_a_cause_that_can_be_learned_is_not_held_back_by_one_that_cannot():
    plan = Plan(1, 30, 12, frozenset({"Quote"}))
    assert decide([SILENT, NEW], BOOK, scored=1_000, plan=plan).decision == "retrain"
    assert decide([NEW, BROKEN], BOOK, scored=1_000, plan=plan).decision == "retrain"


USUAL = Usual(49, 9.1, 1, 21, 1e-9)


def test_faults_of_the_data_are_repaired_not_learned():
    causes = policy.delivered({}, {"Visited": USUAL}, {"bots": USUAL})
    assert names(causes) == [("bots", True), ("volume", False)]
    held = decide([*causes, NEW, BROKEN], BOOK, scored=1_000, plan=READY)
    assert held.decision == "hold"
    assert "Bots are in the data" in held.reason
    assert decide(causes[1:], BOOK, scored=1_000, plan=READY).decision == "none"


def test_a_silent_source_alone_is_repaired_and_hinders_nothing_else():
    causes = policy.delivered({"source=Fair": {"last": "2026-01-01", "missed": 9}}, {}, {})
    held = decide(causes, BOOK, scored=1_000, plan=READY)
    assert (held.decision, "Repair the source" in held.reason) == ("hold", True)
    assert decide([*causes, NEW], BOOK, scored=1_000, plan=READY).decision == "retrain"
    held = decide([*causes, NEW], BOOK, scored=1_000, plan=Plan(1, 30, 12, frozenset()))
    assert "could not have learned about 'Quote Sent' yet" in held.reason


def test_messages_that_cannot_be_read_are_repaired_not_learned_from():
    held = decide(policy.delivered({}, {}, {"quarantine": UNREAD}), BOOK, scored=1_000, plan=READY)
    assert held.decision == "hold"
    assert "Messages cannot be read" in held.reason


def test_without_the_journeys_own_events_nothing_can_be_learned():
    held = decide([Cause("event_silent", "Deal Won", True, SILENT.numbers)], BOOK, scored=1_000, plan=READY)
    assert held.decision == "hold"
    assert "[journey]" in held.reason


def test_where_nothing_arrives_it_is_not_the_model():
    held = decide([Cause("event_silent", EVERYTHING, True, SILENT.numbers)], BOOK, scored=0, plan=READY)
    assert held.decision == "hold"
    assert "Nothing arrives" in held.reason


def test_a_silent_event_acts_where_the_model_or_the_journey_uses_it():
    numbers = {"last": "2026-01-01", "missed": 20}
    found = Structure(
        silent={"Visited": numbers, "Unheard Of": numbers, "Deal Lost": numbers}, appeared={}, categories={}
    )
    causes = policy.structural(found, market.bundle(), market.BOOK)
    assert {cause.name: cause.acts for cause in causes} == {"Visited": True, "Unheard Of": False, "Deal Lost": True}


@pytest.mark.parametrize(
    ("low", "high", "converted", "acts"),
    [(0.3, 0.6, 40, True), (0.3, 0.7, 40, False), (1.6, 2.0, 40, True), (1.4, 2.0, 40, False), (0.1, 0.2, 19, False)],
)
def test_the_promise_is_broken_where_the_whole_interval_lies_beyond_it(
    low: float, high: float, converted: int, acts: bool
):
    figures = {"converted": converted, "pairs": 500, "observed_to_expected": {"value": 0.5, "low": low, "high": high}}
    assert bool(policy.broken_promise(figures, RULES)) is acts


LEARNT = Cause("event_silent", "Deal Won", True, SILENT.numbers)


@pytest.mark.parametrize(
    ("causes", "scored", "plan", "code"),
    [
        ([], 1_000, READY, "calm"),
        ([], 10, READY, "too_few_landmarks"),
        ([BROKEN], 10, READY, "too_few_landmarks"),
        ([BROKEN], 1_000, READY, "training"),
        ([Cause("event_silent", EVERYTHING, True, SILENT.numbers)], 0, READY, "nothing_arrives"),
        (policy.delivered({}, {}, {"quarantine": UNREAD}), 1_000, READY, "data_fault"),
        (policy.delivered({"source=Fair": {"last": "2026-01-01", "missed": 9}}, {}, {}), 1_000, READY, "source_silent"),
        ([LEARNT], 1_000, READY, "journey_silent"),
        ([BROKEN], 1_000, Plan(None, 0, 4), "too_few_conversions_to_judge"),
        ([BROKEN], 1_000, Plan(1, 30, 12, onset="2026-01-01", after=1), "too_few_conversions_since"),
        ([BROKEN], 1_000, Plan(1, 3, 4), "too_few_conversions"),
        ([NEW], 1_000, Plan(1, 30, 12), "not_learnable_yet"),
    ],
)
def test_a_decision_has_a_code_for_its_reason(causes: list[Cause], scored: int, plan: Plan, code: str):
    found = decide(causes, BOOK, scored=scored, plan=plan)
    assert found.code == code
    assert found.code in get_args(Code)
    assert found.reason


def test_every_cause_can_be_said_in_words():
    causes = [
        SILENT,
        NEW,
        BROKEN,
        Cause("category_new", "source=Social", True, {"share": 0.2}),
        *policy.delivered(
            {"source=Fair": {"last": "2026-01-01", "missed": 9}},
            {"Visited": USUAL},
            dict.fromkeys(("bots", "late_events", "duplicates"), USUAL) | {"quarantine": UNREAD},
        ),
        Cause("score", "probability", True, {"psi": 0.3, "moved": -2.0}),
        Cause("inputs", "all columns", True, {"columns": 4}),
        Cause("column", "trait__source", False, {"psi": 0.5}),
    ]
    unnamed = ("probability", "all columns", "all events", RATIO)
    assert all(cause.name in cause.sentence() or cause.name in unnamed for cause in causes)
    assert SILENT.to_dict() == {"kind": "event_silent", "name": "Quote", "acts": True, **SILENT.numbers}
