"""A LightGBM model as flat arrays, and its raw predictions by compiled code: every bit as LightGBM gives them.

LightGBM's own predict is general; one row through it costs more in preparation than in trees. And a hazard model asks
for the same row once a bin, though its bins differ in one column only: here a row and a whole set of values of one
column walk each tree together, and part only where that column splits.

Each split is one question. What is missing (NaN, and zeros where the model was trained with ``zero_as_missing``)
always answers no, so a question whose missing values go left is asked the other way round: ``x > t`` instead of
``x <= t``, written ``-x <= -next(t)``. The rules are those of LightGBM's ``Tree::NumericalDecision`` and
``Tree::CategoricalDecision``.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import lightgbm as lgb
import numba
import numpy as np

from data.log import Codes, Floats, Ints
from veraison.errors import ModelError

NUMBER, BEYOND_ZERO, CATEGORY = 0, 1, 2
"""How a split asks: a number's size; the same of a number that is not zero; whether a category is in a list."""

ZERO = float(np.float32(1e-35))
"""LightGBM reads numbers within this of zero as zero (``kZeroThreshold``)."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO = 0, 1
_SETS = 64
_ROWS_A_THREAD = 64


class Forest(NamedTuple):
    """Trees one after the other; a tree of n leaves has n - 1 splits, its first split is its root.

    width      : () columns of a row
    first      : (trees + 1,) place of each tree's first split; its first leaf is at ``first[t] + t``
    feature    : (splits,) column that is asked
    how        : (splits,) NUMBER, BEYOND_ZERO or CATEGORY
    sign, limit: (splits,) the answer is yes where ``sign * x <= limit``; never where x is missing
    words      : (splits + 1,) where the list of a split's categories begins in `categories`
    categories : (words,) uint32, a bit for each category on the list
    yes, no    : (splits,) child: a split's place, or -1 - the place of a leaf
    cover      : (splits,) rows of the training set that came by
    leaf_cover : (leaves,) rows of the training set that ended there
    value      : (leaves,)
    """

    width: int
    first: Ints
    feature: Codes
    how: Codes
    sign: Floats
    limit: Floats
    words: Codes
    categories: Any
    yes: Codes
    no: Codes
    cover: Floats
    leaf_cover: Floats
    value: Floats

    @property
    def trees(self) -> int:
        return len(self.first) - 1

    def leaves(self, tree: int) -> slice:
        """Places of a tree's leaves."""
        return slice(int(self.first[tree]) + tree, int(self.first[tree + 1]) + tree + 1)


class Sets(NamedTuple):
    """Values of one column by number, and how each split of that column parts them.

    column : () the column, -1 for none
    count  : () how many values, at most 64
    yes    : (splits,) uint64, a bit for each value that answers yes; 0 for splits of other columns
    """

    column: int
    count: int
    yes: Any


def forest_of(booster: lgb.Booster) -> Forest:
    """Read a booster's trees; ModelError where it is of a kind that is not a plain sum of trees.

    >>> data = lgb.Dataset(np.arange(100.0).reshape(-1, 1), label=np.arange(100.0) > 49)
    >>> booster = lgb.train({"verbosity": -1, "num_leaves": 2}, data, 3)
    >>> forest_of(booster).trees, forest_of(booster).feature.tolist()
    (3, [0, 0, 0])
    """
    head, *parts = booster.model_to_string().partition("\nend of trees")[0].split("\nTree=")
    facts = _fields(head)
    if "average_output" in head.splitlines() or facts["num_tree_per_iteration"] != "1":
        raise ModelError("a model of several classes or averaged trees cannot be explained; train one of one class")
    trees = [_fields(part) for part in parts]
    if any(tree.get("is_linear", "0") != "0" for tree in trees):
        raise ModelError("a model with linear leaves cannot be explained; train with linear_tree = false")
    splits = [int(tree["num_leaves"]) - 1 for tree in trees]
    first = np.concatenate([[0], np.cumsum(splits, dtype=np.int64)]).astype(np.int64)
    left, right = (_children(trees, first, side) for side in ("left_child", "right_child"))
    decision = _column(trees, "decision_type").astype(np.int64)
    threshold = _column(trees, "threshold")
    how, turned, limit = _questions(decision, threshold)
    words, categories = _categories(trees, decision, threshold)
    return Forest(
        width=int(facts["max_feature_idx"]) + 1,
        first=first,
        feature=_column(trees, "split_feature").astype(np.int32),
        how=how,
        sign=np.where(turned, -1.0, 1.0),
        limit=limit,
        words=words,
        categories=categories,
        yes=np.where(turned, right, left).astype(np.int32),
        no=np.where(turned, left, right).astype(np.int32),
        cover=_column(trees, "internal_count"),
        leaf_cover=np.concatenate([_numbers(tree, "leaf_count", len(_numbers(tree, "leaf_value"))) for tree in trees]),
        value=_column(trees, "leaf_value"),
    )


