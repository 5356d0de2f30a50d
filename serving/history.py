"""What a lead scored before, as it was served, and why each step from one score to the next.

The prediction log keeps every served score with the vector it was made of. Where two vectors have the columns of the
model that serves now, that model explains the step between them: their points, group by group, are differences that add
up. What another model had judged otherwise is a part of its own (`by_model`), as in what is pushed to subscribers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import scorelog
from data.log import Floats
from data.scorelog import LoggedScore
from data.store import Store
from features.words import Language
from serving.reasons import Reason, reasons_of
from training.bundle import Bundle

MOST = 60
"""So many scores are shown, the newest."""
SHOWN = 3
"""So many changes are told of a step; what is left over is one more."""


@dataclass(frozen=True, slots=True)
class Past:
    """A score that a lead had.

    as_of    : microseconds UTC
    points   : by how much it had moved since the one before, None of the first
    by_model : points by which a newer model judges the moment before otherwise; 0 where it is the same model
    changes  : what else moved it, the weightiest first; empty where that cannot be told
    told     : whether `by_model` and `changes` are the whole of `points`
    """

    as_of: int
    score: float
    model_version: str
    points: float | None = None
    by_model: float = 0.0
    changes: tuple[Reason, ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A score at a moment with what it was made of. ``vector``: None where it is not in the columns of today."""

    as_of: int
    score: float
    model_version: str
    vector: Floats | None


def served(store: Store, bundle: Bundle, lead_ids: Sequence[str], as_of: int) -> list[Moment]:
    """The scores that were served before a moment, the last of each day (UTC), oldest first.

    lead_ids : those of one person, as known at that moment
    """
    told = scorelog.last_of_each_day(store, lead_ids, before=as_of, days=MOST)
    return [_moment(one, one.score, bundle) for one in told if one.score is not None]


def history(bundle: Bundle, moments: Sequence[Moment], language: Language = "en") -> list[Past]:
    """The way from each moment to the next, in the order given; the newest is explained where `bundle` made it."""
    places = [place for place, one in enumerate(moments) if one.vector is not None]
    if places:
        prediction = bundle.predict(np.array([moments[place].vector for place in places]))
        _, points, scores = bundle.points(prediction)
        row = {place: at for at, place in enumerate(places)}
    found = []
    for place, one in enumerate(moments):
        if place == 0:
            found.append(Past(one.as_of, one.score, one.model_version))
            continue
        before = moments[place - 1]
        moved = one.score - before.score
        if one.model_version != bundle.version or before.vector is None or one.vector is None:
            found.append(Past(one.as_of, one.score, one.model_version, moved))
            continue
        now, then = row[place], row[place - 1]
        same = before.model_version == one.model_version
        by_model = 0.0 if same else float(scores[then]) - before.score
        changes = reasons_of(bundle.feature_set, one.vector, points[now] - points[then], language, SHOWN)
        found.append(Past(one.as_of, one.score, one.model_version, moved, by_model, changes, told=True))
    return found


def _moment(one: LoggedScore, score: float, bundle: Bundle) -> Moment:
    vector = one.vector if one.feature_set == bundle.feature_set.fingerprint else None
    return Moment(one.as_of, score, one.model_version, vector)
