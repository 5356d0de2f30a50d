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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import lightgbm as lgb
import numba
import numpy as np

from data.log import Floats, Ints
from veraison.errors import ModelError

NUMBER, BEYOND_ZERO, CATEGORY = 0, 1, 2
"""How a split asks: a number's size; the same of a number that is not zero; whether a category is in a list."""

ZERO = float(np.float32(1e-35))
"""LightGBM reads numbers within this of zero as zero (``kZeroThreshold``)."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO = 0, 1
_SETS = 64
_ROWS_A_THREAD = 64


SPLIT = np.dtype(
    [
        ("limit", "f8"), ("sign", "f8"), ("feature", "u4"), ("how", "u4"), ("yes", "i4"), ("no", "i4"),
        ("words", "u4"), ("words_end", "u4"),
    ]
)  # fmt: skip
"""One split, whose answer is yes where ``sign * x <= limit``, or where x is on its list; never where x is missing.

feature          : column of x
how              : NUMBER, BEYOND_ZERO or CATEGORY
yes, no          : child: a split's place, or -1 - the place of a leaf
words, words_end : where its list lies in ``Forest.categories``
"""


class Forest(NamedTuple):
    """Trees one after the other; a tree of n leaves has n - 1 splits, the first of which is its root.

    width      : () columns of a row
    first      : (trees + 1,) place of each tree's first split; its first leaf is at ``first[t] + t``
    splits     : (splits,) of type SPLIT
    categories : (words,) uint32, a bit for each category of a list
    cover      : (splits,) rows of the training set that came by
    leaf_cover : (leaves,) rows of the training set that ended there
    value      : (leaves,)
    """

    width: int
    first: Ints
    splits: Any
    categories: Any
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
    size   : () how many values, at most 64
    yes    : (splits,) uint64, a bit for each value that answers yes; 0 for splits of other columns
    """

    column: int
    size: int
    yes: Any


def forest_of(booster: lgb.Booster) -> Forest:
    """Read a booster's trees; ModelError where it is of a kind that is not a plain sum of trees.

    >>> data = lgb.Dataset(np.arange(100.0).reshape(-1, 1), label=np.arange(100.0) > 49)
    >>> booster = lgb.train({"verbosity": -1, "num_leaves": 2}, data, 3)
    >>> forest_of(booster).trees, forest_of(booster).splits["feature"].tolist()
    (3, [0, 0, 0])
    """
    head, *parts = booster.model_to_string().partition("\nend of trees")[0].split("\nTree=")
    facts = _fields(head)
    if "average_output" in head.splitlines() or facts["num_tree_per_iteration"] != "1":
        raise ModelError("a model of several classes or averaged trees cannot be explained; train one of one class")
    trees = [_fields(part) for part in parts]
    if any(tree.get("is_linear", "0") != "0" for tree in trees):
        raise ModelError("a model with linear leaves cannot be explained; train with linear_tree = false")
    first = np.cumsum([0, *(int(tree["num_leaves"]) - 1 for tree in trees)], dtype=np.int64)
    left, right = (_children(trees, first, side) for side in ("left_child", "right_child"))
    decision = _column(trees, "decision_type").astype(np.int64)
    threshold = _column(trees, "threshold")
    splits = np.zeros(len(threshold), dtype=SPLIT)
    splits["feature"] = _column(trees, "split_feature")
    turned = _ask(splits, decision, threshold)
    splits["yes"], splits["no"] = np.where(turned, right, left), np.where(turned, left, right)
    return Forest(
        width=int(facts["max_feature_idx"]) + 1,
        first=first,
        splits=splits,
        categories=_lists(splits, trees, first, threshold),
        cover=_column(trees, "internal_count"),
        leaf_cover=np.concatenate([_numbers(tree, "leaf_count", len(_numbers(tree, "leaf_value"))) for tree in trees]),
        value=_column(trees, "leaf_value"),
    )


def sets_of(forest: Forest, column: int, values: Floats) -> Sets:
    """How the splits of `column` part up to 64 `values` of it."""
    yes = np.zeros(len(forest.splits), dtype=np.uint64)
    row = np.zeros(forest.width)
    for place, value in enumerate(values.tolist()):
        row[column] = value
        for split in np.flatnonzero(forest.splits["feature"] == column).tolist():
            yes[split] |= np.uint64(int(answer(forest.splits, forest.categories, split, row)) << place)
    return Sets(column, len(values), yes)


