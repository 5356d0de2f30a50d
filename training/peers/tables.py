"""The same answer for everyone: the base rate, and the Kaplan-Meier curve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from data.log import Floats
from training.landmarks import Outcomes


class _Plain:
    """Of a peer that needs nothing, and learns from every row."""

    library: ClassVar[str] = ""
    rows_at_most: ClassVar[int | None] = None
    columns: ClassVar[tuple[str, ...]] = ()
    knows_entry: ClassVar[bool] = True


@dataclass(frozen=True)
class BaseRate(_Plain):
    """The share that converted within each horizon among training landmarks followed so long."""

    rates: Floats
    curve: ClassVar[bool] = False

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
class KaplanMeier(_Plain):
    """The share still open after each day, whoever the lead is; censored and late-entering rows count while at risk.

    times : (k,) days of events, ascending
    left  : (k,) share that has not converted by then
    Source: Kaplan and Meier 1958; delayed entry as in Tsai, Jewell and Wang 1987
    """

    times: Floats
    left: Floats
    horizons: Floats
    curve: ClassVar[bool] = True

    @staticmethod
    def fit(_features: Floats, outcomes: Outcomes, horizons: tuple[int, ...], _categorical: list[int]) -> "KaplanMeier":
        times, events = np.unique(outcomes.duration[outcomes.event], return_counts=True)
        entered = np.searchsorted(np.sort(outcomes.entry), times, side="left")
        gone = np.searchsorted(np.sort(outcomes.duration), times, side="left")
        left = np.cumprod(1.0 - events / np.maximum(entered - gone, 1))
        return KaplanMeier(times, left, np.array(horizons, dtype=np.float64))

    def survival(self, features: Floats, times: Floats) -> Floats:
        return np.tile(steps(self.times, self.left[None, :], times), (len(features), 1))

    def predict(self, features: Floats) -> Floats:
        return 1.0 - self.survival(features, self.horizons)


def steps(known: Floats, left: Floats, times: Floats) -> Floats:
    """(n, t) values of (n, k) step functions that fall at k `known` days, 1 before the first of them.

    >>> steps(np.array([2.0, 5.0]), np.array([[0.9, 0.4]]), np.array([1.0, 2.0, 9.0])).tolist()
    [[1.0, 0.9, 0.4]]
    """
    place = np.searchsorted(known, times, side="right")
    return np.column_stack([np.ones(len(left)), left])[:, place]
