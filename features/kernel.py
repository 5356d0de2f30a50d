"""One compiled function turns a history into numbers; many leads, one lead and every engine run the same one.

Visibility is ``known < as_of``, a prefix of the history; windows then count by ``occurred``: an event lies in a
window of w days if ``as_of - occurred < w days``. "Never" is NaN, not zero.

One sweep a lead: its moments in ascending order, its events each entering once and leaving each window once, so the
cost is of events and moments, not of their product. What keeps every bit equal, whoever else is swept and however often
a lead is looked at:

- counts, sums (of int64 millionths), newest and first moments are integers;
- floating-point state (decayed counts, squares of gaps) changes only when an event enters, in the order of the history,
  never when somebody looks;
- powers of two come from a table and from plain sums and products, not from the machine's libm.
"""

import numpy as np

from data.log import NEVER
from features import families
from features import windows as sliding
from features.ops import Op
from features.slots import DAY, NOWHERE, compiled

_AGE, _DECAYED, _OFFICE, _SEQUENCE = Op.age.value, Op.decayed.value, Op.office_hours.value, Op.sequence.value
_COUNTS = (Op.count.value, Op.since.value, Op.trend.value)
_GAPS = (Op.gap_mean.value, Op.gap_longest.value, Op.burstiness.value, Op.overdue.value)
_VALUES = (Op.sum.value, Op.highest.value, Op.latest.value)
_STAGES = (Op.first.value, Op.recent_kind.value, Op.stage.value, Op.in_stage.value)
_PEOPLE = (Op.actors.value, Op.last_actor.value)
_DAYS = (Op.active_days.value, Op.busiest_day.value)

_ROOM = 256
"""Events of a lead that need no new memory."""


@compiled
def _any(span, ops):  # type: ignore[no-untyped-def]  # numba infers
    """Whether there is a column of one of these ops."""
    for op in ops:
        if span[op + 1] > span[op]:
            return True
    return False


@compiled
def _rows(room):  # type: ignore[no-untyped-def]  # numba infers
    return room[0], room[1], room[2], room[3], room[4], room[5]


