"""A challenger is trained, judged against the champion on outcomes neither has seen, and promoted if it is not worse.

A worked example: today is 1 December, the primary horizon 30 days, the chunk 28 days. The newest matured landmarks lie
before 1 November. Ten converted leads were created since 20 September, so the challenger learns from what was known
before 20 September, and both models are asked about every matured landmark of the leads created since. What passes is
promoted as it is. It is never trained again on the days it was judged on: nobody would have judged that model.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog, Floats, Ints
from monitoring import performance
from monitoring.performance import Matured
from training import metrics
from training.audit.finding import refuse
from training.audit.histories import audit_log
from training.bundle import Bundle
from training.fit import fit, training_set
from training.landmarks import Bools
from training.registry import CHALLENGER, CHAMPION, Registered, Registry
from veraison.playbook import Monitoring, Playbook

DRAWS = 400

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Gate:
    """Champion and challenger on the same unseen pairs.

    difference : mean log-loss of the challenger minus the champion's, below 0 where the challenger is better
    low, high  : its 95 % interval, by paired bootstrap over leads
    ece        : calibration error of the challenger minus the champion's
    """

    pairs: int
    leads: int
    converted: int
    difference: float
    low: float
    high: float
    ece: float
    passed: bool

    def sentence(self, rules: Monitoring) -> str:
        """What the gate found, in words."""
        found = (
            f"on {self.pairs} landmarks of {self.leads} leads that neither had seen ({self.converted} converted) its "
            f"log-loss differs by {self.difference:+.4f} (95 %: {self.low:+.4f} to {self.high:+.4f}; at most "
            f"{rules.gate_margin:+.4f} allowed) and its calibration error by {self.ece:+.3f} (at most "
            f"{rules.gate_ece:+.3f})"
        )
        return f"The challenger is {'not worse' if self.passed else 'not shown to be as good'}: {found}."


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of a challenger."""

    challenger: Registered
    promoted: bool
    gate: Gate
    sentence: str


def snapshot_for(seen: Matured, rules: Monitoring, *, champion: int, primary: int, at: int) -> int | None:
    """The latest midnight UTC a challenger can learn at, so that enough later conversions remain to judge it.

    seen     : matured landmarks of leads created after the champion's snapshot
    champion : the champion's snapshot, microseconds UTC
    primary  : days of the primary horizon
    Returns  : None where no moment after the champion's snapshot leaves ``gate_outcomes`` converted leads
    """
    born = seen.pairs.born[seen.happened]
    first = np.full(int(seen.person.max()) + 1 if len(seen) else 0, -1, dtype=np.int64)
    np.maximum.at(first, seen.person[seen.happened], born)
    newest = np.sort(first[first >= 0])[::-1]
    if len(newest) < rules.gate_outcomes:
        return None
    latest = min(int(newest[rules.gate_outcomes - 1]), at - (primary + rules.recent_days) * MICROS_PER_DAY)
    midnight = latest // MICROS_PER_DAY * MICROS_PER_DAY
    return midnight if midnight > champion else None


def compare(
    happened: Bools, person: Ints, champion: Floats, challenger: Floats, rules: Monitoring, *, seed: int
) -> Gate:
    """Whether the challenger is not worse than the champion; both are probabilities of the same pairs.

    It passes where the far end of the 95 % interval of the difference in log-loss is at most ``gate_margin``, and its
    expected calibration error is at most ``gate_ece`` larger.

    happened   : (n,) what came of each pair
    person     : (n,) whose pair it is; resampled as a whole
    champion, challenger : (n,) probabilities
    """
    loss = _losses(happened, challenger) - _losses(happened, champion)
    low, high = metrics.bootstrap(lambda rows: float(loss[rows].mean()), person, draws=DRAWS, seed=seed)
    ece = metrics.ece(happened, challenger) - metrics.ece(happened, champion)
    return Gate(
        pairs=len(happened),
        leads=len(np.unique(person)),
        converted=len(np.unique(person[happened])),
        difference=round(float(loss.mean()), 6),
        low=round(low, 6),
        high=round(high, 6),
        ece=round(ece, 6),
        passed=bool(high <= rules.gate_margin and ece <= rules.gate_ece),
    )


def renew(
    log: EventLog,
    registry: Registry,
    champion: Bundle,
    playbook: Playbook,
    unseen: Matured,
    *,
    before: int,
    reports: Path,
    threads: int = 2,
    say: Say = lambda _: None,
) -> Renewal:
    """Train a challenger on what was known before a moment, judge it, register it, and promote it if it passes.

    unseen : matured landmarks of the leads created since `before`
    Raises : TrainingError where the log does not allow a model, or leaks
    """
    say(f"training a challenger on what was known before {isoformat(before)}")
    data = training_set(log, playbook, before=before)
    refuse(audit_log(log, playbook, data, before=before), playbook.training.allow_leaks, say)
    challenger = fit(data, playbook, before=before, base_odds=champion.base_odds, threads=threads)
    say("comparing champion and challenger on outcomes neither has seen")
    seed = playbook.training.seed
    primary = playbook.horizons.primary
    old, new = (performance.chances(log, one, unseen, primary, threads) for one in (champion, challenger))
    gate = compare(unseen.happened, unseen.person, old, new, playbook.monitoring, seed=seed)
    folder = reports / "renewal" / challenger.version
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "gate": asdict(gate),
        "champion": {"version": champion.version} | performance.figures(unseen, old, seed=seed),
        "challenger": {"version": challenger.version} | performance.figures(unseen, new, seed=seed),
    }
    (folder / "gate.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    promise = performance.named(record["challenger"], primary)
    registered = _register(registry, challenger, gate, promise, folder)
    if gate.passed:
        say(f"promoting version {registered.number}")
        registry.assign(CHAMPION, registered.number)
    fate = "is the champion now" if gate.passed else "waits as challenger; the champion stays"
    sentence = f"{gate.sentence(playbook.monitoring)} Version {registered.number} ({registered.version}) {fate}."
    return Renewal(registered, gate.passed, gate, sentence)


def _register(
    registry: Registry, challenger: Bundle, gate: Gate, promise: dict[str, float], folder: Path
) -> Registered:
    """The challenger's place in the registry; the very same model, tried again, keeps the number it has."""
    known = next((one for one in registry.versions() if one.version == challenger.version), None)
    if known is not None:
        registry.assign(CHALLENGER, known.number)
        return known
    numbers: dict[str, Any] = asdict(gate)
    return registry.register(
        challenger,
        metrics=promise | {f"gate_{name}": float(value) for name, value in numbers.items()},
        params={"as_of": challenger.facts["as_of"], "playbook": challenger.playbook.fingerprint},
        reports=folder,
        alias=CHALLENGER,
    )


def _losses(happened: Bools, probability: Floats) -> Floats:
    """(n,) negative log-likelihood of each pair, as training.metrics.logarithmic_loss averages it."""
    chance = np.clip(probability, 1e-12, 1 - 1e-12)
    return -np.log(np.where(happened, chance, 1 - chance))
