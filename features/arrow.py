"""A feature matrix as Arrow columns, made without a second look at each number.

A count, a flag or a category code becomes an int32, any other feature a float64; NaN becomes null. So a file of
features holds the very bits of the matrix, at half the size.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa

from data.log import Floats
from features.catalogue import FeatureSet


def types(feature_set: FeatureSet) -> list[pa.DataType]:
    """The Arrow type of each column of the set."""
    return [pa.float64() if feature_set.type_of(one) == "number" else pa.int32() for one in feature_set.features]


def columns(matrix: Floats, feature_set: FeatureSet) -> list[pa.Array]:
    """The columns of (rows, features) `matrix` in the order of the set; fastest where it is stored by columns.

    >>> one = FeatureSet((7,), (), (), (), (), ()).only(["age", "count__all__7d"])
    >>> [column.to_pylist() for column in columns(np.array([[np.nan, 3.0]]), one)]
    [[None], [3]]
    """
    made = Columns(feature_set, len(matrix))
    made.append(matrix)
    return made.arrays()


class Columns:
    """Room for the columns of some rows, filled matrix after matrix.

    Getting memory costs more than filling it on some machines; whoever writes a file can fill the same room again and
    again, once what was in it is written.

    rows : so many there is room for

    >>> room = Columns(FeatureSet((7,), (), (), (), (), ()).only(["age", "count__all__7d"]), rows=10)
    >>> room.append(np.array([[np.nan, 3.0]]))
    >>> room.append(np.array([[0.5, 4.0]]))
    >>> [column.to_pylist() for column in room.arrays()]
    [[None, 0.5], [3, 4]]
    """

    def __init__(self, feature_set: FeatureSet, rows: int) -> None:
        self._types = types(feature_set)
        whole = np.array([kind == pa.int32() for kind in self._types], dtype=np.bool_)
        self._place = np.where(whole, np.cumsum(whole), np.cumsum(~whole)) - 1
        self._whole = whole
        self._integers = np.empty((int(whole.sum()), rows), dtype=np.int32)
        self._floats = np.empty((int((~whole).sum()), rows))
        self._bits = np.empty((len(whole), (rows + 7) // 8), dtype=np.uint8)
        self._nulls = np.zeros(len(whole), dtype=np.int64)
        self._room = rows
        self.rows = 0

    def append(self, matrix: Floats) -> None:
        """Add the rows of (n, features) `matrix`; IndexError where there is no room for them."""
        if self.rows + len(matrix) > self._room:
            raise IndexError(f"room for {self._room} rows, and {self.rows} + {len(matrix)} were to be there")
        _append(matrix, self.rows, self._whole, self._place, self._integers, self._floats, self._bits, self._nulls)
        self.rows += len(matrix)

    def arrays(self) -> list[pa.Array]:
        """The columns in the order of the set; they show this room, so they last until it is cleared."""
        found = []
        for column, kind in enumerate(self._types):
            table: Any = self._integers if self._whole[column] else self._floats
            nulls = int(self._nulls[column])
            bits = pa.py_buffer(self._bits[column]) if nulls else None
            values = pa.py_buffer(table[self._place[column], : self.rows])
            found.append(pa.Array.from_buffers(kind, self.rows, [bits, values], nulls))
        return found

    def clear(self) -> None:
        """Empty the room."""
        self.rows = 0
        self._nulls[:] = 0


_compiled = numba.njit(cache=True, nogil=True)


@_compiled
def _append(matrix, start, whole, place, integers, floats, bits, nulls):  # type: ignore[no-untyped-def]  # numba infers
    n = len(matrix)
    for column in range(len(whole)):
        values = matrix[:, column]
        missing = 0
        if whole[column]:
            missing = _to_integers(values, integers[place[column], start : start + n])
        else:
            missing = _to_floats(values, floats[place[column], start : start + n])
        if missing > 0 or nulls[column] > 0:
            if nulls[column] == 0:
                bits[column, : (start + 7) // 8] = 255
            _mark(values, start, bits[column])
        nulls[column] += missing


@_compiled
def _to_integers(values, found):  # type: ignore[no-untyped-def]  # numba infers
    missing = 0
    for at in range(len(values)):
        value = values[at]
        there = not np.isnan(value)
        missing += not there
        found[at] = np.int32(value if there else 0.0)
    return missing


@_compiled
def _to_floats(values, found):  # type: ignore[no-untyped-def]  # numba infers
    missing = 0
    for at in range(len(values)):
        value = values[at]
        missing += np.isnan(value)
        found[at] = value
    return missing


@_compiled
def _mark(values, start, bits):  # type: ignore[no-untyped-def]  # numba infers
    """Say in the validity bitmap from bit `start` on which values are there."""
    n, at = len(values), 0
    while at < n and (start + at) % 8:
        there = np.uint8(not np.isnan(values[at]))
        bit = (start + at) % 8
        bits[(start + at) // 8] = (bits[(start + at) // 8] & ((1 << bit) - 1)) | (there << bit)
        at += 1
    while at + 8 <= n:
        byte = 0
        for bit in range(8):
            byte |= (not np.isnan(values[at + bit])) << bit
        bits[(start + at) // 8] = byte
        at += 8
    if at < n:
        byte = 0
        for bit in range(n - at):
            byte |= (not np.isnan(values[at + bit])) << bit
        bits[(start + at) // 8] = byte
