"""How often leads of one source, campaign or seller convert, as it was known at any moment: history across leads.

A lead counts for its category once it is as old as the primary horizon, and as won if it converted within it. What
counts at ``as_of`` are whole days (UTC) that ended before it, of outcomes known then; so a rate shown to a training
landmark never knows the future, and a bundle carries the days, not the leads.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np

from data.events import MICROS_PER_DAY
from data.log import Codes, Floats, Ints

WEIGHT = 20.0
"""A category's rate is drawn towards everyone's as if so many more leads with everyone's rate had been seen."""


@dataclass(frozen=True)
class RateHistory:
    """Cumulated outcomes by category and day.

    subject : trait, or ``actor`` for the one at the firm who acted last
    texts   : categories; category c stands at place c + 1 below, place 0 is everyone
    offsets : (places + 1,) rows of place p are ``offsets[p]:offsets[p + 1]``
    days    : (rows,) days since 1970 from whose beginning (UTC) on the row holds, ascending in a place
    leads   : (rows,) leads old enough by then
    won     : (rows,) those of them that converted in time
    """

    subject: str
    texts: tuple[str, ...]
    offsets: tuple[int, ...]
    days: tuple[int, ...]
    leads: tuple[int, ...]
    won: tuple[int, ...]

    @staticmethod
    def build(subject: str, texts: tuple[str, ...], place: Codes, known: Ints, leads: Ints, won: Ints) -> "RateHistory":
        """Cumulate single outcomes.

        place      : (m,) category of each, counted from 1; 0 for one without a category of its own
        known      : (m,) microseconds UTC since when it is known
        leads, won : (m,) what it adds

        >>> day, one = 86_400_000_000, np.array([1])
        >>> found = RateHistory.build("source", ("fair",), one, np.array([9 * day + 1]), one, one)
        >>> found.offsets, found.days, found.won
        ((0, 1, 2), (10, 10), (1, 1))
        """
        own = place > 0
        places = np.concatenate([np.zeros(len(place), dtype=np.int64), place[own].astype(np.int64)])
        day = np.concatenate([known, known[own]]) // MICROS_PER_DAY + 1
        added = np.stack([np.concatenate([one, one[own]]) for one in (leads, won)])
        order = np.lexsort((day, places))
        places, day, added = places[order], day[order], added[:, order]
        last = np.append((np.diff(places) != 0) | (np.diff(day) != 0), True)[: len(day)]
        offsets = np.searchsorted(places[last], np.arange(len(texts) + 2))
        total = np.cumsum(added, axis=1)
        before = np.concatenate([np.zeros((2, 1), dtype=total.dtype), total], axis=1)
        before = before[:, np.searchsorted(places, np.arange(len(texts) + 1))]
        total = total[:, last] - before[:, places[last]]
        columns = (offsets, day[last], total[0], total[1])
        return RateHistory(subject, texts, *(tuple(column.tolist()) for column in columns))

    @staticmethod
    def of(found: dict[str, Any]) -> "RateHistory":
        """What dataclasses.asdict made of one, read back from JSON."""
        columns: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}
        return RateHistory(**columns)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each category stands."""
        return {text: place for place, text in enumerate(self.texts, start=1)}

    @cached_property
    def _columns(self) -> tuple[Ints, ...]:
        return tuple(np.array(one, dtype=np.int64) for one in (self.offsets, self.days, self.leads, self.won))

    def at(self, place: Codes, as_of: Ints) -> Floats:
        """(n,) the smoothed rate in [0, 1] of each pair's category; NaN for place -1, or before any outcome is known.

        place : (n,) 0 for a category that training did not know: everyone's rate
        """
        found = np.empty(len(place))
        _look_up(*self._columns, np.ascontiguousarray(place, dtype=np.int64), as_of, WEIGHT, found)  # type: ignore[call-arg]  # a tuple of five
        return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _look_up(offsets, days, leads, won, place, as_of, weight, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(place)):
        found[p] = np.nan
        if place[p] < 0:
            continue
        today = as_of[p] // MICROS_PER_DAY
        row = np.searchsorted(days[: offsets[1]], today, side="right") - 1
        if row < 0:
            continue
        rate = won[row] / leads[row] if leads[row] > 0 else np.nan
        if place[p] > 0:
            start, stop = offsets[place[p]], offsets[place[p] + 1]
            row = start + np.searchsorted(days[start:stop], today, side="right") - 1
            if row >= start:
                rate = (won[row] + weight * rate) / (leads[row] + weight)
        found[p] = rate
