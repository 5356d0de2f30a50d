"""One compiled function turns a history into numbers; many leads, one lead and every engine run the same one.

Visibility is ``known < as_of``, a prefix of the history; windows then count by ``occurred``: an event lies in a
window of w days if ``as_of - occurred < w days``. Sums are of int64 millionths, so no order of addition can change
a bit. "Never" is NaN, not zero.
"""

import numba
import numpy as np

from features.catalogue import Op

DAY = 86_400 * 1_000_000
NO_VALUE = np.iinfo(np.int64).min

_COUNT, _SINCE, _ACTIVE, _SUM = Op.count.value, Op.since.value, Op.active_days.value, Op.sum.value
_TREND, _AGE = Op.trend.value, Op.age.value
_NEVER = np.iinfo(np.int64).max
NO_GROUP, NEUTRAL = -1, -2


@numba.njit(cache=True, nogil=True)
def sweep(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915
    offsets, known, occurred, slot, value, group, n_slots, windows, op, subject, short, long, lead, as_of, started, out
):
    """Fill the behavioural columns of `out` for each (lead, as_of) pair.

    offsets, known, occurred, value : histories, as in data.log.EventLog
    slot    : (events,) accumulator of the event's kind, -1 where it is no act
    group   : (slots,) accumulator of the kind's group (inbound or outbound), `NO_GROUP` where it has none; slot 0 is
              "all", which takes every act and touch: each kind whose group is not `NEUTRAL`
    windows : (w,) days, ascending; ``short`` and ``long`` are places in it, w meaning all time
    op, subject, short, long : (features,) what each column is
    lead, as_of, started     : (pairs,) whose history, at which moment, and when its journey started
    out     : (pairs, features) float64, filled in place
    """
    n_windows = len(windows)
    n_groups = 4
    longest = windows[n_windows - 1]
    counts = np.zeros((n_slots, n_windows + 1), dtype=np.int64)
    sums = np.zeros((n_slots, n_windows + 1), dtype=np.int64)
    valued = np.zeros((n_slots, n_windows + 1), dtype=np.int64)
    last = np.empty(n_slots, dtype=np.int64)
    active = np.zeros((n_groups, longest), dtype=np.bool_)
    touched = np.empty(3, dtype=np.int64)
    for p in range(len(lead)):
        moment = as_of[p]
        counts[:] = 0
        sums[:] = 0
        valued[:] = 0
        active[:] = False
        last[:] = -1
        for e in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[e] >= moment:
                break
            own = slot[e]
            if own < 0:
                continue
            ago = moment - occurred[e]
            place = 0
            while place < n_windows and ago >= windows[place] * DAY:
                place += 1
            touched[0], touched[1], touched[2] = 0 if group[own] != NEUTRAL else NO_GROUP, group[own], own
            for k in range(3):
                s = touched[k]
                if s < 0:
                    continue
                counts[s, place] += 1
                last[s] = max(last[s], occurred[e])
                if value[e] != NO_VALUE:
                    sums[s, place] += value[e]
                    valued[s, place] += 1
                if s < n_groups and place < n_windows:
                    active[s, ago // DAY] = True
        for w in range(1, n_windows + 1):
            for s in range(n_slots):
                counts[s, w] += counts[s, w - 1]
                sums[s, w] += sums[s, w - 1]
                valued[s, w] += valued[s, w - 1]
        for f in range(len(op)):
            s = subject[f]
            if op[f] == _COUNT:
                out[p, f] = counts[s, short[f]]
            elif op[f] == _SINCE:
                out[p, f] = (moment - last[s]) / DAY if last[s] >= 0 else np.nan
            elif op[f] == _ACTIVE:
                days = 0
                for d in range(windows[short[f]]):
                    days += active[s, d]
                out[p, f] = days
            elif op[f] == _SUM:
                out[p, f] = sums[s, short[f]] / 1e6 if valued[s, short[f]] > 0 else np.nan
            elif op[f] == _TREND:
                within = counts[s, long[f]]
                ratio = windows[long[f]] / windows[short[f]]
                out[p, f] = counts[s, short[f]] * ratio / within if within > 0 else np.nan
            elif op[f] == _AGE:
                out[p, f] = (moment - started[p]) / DAY if started[p] != _NEVER else np.nan


@numba.njit(cache=True, nogil=True)
def sweep_traits(offsets, known, occurred, trait, reading, n_traits, lead, as_of, out, profile):  # type: ignore[no-untyped-def]
    """Fill the trait columns: of each trait the visible value that is true of the latest moment.

    trait   : (rows,) column of the row's trait, -1 where it is none
    reading : (rows,) its value as a number or as a category's code
    out     : (pairs, traits) float64, NaN where the trait is not known
    profile : (pairs,) float64, how many of the traits are known
    """
    newest = np.empty(n_traits, dtype=np.int64)
    for p in range(len(lead)):
        newest[:] = -1
        out[p, :] = np.nan
        for r in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[r] >= as_of[p]:
                break
            t = trait[r]
            if t >= 0 and occurred[r] >= newest[t]:
                newest[t] = occurred[r]
                out[p, t] = reading[r]
        complete = 0
        for t in range(n_traits):
            if newest[t] >= 0:
                complete += 1
        profile[p] = complete
