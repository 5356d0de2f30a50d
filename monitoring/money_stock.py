"""What the open leads are expected to bring: probability within the longest horizon x amount, added up.

The sum is the model's expectation. The interval beside it is what chance makes of it, were every probability right and
the leads independent of each other; a model that is wrong, or a market that turns, is not in it.
"""

from dataclasses import dataclass

import numpy as np

from data.journey import Status, standing
from data.known import amounts_at, traits_at
from data.log import EventLog, Floats, Ints
from data.money_report import Expected
from data.stays import Bools
from features import compute
from training.bundle import Bundle
from veraison.playbook import Playbook

_DRAWS, _SEED = 1_000, 7


@dataclass(frozen=True)
class Stock:
    """(n,) the open leads at a moment.

    lead   : code
    chance : within the longest horizon
    amount : of their own, NaN where none is known
    past   : (m,) amounts of earlier sales, which stand for those that are not known
    """

    lead: Ints
    chance: Floats
    amount: Floats
    past: Floats

    def expected(self, mine: Bools) -> Expected:
        """Of some of the leads."""
        chance, amount = self.chance[mine], self.amount[mine]
        own = ~np.isnan(amount)
        told = Expected(
            leads=len(chance), priced=int(own.sum()), sales=float(chance.sum()), revenue=None, low=None, high=None
        )
        if not len(self.past) and not own.all():
            return told
        mean = float(self.past.mean()) if len(self.past) else 0.0
        low, high = np.quantile(self._drawn(chance, amount), [0.1, 0.9]).tolist()
        revenue = float((chance * np.where(own, amount, mean)).sum())
        return told.model_copy(update={"revenue": revenue, "low": low, "high": high})

    def _drawn(self, chance: Floats, amount: Floats) -> Floats:
        """(draws,) revenue as chance could make it."""
        rng = np.random.default_rng(_SEED)
        own = ~np.isnan(amount)
        found = np.zeros(_DRAWS)
        for draw in range(_DRAWS):
            won = rng.random(len(chance)) < chance
            found[draw] = amount[won & own].sum()
            if (others := int((won & ~own).sum())) > 0:
                found[draw] += rng.choice(self.past, others).sum()
        return found


def stock(log: EventLog, book: Playbook, bundle: Bundle, past: Floats, at: int, threads: int = 1) -> Stock:
    """The open leads as known at a moment, a person once.

    past : (m,) amounts of earlier sales
    """
    every = np.flatnonzero(log.merged_at >= at)
    found = standing(log, bundle.playbook.journey, every, np.full(len(every), at, dtype=np.int64))
    mine = found.status == Status.scored
    lead, moment = every[mine], np.full(int(mine.sum()), at, dtype=np.int64)
    features = compute.batch(log, bundle.feature_set, lead, moment, found.started[mine], threads=threads)
    amounts: list[float | None] = [None] * len(lead)
    if book.routing.has_amounts:
        kinds = {book.routing.amount_trait: "number"} if book.routing.amount_trait else {}
        amounts = amounts_at(log, book.routing, traits_at(log, kinds, lead, moment), lead, moment)
    own = np.array([np.nan if one is None else one for one in amounts], dtype=np.float64)
    return Stock(lead, bundle.predict(features, threads).probability[:, -1], own, past)
