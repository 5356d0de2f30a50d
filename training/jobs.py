"""The job of a data scientist, readable from top to bottom: train a model, measured on the newest settled past."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.events import MICROS_PER_DAY, instant, isoformat
from data.log import EventLog
from data.record import banded
from training import hazard, provenance
from training.audit.finding import refuse
from training.audit.histories import audit_log
from training.bundle import Bundle
from training.checks import check_monotone
from training.evaluate import OURS, Judged, judge, later_pairs, measure
from training.fit import fit, training_set
from training.landmarks import conversions
from training.plots import save_plots
from training.propensity import ENOUGH, drawn, effective, moments
from training.registry import CHAMPION, Registered, Registry
from veraison.playbook import Horizons, Playbook

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A registered model and its record. `judged` is None where history is too short to measure anything."""

    bundle: Bundle
    registered: Registered
    judged: Judged | None
    figures: pl.DataFrame


def train(
    log: EventLog,
    playbook: Playbook,
    registry: Registry,
    *,
    before: int,
    reports: Path,
    alias: str = CHAMPION,
    base_odds: float | None = None,
    threads: int = 2,
    say: Say = lambda _: None,
) -> Trained:
    """Measure on the newest settled past, then learn from all that was known before the snapshot, and register.

    Raises TrainingError where the leakage audit finds what the playbook does not allow.

    The figures belong to a twin trained at an earlier origin with the same settings: the model that is registered has
    seen every lead, so nothing is left on which it could be judged itself.
    """
    say(f"collecting what was known before {isoformat(before)}")
    data = training_set(log, playbook, before=before)
    check_monotone(playbook, data.feature_set)
    say(f"{len(data.every):,} landmarks, {data.converted:,} conversions, {len(data.feature_set.names)} features")
    if playbook.training.weight_by == "exploration":
        say(
            f"learning from hand-overs, {drawn(log, data.every):,} leads by chance; weighted, they count as "
            f"{effective(data.weight):,.0f} alike; the model says what becomes of a lead that is handed over"
        )
    refuse(audit_log(log, playbook, data, before=before), playbook.training.allow_leaks, say)
    judged, figures = _measure_past(log, playbook, before, threads, say)
    say("learning the hazard and its explanation")
    bundle = fit(data, playbook, before=before, base_odds=base_odds, threads=threads)
    bundle = replace(bundle, facts=bundle.facts | _record(judged, bundle))
    folder = reports / "train" / bundle.version
    folder.mkdir(parents=True, exist_ok=True)
    if judged is not None:
        save_plots(judged, folder)
        figures.write_csv(folder / "figures.csv")
    say("registering the model")
    registered = registry.register(
        bundle,
        metrics=_named(figures) | {f"fidelity_{k}": v for k, v in bundle.facts["fidelity"].items()},
        params={
            "as_of": isoformat(before),
            **provenance.of_run(log, playbook, before=before, threads=threads),
            "feature_set": bundle.feature_set.fingerprint,
            "primary": playbook.horizons.primary,
            "landmarks": len(data.every),
            "landmarks_learned_from": len(data.pairs),
            "rounds": bundle.conversion.booster.num_trees(),
            **hazard.PARAMETERS,
            **playbook.training.model.chosen,
        },
        reports=folder,
        alias=alias,
    )
    return Trained(bundle, registered, judged, figures)


def default_origins(log: EventLog, playbook: Playbook, before: int, folds: int) -> list[int]:
    """Up to `folds` moments that leave enough to learn from before and leads followed long enough after.

    They stand at even shares of the leads whose longest horizon is over, the newest leaving a fifth of them.
    """
    pairs = moments(log, playbook, before=before)
    longest = max(playbook.horizons.days) * MICROS_PER_DAY
    born = np.unique(pairs.born[pairs.as_of + longest <= before])
    if not len(born):
        return []
    shares = np.linspace(0.8, 0.5, folds)
    found = [int(born[int(share * (len(born) - 1))]) // MICROS_PER_DAY * MICROS_PER_DAY for share in shares]
    return sorted({origin for origin in found if _enough(log, playbook, origin, before)})


def _enough(log: EventLog, playbook: Playbook, origin: int, before: int) -> bool:
    pairs = moments(log, playbook, before=origin)
    longest = max(playbook.horizons.days)
    outcomes, usable = conversions(log, playbook, pairs, origin)
    if playbook.training.weight_by == "exploration" and drawn(log, pairs[usable]) < ENOUGH:
        return False
    won = usable & outcomes.within(longest)
    persons = log.persons(origin)[pairs.lead[won]]
    later = later_pairs(log, playbook, origin, before)
    later_outcomes, seen = conversions(log, playbook, later, before)
    positive = later_outcomes.within(longest) & later_outcomes.settled(longest) & seen
    return len(np.unique(persons)) >= playbook.training.min_conversions and int(positive.sum()) >= 10


def _measure_past(
    log: EventLog, playbook: Playbook, before: int, threads: int, say: Say
) -> tuple[Judged | None, pl.DataFrame]:
    """Judge at the longest horizons that history allows: a young log cannot say how good 90 days are."""
    for count in range(len(playbook.horizons.days), 0, -1):
        days = playbook.horizons.days[:count]
        primary = playbook.horizons.primary if playbook.horizons.primary in days else days[-1]
        shorter = playbook.model_copy(update={"horizons": Horizons(days=days, primary=primary)})
        origins = default_origins(log, shorter, before, folds=1)
        if origins:
            say(f"measuring on leads created after {instant(origins[0]):%Y-%m-%d}, at {', '.join(map(str, days))} days")
            judged = judge(log, shorter, origins[0], before, threads=threads)
            return judged, measure(judged)
    say("history is too short to measure the model on leads it has not seen; the figures stay empty")
    return None, pl.DataFrame(
        schema={"model": pl.String, "horizon": pl.Int64, "metric": pl.String, "value": pl.Float64}
    )


def _record(judged: Judged | None, bundle: Bundle) -> dict[str, Any]:
    """What became of the twin's scores on leads it had not seen; nothing where the horizon of scores is too long."""
    days = bundle.playbook.horizons.primary
    if judged is None or days not in judged.horizons:
        return {}
    probability = judged.probability[OURS][:, judged.horizons.index(days)]
    happened, moments = judged.outcomes.within(days), judged.pairs.as_of
    return {
        "record": banded(judged.person, moments, bundle.score_of(probability), probability, happened, days).to_dict()
    }


def _named(figures: pl.DataFrame) -> dict[str, float]:
    """MLflow's flat names: ``auc_30d``, and ``logistic_regression.auc_30d`` beside it."""
    found = {}
    for row in figures.iter_rows(named=True):
        name = row["metric"] + (f"_{row['horizon']}d" if row["horizon"] else "")
        found[name if row["model"] == OURS else f"{row['model'].replace(' ', '_')}.{name}"] = float(row["value"])
    return found
