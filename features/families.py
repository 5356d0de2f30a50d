"""One family of columns at a time: compiled functions that tell one lead's numbers at each of its moments.

Each takes the history of one lead (``occurred, act``, and ``value`` or ``actor`` where it needs them), its moments
``as_of`` in ascending order with the rows ``row`` of ``out`` that they fill, and the program: the features of op o are
``span[o]:span[o + 1]`` of ``slot``, ``short``, ``long`` and ``column``.

upto  : (moments,) how many events are visible at each
act   : (events,) the three slots where the event counts, sixteen bits each (all, group, own); -1 where it is no act
order : places of the events by when they happened, used where something came `late`
gone  : (moments, windows) how many of them, in that order, each window has let go

They are small on purpose: of one loop over everything the compiler makes code that is three times as slow.
"""

from decimal import Decimal, localcontext

import numba
import numpy as np

from features.catalogue import Op

DAY = 86_400 * 1_000_000
HOUR = 3_600 * 1_000_000
NO_VALUE = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max

ALL, INBOUND, OUTBOUND, OTHER, NOWHERE = range(5)
"""The first slots: groups of kinds, and one for what counts nowhere; the kinds' own slots follow."""
RECENT = 3
"""So many of the newest kinds are kept."""
OPENS, CLOSES = 9, 18
"""Office hours, Monday to Friday."""
_SLOT = 0xFFFF
_MONDAY = 3  # 1970-01-01 was a Thursday
_FAR = 500.0
_STEPS = 512
_LN2_STEP = 0.6931471805599453 / _STEPS


def _powers() -> tuple[np.ndarray, np.ndarray]:
    """2**(i / _STEPS) for i in 0.._STEPS, and 2.0**k for k in -1074..1023, each the nearest float there is."""
    with localcontext() as context:
        context.prec = 40
        fine = [float(Decimal(2) ** (Decimal(i) / _STEPS)) for i in range(_STEPS + 1)]
    return np.array(fine), np.array([np.ldexp(1.0, k) for k in range(-1074, 1024)])


_FINE, _WHOLE = _powers()

_COUNT, _SINCE, _FIRST, _TREND = Op.count.value, Op.since.value, Op.first.value, Op.trend.value
_ACTIVE, _BUSIEST, _OFFICE = Op.active_days.value, Op.busiest_day.value, Op.office_hours.value
_DECAYED, _SUM, _HIGHEST, _LATEST = Op.decayed.value, Op.sum.value, Op.highest.value, Op.latest.value
_GAP_MEAN, _GAP_LONGEST = Op.gap_mean.value, Op.gap_longest.value
_BURSTINESS, _OVERDUE = Op.burstiness.value, Op.overdue.value
_RECENT, _STAGE, _IN_STAGE = Op.recent_kind.value, Op.stage.value, Op.in_stage.value
_ACTORS, _LAST_ACTOR, _SEQUENCE = Op.actors.value, Op.last_actor.value, Op.sequence.value

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def power_of_two(x):  # type: ignore[no-untyped-def]  # numba infers
    """2**x to a few parts in 1e16; 0 below 2**-1022, infinite from 2**1023 on.

    Made of a table and of plain sums and products, so that its bits do not depend on a machine's libm.

    >>> power_of_two(10.0), abs(power_of_two(-0.5) - 2**-0.5) < 1e-15
    (1024.0, True)
    """
    if not x >= -1022.0:
        return 0.0
    if x >= 1023.0:
        return np.inf
    whole = np.floor(x)
    step = (x - whole) * _STEPS
    place = int(step)
    r = (step - place) * _LN2_STEP
    near = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0))))
    return _WHOLE[np.uint64(int(whole) + 1074)] * (_FINE[np.uint64(place)] * near)


@_compiled
def ahead(zone_from, zone_offset, when):  # type: ignore[no-untyped-def]  # numba infers
    """Microseconds by which local time is ahead of UTC."""
    if len(zone_from) == 1:
        return zone_offset[0]
    return zone_offset[max(0, np.searchsorted(zone_from, when, side="right") - 1)]


@_compiled
def any_late(occurred):  # type: ignore[no-untyped-def]  # numba infers
    """Whether an event stands after one that happened later."""
    for e in range(1, len(occurred)):
        if occurred[e] < occurred[e - 1]:
            return True
    return False


@_compiled
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


@_compiled
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


