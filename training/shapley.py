"""Exact Shapley values of a sum of trees, by looking them up.

The values are those of LightGBM's ``pred_contrib``: path-dependent TreeSHAP (Lundberg et al. 2020), in which a tree
that is not told a feature goes both ways, by the shares of the training set that did. For one leaf of value v, with
o_i = 1 where every split of feature i on the way to it lets the row pass (else 0) and r_i the product of the shares
of those splits, the part of feature i is::

    phi_i = v * (o_i - r_i) * integral over t in [0, 1] of  prod over j != i of (r_j + (o_j - r_j) * t)  dt

a polynomial in t, so that Gauss-Legendre quadrature with half as many points as the leaf has features is exact.

A row meets a tree only through the answers to its splits. A tree of seven leaves has six splits: 64 patterns, for each
of which the parts of its features are tabulated once. A row then costs the answers and one look-up a tree. Trees with
more than `TABULATED` splits are summed over their leaves, row by row.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from data.log import Codes, Floats, Ints
from training.forest import NUMBER, Forest, answer, checked, in_parts

TABULATED = 8
"""Splits of the largest tree that gets a table: 256 patterns of at most 8 features, 16 KB."""


class Paths(NamedTuple):
    """Which splits lie on the way to each leaf, gathered by feature: a feature on the way to a leaf is a *step*.

    first_step   : (leaves + 1,) place of each leaf's first step
    column       : (steps,) the feature
    share        : (steps,) of the training set that passes the feature's splits on this way
    first_split  : (steps + 1,) place of each step's first split
    split, wanted: (steps' splits,) the split, and the answer that leads to the leaf
    """

    first_step: Ints
    column: Codes
    share: Floats
    first_split: Ints
    split: Codes
    wanted: Codes


QUESTION = np.dtype([("limit", "f8"), ("sign", "f8"), ("column", "u4")])
"""A question about a number, as in ``forest.SPLIT``."""

OTHER = np.dtype([("table", "u4"), ("bit", "u4"), ("split", "u4")])
"""Any other question of a table: its bit in the pattern, and the split that asks it."""

TABLE = np.dtype([("tree", "u4"), ("row", "u4"), ("part", "u4"), ("parts", "u4")])
"""A tree, where its table begins in `phi`, and where its columns begin in `part` and how many they are."""


class Tables(NamedTuple):
    """Each small tree's Shapley values under each pattern of answers.

    columns   : those that the trees ask, ascending; questions and parts call a column by its place here
    trees     : (tables,) TABLE
    questions : (tables, slots) QUESTION; the slots of other questions, and those a tree does not need, never say yes
    others    : (others,) OTHER
    part      : the columns of each tree
    phi       : for each tree one row a pattern, one column a feature
    """

    columns: Any
    trees: Any
    questions: Any
    others: Any
    part: Any
    phi: Floats


class Explainer:
    """Shapley values of the rows of one model.

    >>> import lightgbm as lgb
    >>> from training.forest import forest_of
    >>> X = np.random.default_rng(1).normal(size=(200, 3))
    >>> booster = lgb.train({"verbosity": -1, "num_leaves": 4}, lgb.Dataset(X, label=X[:, 0] * X[:, 1]), 5)
    >>> explainer = Explainer(forest_of(booster))
    >>> theirs = booster.predict(X, pred_contrib=True)
    >>> bool(np.abs(explainer(X) - theirs[:, :-1]).max() < 1e-12), bool(abs(explainer.base - theirs[0, -1]) < 1e-12)
    (True, True)
    """

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._paths = _paths(forest)
        self._points, self._weights = _quadrature(int(np.diff(self._paths.first_step).max(initial=1)))
        self._tables = self._tabulate()
        self._large = np.setdiff1d(np.flatnonzero(np.diff(forest.first) > 0), self._tables.trees["tree"])
        self.base = _base(forest)

    @property
    def table_bytes(self) -> int:
        """Memory of the tables."""
        return self._tables.phi.nbytes

    def __call__(self, rows: Floats, threads: int = 1) -> Floats:
        """(n, f) each feature's part of the raw prediction of (n, f) rows; a row's bits depend on no other row."""
        rows = checked(rows, self._forest.width)
        out = np.zeros(rows.shape)
        in_parts(rows, out, threads, self._fill)
        return out

    def _fill(self, rows: Floats, out: Floats) -> None:
        _explain(self._forest.splits, self._forest.categories, self._tables, rows, out)
        if len(self._large):
            _explain_leaves(self._forest, self._paths, self._large, self._points, self._weights, rows, out)

    def _tabulate(self) -> Tables:
        first, splits = self._forest.first, self._forest.splits
        columns, column = np.unique(splits["feature"], return_inverse=True)
        trees = np.flatnonzero((np.diff(first) > 0) & (np.diff(first) <= TABULATED))
        size = np.diff(first)[trees]
        questions = np.zeros((len(trees), int(size.max(initial=0))), dtype=QUESTION)
        questions["limit"] = np.nan
        others, parts = [], []
        for table, tree in enumerate(trees.tolist()):
            own = slice(first[tree], first[tree + 1])
            number = np.flatnonzero(splits["how"][own] == NUMBER)
            questions["column"][table, number] = column[own][number]
            for name in ("sign", "limit"):
                questions[name][table, number] = splits[name][own][number]
            for bit in np.flatnonzero(splits["how"][own] != NUMBER).tolist():
                others.append((table, bit, first[tree] + bit))
            parts.append(np.unique(column[own]))
        tables = np.zeros(len(trees), dtype=TABLE)
        tables["tree"], tables["parts"] = trees, [len(part) for part in parts]
        cells = tables["parts"].astype(np.int64) << size
        tables["row"] = np.cumsum(cells) - cells
        tables["part"] = np.cumsum(tables["parts"]) - tables["parts"]
        part = np.concatenate([np.empty(0), *parts]).astype(np.uint32)
        made = Tables(columns, tables, questions, np.array(others, dtype=OTHER), part, np.zeros(int(cells.sum())))
        _fill_tables(self._forest, self._paths, made, self._points, self._weights)
        return made


def _quadrature(most: int) -> tuple[Floats, Floats]:
    """Points and weights on [0, 1], in row n n of them: they integrate polynomials up to degree 2n - 1 exactly.

    most : linear terms of the largest product, and one more
    """
    rows = (most + 1) // 2 + 1
    points, weights = np.zeros((rows, rows)), np.zeros((rows, rows))
    for n in range(1, rows):
        found, weight = np.polynomial.legendre.leggauss(n)
        points[n, :n], weights[n, :n] = (found + 1) / 2, weight / 2
    return points, weights


def _base(forest: Forest) -> float:
    """What the model says of a row of which nothing is known."""
    total = 0.0
    for tree in range(forest.trees):
        values, cover = forest.value[forest.leaves(tree)], forest.leaf_cover[forest.leaves(tree)]
        if len(values) == 1:
            total += float(values[0])
            continue
        expected = 0.0
        for value, count in zip(values.tolist(), cover.tolist(), strict=True):
            expected += count / float(forest.cover[forest.first[tree]]) * value
        total += expected
    return total


def _paths(forest: Forest) -> Paths:
    first_step, first_split = [0], [0]
    column: list[int] = []
    share: list[float] = []
    split: list[int] = []
    wanted: list[int] = []
    features = forest.splits["feature"].tolist()
    for way in _ways(forest):
        steps: dict[int, list[tuple[int, int, float]]] = {}
        for node, yes, part in way:
            steps.setdefault(features[node], []).append((node, yes, part))
        for feature, met in steps.items():
            column.append(feature)
            share.append(float(np.prod([part for _, _, part in met])))
            split += [node for node, _, _ in met]
            wanted += [yes for _, yes, _ in met]
            first_split.append(len(split))
        first_step.append(len(column))
    return Paths(
        np.array(first_step, dtype=np.int64),
        np.array(column, dtype=np.int32),
        np.array(share, dtype=np.float64),
        np.array(first_split, dtype=np.int64),
        np.array(split, dtype=np.int32),
        np.array(wanted, dtype=np.int32),
    )


def _ways(forest: Forest) -> list[list[tuple[int, int, float]]]:
    """For each leaf the splits from the root down: the split, the answer (1 yes) and the share that gave it."""
    found: list[list[tuple[int, int, float]]] = [[] for _ in forest.value]
    yes, no, cover, leaf_cover = (
        one.tolist() for one in (forest.splits["yes"], forest.splits["no"], forest.cover, forest.leaf_cover)
    )
    for tree in range(forest.trees):
        if forest.first[tree] == forest.first[tree + 1]:
            continue
        waiting: list[tuple[int, list[tuple[int, int, float]]]] = [(int(forest.first[tree]), [])]
        while waiting:
            node, way = waiting.pop()
            if node < 0:
                found[-1 - node] = way
                continue
            for child, said in ((yes[node], 1), (no[node], 0)):
                went = cover[child] if child >= 0 else leaf_cover[-1 - child]
                waiting.append((child, [*way, (node, said, went / cover[node])]))
    return found


@numba.njit(cache=True, nogil=True)
def _add_leaf(value, share, passed, steps, points, weights, before, out):  # type: ignore[no-untyped-def]  # numba infers
    """Add to (steps,) `out` the parts of one leaf; `before` is room for (steps + 1,) numbers."""
    n = (steps + 1) // 2
    for q in range(n):
        t = points[n, q]
        before[0] = 1.0
        for i in range(steps):
            before[i + 1] = before[i] * (share[i] + (passed[i] - share[i]) * t)
        after = value * weights[n, q]
        for i in range(steps - 1, -1, -1):
            out[i] += (passed[i] - share[i]) * before[i] * after
            after *= share[i] + (passed[i] - share[i]) * t


@numba.njit(cache=True, nogil=True)
def _fill_tables(forest, paths, tables, points, weights):  # type: ignore[no-untyped-def]  # numba infers
    """For each leaf the parts under each pattern of its steps; then each pattern of the tree takes its leaf's."""
    room = np.empty(64)
    passed = np.empty(64)
    place = np.empty(64, dtype=np.int64)
    asked, right = np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64)
    for table in tables.trees:
        tree = int(table.tree)
        root = forest.first[tree]
        splits = forest.first[tree + 1] - root
        parts = tables.part[table.part : table.part + table.parts]
        phi = tables.phi[table.row :]
        for leaf in range(root + tree, root + tree + splits + 1):
            start = paths.first_step[leaf]
            steps = paths.first_step[leaf + 1] - start
            for i in range(steps):
                place[i] = np.searchsorted(tables.columns[parts], paths.column[start + i])
                asked[i] = right[i] = 0
                for s in range(paths.first_split[start + i], paths.first_split[start + i + 1]):
                    bit = 1 << (paths.split[s] - root)
                    asked[i] |= bit
                    right[i] |= bit * paths.wanted[s]
            own = np.zeros((1 << steps, steps))
            for passes in range(1 << steps):
                for i in range(steps):
                    passed[i] = (passes >> i) & 1
                _add_leaf(forest.value[leaf], paths.share[start:], passed, steps, points, weights, room, own[passes])
            for pattern in range(1 << splits):
                passes = 0
                for i in range(steps):
                    if pattern & asked[i] == right[i]:
                        passes |= 1 << i
                for i in range(steps):
                    phi[pattern * len(parts) + place[i]] += own[passes, i]


