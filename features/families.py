"""One family of columns at a time: compiled functions that tell one lead's numbers at each of its moments.

Each takes the history of one lead (``occurred, act``, and ``value`` or ``actor`` where it needs them), its moments
``as_of`` in ascending order with the rows ``row`` of ``out`` that they fill, and the program: the features of op o are
``span[o]:span[o + 1]`` of ``slot``, ``short``, ``long`` and ``column``.

upto  : (moments,) how many events are visible at each
act   : (events,) the three slots where the event counts, sixteen bits each (all, group, own); -1 where it is no act

They are small on purpose: of one loop over everything the compiler makes code that is three times as slow. Those that
count within windows are in features.windows.
"""

import numpy as np

from data.log import NEVER
from features.catalogue import RECENT
from features.ops import Op
from features.powers import power_of_two, powers_of_two
from features.slots import ALL, DAY, HOUR, NOWHERE, SLOT, ahead, compiled

OPENS, CLOSES = 9, 18
"""Office hours, Monday to Friday."""
_MONDAY = 3  # 1970-01-01 was a Thursday
_FAR = 500.0

_FIRST, _OFFICE, _DECAYED = Op.first.value, Op.office_hours.value, Op.decayed.value
_GAP_MEAN, _GAP_LONGEST = Op.gap_mean.value, Op.gap_longest.value
_BURSTINESS, _OVERDUE = Op.burstiness.value, Op.overdue.value
_RECENT, _STAGE, _IN_STAGE = Op.recent_kind.value, Op.stage.value, Op.in_stage.value
_ACTORS, _LAST_ACTOR, _SEQUENCE = Op.actors.value, Op.last_actor.value, Op.sequence.value


@compiled
def tell_decays(upto, occurred, act, n_slots, half_lives, as_of, row, span, slot, short, column, out, line, weights):  # type: ignore[no-untyped-def]  # numba infers
    """Counts in which an event weighs half as much each half-life.

    Weights are kept as seen from an anchor; the moment of a look only scales the sum, so looking changes nothing.
    """
    decayed = np.empty(n_slots)
    wanted = line[0]
    newest, oldest = np.int64(0), np.int64(NEVER)
    for e in range(len(occurred)):
        newest, oldest = max(newest, occurred[e]), min(oldest, occurred[e])
    wanted[:] = 0
    for f in range(span[_DECAYED], span[_DECAYED + 1]):
        wanted[slot[f]] = 1
    for h in range(len(half_lives)):
        half_life, rate = half_lives[h], 1.0 / half_lives[h]
        anchor = occurred[0] if len(occurred) > 0 else 0
        far = (newest - anchor) * rate > _FAR or (anchor - oldest) * rate > _FAR
        if not far:
            powers_of_two(occurred, anchor, rate, weights)
        decayed[:] = 0.0
        total = 0.0  # of slot ALL, kept at hand: nearly every event adds to it
        first = 0
        for p in range(len(as_of)):
            moment = as_of[p]
            for e in range(first, upto[p]):
                s0, s1, s2 = act[e] & SLOT, (act[e] >> 16) & SLOT, (act[e] >> 32) & SLOT
                if act[e] < 0 or wanted[s0] + wanted[s1] + wanted[s2] == 0:
                    continue
                if far:
                    x = (occurred[e] - anchor) * rate
                    if x > _FAR:  # move the anchor by whole half-lives, which changes no digit
                        steps = int(x)
                        anchor += steps * half_life
                        shrunk = power_of_two(-float(steps))
                        total *= shrunk
                        for s in range(n_slots):
                            decayed[s] *= shrunk
                        x = (occurred[e] - anchor) * rate
                    weight = power_of_two(x)
                else:
                    weight = weights[e]
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


@compiled
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
            for s in (act[e] & SLOT, (act[e] >> 16) & SLOT):
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


@compiled
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
            for s in (act[e] & SLOT, (act[e] >> 16) & SLOT):
                many[s] += 1
                office[s] += open_
        first = upto[p]
        for f in range(span[_OFFICE], span[_OFFICE + 1]):
            s = slot[f]
            out[row[p], column[f]] = office[s] / many[s] if many[s] > 0 else np.nan


@compiled
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
            for s in (act[e] & SLOT, (act[e] >> 16) & SLOT, (act[e] >> 32) & SLOT):
                oldest[s] = min(oldest[s], when)
            at = RECENT
            while at > 0 and when >= recent_at[at - 1]:
                at -= 1
            for k in range(RECENT - 1, at, -1):
                recent[k], recent_at[k] = recent[k - 1], recent_at[k - 1]
            if at < RECENT:
                recent[at], recent_at[at] = ((act[e] >> 32) & SLOT) - NOWHERE, when
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


@compiled
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


@compiled
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
            when, then = occurred[e], (act[e] >> 32) & SLOT
            for q in range(sequence_at[then], sequence_at[then + 1]):
                begins = sequence_first[q]
                if newest[begins] >= 0 and 0 <= when - newest[begins] < sequence_within[q]:
                    hit[q] = True
            newest[then] = max(newest[then], when)
        first = upto[p]
        for f in range(span[_SEQUENCE], span[_SEQUENCE + 1]):
            out[row[p], column[f]] = 1.0 if hit[slot[f]] else 0.0
