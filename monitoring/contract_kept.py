"""What sales did with the leads that were handed over to them: first contacts, reports, returns.

The first contact is the first act of sales after the hand-over (data.worked): accepting the lead, sending it back, or
what `journey.worked` names. Hours are counted round the clock, weekends too. A lead that closed by itself before the
time was over needs no contact any more.

A report is complete when every property that the contract asks for is there: on the acceptance or return itself, on
what sales said of the lead later, or as a trait of it, known in time.
"""

from dataclasses import dataclass

import numpy as np

from data.events import MICROS_PER_DAY
from data.identity import fold
from data.journey import Status, standing
from data.known import holdings_at
from data.log import NEVER, EventLog, Floats, Ints
from data.said import Bools, Said, reason_of
from data.worked import acts
from monitoring.contract_weeks import Handed
from veraison.playbook import Playbook
from veraison.playbook_contract import Contract

_HOUR = MICROS_PER_DAY // 24
_OPEN = (Status.scored, Status.too_early)


@dataclass(frozen=True)
class Contacts:
    """(n,) of leads handed over: whether the time to the first contact is over, hours to it (inf: none), by whom.

    seller : place in the names of `Sellers`, -1 for nobody
    """

    due: Bools
    hours: Floats
    seller: Ints


@dataclass(frozen=True)
class Spoken:
    """(n,) of acceptances and returns: whether the time to report is over, whether all was reported, by whom.

    undeclared : a return without a declared reason
    """

    due: Bools
    reported: Bools
    seller: Ints
    undeclared: Bools


class Sellers:
    """Who acted: as an event names who did, else who has the lead by the playbook's trait."""

    def __init__(self, log: EventLog, playbook: Playbook, as_of: int) -> None:
        self._log = log
        held = holdings_at(log, playbook.pages.seller, as_of)
        self.names = sorted({*log.actors, *(one.seller for one in held.values())}, key=lambda name: (fold(name), name))
        places = {name: place for place, name in enumerate(self.names)}
        self._owner = np.full(len(log.leads), -1, dtype=np.int64)
        for code, one in held.items():
            self._owner[code] = places[one.seller]
        self._actor = np.array([places[name] for name in log.actors] + [-1], dtype=np.int64)

    def of(self, row: Ints, person: Ints) -> Ints:
        """(n,) who did the event at each row (-1: no event), else who has the lead."""
        actor = np.full(len(row), -1, dtype=np.int64)
        if len(self._log.actor):
            actor = np.where(row >= 0, self._actor[self._log.actor[np.maximum(row, 0)]], -1)
        found: Ints = np.where(actor >= 0, actor, self._owner[person])
        return found


def contacts(log: EventLog, playbook: Playbook, handed: Handed, sellers: Sellers, as_of: int) -> Contacts:
    """The first contact of each lead after its hand-over, as known at a moment (microseconds UTC)."""
    assert playbook.contract is not None
    allowed = playbook.contract.contact_hours * _HOUR
    person = log.persons(as_of)[handed.lead].astype(np.int64)
    rows = np.flatnonzero(acts(log, playbook.journey) & (log.known < as_of))
    who = np.searchsorted(log.offsets, rows, side="right") - 1
    order = np.lexsort((log.occurred[rows], who))
    rows, who = rows[order], who[order]
    row = np.full(len(handed), -1, dtype=np.int64)
    begins, ends = np.searchsorted(who, person, side="left"), np.searchsorted(who, person, side="right")
    for place, (begin, end, since) in enumerate(zip(begins, ends, handed.as_of, strict=True)):
        at = begin + int(np.searchsorted(log.occurred[rows[begin:end]], since, side="left"))
        if at < end:
            row[place] = rows[at]
    hours = np.where(row >= 0, (log.occurred[np.maximum(row, 0)] - handed.as_of) / _HOUR, np.inf)
    until = handed.as_of + allowed
    closed = ~np.isin(standing(log, playbook.journey, person, np.minimum(until, as_of)).status, _OPEN)
    in_time = hours <= playbook.contract.contact_hours
    return Contacts((until <= as_of) & (in_time | ~closed), hours, sellers.of(row, person))


def spoken(log: EventLog, playbook: Playbook, heard: Said, sellers: Sellers, as_of: int) -> Spoken:
    """What came with each acceptance and return, as known at a moment (microseconds UTC)."""
    assert playbook.contract is not None
    terms = playbook.contract
    occurred = log.occurred[heard.row]
    until = np.minimum(occurred + terms.report_days * MICROS_PER_DAY, as_of)
    reported = np.ones(len(heard), dtype=np.bool_)
    for name in terms.report:
        reported &= _first_word(log, heard, name) < until
    due = (occurred + terms.report_days * MICROS_PER_DAY <= as_of) & bool(terms.report)
    return Spoken(due, reported, sellers.of(heard.row, heard.lead), heard.returned & ~_declared(terms, heard))


def _first_word(log: EventLog, heard: Said, name: str) -> Ints:
    """(n,) when something was first known of what each lead's report asks for; `NEVER` where it is not."""
    found = np.full(len(log.leads), NEVER, dtype=np.int64)
    carrying = np.array([name in names for names in heard.carries], dtype=np.bool_)
    np.minimum.at(found, heard.lead[carrying], log.known[heard.row[carrying]])
    if name in log.trait_names:
        rows = np.flatnonzero(log.trait_name == log.trait_names.index(name))
        np.minimum.at(found, np.searchsorted(log.trait_offsets, rows, side="right") - 1, log.trait_known[rows])
    return found[heard.lead]


def _declared(terms: Contract, heard: Said) -> Bools:
    allowed = {reason_of(name) for name in terms.return_reasons}
    return np.array([reason in allowed for reason in heard.reason], dtype=np.bool_)
