"""Histories straight from a Parquet file of events: each number is held once, the file's rows only a group at a time.

The general way (data.log.EventLog.build) holds rows and histories both, three times the memory; getting that memory
costs more than sorting. This one is for events from elsewhere: no ids, no actors, no merges.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.columns import Codes, by_moments, in_turn, plain
from data.identity import Identity
from data.log import NEVER, NO_VALUE, EventIds, EventLog, Ints

COLUMNS = ("lead_id", "kind", "occurred_at", "known_at", "value")
LATEST = 221_845_392_000_000_000
"""No event happens so late: the year 9000."""
_NUMBERS = ("occurred_at", "known_at", "value")
_AHEAD = 2
_NO_BITS = np.empty(0, dtype=np.uint8)


class NotPlainError(ValueError):
    """The file is not of the plain kind that is read here; the general way may read it, or knows what is wrong."""


def plain_rows(file: Path) -> int | None:
    """How many rows a Parquet file has for `read_events`; None where it is no such file, or has other columns."""
    try:
        there = pq.read_metadata(file)
    except (pa.ArrowException, OSError):
        return None
    columns = {field.name: field.type for field in there.schema.to_arrow_schema()}
    whole = all(columns.get(name) == pa.int64() for name in _NUMBERS)
    texts = all(columns.get(name) == pa.string() for name in ("lead_id", "kind"))
    return int(there.num_rows) if whole and texts and len(columns) == len(COLUMNS) else None


def read_events(file: Path, threads: int = 1) -> EventLog:
    """The histories in a file that has `COLUMNS`; the order of its rows settles ties.

    What `EventLog.build` makes of the same rows. Raises NotPlainError where a row lacks a lead, a kind or a moment, is
    known before it happened, or lies outside 1970 to 9000.
    """
    opened = pq.ParquetFile(file, read_dictionary=["lead_id", "kind"])
    lead, leads, offsets = _leads(opened)
    known, occurred, value = (np.empty(len(lead), dtype=np.int64) for _ in range(3))
    kind = np.empty(len(lead), dtype=np.int32)
    at, code_of = offsets[:-1].copy(), dict[str, int]()
    # one of two threads reads ahead; where there are more, leads are shared among the others
    shares = list(pairwise(_shares(offsets, max(1, threads // 2))))
    wrong = np.zeros(len(shares), dtype=np.bool_)
    begin = 0
    for group in _groups(opened, ["kind", *_NUMBERS]):
        for batch in group.to_batches():
            rows = slice(begin, begin + batch.num_rows)
            job = partial(_place, lead[rows], *_columns(batch, code_of), at, offsets, known, occurred, value, kind)  # type: ignore[call-arg]  # what is left comes with a share
            in_turn(len(shares), [partial(job, *share, wrong[n : n + 1]) for n, share in enumerate(shares)])
            begin = rows.stop
    if wrong.any():
        raise NotPlainError(f"{file}: a row is known before it happened, or outside 1970 to 9000")
    kinds = sorted(code_of)
    _translate(kind, np.array([kinds.index(name) for name in code_of], dtype=np.int32))
    shares = list(pairwise(_shares(offsets, threads)))
    in_turn(threads, [partial(_arrange, offsets, first, last, known, occurred, value, kind) for first, last in shares])
    nothing = np.empty(0, dtype=np.int64)
    return EventLog(
        leads=leads,
        offsets=offsets,
        known=known,
        occurred=occurred,
        kind=kind,
        value=value,
        actor=np.empty(0, dtype=np.int32),
        event_ids=EventIds(None, range(len(known))),
        kinds=kinds,
        actors=[],
        trait_offsets=np.zeros(len(leads) + 1, dtype=np.int64),
        trait_known=nothing,
        trait_occurred=nothing,
        trait_name=np.empty(0, dtype=np.int32),
        trait_text=np.empty(0, dtype=np.int32),
        trait_number=np.empty(0),
        trait_names=[],
        trait_texts=[],
        merged_at=np.full(len(leads), NEVER, dtype=np.int64),
        identity=Identity(),
    )


def _leads(opened: pq.ParquetFile) -> tuple[Codes, list[str], Ints]:
    """(rows,) places among the leads, ascending; the leads; (leads + 1,) how many rows stand before each lead's."""
    lead = np.empty(opened.metadata.num_rows, dtype=np.int32)
    begin = 0
    groups: list[tuple[slice, pa.Array]] = []
    for group in _groups(opened, ["lead_id"]):
        for chunk in group["lead_id"].chunks:
            rows = slice(begin, begin + len(chunk))
            lead[rows] = plain(_present(chunk).indices)
            groups.append((rows, chunk.dictionary))
            begin = rows.stop
    if not groups:
        return lead, [], np.zeros(1, dtype=np.int64)
    together = pc.dictionary_encode(pa.chunked_array([dictionary for _, dictionary in groups])).combine_chunks()
    names, codes = together.dictionary, plain(together.indices)
    order = pc.array_sort_indices(names)
    place = np.empty(len(names), dtype=np.int32)
    place[plain(order)] = np.arange(len(names), dtype=np.int32)
    counts = np.zeros(len(names) + 1, dtype=np.int64)
    first = 0
    for rows, dictionary in groups:
        _translate(lead[rows], place[codes[first : first + len(dictionary)]])
        _count(lead[rows], counts)
        first += len(dictionary)
    there = counts[1:] > 0
    if not there.all():  # a dictionary may hold what no row says
        _translate(lead, np.cumsum(there, dtype=np.int32) - 1)
        order, counts = order.filter(pa.array(there)), np.append(0, counts[1:][there])
    return lead, names.take(order).to_pylist(), np.cumsum(counts)


