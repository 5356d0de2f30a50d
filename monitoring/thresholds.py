"""How far may a chunk lie from the reference before it is news? Not a rule of thumb, but what chance makes.

At 50 rows the population stability index exceeds .2 by chance in two of five draws, at 5,000 almost never, and of 300
columns one always stands out. So two questions are asked for the chunk's own size and mix of landmark days:

*What does sampling alone do?* Chunks are drawn from the reference by lead, since landmarks of one lead are alike: each
drawn lead is born at a random moment, and those of its landmarks that fall into the chunk's days are in it. The other
side is drawn too, for the reference is a sample as well.

*What does this firm do by itself?* Weeks differ by season, mailing and campaign. The chunks that ended in each week
before the champion learned, held against the same reference, say by how much more than sampling a column wanders; a
column that wanders by itself is no news. Their own largest values bound what is news from below.

Each index is divided by one that is seldom exceeded, so that columns can be compared; the largest of all then has one
critical value, which an undisturbed chunk exceeds with chance `alpha`, however many columns there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from data.log import Floats, Ints
from monitoring import psi
from monitoring.psi import WIDTH, Places

SELDOM = 0.95
"""Columns are compared by the index that so large a share of chance's chunks stays below: where a value is rare, the
index is mostly small and now and then large, and its mean would say little of that."""
DRAWS = 400
"""Chunks drawn from the reference."""
STEP = 1.1
"""Chunks are drawn in sizes so many times one another; an index of the nearest size is scaled by what sampling
makes of the difference."""
LEAST_PAST = 8
"""With fewer past chunks than this, sampling alone sets the thresholds."""

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """(m,) rows that are resampled.

    places : (m, c) bins of each column, the score's last
    lead   : (m,) whose row it is, any number
    day    : (m,) landmark day
    """

    places: Places
    lead: Ints
    day: Ints


@dataclass(frozen=True)
class Compared:
    """One past chunk: (c,) indices, and the rows on either side."""

    psi: Floats
    rows: int
    reference: int


@dataclass(frozen=True)
class Thresholds:
    """When an index is news.

    usual  : (c,) the index of each column, the score's last, below which `SELDOM` of usual chunks stay
    column : how many times the usual one the largest of all columns but the score may be
    score  : the same for the score
    past   : past chunks that were looked at
    alpha  : share of usual chunks that exceed `column`, and `score`
    """

    usual: Floats
    column: float
    score: float
    past: int
    alpha: float

    def limits(self) -> Floats:
        """(c,) the index from which on each column, and last the score, is news."""
        found: Floats = self.usual * np.append(np.full(len(self.usual) - 1, self.column), self.score)
        return found


class Resampling:
    """Chunks drawn from a sample by lead, each held against a sample drawn from it too.

    What costs time is drawing and counting, which depend on a chunk by the number of its leads only. So it is done for
    sizes `STEP` apart, each landmark day by itself, and shared by all chunks that are asked about.
    """

    def __init__(self, sample: Sample, recent_days: int, *, seed: int, draws: int = DRAWS) -> None:
        """recent_days : how many days a chunk is long."""
        self.sample = sample
        self._recent, self._seed, self._draws = recent_days, seed, draws
        self._days = np.unique(sample.day)
        self._lead = np.unique(sample.lead, return_inverse=True)[1]
        self._order = np.argsort(self._lead, kind="stable")
        self._first = np.searchsorted(self._lead[self._order], np.arange(self._lead.max() + 2))
        shifted = sample.places + np.arange(sample.places.shape[1]) * WIDTH
        self._used, bins = np.unique(shifted, return_inverse=True)
        self._bins = bins.reshape(shifted.shape)
        self._counted: dict[int | None, tuple[Floats32, Floats32]] = {}

    def indices(self, day: Ints) -> Floats:
        """(draws, c) indices of chunks of this size and mix of landmark days.

        day : (n,) landmark days of the chunk, all of them in the sample
        """
        rows, span = len(self.sample.day), int(self.sample.day.max()) + self._recent
        a_row = (len(self._first) - 1) / rows * span / self._recent
        size = max(round(np.log(len(day) * a_row) / np.log(STEP)), 0)
        share = np.array([(day == one).mean() for one in self._days], dtype=np.float32)
        found = psi.index(self._mixed(None, share), self._mixed(size, share))
        told: Floats = found * (1 / len(day) + 1 / rows) / (a_row / STEP**size + 1 / rows)
        return told

    def _mixed(self, size: int | None, share: Floats32) -> Floats:
        """(draws, c, bins) of samples (size None) or of chunks, weighed to a mix of landmark days."""
        if size not in self._counted:
            self._counted[size] = self._count(self._samples() if size is None else self._chunks(size))
        counted, rows = self._counted[size]
        weight = np.where(rows > 0, share / np.maximum(rows, 1), 0)
        found = np.zeros((self._draws, self.sample.places.shape[1] * WIDTH))
        found[:, self._used] = np.einsum("kd,kdu->ku", weight, counted, optimize=True)
        return found.reshape(self._draws, -1, WIDTH)

    def _count(self, weight: Floats32) -> tuple[Floats32, Floats32]:
        """(draws, days, used bins) and (draws, days): weights of each bin, and of all rows, of each landmark day."""
        counted = np.empty((self._draws, len(self._days), len(self._used)), dtype=np.float32)
        rows = np.empty(counted.shape[:2], dtype=np.float32)
        for turn, day in enumerate(self._days):
            mine = np.flatnonzero(self.sample.day == day)
            there = np.zeros((len(mine), len(self._used)), dtype=np.float32)
            there[np.arange(len(mine))[:, None], self._bins[mine]] = 1.0
            counted[:, turn], rows[:, turn] = weight[:, mine] @ there, weight[:, mine].sum(axis=1)
        return counted, rows

    def _samples(self) -> Floats32:
        """(draws, m) how often each row is in samples of as many leads as there are."""
        rng, leads = np.random.default_rng(self._seed), len(self._first) - 1
        found = np.empty((self._draws, len(self._lead)), dtype=np.float32)
        for draw in range(self._draws):
            found[draw] = np.bincount(rng.integers(leads, size=leads), minlength=leads)[self._lead]
        return found

    def _chunks(self, size: int) -> Floats32:
        """(draws, m) how often each row is in chunks of ``STEP**size`` leads, each born at a random moment."""
        rng, day = np.random.default_rng((self._seed, size)), self.sample.day
        span = int(day.max()) + self._recent
        found = np.empty((self._draws, len(day)), dtype=np.float32)
        for draw in range(self._draws):
            who = rng.integers(len(self._first) - 1, size=round(STEP**size))
            rows, turn = _rows_of(who, self._first)
            rows, until = self._order[rows], (rng.random(len(who)) * span)[turn]
            inside = (day[rows] < until) & (day[rows] >= until - self._recent)
            found[draw] = np.bincount(rows[inside], minlength=len(day))
        return found


def calibrate(drawn: Resampling, day: Ints, past: Sequence[Compared], *, alpha: float) -> Thresholds:
    """Thresholds for a chunk with landmarks of these days.

    drawn : of the reference
    day   : (n,) landmark days of the chunk, all of them in the reference
    past  : chunks of the history before the champion learned
    alpha : in ]0; 1[
    """
    indices = drawn.indices(day)
    size = 1 / len(day) + 1 / len(drawn.sample.day)
    # At least what a column of two bins has: one that never varied, or has a rare value, has no scale of its own.
    mean = np.maximum(indices.mean(axis=0), size)
    chance = np.maximum(np.quantile(indices, SELDOM, axis=0), size * stats.chi2.ppf(SELDOM, 1))
    wander, column, score = np.ones_like(chance), *_critical(indices / chance, alpha)
    if len(past) >= LEAST_PAST:
        wandered = np.array([one.psi * size / (1 / one.rows + 1 / one.reference) for one in past])
        wander = np.maximum(1.0, wandered.mean(axis=0) / mean)
        scaled = wandered / chance
        largest = _far(scaled[:, :-1] / wander[:-1], alpha), _far(scaled[:, -1:] / wander[-1], alpha)
        column, score = max(column, largest[0]), max(score, largest[1])
    return Thresholds(chance * wander, column, score, len(past), alpha)


def _rows_of(who: Ints, first: Ints) -> tuple[Ints, Ints]:
    """Places of the rows of some leads in the order that `first` is of, and which of the leads each is of."""
    length = first[who + 1] - first[who]
    turn = np.repeat(np.arange(len(who)), length)
    begin = np.repeat(first[who] - np.append(0, np.cumsum(length)[:-1]), length)
    return begin + np.arange(len(turn)), turn


def _critical(standard: Floats, alpha: float) -> tuple[float, float]:
    """What the largest of all columns but the last, and the last, exceed with chance `alpha`."""
    most = standard[:, :-1].max(axis=1, initial=0.0)
    return float(np.quantile(most, 1 - alpha)), float(np.quantile(standard[:, -1], 1 - alpha))


def _far(standard: Floats, alpha: float) -> float:
    """What the largest of the columns of a usual chunk exceeds with chance `alpha`, from that of past ones.

    Past chunks overlap and are few, so that their quantiles end early: a log-normal tail goes on from them.
    """
    logs = np.log(np.maximum(standard.max(axis=1, initial=0.0), 1e-9))
    beyond = float(logs.mean() + stats.norm.ppf(1 - alpha) * logs.std(ddof=1))
    return float(np.exp(max(beyond, logs.max())))
