"""How well the champion does, before outcomes tell: from its own probabilities, by what they have been worth.

If a chance of .3 means three in ten, then how often leads rank right, and how large the errors are, follows from the
chances alone, whatever the mix of leads has become. A model that learned from few leads is too timid or too bold, and
the figures of its chances taken at their word too low or too high. So where outcomes of earlier landmarks are known,
the chances are first recalibrated by them (`worth`). What it cannot see is a change since then of what chances mean,
such as a price rise: `monitoring.expected` is for that. So each figure stands beside its own past error: in chunks
whose outcomes have matured, what was estimated with what was known when the chunk ended, and what came true.

For (n,) chances p that in truth are q, over all outcomes they may bring::

    Brier     mean q (1 - p)^2 + (1 - q) p^2
    log-loss  mean -q log p - (1 - q) log(1 - p)
    AUC       `training.metrics.expected_auc` of p with q as the truth

Sources: Bialek et al. 2024, Estimating Model Performance Under Covariate Shift Without Labels (CBPE, as in NannyML);
Cox 1958, Two Further Applications of a Model for Binary Regression (intercept and slope)
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit, xlogy
from scipy.stats import rankdata

from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog, Floats, Ints
from features import compute
from training import metrics
from training.bundle import Bundle
from training.landmarks import Bools, Landmarks, conversions, earliest_birth
from veraison.playbook import Playbook

DRAWS = 200
ROWS = 20_000
"""Landmarks of a chunk that are measured at most, by chance."""
FIGURES = ("auc", "brier", "log_loss")
AT_THEIR_WORD = (0.0, 1.0)
"""Intercept and slope of chances that mean what they say."""
SPREAD = (0.5, 0.25)
"""Standard deviations of intercept and slope among models, before outcomes tell: a level that is off by two thirds, a
slope by a quarter are nothing rare."""
FELL = 0.05
"""An estimated AUC so far below that of the leads the champion learned from is told, and more where past estimates were
further from the truth."""
_STEPS = 25
"""Of Newton's method, which needs six."""


@dataclass(frozen=True)
class Estimated:
    """One figure of one chunk.

    estimated : on average over what the chances may bring
    low, high : 95 % of what they may bring lies within
    true      : what they did bring, None until all outcomes are known, or where only one class came
    """

    estimated: float
    low: float
    high: float
    true: float | None


@dataclass(frozen=True)
class Chunk:
    """Landmarks of a stretch of time, microseconds UTC, and the figures of their chances by name."""

    since: int
    until: int
    landmarks: int
    figures: dict[str, Estimated]


@dataclass(frozen=True)
class Estimate:
    """Chunks since the snapshot, oldest first, and the estimated AUC of what the champion learned from."""

    chunks: list[Chunk]
    promised: float

    @property
    def error(self) -> dict[str, float | None]:
        """Mean distance between estimate and truth over the chunks that have matured; None before any has."""
        found: dict[str, float | None] = {}
        for name in FIGURES:
            known = [one.figures[name] for one in self.chunks if one.figures[name].true is not None]
            found[name] = float(np.mean([abs(one.estimated - (one.true or 0.0)) for one in known])) if known else None
        return found

    @property
    def fallen(self) -> float | None:
        """How far the newest estimated AUC lies below the promised one, where that is beyond `FELL` and past error."""
        if not self.chunks:
            return None
        gap = self.promised - self.chunks[-1].figures["auc"].estimated
        return gap if gap > max(FELL, 2 * (self.error["auc"] or 0.0)) else None

    def to_dict(self) -> dict[str, Any]:
        """The section ``estimate`` of the verdict."""
        chunks = [
            {
                "from": isoformat(one.since),
                "to": isoformat(one.until),
                "landmarks": one.landmarks,
                **{name: _rounded(asdict(figure)) for name, figure in one.figures.items()},
            }
            for one in self.chunks
        ]
        return {"chunks": chunks, "error": _rounded(self.error), "promised_auc": round(self.promised, 5)}


def estimate(
    log: EventLog,
    champion: Bundle,
    playbook: Playbook,
    pairs: Landmarks,
    *,
    snapshot: int,
    as_of: int,
    threads: int = 2,
) -> Estimate:
    """Figures without labels of the leads created since the snapshot, in chunks of ``monitoring.recent_days``.

    pairs : landmarks before `as_of`
    A chunk of fewer landmarks than ``monitoring.min_scored`` is left out.
    """
    days, rules, seed = playbook.horizons.primary, playbook.monitoring, playbook.training.seed
    pairs = replace(pairs, born=earliest_birth(log, pairs, as_of))
    pairs = pairs[(pairs.born >= snapshot) & (pairs.as_of < as_of)]
    length, matures = rules.recent_days * MICROS_PER_DAY, days * MICROS_PER_DAY
    column = champion.playbook.horizons.days.index(days)
    said, chunks, means = np.full(len(pairs), np.nan), [], AT_THEIR_WORD
    for since in range(snapshot, as_of - length + 1, length):
        until = since + length
        rows = np.flatnonzero((pairs.as_of >= since) & (pairs.as_of < until))
        if len(rows) < rules.min_scored:
            continue
        if len(rows) > ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, ROWS, replace=False))
        mine = pairs[rows]
        features = compute.batch(log, champion.feature_set, mine.lead, mine.as_of, mine.started, threads=threads)
        said[rows] = chance = champion.predict(features, threads).probability[:, column]
        means = _means(log, playbook, pairs, said, until)
        happened = None
        if until + matures <= as_of:
            outcomes, usable = conversions(log, playbook, mine, as_of)
            mine, chance, happened = mine[usable], chance[usable], outcomes.within(days)[usable]
        found = of_chances(chance, mine.lead, happened, means=means, seed=seed)
        chunks.append(Chunk(since, until, len(mine), found))
    learned = champion.reference["probability"].to_numpy() if "probability" in champion.reference.columns else None
    promised = float("nan") if learned is None else metrics.expected_auc(learned, recalibrated(learned, means))
    return Estimate(chunks, promised)


