"""From a log and a snapshot to a bundle: the training set, the two hazards, and the explained probability."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from data.events import isoformat
from data.log import EventLog, Floats
from features import compute
from features.catalogue import FeatureSet
from features.learning import learn
from training.bundle import Bundle
from training.distil import ExplainedModel
from training.hazard import LARGEST_LOG_RATIO, HazardModel
from training.landmarks import Bools, Landmarks, Outcomes
from training.sets import examples
from veraison.errors import TrainingError
from veraison.playbook import Playbook

REFERENCE_ROWS = 5_000


@dataclass(frozen=True)
class TrainingSet:
    """Landmarks with their features and what became of them, as known at one snapshot.

    features  : (n, f) columns of `feature_set`
    outcomes  : (n,) conversions
    ripening  : (n,) readiness; `ripens` says which rows can be used for it
    converted : different leads that converted
    """

    pairs: Landmarks
    feature_set: FeatureSet
    features: Floats
    outcomes: Outcomes
    ripening: Outcomes
    ripens: Bools
    converted: int


def training_set(log: EventLog, playbook: Playbook, *, before: int) -> TrainingSet:
    """Everything a model may learn from what was known before the snapshot.

    Raises TrainingError where there are too few conversions, with how many there are and how many are needed.
    """
    found = examples(log, playbook, before=before)
    pairs, outcomes, person = found.pairs, found.outcomes, found.person
    within = outcomes.within(max(playbook.horizons.days))
    converted = len(np.unique(person[within]))
    needed = playbook.training.min_conversions
    if converted < needed:
        raise TrainingError(
            f"too few conversions to train: {needed} leads that convert within {max(playbook.horizons.days)} days are "
            f"needed, {converted} are known before {isoformat(before)} (of {len(np.unique(person))} leads); "
            "wait, ingest more history, or lower training.min_conversions"
        )
    feature_set = learn(log, playbook, pairs.lead, pairs.as_of, before=before)
    features = compute.batch(log, feature_set, pairs.lead, pairs.as_of, pairs.started)
    return TrainingSet(pairs, feature_set, features, outcomes, found.ripening, found.ripens, converted)


def fit(
    data: TrainingSet, playbook: Playbook, *, before: int, base_odds: float | None = None, threads: int = 2
) -> Bundle:
    """Learn a bundle; the same input gives the same version.

    base_odds : of the typical lead, inherited from the model before; None makes the mean log-odds of the training
                landmarks typical, so that the average of all reasons starts at 50
    """
    horizons, seed = playbook.horizons.days, playbook.training.seed
    settings: dict[str, Any] = {"categorical": data.feature_set.categorical, "seed": seed, "threads": threads}
    hazard: dict[str, Any] = settings | {"settings": playbook.training.model.chosen}
    conversion = HazardModel.fit(data.features, data.outcomes, horizons, **hazard)
    readiness = None
    if playbook.has_readiness and data.ripening[data.ripens].within(max(horizons)).any():
        readiness = HazardModel.fit(data.features[data.ripens], data.ripening[data.ripens], horizons, **hazard)
    at_primary = int(np.searchsorted(conversion.edges, playbook.horizons.primary))
    until = np.maximum(conversion.cumulative(data.features, threads)[:, at_primary], 1e-12)
    log_odds = np.clip(until + np.log(-np.expm1(-until)), -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    explained = ExplainedModel.fit(data.features, log_odds, **settings)
    served = explained.log_odds(data.features, threads)
    if base_odds is None or playbook.scoring.reset_base:
        base_odds = float(np.exp(served.mean()))
    facts = {
        "as_of": isoformat(before),
        "leads": len(np.unique(data.pairs.lead)),
        "landmarks": len(data.pairs),
        "converted": data.converted,
        "playbook": playbook.fingerprint,
        "features": data.feature_set.fingerprint,
        "fidelity": _fidelity(log_odds, served),
    }
    return Bundle(
        playbook=playbook,
        feature_set=data.feature_set,
        conversion=conversion,
        readiness=readiness,
        explained=explained,
        base_odds=base_odds,
        facts=facts,
        reference=_reference(data, served, seed),
    )


def _fidelity(log_odds: Floats, served: Floats) -> dict[str, float]:
    """How well the served probability repeats the hazard's: R2 of log-odds, mean and largest |difference| of chance."""
    gap = np.abs(1 / (1 + np.exp(-log_odds)) - 1 / (1 + np.exp(-served)))
    spread = float(log_odds.var())
    return {
        "r2": 1.0 - float(((log_odds - served) ** 2).mean()) / spread if spread > 0 else 1.0,
        "mean_gap": float(gap.mean()),
        "largest_gap": float(gap.max()),
    }


def _reference(data: TrainingSet, served: Floats, seed: int) -> pl.DataFrame:
    rows = np.arange(len(data.pairs))
    if len(rows) > REFERENCE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, REFERENCE_ROWS, replace=False))
    frame = pl.DataFrame(data.features[rows], schema=data.feature_set.names)
    return frame.with_columns(
        probability=pl.Series(1 / (1 + np.exp(-served[rows]))), landmark_day=pl.Series(data.pairs.day[rows])
    )
