"""Public survival data of PyPI's SurvSet, ready for any model here: numbers, codes of categories, days, and horizons.

The rule by which sets are chosen looks at their size only, never at a result:

- one row a person (nothing changes in time), so that a row is a landmark;
- at least 500 persons, at least 100 events, at least five columns: fewer leave nothing to compare but noise;
- at most 10,000 persons, so that a survival forest fits into memory;
- the ten largest of these. The others may be learned from while the model is made (`others`), these never.

Columns that speak of what came after the beginning are left out: see `KNOWN_LATER`.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from SurvSet.data import SurvLoader

from data.log import Floats
from training.landmarks import Bools, Outcomes

PERSONS, EVENTS, COLUMNS = (500, 10_000), 100, 5
COUNT = 10

KNOWN_LATER = {
    "flchain": ("fac_chapter",),  # cause of death: empty for the living
    "support2": ("fac_sfdm2", "fac_dnr"),  # "<2 mo. follow-up": state after two months; orders given during the stay
}

DAYS = 1_000.0
"""The longest time of every set, whatever its unit: all that matters is the share of it."""


@dataclass(frozen=True)
class SurvivalSet:
    """One set.

    features    : (n, f) numbers and codes of categories, NaN where missing
    categorical : columns that hold codes
    duration    : (n,) days > 0 to the event or the end of follow-up
    event       : (n,) whether it was seen
    """

    name: str
    features: Floats
    categorical: list[int]
    duration: Floats
    event: Bools

    @property
    def outcomes(self) -> Outcomes:
        """The same for a hazard model: everybody enters at once."""
        return Outcomes(np.zeros(len(self.duration)), self.duration, self.event, self.duration)


def chosen() -> tuple[str, ...]:
    """Names of the ten sets of the benchmark, largest first."""
    return _largest()[:COUNT]


def others() -> tuple[str, ...]:
    """Names of sets that may be learned from while the model is made: any size from 400 on, none of the ten."""
    table = SurvLoader().df_ds
    static = table[~table["is_td"] & (table["n"] >= 400) & (table["n_fac"] + table["n_num"] < 500)]
    return tuple(name for name in static.sort_values("n")["ds"] if name not in chosen())


def _largest() -> tuple[str, ...]:
    table = SurvLoader().df_ds
    static = table[~table["is_td"] & table["n"].between(*PERSONS)].sort_values(["n", "ds"], ascending=[False, True])
    loaded = (load(name) for name in static["ds"])
    return tuple(one.name for one in loaded if one.event.sum() >= EVENTS and one.features.shape[1] >= COLUMNS)


def load(name: str) -> SurvivalSet:
    """Read a set of SurvSet by its name there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its files were written by an older numpy
        frame: pd.DataFrame = SurvLoader().load_dataset(name)["df"]
    duration = frame["time"].to_numpy(dtype=float)
    duration = np.maximum(duration, duration[duration > 0].min() / 2) * DAYS / duration.max()
    wanted = [c for c in frame if c not in ("pid", "event", "time") and c not in KNOWN_LATER.get(name, ())]
    columns = [_codes(frame[c]) if c.startswith("fac_") else frame[c].to_numpy(dtype=float) for c in wanted]
    categorical = [place for place, c in enumerate(wanted) if c.startswith("fac_")]
    return SurvivalSet(name, np.column_stack(columns), categorical, duration, frame["event"].to_numpy(dtype=bool))


def _codes(column: pd.Series) -> Floats:
    codes = pd.Categorical(column.astype(str).where(column.notna())).codes.astype(float)
    return np.where(codes < 0, np.nan, codes)
