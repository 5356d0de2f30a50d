"""Reasons by the thousand, as JSON text: the bytes that `Scores.rows` and ``json.dumps`` give, without their objects.

Most of a reason is the same for many leads: its name, its value and its words. They are put into JSON once for each
column and value; a row then costs the choice of its weightiest parts, their digits, and one joining of texts.
"""

import json
import math
from collections.abc import Iterator

import numba
import numpy as np
import polars as pl

from data.log import Floats, Ints
from features.catalogue import FeatureSet
from features.words import Language, describe, shown_value

_ROWS_AT_ONCE = 4_096
_TEXTS_KEPT = 200_000
"""Texts of columns and values that are kept for the next rows: some tens of megabytes."""

_Parts = tuple[str, str, str]
"""What stands before the points of a reason, and what after them where they raise the score, and where they do not."""


class ReasonTexts:
    """(n,) JSON lists of reasons from (n, f) features and points.

    shown : how many reasons a row has at most, besides the rest together
    rest  : name and words of the reason that holds what is left over
    """

    def __init__(self, feature_set: FeatureSet, language: Language, shown: int, rest: tuple[str, str]) -> None:
        self._set, self._language, self._shown = feature_set, language, shown
        self._heads = [
            _head(name, feature_set.group_of(one))
            for name, one in zip(feature_set.names, feature_set.features, strict=True)
        ]
        self._rest = _parts(_head(rest[0], rest[0]), None, rest[1])
        self._member = np.array([place for places in feature_set.members for place in places], dtype=np.int64)
        sizes = [0, *(len(places) for places in feature_set.members)]
        self._offsets = np.cumsum(sizes).astype(np.int64)
        self._known: list[dict[int, _Parts]] = [{} for _ in feature_set.names]
        self._kept = 0

    def of(self, features: Floats, points: Floats) -> Iterator[str]:
        """One text a row, in the order of the rows."""
        for start in range(0, len(points), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            yield from self._some(features[part], np.ascontiguousarray(points[part]))

    def _some(self, features: Floats, points: Floats) -> Iterator[str]:
        sums = np.empty((len(points), len(self._offsets) - 1))
        _summed(points, self._member, self._offsets, sums)
        top = np.full((len(points), self._shown), -1)
        left, ends = np.empty(sums.size), np.zeros(len(points) + 1, dtype=np.int64)
        _weightiest(sums, top, left, ends)
        row, _ = np.nonzero(top >= 0)
        group = top[top >= 0]
        place = np.empty(len(group), dtype=np.int64)
        _carrying(points, self._member, self._offsets, sums, row, group, place)
        # Values go by their bits: -0.0 is not 0.0 in JSON, and NaN is not equal to itself.
        values = np.ascontiguousarray(features[row, place], dtype=np.float64)
        keys, shown = values.view(np.int64).tolist(), values.tolist()
        places, digits = place.tolist(), _digits(sums[row, group])
        others, cuts = left[: ends[-1]].tolist(), ends.tolist()
        over = [math.fsum(others[cuts[n] : cuts[n + 1]]) for n in range(len(points))]
        rests = _digits(np.array(over))
        last = np.cumsum((top >= 0).sum(axis=1)).tolist()
        begin = 0
        for n, end in enumerate(last):
            found = [self._reason(places[k], keys[k], shown[k], digits[k]) for k in range(begin, end)]
            if over[n] != 0:
                found.append(_joined(self._rest, rests[n]))
            begin = end
            yield f"[{', '.join(found)}]"

    def _reason(self, place: int, key: int, value: float, digits: str) -> str:
        parts = self._known[place].get(key)
        if parts is None:
            parts = self._made(place, value)
            self._keep(place, key, parts)
        return _joined(parts, digits)

    def _made(self, place: int, value: float) -> _Parts:
        text = describe(self._set, place, value, self._language)
        return _parts(self._heads[place], shown_value(self._set, place, value), text)

    def _keep(self, place: int, key: int, parts: _Parts) -> None:
        if self._kept >= _TEXTS_KEPT:
            for known in self._known:
                known.clear()
            self._kept = 0
        self._known[place][key] = parts
        self._kept += 1


def grades_of(score: Floats, grades: dict[str, float]) -> list[str]:
    """(n,) the best grade whose bound each score reaches, as serving.decisions.grade says.

    >>> grades_of(np.array([64.9, 65.0]), {"A": 65, "B": 50, "C": 35, "D": 0})
    ['B', 'A']
    """
    names = list(grades)
    reached = score[:, None] >= np.array([grades[name] for name in names])
    return [names[place] for place in reached.argmax(axis=1).tolist()]


def spread(values: Floats | pl.Series, place: Ints) -> pl.Series:
    """`values` at each place, null where the place is -1."""
    whole = pl.Series(values)
    return whole.gather(pl.Series(place).replace(-1, None))


def _joined(parts: _Parts, digits: str) -> str:
    return f"{parts[0]}{digits}{parts[2] if digits[0] == '-' else parts[1]}"


def _head(name: str, group: str) -> str:
    return f'{{"feature": {_json(name)}, "group": {_json(group)}, "value": '


def _parts(head: str, value: float | str | None, text: str) -> _Parts:
    head = f'{head}{_json(value)}, "points": '
    tail = f', "text": {_json(text)}}}'
    return head, f', "type": "positive"{tail}', f', "type": "negative"{tail}'


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _json(value: float | str | None) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)  # what the encoder does, without its preparations
    return _encode(value)


