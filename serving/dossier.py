"""What the page of one lead tells beyond its score: earlier ones, what to ask, when it is ready, what sales said."""

from dataclasses import dataclass

import numpy as np

from data.events import MICROS_PER_DAY
from data.journey import Status
from data.log import NEVER, EventLog, Floats
from data.store import Store
from features.words import Language
from serving.feedback import Feedback, newest
from serving.history import Moment, Past, history, served
from serving.leads import Lead, Leads, unknown
from serving.questions import Question, questions
from serving.scorer import Scores


@dataclass(frozen=True)
class Dossier:
    """One lead and its surroundings.

    past      : its scores so far, this one among them, oldest first; empty where it has none
    questions : the traits that are not known and what it would be worth to ask for them
    has_curve : whether a time of readiness is told of it
    said      : what sales last said of it, None where nothing
    """

    lead: Lead
    past: list[Past]
    questions: tuple[Question, ...]
    has_curve: bool
    said: Feedback | None


class Dossiers:
    """What a store holds of its leads besides their events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, leads: Leads, lead_id: str, as_of: int, language: Language) -> Dossier:
        """All of it at a moment; UnknownLeadError where nothing of the lead is visible.

        leads : as who asks sees them
        as_of : microseconds UTC
        """
        lead = leads.lead(lead_id, as_of, language=language)
        scores, at = lead.scores, int(lead.scores.shown[0])
        asked: tuple[Question, ...] = ()
        if at >= 0:
            asked = questions(scores.bundle, scores.features[at], float(scores.score[at]), as_of)
        code = int(lead.log.codes([lead.merged_into or lead_id])[0])
        said = newest(self._store, lead.log, leads.playbook.journey, as_of).get(code)
        return Dossier(lead, self._past(scores, lead.log, language), asked, _has_curve(scores), said)

    def past(self, leads: Leads, lead_id: str, as_of: int, language: Language) -> list[Past]:
        """The scores of a lead up to a moment; UnknownLeadError as above."""
        return self._past(*_scored(leads, lead_id, as_of), language)

    def readiness(self, leads: Leads, lead_id: str, as_of: int) -> tuple[Floats, Floats] | None:
        """(g,) days and (g,) chances to be ready by then, None where none are told; UnknownLeadError as above."""
        scores, _ = _scored(leads, lead_id, as_of)
        if not _has_curve(scores):
            return None
        days, share = scores.bundle.readiness_curve(scores.features[scores.scored[:1]])
        return days, share[0]

    def _past(self, scores: Scores, log: EventLog, language: Language) -> list[Past]:
        at, as_of = int(scores.shown[0]), int(scores.as_of[0])
        if at < 0:
            return []
        now = Moment(as_of, float(scores.score[at]), scores.bundle.version, scores.features[at])
        ids = log.identity.ids(scores.lead_ids[0], as_of)
        before = served(self._store, scores.bundle, ids, as_of)
        today = as_of // MICROS_PER_DAY
        return history(scores.bundle, [*(one for one in before if one.as_of // MICROS_PER_DAY < today), now], language)


def _scored(leads: Leads, lead_id: str, as_of: int) -> tuple[Scores, EventLog]:
    scores, log = leads.scored([lead_id], as_of)
    if scores.status[0] is Status.unknown:
        raise unknown(lead_id)
    return scores, log


def _has_curve(scores: Scores) -> bool:
    """Whether the first pair has a time of readiness: it is open, and sales have not accepted it."""
    return bool(scores.scored[0] >= 0 and scores.ready_at[0] == NEVER and not np.isnan(scores.ready).all())
