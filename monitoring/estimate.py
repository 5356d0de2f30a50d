"""How well the champion does, before outcomes tell: from its own probabilities, taken at their word.

If a chance of .3 means three in ten, then how often leads rank right, and how large the errors are, follows from the
chances alone, whatever the mix of leads has become. What it cannot see is a change of what chances mean, such as a
price rise: `monitoring.expected` is for that. So each figure stands beside its own past error: in chunks whose
outcomes have matured, what was estimated and what came true.

For (n,) chances p, over all outcomes they may bring::

    Brier     mean p (1 - p)
    log-loss  mean -p log p - (1 - p) log(1 - p)
    AUC       `training.metrics.expected_auc` of p with p as the truth

Source: Bialek et al. 2024, Estimating Model Performance Under Covariate Shift Without Labels (CBPE, as in NannyML)
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import xlogy
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
FELL = 0.05
"""An estimated AUC so far below that of the leads the champion learned from is told, and more where past estimates were
further from the truth."""


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
    length = rules.recent_days * MICROS_PER_DAY
    column = champion.playbook.horizons.days.index(days)
    chunks = []
    for since in range(snapshot, as_of - length + 1, length):
        mine = pairs[(pairs.as_of >= since) & (pairs.as_of < since + length)]
        if len(mine) < rules.min_scored:
            continue
        if len(mine) > ROWS:
            mine = mine[np.sort(np.random.default_rng(seed).choice(len(mine), ROWS, replace=False))]
        features = compute.batch(log, champion.feature_set, mine.lead, mine.as_of, mine.started, threads=threads)
        chance = champion.predict(features, threads).probability[:, column]
        happened = None
        if since + length + days * MICROS_PER_DAY <= as_of:
            outcomes, usable = conversions(log, playbook, mine, as_of)
            mine, chance, happened = mine[usable], chance[usable], outcomes.within(days)[usable]
        found = of_chances(chance, mine.lead, happened, seed=seed)
        chunks.append(Chunk(since, since + length, len(mine), found))
    learned = champion.reference["probability"].to_numpy() if "probability" in champion.reference.columns else None
    promised = float("nan") if learned is None else metrics.expected_auc(learned, learned)
    return Estimate(chunks, promised)


def of_chances(chance: Floats, lead: Ints, happened: Bools | None = None, *, seed: int) -> dict[str, Estimated]:
    """Each figure of (n,) chances, strictly between 0 and 1.

    lead     : (n,) whose row it is; the rows of a lead share their luck in the draws behind the interval
    happened : (n,) what came of them, where it is known

    >>> found = of_chances(np.array([0.1, 0.3]), np.array([0, 1]), seed=7)
    >>> round(found["brier"].estimated, 3), round(found["auc"].estimated, 3)
    (0.15, 0.794)
    """
    chance = np.clip(chance, 1e-12, 1 - 1e-12)
    known, place = np.unique(lead, return_inverse=True)
    luck = np.random.default_rng(seed).random((DRAWS, len(known)))[:, place]
    drawn = _measured(luck < chance, chance)
    expected = {
        "auc": metrics.expected_auc(chance, chance),
        "brier": float(np.mean(chance * (1 - chance))),
        "log_loss": float(np.mean(-xlogy(chance, chance) - xlogy(1 - chance, 1 - chance))),
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
