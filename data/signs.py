"""When the acts and rules of `[maturity]` fire for a lead, and whether they still speak at a moment.

A *sign* is an act of the playbook, or one of its rules. Of what is visible (``known_at < as_of``) only ``occurred_at``
counts, as everywhere in Véraison:

- a sign *fires* at each act by which it is met: of a rule the last of those that lie within its days;
- it *speaks* for `for_days` days after it fired last;
- what becomes known late changes nothing before, and fires when it happened: a demonstration that was asked for forty
  days ago and is entered today does not speak today.

A worked example: two looks at prices within 14 days, speaking for 30. L1 looks on 1 March and on 10 March: the rule
fires on 10 March and speaks until 9 April. It looks again on 20 March: the rule fires anew, for 10 March is within 14
days, and speaks until 19 April.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numba
import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.log import NEVER, EventLog, Ints
from veraison.playbook_maturity import Maturity

Bools = npt.NDArray[np.bool_]
NOT_YET = np.iinfo(np.int64).min
"""In place of the moment of what has not happened."""


@dataclass(frozen=True)
class Sign:
    """An act or a rule: so many of the events, whichever they are, or `each` of them, `within` some microseconds."""

    kind: Literal["act", "rule"]
    name: str
    events: tuple[str, ...]
    at_least: int
    each: bool
    within: int


def signs_of(maturity: Maturity) -> tuple[Sign, ...]:
    """The acts, then the rules, in the playbook's order.

    >>> [one.name for one in signs_of(Maturity(acts=("Demo Requested",)))]
    ['Demo Requested']
    """
    acts = (Sign("act", name, (name,), 1, False, 0) for name in maturity.acts)
    rules = (
        Sign("rule", one.name, one.events, one.at_least, bool(one.all), one.within_days * MICROS_PER_DAY)
        for one in maturity.rules
    )
    return (*acts, *rules)


@dataclass(frozen=True)
class Firings:
    """When a sign fired, as it became known: rows in the order of their lead, then of `known`; `at` rises too.

    offsets : (leads + 1,) rows of lead i are ``offsets[i]:offsets[i + 1]``
    known   : (m,) when it became known, microseconds UTC
    at      : (m,) ``occurred_at`` of the newest firing known from then on, <= `known`
    """

    offsets: Ints
    known: Ints
    at: Ints

    @cached_property
    def lead(self) -> Ints:
        """(m,) whose each row is."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets))

    def newest(self, lead: Ints, as_of: Ints) -> Ints:
        """(pairs,) when it fired last, of what is visible at each moment; `NOT_YET` where it has not.

        lead : codes; -1 for a lead that is unknown
        """
        found = np.full(len(lead), NOT_YET, dtype=np.int64)
        _newest(self.offsets, self.known, self.at, np.asarray(lead, np.int64), np.asarray(as_of, np.int64), found)
        return found

    @cached_property
    def first_known(self) -> Ints:
        """(leads,) when it first became known that it had fired, `NEVER` where it has not."""
        found = np.full(len(self.offsets) - 1, NEVER, dtype=np.int64)
        there = np.diff(self.offsets) > 0
        found[there] = self.known[self.offsets[:-1][there]]
        return found


def firings(log: EventLog, sign: Sign) -> Firings:
    """All firings of a sign in a log; the history of each moment is a prefix of them."""
    number = {name: place for place, name in enumerate(sign.events)}
    table = np.array([number.get(kind, -1) for kind in log.kinds], dtype=np.int32)
    what = table[log.kind] if len(log.kind) else np.empty(0, dtype=np.int32)
    rows = np.flatnonzero(what >= 0)
    lead = np.searchsorted(log.offsets, rows, side="right") - 1
    offsets = np.searchsorted(lead, np.arange(len(log.leads) + 1)).astype(np.int64)
    columns = np.empty((3, len(rows)), dtype=np.int64)
    count = _fire(
        offsets, log.known[rows], log.occurred[rows], what[rows], len(sign.events), sign.at_least, sign.each,
        sign.within, columns,
    )  # fmt: skip
    who, known, at = columns[:, :count]
    return Firings(np.searchsorted(who, np.arange(len(log.leads) + 1)).astype(np.int64), known.copy(), at.copy())


def speaking(newest: Ints, as_of: Ints, for_days: int) -> Bools:
    """Whether what fired last at `newest` (`NOT_YET`: never) speaks at `as_of`."""
    found: Bools = (newest != NOT_YET) & (as_of - np.maximum(newest, 0) <= for_days * MICROS_PER_DAY)
    return found


_NOT_YET = NOT_YET


@numba.njit(cache=True, nogil=True)
def _newest(offsets, known, at, lead, as_of, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(lead)):
        if lead[p] < 0:
            continue
        low, high = offsets[lead[p]], offsets[lead[p] + 1]
        first = low
        while low < high:  # the rows before `low` are visible
            middle = (low + high) // 2
            if known[middle] < as_of[p]:
                low = middle + 1
            else:
                high = middle
        if low > first:
            found[p] = at[low - 1]


@numba.njit(cache=True, nogil=True)
def _fire(offsets, known, occurred, what, names, at_least, each, within, found):  # type: ignore[no-untyped-def]  # numba infers  # noqa: PLR0912 (one pass over a history, compiled)
    """Write (lead, known, newest firing) of every change into the columns of `found`; how many there are.

    Events come in the order in which they became known and are put in that of ``occurred_at``; one more event can only
    meet the sign in windows that hold it.
    """
    n = 0
    most = 0
    for lead in range(len(offsets) - 1):
        most = max(most, offsets[lead + 1] - offsets[lead])
    times, kinds = np.empty(most, np.int64), np.empty(most, np.int64)
    last = np.empty(names, np.int64)
    for lead in range(len(offsets) - 1):
        count, newest = 0, _NOT_YET
        for e in range(offsets[lead], offsets[lead + 1]):
            place, when = count, occurred[e]
            while place > 0 and times[place - 1] > when:
                times[place], kinds[place] = times[place - 1], kinds[place - 1]
                place -= 1
            times[place], kinds[place] = when, what[e]
            count += 1  # noqa: SIM113 (of this lead alone)
            fired = _NOT_YET
            if each:
                i = place
                while i > 0 and times[i - 1] >= when - within:
                    i -= 1
                last[:] = _NOT_YET
                while i < count and times[i] <= when + within:
                    last[kinds[i]] = times[i]
                    if i >= place and last.min() >= times[i] - within:
                        fired = times[i]
                    i += 1
            else:
                for i in range(max(place, at_least - 1), min(count, place + at_least)):
                    if times[i] - times[i - at_least + 1] <= within:
                        fired = times[i]
            if fired > newest:
                newest = fired
                if n and found[0, n - 1] == lead and found[1, n - 1] == known[e]:
                    n -= 1
                found[0, n], found[1, n], found[2, n] = lead, known[e], fired
                n += 1
    return n
