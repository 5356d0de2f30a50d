"""An honest measure: train on what was known before an origin, judge on leads created after it, beside the baselines.

A worked example: origin 14 November, snapshot 10 January, horizons 7, 14 and 30 days, gap one day. Leads created before
14 November train, with outcomes as known on that day. Leads created from 15 November judge, at their landmarks up to
11 December, so that each was followed 30 days. No person is on both sides, whatever ids they came under.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.events import MICROS_PER_DAY, instant
from data.log import EventLog, Floats, Ints
from features import compute
from training.bundle import Bundle
from training.fit import TrainingSet, fit, training_set
from training.landmarks import Bools, Landmarks, Outcomes, conversions, earliest_birth, landmarks, ripenings
from training.metrics import METRICS, Metric, bootstrap, concordance
from training.peers import FAST, PEERS
from veraison.errors import TrainingError
from veraison.playbook import Playbook

OURS = "veraison"


@dataclass(frozen=True)
class Judged:
    """One origin's test pairs with every model's probabilities; what tables and plots are made of.

    probability : model name -> (n, h)
    """

    origin: int
    horizons: tuple[int, ...]
    pairs: Landmarks
    person: Ints
    outcomes: Outcomes
    probability: dict[str, Floats]
    ready: Floats
    ripening: Outcomes
    ripens: Bools


def judge(log: EventLog, playbook: Playbook, origin: int, before: int, *, threads: int = 2) -> Judged:
    """Train at `origin` and predict the leads created after it, as known at the snapshot `before`."""
    data = training_set(log, playbook, before=origin)
    bundle = fit(data, playbook, before=origin, threads=threads)
    pairs = later_pairs(log, playbook, origin, before)
    return judge_with(bundle, log, origin, pairs, before, baselines=data, threads=threads)


def judge_with(
    bundle: Bundle,
    log: EventLog,
    origin: int,
    pairs: Landmarks,
    before: int,
    *,
    baselines: TrainingSet | None = None,
    threads: int = 2,
) -> Judged:
    """What a bundle says of test pairs, beside what became of them."""
    playbook, horizons = bundle.playbook, bundle.playbook.horizons.days
    outcomes, usable = conversions(log, playbook, pairs, before)
    usable &= outcomes.settled(max(horizons))
    pairs, outcomes = pairs[usable], outcomes[usable]
    ripening, ripens = ripenings(log, playbook, pairs, before)
    if not len(pairs):
        raise TrainingError(
            f"no lead created after {instant(origin):%Y-%m-%d} was followed for {max(horizons)} days before "
            f"{instant(before):%Y-%m-%d}; use an earlier origin or shorter horizons"
        )
    features = compute.batch(log, bundle.feature_set, pairs.lead, pairs.as_of, pairs.started)
    prediction = bundle.predict(features, threads)
    probability = {OURS: prediction.probability}
    if baselines is not None:
        columns = compute.batch(log, baselines.feature_set, pairs.lead, pairs.as_of, pairs.started)
        for name in FAST:
            fitted = PEERS[name].fit(
                baselines.features, baselines.outcomes, horizons, baselines.feature_set.categorical
            )
            probability[name] = fitted.predict(columns)
    person = log.persons(before)[pairs.lead].astype(np.int64)
    return Judged(origin, horizons, pairs, person, outcomes, probability, prediction.ready, ripening, ripens)


def later_pairs(log: EventLog, playbook: Playbook, origin: int, before: int) -> Landmarks:
    """Landmarks of leads created after `origin` and the gap, followed for the longest horizon."""
    pairs = landmarks(log, playbook, before=before)
    gap = playbook.training.gap_days * MICROS_PER_DAY
    followed = pairs.as_of + max(playbook.horizons.days) * MICROS_PER_DAY <= before
    return pairs[(earliest_birth(log, pairs, before) >= origin + gap) & followed]


def measure(judged: Judged, *, draws: int = 200, seed: int = 7) -> pl.DataFrame:
    """One row a model, horizon and metric: value with its 95 % interval by bootstrap over leads.

    Columns: origin, model, horizon (days, 0 for measures of time), metric, value, low, high, pairs, leads, events.
    """
    rows = []
    leads = len(np.unique(judged.person))
    for place, days in enumerate(judged.horizons):
        happened = judged.outcomes.within(days)
        for model, probability in judged.probability.items():
            chance = probability[:, place]
            for metric, of in METRICS.items():
                low, high = bootstrap(_on_rows(of, happened, chance), judged.person, draws=draws, seed=seed)
                rows.append((model, days, metric, of(happened, chance), low, high, int(happened.sum())))
    rows += _of_time(judged, draws=draws, seed=seed)
    frame = pl.DataFrame(
        rows, schema=["model", "horizon", "metric", "value", "low", "high", "events"], orient="row"
    ).with_columns(
        origin=pl.lit(instant(judged.origin)).cast(pl.Datetime("us", "UTC")),
        pairs=pl.lit(len(judged.pairs)),
        leads=pl.lit(leads),
    )
    return frame.select("origin", "model", "horizon", "metric", "value", "low", "high", "pairs", "leads", "events")


def _on_rows(metric: Metric, happened: Bools, chance: Floats) -> Callable[[Ints], float]:
    return lambda rows: metric(happened[rows], chance[rows])


def _mean_of(values: Floats) -> Callable[[Ints], float]:
    return lambda rows: float(values[rows].mean())


def _of_time(judged: Judged, *, draws: int, seed: int) -> list[tuple[str, int, str, float, float, float, int]]:
    longest = max(judged.horizons)
    stop = np.minimum(judged.outcomes.duration, longest)
    happened = judged.outcomes.within(longest)
    rows = []
    for model, probability in judged.probability.items():
        risk = probability[:, -1]

        def c_index(r: Ints, risk: Floats = risk) -> float:
            return concordance(stop[r], happened[r], risk[r])

        everyone = np.arange(len(stop))
        low, high = bootstrap(c_index, judged.person, draws=min(draws, 50), seed=seed)
        rows.append((model, 0, "concordance", c_index(everyone), low, high, int(happened.sum())))
    ripe = judged.ripening.within(longest) & judged.ripens
    if ripe.any():
        days, ready = judged.ripening.duration[ripe], judged.ready[ripe]
        inside = ((days >= ready[:, 0]) & (days <= ready[:, 2])).astype(np.float64)
        error = np.abs(days - ready[:, 1])
        for metric, values in (("interval_coverage", inside), ("timing_error_days", error)):
            low, high = bootstrap(_mean_of(values), judged.person[ripe], draws=draws, seed=seed)
            rows.append((OURS, 0, metric, float(values.mean()), low, high, int(ripe.sum())))
    return rows
