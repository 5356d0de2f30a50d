"""The written policy: what was seen becomes causes, and causes become one of four decisions.

``none``        nothing was seen that calls for a new model
``hold``        something was, but there is too little to act on yet, or it is not a new model that would help
``recalibrate`` another number of leads converts than expected: the same model is set to that level
``retrain``     something was, and enough new outcomes have matured to learn from and to judge on

Every rule is here and nowhere else; the numbers are the playbook's ``[monitoring]``.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from data.events import isoformat
from monitoring.causes import Cause
from monitoring.chance import Usual
from monitoring.conversions import ALL, Conversions
from monitoring.drift import PROBABILITY, Drift
from monitoring.estimate import Estimate
from monitoring.performance import RATIO
from monitoring.reasons import Code, Why
from monitoring.volumes import EVERYTHING, Numbers, Structure
from training.bundle import Bundle
from veraison.playbook import Monitoring, Playbook

Decision = Literal["none", "hold", "recalibrate", "retrain"]
SHOWN_COLUMNS = 5


LEVEL = {"conversions", "calibration", "level"}
"""What another level of the same chances may mend."""
STRUCTURAL = ("event_silent", "event_new", "category_new")
FAULTS = {
    "bots": "Bots are in the data: a new model would learn from them. Keep them out at the source.",
    "late_events": "Events arrive late: a new model would learn from what scores cannot know. Repair the delivery.",
    "quarantine": "Messages cannot be read: a new model would learn from what is left. Repair the sender.",
    "duplicates": "Acts arrive twice: a new model would learn from the copies. Repair the sender.",
}
"""Faults of the data, whatever else was seen: what is to be repaired, as a new model would not help."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision and, in words, why it is not another one."""

    decision: Decision
    reason: str
    code: Code


@dataclass(frozen=True, slots=True)
class Plan:
    """What a challenger trained now could learn and be judged on.

    before    : its snapshot, microseconds UTC; None where no moment leaves enough to judge it on
    learning  : conversions that became known between the champion's snapshot and that moment
    judging   : leads created since, whose conversion it must not know
    learnable : names of the structural causes of which it would have seen enough
    onset     : the day since which the world is another one, where a cause tells; only landmarks after it judge
    after     : conversions that became known between the onset and its snapshot
    """

    before: int | None
    learning: int
    judging: int
    learnable: frozenset[str] = frozenset()
    onset: str | None = None
    after: int = 0


def structural(found: Structure, champion: Bundle, playbook: Playbook) -> list[Cause]:
    """Causes that have a name: what fell silent, what appeared.

    A silent kind that neither the model nor the journey uses is reported, not acted on.
    """
    used = {*champion.feature_set.kinds, *journey_events(playbook), EVERYTHING}
    return [
        *(Cause("event_silent", name, name in used, found.silent[name]) for name in sorted(found.silent)),
        *(Cause("event_new", name, True, found.appeared[name]) for name in sorted(found.appeared)),
        *(Cause("category_new", name, True, found.categories[name]) for name in sorted(found.categories)),
    ]


def delivered(silent: dict[str, Numbers], volumes: dict[str, Usual], faults: dict[str, Usual]) -> list[Cause]:
    """Causes in how much arrives and in what state.

    A volume alone says nothing about any one lead: it is reported, not acted on.

    silent  : sources that bring nothing any more
    volumes : kinds and sources beyond chance
    faults  : of the data, by the kind of cause
    """
    return [
        *(Cause("source_silent", name, True, silent[name]) for name in sorted(silent)),
        *(Cause(kind, "all events", True, faults[kind].to_dict()) for kind in sorted(faults)),
        *(Cause("volume", name, False, volumes[name].to_dict()) for name in sorted(volumes)),
    ]


def distributional(drift: Drift, rules: Monitoring) -> list[Cause]:
    """Causes in the distributions of columns and of the score; none where the chunk is too small to tell.

    Columns that drift where the score does not move no prediction: they are reported, not acted on.
    """
    if drift.score is None or drift.scored < rules.min_scored:
        return []
    drifted, score = drift.drifted, drift.score
    moves = score.psi > score.limit
    found = []
    if moves:
        shown = {"psi": score.psi, "limit": score.limit, "moved": score.moved}
        found.append(Cause("score", PROBABILITY, True, shown))
    if drifted:
        share = round(len(drifted) / len(drift.columns), 4)
        found.append(Cause("inputs", "all columns", moves, {"share": share, "columns": len(drifted)}))
    for column in drifted[:SHOWN_COLUMNS]:
        numbers = asdict(column)
        found.append(Cause("column", numbers.pop("name"), False, numbers))
    return found


def broken_promise(figures: dict[str, Any], rules: Monitoring) -> list[Cause]:
    """The champion's calibration, where enough conversions have matured to tell.

    figures : of training.performance.figures for the newest matured chunk
    """
    if figures["converted"] < rules.min_outcomes:
        return []
    found = figures[RATIO]
    if found["high"] < 1 / rules.calibration or found["low"] > rules.calibration:
        return [Cause("calibration", RATIO, True, {**found, "pairs": figures["pairs"]})]
    return []


def unexpected(found: Conversions | None) -> list[Cause]:
    """Fewer or more conversions than expected, beyond chance: a cause for all leads, and for each source it shows in.

    Where they are other than in the year before, but what the champion promises, there is nothing to act on.
    The number ``onset`` is when it began, as far as can be estimated, ISO 8601.
    """
    causes: list[Cause] = []
    if found is None:
        return causes
    for one in found.alarms:
        onset = found.onset(one)
        numbers = {
            "event": one.event,
            "direction": one.direction,
            "observed": int(one.observed[one.since :].sum()),
            "expected": round(float(one.expected[one.since :].sum()), 2),
            "since": isoformat(onset)[:10],
            "onset": isoformat(onset),
        }
        name = one.name if one.name == ALL else f"source={one.name}"
        causes.append(Cause("conversions", name, found.broken(one), numbers))
    return causes


