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

A renewal that only sets the champion to another level (monitoring.recalibration) has its figures from the weeks that
raised the alarm: they stand in ``started``, and there is no ``window`` and no ``judged``.

A step begins from what the steps before it wrote, all at the moment at which the renewal began. So whoever goes on
after ``kill -9`` at any instant gets the same model, the same figures and the same fate; at worst the step that was
under way is done again. What is promoted is the very artefact that was judged: the files of ``bundle`` under the
version that stands in the journal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from monitoring import challenger, performance, recalibration, retraining
from monitoring.gate import Gate
from monitoring.progress import (
    BESIDE,
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
from training.bundle import Bundle
from training.registry import CHALLENGER, CHAMPION
from veraison.errors import ModelError, RegistryError, TrainingError

Action = Literal["promoted", "waits", "asks"]


@dataclass(frozen=True, slots=True)
class Renewal:
    """How far a renewal is. `action` is what it did to the model that serves, or waits for.

    levels : what the champion is set to, where that is all; each with its evidence
    """

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
    levels: list[dict[str, Any]] | None = None


def carry_on(work: Work, begun: Begun, champion: Bundle, *, as_of: int) -> Renewal:
    """Do the steps that are not done yet, up to the renewal's end or to where it must wait.

    champion : the bundle it was begun against
    as_of    : the moment of this run, microseconds UTC; only how long a shadow has lasted goes by it
    """
    for name, do in (_TRAINING if begun.levels is None else _RECALIBRATION).items():
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
            challenger.kept(work, begun)
        except ModelError as problem:
            return f"the challenger it had trained is gone: {problem}"
    return None


class Unloadable(Exception):  # noqa: N818 (a finding about a challenger, told in its own words; no error of the run)
    """A challenger that cannot be loaded, or cannot score: it never serves."""


def _register(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    work.say("registering the challenger")
    bundle = challenger.kept(work, begun)
    facts = {"as_of": bundle.facts["as_of"], "playbook": bundle.playbook.fingerprint}
    metrics: Mapping[str, float]
    if begun.levels is None:
        judged = begun.steps[JUDGED]
        bundle = replace(bundle, facts=bundle.facts | {"record": judged["record"]})
        params = facts | {"window": begun.steps[WINDOW]["name"]}
        metrics = performance.named(judged["challenger"], work.playbook.horizons.primary) | {
            f"gate_{name}": float(value) for name, value in judged["gate"].items()
        }
    else:
        params = facts | {"recalibrated": begun.champion}
        metrics = recalibration.figures(begun.levels)
    known = next((one for one in work.registry.versions() if one.version == bundle.version), None)
    if known is None:
        reports = challenger.folder(work, begun) / challenger.REPORT
        known = work.registry.register(
            bundle, metrics=metrics, params=params, reports=reports if reports.is_dir() else None
        )  # fmt: skip
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
        registered = work.registry.load(begun.steps[REGISTERED]["number"])
        served = work.served(begun.champion, until - days * MICROS_PER_DAY, until)
        found = score_beside(work.log, work.playbook, registered, served, work.threads)
    except RegistryError:
        raise  # tried again by the next run
    except (ModelError, ValueError) as problem:
        raise Unloadable(f"The challenger cannot score and never serves: {problem}.") from problem
    if found.failures:
        raise Unloadable(f"The challenger never serves. {found.sentence()}")
    return found.to_dict() | {"sentence": found.sentence()}


def _settle(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    number = begun.steps[REGISTERED]["number"]
    challenger.forget(work, begun)
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
    return begun.levels is not None or bool(begun.steps[JUDGED]["gate"]["passed"])


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
    said = Gate(**judged["gate"]).sentence(work.playbook.monitoring) if judged else recalibration.sentence(begun.levels)
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
        levels=begun.levels,
    )


_ACTIONS: dict[str | None, Action] = {"promoted": "promoted", "asks": "asks", None: "waits"}
_Steps = dict[str, Callable[[Work, Begun, Bundle, int], dict[str, Any] | None]]
_SERVING: _Steps = {REGISTERED: _register, BESIDE: _beside, SHADOW: _shadow, SETTLED: _settle}
_TRAINING: _Steps = {WINDOW: retraining.choose, TRAINED: retraining.train, JUDGED: retraining.judge, **_SERVING}
_RECALIBRATION: _Steps = {TRAINED: recalibration.relevel, **_SERVING}
