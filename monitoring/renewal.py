"""A renewal, step by step: each step is done once, written down, and never done again by who comes after a crash.

=============  =====================================================================================================
``started``    what it is to learn up to, against which champion, since when the world is another one
``window``     how much of the past it learns from, chosen by backtest (monitoring.window)
``trained``    the challenger lies in ``reports/renewal/<name>/bundle``
``judged``     champion and challenger on outcomes that neither has seen (monitoring.gate)
``registered`` it has a number in the registry, and the alias challenger
``beside``     since when, and until when, it scores beside the champion
``shadow``     it scored what the champion served (monitoring.shadow), which may take some days
``settled``    its fate: promoted, asks (waits for a person), kept (as challenger; the champion stays) or abandoned
=============  =====================================================================================================

A step begins from what the steps before it wrote, all at the moment at which the renewal began. So whoever goes on
after ``kill -9`` at any instant gets the same model, the same figures and the same fate; at worst the step that was
under way is done again. What is promoted is the very artefact that passed the gate: the files of ``bundle`` under the
version that stands in the journal. It is never trained again on the days it was judged on: nobody would have judged
that model.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.record import banded
from monitoring import performance, window
from monitoring.gate import Gate, compare
from monitoring.performance import Matured
from monitoring.progress import (
    BESIDE,
    BUNDLE,
    FOLDER,
    JUDGED,
    REGISTERED,
    SETTLED,
    SHADOW,
    STARTED,
    TRAINED,
    WINDOW,
    Begun,
    Work,
    done,
)
from monitoring.shadow import score_beside
from training.audit.finding import refuse
from training.audit.histories import audit_log
from training.bundle import Bundle
from training.fit import fit, training_set
from training.propensity import moments
from training.registry import CHALLENGER, CHAMPION
from veraison.errors import ModelError, RegistryError, TrainingError

Action = Literal["promoted", "waits", "asks"]


@dataclass(frozen=True, slots=True)
class Renewal:
    """How far a renewal is. `action` is what it did to the model that serves, or waits for."""

    name: str
    champion: str
    challenger: str | None
    promoted: bool
    action: Action | None
    failed: bool
    sentence: str
    gate: dict[str, Any] | None = None
    window: dict[str, Any] | None = None
    shadow: dict[str, Any] | None = None


def carry_on(work: Work, begun: Begun, champion: Bundle, *, as_of: int) -> Renewal:
    """Do the steps that are not done yet, up to the renewal's end or to where it must wait.

    champion : the bundle it was begun against
    as_of    : the moment of this run, microseconds UTC; only how long a shadow has lasted goes by it
    """
    for name, do in _STEPS.items():
        if begun.fate is not None:
            break
        if name in begun.steps:
            continue
        work.go_on(name)
        try:
            numbers = do(work, begun, champion, as_of)
        except TrainingError as problem:
            why = f"No challenger could be trained: {problem}."
            begun = done(work, begun, SETTLED, as_of, {"fate": "kept", "problem": why, "untrained": True})
        except Unloadable as problem:
            begun = done(work, begun, SETTLED, as_of, {"fate": "kept", "problem": str(problem)})
        else:
            if numbers is None:
                break
            begun = done(work, begun, name, as_of, numbers)
    return _told(work, begun)


def abandon(work: Work, begun: Begun, as_of: int, why: str) -> None:
    """Settle a renewal that has lost its ground."""
    done(work, begun, SETTLED, as_of, {"fate": "abandoned", "problem": why})


def why_abandon(work: Work, begun: Begun, serving: str) -> str | None:
    """Why a renewal that was broken off cannot be gone on with; None where it can.

    serving : the version that is champion now
    """
    if serving not in (begun.champion, begun.challenger):
        return f"{serving} is the champion now, it was begun against {begun.champion}"
    if begun.steps[STARTED]["playbook"] != work.playbook.fingerprint:
        return "the playbook has changed since it began"
    if TRAINED in begun.steps and REGISTERED not in begun.steps:
        try:
            _bundle(work, begun)
        except ModelError as problem:
            return f"the challenger it had trained is gone: {problem}"
    return None


class Unloadable(Exception):  # noqa: N818 (a finding about a challenger, told in its own words; no error of the run)
    """A challenger that cannot be loaded, or cannot score: it never serves."""


def _choose(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    before = begun.before
    found = window.choose(work.log, work.playbook, before=before, onset=begun.onset, threads=work.threads, say=work.say)
    work.say(f"learning from {found.name}: {found.reason}")
    return found.to_dict()


def _train(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    before, since = begun.before, begun.steps[WINDOW]["since"]
    work.say(f"training a challenger on what was known before {isoformat(before)}")
    data = training_set(work.log, work.playbook, before=before, since=None if since is None else parse_instant(since))
    refuse(audit_log(work.log, work.playbook, data, before=before), work.playbook.training.allow_leaks, work.say)
    bundle = fit(data, work.playbook, before=before, base_odds=champion.base_odds, threads=work.threads)
    folder = _folder(work, begun)
    fresh = folder / f".{BUNDLE}"
    shutil.rmtree(fresh, ignore_errors=True)
    bundle.save(fresh)
    shutil.rmtree(folder / BUNDLE, ignore_errors=True)
    fresh.rename(folder / BUNDLE)
    return {"version": bundle.version, "landmarks": len(data.every), "converted": data.converted}


def _judge(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    work.say("comparing champion and challenger on outcomes neither has seen")
    challenger, unseen = _bundle(work, begun), judged_on(work, begun)
    seed, primary = work.playbook.training.seed, work.playbook.horizons.primary
    old, new = (performance.chances(work.log, one, unseen, primary, work.threads) for one in (champion, challenger))
    found = compare(unseen.happened, unseen.person, old, new, work.playbook.monitoring, seed=seed)
    past = banded(unseen.person, unseen.pairs.as_of, challenger.score_of(new), new, unseen.happened, primary)
    record: dict[str, Any] = {
        "gate": asdict(found),
        "champion": {"version": champion.version} | performance.figures(unseen, old, seed=seed),
        "challenger": {"version": challenger.version} | performance.figures(unseen, new, seed=seed),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    folder = _folder(work, begun) / _REPORT
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


def _register(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    work.say("registering the challenger")
    judged = begun.steps[JUDGED]
    bundle = _bundle(work, begun)
    bundle = replace(bundle, facts=bundle.facts | {"record": judged["record"]})
    known = next((one for one in work.registry.versions() if one.version == bundle.version), None)
    if known is None:
        known = work.registry.register(
            bundle,
            metrics=performance.named(judged["challenger"], work.playbook.horizons.primary)
            | {f"gate_{name}": float(value) for name, value in judged["gate"].items()},
            params={
                "as_of": bundle.facts["as_of"],
                "playbook": bundle.playbook.fingerprint,
                "window": begun.steps[WINDOW]["name"],
            },
            reports=_folder(work, begun) / _REPORT,
        )
    if CHAMPION not in known.aliases:
        work.registry.assign(CHALLENGER, known.number)
    return {"number": known.number, "version": known.version}


def _beside(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    days = work.playbook.monitoring.shadow_days
    since = as_of if days else begun.as_of  # what was served before is the same for whoever goes on
    return {"since": isoformat(since), "until": isoformat(since + days * MICROS_PER_DAY)}


def _shadow(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any] | None:
    """None where the time in the shadow is not over yet."""
    if not _passed(begun):
        return {"skipped": "the gate did not pass"}
    until = parse_instant(begun.steps[BESIDE]["until"])
    if as_of < until:
        return None
    work.say("scoring with the challenger what was served")
    days = work.playbook.monitoring.shadow_days or work.playbook.monitoring.recent_days
    try:
        challenger = work.registry.load(begun.steps[REGISTERED]["number"])
        served = work.served(begun.champion, until - days * MICROS_PER_DAY, until)
        found = score_beside(work.log, work.playbook, challenger, served, work.threads)
    except RegistryError:
        raise  # tried again by the next run
    except (ModelError, ValueError) as problem:
        raise Unloadable(f"The challenger cannot score and never serves: {problem}.") from problem
    if found.failures:
        raise Unloadable(f"The challenger never serves. {found.sentence()}")
    return found.to_dict() | {"sentence": found.sentence()}


def _settle(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    number = begun.steps[REGISTERED]["number"]
    shutil.rmtree(_folder(work, begun) / BUNDLE, ignore_errors=True)  # the registry has it
    if not _passed(begun):
        return {"fate": "kept"}
    if work.playbook.monitoring.promote == "ask":
        return {"fate": "asks"}
    work.say(f"promoting version {number}")
    try:
        work.registry.assign(CHAMPION, number)
    except RegistryError:
        raise
    except ModelError as problem:
        raise Unloadable(f"The challenger cannot be promoted: {problem}.") from problem
    return {"fate": "promoted"}


def _passed(begun: Begun) -> bool:
    return bool(begun.steps[JUDGED]["gate"]["passed"])


def _folder(work: Work, begun: Begun) -> Path:
    return work.reports / FOLDER / begun.name


def _bundle(work: Work, begun: Begun) -> Bundle:
    """The challenger as it was trained; ModelError where its files are not what they were."""
    bundle = Bundle.load(_folder(work, begun) / BUNDLE)
    if bundle.version != begun.challenger:
        raise ModelError(f"{bundle.version} lies there, {begun.challenger} was trained")
    return bundle


def _told(work: Work, begun: Begun) -> Renewal:
    """How far it is, in words and figures."""
    fate, steps = begun.fate, begun.steps
    judged, end, beside = steps.get(JUDGED), steps.get(SETTLED, {}), steps.get(SHADOW, {})
    number = steps.get(REGISTERED, {}).get("number")
    who = f"Version {number} ({begun.challenger})"
    ends = {
        "promoted": f"{who} is the champion now.",
        "asks": f"{who} waits for a person; make it the champion with: veraison models promote {number}",
        "kept": end.get("problem") or f"{who} waits as challenger; the champion stays.",
        None: f"{who} scores beside the champion until {steps.get(BESIDE, {}).get('until', '')[:10]}.",
    }
    said = Gate(**judged["gate"]).sentence(work.playbook.monitoring) if judged else ""
    return Renewal(
        name=begun.name,
        champion=begun.champion,
        challenger=begun.challenger,
        promoted=fate == "promoted",
        action=_ACTIONS.get(fate),
        failed="untrained" in end,
        sentence=" ".join(part for part in (said, beside.get("sentence"), ends.get(fate)) if part),
        gate=judged["gate"] if judged else None,
        window=steps.get(WINDOW),
        shadow=steps.get(SHADOW),
    )


_REPORT = "report"
_ACTIONS: dict[str | None, Action] = {"promoted": "promoted", "asks": "asks", None: "waits"}
_STEPS: dict[str, Callable[[Work, Begun, Bundle, int], dict[str, Any] | None]] = {
    WINDOW: _choose,
    TRAINED: _train,
    JUDGED: _judge,
    REGISTERED: _register,
    BESIDE: _beside,
    SHADOW: _shadow,
    SETTLED: _settle,
}
