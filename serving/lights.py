"""One light for each question that monitoring answers: what was measured, what was found, and whether it calls to act.

A light is a state alone; its words are in :mod:`serving.monitoring_words`, its number for Prometheus in
:mod:`serving.meters`.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from data.record import ENOUGH
from serving.verdicts import Cause, Estimated, Outcomes, Verdict

State = Literal["good", "watch", "act", "unknown"]
Question = Literal["events", "leads", "scores", "conversions", "data", "model"]
QUESTIONS: tuple[Question, ...] = get_args(Question)

_CAUSES: Mapping[Question, tuple[str, ...]] = {
    "events": ("event_silent", "event_new", "source_silent", "source_new", "volume"),
    "leads": ("inputs", "column", "category_new"),
    "scores": ("score",),
    "conversions": ("conversions", "calibration", "slice", "level"),
    "data": ("bots", "late_events", "quarantine", "duplicates"),
    "model": ("estimate",),
}
KINDS: Mapping[str, Question] = {kind: question for question, kinds in _CAUSES.items() for kind in kinds}
"""Which question a kind of cause answers; of a kind that is not known here, the last one."""


def question_of(cause: Cause) -> Question:
    """Under which question a cause is told."""
    return KINDS.get(cause.kind, "model")


def lights(verdict: Verdict | None) -> dict[Question, State]:
    """The state of each question.

    act     : something was found on which the policy acts
    watch   : something was found that is reported only, or the ranking is below what was promised
    good    : it was measured, and nothing was found
    unknown : it was not measured, or too little has come to tell
    """
    if verdict is None:
        return dict.fromkeys(QUESTIONS, "unknown")
    return {question: _light(question, verdict) for question in QUESTIONS}


def causes_of(question: Question, verdict: Verdict) -> list[Cause]:
    """What was found about a question, what is acted on first."""
    found = [cause for cause in verdict.causes if question_of(cause) == question]
    return sorted(found, key=lambda cause: not cause.acts)


def enough(outcomes: Outcomes | None) -> Outcomes | None:
    """Figures that rest on outcomes enough to say anything, else None."""
    return outcomes if outcomes is not None and outcomes.converted >= ENOUGH else None


def estimated_auc(verdict: Verdict) -> Estimated | None:
    """The newest estimate without labels, None where there is none."""
    chunks = verdict.estimate.chunks if verdict.estimate else ()
    found = [one.auc for one in chunks if one.auc is not None and one.auc.estimated is not None]
    return found[-1] if found else None


def _light(question: Question, verdict: Verdict) -> State:
    found = causes_of(question, verdict)
    if any(cause.acts for cause in found):
        return "act"
    if found or (question == "model" and _ranks_below_promise(verdict)):
        return "watch"
    return "good" if _measured(question, verdict) else "unknown"


def _measured(question: Question, verdict: Verdict) -> bool:
    drift, performance = verdict.drift, verdict.performance
    match question:
        case "events":
            return drift is not None and bool(drift.events)
        case "leads":
            return drift is not None and drift.enough and drift.columns > 0
        case "scores":
            return drift is not None and drift.enough and drift.score is not None
        case "conversions":
            weeks = verdict.conversions.weeks if verdict.conversions else ()
            return bool(weeks) or bool(performance and enough(performance.newest))
        case "data":
            return any(one is not None for one in (verdict.data or {}).values())
        case "model":
            judged = enough(performance.since_model) if performance else None
            return bool(judged and judged.auc) or estimated_auc(verdict) is not None


def _ranks_below_promise(verdict: Verdict) -> bool:
    """Whether all of the interval of the AUC lies below what was promised."""
    performance = verdict.performance
    judged = enough(performance.since_model) if performance else None
    if performance is None or judged is None or judged.auc is None or judged.auc.high is None:
        return False
    promised = (performance.promised or {}).get("auc")
    return promised is not None and judged.auc.high < promised
