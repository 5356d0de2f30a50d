"""The steps of a renewal that makes its challenger by training: what to learn from, the training, the gate.

What is promoted is the very artefact that passed the gate. It is never trained again on the days it was judged on:
nobody would have judged that model.
"""

import json
from dataclasses import asdict
from typing import Any

from data.events import isoformat, parse_instant
from data.record import banded
from monitoring import challenger, performance, window
from monitoring.gate import compare
from monitoring.performance import Matured
from monitoring.progress import WINDOW, Begun, Work
from training.audit.finding import refuse
from training.audit.histories import audit_log
from training.bundle import Bundle
from training.fit import fit, training_set
from training.propensity import moments


def choose(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    """How much of the past the challenger learns from."""
    before = begun.before
    found = window.choose(work.log, work.playbook, before=before, onset=begun.onset, threads=work.threads, say=work.say)
    work.say(f"learning from {found.name}: {found.reason}")
    return found.to_dict()


def train(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    """Train the challenger, audited as every model is."""
    before, since = begun.before, begun.steps[WINDOW]["since"]
    work.say(f"training a challenger on what was known before {isoformat(before)}")
    data = training_set(work.log, work.playbook, before=before, since=None if since is None else parse_instant(since))
    refuse(audit_log(work.log, work.playbook, data, before=before), work.playbook.training.allow_leaks, work.say)
    bundle = fit(data, work.playbook, before=before, base_odds=champion.base_odds, threads=work.threads)
    challenger.keep(work, begun, bundle)
    return {"version": bundle.version, "landmarks": len(data.every), "converted": data.converted}


def judge(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    """The gate, with both models' figures."""
    work.say("comparing champion and challenger on outcomes neither has seen")
    new_model, unseen = challenger.kept(work, begun), judged_on(work, begun)
    seed, primary = work.playbook.training.seed, work.playbook.horizons.primary
    old, new = (performance.chances(work.log, one, unseen, primary, work.threads) for one in (champion, new_model))
    found = compare(unseen.happened, unseen.person, old, new, work.playbook.monitoring, seed=seed)
    past = banded(unseen.person, unseen.pairs.as_of, new_model.score_of(new), new, unseen.happened, primary)
    record: dict[str, Any] = {
        "gate": asdict(found),
        "champion": {"version": champion.version} | performance.figures(unseen, old, seed=seed),
        "challenger": {"version": new_model.version} | performance.figures(unseen, new, seed=seed),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    folder = challenger.folder(work, begun) / challenger.REPORT
    folder.mkdir(exist_ok=True)
    (folder / "gate.json").write_text(text, encoding="utf-8")
    return record | {"record": past.to_dict()}


def judged_on(work: Work, begun: Begun) -> Matured:
    """The rows of the gate: leads created since the challenger's snapshot, at moments since the onset of the drift."""
    at = begun.as_of
    pairs = moments(work.log, work.playbook, before=at)
    found = performance.matured(work.log, work.playbook, pairs, born_after=begun.before, at=at)
    onset = begun.onset
    return found if onset is None else found[found.pairs.as_of >= onset]
