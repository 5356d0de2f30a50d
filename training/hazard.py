"""Whether and when, from one curve: a discrete-time hazard learned by LightGBM on person-period rows.

Time after ``as_of`` is cut into bins; within a bin the hazard of a lead is constant, so its cumulative hazard is
linear (the piecewise exponential model). The likelihood of such data equals that of independent Poisson counts with
mean ``rate * exposure`` (Holford 1980; Laird and Olivier 1981), one row for each lead and bin at risk. So each row
carries exactly its days at risk, also where follow-up begins late, ends early or an event cuts it short, and the
trees learn the log of each lead's rate against the average rate of its bin.

Columns that count days since something (`features.catalogue.FeatureSet.clocks`) go on counting: in a row of a bin they
stand as they will in its middle if nothing happens. So a hazard can follow the days since an offer or the age of a lead
as well as the days since it was scored, the several time scales of survival analysis.

A worked example: edges 0, 7, 30; a lead won on day 10. Its rows are (bin 0, exposure 7, no event) and
(bin 1, exposure 3, event).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np

from data.log import Floats, Ints
from training.forest import Curve, forest_of
from training.landmarks import Outcomes

LARGEST_LOG_RATIO = 13.8
"""How far a lead's log rate may lie from its bin's: a factor of a million either way."""

PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "poisson_max_delta_step": 0.1,
    "learning_rate": 0.1,
    "num_leaves": 7,
    "min_child_samples": 50,
    "lambda_l2": 100.0,  # in expected events: a leaf of a hundred believes half of what it saw
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "max_cat_threshold": 16,
    "boost_from_average": False,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
EVENT_FREE = 120_000
"""So many rows without an event are learned from at most; all with one are. Chosen by chance, each then counts for
those left out, so what is learned is the same on average, and training time stops growing with the firm."""
ROUNDS = 125
"""Trees up to a thousand events; of more there is more to learn, so their number grows, up to twice as many."""
BINS = 12
BINNED = 50_000
"""From so many rows LightGBM chooses the limits of its histograms' bins; each is copied twice in Python."""
_AS_SHIPPED: Mapping[str, Any] = {}


Directions = tuple[int, ...]
"""For each feature 1 (may only rise with it), -1 (may only fall) or 0 (free)."""


def constraints(directions: Directions) -> dict[str, Any]:
    """What LightGBM needs to hold directions; nothing where all are free."""
    if not any(directions):
        return {}
    # of LightGBM's three methods "basic" forbids more than is asked for, and "advanced" costs most
    return {"monotone_constraints": list(directions), "monotone_constraints_method": "intermediate"}


@dataclass(frozen=True)
class PersonPeriods:
    """(rows,) one row for each pair and bin in which it was at risk.

    pair     : place of the pair
    bin      : place of the bin
    exposure : days at risk in the bin, > 0
    event    : 1.0 where the event fell into the bin
    """

    pair: Ints
    bin: Ints
    exposure: Floats
    event: Floats

    def __getitem__(self, rows: Ints) -> "PersonPeriods":
        return PersonPeriods(self.pair[rows], self.bin[rows], self.exposure[rows], self.event[rows])

    def __len__(self) -> int:
        return len(self.pair)


def choose_edges(outcomes: Outcomes, horizons: tuple[int, ...], bins: int = BINS) -> Floats:
    """(m + 1,) bin edges in days: 0, quantiles of the times of events, and every horizon; the last is the longest.

    A quantile so near to a horizon (2 %) that its bin would be nearly empty is left out.

    >>> days = np.array([1.0, 2.0, 10.0, 40.0])
    >>> one = Outcomes(np.zeros(4), days, np.array([True, True, True, False]), np.full(4, 40.0))
    >>> choose_edges(one, (7, 30), bins=2).tolist()
    [0.0, 2.0, 7.0, 30.0]
    """
    fixed = np.array([0.0, *sorted(horizons)])
    times = outcomes.duration[outcomes.within(fixed[-1])]
    inner = np.round(np.quantile(times, np.linspace(0, 1, bins + 1)[1:-1]), 3) if len(times) else np.empty(0)
    apart = np.abs(inner[:, None] - fixed).min(axis=1) > 0.02 * inner + 0.01
    return np.unique(np.concatenate([fixed, inner[apart & (inner < fixed[-1])]]))


