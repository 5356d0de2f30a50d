"""An honest measure: train on what was known before an origin, judge on leads created after it, beside the baselines.

A worked example: origin 14 November, snapshot 10 January, horizons 7, 14 and 30 days, gap one day. Leads created before
14 November train, with outcomes as known on that day. Leads created from 15 November judge, at their landmarks up to
11 December, so that each was followed 30 days. No person is on both sides, whatever ids they came under.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import polars as pl

from data.events import MICROS_PER_DAY, instant
from data.log import EventLog, Floats, Ints
from features import compute
from training.bundle import Bundle
from training.competing import incidence
from training.fit import TrainingSet, fit, training_set
from training.landmarks import Bools, Landmarks, Outcomes, conversions, earliest_birth, ripenings
from training.peers import PEERS, Fitted, FittedSurvival
from training.peers.protocol import given_columns, learning_rows
from training.peers.tables import KaplanMeier
from training.propensity import moments
from training.resampling import Resampling, interval
from training.slices import Texts, groups
from veraison.errors import TrainingError
from veraison.playbook import Playbook

OURS = "veraison"
BESIDE = ("logistic regression", "base rate")
"""What stands beside a model at each training; `veraison backtest` knows more."""
BASE = "base rate"
SHOWN = (
    "auc", "pr_auc", "log_loss", "brier", "brier_skill", "ece", "predicted_to_observed", "top_decile_lift",
)  # fmt: skip
_CURVE_POINTS = 30
_AT_ONCE = 16_384
_SCHEMA = {
    "model": pl.String, "horizon": pl.Int64, "landmark_day": pl.Int64, "metric": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "pairs": pl.Int64, "leads": pl.Int64, "events": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """One origin's test pairs with every model's probabilities; what tables and plots are made of.

    probability : model name -> (n, h)
    constant    : days by which half of those who ripen within the longest horizon do, as training rows say
                  (Kaplan-Meier): the time that would be told without a model
    curves      : model name -> (n, t) shares still open after each of `times` days, of models that have such curves
    groups      : what a lead is -> (n,) group of each row, for slices
    notes       : what must be said of a peer: a sample, rows left out
    ended       : share of the pairs that was won, lost or opted out within each horizon (training.competing)
    ended_before: the same of the training rows, as known at the origin; empty where nothing learned beside the model
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
    constant: float = float("nan")
    times: Floats = field(default_factory=lambda: np.empty(0))
    curves: dict[str, Floats] = field(default_factory=dict)
    groups: dict[str, Texts] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ended: dict[str, dict[str, float]] = field(default_factory=dict)
    ended_before: dict[str, dict[str, float]] = field(default_factory=dict)


def judge(
    log: EventLog,
    playbook: Playbook,
    origin: int,
    before: int,
    *,
    threads: int = 2,
    peers: Collection[str] = BESIDE,
    say: Callable[[str], None] = lambda _: None,
) -> Judged:
    """Train at `origin` and predict the leads created after it, as known at the snapshot `before`."""
    data = training_set(log, playbook, before=origin)
    bundle = fit(data, playbook, before=origin, threads=threads, interval=False)
    data = data.by_chance()
    pairs = later_pairs(log, playbook, origin, before)
    return judge_with(bundle, log, origin, pairs, before, baselines=data, threads=threads, peers=peers, say=say)


def judge_with(
    bundle: Bundle,
    log: EventLog,
    origin: int,
    pairs: Landmarks,
    before: int,
    *,
    baselines: TrainingSet | None = None,
    threads: int = 2,
    peers: Collection[str] = BESIDE,
    say: Callable[[str], None] = lambda _: None,
) -> Judged:
    """What a bundle says of test pairs, beside what became of them.

    baselines : rows that the peers learn from; None leaves them out
    peers     : names of training.peers.PEERS
    """
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
    log_odds, chances, ready = said(bundle, features, threads)
    times = np.linspace(0, max(horizons), _CURVE_POINTS + 1)[1:]
    curves = {OURS: served_curves(bundle, log_odds, features, times, threads)}
    probability, constant = {OURS: chances}, float("nan")
    notes: list[str] = []
    if baselines is not None:
        known = baselines.feature_set.names
        columns = features
        if known != bundle.feature_set.names:
            columns = compute.batch(log, baselines.feature_set, pairs.lead, pairs.as_of, pairs.started)
        for name in peers:
            say(f"{name} learns")
            given = given_columns(PEERS[name], known)
            fitted = fit_peer(name, baselines, horizons, given)
            probability[name] = fitted.predict(columns[:, given])
            if PEERS[name].curve:
                curves[name] = cast(FittedSurvival, fitted).survival(columns[:, given], times)
        notes = notes_of(peers, baselines.outcomes)
        constant = usual_time(baselines.ripening[baselines.ripens], max(horizons))
    person = log.persons(before)[pairs.lead].astype(np.int64)
    return Judged(
        origin, horizons, pairs, person, outcomes, probability, ready, ripening, ripens, constant, times,
        curves, groups(bundle.feature_set, features, pairs), tuple(notes),
        incidence(log, playbook, pairs, outcomes, before), baselines.incidence if baselines is not None else {},
    )  # fmt: skip


