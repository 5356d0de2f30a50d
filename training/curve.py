"""The served curve of a lead: the hazard's shape, bent to pass through the explained probability.

With z the log-odds of conversion within the primary horizon (exact and additive, training.distil) and H the hazard
model's cumulative hazard::

    H'(t) = H(t) / H(primary) * softplus(z)        p(t) = 1 - exp(-H'(t))

``p(primary)`` is then the logistic of z; it is assigned, not computed again, and its neighbours are clamped to it,
so that rounding can never make a longer horizon less likely. Written for one row and compiled: a row's numbers do not
depend on how many rows are asked for at once.
"""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def bend(edges, cumulative, z, horizons, primary, probability, bent):  # type: ignore[no-untyped-def]  # numba infers
    """Fill, for each of n rows, the probability at each horizon and the bent cumulative hazard at each edge.

    edges       : (m + 1,) days
    cumulative  : (n, m + 1) of the hazard model
    z           : (n,) log-odds within the primary horizon
    horizons    : (h,) days ascending, each an edge; `primary` is the place of the primary one
    probability : (n, h) filled, within [0, 1], never falling along h
    bent        : (n, m + 1) filled
    """
    at = np.searchsorted(edges, horizons)
    for row in range(len(z)):
        soft = max(z[row], 0.0) + math.log1p(math.exp(-abs(z[row])))
        odds = math.exp(-abs(z[row]))
        chance = 1.0 / (1.0 + odds) if z[row] >= 0 else odds / (1.0 + odds)
        base = cumulative[row, at[primary]]
        for e in range(len(edges)):
            bent[row, e] = cumulative[row, e] / base * soft
        for h in range(len(horizons)):
            p = -math.expm1(-bent[row, at[h]])
            if h < primary:
                p = min(p, chance)
            elif h > primary:
                p = max(p, chance)
            else:
                p = chance
            probability[row, h] = p
        for h in range(1, len(horizons)):
            probability[row, h] = max(probability[row, h], probability[row, h - 1])


@numba.njit(cache=True, nogil=True)
def quantiles(edges, cumulative, levels, out):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (n, q) days by which a share `levels` of those who ripen within the last edge have done so.

    The plain median does not exist for a lead that will most likely never convert; this one, given that it
    happens within the longest horizon, always does.
    """
    last = len(edges) - 1
    for row in range(len(cumulative)):
        total = -math.expm1(-cumulative[row, last])
        for q in range(len(levels)):
            goal = -math.log1p(-levels[q] * total)
            e = 1
            while e < last and cumulative[row, e] < goal:
                e += 1
            low, high = cumulative[row, e - 1], cumulative[row, e]
            part = (goal - low) / (high - low) if high > low else 1.0
            day = edges[e - 1] + min(max(part, 0.0), 1.0) * (edges[e] - edges[e - 1])
            out[row, q] = min(day, edges[e])  # the sum may round to beyond the edge


@numba.njit(cache=True, nogil=True)
def no_later_than(edges, cumulative, other_edges, other, grid, out):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (n, g) cumulative hazards on `grid`, nowhere below either curve: readiness never after conversion."""
    for row in range(len(cumulative)):
        for g in range(len(grid)):
            mine = np.interp(grid[g], edges, cumulative[row])
            theirs = np.interp(grid[g], other_edges, other[row])
            out[row, g] = max(mine, theirs)
