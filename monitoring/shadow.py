"""A challenger scores what the champion scored, before it serves: what would people have seen?

The moments are those of the prediction log: leads as they were asked for, at the instants they were asked for. The
gate says which model is right more often; this says how much would change for the people who work with the scores,
and whether the challenger can score at all what comes through the door.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from data.journey import standing
from data.log import EventLog, Floats
from features import compute
from training.bundle import Bundle
from veraison.playbook import Playbook

ROWS = 20_000
"""Logged scores that are scored again at most, the newest."""

Served = Callable[[str, int, int], Sequence[tuple[str, int, float]]]
"""Of a model version, from one moment to another (microseconds UTC): lead, moment and score of what it served."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The challenger beside the champion on the same moments.

    scored   : how many moments both have a score of
    failures : moments of which the challenger made no finite score
    gone     : moments of leads of which the store knows nothing any more (erased)
    regraded : share whose grade is another one; None where nothing was scored
    rank     : rank correlation of the scores (Spearman); None where either is constant
    moved    : mean points by which the challenger scores higher; `furthest` the greatest difference
    """

    scored: int
    failures: int = 0
    gone: int = 0
    regraded: float | None = None
    rank: float | None = None
    moved: float | None = None
    furthest: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """The figures in words."""
        if self.failures:
            return f"It could not score {self.failures} of {self.scored + self.failures} leads that were served."
        if self.regraded is None:
            return "Nothing was served lately that it could have scored."
        rank = "" if self.rank is None else f", the order stays alike by {self.rank:.2f}"
        return (
            f"Of {self.scored} scores that were served, {self.regraded:.0%} would have another grade "
            f"({self.moved:+.1f} points on average{rank})."
        )


def nothing_served(version: str, since: int, before: int) -> Sequence[tuple[str, int, float]]:
    """A prediction log without a score."""
    return []


def score_beside(
    log: EventLog, playbook: Playbook, challenger: Bundle, served: Sequence[tuple[str, int, float]], threads: int = 2
) -> Shadow:
    """Score with the challenger what was served, and compare.

    served : lead, moment (microseconds UTC) and the champion's score
    """
    code = log.codes([lead for lead, _, _ in served])
    there = code >= 0
    if not there.any():
        return Shadow(0, gone=len(served))
    lead = code[there].astype(np.int64)
    as_of = np.array([moment for _, moment, _ in served], dtype=np.int64)[there]
    old = np.array([score for _, _, score in served], dtype=np.float64)[there]
    started = standing(log, playbook.journey, lead, as_of).started
    features = compute.batch(log, challenger.feature_set, lead, as_of, started)
    probability = challenger.predict(features, threads).probability[:, challenger.primary]
    can = np.isfinite(probability) & (probability > 0) & (probability < 1)
    new = challenger.score_of(probability[can])
    return compared(old[can], new, playbook.scoring.grades, failures=int((~can).sum()), gone=int((~there).sum()))


def compared(old: Floats, new: Floats, grades: Mapping[str, float], *, failures: int = 0, gone: int = 0) -> Shadow:
    """The figures of two sets of scores of the same moments.

    old, new : (n,) scores, 0 to 100
    grades   : the least score of each, best first

    >>> compared(np.array([40.0, 66.0, 80.0]), np.array([41.0, 64.0, 90.0]), {"A": 65.0, "B": 0.0}).regraded
    0.333333
    """
    if not len(old):
        return Shadow(0, failures, gone)
    bounds = np.array(list(grades.values())[::-1])
    regraded = np.searchsorted(bounds, old, side="right") != np.searchsorted(bounds, new, side="right")
    varied = np.ptp(old) > 0 and np.ptp(new) > 0
    return Shadow(
        scored=len(old),
        failures=failures,
        gone=gone,
        regraded=round(float(regraded.mean()), 6),
        rank=round(float(spearmanr(old, new).statistic), 6) if varied else None,
        moved=round(float((new - old).mean()), 4),
        furthest=round(float(np.abs(new - old).max()), 4),
    )