def said(bundle: Bundle, features: Floats, threads: int) -> tuple[Floats, Floats, Floats]:
    """(n,) log-odds, (n, h) probabilities and (n, 3) times of (n, f) rows.

    The reasons, as large as the rows, are let go part by part.
    """
    log_odds, chances, ready = [], [], []
    for start in range(0, max(len(features), 1), _AT_ONCE):
        one = bundle.predict(features[start : start + _AT_ONCE], threads)
        log_odds.append(one.log_odds)
        chances.append(one.probability)
        ready.append(one.ready)
    return np.concatenate(log_odds), np.concatenate(chances), np.concatenate(ready)


def fit_peer(name: str, data: TrainingSet, horizons: tuple[int, ...], given: list[int]) -> Fitted:
    """A peer that has learned from training rows, of which it is given some columns."""
    categorical = set(data.feature_set.categorical)
    codes = [place for place, column in enumerate(given) if column in categorical]
    features = data.features if len(given) == len(data.feature_set.names) else data.features[:, given]
    return PEERS[name].fit(features, data.outcomes, horizons, codes)


def notes_of(peers: Collection[str], outcomes: Outcomes) -> list[str]:
    """What must be said of how peers learned: rows left out, samples."""
    there, late = len(outcomes), int((outcomes.entry > 0).sum())
    unaware = [name for name in peers if late and not PEERS[name].knows_entry]
    sampled = [name for name in peers if len(learning_rows(PEERS[name], outcomes)) < there - late * (name in unaware)]
    found = []
    if unaware:
        names = ", ".join(unaware)
        found.append(f"without the {late:,} of {there:,} training rows that enter late, which they cannot use: {names}")
    for most in sorted({PEERS[name].rows_at_most or 0 for name in sampled}):
        names = ", ".join(name for name in sampled if PEERS[name].rows_at_most == most)
        found.append(f"slow, so learned from {most:,} sampled rows: {names}")
    return found


def usual_time(ripening: Outcomes, longest: int) -> float:
    """Days by which half of those who ripen within the longest horizon do, whoever the lead is; NaN where none does."""
    everyone = KaplanMeier.fit(np.empty((0, 0)), ripening, (longest,), [])
    within = everyone.times <= longest
    if not within.any():
        return float("nan")
    left = everyone.left[within]
    return float(everyone.times[within][np.argmax(1 - left >= 0.5 * (1 - left[-1]))])


def served_curves(bundle: Bundle, log_odds: Floats, features: Floats, times: Floats, threads: int = 1) -> Floats:
    """(n, t) shares still open after `times` days: the curve of training.curve that the probabilities stand on."""
    edges, cumulative = bundle.conversion.edges, bundle.conversion.cumulative(features, threads)
    primary = cumulative[:, int(np.searchsorted(edges, bundle.playbook.horizons.primary))]
    bent = cumulative * (np.logaddexp(0.0, log_odds) / primary)[:, None]
    place = np.clip(np.searchsorted(edges, times, side="left"), 1, len(edges) - 1)
    part = np.clip((times - edges[place - 1]) / (edges[place] - edges[place - 1]), 0.0, 1.0)
    found: Floats = np.exp(-(bent[:, place - 1] + part * (bent[:, place] - bent[:, place - 1])))
    return found


def later_pairs(log: EventLog, playbook: Playbook, origin: int, before: int) -> Landmarks:
    """Moments that are judged, of leads created after `origin` and the gap, followed for the longest horizon."""
    pairs = moments(log, playbook, before=before)
    gap = playbook.training.gap_days * MICROS_PER_DAY
    followed = pairs.as_of + max(playbook.horizons.days) * MICROS_PER_DAY <= before
    return pairs[(earliest_birth(log, pairs, before) >= origin + gap) & followed]


