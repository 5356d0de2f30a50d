"""Peers of scikit-survival: Cox, random survival forest, gradient-boosted survival.

They know no delayed entry, so rows that enter late are left out. Times are cut at the longest horizon and rounded up to
a grid of a hundred quantiles of the event times united with the horizons: no probability at a horizon changes, and a
forest keeps a hundred numbers a leaf, not one for each different time.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from data.log import Floats
from training.landmarks import Bools, Outcomes
from training.peers.preparation import Prepared
from training.peers.protocol import SEED, SLOW, FittedSurvival, learning_rows
from training.peers.tables import KaplanMeier, steps

_GRID = 100
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class _Curves:
    """A fitted model of scikit-survival with what stands around it."""

    prepared: Prepared
    model: Any
    horizons: Floats

    def survival(self, features: Floats, times: Floats) -> Floats:
        """(n, t) shares still open after each of t days; beyond the longest horizon the last known value."""
        found = np.ones((len(features), len(times)))
        for start in range(0, len(features), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            left = self.model.predict_survival_function(self.prepared(features[part]), return_array=True)
            found[part] = steps(self.model.unique_times_, left, times)
        return found

    def predict(self, features: Floats) -> Floats:
        return 1.0 - self.survival(features, self.horizons)


class _OfScikitSurvival:
    """What the three share; each says which estimator it is."""

    library: ClassVar[str] = "sksurv"
    rows_at_most: ClassVar[int | None] = SLOW
    columns: ClassVar[tuple[str, ...]] = ()
    curve: ClassVar[bool] = True
    knows_entry: ClassVar[bool] = False

    @classmethod
    def fit(
        cls, features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]
    ) -> FittedSurvival:
        rows = learning_rows(cls, outcomes)
        if not outcomes.within(max(horizons))[rows].any():
            return KaplanMeier.fit(features, outcomes, horizons, categorical)
        from sksurv.util import Surv  # noqa: PLC0415 (optional, and slow to import)

        prepared, found = Prepared.fit(features[rows], categorical)
        event, days = on_grid(outcomes[rows], horizons)
        model = cls._estimator(len(rows)).fit(found, Surv.from_arrays(event, days))
        return _Curves(prepared, model, np.array(horizons, dtype=np.float64))

    @classmethod
    def _estimator(cls, rows: int) -> Any:
        """What scikit-survival has for it, to learn from so many rows."""
        raise NotImplementedError


class Cox(_OfScikitSurvival):
    """Proportional hazards on all features with the same ridge penalty as the logistic regression.

    The solver of the elastic net is used, all but a thousandth of it ridge: Newton's method on some hundred columns
    takes minutes for the same coefficients.
    """

    rows_at_most: ClassVar[int | None] = None

    @classmethod
    def _estimator(cls, rows: int) -> Any:
        from sksurv.linear_model import CoxnetSurvivalAnalysis  # noqa: PLC0415 (optional, and slow to import)

        return CoxnetSurvivalAnalysis(
            l1_ratio=0.001, alphas=np.geomspace(10.0, 10.0 / rows, 30), fit_baseline_model=True, max_iter=100_000
        )


class RandomSurvivalForest(_OfScikitSurvival):
    """A hundred trees; leaves of at least fifteen rows, as its own examples take, on a sample of rows."""

    @classmethod
    def _estimator(cls, rows: int) -> Any:
        from sksurv.ensemble import RandomSurvivalForest as Forest  # noqa: PLC0415 (optional, and slow to import)

        return Forest(n_estimators=100, min_samples_split=10, min_samples_leaf=15, random_state=SEED)


class GradientBoostedSurvival(_OfScikitSurvival):
    """A hundred trees of depth three on Cox's loss, each on half of the rows, on a sample of rows."""

    @classmethod
    def _estimator(cls, rows: int) -> Any:
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis  # noqa: PLC0415 (optional, and slow to import)

        return GradientBoostingSurvivalAnalysis(
            n_estimators=100, learning_rate=0.1, max_depth=3, subsample=0.5, min_samples_leaf=10, random_state=SEED
        )


def on_grid(outcomes: Outcomes, horizons: tuple[int, ...]) -> tuple[Bools, Floats]:
    """(n,) whether the event was seen within the longest horizon, and days to it or to the end of follow-up.

    Days of events are rounded up to the grid and those of follow-up down, so that who was at risk stays so.

    >>> one = Outcomes(np.zeros(3), np.array([2.0, 9.0, 50.0]), np.array([True, False, True]), np.full(3, 60.0))
    >>> event, days = on_grid(one, (7, 30))
    >>> event.tolist(), days.tolist()
    ([True, False, False], [2.0, 9.0, 30.0])
    """
    longest = float(max(horizons))
    event, days = outcomes.within(longest), np.minimum(outcomes.duration, longest)
    inner = np.quantile(days[event], np.linspace(0, 1, _GRID)) if event.any() else np.empty(0)
    grid = np.union1d(inner, horizons)
    up = grid[np.minimum(np.searchsorted(grid, days, side="left"), len(grid) - 1)]
    return event, np.where(event, up, days)