def sets_of(forest: Forest, column: int, values: Floats) -> Sets:
    """How the splits of `column` part up to 64 `values` of it."""
    yes = np.zeros(len(forest.feature), dtype=np.uint64)
    row = np.zeros(forest.width)
    for place, value in enumerate(values.tolist()):
        row[column] = value
        for split in np.flatnonzero(forest.feature == column).tolist():
            yes[split] |= np.uint64(int(answer(forest, split, row)) << place)
    return Sets(column, len(values), yes)


class Curve:
    """Raw predictions of rows, each with several values of its last column.

    >>> X = np.column_stack([np.arange(100.0), np.arange(100.0) % 3])
    >>> booster = lgb.train({"verbosity": -1}, lgb.Dataset(X, label=X[:, 0] * X[:, 1]), 3)
    >>> Curve(forest_of(booster), 3)(X[:2, :1]).shape
    (2, 3)
    >>> float(Curve(forest_of(booster), 3)(X[:2, :1])[0, 1]) == booster.predict([[0.0, 1.0]], raw_score=True)[0]
    True
    """

    def __init__(self, forest: Forest, count: int) -> None:
        """`count` : the values of the last column are 0, 1 ... count - 1."""
        self._forest, self._count = forest, count
        self._sets = [
            sets_of(forest, forest.width - 1, np.arange(start, min(start + _SETS, count), dtype=np.float64))
            for start in range(0, count, _SETS)
        ]

    def __call__(self, rows: Floats, threads: int = 1) -> Floats:
        """(n, count) from (n, width - 1) rows."""
        rows = checked(rows, self._forest.width - 1)
        out = np.zeros((len(rows), self._count))
        for place, sets in enumerate(self._sets):
            part = out[:, place * _SETS :]
            in_parts(len(rows), threads, lambda a, b, s=sets, p=part: _walk(self._forest, s, rows[a:b], p[a:b]))
        return out


def predict(forest: Forest, rows: Floats, threads: int = 1) -> Floats:
    """(n,) raw predictions of (n, width) rows: the bits of ``Booster.predict(rows, raw_score=True)``."""
    rows = checked(rows, forest.width)
    out = np.zeros((len(rows), 1))
    alone = Sets(-1, 1, np.zeros(len(forest.feature), dtype=np.uint64))
    in_parts(len(rows), threads, lambda a, b: _walk(forest, alone, rows[a:b], out[a:b]))
    return out[:, 0]


def checked(rows: Floats, width: int) -> Floats:
    """Rows as compiled code reads them; ValueError where they have not `width` columns."""
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"rows of shape {rows.shape} were given; the model takes (n, {width})")
    return np.ascontiguousarray(rows, dtype=np.float64)


