"""From a log and a snapshot to a bundle: the training set, the two hazards, and the explained probability."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from data.events import isoformat
from data.log import Codes, EventLog, Floats, Ints
from features import compute
from features.catalogue import FeatureSet
from features.learning import learn
from training import curve
from training.bundle import Bundle
from training.cohort import case_cohort
from training.competing import incidence
from training.distil import ExplainedModel
from training.hazard import LARGEST_LOG_RATIO, Directions, HazardModel, log_odds
from training.interval import IntervalModel
from training.landmarks import Bools, Landmarks, Outcomes, landmarks, weights
from training.metrics import auc
from training.propensity import effective, inverse, moments, supported
from training.sets import examples_of
from veraison.errors import TrainingError
from veraison.playbook import Playbook

REFERENCE_ROWS = 5_000
EXPLAINED_ROWS = 40_000
"""So many landmarks at most teach the explained probability: two hundred small trees need no more."""
NEGLIGIBLE_GAP = 0.001
"""Mean |difference| of chances that is no matter: where hardly anything tells leads apart, R2 is poor and harmless."""
_DIRECTIONS = {"rising": 1, "falling": -1}


@dataclass(frozen=True)
class TrainingSet:
    """Landmarks with what became of them, as known at one snapshot; of a large firm a sample (training.cohort).

    every     : all landmarks, also those that are not learned from; the rest speaks of the n that are
    person    : (n,) code in the log of the person each lead is
    outcomes  : (n,) conversions
    ripening  : (n,) readiness; `ripens` says which rows can be used for it
    weight    : (n,) how much each counts, with `training.landmark_decay`
    cohort    : places of those that are a random part of all landmarks, ascending
    converted : different leads that converted, of all
    incidence : share of all landmarks that was won, lost or opted out within each horizon (training.competing)
    """

    log: EventLog = field(repr=False)
    every: Landmarks
    pairs: Landmarks
    person: Codes
    feature_set: FeatureSet
    outcomes: Outcomes
    ripening: Outcomes
    ripens: Bools
    weight: Floats
    cohort: Ints
    converted: int
    incidence: dict[str, dict[str, float]]

    @cached_property
    def features(self) -> Floats:
        """(n, f) columns of `feature_set`, computed when they are first asked for: nothing else here is as large."""
        return compute.batch(self.log, self.feature_set, self.pairs.lead, self.pairs.as_of, self.pairs.started)

    def by_chance(self) -> "TrainingSet":
        """The cohort alone, for who learns without weights: a random part of all landmarks, each counting the same."""
        if len(self.cohort) == len(self.pairs):
            return self
        rows = self.cohort
        return replace(
            self,
            pairs=self.pairs[rows],
            person=self.person[rows],
            outcomes=self.outcomes[rows],
            ripening=self.ripening[rows],
            ripens=self.ripens[rows],
            weight=np.ones(len(rows)),
            cohort=np.arange(len(rows)),
        )


def training_set(log: EventLog, playbook: Playbook, *, before: int, since: int | None = None) -> TrainingSet:
    """Everything a model may learn from what was known before the snapshot.

    since : landmarks before it are left out, microseconds UTC; histories before it still count in features
    Raises TrainingError where there are too few conversions, with how many there are and how many are needed.
    """
    found = examples_of(log, playbook, moments(log, playbook, before=before), before)
    if since is not None:
        found = found[found.pairs.as_of >= since]
    pairs, outcomes, person = found.pairs, found.outcomes, found.person
    by_hand_overs = playbook.training.weight_by == "exploration"
    propensity = supported(log, pairs, before) if by_hand_overs else np.ones(len(pairs))
    longest, seed = max(playbook.horizons.days), playbook.training.seed
    within = outcomes.within(longest)
    converted = len(np.unique(person[within]))
    needed = playbook.training.min_conversions
    if converted < needed:
        raise TrainingError(
            f"too few conversions to train: {needed} leads that convert within {longest} days are "
            f"needed, {converted} are known before {isoformat(before)} (of {len(np.unique(person))} leads): "
            f"{needed - converted} more; "
            "wait, ingest more history, or lower training.min_conversions"
        )
    ripe = found.ripening.within(longest) & found.ripens & playbook.has_readiness
    sample = case_cohort(within | ripe, seed)
    rows = sample.rows
    weight = weights(pairs, person, playbook.training.landmark_decay) * inverse(propensity)
    return TrainingSet(
        log=log,
        every=pairs,
        pairs=pairs[rows],
        person=person[rows],
        feature_set=learn(log, playbook, pairs.lead, pairs.as_of, before=before),
        outcomes=outcomes[rows],
        ripening=found.ripening[rows],
        ripens=found.ripens[rows],
        weight=weight[rows] * sample.weight,
        cohort=sample.cohort,
        converted=converted,
        incidence=incidence(log, playbook, pairs, outcomes, before),
    )


def fit(
    data: TrainingSet, playbook: Playbook, *, before: int, base_odds: float | None = None, threads: int = 2,
    interval: bool = True,
) -> Bundle:  # fmt: skip
    """Learn a bundle; the same input gives the same version.

    base_odds : of the typical lead, inherited from the model before; None makes the mean log-odds of the training
                landmarks typical, so that the average of all reasons starts at 50
    interval  : whether it is to say how sure it is; a model that is only judged need not
    """
    horizons, seed = playbook.horizons.days, playbook.training.seed
    settings: dict[str, Any] = {
        "categorical": data.feature_set.categorical,
        "seed": seed,
        "threads": threads,
        "monotone": directions(data.feature_set, playbook),
    }
    hazard: dict[str, Any] = settings | {
        "settings": playbook.training.model.chosen,
        "clocks": data.feature_set.clocks,
    }
    ripening = _never_at_risk(data.ripening, ~data.ripens)
    learn_from = [data.outcomes]
    if playbook.has_readiness and ripening.within(max(horizons)).any():
        learn_from.append(ripening)
    conversion, *ripe = _side_by_side(
        [partial(HazardModel.fit, data.features, one, horizons, weight=data.weight) for one in learn_from], hazard
    )
    rows = data.cohort[_some(len(data.cohort), EXPLAINED_ROWS, seed)]
    features = data.features[rows]
    cumulative = conversion.cumulative(features, threads)
    at = np.searchsorted(conversion.edges, horizons)
    meant = log_odds(cumulative[:, at])
    primary = horizons.index(playbook.horizons.primary)
    explained = ExplainedModel.fit(features, meant[:, primary], **settings)
    served = explained.log_odds(features, threads)
    probability, bent = np.empty((len(rows), len(horizons))), np.empty_like(cumulative)
    curve.bend(conversion.edges, cumulative, served, np.array(horizons, dtype=float), primary, probability, bent)
    found = fidelity(meant, probability, data.outcomes[rows], playbook)
    by_hand_overs = playbook.training.weight_by == "exploration"
    usual = _looked_at(data, playbook, before) if by_hand_overs else data
    reference = _reference(usual, explained, seed, threads)
    if base_odds is None or playbook.scoring.reset_base:
        typical = special.logit(reference["probability"].to_numpy()) if by_hand_overs else served
        base_odds = float(np.exp(typical.mean()))
    facts = {
        "as_of": isoformat(before),
        "leads": len(np.unique(data.every.lead)),
        "landmarks": len(data.every),
        "converted": data.converted,
        "playbook": playbook.fingerprint,
        "features": data.feature_set.fingerprint,
        "fidelity": found,
        "incidence": data.incidence,
    }
    if by_hand_overs:
        facts["estimand"] = "handed over"
        facts["effective_landmarks"] = round(effective(data.weight), 1)
    return Bundle(
        playbook=playbook,
        feature_set=data.feature_set,
        conversion=conversion,
        readiness=ripe[0] if ripe else None,
        explained=explained,
        interval=IntervalModel.fit(
            data.features, data.outcomes, data.person, horizons, horizons[primary], weight=data.weight, **hazard
        ) if interval else None,
        base_odds=base_odds,
        facts=facts,
        reference=reference,
    )  # fmt: skip


def _side_by_side(work: Sequence[Callable[..., HazardModel]], settings: dict[str, Any]) -> list[HazardModel]:
    """Each with its share of the threads: those of one model would wait for each other at every split."""
    threads = int(settings["threads"])
    at_once = min(threads, len(work))
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(one, **settings | {"threads": max(1, threads // at_once)}) for one in work]
        return [one.result() for one in running]


def _never_at_risk(outcomes: Outcomes, rows: Bools) -> Outcomes:
    """The same with some rows of which nothing can be learned: cheaper than a copy of the features without them."""
    return replace(outcomes, duration=np.where(rows, 0.0, outcomes.duration), event=outcomes.event & ~rows)


def directions(feature_set: FeatureSet, playbook: Playbook) -> Directions:
    """Those of `training.monotone`; names that these features do not have are `checks.check_monotone`'s to refuse."""
    named = playbook.training.monotone
    return tuple(_DIRECTIONS.get(named.get(name, ""), 0) for name in feature_set.names)


