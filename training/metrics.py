"""How good probabilities and times are; every measure is of settled outcomes, so nothing is censored here.

scikit-learn measures what it can; what it lacks (calibration error, concordance of times) is written out.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from data.log import Floats, Ints
from training.landmarks import Bools

Metric = Callable[[Bools, Floats], float]


def auc(happened: Bools, probability: Floats) -> float:
    """Chance that a random lead that converted is ranked above a random one that did not; NaN with one class only."""
    if happened.all() or not happened.any():
        return float("nan")
    return float(roc_auc_score(happened, probability))


def expected_auc(chance: Floats, truth: Floats) -> float:
    """AUC of (n,) chances, over all outcomes that the (n,) true chances may bring: P(ranked right | one of two wins).

    Each row stands in for both of its outcomes, weighted by how likely they are; a row is never set against itself.

    >>> expected_auc(np.array([0.1, 0.2]), np.array([0.0, 1.0]))
    1.0
    >>> round(expected_auc(np.array([0.1, 0.2]), np.array([0.5, 0.5])), 3)
    0.5
    """
    happened = np.repeat([True, False], len(truth))
    weight = np.concatenate([truth, 1 - truth])
    counted = float(roc_auc_score(happened, np.tile(chance, 2), sample_weight=weight))
    everyone, itself = truth.sum() * (1 - truth).sum(), (truth * (1 - truth)).sum()
    return float((counted * everyone - 0.5 * itself) / (everyone - itself))


def pr_auc(happened: Bools, probability: Floats) -> float:
    """Average precision; the base rate is what chance gives."""
    return float(average_precision_score(happened, probability)) if happened.any() else float("nan")


def logarithmic_loss(happened: Bools, probability: Floats) -> float:
    """Mean negative log-likelihood in nats; lower is better."""
    return float(log_loss(happened, np.clip(probability, 1e-12, 1 - 1e-12), labels=[False, True]))


def brier(happened: Bools, probability: Floats) -> float:
    """Mean squared error of the probability; lower is better."""
    return float(brier_score_loss(happened, probability))


def ece(happened: Bools, probability: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equally many leads: mean |share that converted - mean probability|.

    Equal probabilities stay in one bin, so that the order of rows does not matter.

    >>> round(ece(np.array([True, False]), np.array([0.9, 0.1]), bins=2), 3)
    0.1
    """
    lower = np.searchsorted(np.sort(probability), probability)  # how many have a smaller probability
    place = lower * bins // max(len(probability), 1)
    gap = np.bincount(place, happened, bins) - np.bincount(place, probability, bins)
    return float(np.abs(gap).sum() / max(len(probability), 1))


METRICS: dict[str, Metric] = {
    "auc": auc,
    "pr_auc": pr_auc,
    "log_loss": logarithmic_loss,
    "brier": brier,
    "ece": ece,
}


def concordance(duration: Floats, event: Bools, risk: Floats) -> float:
    """Harrell's C: of pairs where one lead is known to convert first, the share where it has the higher risk.

    duration : (n,) days > 0 to the event or the end of follow-up
    event    : (n,) whether it was seen
    risk     : (n,) any number that should be higher for earlier events; ties count half
    Source   : Harrell et al. 1982
    """
    order = np.argsort(duration, kind="stable")
    duration, event, risk = duration[order], event[order], risk[order]
    first_later = np.searchsorted(duration, duration, side="right")
    agree = total = 0.0
    for place in np.flatnonzero(event):
        later = risk[first_later[place] :]
        total += len(later)
        agree += float(np.count_nonzero(later < risk[place])) + 0.5 * float(np.count_nonzero(later == risk[place]))
    return agree / total if total else float("nan")


def bootstrap(
    measure: Callable[[npt.NDArray[np.int64]], float], groups: Ints, *, draws: int = 200, seed: int = 7
) -> tuple[float, float]:
    """95 % interval of `measure` under resampling of whole groups (leads), as rows of one lead are not independent.

    measure : takes the row numbers of a resample
    groups  : (n,) whose row it is
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    found = [
        measure(np.concatenate([members[pick] for pick in rng.integers(len(members), size=len(members))]))
        for _ in range(draws)
    ]
    low, high = np.nanpercentile(found, [2.5, 97.5]) if not np.isnan(found).all() else (np.nan, np.nan)
    return float(low), float(high)