@_compiled
def rank_days(occurred, order, late, zone_from, zone_offset, rank, stands_for, on_day):  # type: ignore[no-untyped-def]  # numba infers
    """Number the local days of one lead's events, and empty what is kept of each day."""
    days, midnight = -1, np.int64(0)
    for at in range(len(occurred)):
        e = order[at] if late else at
        local = occurred[e] + ahead(zone_from, zone_offset, occurred[e])
        if days < 0 or local >= midnight or local < midnight - DAY:
            days, midnight = days + 1, (local // DAY + 1) * DAY
            for s in range(NOWHERE + 1):
                stands_for[days, s] = -1
                on_day[days, s] = 0
        rank[e] = days


@_compiled
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
                        counts[act[e] & _SLOT, w] -= 1
                        counts[(act[e] >> 16) & _SLOT, w] -= 1
                        counts[(act[e] >> 32) & _SLOT, w] -= 1
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when = occurred[e]
            s0, s1, s2 = act[e] & _SLOT, (act[e] >> 16) & _SLOT, (act[e] >> 32) & _SLOT
            inner = n_windows if moment - when >= windows[-1] else 0  # of a long history most is old
            while inner < n_windows and moment - when >= windows[inner]:
                inner += 1
            for w in range(inner, n_windows + 1):
                counts[s0, w] += 1
                counts[s1, w] += 1
                counts[s2, w] += 1
            newest[s0] = max(newest[s0], when)
            newest[s1] = max(newest[s1], when)
            newest[s2] = max(newest[s2], when)
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


@_compiled
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
    rank_days(occurred, order, late, zone_from, zone_offset, rank, stands_for, on_day)
    active = np.zeros((NOWHERE + 1, n_windows + 1), dtype=np.int64)
    busiest = np.zeros(NOWHERE + 1, dtype=np.int64)
    wanted = np.zeros(NOWHERE + 1, dtype=np.bool_)
    for op in (_ACTIVE, _BUSIEST):
        for f in range(span[op], span[op + 1]):
            wanted[slot[f]] = True
    first = 0
    for p in range(len(as_of)):
        moment = as_of[p]
        if p > 0:
            for w in range(n_windows):
                for at in range(gone[p - 1, w], gone[p, w]):
                    e = order[at] if late else at
                    if e >= first or act[e] < 0:
                        continue
                    for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT):
                        if wanted[s] and stands_for[rank[e], s] == e:
                            active[s, w] -= 1
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when, d = occurred[e], rank[e]
            for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT):
                if not wanted[s]:
                    continue
                on_day[d, s] += 1
                busiest[s] = max(busiest[s], on_day[d, s])
                old = stands_for[d, s]
                if old >= 0 and when < occurred[old]:
                    continue
                stands_for[d, s] = e
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


@_compiled
def _tell_days_once(  # type: ignore[no-untyped-def]  # numba infers
    n, occurred, act, order, late, windows, zone_from, zone_offset, moment, row, span, slot, short, column, out, table,
    line,
):  # fmt: skip
    """The same for a single moment: going back in time, the first event of a day that is met stands for it."""
    n_windows = len(windows)
    active, busiest, today, on_day, wanted = table[0], line[0], line[1], line[2], line[3]
    active[: NOWHERE + 1] = 0
    busiest[: NOWHERE + 1] = 0
    on_day[: NOWHERE + 1] = 0
    today[: NOWHERE + 1] = NEVER
    wanted[: NOWHERE + 1] = 0
    for op in (_ACTIVE, _BUSIEST):
        for f in range(span[op], span[op + 1]):
            wanted[slot[f]] = 1
    inner = 0
    for at in range(n - 1, -1, -1):
        e = order[at] if late else at
        if act[e] < 0:
            continue
        when = occurred[e]
        day = (when + ahead(zone_from, zone_offset, when)) // DAY
        while inner < n_windows and moment - when >= windows[inner]:
            inner += 1
        for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT):
            if wanted[s] == 1:  # below without branches: whether a day is new is anybody's guess
                new = 1 if today[s] != day else 0
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


@_compiled
def pick_valued(upto, occurred, act, value, wanted, to_upto, to_occurred, to_act, to_value):  # type: ignore[no-untyped-def]  # numba infers
    """Copy the events that have a value and whose own slot is `wanted`; return how many there are."""
    n, first = 0, 0
    for p in range(len(upto)):
        for e in range(first, upto[p]):
            if act[e] >= 0 and value[e] != NO_VALUE and wanted[(act[e] >> 32) & _SLOT]:
                to_occurred[n], to_act[n], to_value[n] = occurred[e], act[e], value[e]
                n += 1
        first = upto[p]
        to_upto[p] = n
    return n


@_compiled
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
                        sums[(act[e] >> 32) & _SLOT, w] -= value[e]
                        many[(act[e] >> 32) & _SLOT, w] -= 1
        for e in range(first, upto[p]):
            s, when, worth = (act[e] >> 32) & _SLOT, occurred[e], value[e]
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


