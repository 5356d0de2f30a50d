"""The explained probability: a small additive model that says the hazard's log-odds, and is what is served.

A regression of the hazard's ``logit P(primary horizon)`` on the features, about 200 trees of seven leaves. Its TreeSHAP
values are exact for it (Lundberg et al. 2020), and since it *is* the served probability, reasons and score cannot part.
A model fitted beside the hazard to explain it shares only 51-67 % of its three first reasons.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numba
import numpy as np

from data.log import Floats
from training.forest import Forest, forest_of, predict
from training.hazard import Directions, constraints
from training.shapley import Explainer

PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.15,
    "num_leaves": 7,
    "min_child_samples": 20,
    "max_cat_threshold": 16,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS = 200


@dataclass(frozen=True)
class ExplainedModel:
    """Log-odds as a sum over features."""

    booster: lgb.Booster

    @staticmethod
    def fit(
        features: Floats,
        log_odds: Floats,
        *,
        categorical: list[int] | None = None,
        seed: int = 7,
        threads: int = 2,
        monotone: Directions = (),
    ) -> "ExplainedModel":
        """Learn (n,) log-odds from (n, f) features; the same input gives the same bytes.

        monotone : (f,) directions as for the hazard; the log-odds then hold them for every pair of rows
        """
        data = lgb.Dataset(features, label=log_odds, categorical_feature=categorical or [], params={"verbosity": -1})
        settings = PARAMETERS | constraints(monotone) | {"seed": seed, "num_threads": threads}
        return ExplainedModel(lgb.train(settings, data, ROUNDS))

    def contributions(self, features: Floats, threads: int = 1) -> tuple[Floats, Floats, float]:
        """(n,) log-odds, (n, f) contributions and the base; ``log-odds == base + contributions``, added in order."""
        phi, base = self._explainer(features, threads), self._explainer.base
        z = np.empty(len(features))
        add_up(phi, base, z)
        return z, phi, base

    def log_odds(self, features: Floats, threads: int = 1) -> Floats:
        """(n,) log-odds without the reasons; equal to the sum of the contributions up to rounding."""
        return predict(self._forest, features, threads)

    @cached_property
    def _forest(self) -> Forest:
        return forest_of(self.booster)

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self._forest)


@numba.njit(cache=True, nogil=True)
def add_up(phi, base, z):  # type: ignore[no-untyped-def]  # numba infers
    """Row by row and from left to right, so that the sum has the same bits however many rows there are."""
    for row in range(len(phi)):
        total = base
        for column in range(phi.shape[1]):
            total += phi[row, column]
        z[row] = total
