"""Counts against expectations, week by week: cumulative sums of log-likelihood ratios, and when they are too large.

A *cell* is a count a week that is modelled (the young leads of one source), a *series* a sum of cells that is watched
(that source; all leads). In control a cell of mean ``m`` counts as Poisson(``m * V * L * S``): a *later* factor V for
all cells and weeks, because no model keeps its level for ever, its own *level* L, and the *season* S of the week. All
three are gamma variables of mean 1, as uncertain as what was counted before leaves them. What a series counts until
`LAG` weeks ago is learned from as the weeks go by, so a count is gamma-Poisson (negative binomial) around what is known
by then, and so is the likelihood ratio. Those of the newest weeks are summed up. Where sums are too large is found by
living through weeks like these `PATHS` times, learning included.

A worked example: 12 are expected a week and 6 come, week after week. At the ratio .6 each week adds
``6 log .6 + 12 * .4 = 1.7`` where the level is certain, less where it is not.

Source: Page 1954 (CUSUM); Lucas 1985 (for Poisson counts); Lai 1995 (of a window); Hawkins 1987 (learning as it goes);
Westfall and Young 1993 (one error over all series); Shen et al. 2013 (limits that follow changing expectations)
"""

from dataclasses import dataclass

import numpy as np

from data.log import Floats, Ints

DOWN, UP = 0.6, 1.6
"""What the sums look for: so many times as many as expected. Levels from about .8 to 1.3 let both sums fall."""
LATER = 100.0
"""Shape of the later factor: one champion in three is off by more than a tenth."""
LAG = 6
"""Weeks of which no level is learned yet: they may be what is to be found. Sums are of these at most, lest a level that
is off by a little add up for ever and limits have to make room for it."""
PATHS = 2_000
_HIGH, _FLOOR = 0.98, 1.0
"""Limits follow this quantile of the sums of each week, never below the floor."""


@dataclass(frozen=True)
class Control:
    """What is known of counts in control.

    mean   : (t, c) expected count of each week and cell, > 0
    level  : (c,) gamma shape of each cell's own level: how many were counted to learn it
    season : (t, p) gamma shapes of what the season of each week is the sum of, place p being a week of the year before;
             weeks that share places share their luck. A row of zeros is a season known to be 1
    member : (s, c) 1.0 where a cell is part of a series
    later  : gamma shape of the later factor
    """

    mean: Floats
    level: Floats
    season: Floats
    member: Floats
    later: float = LATER

    @property
    def expected(self) -> Floats:
        """(t, s) what each series has to expect."""
        found: Floats = self.mean @ self.member.T
        return found

    @property
    def shape(self) -> Floats:
        """(s,) gamma shape of a series' level before any week: squared coefficients of variation add up."""
        weight = self.mean.sum(axis=0)
        own = (weight**2 / self.level) @ self.member.T / (weight @ self.member.T) ** 2
        found: Floats = 1 / (own + 1 / self.later)
        return found


@dataclass(frozen=True)
class Known:
    """(..., t, s) what was known of each count before it: its gamma-Poisson mean and shape."""

    mean: Floats
    shape: Floats


@dataclass(frozen=True)
class Sums:
    """(t, s) sums towards less (`down`) and more (`up`), when that began, their limits, and what was known."""

    down: Floats
    up: Floats
    down_began: Ints
    up_began: Ints
    down_limit: Floats
    up_limit: Floats
    known: Known


def watch(observed: Floats, control: Control, *, alarms: float, seed: int) -> Sums:
    """Sums of what was observed, and limits that all of them together pass by chance with probability `alarms`.

    observed : (t, c) counts, >= 0
    alarms   : in ]0, 1[
    """
    counted = observed @ control.member.T
    known = learned(counted, control)
    down, up = sums(counted, known)
    down_limit, up_limit = limits(control, alarms=alarms, seed=seed)
    return Sums(
        down=down,
        up=up,
        down_began=began(log_ratio(counted, known, DOWN)),
        up_began=began(log_ratio(counted, known, UP)),
        down_limit=down_limit,
        up_limit=up_limit,
        known=known,
    )


def learned(counted: Floats, control: Control) -> Known:
    """What is known before each week, of the counts (..., t, s) until `LAG` weeks before it."""
    expected, prior = control.expected, control.shape
    seen, due = prior + _until_lag(counted), prior + _until_lag(expected)
    season = control.season.sum(axis=1)[:, None]
    with np.errstate(divide="ignore"):
        shape = 1 / (np.where(season > 0, 1 / season, 0.0) + 1 / seen)
    return Known(expected * seen / due, shape)