@_compiled
def tell_decays(upto, occurred, act, n_slots, half_lives, as_of, row, span, slot, short, column, out, line):  # type: ignore[no-untyped-def]  # numba infers
    """Counts in which an event weighs half as much each half-life.

    Weights are kept as seen from an anchor; the moment of a look only scales the sum, so looking changes nothing.
    """
    decayed = np.empty(n_slots)
    wanted = line[0]
    wanted[:] = 0
    for f in range(span[_DECAYED], span[_DECAYED + 1]):
        wanted[slot[f]] = 1
    for h in range(len(half_lives)):
        half_life, rate = half_lives[h], 1.0 / half_lives[h]
        anchor = occurred[0] if len(occurred) > 0 else 0
        decayed[:] = 0.0
        total = 0.0  # of slot ALL, kept at hand: nearly every event adds to it
        first = 0
        for p in range(len(as_of)):
            moment = as_of[p]
            for e in range(first, upto[p]):
                s0, s1, s2 = act[e] & _SLOT, (act[e] >> 16) & _SLOT, (act[e] >> 32) & _SLOT
                if act[e] < 0 or wanted[s0] + wanted[s1] + wanted[s2] == 0:
                    continue
                when = occurred[e]
                x = (when - anchor) * rate
                if x > _FAR:  # move the anchor by whole half-lives, which changes no digit
                    steps = int(x)
                    anchor += steps * half_life
                    shrunk = power_of_two(-float(steps))
                    total *= shrunk
                    for s in range(n_slots):
                        decayed[s] *= shrunk
                    x = (when - anchor) * rate
                weight = power_of_two(x)
                if s0 == ALL:
                    total += weight
                if wanted[s1] == 1:
                    decayed[s1] += weight
                if wanted[s2] == 1:
                    decayed[s2] += weight
            first = upto[p]
            decayed[ALL] = total
            scale = power_of_two(-((moment - anchor) * rate)) if first > 0 else 0.0
            for f in range(span[_DECAYED], span[_DECAYED + 1]):
                if short[f] == h:
                    out[row[p], column[f]] = decayed[slot[f]] * scale


@_compiled
def tell_gaps(upto, occurred, act, as_of, row, span, slot, column, out):  # type: ignore[no-untyped-def]  # numba infers
    """The rhythm of a group of kinds.

    A gap is the way from the newest event so far to a newer one; an event that came late, or at the same moment, makes
    a gap of zero. Burstiness is (r - 1) / (r + 1) with r the coefficient of variation of the gaps: -1 for a clock, 0
    for chance, towards 1 for bursts (Goh and Barabasi 2008).
    """
    many = np.zeros(NOWHERE + 1, dtype=np.int64)
    began = np.zeros(NOWHERE + 1, dtype=np.int64)
    newest = np.full(NOWHERE + 1, -1, dtype=np.int64)
    longest = np.zeros(NOWHERE + 1, dtype=np.int64)
    mean = np.zeros(NOWHERE + 1)
    spread = np.zeros(NOWHERE + 1)
    first = 0
    for p in range(len(as_of)):
        moment, r = as_of[p], row[p]
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when = occurred[e]
            for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT):
                many[s] += 1
                if newest[s] < 0:
                    began[s] = newest[s] = when
                    continue
                gap = max(0, when - newest[s])
                newest[s] = max(newest[s], when)
                longest[s] = max(longest[s], gap)
                off = gap / DAY - mean[s]  # Welford 1962: no difference of large squares
                mean[s] += off / (many[s] - 1)
                spread[s] += off * (gap / DAY - mean[s])
        first = upto[p]
        for f in range(span[_GAP_MEAN], span[_GAP_MEAN + 1]):
            s = slot[f]
            out[r, column[f]] = (newest[s] - began[s]) / DAY / (many[s] - 1) if many[s] > 1 else np.nan
        for f in range(span[_GAP_LONGEST], span[_GAP_LONGEST + 1]):
            s = slot[f]
            out[r, column[f]] = longest[s] / DAY if many[s] > 1 else np.nan
        for f in range(span[_BURSTINESS], span[_BURSTINESS + 1]):
            s = slot[f]
            if many[s] < 3 or newest[s] <= began[s]:
                out[r, column[f]] = np.nan
            else:
                ratio = np.sqrt(spread[s] / (many[s] - 1)) / mean[s]
                out[r, column[f]] = (ratio - 1.0) / (ratio + 1.0)
        for f in range(span[_OVERDUE], span[_OVERDUE + 1]):
            s = slot[f]
            gaps, total = many[s] - 1, newest[s] - began[s]
            out[r, column[f]] = (moment - newest[s]) / (total / gaps) if gaps > 0 and total > 0 else np.nan


