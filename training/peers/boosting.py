"""Peers of XGBoost: Cox's loss with Breslow's baseline, and the accelerated failure time.

Neither knows delayed entry, so rows that enter late are left out.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import optimize, stats

from data.log import Floats
from training.landmarks import Bools, Outcomes
from training.peers.preparation import Prepared
from training.peers.protocol import SEED, FittedSurvival, learning_rows
from training.peers.tables import KaplanMeier, steps

_ROUNDS = 200
_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_depth": 4,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "tree_method": "hist",
    "seed": SEED,
    "nthread": 1,
}


class _OfXGBoost:
    library: ClassVar[str] = "xgboost"
    rows_at_most: ClassVar[int | None] = None
    columns: ClassVar[tuple[str, ...]] = ()
    curve: ClassVar[bool] = True
    knows_entry: ClassVar[bool] = False


@dataclass(frozen=True)
class XGBoostCox(_OfXGBoost):
    """Trees on Cox's loss; what they leave open, the baseline, is Breslow's.

    times, hazard : (k,) days of events and the cumulative baseline hazard there
    """

    prepared: Prepared
    booster: Any
    times: Floats
    hazard: Floats
    horizons: Floats

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> FittedSurvival:
        rows = learning_rows(XGBoostCox, outcomes)
        event, days = _cut(outcomes[rows], horizons)
        if not event.any():
            return KaplanMeier.fit(features, outcomes, horizons, categorical)

        import xgboost  # noqa: PLC0415 (optional, and slow to import)

        prepared, found = Prepared.fit(features[rows], categorical)
        data = xgboost.DMatrix(found, np.where(event, days, -days))
        booster = xgboost.train(_PARAMETERS | {"objective": "survival:cox", "base_score": 1.0}, data, _ROUNDS)
        times, hazard = breslow(event, days, booster.predict(data, output_margin=True))
        return XGBoostCox(prepared, booster, times, hazard, np.array(horizons, dtype=np.float64))

    def survival(self, features: Floats, times: Floats) -> Floats:
        import xgboost  # noqa: PLC0415

        log_risk = self.booster.predict(xgboost.DMatrix(self.prepared(features)), output_margin=True)
        baseline = steps(self.times, np.exp(-self.hazard)[None, :], times)
        left: Floats = baseline ** np.exp(np.clip(log_risk.astype(np.float64), -30, 30))[:, None]
        return left

    def predict(self, features: Floats) -> Floats:
        return 1.0 - self.survival(features, self.horizons)


def breslow(event: Bools, days: Floats, log_risk: Floats) -> tuple[Floats, Floats]:
    """Days of events and the cumulative baseline hazard there.

    Source : Breslow 1972

    >>> times, hazard = breslow(np.array([True, True]), np.array([1.0, 2.0]), np.zeros(2))
    >>> times.tolist(), hazard.tolist()
    ([1.0, 2.0], [0.5, 1.5])
    """
    times, seen = np.unique(days[event], return_counts=True)
    order = np.argsort(days)
    at_risk = np.cumsum(np.exp(log_risk.astype(np.float64))[order][::-1])[::-1]
    return times, np.cumsum(seen / at_risk[np.searchsorted(days[order], times, side="left")])


_DISTRIBUTIONS: dict[str, Any] = {"normal": stats.norm, "logistic": stats.logistic, "extreme": stats.gumbel_l}


@dataclass(frozen=True)
class XGBoostAFT(_OfXGBoost):
    """Trees on the log of the time, around which it is spread as one distribution with one scale.

    XGBoost leaves distribution and scale to the user; they are those of the highest likelihood without features.
    """

    prepared: Prepared
    booster: Any
    centre: float
    distribution: str
    scale: float
    horizons: Floats

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> FittedSurvival:
        rows = learning_rows(XGBoostAFT, outcomes)
        event, days = _cut(outcomes[rows], horizons)
        if not event.any():
            return KaplanMeier.fit(features, outcomes, horizons, categorical)

        import xgboost  # noqa: PLC0415 (optional, and slow to import)

        prepared, found = Prepared.fit(features[rows], categorical)
        distribution, centre, scale = spread(event, days)
        data = xgboost.DMatrix(
            found,
            label_lower_bound=days,
            label_upper_bound=np.where(event, days, np.inf),
            base_margin=np.full(len(rows), centre),
        )
        settings = {"aft_loss_distribution": distribution, "aft_loss_distribution_scale": scale}
        booster = xgboost.train(_PARAMETERS | {"objective": "survival:aft"} | settings, data, _ROUNDS)
        return XGBoostAFT(prepared, booster, centre, distribution, scale, np.array(horizons, dtype=np.float64))

    def survival(self, features: Floats, times: Floats) -> Floats:
        import xgboost  # noqa: PLC0415

        data = xgboost.DMatrix(self.prepared(features), base_margin=np.full(len(features), self.centre))
        log_days = self.booster.predict(data, output_margin=True).astype(np.float64)
        away = (np.log(np.maximum(times, 1e-9))[None, :] - log_days[:, None]) / self.scale
        left: Floats = _DISTRIBUTIONS[self.distribution].sf(away)
        return left

    def predict(self, features: Floats) -> Floats:
        return 1.0 - self.survival(features, self.horizons)


def spread(event: Bools, days: Floats) -> tuple[str, float, float]:
    """Distribution, centre and scale of log-times of the highest likelihood, censored ones counted as such."""
    log_days = np.log(days)
    best = ("normal", 0.0, 1.0)
    lowest = np.inf
    for name, distribution in _DISTRIBUTIONS.items():

        def loss(at: Floats, of: Any = distribution) -> float:
            away = (log_days - at[0]) / np.exp(at[1])
            return -float(np.where(event, of.logpdf(away) - at[1], of.logsf(away)).sum())

        found = optimize.minimize(loss, np.array([log_days.mean(), 0.5]), method="Nelder-Mead")
        if found.fun < lowest:
            lowest, best = found.fun, (name, float(found.x[0]), float(np.exp(found.x[1])))
    return best


def _cut(outcomes: Outcomes, horizons: tuple[int, ...]) -> tuple[Bools, Floats]:
    longest = float(max(horizons))
    return outcomes.within(longest), np.maximum(np.minimum(outcomes.duration, longest), 1e-6)