def sums(counted: Floats, known: Known) -> tuple[Floats, Floats]:
    """(..., t, s) sums towards less and towards more."""
    return cumulated(log_ratio(counted, known, DOWN)), cumulated(log_ratio(counted, known, UP))


def log_ratio(counted: Floats, known: Known, ratio: float) -> Floats:
    """Log-likelihood of gamma-Poisson counts at `ratio` times what is expected, less that at what is expected.

    With an infinite shape it is the Poisson one, ``n log r - (r - 1) e``.

    >>> round(float(log_ratio(np.float64(6), Known(np.float64(12), np.float64(1e9)), 0.6)), 3)
    1.735
    """
    mean, shape = known.mean, known.shape
    found: Floats = counted * np.log(ratio) - (counted + shape) * np.log1p((ratio - 1) * mean / (mean + shape))
    return found


def cumulated(steps: Floats) -> Floats:
    """(..., t, s) the largest sum of the newest steps, of `LAG` weeks at most; 0 where all are below.

    >>> cumulated(np.array([[1.0], [-3.0], [2.0]]))[:, 0].tolist()
    [1.0, 0.0, 2.0]
    """
    newest, found = np.zeros_like(steps), np.zeros_like(steps)
    for _ in range(LAG):
        newest[..., 1:, :] = newest[..., :-1, :]
        newest[..., :1, :] = 0.0
        newest += steps
        np.maximum(found, newest, out=found)
    return found


def began(steps: Floats) -> Ints:
    """(t, s) the week after ``max(0, sum so far + step)`` was last 0: the estimate of when a change began (Page 1954).

    It may lie before the weeks that a sum is of.

    >>> began(np.array([[1.0], [-3.0], [2.0]]))[:, 0].tolist(), began(np.array([[1.0], [2.0]]))[:, 0].tolist()
    ([0, 2, 2], [0, 0])
    """
    found = np.empty(steps.shape, dtype=np.int64)
    reached, first = np.zeros(steps.shape[1]), np.zeros(steps.shape[1], dtype=np.int64)
    for week, step in enumerate(steps):
        reached = np.maximum(reached + step, 0.0)
        first = np.where(reached > 0, first, week + 1)
        found[week] = first
    return found


def drawn(control: Control, *, paths: int, seed: int) -> Floats:
    """(paths, t, s) counts of every series that control may bring."""
    rng = np.random.default_rng(seed)
    cells = control.mean.shape[1]
    level = rng.gamma(control.level, 1 / control.level, (paths, cells)) * rng.gamma(
        control.later, 1 / control.later, (paths, 1)
    )
    place = control.season.max(axis=0, initial=0.0)
    share = np.divide(control.season, place, out=np.zeros_like(control.season), where=place > 0)
    known = control.season.sum(axis=1)
    sum_ = rng.gamma(place, 1.0, (paths, len(place))) @ share.T
    season = np.divide(sum_, known, out=np.ones_like(sum_), where=known > 0)
    counts = rng.poisson(control.mean * level[:, None, :] * season[:, :, None])
    found: Floats = counts @ control.member.T
    return found


def limits(control: Control, *, alarms: float, seed: int) -> tuple[Floats, Floats]:
    """(t, s) limits down and up: each series passes its own equally seldom, and any of them `alarms` of the time."""
    counted = drawn(control, paths=PATHS, seed=seed)
    paths = np.concatenate(sums(counted, learned(counted, control)), axis=2)
    usual = np.maximum(np.quantile(paths, _HIGH, axis=0), _FLOOR)
    highest = (paths / usual).max(axis=1)
    ordered = np.sort(highest, axis=0)[::-1]
    reached = [np.searchsorted(-column, -own, side="right") for column, own in zip(ordered.T, highest.T, strict=True)]
    rarest = np.min(reached, axis=0)
    allowed = max(int(np.quantile(rarest, alarms, method="lower")), 1)
    found = usual * ordered[allowed - 1]
    half = found.shape[1] // 2
    return found[:, :half], found[:, half:]


def _until_lag(counts: Floats) -> Floats:
    """(..., t, s) sums of the weeks until `LAG` before each, itself not included."""
    found = np.zeros_like(counts)
    found[..., LAG + 1 :, :] = np.cumsum(counts, axis=-2)[..., : -LAG - 1, :]
    return found
