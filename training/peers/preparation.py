"""One preparation for every peer that cannot read a feature table as it is: no gaps, no codes, one scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from data.log import Floats

RAREST = 20
"""A category of fewer rows goes with the other rare ones."""
FURTHEST = 3.0
"""Standard deviations from the mean beyond which a number counts as just so far."""


def preparation(columns: int, categorical: list[int]) -> Any:
    """Missing numbers get their mean and a flag, numbers are scaled, categories become flags; not yet fitted.

    Numbers further than three standard deviations from the mean count as just so far: a line drawn through a young log
    would otherwise run off wherever leads are older than any it was fitted on. It made these peers better.
    """
    numbers = [column for column in range(columns) if column not in set(categorical)]
    as_numbers = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True, copy=False),
        StandardScaler(copy=False),
        FunctionTransformer(_within),
    )
    as_flags = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", min_frequency=RAREST, sparse_output=False, dtype=np.float32),
    )
    parts = [("numbers", as_numbers, numbers), ("categories", as_flags, categorical)]
    return ColumnTransformer(parts, sparse_threshold=0)


def _within(scaled: Floats) -> Floats:
    """In place, as the steps before: ColumnTransformer hands each its own copy of the columns."""
    return np.clip(scaled, -FURTHEST, FURTHEST, out=scaled)


@dataclass(frozen=True)
class Prepared:
    """A fitted preparation, and which of its columns tell training rows apart: a constant can teach nothing."""

    transformer: Any
    kept: Any

    @staticmethod
    def fit(features: Floats, categorical: list[int]) -> tuple["Prepared", Floats]:
        """The preparation, and (n, p) prepared training rows."""
        transformer = preparation(features.shape[1], categorical)
        found = np.asarray(transformer.fit_transform(features))
        kept = np.flatnonzero(found.max(axis=0) > found.min(axis=0))
        return Prepared(transformer, kept), found[:, kept]

    def __call__(self, features: Floats) -> Floats:
        prepared: Floats = np.asarray(self.transformer.transform(features))[:, self.kept]
        return prepared