@compiled
def sweep(  # type: ignore[no-untyped-def]  # numba infers
    offsets, known, occurred, kind, value, actor, n_actors, act_of, n_slots, windows, half_lives, zone_from,
    zone_offset, sequence_at, sequence_first, sequence_within, span, slot, short, long, column, lead, as_of, started,
    row, out,
):  # fmt: skip
    """Fill the behavioural columns of `out` for each (lead, as_of) pair.

    offsets, known, occurred, kind, value, actor : histories, as in data.log.EventLog; `n_actors` different actors
    act_of    : (kinds,) the three of `n_slots` slots where an event of each kind counts ("all", its group, its own;
                `NOWHERE` for one it has not), sixteen bits each from the lowest; -1 for a kind that does not count
    windows   : (w,) microseconds, ascending; in ``short`` and ``long`` w means all time
    half_lives: (h,) microseconds
    zone_from, zone_offset : (z,) from which moment local time is so many microseconds ahead of UTC
    sequence_at, sequence_first, sequence_within : the sequences that end in slot s are
                ``sequence_at[s]:sequence_at[s + 1]``, each with the slot it begins with and its microseconds
    span      : (ops + 1,) columns of op o are ``span[o]:span[o + 1]`` of slot, short, long and column
    column    : where in `out` each column stands
    lead, as_of, started : (pairs,) sorted by lead and moment; whose history, at which moment, when its journey started
    row       : (pairs,) row of `out`
    out       : (rows, columns) float64, filled in place
    """
    n_pairs = len(lead)
    want_counts, want_days, want_gaps = _any(span, _COUNTS), _any(span, _DAYS), _any(span, _GAPS)
    want_decays, want_hours = _any(span, (_DECAYED,)), _any(span, (_OFFICE,))
    want_values, want_stages = _any(span, _VALUES), _any(span, _STAGES)
    want_people, want_sequences = _any(span, _PEOPLE), _any(span, (_SEQUENCE,))
    met = np.full(n_actors if want_people else 0, -1, dtype=np.int64)
    nobody = np.empty(0, dtype=np.int32)
    table = np.empty((2, n_slots, len(windows) + 1), dtype=np.int64)  # scratch of whichever family is at work
    line = np.empty((5, max(n_slots, len(windows))), dtype=np.int64)
    of_events = np.empty((6, _ROOM), dtype=np.int64)  # one room for all: getting memory costs as much as a family
    act, order, rank, valued_when, valued_act, worth = _rows(of_events)
    weights = np.empty(_ROOM)
    of_moments = np.empty((2, _ROOM), dtype=np.int64)
    upto, valued_upto = of_moments[0], of_moments[1]
    gone = np.empty((0, len(windows)), dtype=np.int64)
    is_valued = np.zeros(n_slots, dtype=np.bool_)
    for op in _VALUES:
        for f in range(span[op], span[op + 1]):
            is_valued[slot[f]] = True
    stands_for = np.empty((0, NOWHERE + 1), dtype=np.int64)
    on_day = np.empty((0, NOWHERE + 1), dtype=np.int64)
    first = 0
    while first < n_pairs:
        code = lead[first]
        stop = first + 1
        while stop < n_pairs and lead[stop] == code:
            stop += 1
        begin = offsets[code]  # nobody asks for what comes later than the last moment
        end = begin + np.searchsorted(known[begin : offsets[code + 1]], as_of[stop - 1])
        n = end - begin
        if len(act) < n:
            of_events = np.empty((6, 2 * n), dtype=np.int64)
            act, order, rank, valued_when, valued_act, worth = _rows(of_events)
            weights = np.empty(2 * n)
        for e in range(n):
            act[e] = act_of[kind[begin + e]]
        if len(upto) < stop - first:
            of_moments = np.empty((2, 2 * (stop - first)), dtype=np.int64)
            upto, valued_upto = of_moments[0], of_moments[1]
        if 1 < stop - first > len(gone):
            gone = np.empty((2 * (stop - first), len(windows)), dtype=np.int64)
        visible = 0
        for p in range(first, stop):
            while visible < n and known[begin + visible] < as_of[p]:
                visible += 1
            upto[p - first] = visible
        when, moments, rows = occurred[begin:end], as_of[first:stop], row[first:stop]
        late = False
        if want_days or stop - first > 1:
            late = sliding.any_late(when)
            if late:
                sliding.sort_late(when, order)
        if stop - first > 1:
            sliding.let_go(when, order, late, windows, moments, gone)
        if want_counts:
            sliding.tell_counts(
                upto, when, act, order, late, gone, windows, moments, rows, span, slot, short, long, column, out, table,
                line,
            )  # fmt: skip
        if want_days:
            if stop - first > 1 and len(on_day) < n:
                stands_for = np.empty((2 * n, NOWHERE + 1), dtype=np.int64)
                on_day = np.empty((2 * n, NOWHERE + 1), dtype=np.int64)
            sliding.tell_days(
                upto, when, act, order, late, gone, windows, zone_from, zone_offset, moments, rows, span, slot, short,
                column, out, rank, stands_for, on_day, table, line,
            )  # fmt: skip
        if want_decays:
            families.tell_decays(
                upto, when, act, n_slots, half_lives, moments, rows, span, slot, short, column, out, line, weights
            )  # fmt: skip
        if want_gaps:
            families.tell_gaps(upto, when, act, moments, rows, span, slot, column, out)
        if want_hours:
            families.tell_hours(
                upto, when, act, zone_from, zone_offset, moments, rows, span, slot, column, out
            )  # fmt: skip
        if want_stages:
            families.tell_stages(upto, when, act, n_slots, moments, rows, span, slot, short, column, out)
        if want_people:
            if not n_actors and len(nobody) < n:
                nobody = np.full(2 * n, -1, dtype=np.int32)
            who = actor[begin:end] if n_actors else nobody
            families.tell_people(upto, when, act, who, code, met, moments, rows, span, column, out)
        if want_sequences:
            families.tell_sequences(
                upto, when, act, n_slots, sequence_at, sequence_first, sequence_within, moments, rows, span, slot,
                column, out,
            )  # fmt: skip
        if want_values:
            picked = sliding.pick_valued(
                upto[: stop - first], when, act, value[begin:end], is_valued, valued_upto, valued_when, valued_act,
                worth,
            )  # fmt: skip
            their, late = valued_when[:picked], False
            if stop - first > 1:
                late = sliding.any_late(their)
                if late:
                    sliding.sort_late(their, order)
                sliding.let_go(their, order, late, windows, moments, gone)
            sliding.tell_values(
                valued_upto, their, valued_act, worth, order, late, gone, windows, moments, rows, span, slot, short,
                column, out, table, line,
            )  # fmt: skip
        for f in range(span[_AGE], span[_AGE + 1]):
            for p in range(first, stop):
                out[row[p], column[f]] = (as_of[p] - started[p]) / DAY if started[p] != NEVER else np.nan
        first = stop


@compiled
def sweep_traits(offsets, known, occurred, trait, n_traits, lead, as_of, found):  # type: ignore[no-untyped-def]  # numba infers
    """Of each trait the visible row that is true of the latest moment.

    trait : (rows,) column of the row's trait, -1 where it is none
    found : (pairs, traits) int64, the place of the row; -1 where the trait is not known
    """
    newest = np.empty(n_traits, dtype=np.int64)
    for p in range(len(lead)):
        newest[:] = -1
        found[p, :] = -1
        for r in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[r] >= as_of[p]:
                break
            t = trait[r]
            if t >= 0 and occurred[r] >= newest[t]:
                newest[t] = occurred[r]
                found[p, t] = r
