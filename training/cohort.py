"""Which landmarks of a large firm are learned from: a case-cohort sample, chosen before any feature is computed.

A landmark without an outcome says only how much rate times exposure was survived, so a random part of them, each
counting for those left out, gives the same rates on average, while those with an outcome are few and tell most. The
*cohort* is a random part of all landmarks, whatever became of them: it looks as they all do, and needs no weights.
Beside it stand those with an outcome that it missed.

Worked example: a million landmarks, 50,000 with an outcome. The cohort are 100,000, of which some 5,000 have one; the
other 45,000 are added. So 145,000 are learned from, and each of the 95,000 without an outcome counts for ten.

Source: Prentice 1986; weighted as by Kalbfleisch and Lawless 1988
"""

from dataclasses import dataclass

import numpy as np

from data.log import Floats, Ints
from training.landmarks import Bools

COHORT = 100_000
"""So many landmarks are all learned from; of more, so many by chance."""
CASES = 100_000
"""So many landmarks with an outcome at most."""


@dataclass(frozen=True)
class CaseCohort:
    """(m,) the landmarks kept of n.

    rows   : their places among the n, ascending
    weight : how many landmarks each counts for; together n, but for chance none
    cohort : places among the m of those that are a random part of all, ascending
    """

    rows: Ints
    weight: Floats
    cohort: Ints


def case_cohort(case: Bools, seed: int, *, cohort: int = COHORT, cases: int = CASES) -> CaseCohort:
    """Choose among n landmarks; all of them where they are no more than `cohort`.

    case   : (n,) whether a landmark has an outcome that is learned from
    cohort : how many by chance
    cases  : how many with an outcome at most, at least `cohort`

    >>> few = case_cohort(np.arange(100) < 3, seed=7, cohort=20, cases=20)
    >>> few.weight[:3].tolist(), round(few.weight.sum()), len(few.cohort)
    ([1.0, 1.0, 1.0], 100, 20)
    """
    everyone = np.arange(len(case))
    if len(case) <= cohort:
        return CaseCohort(everyone, np.ones(len(case)), everyone)
    order = np.random.default_rng(seed).permutation(len(case))
    by_chance = np.zeros(len(case), dtype=np.bool_)
    by_chance[order[:cohort]] = True
    kept = by_chance.copy()
    kept[order[case[order]][:cases]] = True  # in the same order, so that those of the cohort come first
    weight = np.ones(len(case))
    for stratum in (case, ~case):
        weight[stratum] = stratum.sum() / max(int((stratum & kept).sum()), 1)
    rows = np.flatnonzero(kept)
    return CaseCohort(rows, weight[rows], np.flatnonzero(by_chance[rows]))