@_compiled
def tell_hours(upto, occurred, act, zone_from, zone_offset, as_of, row, span, slot, column, out):  # type: ignore[no-untyped-def]  # numba infers
    """The share of events in office hours, local time."""
    many = np.zeros(NOWHERE + 1, dtype=np.int64)
    office = np.zeros(NOWHERE + 1, dtype=np.int64)
    first = 0
    for p in range(len(as_of)):
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when = occurred[e]
            local = when + ahead(zone_from, zone_offset, when)
            day = local // DAY
            hour = (local - day * DAY) // HOUR
            open_ = 1 if (day + _MONDAY) % 7 < 5 and OPENS <= hour < CLOSES else 0
            for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT):
                many[s] += 1
                office[s] += open_
        first = upto[p]
        for f in range(span[_OFFICE], span[_OFFICE + 1]):
            s = slot[f]
            out[row[p], column[f]] = office[s] / many[s] if many[s] > 0 else np.nan


@_compiled
def tell_stages(upto, occurred, act, n_slots, as_of, row, span, slot, short, column, out):  # type: ignore[no-untyped-def]  # numba infers
    """Since when each kind shows, how many were reached and how long ago the last new one, and the newest kinds."""
    oldest = np.full(n_slots, NEVER, dtype=np.int64)
    recent = np.full(RECENT, -1, dtype=np.int64)
    recent_at = np.full(RECENT, -1, dtype=np.int64)
    want_stage = span[_STAGE + 1] > span[_STAGE] or span[_IN_STAGE + 1] > span[_IN_STAGE]
    first = 0
    for p in range(len(as_of)):
        moment, r = as_of[p], row[p]
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when = occurred[e]
            for s in (act[e] & _SLOT, (act[e] >> 16) & _SLOT, (act[e] >> 32) & _SLOT):
                oldest[s] = min(oldest[s], when)
            at = RECENT
            while at > 0 and when >= recent_at[at - 1]:
                at -= 1
            for k in range(RECENT - 1, at, -1):
                recent[k], recent_at[k] = recent[k - 1], recent_at[k - 1]
            if at < RECENT:
                recent[at], recent_at[at] = ((act[e] >> 32) & _SLOT) - NOWHERE, when
        first = upto[p]
        for f in range(span[_FIRST], span[_FIRST + 1]):
            s = slot[f]
            out[r, column[f]] = (moment - oldest[s]) / DAY if oldest[s] != NEVER else np.nan
        if want_stage:
            reached, reached_at = 0, np.int64(-1)
            for s in range(NOWHERE + 1, n_slots):
                if oldest[s] != NEVER:
                    reached += 1
                    reached_at = max(reached_at, oldest[s])
            for f in range(span[_STAGE], span[_STAGE + 1]):
                out[r, column[f]] = reached
            for f in range(span[_IN_STAGE], span[_IN_STAGE + 1]):
                out[r, column[f]] = (moment - reached_at) / DAY if reached > 0 else np.nan
        for f in range(span[_RECENT], span[_RECENT + 1]):
            which = recent[short[f] - 1]
            out[r, column[f]] = which if which >= 0 else np.nan


@_compiled
def tell_people(upto, occurred, act, actor, lead, met, as_of, row, span, column, out):  # type: ignore[no-untyped-def]  # numba infers
    """How many different people at the firm acted, and who of them last.

    met : (actors,) the last lead that each met; of the caller, so that it need not be emptied for each lead
    """
    many, last, last_at = 0, -1, np.int64(-1)
    first = 0
    for p in range(len(as_of)):
        for e in range(first, upto[p]):
            who, when = actor[e], occurred[e]
            if who >= 0 and act[e] >= 0:
                if met[who] != lead:
                    met[who] = lead
                    many += 1
                if when >= last_at:
                    last, last_at = who, when
        first = upto[p]
        for f in range(span[_ACTORS], span[_ACTORS + 1]):
            out[row[p], column[f]] = many
        for f in range(span[_LAST_ACTOR], span[_LAST_ACTOR + 1]):
            out[row[p], column[f]] = last if last >= 0 else np.nan


@_compiled
def tell_sequences(  # type: ignore[no-untyped-def]  # numba infers
    upto, occurred, act, n_slots, sequence_at, sequence_first, sequence_within, as_of, row, span, slot, column, out
):
    """Whether the newest event of one kind known by then lay less than so long before one of another kind."""
    hit = np.zeros(len(sequence_first), dtype=np.bool_)
    newest = np.full(n_slots, -1, dtype=np.int64)
    first = 0
    for p in range(len(as_of)):
        for e in range(first, upto[p]):
            if act[e] < 0:
                continue
            when, then = occurred[e], (act[e] >> 32) & _SLOT
            for q in range(sequence_at[then], sequence_at[then + 1]):
                begins = sequence_first[q]
                if newest[begins] >= 0 and 0 <= when - newest[begins] < sequence_within[q]:
                    hit[q] = True
            newest[then] = max(newest[then], when)
        first = upto[p]
        for f in range(span[_SEQUENCE], span[_SEQUENCE + 1]):
            out[row[p], column[f]] = 1.0 if hit[slot[f]] else 0.0