@numba.njit(cache=True, nogil=True)
def _explain(splits, categories, tables, rows, out):  # type: ignore[no-untyped-def]  # numba infers
    """Add to (n, f) `out` the parts of the trees that have tables, in the order of the trees."""
    # Arrays as plain names: behind a record's dots the compiler reads their addresses again and again.
    columns, trees, questions, others, part, phi = tables
    count, slots = questions.shape
    pattern = np.empty(count, dtype=np.uint32)
    # What is read of a row, and added to it, stays in the nearest memory; the row itself is passed once, in order.
    mine, asked = np.empty(len(columns)), np.empty(len(columns))
    for r in range(len(rows)):
        row = rows[r]
        for c in range(len(columns)):
            asked[c] = row[columns[c]]
            mine[c] = 0.0
        for t in range(count):
            found = 0
            for bit in range(slots):
                question = questions[t, bit]
                found |= int(question.sign * asked[question.column] <= question.limit) << bit
            pattern[t] = found
        for other in others:
            pattern[other.table] |= np.uint32(answer(splits, categories, other.split, row)) << other.bit
        for t in range(count):
            tree = trees[t]
            at = tree.row + pattern[t] * tree.parts
            for k in range(tree.parts):
                mine[part[tree.part + np.uint32(k)]] += phi[at + np.uint32(k)]
        for c in range(len(columns)):
            out[r, columns[c]] += mine[c]