def _digits(values: Floats) -> list[str]:
    """Numbers as ``json.dumps`` writes them."""
    return json.dumps(values.tolist())[1:-1].split(", ")


@numba.njit(cache=True, nogil=True)
def _summed(points, member, offsets, sums):  # type: ignore[no-untyped-def]  # numba infers
    """Fill (n, g) `sums` with the points of each group; its columns are ``member[offsets[g]:offsets[g + 1]]``."""
    for r in range(len(points)):
        for g in range(len(offsets) - 1):
            total = 0.0
            for m in range(offsets[g], offsets[g + 1]):
                total += points[r, member[m]]
            sums[r, g] = total


@numba.njit(cache=True, nogil=True)
def _carrying(points, member, offsets, sums, row, group, place):  # type: ignore[no-untyped-def]  # numba infers
    """Fill `place` with the column that carries most of each (row, group) sum; of equals, the first."""
    for k in range(len(row)):
        r, g = row[k], group[k]
        rises = sums[r, g] > 0
        best = member[offsets[g]]
        for m in range(offsets[g] + 1, offsets[g + 1]):
            part, most = points[r, member[m]], points[r, best]
            if part > most if rises else part < most:
                best = member[m]
        place[k] = best


@numba.njit(cache=True, nogil=True)
def _weightiest(points, top, left, ends):  # type: ignore[no-untyped-def]  # numba infers
    """Fill for each row of sums the places of its weightiest parts, and what the other parts are.

    top  : (n, k) -1 where fewer than k parts are not zero; of two that weigh the same the first comes first
    left : room for the others that are not zero, row after row; `ends` (n + 1,) says where each row's end
    """
    used = 0
    shown = top.shape[1]
    for r in range(len(points)):
        row, best = points[r], top[r]
        size = 0
        for k in range(len(row)):
            weight = abs(row[k])
            if weight == 0 or (size == shown and (shown == 0 or weight <= abs(row[best[size - 1]]))):
                continue
            at = size if size < shown else size - 1
            while at > 0 and abs(row[best[at - 1]]) < weight:
                best[at] = best[at - 1]
                at -= 1
            best[at] = k
            size = min(size + 1, shown)
        for k in range(len(row)):
            if row[k] != 0:
                left[used] = row[k]
                used += 1
                for at in range(size):
                    if best[at] == k:
                        used -= 1
        ends[r + 1] = used
