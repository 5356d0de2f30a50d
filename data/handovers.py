"""Which leads were handed over to sales, and with what propensity, as the prediction log has it."""

from dataclasses import dataclass, replace

import numpy as np

from data import scorelog
from data.exploration import HandOver
from data.log import EventLog, Floats, Ints
from data.store import Store
from data.worked import Bools


@dataclass(frozen=True)
class HandOvers:
    """(n,) decisions, one for each lead and ISO week in which it was scored while something was explored.

    lead        : code in the log
    as_of       : microseconds UTC, the first score of the week
    propensity  : in (0; 1], chance with which it was to be handed over
    handed_over : whether it was, by its score or by chance
    """

    lead: Ints
    as_of: Ints
    propensity: Floats
    handed_over: Bools

    def __len__(self) -> int:
        return len(self.lead)

    def __getitem__(self, rows: Bools | Ints) -> "HandOvers":
        return HandOvers(self.lead[rows], self.as_of[rows], self.propensity[rows], self.handed_over[rows])


def with_hand_overs(log: EventLog, store: Store, before: int) -> EventLog:
    """The same log, knowing the hand-overs that were logged before a moment; of who was erased there are none.

    before : microseconds UTC
    """
    found = [
        (lead_id, as_of, HandOver(answer["propensity"], answer["exploration"]))
        for lead_id, as_of, answer in scorelog.first_of_each_week(store, before=before)
    ]
    every = HandOvers(
        lead=log.codes([lead_id for lead_id, _, _ in found]),
        as_of=np.array([as_of for _, as_of, _ in found], dtype=np.int64),
        propensity=np.array([one.propensity for _, _, one in found], dtype=np.float64),
        handed_over=np.array([one.handed_over for _, _, one in found], dtype=np.bool_),
    )
    return replace(log, hand_overs=every[every.lead >= 0])