@numba.njit(cache=True, nogil=True)
def _explain_leaves(forest, paths, trees, points, weights, rows, out):  # type: ignore[no-untyped-def]  # numba infers
    """Add to (n, f) `out` the parts of `trees`, leaf by leaf."""
    most = 0
    for leaf in range(len(forest.value)):
        most = max(most, paths.first_step[leaf + 1] - paths.first_step[leaf])
    room, passed, parts = np.empty(most + 1), np.empty(most), np.empty(most)
    said = np.empty(len(forest.splits), dtype=np.int32)
    for r in range(len(rows)):
        for tree in trees:
            for split in range(forest.first[tree], forest.first[tree + 1]):
                said[split] = answer(forest.splits, forest.categories, split, rows[r])
            for leaf in range(forest.first[tree] + tree, forest.first[tree + 1] + tree + 1):
                start = paths.first_step[leaf]
                steps = paths.first_step[leaf + 1] - start
                for i in range(steps):
                    parts[i] = 0.0
                    passed[i] = 1.0
                    for s in range(paths.first_split[start + i], paths.first_split[start + i + 1]):
                        if said[paths.split[s]] != paths.wanted[s]:
                            passed[i] = 0.0
                _add_leaf(forest.value[leaf], paths.share[start:], passed, steps, points, weights, room, parts)
                for i in range(steps):
                    out[r, paths.column[start + i]] += parts[i]
