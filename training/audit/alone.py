"""What one column says of the outcome on its own: cross-validated discrimination, pure values, missing values.

A column is read as *codes*: 0 for missing, else the place of its value among `Coded.values`. Numbers of many values are
cut at their quantiles. All bounds are one-sided at 99 %, so that few rows prove nothing.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from data.log import Codes, Floats
from training.landmarks import Bools

FOLDS = 5
MANY_NUMBERS = 30
"""A number of more different values than this is a quantity; fewer are codes for something."""
LEAST = 20
"""Fewer rows than this of either outcome, or of a value: no verdict."""
_BINS = 32
_PRIOR = 5.0
_Z = 2.326


@dataclass(frozen=True)
class Coded:
    """One column of n rows.

    codes  : (n,) 0 where missing, else 1 + the place in `values`
    values : what the codes stand for, as text
    number : whether it is a quantity, cut at its quantiles
    text   : whether it is neither a quantity nor codes written as numbers
    """

    name: str
    codes: Codes
    values: tuple[str, ...]
    number: bool
    text: bool = False

    @staticmethod
    def of(column: pl.Series) -> "Coded":
        """Read a column of any type; NaN and empty text are missing.

        >>> Coded.of(pl.Series("size", ["big", None, "small", " "])).codes.tolist()
        [1, 0, 2, 0]
        """
        if column.dtype.is_numeric():
            column = column.cast(pl.Float64).fill_nan(None)
            if column.n_unique() > MANY_NUMBERS + 1:
                return _cut(column)
        text = column.cast(pl.String).str.strip_chars()
        text = pl.select(pl.when(text == "").then(None).otherwise(text).alias(column.name)).to_series()
        values = text.drop_nulls().unique().sort()
        place = text.replace_strict(values, pl.Series(range(1, len(values) + 1)), default=0, return_dtype=pl.Int32)
        return Coded(
            column.name, place.fill_null(0).to_numpy(), tuple(values), number=False, text=column.dtype == pl.String
        )

    @cached_property
    def rows(self) -> Floats:
        """(values + 1,) rows of each code."""
        return np.bincount(self.codes, minlength=len(self.values) + 1).astype(np.float64)

    def winners(self, won: Bools) -> Floats:
        """(values + 1,) rows of each code that converted."""
        return np.bincount(self.codes, won, minlength=len(self.values) + 1).astype(np.float64)


def _cut(column: pl.Series) -> Coded:
    numbers = column.to_numpy()
    known = ~np.isnan(numbers)
    cuts = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    codes = np.zeros(len(numbers), dtype=np.int32)
    codes[known] = 1 + np.searchsorted(cuts, numbers[known], side="right")
    names = tuple(f"from {low:g}" if np.isfinite(low) else "below" for low in (-np.inf, *cuts))
    return Coded(column.name, codes, names, number=True)


def discrimination(column: Coded, won: Bools, seed: int = 7) -> tuple[float, float]:
    """Cross-validated AUC of a column alone, and its lower bound.

    Each value is worth the share of winners among its rows in the other folds, drawn a little to the mean: so a name of
    one row tells nothing, and any shape of dependence counts.

    Source of the bound: Hanley and McNeil 1982

    >>> won = np.arange(1000) % 2 == 0
    >>> round(discrimination(Coded.of(pl.Series("told", won)), won)[0], 2)
    1.0
    """
    fold = np.random.default_rng(seed).integers(FOLDS, size=len(won))
    size = len(column.values) + 1
    cell = fold * size + column.codes
    rows = np.bincount(cell, minlength=FOLDS * size).reshape(FOLDS, size)
    hits = np.bincount(cell, won, minlength=FOLDS * size).reshape(FOLDS, size)
    other_rows, other_hits = rows.sum(axis=0) - rows, hits.sum(axis=0) - hits
    mean = other_hits.sum(axis=1, keepdims=True) / np.maximum(other_rows.sum(axis=1, keepdims=True), 1)
    worth = (other_hits + _PRIOR * mean) / (other_rows + _PRIOR) - mean  # each fold about its own mean
    auc = float(roc_auc_score(won, worth[fold, column.codes]))
    return auc, auc - _Z * _auc_error(auc, int(won.sum()), int((~won).sum()))


def _auc_error(auc: float, winners: int, others: int) -> float:
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (winners - 1) * (one - auc**2) + (others - 1) * (two - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (winners * others)))


def wilson(hits: Floats | float, rows: Floats | float) -> tuple[Floats, Floats]:
    """Bounds of a share, each of which it passes with 1 % chance (Wilson 1927).

    >>> [round(float(one), 2) for one in wilson(50.0, 50.0)]
    [0.9, 1.0]
    """
    rows = np.maximum(np.asarray(rows, dtype=np.float64), 1e-9)
    share = np.asarray(hits) / rows
    middle = share + _Z**2 / (2 * rows)
    spread = _Z * np.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    scale = 1 + _Z**2 / rows
    return (middle - spread) / scale, (middle + spread) / scale


def odds_ratio(share: Floats | float, base: float) -> Floats:
    """How many times the odds of `base` those of `share` are."""
    share = np.clip(np.asarray(share, dtype=np.float64), 1e-9, 1 - 1e-9)
    ratio: Floats = share / (1 - share) / (base / (1 - base))
    return ratio


@dataclass(frozen=True)
class Purity:
    """Of rows that have something in common: how nearly all of them came to the same end.

    outcome : True where that end is a conversion
    """

    rows: int
    outcome: bool
    share: float
    low: float
    ratio: float

    @staticmethod
    def of(mine: Bools, won: Bools) -> "Purity":
        """Of the rows `mine` among all."""
        rows, hits, base = int(mine.sum()), float((mine & won).sum()), float(won.mean())
        toward = hits / max(rows, 1) >= base
        hits, base = (hits, base) if toward else (rows - hits, 1 - base)
        low = float(wilson(hits, rows)[0])
        return Purity(rows, bool(toward), hits / max(rows, 1), low, float(odds_ratio(low, base)))
