"""One classifier a horizon: logistic regression, and the naive Bayes that sales software ships.

Each learns from the training landmarks followed so long; an open lead is no negative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from data.log import Floats, Ints
from training.cohort import case_cohort
from training.landmarks import Bools, Outcomes
from training.peers.preparation import preparation
from training.peers.protocol import MANY, SEED
from training.peers.tables import BaseRate

Chance = Callable[[Floats], Floats]
_AT_ONCE = 1 << 14
"""Rows asked at a time: prepared for a classifier they are several times as large."""


class _OnSettled:
    library: ClassVar[str] = ""
    rows_at_most: ClassVar[int | None] = None
    curve: ClassVar[bool] = False
    knows_entry: ClassVar[bool] = False


def _a_horizon_each(
    features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], learn: Callable[[Ints, Bools], Chance]
) -> tuple[Chance, ...]:
    """A horizon at which nobody followed so long converted (a young log) repeats the shorter one.

    learn : is told the places of the rows followed so long, and which of them converted
    """
    models: list[Chance] = []
    for days in horizons:
        followed = np.flatnonzero(outcomes.settled(days))
        happened = outcomes.within(days)[followed]
        if happened.any() and not happened.all():
            models.append(learn(followed, happened))
        else:
            models.append(models[-1] if models else _same_for_all(BaseRate.fit(features, outcomes, (days,), [])))
    return tuple(models)


def _same_for_all(rate: BaseRate) -> Chance:
    return lambda features: rate.predict(features)[:, 0]


def _side_by_side(models: tuple[Chance, ...], features: Floats) -> Floats:
    """Models of one horizon know nothing of each other: where they cross, the longer one is lifted."""
    parts = [features[start : start + _AT_ONCE] for start in range(0, max(len(features), 1), _AT_ONCE)]
    found = np.concatenate([np.column_stack([chance(part) for chance in models]) for part in parts])
    return np.maximum.accumulate(found, axis=1)


@dataclass(frozen=True)
class Logistic(_OnSettled):
    """Logistic regression on all features; the penalty is ten times scikit-learn's default, which served it better on
    every log tried.
    """

    models: tuple[Chance, ...]
    rows_at_most: ClassVar[int | None] = MANY
    columns: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> "Logistic":
        def learn(followed: Ints, happened: Bools) -> Chance:
            few = case_cohort(happened, SEED, cohort=MANY, cases=MANY)
            model: Any = make_pipeline(
                preparation(features.shape[1], categorical), LogisticRegression(C=0.1, max_iter=2000)
            )
            rows = features[followed[few.rows]].astype(np.float32)  # half the time; its solver stops far earlier anyway
            model.fit(rows, happened[few.rows], logisticregression__sample_weight=few.weight)
            return lambda asked: np.asarray(model.predict_proba(asked.astype(np.float32))[:, 1], dtype=np.float64)

        return Logistic(_a_horizon_each(features, outcomes, horizons, learn))

    def predict(self, features: Floats) -> Floats:
        return _side_by_side(self.models, features)


@dataclass(frozen=True)
class NaiveBayes(_OnSettled):
    """Frequencies of traits and of the stage, multiplied as if they were independent; so sales software scores leads.

    Numbers are cut into five bands of equally many rows, a missing value is a band of its own, and every frequency is
    drawn towards the overall rate as if ten more rows had been seen.

    Source: the method of Odoo's predictive lead scoring, with bands for numbers
    """

    models: tuple[Chance, ...]
    columns: ClassVar[tuple[str, ...]] = ("trait__", "stage", "recent_kind__1", "age")

    @staticmethod
    def fit(features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], categorical: list[int]) -> "NaiveBayes":
        def learn(followed: Ints, happened: Bools) -> Chance:
            return _Frequencies.fit(features[followed], happened, set(categorical)).chance

        return NaiveBayes(_a_horizon_each(features, outcomes, horizons, learn))

    def predict(self, features: Floats) -> Floats:
        return _side_by_side(self.models, features)


_BANDS = np.array([0.2, 0.4, 0.6, 0.8])
_ADDED_ROWS = 10.0


@dataclass(frozen=True)
class _Frequencies:
    """Log-odds of each value of each column against the overall log-odds.

    cuts    : of each column, where values are cut; the values themselves for a category
    weights : of each column, what each band adds; the last is for missing and never seen
    """

    prior: float
    cuts: tuple[Floats, ...]
    categorical: frozenset[int]
    weights: tuple[Floats, ...]

    @staticmethod
    def fit(rows: Floats, happened: Bools, categorical: set[int]) -> "_Frequencies":
        share = happened.mean()
        cuts, weights = [], []
        for place in range(rows.shape[1]):
            column = rows[:, place]
            known = column[~np.isnan(column)]
            cut = np.unique(known if place in categorical else np.quantile(known, _BANDS) if len(known) else known)
            band = _band(column, cut, place in categorical)
            seen = np.bincount(band, minlength=len(cut) + 2)
            won = np.bincount(band, happened, minlength=len(cut) + 2)
            rate = (won + _ADDED_ROWS * share) / (seen + _ADDED_ROWS)
            cuts.append(cut)
            weights.append(np.log(rate / (1 - rate)) - np.log(share / (1 - share)))
        return _Frequencies(float(np.log(share / (1 - share))), tuple(cuts), frozenset(categorical), tuple(weights))

    def chance(self, rows: Floats) -> Floats:
        log_odds = np.full(len(rows), self.prior)
        for place, (cut, weight) in enumerate(zip(self.cuts, self.weights, strict=True)):
            log_odds += weight[_band(rows[:, place], cut, place in self.categorical)]
        chance: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
        return chance


def _band(column: Floats, cut: Floats, category: bool) -> Ints:
    """(n,) place of each value among the cuts; the place after all others for what is missing or never seen."""
    place = np.searchsorted(cut, column, side="left" if category else "right")
    other = np.isnan(column)
    if category:
        other |= cut[np.minimum(place, max(len(cut) - 1, 0))] != column if len(cut) else True
    return np.where(other, len(cut) + 1, place).astype(np.int64)
