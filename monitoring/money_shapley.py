"""Shares of one result among those who had a part in it: Shapley values.

Of every order in which players could join, a player's value is the mean of what it adds to those who joined before. The
values add up to what all together bring over nobody; two who add the same everywhere get the same; who adds nothing
gets nothing. No other shares do all of this (Shapley 1953).
"""

from collections.abc import Mapping
from math import factorial

import numpy as np

from data.log import Floats

EXACT = 8
"""So many players are counted through, 2^8 groups; of more, orders are drawn."""
_ORDERS = 64


def groups(players: int, seed: int = 7) -> list[int]:
    """The groups, as bits, whose worth `values` has to know; nobody and all are among them.

    >>> groups(2)
    [0, 1, 2, 3]
    """
    if players <= EXACT:
        return list(range(1 << players))
    found = {0}
    for order in _orders(players, seed):
        bits = 0
        for player in order:
            bits |= 1 << player
            found.add(bits)
    return sorted(found)


def values(worth: Mapping[int, float], players: int, seed: int = 7) -> Floats:
    """(players,) the Shapley value of each.

    worth : of each group of `groups`, by its bits
    seed  : of the orders that are drawn where there are more than `EXACT` players; the same as for `groups`

    >>> values({0: 0.1, 1: 0.1, 2: 0.4, 3: 0.4}, 2).round(6).tolist()
    [0.0, 0.3]
    """
    found = np.zeros(players)
    if players <= EXACT:
        for player in range(players):
            mine = 1 << player
            for group in range(1 << players):
                if not group & mine:
                    size = group.bit_count()
                    weight = factorial(size) * factorial(players - size - 1) / factorial(players)
                    found[player] += weight * (worth[group | mine] - worth[group])
        return found
    for order in _orders(players, seed):
        bits = 0
        for player in order:
            found[player] += worth[bits | 1 << player] - worth[bits]
            bits |= 1 << player
    return found / _ORDERS


def _orders(players: int, seed: int) -> list[list[int]]:
    """Orders drawn in pairs, each with its reverse: who comes early in one comes late in the other."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(players).tolist() for _ in range(_ORDERS // 2)]
    return [one for order in drawn for one in (order, order[::-1])]


def shares(worth: Mapping[int, float], players: int, seed: int = 7) -> Floats:
    """(players + 1,) parts of 1 that each player has in what all together are worth, and the part of nobody, last.

    Nobody's part is what would have been there without any of them, at most all of it. The gain is parted by the
    Shapley values; who lowers what is there (a value below 0) gets nothing of it. A worth of 0 is nobody's.

    >>> shares({0: 0.1, 1: 0.1, 2: 0.4, 3: 0.4}, 2).round(6).tolist()
    [0.0, 0.75, 0.25]
    """
    whole = worth[(1 << players) - 1]
    found = np.zeros(players + 1)
    gain = max(0.0, whole - max(0.0, worth[0])) / whole if whole > 0 else 0.0
    if gain > 0:
        parts = np.maximum(values(worth, players, seed), 0.0)
        found[:-1] = gain * parts / parts.sum()  # they add up to a gain above 0, so one of them is
    found[-1] = 1.0 - found[:-1].sum()
    return found
