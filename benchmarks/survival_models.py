"""The models of `benchmarks.quality`, behind one protocol (`training.peers`): ours as it is shipped, and the peers.

Nothing is tuned for a set. Peers that a backtest gives a sample of rows, since they are slow, learn from all rows here.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from lifelines import WeibullAFTFitter

from data.log import Floats
from training.hazard import HazardModel
from training.landmarks import Outcomes
from training.peers import PEERS
from training.peers.preparation import Prepared
from training.peers.protocol import FittedSurvival
from training.peers.survival import GradientBoostedSurvival, RandomSurvivalForest

OURS = "veraison"
KAPLAN_MEIER, COX, FOREST, BOOSTED = "Kaplan-Meier", "Cox", "random survival forest", "gradient-boosted survival"
XGB_COX, XGB_AFT, WEIBULL = "XGBoost Cox", "XGBoost AFT", "lifelines Weibull AFT"


@dataclass(frozen=True)
class Ours:
    """The hazard model with its defaults."""

    model: HazardModel

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[Any, ...], categorical: list[int]) -> "Ours":
        return Ours(HazardModel.fit(features, outcomes, horizons, categorical=categorical, threads=1))

    def survival(self, features: Floats, times: Floats) -> Floats:
        cumulative = self.model.cumulative(features)
        return np.exp(-np.array([np.interp(times, self.model.edges, row) for row in cumulative]))


@dataclass(frozen=True)
class Weibull:
    """Lifelines' accelerated failure time with a light ridge penalty; its own solver, its own likelihood."""

    library: ClassVar[str] = "lifelines"
    prepared: Prepared
    model: Any

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[Any, ...], categorical: list[int]) -> "Weibull":
        longest = float(max(horizons))
        prepared, found = Prepared.fit(features, categorical)
        frame = pd.DataFrame(found, columns=[f"x{place}" for place in range(found.shape[1])])
        frame["days"], frame["event"] = np.minimum(outcomes.duration, longest), outcomes.within(longest)
        return Weibull(prepared, WeibullAFTFitter(penalizer=0.01).fit(frame, "days", "event"))

    def survival(self, features: Floats, times: Floats) -> Floats:
        found = self.prepared(features)
        frame = pd.DataFrame(found, columns=[f"x{place}" for place in range(found.shape[1])])
        left: Floats = self.model.predict_survival_function(frame, times=times).to_numpy().T
        return left


MODELS: dict[str, Any] = {
    OURS: Ours,
    **{name: PEERS[name] for name in (KAPLAN_MEIER, COX, FOREST, BOOSTED, XGB_COX, XGB_AFT)},
    WEIBULL: Weibull,
}


def fit(
    name: str, features: Floats, outcomes: Outcomes, horizons: tuple[Any, ...], columns: list[int]
) -> FittedSurvival:
    """Learn the model of a name from (n, f) features and n outcomes, all rows of them."""
    for slow in (RandomSurvivalForest, GradientBoostedSurvival):
        slow.rows_at_most = None
    fitted: FittedSurvival = MODELS[name].fit(features, outcomes, horizons, columns)
    return fitted
