"""From what was seen to what is done: go on with a renewal, watch what was promoted, wait, or begin a renewal.

In this order, of which the first that applies is done:

1. a renewal that was broken off is gone on with, at the moment at which it began;
2. a promoted model that fell below the guard makes room for its predecessor;
3. the policy decides (monitoring.policy), unless there is a reason to wait (monitoring.patience);
4. on ``retrain`` a renewal begins (monitoring.renewal), and on ``recalibrate`` one that trains nothing
   (monitoring.recalibration).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from data.events import isoformat, parse_instant
from monitoring import gate, guard, patience, performance, policy, progress, recalibration, renewal
from monitoring.causes import Cause
from monitoring.conversions import Conversions
from monitoring.performance import Matured
from monitoring.policy import Decision
from monitoring.progress import Work
from monitoring.reasons import Code
from monitoring.recalibration import Weighed
from training.bundle import Bundle

Action = Literal["promoted", "waits", "asks", "rolled_back"]


@dataclass(frozen=True)
class Outcome:
    """What one run did, for its verdict (see monitoring.report.Verdict for each)."""

    decision: Decision
    reason: str
    champion: str
    code: Code
    action: Action | None = None
    challenger: str | None = None
    promoted: bool = False
    renewal: str | None = None
    gate: dict[str, Any] | None = None
    window: dict[str, Any] | None = None
    shadow: dict[str, Any] | None = None
    guard: dict[str, Any] | None = None
    levels: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Seen:
    """What the run measured before it acts.

    causes    : everything seen
    scored    : landmarks of the newest chunk
    matured   : landmarks of leads created since the champion's snapshot, whose outcomes are known
    snapshot  : the champion's, microseconds UTC
    learnable : names of the structural causes that a challenger of a snapshot would know
    weeks     : conversions week by week, None where no week is over
    back      : in words, that the predecessor serves again because the champion could not be loaded
    revised   : levels of the champion that are known better
    """

    causes: list[Cause]
    scored: int
    matured: Matured
    snapshot: int
    learnable: Callable[[int], frozenset[str]]
    weeks: Conversions | None = None
    back: str | None = None
    revised: list[Weighed] = field(default_factory=list)


def act(work: Work, champion: Bundle, seen: Seen, *, as_of: int) -> Outcome:
    """Do what is to be done at a moment (microseconds UTC), and say what and why."""
    resumed = _go_on(work, champion, as_of)
    if resumed is not None:
        return resumed
    if seen.back is not None:
        acting = any(cause.acts for cause in seen.causes)
        return Outcome(
            "hold" if acting else "none", seen.back, champion.version, "predecessor_serves", action="rolled_back"
        )
    read = work.journal.read()
    trial = guard.on_trial(work, read, champion.version, as_of)
    watched = None if trial is None else guard.measure(work, trial, champion, seen.matured, as_of=as_of)
    if trial is not None and watched is not None and watched.fell:
        numbers = {"from": champion.version, "why": watched.sentence(), **watched.to_dict()}
        back = guard.roll_back(work, trial.name, as_of, numbers)
        reason = f"{back.version} serves again; what took its place fell below the guard. {watched.sentence()}"
        return Outcome(
            "hold", reason, champion.version, "fell_below_guard",
            action="rolled_back", renewal=trial.name, guard=numbers,
        )  # fmt: skip
    wait = patience.why_wait(
        read, seen.causes, work.playbook.monitoring, champion=champion.version, as_of=as_of
    )  # fmt: skip
    found = _decide(work, champion, seen, as_of) if wait is None else _waiting(wait, champion.version)
    return replace(found, guard=None if watched is None else watched.to_dict())


def _go_on(work: Work, champion: Bundle, as_of: int) -> Outcome | None:
    """Go on with what was broken off; None where nothing was, or it has lost its ground."""
    begun = progress.unfinished(work.journal.read())
    if begun is None:
        return None
    if as_of < begun.as_of:
        later = (
            f"The renewal {begun.name} began later than this moment; run the monitor at a later one to go on with it."
        )
        return Outcome("hold", later, champion.version, "earlier_than_renewal")
    why = renewal.why_abandon(work, begun, champion.version)
    if why is None:
        work.say(f"going on with the renewal {begun.name}")
        return _renewed(renewal.carry_on(work, begun, champion, as_of=as_of))
    work.say(f"the renewal {begun.name} is given up: {why}")
    renewal.abandon(work, begun, as_of, why)
    return None


def _waiting(wait: patience.Wait, champion: str) -> Outcome:
    if wait.asks is None:
        return Outcome("hold", wait.reason, champion, wait.code)
    asks = wait.asks
    return Outcome(
        "hold", wait.reason, champion, wait.code, action="asks", challenger=asks.challenger, renewal=asks.name
    )  # fmt: skip


def _decide(work: Work, champion: Bundle, seen: Seen, as_of: int) -> Outcome:
    """What the policy decides; on ``retrain`` and ``recalibrate`` a renewal."""
    since = onset(seen.causes)
    plan = plan_for(work, seen, since, as_of)
    judgement = policy.decide(seen.causes, work.playbook, scored=seen.scored, plan=plan)
    if policy.level_helps(seen.causes, work.playbook, judgement.decision, plan.learnable):
        found = _recalibrated(work, champion, seen, since, as_of)
        if found is not None:
            return found
    if judgement.decision != "retrain" or plan.before is None:
        return Outcome(judgement.decision, judgement.reason, champion.version, judgement.code)
    words = [cause.sentence() for cause in seen.causes if cause.acts]
    begun = progress.begin(work, champion, as_of=as_of, before=plan.before, onset=since, causes=words)
    return _renewed(renewal.carry_on(work, begun, champion, as_of=as_of))


def _recalibrated(work: Work, champion: Bundle, seen: Seen, since: int | None, as_of: int) -> Outcome | None:
    """A renewal that sets the champion to another level; None where none is shown to be better."""
    found = recalibration.weigh(seen.weeks, champion, trait=work.playbook.monitoring.source, as_of=as_of)
    weighed = found or seen.revised
    if not weighed:
        return None
    words = [cause.sentence() for cause in seen.causes if cause.acts]
    levels = [one.to_dict() for one in weighed]
    begun = progress.begin(
        work, champion, as_of=as_of, before=seen.snapshot, onset=since, causes=words, levels=levels
    )  # fmt: skip
    return _renewed(renewal.carry_on(work, begun, champion, as_of=as_of))


def onset(causes: list[Cause]) -> int | None:
    """Since when the world is another one, microseconds UTC: the latest onset of what acts; None where none is known.

    Of two changes a challenger is to have seen both.
    """
    found = [parse_instant(cause.numbers["onset"]) for cause in causes if cause.acts and cause.numbers.get("onset")]
    return max(found, default=None)


def plan_for(work: Work, seen: Seen, since: int | None, as_of: int) -> policy.Plan:
    """What a challenger trained now could learn and be judged on.

    since : the onset of the drift, microseconds UTC; only landmarks after it judge
    """
    rules, playbook = work.playbook.monitoring, work.playbook
    new = seen.matured if since is None else seen.matured[seen.matured.pairs.as_of >= since]
    day = None if since is None else isoformat(since)[:10]
    before = gate.snapshot_for(new, rules, champion=seen.snapshot, primary=playbook.horizons.primary, at=as_of)
    if before is None:
        return policy.Plan(None, 0, new.converted, onset=day)
    known = [performance.conversions_known(work.log, playbook, at) for at in (seen.snapshot, before)]
    unseen = new[new.pairs.born >= before]
    after = 0
    if since is not None and since < before:
        after = known[1] - performance.conversions_known(work.log, playbook, max(since, seen.snapshot))
    return policy.Plan(before, known[1] - known[0], unseen.converted, seen.learnable(before), day, after)


def _renewed(found: renewal.Renewal) -> Outcome:
    return Outcome(
        decision="hold" if found.failed else "retrain" if found.levels is None else "recalibrate",
        reason=found.sentence,
        champion=found.champion,
        code="untrained" if found.failed else found.action or "not_better",
        action=found.action,
        challenger=found.challenger,
        promoted=found.promoted,
        renewal=found.name,
        gate=found.gate,
        window=found.window,
        shadow=found.shadow,
        levels=found.levels,
    )
