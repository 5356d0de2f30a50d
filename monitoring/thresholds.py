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
LEAST_PAST = 8
"""With fewer past chunks than this, sampling alone sets the thresholds."""


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


def calibrate(
    sample: Sample, day: Ints, recent_days: int, past: list[Compared], *, alpha: float, seed: int, draws: int = DRAWS
) -> Thresholds:
    """Thresholds for a chunk with landmarks of these days.

    day         : (n,) landmark days of the chunk, all of them in the sample
    recent_days : how many days the chunk is long
    past        : chunks of the history before the champion learned
    alpha       : in ]0; 1[
    """
    drawn = resampled(sample, day, recent_days, draws=draws, seed=seed)
    size = 1 / len(day) + 1 / len(sample.day)
    # At least what a column of two bins has: one that never varied, or has a rare value, has no scale of its own.
    mean = np.maximum(drawn.mean(axis=0), size)
    chance = np.maximum(np.quantile(drawn, SELDOM, axis=0), size * stats.chi2.ppf(SELDOM, 1))
    wander, column, score = np.ones_like(chance), *_critical(drawn / chance, alpha)
    if len(past) >= LEAST_PAST:
        indices = np.array([one.psi * size / (1 / one.rows + 1 / one.reference) for one in past])
        wander = np.maximum(1.0, indices.mean(axis=0) / mean)
        scaled = indices / chance
        largest = _far(scaled[:, :-1] / wander[:-1], alpha), _far(scaled[:, -1:] / wander[-1], alpha)
        column, score = max(column, largest[0]), max(score, largest[1])
    return Thresholds(chance * wander, column, score, len(past), alpha)


def resampled(sample: Sample, day: Ints, recent_days: int, *, draws: int, seed: int) -> Floats:
    """(draws, c) indices of chunks drawn from the sample, against samples drawn from it too."""
    rng = np.random.default_rng(seed)
    lead = np.unique(sample.lead, return_inverse=True)[1]
    order = np.argsort(lead, kind="stable")
    first = np.searchsorted(lead[order], np.arange(lead.max() + 2))
    span = int(sample.day.max()) + recent_days
    wanted = round(len(day) * len(first[:-1]) / len(lead) * span / recent_days)
    chunk, other = (np.empty((draws, len(lead)), dtype=np.float32) for _ in range(2))
    for draw in range(draws):
        who = rng.integers(len(first) - 1, size=max(wanted, 1))
        rows, turn = _rows_of(who, first)
        rows, until = order[rows], (rng.random(len(who)) * span)[turn]
        inside = (sample.day[rows] < until) & (sample.day[rows] >= until - recent_days)
        chunk[draw] = np.bincount(rows[inside], minlength=len(lead))
        whole = np.bincount(rng.integers(len(first) - 1, size=len(first) - 1), minlength=len(first) - 1)
        other[draw] = whole[lead]
    for weight, total in ((chunk, len(day)), (other, len(lead))):
        _mix(weight, sample.day, day, total)
    used, place = np.unique(sample.places + np.arange(sample.places.shape[1]) * WIDTH, return_inverse=True)
    bins = np.zeros((len(lead), len(used)), dtype=np.float32)
    bins[np.arange(len(lead))[:, None], place.reshape(sample.places.shape)] = 1.0
    both = np.zeros((2, draws, sample.places.shape[1] * WIDTH))
    for side, weight in zip(both, (other, chunk), strict=True):
        side[:, used] = weight @ bins
    before, now = both.reshape(2, draws, sample.places.shape[1], WIDTH)
    return psi.index(before, now)


def _rows_of(who: Ints, first: Ints) -> tuple[Ints, Ints]:
    """Places of the rows of some leads in the order that `first` is of, and which of the leads each is of."""
    length = first[who + 1] - first[who]
    turn = np.repeat(np.arange(len(who)), length)
    begin = np.repeat(first[who] - np.append(0, np.cumsum(length)[:-1]), length)
    return begin + np.arange(len(turn)), turn


def _mix(weight: npt.NDArray[np.float32], of: Ints, day: Ints, total: int) -> None:
    """Weigh rows so that each draw has `total` of them in the mix of landmark days asked for."""
    for one in np.unique(of):
        mine = of == one
        there = weight[:, mine].sum(axis=1, keepdims=True)
        share = float((day == one).mean()) * total
        weight[:, mine] = np.where(there > 0, weight[:, mine] * share / np.maximum(there, 1), 0)


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
