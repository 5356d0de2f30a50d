"""Who came, and who bought: leads and sales as known at a moment, a person once.

The sale of a lead is the conversion that ended its journey (data.journey): what a customer buys later is another
journey's, and a win after a loss is no conversion of this one.
"""

from dataclasses import dataclass

import numpy as np

from data.journey import Status, first_ripening, standing
from data.log import NEVER, NO_VALUE, EventLog, Floats, Ints
from data.stays import Bools
from veraison.playbook import Playbook

_EVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class People:
    """(n,) leads whose journey began, or that were won without.

    lead   : code of the person
    began  : microseconds UTC, of the journey; of the sale where nothing began it
    ready  : whether sales accepted it, or it was won
    won    : when, `NEVER` where it was not
    amount : millionths, `NO_VALUE` where no sale, or a sale without an amount
    """

    lead: Ints
    began: Ints
    ready: Bools
    won: Ints
    amount: Ints

    def __len__(self) -> int:
        return len(self.lead)

    def __getitem__(self, rows: Bools | Ints) -> "People":
        return People(*(getattr(self, name)[rows] for name in ("lead", "began", "ready", "won", "amount")))

    @property
    def sold(self) -> "People":
        """Those that were won, by the moment of the sale."""
        mine = np.flatnonzero(self.won != NEVER)
        return self[mine[np.lexsort((self.lead[mine], self.won[mine]))]]

    @property
    def revenue(self) -> Floats:
        """(n,) amounts, 0 where there is none."""
        return np.where(self.amount == NO_VALUE, 0, self.amount) / 1e6


def people(log: EventLog, book: Playbook, at: int) -> People:
    """Everyone who is a lead, as known at a moment. Opting out ends no journey: a sale counts."""
    heard = book.journey.model_copy(update={"opted_out": ()})
    every = np.flatnonzero(log.merged_at >= at)
    moment = np.full(len(every), at, dtype=np.int64)
    found = standing(log, heard, every, moment)
    won: Ints = np.where(found.status == Status.converted, found.closed, NEVER)
    mine = (found.started != NEVER) | (won != NEVER)
    every, won = every[mine], won[mine]
    ripe = first_ripening(log, heard, every, np.full(len(every), _EVER), moment[mine])
    return People(
        lead=every,
        began=np.where(found.started[mine] == NEVER, won, found.started[mine]),
        ready=ripe != NEVER,
        won=won,
        amount=_amounts(log, book, every, won, at),
    )


def _amounts(log: EventLog, book: Playbook, lead: Ints, won: Ints, at: int) -> Ints:
    """(n,) the value of the event that was the sale; of several at its moment the first that has one."""
    selling = np.array([kind in book.journey.converted for kind in log.kinds] or [False], dtype=np.bool_)
    found = np.full(len(lead), NO_VALUE, dtype=np.int64)
    for place in np.flatnonzero(won != NEVER).tolist():
        rows = log.visible(int(lead[place]), at)
        there = selling[log.kind[rows]] & (log.occurred[rows] == won[place]) & (log.value[rows] != NO_VALUE)
        if there.any():
            found[place] = log.value[rows][np.argmax(there)]
    return found
