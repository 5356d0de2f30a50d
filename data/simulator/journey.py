"""One market day of many leads at once: acts, what becomes known, and at most one outcome each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.simulator.market import POINTS, RETURN_DROP, SLOTS, UNKNOWN, Market, Outcome, Stage, next_level

KIND, STAGE, COMPANY, ROLE, LEVEL = range(5)
"""Rows of a state array, in the order of `market.SHAPE`."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lived:
    """What a day brought to n leads.

    state    : (5, n) after the day; of a lead that closed, as it was just before it closed
    acts     : (n, slots) what happened
    company  : (n,) whether the firm became known
    role     : (n,) whether the role became known
    outcome  : (n,) `Outcome`
    """

    state: Ints
    acts: Bools
    company: Bools
    role: Bools
    outcome: Ints


def live(market: Market, day: int, state: Ints, hidden: Ints, rng: np.random.Generator) -> Lived:
    """Draw one market day.

    state  : (5, n) at the start of the day
    hidden : (2, n) what firm and role are, once known; used in the moment of learning only
    """
    kind, stage, company, role, level = state
    acts = rng.random((len(level), len(SLOTS))) < market.acts(day)[stage, level]
    level = next_level(level, acts @ POINTS, day)

    luck = rng.random((3, len(level)))
    learning = market.learning(day)[:, stage]
    company_learned = (company == UNKNOWN) & (luck[0] < learning[0])
    role_learned = (role == UNKNOWN) & (luck[1] < learning[1])
    company = np.where(company_learned, hidden[0], company)
    role = np.where(role_learned, hidden[1], role)

    chances = market.outcomes(day)[:, kind, stage, company, role, level]
    outcome = (luck[2] >= chances.cumsum(axis=0)).sum(axis=0)
    moved = outcome == Outcome.MOVE
    returned = moved & (stage == Stage.SALES)
    level = np.where(returned, np.maximum(level - RETURN_DROP, 0), level)
    stage = np.where(moved, 1 - stage, stage)
    return Lived(np.stack([kind, stage, company, role, level]), acts, company_learned, role_learned, outcome)
