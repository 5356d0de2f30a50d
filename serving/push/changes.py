"""What moved a score between two moments: both are scored with one model, so the difference is points that add up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data.log import EventLog
from data.outbox import Told
from serving.reasons import Reason, reasons_of
from serving.scorer import ExplainedScore, Scores, score

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A score that is to be told.

    row      : what is known now
    grades   : the playbook's, best first
    previous : what was told last, None where nothing was
    why      : what moved it since then, in points; empty where nothing was told, or that moment had no score
    by_model : points by which a newer model judges that earlier moment otherwise; 0 where it is the same model

    Unless a score is clipped at 0 or 100, ``row.score - previous.score`` is `by_model` and the points of `why`.
    """

    row: ExplainedScore
    grades: tuple[str, ...]
    previous: Told | None
    why: tuple[Reason, ...] = ()
    by_model: float = 0.0


def changes_of(scores: Scores, log: EventLog, moved: Sequence[tuple[int, Told | None]]) -> list[Change]:
    """The changes behind scores that moved.

    scores : of now, with `log`, the histories they were made of
    moved  : place in `scores`, and what was told of this lead before
    """
    bundle = scores.bundle
    earlier = [(scores.lead_ids[place], told.as_of) for place, told in moved if told]
    then = score(bundle, log, [lead for lead, _ in earlier], [moment for _, moment in earlier])
    grades = tuple(bundle.playbook.scoring.grades)
    rows: dict[int, ExplainedScore] = {}
    found, at = [], iter(range(len(then)))
    for place, told in moved:
        row = rows.setdefault(place, scores.row(place, shown=SHOWN))
        if told is None:
            found.append(Change(row, grades, None))
            continue
        was = int(then.shown[next(at)])
        if was < 0:
            found.append(Change(row, grades, told))
            continue
        now = int(scores.scored[place])
        why = reasons_of(bundle.feature_set, scores.features[now], scores.points[now] - then.points[was], "en", SHOWN)
        same = told.model_version == bundle.version
        by_model = 0.0 if same else float(then.score[was]) - told.score
        found.append(Change(row, grades, told, why, by_model if math.isfinite(by_model) else 0.0))
    return found