def fidelity(log_odds: Floats, served: Floats, outcomes: Outcomes, playbook: Playbook) -> dict[str, float]:
    """How well the served probabilities repeat the hazard's, at each horizon (``r2_7d``) and the primary one (``r2``).

    r2          : of log-odds; 1 is a perfect repetition
    mean_gap    : mean |difference| of the probabilities
    largest_gap : largest one
    auc_gap     : AUC of the hazard's less that of the served, on landmarks followed so long; none with one class

    log_odds : (n, h) the hazard's
    served   : (n, h) probabilities
    Raises   : TrainingError where R2 is below `training.min_fidelity`: reasons would speak of another model
    """
    found: dict[str, float] = {}
    for place, days in enumerate(playbook.horizons.days):
        theirs, ours = log_odds[:, place], served[:, place]
        meant = 1 / (1 + np.exp(-theirs))
        again = np.clip(np.log(ours / (1 - ours)), -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        spread, gap = float(theirs.var()), np.abs(meant - ours)
        settled, happened = outcomes.settled(days), outcomes.within(days)
        figures = {
            "r2": 1.0 - float(((theirs - again) ** 2).mean()) / spread if spread > 0 else 1.0,
            "mean_gap": float(gap.mean()),
            "largest_gap": float(gap.max()),
        }
        if 0 < happened[settled].sum() < settled.sum():
            figures["auc_gap"] = auc(happened[settled], meant[settled]) - auc(happened[settled], ours[settled])
        if figures["r2"] < playbook.training.min_fidelity and figures["mean_gap"] > NEGLIGIBLE_GAP:
            raise TrainingError(
                f"the explained probability repeats the model's too poorly at {days} days: R2 {figures['r2']:.3f}, "
                f"training.min_fidelity asks for {playbook.training.min_fidelity}; leave families of features out "
                "(features.without), or lower training.min_fidelity and read reasons with care"
            )
        found |= {f"{name}_{days}d": value for name, value in figures.items()}
        if days == playbook.horizons.primary:
            found |= figures
    return found


def _some(count: int, most: int, seed: int) -> Ints:
    """All rows, or a random part of them, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _looked_at(data: TrainingSet, playbook: Playbook, before: int) -> TrainingSet:
    """Landmarks of all leads, to say what is typical and to be compared with later: hand-overs are chosen by score."""
    pairs = landmarks(data.log, playbook, before=before)
    person = data.log.persons(before)[pairs.lead]
    rows = _whole(person, REFERENCE_ROWS, playbook.training.seed)
    return replace(data, pairs=pairs[rows], person=person[rows], cohort=np.arange(len(rows)))


def _reference(data: TrainingSet, explained: ExplainedModel, seed: int, threads: int) -> pl.DataFrame:
    rows = data.cohort[_whole(data.person[data.cohort], REFERENCE_ROWS, seed)]
    served = explained.log_odds(data.features[rows], threads)
    frame = pl.DataFrame(data.features[rows], schema=data.feature_set.names)
    return frame.with_columns(
        probability=pl.Series(1 / (1 + np.exp(-served))),
        landmark_day=pl.Series(data.pairs.day[rows]),
        landmark_lead=pl.Series(np.unique(data.person[rows], return_inverse=True)[1]),
    )


def _whole(person: Ints | Codes, most: int, seed: int) -> Ints:
    """All rows, or those of random persons, ascending: rows of one person are alike, so they stay together."""
    if len(person) <= most:
        return np.arange(len(person))
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(count))
    return np.flatnonzero(np.isin(code, order[np.cumsum(count[order]) <= most]))
