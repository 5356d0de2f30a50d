"""When one contact of a company is won, the open journeys of the colleagues are over: nobody should call them for it.

A colleague's journey counts as ``account_won`` at a moment where

* both are then known to be of one company (the trait of kind ``account``, no free mailbox);
* the win is visible, and the colleague's journey began before it: who comes later comes for something new;
* the colleague is open. Whom sales lost before the win stays lost.

It is a decision, made anew at every moment from what is visible; no label of training changes by it.
"""

from dataclasses import dataclass

import numpy as np

from data.journey import Status, standing
from data.known import companies_at
from data.log import EventLog
from veraison.playbook import Playbook


@dataclass(frozen=True, slots=True)
class AccountWon:
    """Why a journey is over: `lead_id` of the same company was won at a moment (microseconds UTC)."""

    company: str
    lead_id: str
    at: int


def account_won(log: EventLog, playbook: Playbook, as_of: int) -> dict[str, AccountWon]:
    """The open leads whose company was won, each with the first win after its journey began.

    as_of : microseconds UTC
    """
    company = companies_at(log, playbook, as_of)
    if not company:
        return {}
    codes = np.array(sorted(company), dtype=np.int64)
    then = standing(log, playbook.journey, codes, np.full(len(codes), as_of))
    heard = playbook.journey.model_copy(update={"opted_out": ()})  # who asks to be left alone was won all the same
    won = standing(log, heard, codes, np.full(len(codes), as_of))
    wins: dict[str, list[tuple[int, str]]] = {}
    for place in np.flatnonzero(won.status == Status.converted).tolist():
        code = int(codes[place])
        wins.setdefault(company[code], []).append((int(won.closed[place]), log.leads[code]))
    found = {}
    for place in np.flatnonzero(np.isin(then.status, [Status.scored, Status.too_early])).tolist():
        code = int(codes[place])
        after = [win for win in wins.get(company[code], ()) if win[0] > then.started[place]]
        if after:
            at, lead_id = min(after)
            found[log.leads[code]] = AccountWon(company[code], lead_id, at)
    return found
