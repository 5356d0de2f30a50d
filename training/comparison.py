"""Is this model better than another, or is it chance? Differences on the same rows, under the same draws of leads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import stats

from data.log import Floats
from training.resampling import Resampling, interval

if TYPE_CHECKING:
    from training.evaluate import Judged

COMPARED = {"auc": 1.0, "log_loss": -1.0}
"""Measures that are compared, and whether more or less of them is better."""
LEVEL = 0.05


def normal_p(draws: Floats) -> float:
    """Two-sided p-value of a figure being 0, from the spread of its bootstrap draws, taken as normal.

    Counting draws on either side of 0 cannot go below one in their number, which no correction for many comparisons
    survives; the spread can.

    draws : (1 + draws,) the figure itself first
    """
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(draws[0]) or len(drawn) < 2:
        return float("nan")
    spread = float(drawn.std(ddof=1))
    if spread == 0:
        return 1.0 if draws[0] == 0 else 0.0
    return float(2 * stats.norm.sf(abs(draws[0]) / spread))


def holm(p: Floats) -> Floats:
    """(n,) p-values corrected for being n; NaN is no comparison and stays.

    Source : Holm 1979

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    found = np.full(len(p), np.nan)
    found[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return found


def compare(folds: "Sequence[Judged]", ours: str, *, draws: int = 200, seed: int = 7) -> pl.DataFrame:
    """One row a peer, horizon and measure: ours minus the peer's, the mean over the folds.

    Each fold is measured by itself, as a model that was right about ranks need not have been as optimistic a month
    before; a lead that is judged in several folds is drawn in all of them or in none.

    Columns: peer, horizon, metric, ours, theirs, difference, low, high (95 %), p (Holm's, over the whole table),
    verdict ("better", "worse", "not to be told apart")
    """
    draw = Resampling.of(np.concatenate([fold.person for fold in folds]), draws=draws, seed=seed)
    of_fold = np.repeat(np.arange(len(folds)), [len(fold.person) for fold in folds])
    drawn = [draw[of_fold == place] for place in range(len(folds))]
    names = [name for name in folds[0].probability if all(name in fold.probability for fold in folds)]
    rows = []
    for place, days in enumerate(folds[0].horizons):
        found = {name: _mean_over_folds(folds, drawn, name, place, days) for name in names}
        for name in names:
            for metric in COMPARED if name != ours else ():
                mine, theirs = found[ours][metric], found[name][metric]
                p = normal_p(mine - theirs)
                rows.append((name, days, metric, float(mine[0]), float(theirs[0]), *interval(mine - theirs), p))
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    signs = frame["metric"].replace_strict(COMPARED, return_dtype=pl.Float64)
    return frame.with_columns(p=pl.Series(holm(frame["p"].to_numpy()), dtype=pl.Float64)).with_columns(
        verdict=pl.when(~(pl.col("p") < LEVEL))
        .then(pl.lit("not to be told apart"))
        .when(pl.col("difference") * signs > 0)
        .then(pl.lit("better"))
        .otherwise(pl.lit("worse"))
    )


def _mean_over_folds(
    folds: "Sequence[Judged]", drawn: list[Resampling], name: str, place: int, days: int
) -> dict[str, Floats]:
    found = [
        own.ranked(fold.outcomes.within(days), fold.probability[name][:, place])
        for fold, own in zip(folds, drawn, strict=True)
    ]
    return {metric: np.mean([figures[metric] for figures in found], axis=0) for metric in COMPARED}


_SCHEMA = {
    "peer": pl.String, "horizon": pl.Int64, "metric": pl.String, "ours": pl.Float64, "theirs": pl.Float64,
    "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p": pl.Float64,
}  # fmt: skip
