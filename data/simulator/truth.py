"""The true probability of winning, exactly: a backward recursion over days, no Monte Carlo.

With V(d, h, x) the chance that a lead in state x before its acts of day d wins on one of the days
d, .., d + h - 1, one day gives V(d, h) from V(d + 1, h - 1), undoing the day from its end: the outcome, what
became known, the acts. Days beyond the end of the simulated span are calendar days like others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.simulator.market import (
    COMPANY_PRIOR,
    POINTS,
    RETURN_DROP,
    ROLE_PRIOR,
    SHAPE,
    TOP,
    UNKNOWN,
    Market,
    Outcome,
    Stage,
    next_level,
)

Floats = NDArray[np.float64]


def level_moves(market: Market, day: int) -> Floats:
    """Chance to go from one level to another by the acts of a day, (stage, level before, level after)."""
    chances = market.acts(day)
    gains = np.zeros((len(Stage), TOP + 1, TOP + 1))
    gains[..., 0] = 1.0
    for slot in np.flatnonzero(POINTS):
        points, hit = POINTS[slot], chances[..., slot, None]
        raised = np.zeros_like(gains)
        raised[..., points:] = gains[..., : TOP + 1 - points]
        raised[..., TOP] += gains[..., TOP + 1 - points :].sum(axis=-1)  # a gain of TOP or more is TOP
        gains = (1 - hit) * gains + hit * raised
    moves = np.zeros_like(gains)
    before = np.arange(TOP + 1)
    for gain in range(TOP + 1):
        moves[:, before, next_level(before, np.full_like(before, gain), day)] += gains[:, :, gain]
    return moves


def day_before(market: Market, day: int, value: Floats) -> Floats:
    """V(day, 1..H, x) from V(day + 1, 1..H, x); both are (*SHAPE, H)."""
    later = np.zeros_like(value)
    later[..., 1:] = value[..., :-1]
    chances = market.outcomes(day)[..., None]
    move = chances[Outcome.MOVE]
    dropped = np.maximum(np.arange(TOP + 1) - RETURN_DROP, 0)
    now = (1 - chances.sum(axis=0)) * later
    now[:, Stage.MARKETING] += move[:, Stage.MARKETING] * later[:, Stage.SALES]
    now[:, Stage.SALES] += move[:, Stage.SALES] * later[:, Stage.MARKETING][..., dropped, :]
    now += chances[Outcome.WIN]

    company, role = market.learning(day)[:, None, :, None, None, None]
    learned = np.einsum("c,kscrlh->ksrlh", COMPANY_PRIOR, now)
    now[:, :, UNKNOWN] += company * (learned - now[:, :, UNKNOWN])
    learned = np.einsum("r,kscrlh->ksclh", ROLE_PRIOR, now)
    now[:, :, :, UNKNOWN] += role * (learned - now[:, :, :, UNKNOWN])

    before: Floats = np.matmul(level_moves(market, day)[:, None, None], now)
    return before


def probabilities(market: Market, day: NDArray[np.int64], state: NDArray[np.int64], horizons: Sequence[int]) -> Floats:
    """True chance to win within each horizon, before the acts of a day.

    day      : (n,) market days
    state    : (5, n), rows as in `market.SHAPE`
    horizons : days, ascending, >= 1
    Returns  : (n, len(horizons)), non-decreasing along the horizons
    """
    longest = horizons[-1]
    chosen = np.array(horizons) - 1
    result = np.zeros((len(day), len(horizons)))
    if not len(day):
        return result
    place = np.ravel_multi_index(tuple(state), SHAPE)
    order = np.argsort(day, kind="stable")
    first, last = int(day.min()), int(day.max())
    bounds = np.searchsorted(day[order], np.arange(first, last + 2))
    # After `longest` steps back every horizon rests on real days only, so `last` is right, and all before it.
    value = np.zeros((*SHAPE, longest))
    for today in range(last + longest - 1, first - 1, -1):
        value = day_before(market, today, value)
        if today <= last:
            here = order[bounds[today - first] : bounds[today - first + 1]]
            result[here] = value.reshape(-1, longest)[place[here]][:, chosen]
    return result