def estimated(found: Estimate) -> list[Cause]:
    """A fall of the AUC that is estimated without labels; reported only, as the mix of leads may explain it all."""
    if found.fallen is None:
        return []
    numbers = {"value": round(found.chunks[-1].figures["auc"].estimated, 4), "promised": round(found.promised, 4)}
    return [Cause("estimate", "auc", False, numbers)]


def decide(causes: list[Cause], playbook: Playbook, *, scored: int, plan: Plan) -> Judgement:
    """One decision from all causes.

    scored : landmarks of the newest chunk
    plan   : what a challenger trained now could learn and be judged on
    """
    rules = playbook.monitoring
    acting = [cause for cause in causes if cause.acts and cause.kind != "level"]  # that calls for no new model
    few = f"Only {scored} landmarks in the newest {rules.recent_days} days, {rules.min_scored} are needed"
    if not acting:
        enough = scored >= rules.min_scored
        if enough:
            return Judgement("none", "Nothing calls for a new model.", "calm")
        return Judgement("none", f"{few} to judge drift.", "too_few_landmarks")
    why = _to_repair(acting) or _why_wait(acting, playbook, plan)
    if scored < rules.min_scored and why is None:
        why = Why("too_few_landmarks", f"{few} to act on it.")
    return (
        Judgement("hold", why.sentence, why.code)
        if why
        else Judgement("retrain", "A challenger is trained.", "training")
    )


def level_helps(causes: list[Cause], playbook: Playbook, decided: Decision, learnable: frozenset[str]) -> bool:
    """Whether the champion at another level is an answer: where nothing is to be repaired first, and either nothing but
    the level is wrong or what else is cannot be learned yet.

    decided   : what `decide` says of the same causes
    learnable : names of the structural causes that a challenger trained now would know
    """
    acting = [cause for cause in causes if cause.acts]
    kinds = {cause.kind for cause in acting if cause.kind not in STRUCTURAL or cause.name in learnable}
    wanted = playbook.monitoring.recalibrate and not kinds.isdisjoint({"conversions", "level"})
    if not wanted or _to_repair(acting) or _broken(acting, playbook):
        return False
    return decided == "hold" or kinds <= LEVEL


def _to_repair(acting: list[Cause]) -> Why | None:
    """What is to be repaired first, as no model could help; None where nothing is."""
    if EVERYTHING in [cause.name for cause in acting]:
        return Why("nothing_arrives", "Nothing arrives any more: it is not the model that needs repair.")
    faults = [FAULTS[cause.kind] for cause in acting if cause.kind in FAULTS]
    if not faults and all(cause.kind == "source_silent" for cause in acting):
        silent = "A source brings no leads any more: no model can make up for them. Repair the source."
        return Why("source_silent", silent)
    return Why("data_fault", " ".join(faults)) if faults else None


def _why_wait(acting: list[Cause], playbook: Playbook, plan: Plan) -> Why | None:
    """Why a challenger trained now would not help, or could not be judged; None where it would and could."""
    rules, broken = playbook.monitoring, _broken(acting, playbook)
    if broken:
        return Why(
            "journey_silent",
            f"The journey itself rests on {', '.join(map(repr, broken))}: without it there is nothing to learn. Repair "
            "the source or, where the event was renamed, name it in the playbook's [journey].",
        )
    if plan.before is None or (plan.onset is not None and plan.after < rules.gate_outcomes):
        return _too_few(plan, rules)
    if plan.learning + plan.judging < rules.min_outcomes:
        return Why(
            "too_few_conversions",
            f"{plan.learning + plan.judging} conversions are new since the champion learned, {plan.learning} to learn "
            f"from and {plan.judging} to judge on; {rules.min_outcomes} are needed.",
        )
    others = [cause for cause in acting if cause.kind != "source_silent"]
    waiting = [cause.name for cause in others if cause.kind in STRUCTURAL and cause.name not in plan.learnable]
    if len(waiting) == len(others):
        return Why(
            "not_learnable_yet",
            f"A challenger could not have learned about {', '.join(map(repr, waiting))} yet: it must leave the newest "
            "outcomes unseen, and only they know of it.",
        )
    return None


def _broken(acting: list[Cause], playbook: Playbook) -> list[str]:
    """The journey's own events that fell silent."""
    own = journey_events(playbook)
    return [cause.name for cause in acting if cause.kind == "event_silent" and cause.name in own]


def _too_few(plan: Plan, rules: Monitoring) -> Why:
    if plan.onset is None:
        return Why(
            "too_few_conversions_to_judge",
            f"Of the leads created since the champion learned, {plan.judging} have converted within a horizon that is "
            f"over; {rules.gate_outcomes} are needed to judge a challenger on.",
        )
    return Why(
        "too_few_conversions_since",
        f"It began about {plan.onset}. Of the leads scored since, {plan.judging} have converted within a horizon that "
        f"is over, and a challenger that leaves those unseen would have learned from {plan.after} conversions since; "
        f"{rules.gate_outcomes} of each are needed.",
    )


def journey_events(playbook: Playbook) -> set[str]:
    """Events by which the journey itself is known: without them there is nothing to learn or to judge."""
    journey = playbook.journey
    return {*journey.created, *journey.ready, *journey.converted, *journey.lost}