def measure(judged: Judged, *, draws: int = 200, seed: int = 7, by_day: bool = False) -> pl.DataFrame:
    """One row a model, horizon and metric: value with its 95 % interval by bootstrap over leads.

    by_day  : one landmark day after the other, probabilities only; else all of them together
    Columns : origin, model, horizon (days, 0 for measures of time), landmark_day (empty: all), metric, value, low,
              high, pairs, leads, events
    """
    rows: list[Row] = []
    draw = Resampling.of(judged.person, draws=draws, seed=seed)
    if by_day:
        for day in np.unique(judged.pairs.day).tolist():
            here = judged.pairs.day == day
            own = Resampling.of(judged.person[here], draws=draws, seed=seed)
            rows += _of_probabilities(judged, own, here, day)
    else:
        everyone = np.ones(len(judged.pairs), dtype=np.bool_)
        rows = _of_probabilities(judged, draw, everyone, None) + _of_time(judged, draw)
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return frame.select(pl.lit(instant(judged.origin)).cast(pl.Datetime("us", "UTC")).alias("origin"), *_SCHEMA)


Row = tuple[str, int, int | None, str, float, float, float, int, int, int]


def _of_probabilities(judged: Judged, draw: Resampling, here: Bools, day: int | None) -> list[Row]:
    rows: list[Row] = []
    size = int(here.sum()), draw.counts.shape[1]
    for place, days in enumerate(judged.horizons):
        happened = judged.outcomes.within(days)[here]
        found = {name: draw.ranked(happened, chance[here, place]) for name, chance in judged.probability.items()}
        for name, figures in found.items():
            if BASE in found:
                figures["brier_skill"] = 1.0 - figures["brier"] / found[BASE]["brier"]
            for metric in SHOWN:
                if metric in figures:
                    rows.append((name, days, day, metric, *interval(figures[metric]), *size, int(happened.sum())))
    return rows


def _of_time(judged: Judged, draw: Resampling) -> list[Row]:
    longest = max(judged.horizons)
    stop = np.minimum(judged.outcomes.duration, longest)
    happened = judged.outcomes.within(longest)
    rows: list[Row] = []

    def row(model: str, metric: str, found: Floats, events: int) -> None:
        rows.append((model, 0, None, metric, *interval(found), len(stop), int(draw.counts.shape[1]), events))

    for model, probability in judged.probability.items():
        found = draw.concordance(stop, happened, probability[:, -1])
        row(model, "concordance", found, int(happened.sum()))
        if model in judged.curves:
            still_open = ~happened[:, None] | (stop[:, None] > judged.times)
            squares = (judged.curves[model] - still_open) ** 2
            row(model, "integrated_brier", draw.mean(squares.mean(axis=1)), int(happened.sum()))
    ripe = judged.ripening.within(longest) & judged.ripens
    if ripe.any():
        days, own = judged.ripening.duration[ripe], draw[ripe]
        figures = timing(days, judged.ready[ripe], own)
        if np.isfinite(judged.constant):
            constant = own.mean(np.abs(days - judged.constant))
            ratio = figures["timing_error_days"] / constant
            figures |= {"constant_error_days": constant, "timing_error_to_constant": ratio}
        for metric, found in figures.items():
            row(OURS, metric, found, int(ripe.sum()))
    return rows


def timing(days: Floats, ready: Floats, draw: Resampling) -> dict[str, Floats]:
    """(1 + draws,) how right the told times were, of (n,) rows that ripened within the longest horizon.

    days  : (n,) until it came
    ready : (n, 3) what `Bundle.predict` told: the day by which one in ten has ripened, the median, nine in ten

    >>> rows = Resampling.of(np.array([1, 2]), draws=0)
    >>> found = timing(np.array([3.0, 9.0]), np.array([[1.0, 4.0, 8.0], [1.0, 4.0, 8.0]]), rows)
    >>> found["interval_coverage"].tolist(), found["timing_error_days"].tolist()
    ([0.5], [3.0])
    """
    inside = (days >= ready[:, 0]) & (days <= ready[:, 2])
    return {
        "interval_coverage": draw.mean(inside.astype(np.float64)),
        "timing_error_days": draw.mean(np.abs(days - ready[:, 1])),
    }