class Curve:
    """Raw predictions of rows, each with several values of its last column, and of columns that rise with it.

    >>> X = np.column_stack([np.arange(100.0), np.arange(100.0) % 3])
    >>> booster = lgb.train({"verbosity": -1}, lgb.Dataset(X, label=X[:, 0] * X[:, 1]), 3)
    >>> curves = Curve(forest_of(booster), 3)(X[:2, :1])
    >>> curves.shape, curves[0].tolist() == booster.predict([[0, 0], [0, 1], [0, 2]], raw_score=True).tolist()
    ((2, 3), True)
    """

    def __init__(self, forest: Forest, count: int, clocks: Sequence[int] = (), passed: Floats | None = None) -> None:
        """`count` : the values of the last column are 0, 1 ... count - 1.

        clocks : columns that stand ``passed[k]`` higher where the last column is k
        passed : (count,) ascending
        """
        self._forest, self._count = forest, count
        moving = np.zeros(forest.width, dtype=np.bool_)
        moving[list(clocks)] = True
        self._moving = moving[forest.splits["feature"]]
        passed = np.zeros(count) if passed is None else passed
        self._parts = []
        for start in range(0, count, _SETS):
            stop = min(start + _SETS, count)
            sets = sets_of(forest, forest.width - 1, np.arange(start, stop, dtype=np.float64))
            self._parts.append((sets, np.ascontiguousarray(passed[start:stop])))

    def __call__(self, rows: Floats, threads: int = 1) -> Floats:
        """(n, count) from (n, width - 1) rows."""
        rows = checked(rows, self._forest.width - 1)
        out = np.zeros((len(rows), self._count))
        for place, (sets, passed) in enumerate(self._parts):
            walk = partial(_walk, self._forest, sets, self._moving, passed)
            in_parts(rows, out[:, place * _SETS :], threads, walk)
        return out


def predict(forest: Forest, rows: Floats, threads: int = 1) -> Floats:
    """(n,) raw predictions of (n, width) rows: the bits of ``Booster.predict(rows, raw_score=True)``."""
    rows = checked(rows, forest.width)
    out = np.zeros((len(rows), 1))
    alone = Sets(-1, 1, np.zeros(len(forest.splits), dtype=np.uint64))
    still = np.zeros(len(forest.splits), dtype=np.bool_)
    in_parts(rows, out, threads, partial(_walk, forest, alone, still, np.zeros(1)))
    return out[:, 0]


def checked(rows: Floats, width: int) -> Floats:
    """Rows as compiled code reads them; ValueError where they have not `width` columns."""
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"rows of shape {rows.shape} were given; the model takes (n, {width})")
    return np.ascontiguousarray(rows, dtype=np.float64)


