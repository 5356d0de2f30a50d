"""One question for scores, and its answer: the same however many were asked together with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from data.events import Event, isoformat
from data.log import EventLog
from data.scorelog import LoggedScore
from features.words import Language
from serving import formats, meters
from serving.details import in_detail
from serving.formats import Format
from serving.leads import Leads
from serving.problems import JSON
from serving.scorer import ExplainedScore, Scores
from serving.trend import with_trends

FEW = 16
"""Leads of a question that is answered together with others."""


@dataclass(frozen=True)
class Question:
    """Whom to score, and how to tell it.

    leads    : as whoever asks sees them
    events   : the histories to score from, None where the store has them
    details  : evidence, what is missing and comparisons; so are they given of one lead if this is None
    logged   : what is answered is kept in the prediction log
    """

    leads: Leads
    lead_ids: list[str] | None
    events: list[Event] | None
    as_of: int
    language: Language
    reasons: int
    details: bool | None
    trend: bool
    form: Format
    logged: bool

    @property
    def is_small(self) -> bool:
        return self.events is None and len(self.lead_ids or []) <= FEW


def answer(asked: Question) -> Response:
    """The answer to one question."""
    if asked.events is None:
        return answers([asked])[0]
    scores, log = asked.leads.from_events(asked.events, asked.as_of, asked.lead_ids)
    response, _ = _told(asked, scores, log)
    _count(scores)
    return response


def answers(asked: Sequence[Question]) -> list[Response]:
    """The answers to several questions by id, with one look at the store and one transaction of the log."""
    every = asked[0].leads.scored_together([(one.leads, one.lead_ids or [], one.as_of) for one in asked])
    found: list[Response] = []
    served: list[LoggedScore] = []
    for one, scores in zip(asked, every[0], strict=True):
        response, rows = _told(one, scores, every[1])
        found.append(response)
        if one.logged:
            served += one.leads.to_log(scores, rows)
    asked[0].leads.keep(served)
    for scores in every[0]:
        _count(scores)  # not before: where one question fails, all of them are answered again, one by one
    return found


def heading(scores: Scores, as_of: int) -> dict[str, Any]:
    """What every answer of scores begins with."""
    return {"as_of": isoformat(as_of), "model_version": scores.bundle.version}


def _count(scores: Scores) -> None:
    meters.scored(scores.status, scores.score[scores.shown[scores.shown >= 0]])


def _told(asked: Question, scores: Scores, log: EventLog) -> tuple[Response, list[ExplainedScore]]:
    as_table = asked.form != "json"
    if not as_table and (len(scores) == 1 if asked.details is None else asked.details):
        rows = [in_detail(scores, log, place, asked.language, asked.reasons) for place in range(len(scores))]
    else:
        rows = scores.rows(asked.language, asked.reasons)
        if asked.trend:
            rows = with_trends(rows, scores, log, asked.language)
    if as_table:
        return formats.table(scores.table(asked.language, asked.reasons), asked.form), rows
    return JSON(heading(scores, asked.as_of) | {"scores": [row.to_dict() for row in rows]}), rows
