"""Histories straight from a Parquet file of events: each number is held once, the file's rows only a group at a time.

The general way (data.log.EventLog.build) holds rows and histories both, three times the memory; getting that memory
costs more than sorting. This one is for events from elsewhere: no ids, no actors, no merges.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.columns import by_moments, encode, in_turn, plain
from data.identity import Identity
from data.log import NEVER, EventIds, EventLog, Ints

COLUMNS = ("lead_id", "kind", "occurred_at", "known_at", "value")
_MOMENTS = ["known_at", "occurred_at", "value"]


def read_events(file: Path, threads: int = 1) -> EventLog:
    """The histories in a file that has `COLUMNS`; the order of its rows settles ties.

    What `EventLog.build` makes of the same rows.
    """
    opened, pool = pq.ParquetFile(file, read_dictionary=["lead_id", "kind"]), pa.default_memory_pool()
    lead, leads = encode(opened.read(columns=["lead_id"])["lead_id"])
    pool.release_unused()
    kind, kinds = encode(opened.read(columns=["kind"])["kind"])
    pool.release_unused()  # what Arrow keeps for later is memory that the histories need now
    offsets = np.zeros(len(leads) + 1, dtype=np.int64)
    _count(lead, offsets)
    np.cumsum(offsets, out=offsets)
    known, occurred, value = (np.empty(len(lead), dtype=np.int64) for _ in range(3))
    kind_of = np.empty(len(lead), dtype=np.int32)
    at = offsets[:-1].copy()
    shares = list(pairwise(_shares(offsets, threads)))
    begin = 0
    for moments in _groups(opened):
        rows = slice(begin, begin + len(moments[0]))
        begin = rows.stop
        jobs = [
            partial(
                _place,
                lead[rows],
                kind[rows],
                moments[0],
                moments[1],
                moments[2],
                at,
                first,
                last,
                known,
                occurred,
                value,
                kind_of,
            )
            for first, last in shares
        ]
        in_turn(threads, jobs)
    in_turn(
        threads, [partial(_arrange, offsets, first, last, known, occurred, value, kind_of) for first, last in shares]
    )
    nothing = np.empty(0, dtype=np.int64)
    return EventLog(
        leads=leads,
        offsets=offsets,
        known=known,
        occurred=occurred,
        kind=kind_of,
        value=value,
        actor=np.full(len(known), -1, dtype=np.int32),
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


def _groups(opened: pq.ParquetFile) -> Iterator[list[Ints]]:
    """The moments and values of each row group; the next one is read meanwhile."""

    def read(group: int) -> pa.Table:
        return opened.read_row_group(group, columns=_MOMENTS, use_threads=False)

    with ThreadPoolExecutor(1) as ahead:
        waiting = [ahead.submit(read, group) for group in range(min(2, opened.num_row_groups))]
        for group in range(opened.num_row_groups):
            table = waiting.pop(0).result()
            if group + 2 < opened.num_row_groups:
                waiting.append(ahead.submit(read, group + 2))
            yield [np.concatenate([plain(chunk) for chunk in table[name].chunks]) for name in _MOMENTS]


def _shares(offsets: Ints, threads: int) -> list[int]:
    """Cuts between leads so that each thread has about as many events."""
    wanted = [int(offsets[-1]) * share // threads for share in range(1, threads)]
    return [0, *np.searchsorted(offsets, wanted).tolist(), len(offsets) - 1]


@numba.njit(cache=True, nogil=True)
def _count(lead, counts):  # type: ignore[no-untyped-def]  # numba infers
    for i in range(len(lead)):
        counts[lead[i] + 1] += 1


@numba.njit(cache=True, nogil=True)
def _place(lead, kind, known, occurred, value, at, first, last, to_known, to_occurred, to_value, to_kind):  # type: ignore[no-untyped-def]  # numba infers
    for i in range(len(lead)):
        code = lead[i]
        if first <= code < last:
            p = at[code]
            at[code] = p + 1
            to_known[p] = max(known[i], occurred[i])  # nothing is known before it happens
            to_occurred[p], to_value[p], to_kind[p] = occurred[i], value[i], kind[i]


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