def in_parts(rows: Floats, out: Floats, threads: int, work: Callable[[Floats, Floats], None]) -> None:
    """Let `work` fill `out` from the rows; in about equal parts, as many at once as `threads`, where rows are many."""
    parts = max(1, min(threads, len(rows) // _ROWS_A_THREAD))
    if parts == 1:
        work(rows, out)
        return
    cuts = pairwise(len(rows) * part // parts for part in range(parts + 1))
    with ThreadPoolExecutor(parts) as pool:
        for done in [pool.submit(work, rows[start:stop], out[start:stop]) for start, stop in cuts]:
            done.result()


@numba.njit(cache=True, nogil=True)
def answer(splits, categories, place, row):  # type: ignore[no-untyped-def]  # numba infers
    """Whether a row answers yes to one split."""
    return _answers(splits[place], categories, row[splits[place].feature])


@numba.njit(cache=True, nogil=True)
def _answers(split, categories, x):  # type: ignore[no-untyped-def]  # numba infers
    if split.how == NUMBER:
        return split.sign * x <= split.limit
    if split.how == CATEGORY:
        if not -1.0 < x < 32.0 * (split.words_end - split.words):  # also where it is missing
            return False
        code = np.uint32(int(x))
        return (categories[split.words + code // np.uint32(32)] >> (code % np.uint32(32))) & np.uint32(1) != 0
    return abs(x) > ZERO and split.sign * x <= split.limit


@numba.njit(cache=True, nogil=True)
def _who_answers(split, categories, x, passed):  # type: ignore[no-untyped-def]  # numba infers
    """A bit for each of `passed` with which x answers yes."""
    last = len(passed) - 1
    found = np.uint64(_answers(split, categories, x + passed[0]))
    # A number on its way up crosses a limit once: where both ends agree, so do all between.
    if split.how == NUMBER and found == np.uint64(_answers(split, categories, x + passed[last])):
        return (~np.uint64(0) >> np.uint64(63 - last)) * found
    for place in range(1, last + 1):
        found |= np.uint64(_answers(split, categories, x + passed[place])) << np.uint64(place)
    return found


@numba.njit(cache=True, nogil=True)
def _walk(forest, sets, moving, passed, rows, out):  # type: ignore[no-untyped-def]  # numba infers
    """Add each tree's value to (n, count) `out`, tree by tree, as LightGBM does: the sum has the same bits.

    moving : (splits,) whether a split's column stands `passed` higher at each value
    """
    # Arrays as plain names: behind a record's dots the compiler reads their addresses again and again.
    first, splits, categories, values = forest.first, forest.splits, forest.categories, forest.value
    column, count, yes = sets.column, sets.size, sets.yes
    everything = ~np.uint64(0) >> np.uint64(64 - count)
    nodes, masks = np.empty(len(splits) + 1, dtype=np.int64), np.empty(len(splits) + 1, dtype=np.uint64)
    for r in range(len(rows)):
        row, mine = rows[r], out[r]
        for tree in range(len(first) - 1):
            root, waiting = first[tree], 1
            nodes[0] = root if first[tree + 1] > root else -1 - (root + tree)
            masks[0] = everything
            while waiting > 0:
                waiting -= 1
                node, mask = nodes[waiting], masks[waiting]
                while node >= 0:
                    at = np.uint32(node)  # an unsigned place is not looked up from the end
                    split = splits[at]
                    if moving[at]:
                        there = mask & _who_answers(split, categories, row[split.feature], passed)
                    elif split.feature != column:
                        node = split.yes if answer(splits, categories, at, row) else split.no
                        continue
                    else:
                        there = mask & yes[at]
                    if there != 0 and there != mask:
                        nodes[waiting], masks[waiting] = split.yes, there
                        waiting += 1
                        mask &= ~there
                        there = np.uint64(0)
                    node = split.yes if there != 0 else split.no
                value = values[np.uint32(-1 - node)]
                if mask == everything:
                    for place in range(count):
                        mine[place] += value
                else:
                    for place in range(count):
                        mine[place] += value if (mask >> np.uint64(place)) & np.uint64(1) else 0.0


def _ask(splits: Any, decision: Ints, threshold: Floats) -> Any:
    """Fill how each split asks; (splits,) whether it is turned round, so that yes leads right."""
    category = decision & _CATEGORICAL > 0
    missing, default_left = decision >> 2 & 3, decision & _DEFAULT_LEFT > 0
    # A number within ZERO of zero reaches a tree as zero: no limit may part two such numbers.
    threshold = np.where((threshold >= 0) & (threshold <= ZERO), ZERO, threshold)
    threshold = np.where((threshold < 0) & (threshold >= -ZERO), math.nextafter(-ZERO, -math.inf), threshold)
    turned = np.where(missing == _MISSING_NONE, threshold >= 0, default_left) & ~category
    splits["sign"] = np.where(turned, -1.0, 1.0)
    splits["limit"] = np.where(turned, -np.nextafter(threshold, np.inf), threshold)
    splits["limit"][turned & np.isposinf(threshold)] = np.nan  # nothing is beyond infinity
    splits["how"] = np.where(category, CATEGORY, np.where(missing == _MISSING_ZERO, BEYOND_ZERO, NUMBER))
    return turned


def _lists(splits: Any, trees: list[dict[str, str]], first: Ints, threshold: Floats) -> Any:
    """All trees' words, to which the splits by category are told their places."""
    found, words = [np.empty(0, dtype=np.uint32)], 0
    for number, tree in enumerate(trees):
        bounds = _numbers(tree, "cat_boundaries").astype(np.int64) + words
        for split in range(int(first[number]), int(first[number + 1])):
            if splits["how"][split] == CATEGORY:  # its threshold is the number of its list
                splits["words"][split], splits["words_end"][split] = bounds[int(threshold[split]) :][:2]
        found.append(_numbers(tree, "cat_threshold").astype(np.uint32))
        words += len(found[-1])
    return np.concatenate(found)


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