def rounds_for(events: int) -> int:
    """How many trees so many person-period rows with an event can bear: as their cube root, within bounds.

    >>> rounds_for(500), rounds_for(2_000), rounds_for(1_000_000)
    (125, 157, 250)
    """
    many = min(max(float(np.cbrt(events / 1_000)), 1.0), 2.0)
    return round(ROUNDS * many)


def middles(edges: Floats) -> Floats:
    """(m,) days from 0 to the middle of each bin."""
    found: Floats = (edges[:-1] + edges[1:]) / 2
    return found


def person_periods(outcomes: Outcomes, edges: Floats) -> PersonPeriods:
    """Cut each pair's time at risk, from entry to the event or the end of follow-up, at the edges."""
    low, high = edges[:-1], edges[1:]
    exposure = np.minimum(outcomes.duration[:, None], high) - np.maximum(outcomes.entry[:, None], low)
    pair, place = np.nonzero(exposure > 0)
    ends_here = (outcomes.duration[pair] > low[place]) & (outcomes.duration[pair] <= high[place])
    return PersonPeriods(pair, place, exposure[pair, place], (outcomes.event[pair] & ends_here).astype(np.float64))


def baseline_rates(periods: PersonPeriods, weight: Floats, bins: int) -> Floats:
    """(m,) events a day at risk in each bin, drawn half an event towards the overall rate so that none is zero.

    weight : (rows,) how much each row counts
    """
    events = np.bincount(periods.bin, periods.event * weight, bins)
    days = np.bincount(periods.bin, periods.exposure * weight, bins)
    overall = events.sum() / days.sum()
    rates: Floats = (events + 0.5) / (days + 0.5 / overall)
    return rates


def sampled(periods: PersonPeriods, weight: Floats, most: int, seed: int) -> tuple[PersonPeriods, Floats]:
    """All rows with an event and at most `most` without, whose weights are raised by as much as fewer they became.

    A row without an event says only how much rate times exposure was survived; the weighted sum of a random part is
    that of all, without bias (case-cohort sampling; Prentice 1986, weighted as by Kalbfleisch and Lawless 1988).

    >>> periods = PersonPeriods(np.arange(9), np.zeros(9, dtype=int), np.ones(9), np.eye(9)[0])
    >>> few, weight = sampled(periods, np.ones(9), most=4, seed=7)
    >>> few.event.tolist(), weight.tolist()
    ([1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 2.0, 2.0, 2.0])
    """
    free = np.flatnonzero(periods.event == 0)
    if len(free) <= most:
        return periods, weight
    kept = np.random.default_rng(seed).choice(free, most, replace=False)
    weight = weight.copy()
    weight[kept] *= len(free) / most
    rows = np.sort(np.concatenate([kept, np.flatnonzero(periods.event > 0)]))
    return periods[rows], weight[rows]


class _Rows(lgb.Sequence):
    """Person-period rows made as LightGBM asks for them: the whole table never stands in memory.

    clocks : columns that go on counting
    passed : (m,) days from the landmark to the middle of each bin
    """

    batch_size = 16_384

    def __init__(self, features: Floats, periods: PersonPeriods, clocks: tuple[int, ...], passed: Floats) -> None:
        self._features, self._periods, self._clocks, self._passed = features, periods, list(clocks), passed
        self._start, self._block = -1, np.empty((0, 0))

    def __getitem__(self, rows: Any) -> Floats:
        if isinstance(rows, slice):
            return self._made(rows)
        start = int(rows) - int(rows) % self.batch_size  # single rows are asked for in ascending order, and many
        if start != self._start:
            self._start, self._block = start, self._made(slice(start, start + self.batch_size))
        found: Floats = self._block[int(rows) - start]
        return found

    def _made(self, rows: slice) -> Floats:
        place = self._periods.bin[rows]
        found = np.column_stack([self._features[self._periods.pair[rows]], place])
        found[:, self._clocks] += self._passed[place][:, None]
        return found

    def __len__(self) -> int:
        return len(self._periods.pair)


