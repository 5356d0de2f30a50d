"""Rows in any order become the columns of histories: codes of texts, a counting sort by lead, an order within it.

Everything here is linear in the rows but for leads whose rows do not come in their order already, which are sorted
by themselves. Ids are compared only where both moments are the same.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data.identity import Identity

NO_VALUE = np.iinfo(np.int64).min
_BLOCKS = 256
_AT_ONCE = 1_500_000

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Views:
    """Under which leads the rows of a lead show: its own, and those it continues as, from a moment on.

    names   : all leads that have rows, ascending
    offsets : (leads + 1,) the other views of lead i are ``offsets[i]:offsets[i + 1]``
    lead    : code of the other lead
    since   : microseconds UTC
    """

    names: list[str]
    offsets: Ints
    lead: Ints
    since: Ints


@dataclass(frozen=True)
class Ordered:
    """Rows by lead, in the order of a history.

    offsets  : (leads + 1,)
    known    : microseconds UTC, when that lead's history could show the row
    occurred : microseconds UTC
    row      : place among the rows given; a row shows more than once where ids merged
    """

    offsets: Ints
    known: Ints
    occurred: Ints
    row: Ints


def encode(column: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """(rows,) places among the texts that occur, ascending, so that they do not depend on the order of rows; -1 null.

    >>> encode(pa.chunked_array([["b", None], ["a"]]))
    (array([ 1, -1,  0], dtype=int32), ['a', 'b'])
    """
    if not column.num_chunks:
        return np.empty(0, dtype=np.int32), []
    if pa.types.is_dictionary(column.type) and any(chunk.dictionary.null_count for chunk in column.chunks):
        column = column.cast(column.type.value_type)  # such dictionaries cannot be united
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    whole = column.unify_dictionaries().combine_chunks()
    found = plain(whole.indices, -1)
    texts: list[str | None] = whole.dictionary.to_pylist()
    used = np.zeros(len(texts) + 1, dtype=np.bool_)
    used[found] = True  # -1 is the place behind the last
    names = sorted({text for text, seen in zip(texts, used, strict=False) if seen and text is not None})
    place = {name: code for code, name in enumerate(names)}
    rank = np.array([-1 if text is None else place.get(text, -1) for text in texts] + [-1], dtype=np.int32)
    codes: Codes = rank[found]
    return codes, names


def numbers(column: pa.ChunkedArray, missing: float = NO_VALUE) -> npt.NDArray[Any]:
    """(rows,) a column of numbers, `missing` where it is null."""
    chunks = [plain(chunk, missing) for chunk in column.chunks]
    if not chunks:
        return np.empty(0, dtype=_dtype(column.type))
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def plain(values: pa.Array, missing: float = NO_VALUE) -> npt.NDArray[Any]:
    """The numbers of an array, `missing` where they are null; Arrow's own ways would import pandas first.

    >>> plain(pa.array([1, 2, None]).slice(1), -1)
    array([ 2, -1])
    """
    kind, size = _dtype(values.type), len(values)
    if not size:
        return np.empty(0, dtype=kind)
    there, numbers_ = values.buffers()
    found: npt.NDArray[Any] = np.frombuffer(numbers_, dtype=kind, count=size, offset=values.offset * kind.itemsize)
    if not values.null_count:
        return found
    bits = np.frombuffer(there, dtype=np.uint8)[values.offset // 8 :]
    shift = values.offset % 8
    present = np.unpackbits(bits, count=shift + size, bitorder="little")[shift:]
    return np.where(present, found, kind.type(missing))


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    return np.dtype({"double": "float64"}.get(str(kind), str(kind)))


def views(names: list[str], identity: Identity) -> Views:
    """The views of leads that have rows, `names` in ascending order."""
    chains = {source: identity.chain(source) for source in identity}
    have = set(names)
    heirs = {heir for source, chain in chains.items() if source in have for heir, _ in chain}
    if not heirs <= have:
        names = sorted(have | heirs)
    counts = np.zeros(len(names) + 1, dtype=np.int64)
    lead: list[int] = []
    since: list[int] = []
    if chains:
        place = {name: code for code, name in enumerate(names)}
        for source in sorted(have & chains.keys()):
            counts[place[source] + 1] = len(chains[source])
            lead += [place[heir] for heir, _ in chains[source]]
            since += [moment for _, moment in chains[source]]
    return Views(names, np.cumsum(counts), np.array(lead, dtype=np.int64), np.array(since, dtype=np.int64))


def ordered(
    lead: Codes,
    known: Ints,
    occurred: Ints,
    ids: pa.ChunkedArray | None,
    beside: Codes | None,
    seen: Views,
    threads: int = 1,
) -> Ordered:
    """Rows by lead and then by ``(known, occurred, id, beside)``; the order given settles what is still the same.

    lead            : (rows,) places among ``seen.names``
    known, occurred : (rows,) microseconds UTC
    ids             : (rows,) text, None where the order given stands for it
    beside          : (rows,) what comes after the id; None where nothing does
    """
    offsets = np.zeros(len(seen.names) + 1, dtype=np.int64)
    _count(lead, seen.offsets, seen.lead, offsets)
    np.cumsum(offsets, out=offsets)
    shown = int(offsets[-1])
    found = Ordered(offsets, *(np.empty(shown, dtype=np.int64) for _ in range(3)))
    block = max(1, -(-len(seen.names) // _BLOCKS))

    def place(first: int, last: int) -> None:
        """Place and arrange the rows of the leads from `first` on, before `last`."""
        size = int(offsets[last] - offsets[first])
        by_block = tuple(np.empty(size, dtype=one) for one in (np.int32, np.int64, np.int64, np.int64))
        _to_blocks(lead, known, occurred, seen.offsets, seen.lead, seen.since, offsets, block, first, last, *by_block)
        to_lead, to_known, to_occurred, to_row = by_block
        _to_leads(to_lead, to_known, to_occurred, to_row, offsets, first, last, found.known, found.occurred, found.row)
        _arrange(offsets, found.known, found.occurred, found.row, first, last)

    many = threads * max(1, shown // (threads * _AT_ONCE))
    shares = [len(seen.names) * share // many for share in range(many + 1)]
    shares = [min(-(-share // block) * block, len(seen.names)) for share in shares]  # a block is one thread's
    in_turn(threads, [partial(place, first, last) for first, last in pairwise(shares)])
    if ids is not None:
        tied = _tied(offsets, found.known, found.occurred)
        if len(tied):
            _settle(found, tied, ids, beside)
    return found


def gather(values: npt.NDArray[Any], row: Ints, threads: int = 1) -> npt.NDArray[Any]:
    """``values[row]``, by several threads."""
    found = np.empty(len(row), dtype=values.dtype)
    cuts = [len(row) * share // threads for share in range(threads + 1)]
    in_turn(threads, [partial(_gather, values, row, found, first, last) for first, last in pairwise(cuts)])
    return found


def in_turn(threads: int, jobs: Sequence[Callable[[], None]]) -> None:
    """Do jobs that leave the interpreter's lock alone, so many at a time."""
    if threads == 1:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def _settle(found: Ordered, tied: Ints, ids: pa.ChunkedArray, beside: Codes | None) -> None:
    """Put the rows at the places `tied`, whose leads and moments are the same, in the order of their ids."""
    rows = found.row[tied]
    texts = ids.take(pa.array(rows)).cast(pa.large_string()).combine_chunks()
    texts = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts
    _, places, content = texts.buffers()
    start = np.frombuffer(places, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(content, dtype=np.uint8) if content else np.empty(0, dtype=np.uint8)
    then = np.zeros(len(rows), dtype=np.int32) if beside is None else beside[rows]
    order = np.arange(len(rows))
    _arrange_ties(tied, found.known, found.occurred, found.offsets, start, letters, then, order)
    found.row[tied] = rows[order]


@numba.njit(cache=True, nogil=True)
def _count(lead, view_offsets, view_lead, counts):  # type: ignore[no-untyped-def]  # numba infers
    for i in range(len(lead)):
        counts[lead[i] + 1] += 1
    if not len(view_lead):
        return
    for i in range(len(lead)):
        for v in range(view_offsets[lead[i]], view_offsets[lead[i] + 1]):
            counts[view_lead[v] + 1] += 1


@numba.njit(cache=True, nogil=True)
def _gather(values, row, found, first, last):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(first, last):
        found[p] = values[row[p]]


@numba.njit(cache=True, nogil=True)
def _to_blocks(  # type: ignore[no-untyped-def]  # numba infers
    lead, known, occurred, view_offsets, view_lead, view_since, offsets, block, first, last, to_lead, to_known,
    to_occurred, to_row,
):  # fmt: skip
    """Put rows where those of their block of leads stand, in the order given: few enough blocks to write them in turn.

    Straight to the leads, each row would be written to a place of memory that is not at hand.
    """
    merging = len(view_lead) > 0
    first_block = first // block
    at = np.empty(max(0, -(-(last - first) // block)), dtype=np.int64)
    for b in range(len(at)):
        at[b] = offsets[(first_block + b) * block] - offsets[first]
    for i in range(len(lead)):
        code = lead[i]
        if first <= code < last:
            b = code // block - first_block
            p = at[b]
            at[b] = p + 1
            to_lead[p], to_known[p], to_occurred[p], to_row[p] = code, known[i], occurred[i], i
        if merging:
            for v in range(view_offsets[code], view_offsets[code + 1]):
                heir = view_lead[v]
                if first <= heir < last:
                    b = heir // block - first_block
                    p = at[b]
                    at[b] = p + 1
                    to_lead[p], to_known[p], to_occurred[p], to_row[p] = (
                        heir,
                        max(known[i], view_since[v]),
                        occurred[i],
                        i,
                    )


@numba.njit(cache=True, nogil=True)
def _to_leads(  # type: ignore[no-untyped-def]  # numba infers
    from_lead, from_known, from_occurred, from_row, offsets, first, last, out_known, out_occurred, out_row
):
    """Put the rows of blocks where those of their lead stand, in the order given."""
    at = offsets[first:last].copy()
    for p in range(offsets[last] - offsets[first]):
        q = at[from_lead[p] - first]
        at[from_lead[p] - first] = q + 1
        out_known[q], out_occurred[q], out_row[q] = from_known[p], from_occurred[p], from_row[p]


@numba.njit(cache=True, nogil=True)
def _arrange(offsets, known, occurred, row, first, last):  # type: ignore[no-untyped-def]  # numba infers
    """Sort each lead's rows by both moments; rows that share them stay in the order given."""
    for code in range(first, last):
        start, stop = offsets[code], offsets[code + 1]
        for p in range(start + 1, stop):
            if known[p] < known[p - 1] or (known[p] == known[p - 1] and occurred[p] < occurred[p - 1]):
                k, o, r = known[start:stop].copy(), occurred[start:stop].copy(), row[start:stop].copy()
                for q, n in enumerate(by_moments(k, o)):
                    known[start + q], occurred[start + q], row[start + q] = k[n], o[n], r[n]
                break


@numba.njit(cache=True, nogil=True)
def by_moments(known, occurred):  # type: ignore[no-untyped-def]  # numba infers
    """The stable order of rows by known, then occurred: merging runs, twice as long each time."""
    order, other = np.arange(len(known)), np.empty(len(known), dtype=np.int64)
    width = 1
    while width < len(order):
        for low in range(0, len(order), 2 * width):
            middle, high = min(low + width, len(order)), min(low + 2 * width, len(order))
            a, b = low, middle
            for p in range(low, high):
                left = a < middle
                if left and b < high:
                    x, y = order[a], order[b]
                    left = known[x] < known[y] or (known[x] == known[y] and occurred[x] <= occurred[y])
                other[p] = order[a] if left else order[b]
                a, b = (a + 1, b) if left else (a, b + 1)
        order, other = other, order
        width *= 2
    return order


@numba.njit(cache=True, nogil=True)
def _tied(offsets, known, occurred):  # type: ignore[no-untyped-def]  # numba infers
    """The places whose lead and moments are those of the place before or after."""
    marks = np.zeros(len(known), dtype=np.bool_)
    for code in range(len(offsets) - 1):
        for p in range(offsets[code] + 1, offsets[code + 1]):
            if known[p] == known[p - 1] and occurred[p] == occurred[p - 1]:
                marks[p - 1] = marks[p] = True
    return np.flatnonzero(marks)


@numba.njit(cache=True, nogil=True)
def _arrange_ties(tied, known, occurred, offsets, start, letters, beside, order):  # type: ignore[no-untyped-def]  # numba infers
    """Sort `order`, places in `tied`, within each run of the same lead and moments."""
    code, low = 0, 0
    for n in range(1, len(tied) + 1):
        while offsets[code + 1] <= tied[low]:
            code += 1
        p = tied[low]
        same = n < len(tied) and tied[n] < offsets[code + 1] and known[tied[n]] == known[p]
        if same and occurred[tied[n]] == occurred[p]:
            continue
        _by_ids(order, low, n, start, letters, beside)
        low = n


@numba.njit(cache=True, nogil=True)
def _by_ids(order, low, high, start, letters, beside):  # type: ignore[no-untyped-def]  # numba infers
    """Stable: insertion for the usual handful, merging for what shares one moment by the thousand."""
    for begin in range(low, high, 16):
        for n in range(begin + 1, min(begin + 16, high)):
            one, p = order[n], n
            while p > begin and _before(one, order[p - 1], start, letters, beside):
                order[p] = order[p - 1]
                p -= 1
            order[p] = one
    width = 16
    while width < high - low:
        for begin in range(low, high - width, 2 * width):
            end = min(begin + 2 * width, high)
            left, a, b, p = order[begin : begin + width].copy(), 0, begin + width, begin
            while a < len(left):
                if b < end and _before(order[b], left[a], start, letters, beside):
                    order[p] = order[b]
                    b += 1
                else:
                    order[p] = left[a]
                    a += 1
                p += 1
        width *= 2


@numba.njit(cache=True, nogil=True)
def _before(x, y, start, letters, beside):  # type: ignore[no-untyped-def]  # numba infers
    """Whether the id of x comes before that of y, as bytes of UTF-8, which is by code point; then `beside`."""
    a, b = start[x], start[y]
    a_end, b_end = start[x + 1], start[y + 1]
    while a < a_end and b < b_end:
        if letters[a] != letters[b]:
            return letters[a] < letters[b]
        a += 1
        b += 1
    if a_end - a != b_end - b:
        return a == a_end
    return beside[x] < beside[y]
