"""Our engine on the benchmark's events: read, histories, kernel, and the table as the peers write it."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.table import (
    COMPRESSION,
    FEATURES,
    HALF_LIVES,
    KINDS,
    OUTBOUND,
    QUOTE,
    ROW_GROUP,
    SNAPSHOTS,
    WHOLE,
    WINDOWS,
)
from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
from data.identity import Identity
from data.log import NEVER, EventLog
from data.stream import read_events
from features import arrow
from features import compute as engine
from features.catalogue import FeatureSet

_THREADS = len(os.sched_getaffinity(0))
_NAMES = {"age": "first__all"} | {f"decay__all__{days}d": f"decayed__all__half_{days}d" for days in HALF_LIVES}
"""Columns that the catalogue calls otherwise: the age here is that of the first visible event."""
_NO_EVENTS, _NO_TRAITS = (pa.Table.from_batches([], schema) for schema in (EVENT_SCHEMA, TRAIT_SCHEMA))
_LEADS_AT_ONCE = 500  # so that a matrix stays in the processor's cache
_MOMENTS = np.array(SNAPSHOTS, dtype=np.int64)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Whose history at which moment, by lead."""

    lead: Ints
    as_of: Ints


def feature_set() -> FeatureSet:
    """The 36 features as a set of the catalogue, in the catalogue's order."""
    every = FeatureSet(
        windows=WINDOWS,
        kinds=KINDS,
        outbound=OUTBOUND,
        neutral=(),
        valued=(QUOTE,),
        traits=(),
        half_lives=HALF_LIVES,
    )
    wanted = {_NAMES.get(name, name) for name in FEATURES}
    return every.only(name for name in every.names if name in wanted)


def run(events: Path, out: Path) -> None:
    """Read `events`, write the table into the folder `out`."""
    _each(events, out)


def compute(events: Path, _: Path) -> None:
    """The same without writing: the features are in memory and let go."""
    _each(events, None)


def _each(events: Path, out: Path | None) -> None:
    with ThreadPoolExecutor(1) as beside:  # compiled code is loaded while the disk is read
        loaded = beside.submit(_load)
        log = read(events)
        loaded.result()
    wanted, names, blocks = feature_set(), _texts(log.leads), _blocks(log)
    width = engine.program_of(wanted).width

    def work(worker: int) -> None:
        writer = None if out is None else _writer(out / f"part-{worker}.parquet")
        matrix_room, columns = np.empty(0), arrow.Columns(wanted, ROW_GROUP if writer is not None else 0)
        for first, last in blocks[worker::_THREADS]:
            columns.clear()
            keys = []
            for at, to in pairwise([*range(first, last, _LEADS_AT_ONCE), last]):
                pairs = _pairs(log, at, to)
                never = np.full(len(pairs.lead), NEVER)
                if len(matrix_room) < len(never) * width:
                    matrix_room = np.empty(2 * len(never) * width)
                matrix = engine.batch(log, wanted, pairs.lead, pairs.as_of, never, order="F", room=matrix_room)
                if writer is not None:
                    columns.append(matrix)
                    keys.append(pairs)
            if writer is not None:
                writer.write_table(_table(names, keys, columns, wanted), row_group_size=ROW_GROUP)
        if writer is not None:
            writer.close()

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, range(_THREADS)))


def _texts(names: list[str]) -> pa.Array:
    """Text as Arrow; `pa.array` would import pandas to see whether this is one of its kinds."""
    letters = [name.encode() for name in names]
    ends = np.cumsum([0, *map(len, letters)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(names), pa.py_buffer(ends), pa.py_buffer(b"".join(letters)))


def _load() -> None:
    """Call the kernel for nobody."""
    nobody, none = EventLog.build(_NO_EVENTS, _NO_TRAITS, Identity()), np.empty(0, dtype=np.int64)
    matrix = engine.batch(nobody, feature_set(), none, none, none, order="F")
    arrow.columns(matrix, feature_set())


def read(events: Path) -> EventLog:
    """The histories in a file of events."""
    return read_events(events, _THREADS)


def _blocks(log: EventLog) -> list[tuple[int, int]]:
    """Ranges of leads with at most a row group of pairs each."""
    rows = np.cumsum(len(_MOMENTS) - _first(log, 0, len(log.leads)))
    found, first, before = [], 0, 0
    while first < len(rows):
        last = int(np.searchsorted(rows, before + ROW_GROUP, side="right"))
        found.append((first, last))
        first, before = last, int(rows[last - 1])
    return found


def _first(log: EventLog, first: int, last: int) -> Ints:
    """(leads,) the place of the first snapshot at which something of a lead is visible."""
    found: Ints = np.searchsorted(_MOMENTS, log.known[log.offsets[first:last]], side="right")
    return found


def _pairs(log: EventLog, first: int, last: int) -> Pairs:
    since = _first(log, first, last)
    counts = len(_MOMENTS) - since
    lead = np.repeat(np.arange(first, last), counts)
    begins = np.cumsum(counts) - counts
    place = np.arange(len(lead)) - np.repeat(begins - since, counts)
    return Pairs(lead, _MOMENTS[place])


def _table(names: pa.Array, keys: list[Pairs], columns: arrow.Columns, wanted: FeatureSet) -> pa.Table:
    made = dict(zip(wanted.names, columns.arrays(), strict=True))
    lead, as_of = (
        pa.Array.from_buffers(pa.int64(), len(one), [None, pa.py_buffer(one)])
        for one in (np.concatenate([pairs.lead for pairs in keys]), np.concatenate([pairs.as_of for pairs in keys]))
    )
    found = {"lead_id": names.take(lead), "as_of": as_of}
    for name in FEATURES:
        found[name] = made.get(_NAMES.get(name, name), pa.nulls(len(lead), pa.float64()))
    return pa.table(found)


def _writer(path: Path) -> pq.ParquetWriter:
    fields = [pa.field("lead_id", pa.string()), pa.field("as_of", pa.int64())]
    fields += [pa.field(name, pa.int32() if name in WHOLE else pa.float64()) for name in FEATURES]
    return pq.ParquetWriter(path, pa.schema(fields), compression=COMPRESSION, use_dictionary=False)
