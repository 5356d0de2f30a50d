"""One run of monitoring, readable from top to bottom: compare, measure, decide, and on a positive decision renew."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.log import EventLog
from features.learning import learn
from monitoring import drift, performance, policy, renewal, report, volumes
from monitoring.report import Verdict
from training.bundle import Bundle
from training.landmarks import landmarks
from training.registry import CHAMPION, Registered, Registry
from veraison.errors import ModelError, TrainingError
from veraison.playbook import Playbook

Say = Callable[[str], None]

NO_MODEL = "no model yet; train one with: veraison train"


def monitor(
    store_log: EventLog,
    registry: Registry,
    playbook: Playbook,
    reports: Path,
    *,
    as_of: int,
    threads: int = 2,
    say: Say = lambda _: None,
) -> Verdict:
    """Decide once whether the champion still fits the world, renew it if not, and write down both.

    as_of   : microseconds UTC; only what was known before it counts
    reports : folder of ``drift.html``, ``monitor.json``, the journal and the records of challengers
    Returns : the verdict, the same for the same log, champion and moment
    Raises  : ModelError where there is no champion, or one that cannot be held against this playbook and moment
    """
    registered, champion, snapshot = _champion(registry, playbook, as_of)
    rules, primary = playbook.monitoring, playbook.horizons.primary
    since = as_of - rules.recent_days * MICROS_PER_DAY
    pairs = landmarks(store_log, playbook, before=as_of)

    say(f"comparing the leads since {isoformat(since)} with those {champion.version} learned from")
    chunk = drift.score_pairs(store_log, champion, pairs[pairs.as_of >= since], threads)
    html = reports / report.HTML
    html.unlink(missing_ok=True)
    inputs = drift.compare(champion, chunk, html, seed=playbook.training.seed, threads=threads)
    seen = volumes.arrivals(store_log, as_of)
    changed = volumes.structure(store_log, seen, playbook, champion.feature_set, snapshot=snapshot)

    say("measuring the champion where outcomes have matured")
    new = performance.matured(store_log, playbook, pairs, born_after=snapshot, at=as_of)
    figures = _performance(store_log, champion, new, playbook, as_of, threads)
    promised = _promised(registry, registered, primary)

    causes = [
        *policy.structural(changed, champion, playbook),
        *policy.broken_promise(figures["newest"], rules),
        *policy.distributional(inputs, rules),
    ]
    before = renewal.snapshot_for(new, rules, champion=snapshot, primary=primary, at=as_of)
    plan = policy.Plan(None, 0, new.converted)
    if before is not None:
        learned = [performance.conversions_known(store_log, playbook, at) for at in (snapshot, before)]
        unseen = new[new.pairs.born >= before]
        early = pairs[pairs.as_of < before]
        its_features = learn(store_log, playbook, early.lead, early.as_of)
        learnable = volumes.learnable(changed, seen, its_features, snapshot=before)
        plan = policy.Plan(before, learned[1] - learned[0], unseen.converted, learnable)
    judgement = policy.decide(causes, playbook, scored=len(chunk), plan=plan)
    decision, reason, renewed = judgement.decision, judgement.reason, None
    if decision == "retrain" and before is not None:
        try:
            renewed = renewal.renew(
                store_log, registry, champion, playbook, unseen,
                before=before, reports=reports, threads=threads, say=say,
            )  # fmt: skip
            reason = renewed.sentence
        except TrainingError as problem:
            decision, reason = "hold", f"No challenger could be trained: {problem}."
    verdict = Verdict(
        decision=decision,
        causes=causes,
        as_of=isoformat(as_of),
        champion=champion.version,
        challenger=None if renewed is None else renewed.challenger.version,
        promoted=renewed is not None and renewed.promoted,
        performance={"promised": promised, **figures},
        drift=report.describe(inputs, volumes.weekly(seen, rules.recent_days), rules, as_of=as_of, since=since),
        gate=None if renewed is None else asdict(renewed.gate),
        message=_message(causes, reason),
    )
    report.write(verdict, reports)
    return verdict


def _champion(registry: Registry, playbook: Playbook, as_of: int) -> tuple[Registered, Bundle, int]:
    """The champion, its bundle and its training snapshot (microseconds UTC)."""
    registered = registry.aliased(CHAMPION)
    if registered is None:
        raise ModelError(NO_MODEL)
    champion = registry.load(registered.number)
    snapshot = parse_instant(champion.facts.get("as_of"))
    if as_of < snapshot:
        raise ModelError(
            f"the champion learned from what was known before {isoformat(snapshot)}; "
            f"{isoformat(as_of)} is earlier and says nothing new about it"
        )
    horizons, primary = champion.playbook.horizons.days, playbook.horizons.primary
    if primary not in horizons:
        raise ModelError(
            f"the playbook's primary horizon is {primary} days, the champion speaks of "
            f"{', '.join(map(str, horizons))}; train a model for it with: veraison train"
        )
    return registered, champion, snapshot


def _performance(
    log: EventLog, champion: Bundle, new: performance.Matured, playbook: Playbook, as_of: int, threads: int
) -> dict[str, Any]:
    """The champion's figures on leads it has not seen: all of them, and the newest matured chunk."""
    primary, seed = playbook.horizons.primary, playbook.training.seed
    probability = performance.chances(log, champion, new, primary, threads)
    newest = new.pairs.as_of >= as_of - (primary + playbook.monitoring.outcome_days) * MICROS_PER_DAY
    whole = performance.figures(new, probability, seed=seed)
    return {
        "horizon_days": primary,
        "since_model": whole,
        "newest": whole if np.all(newest) else performance.figures(new[newest], probability[newest], seed=seed),
    }


def _promised(registry: Registry, registered: Registered, primary: int) -> dict[str, float]:
    """What was measured when the champion was made, by the same names as the figures."""
    logged = registry.metrics(registered.number)
    names = {name: f"{name}_{primary}d" for name in performance.PROMISED}
    return {name: round(logged[key], 5) for name, key in names.items() if key in logged}


def _message(causes: list[policy.Cause], reason: str) -> str:
    """A few sentences: what is acted on, why this decision, and what is only reported."""
    acted = "; ".join(cause.sentence() for cause in causes if cause.acts)
    told = "; ".join(cause.sentence() for cause in causes if not cause.acts)
    parts = [f"Seen: {acted}." if acted else "", reason, f"Reported only: {told}." if told else ""]
    return " ".join(part for part in parts if part)
