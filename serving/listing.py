"""Which leads a list shows, in which order, page by page.

A page goes on after the last row of the one before, by that row's place in the order: leads that come or go in
between move nothing. So the pages of one moment, put together, are the whole list, each lead once.
"""

import base64
import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np

from data.identity import fold
from data.journey import Status
from data.log import Floats, Ints
from serving.decisions import grade
from serving.problems import Problem
from serving.ranking import Ranking
from veraison.playbook import Playbook

Sort = Literal[
    "score", "-score", "probability", "-probability", "last_activity", "-last_activity", "lead_id", "-lead_id"
]
"""The best, likeliest, newest or alphabetically first lead first; with a minus the other way round."""

_LATEST = 2**62
_KEYS = {
    "score": ("score", "probability", "last_activity"),
    "probability": ("probability", "score", "last_activity"),
    "last_activity": ("last_activity",),
    "lead_id": (),
}
"""Columns of a ranking by which each order goes, the greater first; of equals the id decides."""


@dataclass(frozen=True)
class Wanted:
    """What a list shows.

    min_score, max_score : bounds that count as inside; who has no score is outside
    owner                : the seller who has the lead, as the playbook's trait names it, whatever its case
    changed_since        : microseconds UTC; leads of which something became known at or after it
    """

    sort: Sort = "score"
    status: str = "scored"
    min_score: float | None = None
    max_score: float | None = None
    grade: str | None = None
    owner: str | None = None
    changed_since: int | None = None

    @property
    def mark(self) -> str:
        """A short text that differs where the list does."""
        said = json.dumps([getattr(self, name) for name in self.__dataclass_fields__])
        return sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Cursor:
    """Where a page ended.

    as_of   : the moment of the list, microseconds UTC
    version : the model that scored it
    mark    : of the list, `Wanted.mark`
    keys    : what the last row was ordered by
    lead_id : the last row's id
    """

    as_of: int
    version: str
    mark: str
    keys: tuple[float, ...]
    lead_id: str

    def text(self) -> str:
        """As it stands in an answer and in the next question."""
        keys = [None if math.isinf(key) else key for key in self.keys]  # JSON has no infinity
        said = json.dumps([self.as_of, self.version, self.mark, keys, self.lead_id])
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")

    @staticmethod
    def read(text: str) -> "Cursor":
        """The cursor of a text; a Problem of status 422 where nobody here wrote it."""
        try:
            as_of, version, mark, keys, lead_id = json.loads(_decoded(text))
            found = Cursor(as_of, version, mark, tuple(map(_key, keys)), lead_id)
            kinds = type(as_of) is int and all(isinstance(one, str) for one in (version, mark, lead_id))
            ours = kinds and 0 <= as_of < _LATEST and found.text() == text
        except (ValueError, TypeError, RecursionError):
            ours = False
        if not ours:
            raise Problem(422, "invalid", "cursor: write what `next` of the page before says")
        return found


@dataclass(frozen=True)
class Page:
    """Places in a ranking, and where the next page begins; None at the end."""

    places: list[int]
    after: Cursor | None


def page(ranking: Ranking, wanted: Wanted, playbook: Playbook, *, limit: int, cursor: Cursor | None = None) -> Page:
    """At most `limit` leads of a ranking, those after the cursor where there is one."""
    columns = _columns(ranking, wanted.sort)
    mine = chosen(ranking, wanted, playbook)
    if cursor is not None:
        mine = mine[_after(columns, mine, _position(ranking, wanted.sort, cursor))]
    order = mine[np.lexsort([column[mine] for column in reversed(columns)])]
    places = [int(place) for place in order[:limit]]
    if len(order) <= limit:
        return Page(places, None)
    keys = tuple(float(column[places[-1]]) for column in columns[:-1])
    last = Cursor(ranking.as_of, ranking.version, wanted.mark, keys, ranking.lead_ids[places[-1]])
    return Page(places, last)


def chosen(ranking: Ranking, wanted: Wanted, playbook: Playbook) -> Ints:
    """Places of the leads that are wanted, in the order of their ids."""
    inside = ranking.status == Status[wanted.status]
    if wanted.min_score is not None:
        inside &= ranking.score >= wanted.min_score  # of NaN it is false
    if wanted.max_score is not None:
        inside &= ranking.score <= wanted.max_score
    if wanted.changed_since is not None:
        inside &= ranking.changed >= wanted.changed_since
    if wanted.owner is not None:
        inside &= owned_by(ranking, wanted.owner)
    if wanted.grade is not None:
        bounds = playbook.scoring.grades
        told = inside & ~np.isnan(ranking.score)
        inside = np.zeros_like(inside)
        inside[told] = [grade(float(score), bounds) == wanted.grade for score in ranking.score[told]]
    return np.flatnonzero(inside)


def owned_by(ranking: Ranking, owner: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """(leads,) whether each lead is this seller's."""
    asked = fold(owner)
    return np.array([one is not None and fold(one) == asked for one in ranking.owner], dtype=np.bool_)


def _columns(ranking: Ranking, sort: Sort) -> list[Floats]:
    """What an order goes by, the smaller first; who has no value comes last either way, and the place decides last."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    columns = []
    for key in _KEYS[name]:
        values = getattr(ranking, key).astype(np.float64)  # microseconds are whole numbers below 2**53
        columns.append(np.where(np.isnan(values), np.inf, values if down else -values))
    places = np.arange(len(ranking.lead_ids), dtype=np.float64)
    return [*columns, -places if sort == "-lead_id" else places]


def _position(ranking: Ranking, sort: Sort, cursor: Cursor) -> list[float]:
    """The cursor as a row of `_columns`, whether or not its lead is there still."""
    if len(cursor.keys) != len(_KEYS[sort.removeprefix("-")]):
        raise Problem(422, "invalid", "cursor: it is of another list")
    place = float(bisect_left(ranking.lead_ids, cursor.lead_id))
    there = place < len(ranking.lead_ids) and ranking.lead_ids[int(place)] == cursor.lead_id
    place = place if there else place - 0.5
    return [*cursor.keys, -place if sort == "-lead_id" else place]


def _after(columns: list[Floats], mine: Ints, position: list[float]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """(mine,) whether each row comes after a position, column by column."""
    after, equal = np.zeros(len(mine), dtype=np.bool_), np.ones(len(mine), dtype=np.bool_)
    for column, key in zip(columns, position, strict=True):
        after |= equal & (column[mine] > key)
        equal &= column[mine] == key
    return after


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _key(value: object) -> float:
    if value is None:
        return math.inf
    if not isinstance(value, float) or math.isnan(value):
        raise TypeError
    return value
