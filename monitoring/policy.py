"""The written policy: what was seen becomes causes, and causes become one of three decisions.

``none``    nothing was seen that calls for a new model
``hold``    something was, but there is too little to act on yet, or it is not a new model that would help
``retrain`` something was, and enough new outcomes have matured to learn from and to judge on

Every rule is here and nowhere else; the numbers are the playbook's ``[monitoring]``.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from monitoring.drift import PROBABILITY, Drift
from monitoring.performance import RATIO
from monitoring.volumes import EVERYTHING, Structure
from training.bundle import Bundle
from veraison.playbook import Monitoring, Playbook

Decision = Literal["none", "hold", "retrain"]
SHOWN_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that was seen.

    kind    : ``event_silent``, ``event_new``, ``category_new``, ``score``, ``inputs``, ``calibration`` or ``column``
    name    : of what: the event, ``trait=category``, the column, the figure
    acts    : whether the policy acts on it; a drift that moves no prediction is reported only
    numbers : what was measured
    """

    kind: str
    name: str
    acts: bool
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the numbers beside kind, name and acts."""
        return {"kind": self.kind, "name": self.name, "acts": self.acts, **self.numbers}

    def sentence(self) -> str:
        """The cause in words."""
        return _WORDS[self.kind](self)


_WORDS: dict[str, Callable[[Cause], str]] = {
    "event_silent": lambda c: (
        f"no {c.name!r} since {c.numbers['last'][:10]} (about {c.numbers['missed']} leads should have sent one"
        + (f"; is it called {' or '.join(map(repr, c.numbers['instead']))} now?)" if "instead" in c.numbers else ")")
    ),
    "event_new": lambda c: f"{c.name!r} is new since {c.numbers['first'][:10]} ({c.numbers['leads']} leads lately)",
    "category_new": lambda c: f"the category {c.name!r} is new ({c.numbers['share']:.0%} of new leads)",
    "score": lambda c: (
        f"the scores have drifted (PSI {c.numbers['psi']:.2f}, {c.numbers['moved']:+.1f} points on average)"
    ),
    "inputs": lambda c: f"{c.numbers['share']:.0%} of the columns have drifted",
    "calibration": lambda c: (
        f"{c.numbers['value']:.2f} conversions were observed for each one expected "
        f"({c.numbers['low']:.2f} to {c.numbers['high']:.2f})"
    ),
    "column": lambda c: f"the column {c.name} has drifted (PSI {c.numbers['psi']:.2f})",
}
STRUCTURAL = ("event_silent", "event_new", "category_new")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision and, in words, why it is not another one."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a challenger trained now could learn and be judged on.

    before    : its snapshot, microseconds UTC; None where no moment leaves enough to judge it on
    learning  : conversions that became known between the champion's snapshot and that moment
    judging   : leads created since, whose conversion it must not know
    learnable : names of the structural causes of which it would have seen enough
    """

    before: int | None
    learning: int
    judging: int
    learnable: frozenset[str] = frozenset()


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


def distributional(drift: Drift, rules: Monitoring) -> list[Cause]:
    """Causes in the distributions of columns and of the score; none where the chunk is too small to tell."""
    if drift.score is None or drift.scored < rules.min_scored:
        return []
    drifted = [column for column in drift.columns if column.psi >= rules.psi]
    share = len(drifted) / max(len(drift.columns), 1)
    found = []
    if drift.score.psi >= rules.psi:
        found.append(Cause("score", PROBABILITY, True, {"psi": drift.score.psi, "moved": drift.score.moved}))
    if share >= rules.share:
        moves = drift.score.psi >= rules.score_psi
        found.append(Cause("inputs", "share of columns", moves, {"share": round(share, 4), "columns": len(drifted)}))
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


def decide(causes: list[Cause], playbook: Playbook, *, scored: int, plan: Plan) -> Judgement:
    """One decision from all causes.

    scored : landmarks of the newest chunk
    plan   : what a challenger trained now could learn and be judged on
    """
    rules = playbook.monitoring
    acting = [cause for cause in causes if cause.acts]
    few = f"Only {scored} landmarks in the newest {rules.recent_days} days, {rules.min_scored} are needed"
    if not acting:
        enough = scored >= rules.min_scored
        return Judgement("none", "Nothing calls for a new model." if enough else f"{few} to judge drift.")
    reason = _why_wait(acting, playbook, plan)
    if scored < rules.min_scored and not reason:
        reason = f"{few} to act on it."
    return Judgement("hold", reason) if reason else Judgement("retrain", "A challenger is trained.")


def _why_wait(acting: list[Cause], playbook: Playbook, plan: Plan) -> str | None:
    """Why a challenger trained now would not help, or could not be judged; None where it would and could."""
    if EVERYTHING in [cause.name for cause in acting]:
        return "Nothing arrives any more: it is not the model that needs repair."
    rules, own = playbook.monitoring, journey_events(playbook)
    broken = [cause.name for cause in acting if cause.kind == "event_silent" and cause.name in own]
    if broken:
        return (
            f"The journey itself rests on {', '.join(map(repr, broken))}: without it there is nothing to learn. Repair "
            "the source or, where the event was renamed, name it in the playbook's [journey]."
        )
    if plan.before is None:
        return (
            f"Of the leads created since the champion learned, {plan.judging} have converted within a horizon that is "
            f"over; {rules.gate_outcomes} are needed to judge a challenger on."
        )
    if plan.learning + plan.judging < rules.min_outcomes:
        return (
            f"{plan.learning + plan.judging} conversions are new since the champion learned, {plan.learning} to learn "
            f"from and {plan.judging} to judge on; {rules.min_outcomes} are needed."
        )
    waiting = [cause.name for cause in acting if cause.kind in STRUCTURAL and cause.name not in plan.learnable]
    if len(waiting) == len(acting):
        return (
            f"A challenger could not have learned about {', '.join(map(repr, waiting))} yet: it must leave the newest "
            "outcomes unseen, and only they know of it."
        )
    return None


def journey_events(playbook: Playbook) -> set[str]:
    """Events by which the journey itself is known: without them there is nothing to learn or to judge."""
    journey = playbook.journey
    return {*journey.created, *journey.ready, *journey.converted, *journey.lost}