def log_odds(hazard: Floats) -> Floats:
    """Log-odds of the event from its cumulative hazard, within what LightGBM and float64 can tell apart."""
    hazard = np.maximum(hazard, 1e-12)
    found: Floats = np.clip(hazard + np.log(-np.expm1(-hazard)), -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    return found


@dataclass(frozen=True)
class HazardModel:
    """Cumulative hazards at `edges` from features.

    edges : (m + 1,) days, the first 0
    rates : (m,) average events a day in each bin; LightGBM does not keep the offset it was trained with
    booster : log of the rate against the average, from the features and the number of the bin
    clocks : places of the features that go on counting from bin to bin
    """

    edges: Floats
    rates: Floats
    booster: lgb.Booster
    clocks: tuple[int, ...] = ()

    @staticmethod
    def fit(
        features: Floats,
        outcomes: Outcomes,
        horizons: tuple[int, ...],
        *,
        categorical: list[int] | None = None,
        clocks: Sequence[int] = (),
        seed: int = 7,
        threads: int = 2,
        weight: Floats | None = None,
        monotone: Directions = (),
        event_free: int | None = None,
        settings: Mapping[str, Any] = _AS_SHIPPED,
    ) -> "HazardModel":
        """Learn from (n, f) features and n outcomes; the same input gives the same bytes.

        clocks     : places of the columns that count days since something
        weight     : (n,) how much each pair counts, > 0; all alike where None
        monotone   : (f,) for each feature 1 where the hazard may only rise with it, -1 where it may only fall, else 0;
                     empty for none
        event_free : rows without an event that are learned from at most; None stands for `EVENT_FREE`
        settings   : what is to differ from `PARAMETERS`, `rounds_for` and `BINS`
        """
        chosen = {**PARAMETERS, "rounds": None, "bins": BINS, **settings}
        rounds, bins = chosen.pop("rounds"), chosen.pop("bins")
        chosen |= constraints((*monotone, 0) if monotone else ()) | {"seed": seed, "num_threads": threads}
        edges = choose_edges(outcomes, horizons, bins)
        every = person_periods(outcomes, edges)
        each = np.ones(len(every)) if weight is None else weight[every.pair]
        rates = baseline_rates(every, each, len(edges) - 1)
        rounds = rounds or rounds_for(int(every.event.sum()))
        periods, each = sampled(every, each, event_free or EVENT_FREE, seed)
        data = lgb.Dataset(
            _Rows(features, periods, tuple(clocks), middles(edges)),
            label=periods.event,
            init_score=np.log(rates[periods.bin] * periods.exposure),
            weight=each,
            categorical_feature=categorical or [],
            params={"verbosity": -1, "bin_construct_sample_cnt": BINNED},
        )
        return HazardModel(edges, rates, lgb.train(chosen, data, rounds), tuple(clocks))

    def cumulative(self, features: Floats, threads: int = 1) -> Floats:
        """(n, m + 1) cumulative hazard of each row at each edge; 0 at the first, never falling."""
        ratio = np.clip(self._log_ratio(features, threads), -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        out = np.zeros((len(features), len(self.edges)))
        np.cumsum(self.rates * np.diff(self.edges) * np.exp(ratio), axis=1, out=out[:, 1:])
        return out

    @cached_property
    def _log_ratio(self) -> Curve:
        return Curve(forest_of(self.booster), len(self.rates), self.clocks, middles(self.edges))