def _means(log: EventLog, playbook: Playbook, pairs: Landmarks, said: Floats, until: int) -> tuple[float, float]:
    """What chances are worth by the outcomes that were known at a moment, microseconds UTC.

    said : (n,) the chance of each pair, NaN where it was not asked for
    """
    days = playbook.horizons.primary
    past = np.flatnonzero((pairs.as_of + days * MICROS_PER_DAY <= until) & ~np.isnan(said))
    past = np.sort(past[np.argsort(pairs.as_of[past], kind="stable")[-ROWS:]])
    if not len(past):
        return AT_THEIR_WORD
    outcomes, usable = conversions(log, playbook, pairs[past], until)
    return worth(said[past][usable], outcomes.within(days)[usable], pairs.lead[past][usable])


def worth(chance: Floats, happened: Bools, lead: Ints) -> tuple[float, float]:
    """Intercept and slope of the log-odds by which (n,) chances came true; `AT_THEIR_WORD` where nothing tells.

    The posterior mode of a logistic regression with `SPREAD`. Rows of a lead say much the same, so all rows together
    count as many as there are leads. (To weigh each by its lead's rows would not do, see training.landmarks.weights.)

    lead : (n,) whose row it is

    >>> worth(np.array([0.2]), np.array([False]), np.array([7]))[1] > 1
    True
    """
    if not len(chance):
        return AT_THEIR_WORD
    design = np.column_stack([np.ones(len(chance)), logit(np.clip(chance, 1e-12, 1 - 1e-12))])
    count, prior = len(np.unique(lead)) / len(lead), np.diag(1 / np.square(SPREAD))
    found = start = np.array(AT_THEIR_WORD)
    for _ in range(_STEPS):
        now = expit(design @ found)
        slope = count * design.T @ (happened - now) - prior @ (found - start)
        bend = count * (design * (now * (1 - now))[:, None]).T @ design + prior
        found = found + np.linalg.solve(bend, slope)
    return float(found[0]), float(found[1])


def recalibrated(chance: Floats, means: tuple[float, float]) -> Floats:
    """(n,) what chances mean, by an intercept and a slope of their log-odds.

    >>> recalibrated(np.array([0.2, 0.5]), AT_THEIR_WORD).round(3).tolist()
    [0.2, 0.5]
    """
    found: Floats = expit(means[0] + means[1] * logit(np.clip(chance, 1e-12, 1 - 1e-12)))
    return found


def of_chances(
    chance: Floats, lead: Ints, happened: Bools | None = None, *, means: tuple[float, float] = AT_THEIR_WORD, seed: int
) -> dict[str, Estimated]:
    """Each figure of (n,) chances, strictly between 0 and 1.

    lead     : (n,) whose row it is; the rows of a lead share their luck in the draws behind the interval
    happened : (n,) what came of them, where it is known
    means    : intercept and slope of what they mean (`worth`)

    >>> found = of_chances(np.array([0.1, 0.3]), np.array([0, 1]), seed=7)
    >>> round(found["brier"].estimated, 3), round(found["auc"].estimated, 3)
    (0.15, 0.794)
    """
    chance = np.clip(chance, 1e-12, 1 - 1e-12)
    truth = recalibrated(chance, means)
    known, place = np.unique(lead, return_inverse=True)
    luck = np.random.default_rng(seed).random((DRAWS, len(known)))[:, place]
    drawn = _measured(luck < truth, chance)
    expected = {
        "auc": metrics.expected_auc(chance, truth),
        "brier": float(np.mean(truth * (1 - chance) ** 2 + (1 - truth) * chance**2)),
        "log_loss": float(np.mean(-xlogy(truth, chance) - xlogy(1 - truth, 1 - chance))),
    }
    true = {} if happened is None else {name: one[0] for name, one in _measured(happened[None, :], chance).items()}
    return {name: Estimated(expected[name], *_interval(drawn[name]), _known(true.get(name))) for name in FIGURES}


def _measured(happened: Bools, chance: Floats) -> dict[str, Floats]:
    """(draws,) each figure of (draws, n) outcomes; AUC by the sum of ranks (Mann and Whitney 1947)."""
    outcome, count = happened.astype(np.float64), happened.shape[1]
    won = outcome.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (outcome @ rankdata(chance) - won * (won + 1) / 2) / (won * (count - won))
    brier = np.mean(chance**2) + outcome @ (1 - 2 * chance) / count
    log_loss = -np.mean(np.log1p(-chance)) - outcome @ (np.log(chance) - np.log1p(-chance)) / count
    return {"auc": auc, "brier": brier, "log_loss": log_loss}


def _interval(drawn: Floats) -> tuple[float, float]:
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _known(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _rounded(numbers: dict[str, float | None]) -> dict[str, float | None]:
    """JSON has no NaN: a figure that cannot be had is null."""
    return {name: None if one is None or np.isnan(one) else round(one, 5) for name, one in numbers.items()}
