"""Why a lead has its score: the points of columns, summed by groups that a seller understands.

Columns of one group say much the same ("Quote: 2 days ago", "Quote: 3 in 30 days"), and a tree gives the points now to
one, now to the other. Their sum is what the group is worth; the sentence is that of the column that carries most of it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from data.events import isoformat
from data.log import Floats
from features.catalogue import FeatureSet
from features.words import Language, describe, shown_value
from serving.evidence import Evidence
from serving.translations import Words, deferred

OTHER_SIGNALS = "other_signals"
OTHER_WORDS = deferred("all other signals together")


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a score, in points; positive raises it.

    feature  : the column that carries most of the points, or ``other_signals`` for what is left over
    value    : what is known of that column (a number, a category's name), None where nothing is
    group    : key of the group of columns whose points these are, see features.catalogue.FeatureSet.group_of
    about    : the group in words, and
    evidence : what the reason rests on, newest first; both None but in answers about one lead
    """

    feature: str
    value: float | str | None
    points: float
    text: str
    group: str = OTHER_SIGNALS
    about: str | None = None
    evidence: tuple[Evidence, ...] | None = None

    @property
    def type(self) -> str:
        return "negative" if self.points < 0 else "positive"

    def to_dict(self) -> dict[str, Any]:
        """As the API and the column ``reasons`` have it."""
        detail: dict[str, Any] = {}
        if self.evidence is not None:
            detail = {"about": self.about, "evidence": [one.to_dict() for one in self.evidence]}
        return {
            "feature": self.feature,
            "group": self.group,
            "value": self.value,
            "points": self.points,
            "type": self.type,
            "text": self.text,
            **detail,
        }


@dataclass(frozen=True, slots=True)
class Trend:
    """A score against the same lead's some days ago.

    since   : the earlier moment, microseconds UTC
    status  : what the lead was then
    score   : then, None where it had none; then there are no `points` and no `changes` either
    points  : by how much the score has moved, positive upwards
    changes : why: each with the points it has gained or lost since, the weightiest first, in words of today
    """

    since: int
    status: str
    score: float | None = None
    points: float | None = None
    changes: tuple[Reason, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "since": isoformat(self.since),
            "status": self.status,
            "score": self.score,
            "points": self.points,
            "changes": [change.to_dict() for change in self.changes],
        }


def reasons_of(
    feature_set: FeatureSet, features: Floats, points: Floats, language: Language, shown: int
) -> tuple[Reason, ...]:
    """The `shown` weightiest groups of one lead, and what is left over as one more reason.

    features, points : (f,) of the columns of `feature_set`

    The points of all reasons add up to those of all columns.
    """
    parts = points.tolist()
    sums = [_sum(parts, places) for places in feature_set.members]
    order = sorted(range(len(sums)), key=lambda group: -abs(sums[group]))
    found = []
    for group in order[:shown]:
        if sums[group] == 0:
            break
        carries = max if sums[group] > 0 else min
        place = carries(feature_set.members[group], key=parts.__getitem__)
        value = float(features[place])
        found.append(
            Reason(
                feature_set.names[place],
                shown_value(feature_set, place, value),
                sums[group],
                describe(feature_set, place, value, language),
                feature_set.groups[group],
            )
        )
    rest = math.fsum(sums[group] for group in order[shown:])
    if rest != 0:
        found.append(Reason(OTHER_SIGNALS, None, rest, Words(language)(OTHER_WORDS)))
    return tuple(found)


def _sum(parts: Sequence[float], places: Iterable[int]) -> float:
    """One after the other, as serving.tables sums: not `sum`, which corrects itself in later Pythons."""
    total = 0.0
    for place in places:
        total += parts[place]
    return total
