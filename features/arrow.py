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
    found = []
    for place, kind in enumerate(types(feature_set)):
        values: Any = np.array(matrix[:, place])  # a copy: the matrix may stand in memory that is used again
        bits = np.empty((len(values) + 7) // 8, dtype=np.uint8)
        nulls = _present(values, bits)
        if kind == pa.int32():
            values, number = np.empty(len(values), dtype=np.int32), values
            _whole(number, values)
        buffers = [pa.py_buffer(bits) if nulls else None, pa.py_buffer(values)]
        found.append(pa.Array.from_buffers(kind, len(values), buffers, nulls))
    return found


@numba.njit(cache=True, nogil=True)
def _present(values, bits):  # type: ignore[no-untyped-def]  # numba infers
    """Fill the validity bitmap; return how many are NaN."""
    nulls = 0
    for byte in range(len(bits)):
        first = 8 * byte
        last = min(first + 8, len(values))
        found = 0
        for at in range(first, last):
            there = values[at] == values[at]
            found |= there << (at - first)
            nulls += not there
        bits[byte] = found
    return nulls


@numba.njit(cache=True, nogil=True)
def _whole(values, found):  # type: ignore[no-untyped-def]  # numba infers
    for at in range(len(values)):
        found[at] = np.int32(values[at]) if values[at] == values[at] else 0
