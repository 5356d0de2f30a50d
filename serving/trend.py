"""How a score has moved, and why: the same model asked of two moments, group by group.

One model scores both moments, so what changed is the lead and never the model. The points of a score add up, so their
differences add up to how far it moved::

    score(now) - score(before) == sum over groups of (points(now) - points(before))

as long as neither score is cut off by the limits 0 and 100.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from data.events import MICROS_PER_DAY
from data.journey import Status
from data.log import EventLog
from features.words import Language
from serving.reasons import Trend, reasons_of
from serving.scorer import ExplainedScore, Scores, score

DAYS = 7
SHOWN = 3
"""So many changes are told one by one; what is left over is one of its own."""


def trends(
    scores: Scores,
    log: EventLog,
    language: Language = "en",
    *,
    places: Sequence[int] | None = None,
    days: int = DAYS,
    shown: int = SHOWN,
) -> list[Trend | None]:
    """For each pair its score against that of `days` days before; None where it has no score to compare.

    log    : the histories that the scores were made of
    places : of the pairs that are asked for; None for all
    """
    asked = range(len(scores)) if places is None else places
    told = [place for place in asked if scores.shown[place] >= 0]
    ids, since = [scores.lead_ids[place] for place in told], scores.as_of[told] - days * MICROS_PER_DAY
    before = score(scores.bundle, log, ids, since)
    found = {place: _trend(scores, place, before, row, language, shown) for row, place in enumerate(told)}
    return [found.get(place) for place in asked]


def with_trends(
    rows: Iterable[ExplainedScore], scores: Scores, log: EventLog, language: Language = "en"
) -> list[ExplainedScore]:
    """Rows of all pairs, each with its trend."""
    return [replace(row, trend=one) for row, one in zip(rows, trends(scores, log, language), strict=True)]


def _trend(now: Scores, place: int, before: Scores, row: int, language: Language, shown: int) -> Trend:
    since, status = int(before.as_of[row]), before.status[row]
    then, at = int(before.shown[row]), int(now.shown[place])
    if then < 0:
        return Trend(since, status.name)
    moved = now.points[at] - before.points[then]
    earlier = float(before.score[then])
    changes = reasons_of(now.bundle.feature_set, now.features[at], moved, language, shown)
    return Trend(since, Status.scored.name, earlier, float(now.score[at]) - earlier, changes)
