"""How far the true chance may lie from the served one: an 80 % interval that a small forest says of each lead.

The hazard is learned again on halves of the persons. How far the halves part on a row is the delete-d jackknife's
estimate of the variance of its log-odds (Shao and Wu 1989), and a small forest learns that variance from the features.
Halves show what chance did to the training set, not what shrinkage hides from all of them, nor what no feature tells.
So the variance is multiplied by `INFLATION`, and `FLOOR` is added: leads growing in number bring the halves together,
and the truth only slowly nearer. Both were measured where the true chances are known (docs/decisions/0006).

The served probability is a mean: of leads that look alike, it says the share that converts. Where their true log-odds
are normal with variance v about c, that share is about the logistic of ``c + v (1 - 2 p) / 2`` (second order in v), so
the interval lies about ``c = z - v (1 - 2 p) / 2``: of rare events most leads lie below the mean, and a few well above.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numba
import numpy as np

from data.log import Codes, Floats, Ints
from training.forest import Forest, forest_of, predict
from training.hazard import HazardModel, log_odds
from training.landmarks import Outcomes

LEVEL = 0.8
QUANTILE = 1.2815515655446004
"""Of the standard normal: between it and its negative lie 80 %."""
INFLATION, FLOOR = 6.0, 0.15
"""Mean squared error of log-odds is so many times the halves' variance, and so much more (docs/decisions/0006)."""
MEMBERS = 4
PERSONS = 5_000
"""So many persons at most teach one member."""
EVENT_FREE = 10_000
"""Rows without an event that a member learns from at most (training.hazard)."""
ROWS = 10_000
"""So many landmarks at most teach the forest of variances."""
ROUNDS = 60
PARAMETERS: dict[str, Any] = {
    "objective": "gamma",
    "learning_rate": 0.1,
    "num_leaves": 7,
    "min_child_samples": 50,
    "feature_fraction": 0.5,
    "max_cat_threshold": 16,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class IntervalModel:
    """Variance of the true log-odds about the served ones, from features: the booster says its logarithm."""

    booster: lgb.Booster

    @staticmethod
    def fit(
        features: Floats,
        outcomes: Outcomes,
        person: Codes,
        horizons: tuple[int, ...],
        primary: int,
        *,
        weight: Floats,
        categorical: list[int],
        seed: int = 7,
        threads: int = 2,
        **hazard: Any,
    ) -> "IntervalModel | None":
        """Learn from the rows that the hazard learned from; the same input gives the same bytes.

        person  : (n,) whose row it is; a person is in a half with all rows or with none
        primary : days, one of `horizons`
        hazard  : what else `HazardModel.fit` was told
        Returns : None where the halves hold too few conversions to be told apart
        """
        rng = np.random.default_rng(seed)
        asked = np.sort(rng.choice(len(features), min(ROWS, len(features)), replace=False))
        shown, members = features[asked], []
        parts, scale = halves(person, rng)
        for part in parts:
            if not outcomes[part].within(max(horizons)).any():
                continue
            member = HazardModel.fit(
                features[part], outcomes[part], horizons, weight=weight[part], categorical=categorical, seed=seed,
                threads=threads, event_free=EVENT_FREE, **hazard,
            )  # fmt: skip
            members.append(log_odds(member.cumulative(shown, threads)[:, np.searchsorted(member.edges, primary)]))
        if len(members) < MEMBERS // 2:
            return None
        variance = FLOOR + INFLATION * scale * np.var(members, axis=0, ddof=1)
        data = lgb.Dataset(shown, label=variance, categorical_feature=categorical, params={"verbosity": -1})
        return IntervalModel(lgb.train(PARAMETERS | {"seed": seed, "num_threads": threads}, data, ROUNDS))

    def bounds(self, features: Floats, log_odds: Floats, threads: int = 1) -> Floats:
        """(n, 2) lower and upper bound of the probability, within [0, 1] and about the logistic of the log-odds."""
        out = np.empty((len(features), 2))
        _bounds(log_odds, predict(self._forest, features, threads), out)
        return out

    @cached_property
    def _forest(self) -> Forest:
        return forest_of(self.booster)


def halves(person: Codes, rng: np.random.Generator) -> tuple[list[Ints], float]:
    """Rows of each member, ascending, and what the variance among members is to be multiplied by.

    Of n persons each member has m, half of them or `PERSONS`; two members in a row share nobody. The variance of all
    n persons' model is about ``m / (n - m)`` that among members.

    >>> parts, scale = halves(np.array([0, 0, 1, 2, 3]), np.random.default_rng(7))
    >>> len(parts), scale, sorted(parts[0].tolist() + parts[1].tolist())
    (4, 1.0, [0, 1, 2, 3, 4])
    """
    everyone, code = np.unique(person, return_inverse=True)
    count = len(everyone)
    size = min(max(count // 2, 1), PERSONS)
    parts = []
    for _ in range(MEMBERS // 2):
        order = rng.permutation(count)
        for start in (0, size):
            inside = np.zeros(count, dtype=np.bool_)
            inside[order[start : start + size]] = True
            parts.append(np.flatnonzero(inside[code]))
    return parts, size / max(count - size, 1)


@numba.njit(cache=True, nogil=True)
def _bounds(z, log_variance, out):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (n, 2) bounds, row by row: a row's bits do not depend on how many there are."""
    for row in range(len(z)):
        variance = math.exp(log_variance[row])
        p = _logistic(z[row])
        centre = z[row] - 0.5 * variance * (1.0 - 2.0 * p)
        half = QUANTILE * math.sqrt(variance)
        out[row, 0] = min(_logistic(centre - half), p)
        out[row, 1] = max(_logistic(centre + half), p)


@numba.njit(cache=True, nogil=True)
def _logistic(z):  # type: ignore[no-untyped-def]  # numba infers
    """As training.curve.bend computes the probability, so that the two are equal to the bit."""
    odds = math.exp(-abs(z))
    return 1.0 / (1.0 + odds) if z >= 0 else odds / (1.0 + odds)
