"""The leads by which acts, rules and the score are judged: followed from their creation on."""

from dataclasses import dataclass

import numpy as np

from data.events import micros
from data.journey import Standing, standing, won_at
from data.log import NEVER, EventLog, Ints
from veraison.playbook import Playbook

MOST_LEADS = 50_000
"""Of more leads so many, by chance, are followed: what they lack in number would narrow no interval much."""


@dataclass(frozen=True)
class Cohort:
    """(n,) leads that are followed, as known at `at`.

    born : when it became known that they were created, microseconds UTC
    then : where they stand
    won  : when they were won, `NEVER` where they were not
    all  : how many there are, of which these were drawn
    """

    lead: Ints
    born: Ints
    then: Standing
    won: Ints
    at: int
    all: int

    def __len__(self) -> int:
        return len(self.lead)


def cohort(log: EventLog, book: Playbook, since: int, as_of: int) -> Cohort:
    """Leads created at or after a moment, and not before outcomes were recorded."""
    recorded = 0 if book.journey.observed_from is None else micros(book.journey.observed_from)
    lead = np.flatnonzero(log.merged_at >= as_of).astype(np.int64)
    born = standing(log, book.journey, lead, np.full(len(lead), as_of)).started
    lead = lead[(born != NEVER) & (born >= max(since, recorded))]
    every = len(lead)
    if every > MOST_LEADS:
        lead = np.sort(np.random.default_rng(book.training.seed).choice(lead, MOST_LEADS, replace=False))
    then = standing(log, book.journey, lead, np.full(len(lead), as_of))
    return Cohort(lead, then.started_known, then, won_at(log, book.journey, lead, as_of), as_of, every)
