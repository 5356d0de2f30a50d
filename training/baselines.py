"""What any firm could do without us: the base rate, and a logistic regression on the same features.

In public cases of lead scoring, boosting has lost to logistic regression; so it always stands beside the model.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from data.log import Floats
from training.landmarks import Outcomes


class Baseline(Protocol):
    """Anything that gives (n, h) probabilities of (n, f) feature rows."""

    def predict(self, features: Floats) -> Floats: ...


@dataclass(frozen=True)
class BaseRate:
    """The share that converted within each horizon among training landmarks followed so long."""

    rates: Floats

    @staticmethod
    def fit(_features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], _categorical: list[int]) -> "BaseRate":
        rates = []
        for days in horizons:
            followed = outcomes.settled(days)
            rates.append(float(outcomes.within(days)[followed].mean()) if followed.any() else 0.0)
        return BaseRate(np.maximum.accumulate(np.clip(rates, 1e-6, 1 - 1e-6)))

    def predict(self, features: Floats) -> Floats:
        return np.tile(self.rates, (len(features), 1))


@dataclass(frozen=True)
class Logistic:
    """One logistic regression a horizon, each on the training landmarks followed so long.

    A horizon at which nobody followed so long converted (a young log) repeats the shorter one.

    Missing numbers get their mean and a flag, numbers are scaled, categories become flags; the penalty is ten times
    scikit-learn's default, which served it better on every log tried.
    """

    models: tuple[Any, ...]

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> "Logistic":
        models: list[Any] = []
        for days in horizons:
            followed = outcomes.settled(days)
            happened = outcomes.within(days)[followed]
            if not happened.any() or happened.all():
                models.append(models[-1] if models else BaseRate.fit(features, outcomes, (days,), []))
                continue
            models.append(_pipeline(features.shape[1], categorical).fit(features[followed], happened))
        return Logistic(tuple(models))

    def predict(self, features: Floats) -> Floats:
        return np.column_stack(
            [
                model.predict(features)[:, 0] if isinstance(model, BaseRate) else model.predict_proba(features)[:, 1]
                for model in self.models
            ]
        )


def _pipeline(columns: int, categorical: list[int]) -> Any:
    numbers = [column for column in range(columns) if column not in set(categorical)]
    as_numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    as_flags = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", min_frequency=20),
    )
    parts = [("numbers", as_numbers, numbers), ("categories", as_flags, categorical)]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression(C=0.1, max_iter=2000))


BASELINES: dict[str, Any] = {"logistic regression": Logistic, "base rate": BaseRate}
