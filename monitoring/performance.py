"""Did the model keep its promise, where outcomes have matured?

Only leads created after the model's training snapshot count, at landmarks whose primary horizon has passed: the model
has not seen them, and nothing about them is open any more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.events import MICROS_PER_DAY
from data.journey import Status, standing
from data.log import EventLog, Floats, Ints
from features import compute
from training import metrics
from training.bundle import Bundle
from training.evaluate import said
from training.landmarks import Bools, Landmarks, conversions, earliest_birth
from veraison.playbook import Playbook

DRAWS = 200
ROWS = 20_000
"""Landmarks that are measured at most, the newest; more would narrow no interval that matters."""
PROMISED = ("log_loss", "auc", "ece")
RATIO = "observed_to_expected"


@dataclass(frozen=True)
class Matured:
    """(n,) landmarks whose primary horizon is over, oldest lead first.

    happened : (n,) whether the lead converted within the primary horizon
    person   : (n,) whose row it is; intervals resample whole persons
    """

    pairs: Landmarks
    happened: Bools
    person: Ints

    def __getitem__(self, rows: Bools) -> "Matured":
        return Matured(self.pairs[rows], self.happened[rows], self.person[rows])

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def converted(self) -> int:
        """Different persons who converted within the horizon of one of their landmarks."""
        return len(np.unique(self.person[self.happened]))


def matured(log: EventLog, playbook: Playbook, pairs: Landmarks, *, born_after: int, at: int) -> Matured:
    """Landmarks of the persons new since a moment whose outcomes within the primary horizon are known at `at`.

    ``born`` of the answer is the person's: a visitor whom a model has seen is not new under a customer's id.
    """
    days = playbook.horizons.primary
    pairs = replace(pairs, born=earliest_birth(log, pairs, at))
    over = (pairs.born >= born_after) & (pairs.as_of + days * MICROS_PER_DAY <= at)
    pairs = pairs[over]
    outcomes, usable = conversions(log, playbook, pairs, at)
    usable &= outcomes.settled(days)
    person = log.persons(at)[pairs.lead].astype(np.int64)
    found = Matured(pairs[usable], outcomes[usable].within(days), person[usable])
    order = np.lexsort((found.pairs.as_of, found.pairs.born))
    return Matured(found.pairs[order], found.happened[order], found.person[order])


def conversions_known(log: EventLog, playbook: Playbook, at: int) -> int:
    """How many persons were known to have converted at a moment."""
    everyone = np.arange(len(log.leads), dtype=np.int64)
    then = standing(log, playbook.journey, everyone, np.full(len(everyone), at))
    return int((then.status == Status.converted).sum())


def chances(log: EventLog, bundle: Bundle, seen: Matured, days: int, threads: int = 2) -> Floats:
    """(n,) a bundle's probabilities of conversion within so many days, one of its horizons."""
    return told(log, bundle, seen, threads)[0][:, bundle.playbook.horizons.days.index(days)]


def told(log: EventLog, bundle: Bundle, seen: Matured, threads: int = 2) -> tuple[Floats, Floats]:
    """(n, h) a bundle's probabilities of conversion within its horizons, and (n, 3) the days to readiness it tells."""
    pairs = seen.pairs
    features = compute.batch(log, bundle.feature_set, pairs.lead, pairs.as_of, pairs.started)
    _, probability, ready = said(bundle, features, threads)
    return probability, ready


def figures(seen: Matured, probability: Floats, *, seed: int) -> dict[str, Any]:
    """How the probabilities did: each figure as ``{"value", "low", "high"}``, a 95 % interval by bootstrap over leads.

    probability  : (n,) of conversion within the primary horizon
    observed_to_expected : conversions that happened, divided by the sum of the probabilities
    """
    found: dict[str, Any] = {
        "pairs": len(seen),
        "leads": len(np.unique(seen.person)),
        "converted": seen.converted,
        "observed": int(seen.happened.sum()),
        "expected": round(float(probability.sum()), 2),
    }
    if not len(seen):
        return found
    newest = np.arange(len(seen)) >= len(seen) - ROWS
    seen, probability = seen[newest], probability[newest]
    measures: dict[str, metrics.Metric] = {
        "log_loss": metrics.logarithmic_loss,
        "auc": metrics.auc,
        "ece": metrics.ece,
        RATIO: ratio,
    }
    for name, measure in measures.items():
        on_rows = _on_rows(measure, seen.happened, probability)
        low, high = metrics.bootstrap(on_rows, seen.person, draws=DRAWS, seed=seed)
        value = measure(seen.happened, probability)
        found[name] = {"value": shown(value), "low": shown(low), "high": shown(high)}
    return found


def named(figures: dict[str, Any], days: int) -> dict[str, float]:
    """Figures by the names that training logs with a model, ``auc_30d``."""
    found = {f"{name}_{days}d": figures[name]["value"] for name in PROMISED if name in figures}
    return {name: value for name, value in found.items() if value is not None}


def ratio(happened: Bools, probability: Floats) -> float:
    """Conversions observed for each one expected; 1 is what was promised.

    >>> ratio(np.array([True, False]), np.array([0.2, 0.3]))
    2.0
    """
    return float(happened.sum()) / max(float(probability.sum()), 1e-12)


def _on_rows(measure: metrics.Metric, happened: Bools, probability: Floats) -> Callable[[Ints], float]:
    return lambda rows: measure(happened[rows], probability[rows])


def shown(value: float) -> float | None:
    """JSON has no NaN: a figure that cannot be had, such as the AUC of one class, is null."""
    return None if np.isnan(value) else round(value, 5)
