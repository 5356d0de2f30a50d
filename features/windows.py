"""Families of columns that count within windows: an event enters each window once, and leaves it once.

The arguments are those of features.families, and besides

order : places of the events by when they happened, used where something came `late`
gone  : (moments, windows) how many of them, in that order, each window has let go
"""

import numpy as np

from data.log import NEVER, NO_VALUE
from features.ops import Op
from features.slots import DAY, NOWHERE, SLOT, ahead, compiled

_COUNT, _SINCE, _TREND = Op.count.value, Op.since.value, Op.trend.value
_ACTIVE, _BUSIEST = Op.active_days.value, Op.busiest_day.value
_SUM, _HIGHEST, _LATEST = Op.sum.value, Op.highest.value, Op.latest.value


@compiled
def any_late(occurred):  # type: ignore[no-untyped-def]  # numba infers
    """Whether an event stands after one that happened later."""
    for e in range(1, len(occurred)):
        if occurred[e] < occurred[e - 1]:
            return True
    return False


@compiled
def sort_late(occurred, order):  # type: ignore[no-untyped-def]  # numba infers
    """Fill `order` with the places of events by when they happened, ties as they stand; fast where few are late."""
    n = len(occurred)
    moves = 0
    for at in range(n):
        hole = at
        while hole > 0 and occurred[order[hole - 1]] > occurred[at]:
            order[hole] = order[hole - 1]
            hole -= 1
        order[hole] = at
        moves += at - hole
        if moves > 16 * n:  # not nearly sorted at all
            order[:n] = np.argsort(occurred, kind="mergesort")
            return


@compiled
def let_go(occurred, order, late, windows, as_of, gone):  # type: ignore[no-untyped-def]  # numba infers
    """Fill ``gone[moment, window]``: how many events, in the order they happened, are too old for the window."""
    n = len(occurred)
    for w in range(len(windows)):
        at = 0
        for p in range(len(as_of)):
            edge = as_of[p] - windows[w]
            while at < n and occurred[order[at] if late else at] <= edge:
                at += 1
            gone[p, w] = at


