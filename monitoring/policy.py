"""The written policy: what was seen becomes causes, and causes become one of three decisions.

``none``    nothing was seen that calls for a new model
``hold``    something was, but there is too little to act on yet, or it is not a new model that would help
``retrain`` something was, and enough new outcomes have matured to learn from and to judge on

Every rule is here and nowhere else; the numbers are the playbook's ``[monitoring]``.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from monitoring.drift import PROBABILITY, Drift
from monitoring.performance import RATIO, Matured
from monitoring.volumes import Structure
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
        n = self.numbers
        match self.kind:
            case "event_silent":
                return f"no {self.name!r} since {n['last'][:10]} (about {n['missed']} leads should have sent one)"
            case "event_new":
                return f"{self.name!r} is new since {n['first'][:10]} ({n['leads']} leads lately)"
            case "category_new":
                return f"the category {self.name!r} is new ({n['share']:.0%} of new leads)"
            case "score":
                return f"the scores have drifted (PSI {n['psi']:.2f}, {n['moved']:+.1f} points on average)"
            case "inputs":
                return f"{n['share']:.0%} of the columns have drifted"
            case "calibration":
                return (
                    f"{n['value']:.2f} conversions were observed for each one expected "
                    f"({n['low']:.2f} to {n['high']:.2f})"
                )
            case _:
                return f"the column {self.name} has drifted (PSI {n['psi']:.2f})"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision and, in words, why it is not another one."""

    decision: Decision
    reason: str


def structural(found: Structure, champion: Bundle, playbook: Playbook) -> list[Cause]:
    """Causes that have a name: what fell silent, what appeared.

    A silent kind that neither the model nor the journey uses is reported, not acted on.
    """
    used = {*champion.feature_set.kinds, *journey_events(playbook)}
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


def decide(
    causes: list[Cause],
    *,
    scored: int,
    new: Matured,
    learnable: set[str],
    playbook: Playbook,
    gate_ready: bool,
) -> Judgement:
    """One decision from all causes.

    scored     : landmarks of the newest chunk
    new        : matured landmarks of leads created after the champion's snapshot
    learnable  : names of the structural causes that a challenger trained now would have seen enough of
    gate_ready : whether enough of the newest matured landmarks can be kept apart to judge a challenger on
    """
    rules = playbook.monitoring
    acting = [cause for cause in causes if cause.acts]
    if not acting:
        if scored < rules.min_scored:
            few = f"only {scored} landmarks of the newest {rules.recent_days} days, {rules.min_scored} are needed"
            return Judgement("none", f"Too few leads to judge drift ({few}); nothing else was seen.")
        return Judgement("none", "Nothing calls for a new model.")
    own = journey_events(playbook)
    broken = [cause.name for cause in acting if cause.kind == "event_silent" and cause.name in own]
    if broken:
        return Judgement(
            "hold",
            f"The journey itself rests on {', '.join(map(repr, broken))}: no model can learn without it. Repair the "
            "source or, where the event was renamed, name it in the playbook's [journey].",
        )
    if scored < rules.min_scored:
        return Judgement("hold", f"Only {scored} landmarks in {rules.recent_days} days; {rules.min_scored} are needed.")
    if new.converted < rules.min_outcomes or not gate_ready:
        return Judgement(
            "hold",
            f"{new.converted} conversions of leads created since the champion learned have matured; "
            f"{rules.min_outcomes} are needed to learn from and to judge on.",
        )
    waiting = [cause.name for cause in acting if cause.kind in STRUCTURAL and cause.name not in learnable]
    if waiting and len(waiting) == len(acting):
        return Judgement(
            "hold",
            f"A challenger could not have learned about {', '.join(map(repr, waiting))} yet: it must leave the newest "
            "outcomes unseen, and they are all that knows of it.",
        )
    return Judgement("retrain", "A challenger is trained.")


STRUCTURAL = ("event_silent", "event_new", "category_new")


def journey_events(playbook: Playbook) -> set[str]:
    """Events by which the journey itself is known: without them there is nothing to learn or to judge."""
    journey = playbook.journey
    return {*journey.created, *journey.ready, *journey.converted, *journey.lost}