def in_parts(rows: int, threads: int, work: Callable[[int, int], None]) -> None:
    """Do ``work(start, stop)`` for about equal parts of the rows, at once in as many threads where they are many."""
    parts = max(1, min(threads, rows // _ROWS_A_THREAD))
    if parts == 1:
        work(0, rows)
        return
    cuts = [rows * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        for done in [pool.submit(work, *cut) for cut in zip(cuts[:-1], cuts[1:], strict=True)]:
            done.result()


@numba.njit(cache=True, nogil=True)
def answer(forest, split, row):  # type: ignore[no-untyped-def]  # numba infers
    """Whether a row answers yes to one split."""
    x = row[forest.feature[split]]
    if forest.how[split] == CATEGORY:
        first, last = forest.words[split], forest.words[split + 1]
        if not -1.0 < x < 32.0 * (last - first):  # also where it is missing
            return False
        code = int(x)
        return (forest.categories[first + code // 32] >> np.uint32(code % 32)) & np.uint32(1) != 0
    if forest.how[split] == BEYOND_ZERO and abs(x) <= ZERO:
        return False
    return forest.sign[split] * x <= forest.limit[split]


@numba.njit(cache=True, nogil=True)
def _walk(forest, sets, rows, out):  # type: ignore[no-untyped-def]  # numba infers
    """Add each tree's value to (n, count) `out`, tree by tree, as LightGBM does: the sum has the same bits."""
    everything = ~np.uint64(0) >> np.uint64(64 - sets.count)
    nodes, masks = np.empty(len(forest.feature) + 1, dtype=np.int64), np.empty(len(forest.feature) + 1, dtype=np.uint64)
    for r in range(len(rows)):
        row = rows[r]
        for tree in range(len(forest.first) - 1):
            waiting = 1
            single = forest.first[tree] == forest.first[tree + 1]
            nodes[0] = -1 - (forest.first[tree] + tree) if single else forest.first[tree]
            masks[0] = everything
            while waiting > 0:
                waiting -= 1
                node, mask = nodes[waiting], masks[waiting]
                while node >= 0:
                    if forest.feature[node] == sets.column:
                        there = mask & sets.yes[node]
                        if there == mask:
                            node = forest.yes[node]
                            continue
                        if there != 0:
                            nodes[waiting], masks[waiting] = forest.yes[node], there
                            waiting += 1
                            mask &= ~there
                        node = forest.no[node]
                    else:
                        node = forest.yes[node] if answer(forest, node, row) else forest.no[node]
                value = forest.value[-1 - node]
                if mask == everything:
                    for place in range(sets.count):
                        out[r, place] += value
                else:
                    for place in range(sets.count):
                        if (mask >> np.uint64(place)) & np.uint64(1):
                            out[r, place] += value


def _questions(decision: Ints, threshold: Floats) -> tuple[Codes, Any, Floats]:
    """(splits,) how each asks, whether it is turned round (yes leads right), and its limit."""
    category = decision & _CATEGORICAL > 0
    missing, default_left = decision >> 2 & 3, decision & _DEFAULT_LEFT > 0
    # A number within ZERO of zero reaches a tree as zero: no limit may part two such numbers.
    threshold = np.where((threshold >= 0) & (threshold <= ZERO), ZERO, threshold)
    below = math.nextafter(-ZERO, -math.inf)
    threshold = np.where((threshold < 0) & (threshold >= -ZERO), below, threshold)
    turned = np.where(missing == _MISSING_NONE, threshold >= 0, default_left) & ~category
    limit = np.where(turned, -np.nextafter(threshold, np.inf), threshold)
    limit[turned & np.isposinf(threshold)] = np.nan  # nothing is beyond infinity
    how = np.where(category, CATEGORY, np.where(missing == _MISSING_ZERO, BEYOND_ZERO, NUMBER)).astype(np.int32)
    return how, turned, limit


def _categories(trees: list[dict[str, str]], decision: Ints, threshold: Floats) -> tuple[Codes, Any]:
    """(splits + 1,) where each split's words begin, and the words of all."""
    lists: Iterator[Any] = iter(threshold)
    lengths, found, place = [], [np.empty(0, dtype=np.uint32)], 0
    for tree in trees:
        bounds = _numbers(tree, "cat_boundaries").astype(np.int64)
        bits = _numbers(tree, "cat_threshold").astype(np.uint32)
        for _ in range(int(tree["num_leaves"]) - 1):
            number = next(lists)
            words = bits[:0]
            if decision[place] & _CATEGORICAL:
                words = bits[bounds[int(number)] : bounds[int(number) + 1]]
            lengths.append(len(words))
            found.append(words)
            place += 1
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), np.concatenate(found)


def _children(trees: list[dict[str, str]], first: Ints, side: str) -> Ints:
    """(splits,) a child's place among all splits, or -1 - its place among all leaves."""
    found = [np.empty(0, dtype=np.int64)]
    for number, tree in enumerate(trees):
        child = _numbers(tree, side).astype(np.int64)
        found.append(np.where(child >= 0, child + first[number], child - first[number] - number))
    return np.concatenate(found)


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _numbers(tree: dict[str, str], name: str, otherwise: int = 0) -> Floats:
    """The numbers of one line; so many zeros where it is left out."""
    found = np.array(tree.get(name, "").split(), dtype=np.float64)
    return found if len(found) else np.zeros(otherwise)


def _column(trees: list[dict[str, str]], name: str) -> Floats:
    return np.concatenate([np.empty(0), *(_numbers(tree, name) for tree in trees)])