@compiled
def rank_days(occurred, order, late, zone_from, zone_offset, n_groups, rank, stands_for, on_day):  # type: ignore[no-untyped-def]  # numba infers
    """Number the local days of one lead's events, and empty what is kept of each day for so many groups."""
    days, midnight = -1, np.int64(0)
    for at in range(len(occurred)):
        e = order[at] if late else at
        local = occurred[e] + ahead(zone_from, zone_offset, occurred[e])
        if days < 0 or local >= midnight or local < midnight - DAY:
            days, midnight = days + 1, (local // DAY + 1) * DAY
            for g in range(n_groups):
                stands_for[days, g] = -1
                on_day[days, g] = 0
        rank[e] = days


@compiled
def tell_counts(  # type: ignore[no-untyped-def]  # numba infers
    upto, occurred, act, order, late, gone, windows, as_of, row, span, slot, short, long, column, out, table, line
):
    """How often in each window, how long ago, and the pace of a short window against a long one."""
    n_windows = len(windows)
    counts, newest = table[0], line[0]
    counts[:] = 0
    newest[:] = -1
    first = 0
    for p in range(len(as_of)):
        moment = as_of[p]
        if p > 0:  # what was inside a window may have left it since the last look
            for w in range(n_windows):
                for at in range(gone[p - 1, w], gone[p, w]):
                    e = order[at] if late else at
                    if e < first and act[e] >= 0:  # else it was not inside
                        counts[act[e] & SLOT, w] -= 1
                        counts[(act[e] >> 16) & SLOT, w] -= 1
                        counts[(act[e] >> 32) & SLOT, w] -= 1
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when = occurred[e]
            s0, s1, s2 = act[e] & SLOT, (act[e] >> 16) & SLOT, (act[e] >> 32) & SLOT
            inner = n_windows if moment - when >= windows[-1] else 0  # of a long history most is old
            while inner < n_windows and moment - when >= windows[inner]:
                inner += 1
            for w in range(inner, inner + 1 if p == 0 else n_windows + 1):  # longer windows hold it too
                counts[s0, w] += 1
                counts[s1, w] += 1
                counts[s2, w] += 1
            newest[s0] = max(newest[s0], when)
            newest[s1] = max(newest[s1], when)
            newest[s2] = max(newest[s2], when)
        if p == 0:
            for w in range(1, n_windows + 1):
                for s in range(len(counts)):
                    counts[s, w] += counts[s, w - 1]
        first, r = upto[p], row[p]
        for f in range(span[_COUNT], span[_COUNT + 1]):
            out[r, column[f]] = counts[slot[f], short[f]]
        for f in range(span[_SINCE], span[_SINCE + 1]):
            last = newest[slot[f]]
            out[r, column[f]] = (moment - last) / DAY if last >= 0 else np.nan
        for f in range(span[_TREND], span[_TREND + 1]):
            within = counts[slot[f], long[f]]
            pace = counts[slot[f], short[f]] * (windows[long[f]] / windows[short[f]])
            out[r, column[f]] = pace / within if within > 0 else np.nan


@compiled
def _groups_of_days(span, slot, group):  # type: ignore[no-untyped-def]  # numba infers
    """Fill `group` with the slots whose days some column asks for; return how many there are."""
    found = 0
    for op in (_ACTIVE, _BUSIEST):
        for f in range(span[op], span[op + 1]):
            there = False
            for g in range(found):
                there |= group[g] == slot[f]
            if not there:
                group[found] = slot[f]
                found += 1
    return found


@compiled
def tell_days(  # type: ignore[no-untyped-def]  # numba infers
    upto, occurred, act, order, late, gone, windows, zone_from, zone_offset, as_of, row, span, slot, short, column, out,
    rank, stands_for, on_day, table, line,
):  # fmt: skip
    """Distinct local days with an event, and how many events the busiest day had.

    The newest event of a day stands for the day: the day is in a window while that event is.

    rank, stands_for, on_day : scratch of at least as many rows as there are events
    """
    n_windows = len(windows)
    if len(as_of) == 1:
        _tell_days_once(
            upto[0], occurred, act, order, late, windows, zone_from, zone_offset, as_of[0], row[0], span, slot, short,
            column, out, table, line,
        )  # fmt: skip
        return
    active, busiest, group = table[0], line[0], line[1]
    n_groups = _groups_of_days(span, slot, group)
    active[: NOWHERE + 1] = 0
    busiest[: NOWHERE + 1] = 0
    want_busiest = span[_BUSIEST + 1] > span[_BUSIEST]
    rank_days(occurred, order, late, zone_from, zone_offset, n_groups, rank, stands_for, on_day)
    first = 0
    for p in range(len(as_of)):
        moment = as_of[p]
        if p > 0:
            for w in range(n_windows):
                for at in range(gone[p - 1, w], gone[p, w]):
                    e = order[at] if late else at
                    if e >= first or act[e] < 0:
                        continue
                    for g in range(n_groups):  # without a branch: what stands for its day is anybody's guess
                        active[group[g], w] -= 1 if stands_for[rank[e], g] == e else 0
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when, d = occurred[e], rank[e]
            for g in range(n_groups):
                s = group[g]
                if s != act[e] & SLOT and s != (act[e] >> 16) & SLOT:
                    continue
                if want_busiest:
                    on_day[d, g] += 1
                    busiest[s] = max(busiest[s], on_day[d, g])
                old = stands_for[d, g]
                if old >= 0 and when < occurred[old]:
                    continue
                stands_for[d, g] = e
                inner = 0
                while inner < n_windows and moment - when >= windows[inner]:
                    inner += 1
                outer = n_windows + 1  # from here on windows held the day already
                if old >= 0:
                    outer = inner
                    while outer < n_windows and moment - occurred[old] >= windows[outer]:
                        outer += 1
                for w in range(inner, outer):
                    active[s, w] += 1
        first = upto[p]
        for f in range(span[_ACTIVE], span[_ACTIVE + 1]):
            out[row[p], column[f]] = active[slot[f], short[f]]
        for f in range(span[_BUSIEST], span[_BUSIEST + 1]):
            out[row[p], column[f]] = busiest[slot[f]]


@compiled
def _tell_days_once(  # type: ignore[no-untyped-def]  # numba infers
    n, occurred, act, order, late, windows, zone_from, zone_offset, moment, row, span, slot, short, column, out, table,
    line,
):  # fmt: skip
    """The same for a single moment: going back in time, the first event of a day that is met stands for it."""
    n_windows = len(windows)
    active, busiest, today, on_day, group = table[0], line[0], line[1], line[2], line[3]
    n_groups = _groups_of_days(span, slot, group)
    active[: NOWHERE + 1] = 0
    busiest[: NOWHERE + 1] = 0
    on_day[: NOWHERE + 1] = 0
    today[: NOWHERE + 1] = NEVER
    inner = 0
    for at in range(n - 1, -1, -1):
        e = order[at] if late else at
        if act[e] < 0:
            continue
        when = occurred[e]
        day = (when + ahead(zone_from, zone_offset, when)) // DAY
        while inner < n_windows and moment - when >= windows[inner]:
            inner += 1
        for g in range(n_groups):
            s = group[g]
            if s == act[e] & SLOT or s == (act[e] >> 16) & SLOT:
                new = 1 if today[s] != day else 0  # without branches: whether a day is new is anybody's guess
                today[s] = day
                active[s, inner] += new  # and in all longer windows, below
                on_day[s] = on_day[s] * (1 - new) + 1
                busiest[s] = max(busiest[s], on_day[s])
    for w in range(1, n_windows + 1):
        for s in range(NOWHERE + 1):
            active[s, w] += active[s, w - 1]
    for f in range(span[_ACTIVE], span[_ACTIVE + 1]):
        out[row, column[f]] = active[slot[f], short[f]]
    for f in range(span[_BUSIEST], span[_BUSIEST + 1]):
        out[row, column[f]] = busiest[slot[f]]


@compiled
def pick_valued(upto, occurred, act, value, wanted, to_upto, to_occurred, to_act, to_value):  # type: ignore[no-untyped-def]  # numba infers
    """Copy the events that have a value and whose own slot is `wanted`; return how many there are."""
    n, first = 0, 0
    for p in range(len(upto)):
        for e in range(first, upto[p]):
            if act[e] >= 0 and value[e] != NO_VALUE and wanted[(act[e] >> 32) & SLOT]:
                to_occurred[n], to_act[n], to_value[n] = occurred[e], act[e], value[e]
                n += 1
        first = upto[p]
        to_upto[p] = n
    return n


@compiled
def tell_values(  # type: ignore[no-untyped-def]  # numba infers
    upto, occurred, act, value, order, late, gone, windows, as_of, row, span, slot, short, column, out, table, line
):
    """Sums in windows, the highest and the latest value; sums are of integers, so no order can change a bit.

    The events are those that `pick_valued` picked.
    """
    n_windows = len(windows)
    sums, many = table[0], table[1]
    sums[:] = 0
    many[:] = 0
    highest, latest, latest_at = line[0], line[1], line[2]
    highest[:] = NO_VALUE
    latest_at[:] = -1
    first = 0
    for p in range(len(as_of)):
        moment = as_of[p]
        if p > 0:
            for w in range(n_windows):
                for at in range(gone[p - 1, w], gone[p, w]):
                    e = order[at] if late else at
                    if e < first:
                        sums[(act[e] >> 32) & SLOT, w] -= value[e]
                        many[(act[e] >> 32) & SLOT, w] -= 1
        for e in range(first, upto[p]):
            s, when, worth = (act[e] >> 32) & SLOT, occurred[e], value[e]
            inner = 0
            while inner < n_windows and moment - when >= windows[inner]:
                inner += 1
            for w in range(inner, n_windows + 1):
                sums[s, w] += worth
                many[s, w] += 1
            highest[s] = max(highest[s], worth)
            if when >= latest_at[s]:
                latest_at[s], latest[s] = when, worth
        first, r = upto[p], row[p]
        for f in range(span[_SUM], span[_SUM + 1]):
            s, w = slot[f], short[f]
            out[r, column[f]] = sums[s, w] / 1e6 if many[s, w] > 0 else np.nan
        for f in range(span[_HIGHEST], span[_HIGHEST + 1]):
            s = slot[f]
            out[r, column[f]] = highest[s] / 1e6 if many[s, n_windows] > 0 else np.nan
        for f in range(span[_LATEST], span[_LATEST + 1]):
            s = slot[f]
            out[r, column[f]] = latest[s] / 1e6 if many[s, n_windows] > 0 else np.nan
