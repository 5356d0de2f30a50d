"""Every stay of every lead in a stage of its journey, as known at a moment.

A *stay* begins when a lead enters a stage and ends when it leaves it: for a later stage (next), because sales gave it
back (back), because it was lost or asked to be left alone, or it has not ended yet (still).

Worked example, with the usual stages. L1 visits on 1 March, says who it is on 3 March, is accepted on 10 March, given
back on 12 March, accepted again on 20 March and won on 2 April. Its stays are anonymous (2 days, next), mql (7, next),
sql (2, back), mql (8, next), sql (13, next), customer (still). Who says who it is within a minute of the first event
was never anonymous: a form is sent by the page that was looked at.

Rules, each of them looking at ``occurred_at`` of what is visible (``known_at < as_of``):

- a lead goes on to any later stage, never back by an act of its own; at one moment only the latest stage counts;
- sales give back a lead that stands where they accepted it or later: it returns to the stage that it was in before
  they accepted it, and where it was in none to the stage before theirs;
- the first win or loss closes the journey; at one moment a win comes first, as in data.journey;
- who opted out is in no stage any more, but a win counts all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numba
import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.log import NEVER, Codes, EventLog, Floats, Ints
from veraison.playbook import Playbook
from veraison.playbook_stages import Rule, Zone

Bools = npt.NDArray[np.bool_]
_WHO = ("identify", "alias")
"""Kinds of event that say who a lead is, where the playbook names no trait that does."""
AT_ONCE = MICROS_PER_DAY // 1440
"""Who is known within a minute of the first event was never anonymous."""


class Exit(IntEnum):
    """How a stay ended."""

    still = 0
    next = 1
    back = 2
    lost = 3
    opted_out = 4


@dataclass(frozen=True)
class Stays:
    """(n,) stays, by lead and then in their order.

    lead    : code in the log
    stage   : place among the playbook's zones
    entered : microseconds UTC
    left    : microseconds UTC, `NEVER` while it lasts
    exit    : `Exit`
    to      : the stage it was left for, -1 where for none
    at      : the moment it is known at, microseconds UTC
    """

    lead: Ints
    stage: Ints
    entered: Ints
    left: Ints
    exit: Ints
    to: Ints
    at: int

    def __len__(self) -> int:
        return len(self.lead)

    def __getitem__(self, rows: Bools | Ints) -> "Stays":
        return Stays(
            self.lead[rows], self.stage[rows], self.entered[rows], self.left[rows], self.exit[rows], self.to[rows],
            self.at,
        )  # fmt: skip

    @property
    def days(self) -> Floats:
        """(n,) days in the stage, until it was left or until the moment this is known at."""
        found: Floats = (np.minimum(self.left, self.at) - self.entered) / MICROS_PER_DAY
        return found


def stays(log: EventLog, book: Playbook, as_of: int) -> Stays:
    """All stays as known at a moment, microseconds UTC; leads that became part of another have none."""
    zones = book.zones
    lead, at, code = _signals(log, book, zones, as_of)
    accepted = next((place for place, one in enumerate(zones) if one.accepted), -1)
    columns = np.empty((6, 2 * len(lead)), dtype=np.int64)
    count = _walk(lead, at, code, len(zones), accepted, columns)
    who, stage, entered, left, how, to = columns[:, :count]
    return Stays(who, stage, entered, left, how, to, as_of)


def absent(log: EventLog, book: Playbook, as_of: int) -> list[str]:
    """One line for each event, and each trait, that the journey or a stage names and that has not occurred so far."""
    kinds = {log.kinds[one] for one in np.unique(log.kind[log.known < as_of])}
    names = {log.trait_names[one] for one in np.unique(log.trait_name[log.trait_known < as_of])}
    found = [
        f"journey.{key}: no event {one!r} has occurred so far"
        for key in ("created", "ready", "converted", "lost", "returned", "opted_out")
        for one in getattr(book.journey, key)
        if one not in kinds
    ]
    for name, stage in book.stages.items():
        for key, wanted in (
            ("events", stage.events),
            *((f"rules.{n}.of", one.of) for n, one in enumerate(stage.rules)),
        ):
            found += [
                f"stages.{name}.{key}: no event {one!r} has occurred so far" for one in wanted if one not in kinds
            ]
        found += [
            f"stages.{name}.requires: no lead has the trait {one!r} so far"
            for one in stage.requires
            if one not in names
        ]
    return found


def _signals(log: EventLog, book: Playbook, zones: Sequence[Zone], as_of: int) -> tuple[Ints, Ints, Ints]:
    """(lead, at, code) of all that can move a lead, by lead and moment; codes beyond the stages as in `_walk`."""
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.offsets))
    seen = np.flatnonzero((log.known < as_of) & (log.merged_at[rows] >= as_of))
    lead, occurred, kind = rows[seen], log.occurred[seen], log.kind[seen]
    meant = [*(one.events for one in zones), book.journey.returned, book.journey.opted_out, book.journey.lost]
    table = np.full(len(log.kinds), -1, dtype=np.int64)
    for number, names in enumerate(meant):
        table[_among(log.kinds, names)] = number
    code = table[kind]
    found = [(lead[code >= 0], occurred[code >= 0], code[code >= 0])]
    for place, zone in enumerate(zones):
        for rule in zone.rules:
            there = np.isin(kind, _among(log.kinds, rule.of))
            found.append(_coded(*_kept(lead[there], occurred[there], rule), place))
        if zone.identity:
            found.append(_coded(*_identified(log, book.identity.keys, as_of, (lead, occurred, kind)), place))
    for place, zone in enumerate(zones):
        if zone.first_event:
            who, when = _first(lead, occurred)
            later = np.full(len(log.leads), NEVER, dtype=np.int64)
            for other, at, codes in found:
                ahead = (codes > place) & (codes < len(zones))
                np.minimum.at(later, other[ahead], at[ahead])
            alone = later[who] - AT_ONCE > when
            found.append(_coded(who[alone], when[alone], place))
    lead, at, code = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((code, at, lead))
    return lead[order], at[order], code[order]


def _among(names: Sequence[str], wanted: Sequence[str]) -> Ints:
    return np.array([place for place, name in enumerate(names) if name in set(wanted)], dtype=np.int64)


def _coded(lead: Ints, at: Ints, code: int) -> tuple[Ints, Ints, Ints]:
    return lead, at, np.full(len(lead), code, dtype=np.int64)


def _first(lead: Ints, occurred: Ints) -> tuple[Ints, Ints]:
    """Each lead once, with its earliest moment."""
    order = np.lexsort((occurred, lead))
    who, place = np.unique(lead[order], return_index=True)
    return who, occurred[order][place]


def _kept(lead: Ints, occurred: Ints, rule: Rule) -> tuple[Ints, Ints]:
    """Each act by which a rule holds: so many of the acts lie within its days, this one the last of them."""
    order = np.lexsort((occurred, lead))
    lead, occurred = lead[order], occurred[order]
    last = np.arange(rule.at_least - 1, len(lead))
    first = last - (rule.at_least - 1)
    holds = (lead[first] == lead[last]) & (
        occurred[last] - occurred[first] <= rule.within_days * MICROS_PER_DAY
    )  # fmt: skip
    return lead[last[holds]], occurred[last[holds]]


def _identified(log: EventLog, keys: Sequence[str], as_of: int, events: tuple[Ints, Ints, Codes]) -> tuple[Ints, Ints]:
    """Each lead with the moment from which it is known who it is: by a trait that names people, else by any word."""
    if not keys:
        lead, occurred, kind = events
        said = np.isin(kind, _among(log.kinds, _WHO))
        return _first(lead[said], occurred[said])
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.trait_offsets))
    told = np.isin(log.trait_name, _among(log.trait_names, keys))
    told &= (log.trait_known < as_of) & (log.merged_at[rows] >= as_of)
    return _first(rows[told], log.trait_occurred[told])


_STILL, _NEXT, _BACK = Exit.still.value, Exit.next.value, Exit.back.value
_LOST, _OPTED_OUT = Exit.lost.value, Exit.opted_out.value


@numba.njit(cache=True, nogil=True)
def _walk(lead, at, code, stages, accepted, found):  # type: ignore[no-untyped-def]  # numba infers  # noqa: PLR0912 (one pass, compiled)
    """Write the stays of all leads into the columns of `found`; how many there are.

    code : a stage, or `stages` for returned, then opted out, then lost
    """
    n = i = 0
    here = before = -1  # the stage of the newest stay, and the one before it was accepted
    there = out = closed = False  # whether that stay lasts; opted out; won or lost
    while i < len(lead):
        if i == 0 or lead[i] != lead[i - 1]:
            here, before, there, out, closed = -1, -1, False, False, False
        moment, top, returned, opted, lost = at[i], -1, False, False, False
        j = i
        while j < len(lead) and lead[j] == lead[i] and at[j] == moment:
            if code[j] < stages:
                top = max(top, code[j])
            elif code[j] == stages:
                returned = True
            elif code[j] == stages + 1:
                opted = True
            else:
                lost = True
            j += 1
        won = top == stages - 1
        if not closed and (won or not out):
            if top > here:
                if there:
                    found[3, n - 1], found[4, n - 1], found[5, n - 1] = moment, _NEXT, top
                if here < accepted <= top:
                    before = here if here >= 0 else accepted - 1
                found[0, n], found[1, n], found[2, n] = lead[i], top, moment
                found[3, n], found[4, n], found[5, n] = NEVER, _STILL, -1
                n, here, there = n + 1, top, True
            if won:
                closed = True
            elif lost or opted:
                if there:
                    found[3, n - 1], found[4, n - 1] = moment, _LOST if lost else _OPTED_OUT
                there, closed, out = False, lost, opted
            elif returned and there and here >= accepted >= 0 and before >= 0:
                found[3, n - 1], found[4, n - 1], found[5, n - 1] = moment, _BACK, before
                found[0, n], found[1, n], found[2, n] = lead[i], before, moment
                found[3, n], found[4, n], found[5, n] = NEVER, _STILL, -1
                n, here = n + 1, before
        i = j
    return n
