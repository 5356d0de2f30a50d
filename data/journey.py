"""Where a lead stands in its journey at a moment, from the events visible then.

A journey starts at the first visible *created* event (at the first event of any kind where the playbook names
none) and closes at the first *converted* or *lost* event by ``occurred_at``; a win after a loss is not a
conversion of that journey. A lead is *ready* while its last acceptance has not been followed by a return: since
the first acceptance after the last return.
"""

from dataclasses import dataclass
from enum import IntEnum

import numba
import numpy as np

from data.log import NEVER, Codes, EventLog, Ints
from veraison.playbook import Journey


class Status(IntEnum):
    """What can be said of a lead at a moment; the names are those of the ``status`` column."""

    scored = 0
    too_early = 1
    not_started = 2
    merged = 3
    converted = 4
    lost = 5
    opted_out = 6
    unknown = 7


class Role(IntEnum):
    """What an event means for the journey."""

    other = -1
    created = 0
    ready = 1
    returned = 2
    converted = 3
    lost = 4
    opted_out = 5


@dataclass(frozen=True)
class Standing:
    """(pairs,) arrays, one entry a (lead, as_of) pair; moments are microseconds UTC.

    status       : `Status`
    started      : ``occurred_at`` of the visible event that started the journey, `NEVER` before it
    started_known: when that event could first be known
    closed       : ``occurred_at`` of the event that closed it, `NEVER` while it is open
    ready        : since when the lead is ready, `NEVER` where it is not
    """

    status: Codes
    started: Ints
    started_known: Ints
    closed: Ints
    ready: Ints


def roles(kinds: list[str], journey: Journey) -> Codes:
    """(kinds,) the `Role` of each kind of event."""
    role = {name: member.value for member in Role if member >= 0 for name in getattr(journey, member.name)}
    return np.array([role.get(kind, Role.other.value) for kind in kinds], dtype=np.int32)


def standing(log: EventLog, journey: Journey, lead: Ints, as_of: Ints) -> Standing:
    """Where each lead stands; a lead code of -1 is unknown.

    lead  : (pairs,) codes of `log`
    as_of : (pairs,) microseconds UTC
    """
    role = roles(log.kinds, journey)
    event_role = role[log.kind] if len(log.kind) else np.empty(0, dtype=np.int32)
    lead = np.ascontiguousarray(lead, dtype=np.int64)
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    status = np.empty(len(lead), dtype=np.int32)
    moments = np.full((4, len(lead)), NEVER, dtype=np.int64)
    _stand(
        log.offsets, log.known, log.occurred, event_role, log.merged_at,
        not journey.created, lead, as_of, status, moments,
    )  # fmt: skip
    return Standing(status, moments[0], moments[1], moments[2], moments[3])


def first_ripening(log: EventLog, journey: Journey, lead: Ints, after: Ints, before: Ints) -> Ints:
    """(pairs,) when each lead first became ready or converted after `after`, as known at `before`; else `NEVER`.

    A conversion that follows a loss does not count: the journey had ended.
    """
    role = roles(log.kinds, journey)
    event_role = role[log.kind] if len(log.kind) else np.empty(0, dtype=np.int32)
    found = np.full(len(lead), NEVER, dtype=np.int64)
    _ripen(
        log.offsets, log.known, log.occurred, event_role,
        np.ascontiguousarray(lead, dtype=np.int64), np.ascontiguousarray(after, dtype=np.int64),
        np.ascontiguousarray(before, dtype=np.int64), found,
    )  # fmt: skip
    return found


def won_at(log: EventLog, journey: Journey, lead: Ints, before: int) -> Ints:
    """(n,) when the person that each lead is was won, as known at `before`; `NEVER` where that is not known.

    Opting out stops the scoring of a lead, not its journey: a win counts.
    """
    person = log.persons(before)[lead].astype(np.int64)
    heard = journey.model_copy(update={"opted_out": ()})
    then = standing(log, heard, person, np.full(len(person), before))
    found: Ints = np.where(then.status == Status.converted, then.closed, NEVER)
    return found


_CREATED, _READY, _RETURNED = Role.created.value, Role.ready.value, Role.returned.value
_CONVERTED, _LOST, _OPTED_OUT = Role.converted.value, Role.lost.value, Role.opted_out.value
_S_SCORED, _S_NOT_STARTED, _S_MERGED = Status.scored.value, Status.not_started.value, Status.merged.value
_S_CONVERTED, _S_LOST = Status.converted.value, Status.lost.value
_S_OPTED_OUT, _S_UNKNOWN = Status.opted_out.value, Status.unknown.value


@numba.njit(cache=True, nogil=True)
def _stand(offsets, known, occurred, role, merged_at, any_starts, lead, as_of, status, moments):  # type: ignore[no-untyped-def]  # numba infers  # noqa: PLR0912 (one pass over a history, compiled)
    for p in range(len(lead)):
        code, moment = lead[p], as_of[p]
        started = started_known = closed = ready = returned = NEVER
        won = opted_out = seen = False
        if code >= 0:
            for e in range(offsets[code], offsets[code + 1]):
                if known[e] >= moment:
                    break
                seen = True
                what, when = role[e], occurred[e]
                if (any_starts or what == _CREATED) and started_known == NEVER:
                    started_known = known[e]
                if (any_starts or what == _CREATED) and when < started:
                    started = when
                if what in (_CONVERTED, _LOST):
                    if when < closed or (when == closed and what == _CONVERTED):
                        closed, won = when, what == _CONVERTED
                elif what == _RETURNED and (returned == NEVER or when > returned):
                    returned = when
                elif what == _OPTED_OUT:
                    opted_out = True
            for e in range(offsets[code], offsets[code + 1]):
                if known[e] >= moment:
                    break
                if role[e] == _READY and occurred[e] < ready and (returned == NEVER or occurred[e] > returned):
                    ready = occurred[e]
        if not seen:
            status[p] = _S_UNKNOWN
        elif merged_at[code] < moment:
            status[p] = _S_MERGED
        elif opted_out:
            status[p] = _S_OPTED_OUT
        elif closed != NEVER:
            status[p] = _S_CONVERTED if won else _S_LOST
        elif started == NEVER:
            status[p] = _S_NOT_STARTED
        else:
            status[p] = _S_SCORED
        moments[0, p], moments[1, p], moments[2, p], moments[3, p] = started, started_known, closed, ready


@numba.njit(cache=True, nogil=True)
def _ripen(offsets, known, occurred, role, lead, after, before, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(lead)):
        first = lost = NEVER
        for e in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[e] >= before[p]:
                break
            if role[e] == _LOST and occurred[e] < lost:
                lost = occurred[e]
            elif role[e] in (_READY, _CONVERTED) and after[p] <= occurred[e] < first:
                first = occurred[e]
        found[p] = first if first <= lost else NEVER
