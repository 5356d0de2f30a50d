"""In which family leads are, with what the scorer and sales say of them: for a command, and for one lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.events import isoformat
from data.families import Families, Heard, families_at
from data.log import EventLog, Floats
from data.store import Store
from serving.families_words import family_name, next_step
from serving.feedback import Feedback, newest
from serving.returns import heard
from serving.scorer import Scores
from serving.translations import Words
from veraison.playbook import Playbook


@dataclass(frozen=True)
class InFamily:
    """The family of one open lead.

    since     : when the lead, or sales, last did something (microseconds UTC), else when it began
    idle_days : since then
    untouched : whether that is longer than the family allows
    reason    : why sales gave it back, where that still holds
    """

    name: str
    since: int
    idle_days: float
    untouched: bool
    reason: str | None = None

    def to_dict(self, playbook: Playbook, words: Words) -> dict[str, Any]:
        """For the API."""
        return {
            "name": self.name,
            "title": family_name(self.name, words),
            "next": next_step(self.name, playbook, words, self.reason),
            "untouched_since": isoformat(self.since),
            "untouched": self.untouched,
        }


def chances(scores: Scores) -> tuple[Floats, Floats]:
    """(n,) score and probability of each pair; NaN where there is none."""
    points, chance = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    told, has = np.flatnonzero(scores.shown >= 0), np.flatnonzero(scores.scored >= 0)
    points[told] = scores.score[scores.shown[told]]
    chance[has] = scores.probability[scores.scored[has], scores.bundle.primary]
    return points, chance


def families(
    store: Store,
    log: EventLog,
    playbook: Playbook,
    lead_ids: Sequence[str],
    as_of: int,
    scores: Scores | None,
    least: float,
) -> tuple[Families, dict[int, Heard]]:
    """Where each lead is at a moment, and by its code what sales' last word still means.

    scores : of the same leads at that moment; None without a model
    least  : score from which on a lead is on the list
    """
    codes = log.codes(list(lead_ids))
    among = np.zeros(len(log.leads), dtype=np.bool_)
    among[codes[codes >= 0]] = True
    words = meant(newest(store, log, playbook.journey, as_of, among), playbook, as_of)
    points, chance = (np.full(len(codes), np.nan),) * 2 if scores is None else chances(scores)
    found = families_at(log, playbook, codes, as_of, score=points, probability=chance, heard=words, least=least)
    return found, words


def meant(said: dict[int, Feedback], playbook: Playbook, as_of: int) -> dict[int, Heard]:
    """What sales' last words still mean, by the lead's code."""
    return {code: heard(one, playbook, as_of) for code, one in said.items()}


def family_of(store: Store, log: EventLog, playbook: Playbook, scores: Scores, least: float) -> InFamily | None:
    """The family of the first pair of some scores; None where it is not open."""
    as_of = int(scores.as_of[0])
    one = scores.part(0, scores.lead_ids[:1])
    found, words = families(store, log, playbook, one.lead_ids, as_of, one, least)
    name = found.name(0)
    if name is None:
        return None
    said = words.get(int(log.codes(one.lead_ids)[0]))
    return InFamily(
        name, int(found.since[0]), found.idle_days(0), bool(found.untouched[0]), None if said is None else said.reason
    )