def _columns(batch: pa.RecordBatch, code_of: dict[str, int]) -> tuple[Any, ...]:
    """Codes of kinds, what each stands for, moments, values, and the bits that say which are there, from which on."""
    kind, occurred, known, value = (batch[name] for name in ("kind", *_NUMBERS))
    codes = [code_of.setdefault(name, len(code_of)) for name in _present(kind).dictionary.to_pylist()]
    bits = np.frombuffer(value.buffers()[0], dtype=np.uint8) if value.null_count else _NO_BITS
    moments = plain(_present(occurred)), plain(_present(known))
    return plain(kind.indices), np.array(codes, dtype=np.int32), *moments, _raw(value), bits, value.offset


def _raw(values: pa.Array) -> Ints:
    """The numbers of an array, anything where they are null."""
    return plain(pa.Array.from_buffers(values.type, len(values), [None, values.buffers()[1]], 0, values.offset))


def _present(column: pa.Array) -> pa.Array:
    if column.null_count:
        raise NotPlainError("a row has no lead, no kind or no moment")
    return column


def _groups(opened: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """Columns of each row group; the next ones are read meanwhile."""

    def read(group: int) -> pa.Table:
        return opened.read_row_group(group, columns=columns, use_threads=False)

    with ThreadPoolExecutor(1) as ahead:
        waiting = deque(ahead.submit(read, group) for group in range(min(_AHEAD, opened.num_row_groups)))
        for group in range(opened.num_row_groups):
            table = waiting.popleft().result()
            if group + _AHEAD < opened.num_row_groups:
                waiting.append(ahead.submit(read, group + _AHEAD))
            yield table


def _shares(offsets: Ints, threads: int) -> list[int]:
    """Cuts between leads so that each thread has about as many events."""
    wanted = [int(offsets[-1]) * share // threads for share in range(1, threads)]
    return [0, *np.searchsorted(offsets, wanted).tolist(), len(offsets) - 1]


@numba.njit(cache=True, nogil=True)
def _translate(codes, into):  # type: ignore[no-untyped-def]  # numba infers
    for i in range(len(codes)):
        codes[i] = into[codes[i]]


@numba.njit(cache=True, nogil=True)
def _count(codes, counts):  # type: ignore[no-untyped-def]  # numba infers
    for i in range(len(codes)):
        counts[codes[i] + 1] += 1


@numba.njit(cache=True, nogil=True)
def _place(  # type: ignore[no-untyped-def]  # numba infers
    lead, kind, code_of, occurred, known, value, bits, shift, at, offsets, to_known, to_occurred, to_value, to_kind,
    first, last, wrong,
):  # fmt: skip
    """Put the rows of leads from `first` on, before `last`, where the next of theirs stands."""
    whole = first == 0 and last == len(offsets) - 1
    for i in range(len(lead)):
        code = lead[i]
        if whole or first <= code < last:
            p = at[code]
            at[code] = p + 1
            if occurred[i] < 0 or known[i] < occurred[i] or known[i] >= LATEST:
                wrong[0] = True
            there = len(bits) == 0 or (bits[(shift + i) >> 3] >> ((shift + i) & 7)) & 1
            to_known[p], to_occurred[p] = known[i], occurred[i]
            to_value[p], to_kind[p] = value[i] if there else NO_VALUE, code_of[kind[i]]


@numba.njit(cache=True, nogil=True)
def _arrange(offsets, first, last, known, occurred, value, kind):  # type: ignore[no-untyped-def]  # numba infers
    """Sort the rows of leads that do not stand in the order of a history yet."""
    for code in range(first, last):
        start, stop = offsets[code], offsets[code + 1]
        for p in range(start + 1, stop):
            if known[p] < known[p - 1] or (known[p] == known[p - 1] and occurred[p] < occurred[p - 1]):
                order = by_moments(known[start:stop], occurred[start:stop])
                known[start:stop] = known[start:stop][order]
                occurred[start:stop] = occurred[start:stop][order]
                value[start:stop] = value[start:stop][order]
                kind[start:stop] = kind[start:stop][order]
                break
