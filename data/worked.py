"""Which leads sales worked around a score, so that outcomes can be told apart by it.

Sales work on high scores, so a high band that wins more may do so because it was called. A lead counts as *worked* at a
score where

* sales had accepted it and not given it back; or
* they acted on it within `journey.worked_days` before or after the score: accepted it, gave it back, or did one of the
  acts that `journey.worked` names (where none is named, any event that says who at the firm acted).

What closes a lead is no work on it: to win a deal would make a lead worked because it was won. Nor is what comes after.
What happens later than `worked_days` after the score changes nothing either, else who stays open long would be worked
for having stayed (immortal time bias; Suissa 2008). Within those days some of that bias is left.

A worked example, with 14 days: L1 is scored on 1 March, called on 10 March and won on 12 March: worked. L2 is scored
then, and won on 5 March without a call before: not worked. L3 is called on 20 March: not worked at that score.
"""

import numba
import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.journey import Role, roles, standing
from data.log import Codes, EventLog, Ints
from veraison.playbook import Journey

Bools = npt.NDArray[np.bool_]

_CLOSING = (Role.created, Role.converted, Role.lost, Role.opted_out)
_READY, _RETURNED = Role.ready.value, Role.returned.value


def worked(
    log: EventLog, journey: Journey, person: Ints | Codes, as_of: Ints, *, before: int, days: int | None = None
) -> Bools:
    """(n,) whether sales worked a lead around each score, as known at a moment.

    person : (n,) codes in the log, of those whom the leads are at `before`
    as_of  : (n,) moments of the scores, microseconds UTC
    before : microseconds UTC; what became known at it or later is not seen
    days   : acts so many days after a score count at most; None for `journey.worked_days`
    """
    around = journey.worked_days * MICROS_PER_DAY
    after = around if days is None else min(around, days * MICROS_PER_DAY)
    person = np.ascontiguousarray(person, dtype=np.int64)
    open_to_all = journey.model_copy(update={"opted_out": ()})
    closed = standing(log, open_to_all, person, np.full(len(person), before)).closed
    found = np.zeros(len(person), dtype=np.bool_)
    role = roles(log.kinds, journey)
    event_role = role[log.kind] if len(log.kind) else np.empty(0, dtype=np.int32)
    _mark(
        log.offsets, log.known, log.occurred, event_role, acts(log, journey), person,
        np.ascontiguousarray(as_of, dtype=np.int64), before, around, after, closed, found,
    )  # fmt: skip
    return found


def acts(log: EventLog, journey: Journey) -> Bools:
    """(events,) whether each is an act of sales."""
    if not log.kinds:
        return np.zeros(0, dtype=np.bool_)
    role = roles(log.kinds, journey)
    named = np.isin(role, [Role.ready, Role.returned]) | np.array([kind in journey.worked for kind in log.kinds])
    found: Bools = named[log.kind]
    if not journey.worked and log.actors:
        found = found | ((log.actor >= 0) & ~np.isin(role, _CLOSING)[log.kind])
    return found


@numba.njit(cache=True, nogil=True)
def _mark(offsets, known, occurred, role, act, person, as_of, before, around, after, closed, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(person)):
        moment = as_of[p]
        accepted = returned = -1
        for e in range(offsets[person[p]], offsets[person[p] + 1]):
            if known[e] >= before:
                break
            when = occurred[e]
            if when >= closed[p]:
                continue
            if act[e] and moment - around <= when < moment + after:
                found[p] = True
                break
            if when < moment and role[e] == _READY:
                accepted = max(accepted, when)
            elif when < moment and role[e] == _RETURNED:
                returned = max(returned, when)
        if accepted > returned:
            found[p] = True
