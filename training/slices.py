"""Is the model as good for every kind of lead? Groups of test rows, each with its calibration and ranking.

A group's calibration is *poor* where the interval of predicted over observed excludes 1 after Holm's correction over
all groups, and the calibration error is also large: with many rows, a difference that nobody would notice is certain.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from data.log import Floats, Ints
from features.catalogue import FeatureSet
from training.comparison import holm, normal_p
from training.landmarks import Bools, Landmarks
from training.resampling import Resampling, interval

Texts = npt.NDArray[np.str_]

LARGE_ECE = 0.03
LARGE_SHARE = 0.2
"""A calibration error above this, or above this share of what was observed, is large."""
FEWEST_LEADS = 50
FEWEST_EVENTS = 5
_MOST_VALUES = 12
_PARTS = 4


def groups(feature_set: FeatureSet, features: Floats, pairs: Landmarks) -> dict[str, Texts]:
    """What a lead is -> (n,) the group of each row: traits, the latest act, the landmark day, ready or not.

    Rare categories go together, numbers are cut into four groups of equally many rows, a missing value is a group.
    """
    found: dict[str, Texts] = {"landmark day": np.array([f"day {day}" for day in pairs.day.tolist()])}
    if pairs.ready.any():
        found["readiness"] = np.where(pairs.ready, "accepted by sales", "not yet accepted")
    for place, (name, feature) in enumerate(zip(feature_set.names, feature_set.features, strict=True)):
        trait = name.startswith("trait__")
        if not trait and name not in ("recent_kind__1", "stage"):
            continue
        column = features[:, place]
        if feature_set.type_of(feature) == "category":
            groups_ = _categories(column, feature_set.categories(feature))
        else:
            groups_ = _parts(column)
        if len(np.unique(groups_)) > 1:
            found[name.removeprefix("trait__") if trait else {"recent_kind__1": "latest act"}.get(name, name)] = groups_
    return found


def _categories(codes: Floats, names: tuple[str, ...]) -> Texts:
    known = np.array(["other", *names, "missing"])
    code = np.where(np.isnan(codes), len(names) + 1, codes).astype(np.int64)
    seen = np.bincount(code, minlength=len(known))
    kept = np.argsort(-seen, kind="stable")[:_MOST_VALUES]
    found: Texts = known[np.where(np.isin(code, kept) | (code == len(names) + 1), code, 0)]
    return found


def _parts(values: Floats) -> Texts:
    known = values[~np.isnan(values)]
    if not len(known):
        return np.full(len(values), "missing")
    cuts = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1)))
    if len(cuts) == 1:
        return np.where(np.isnan(values), "missing", f"{cuts[0]:g}")
    names = [f"{low:,.6g} to {high:,.6g}" for low, high in pairwise(cuts)]
    place = np.clip(np.searchsorted(cuts, values, side="left") - 1, 0, len(names) - 1)
    return np.where(np.isnan(values), "missing", np.array(names)[place])


@dataclass(frozen=True)
class SliceRows:
    """Test rows of all folds: what is known of each, what was said, and what happened within the primary horizon."""

    groups: dict[str, Texts]
    person: Ints
    happened: Bools
    chance: Floats


def measure_slices(rows: SliceRows, *, draws: int = 200, seed: int = 7) -> pl.DataFrame:
    """One row a group, poorly calibrated ones first.

    Columns: slice, group, pairs, leads, events, predicted, observed, predicted_to_observed with low and high, auc with
    auc_low and auc_high, ece, p (Holm's; empty where there is too little to tell), poor
    """
    found = []
    for name, column in rows.groups.items():
        for group in np.unique(column):
            here = column == group
            draw = Resampling.of(rows.person[here], draws=draws, seed=seed)
            figures = draw.ranked(rows.happened[here], rows.chance[here])
            leads, events = draw.counts.shape[1], int(rows.happened[here].sum())
            expected = float(rows.chance[here].sum())
            told = leads >= FEWEST_LEADS and events >= FEWEST_EVENTS and expected >= FEWEST_EVENTS
            with np.errstate(divide="ignore", invalid="ignore"):
                p = normal_p(np.log(figures["predicted_to_observed"])) if told else float("nan")
            ratio, auc = interval(figures["predicted_to_observed"]), interval(figures["auc"])
            found.append(
                (name, str(group), int(here.sum()), leads, events, expected / int(here.sum()),
                 events / int(here.sum()), *ratio, *auc, float(figures["ece"][0]), p)
            )  # fmt: skip
    frame = pl.DataFrame(found, schema=_SCHEMA, orient="row")
    large = pl.col("ece") > pl.min_horizontal(LARGE_ECE, LARGE_SHARE * pl.col("observed"))
    return (
        frame.with_columns(p=pl.Series(holm(frame["p"].to_numpy())).fill_nan(None))
        .with_columns(poor=(pl.col("p") < 0.05).fill_null(value=False) & large)
        .sort("poor", descending=True, maintain_order=True)
    )


_SCHEMA = {
    "slice": pl.String, "group": pl.String, "pairs": pl.Int64, "leads": pl.Int64, "events": pl.Int64,
    "predicted": pl.Float64, "observed": pl.Float64, "predicted_to_observed": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "auc": pl.Float64, "auc_low": pl.Float64, "auc_high": pl.Float64, "ece": pl.Float64,
    "p": pl.Float64,
}  # fmt: skip
