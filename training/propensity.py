"""Learning what becomes of a lead *that is handed over to sales*, from hand-overs of which the propensity is known.

Sales work on high scores. A model that learns from all leads alike learns what becomes of them as things are: low ones
are seldom won, also because nobody calls them. That is the right answer to "how many of these will be won?", and the
default. It is the wrong answer to "which of these are worth a call?".

The estimand with ``training.weight_by = "exploration"``: the chance that a lead converts within a horizon after a
moment *at which it is handed over*, for all leads that are scored, not only for those that were handed over. Only a
lead that was handed over shows it, so only those are learned from; each stands for as many leads like it as its
propensity says (Horvitz and Thompson 1952):

    mean over all n leads of  handed_over / propensity * y   =   mean of y, were all handed over      (in expectation)

The propensities are no estimates. They are the policy's own, logged with each score (data.exploration): 1 on the list,
the share of exploration below it. Whether sales then did call is part of what is measured (intention to treat): nobody
who chooses among the handed over can bend it. Assumed is that one lead's hand-over does not change another's outcome.

A worked example: of 1,000 leads 100 are on the list, and 30 of them are won. Of the 900 others a share of .05 is handed
over, 45, and 9 of those are won. The estimate for all 1,000 is (30 + 9 / .05) / 1,000 = .21. The 145 alone would say
39 / 145 = .27, which is too high, as most of them are of the list.

Weights are stabilised (mean 1 over what is learned from; Robins, Hernán and Brumback 2000) and clipped at `LARGEST`
times the smallest. Clipping trades a little bias of averages for less variance; within leads of like score, who have
like propensities, it changes nothing. The rows are moments of scores, each lead once a week, instead of landmarks.
"""

import numpy as np

from data.events import isoformat
from data.handovers import HandOvers
from data.log import NEVER, EventLog, Floats
from training.landmarks import Landmarks, landmarks, opened
from veraison.errors import TrainingError
from veraison.playbook import Playbook

LARGEST = 50.0
"""How many leads of propensity 1 a lead counts for at most."""
ENOUGH = 20
"""Fewer leads than this handed over by chance say nothing of those below the list."""


def moments(log: EventLog, playbook: Playbook, *, before: int) -> Landmarks:
    """The moments that are learned from and judged on: landmarks, or the hand-overs of leads that were open then.

    before : the snapshot, microseconds UTC; hand-overs of then or later are not seen
    Raises : TrainingError where hand-overs are asked for of a log that does not hold them
    """
    if playbook.training.weight_by == "none":
        return landmarks(log, playbook, before=before)
    found = _known(log, before)
    found = found[found.handed_over]
    return opened(log, playbook, found.lead, found.as_of, before)


def drawn(log: EventLog, pairs: Landmarks) -> int:
    """How many leads of these hand-overs were handed over by chance."""
    return len(np.unique(pairs.lead[propensities(log, pairs) < 1.0]))


def propensities(log: EventLog, pairs: Landmarks) -> Floats:
    """(n,) with what propensity each of these hand-overs was made."""
    every = _known(log, NEVER)
    known = dict(zip(zip(every.lead.tolist(), every.as_of.tolist(), strict=True), every.propensity, strict=True))
    return np.array([known[one] for one in zip(pairs.lead.tolist(), pairs.as_of.tolist(), strict=True)])


def supported(log: EventLog, pairs: Landmarks, before: int) -> Floats:
    """(n,) the propensities of these hand-overs; TrainingError, one line, where they cannot bear an estimate.

    pairs : hand-overs whose outcome is known
    """
    asked = 'training.weight_by = "exploration"'
    wait = "score leads every week with [exploration] share above 0, and wait for their outcomes"
    if not len(pairs):
        raise TrainingError(
            f"{asked} needs hand-overs with a known propensity, and the prediction log has none before "
            f'{isoformat(before)}; {wait}, or train with weight_by = "none"'
        )
    found, by_chance = propensities(log, pairs), drawn(log, pairs)
    if by_chance < ENOUGH:
        raise TrainingError(
            f"{asked} needs {ENOUGH} leads handed over by chance whose outcome is known; before {isoformat(before)} "
            f"there are {by_chance}, and nothing shows what becomes of low scores; {wait}, or train with "
            'weight_by = "none"'
        )
    return found


def _known(log: EventLog, before: int) -> HandOvers:
    if log.hand_overs is None:
        raise TrainingError(
            'training.weight_by = "exploration" learns from the hand-overs of the prediction log, which is not read '
            'here; train with weight_by = "none"'
        )
    return log.hand_overs[log.hand_overs.as_of < before]


def inverse(propensity: Floats, largest: float = LARGEST) -> Floats:
    """(n,) stabilised and clipped weights of those who were handed over; 1 on average.

    propensity : (n,) in (0; 1]
    largest    : a weight is at most so many times that of propensity 1; inf clips nothing

    >>> inverse(np.array([1.0, 1.0, 0.5])).round(3).tolist(), inverse(np.array([1.0, 0.001])).round(3).tolist()
    ([0.75, 0.75, 1.5], [0.039, 1.961])
    """
    raw = np.minimum(1.0 / propensity, largest)
    found: Floats = raw / raw.mean() if len(raw) else raw
    return found


def effective(weight: Floats) -> float:
    """How many rows of equal weight say as much.

    Source : Kish 1965

    >>> effective(np.array([1.0, 1.0])), round(effective(np.array([1.0, 9.0])), 2)
    (2.0, 1.22)
    """
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0
