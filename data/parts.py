"""Rows in a stream become Parquet files by hash of their unit: file n of one table belongs to file n of another.

Memory does not grow with the stream: rows wait until there are enough of them, then all files are written to.
"""

import zlib
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MOST = 400
"""Files are open all at once, and a process may have about a thousand."""
_WAITING = 1 << 20


def file_of(folder: Path, table: str, part: int) -> Path:
    """Where a part of a table is."""
    return folder / table / f"part-{part:05}.parquet"


class Parts:
    """The files of one table, all of which are there in the end.

    schema  : its first column is ``unit``, text
    waiting : so many rows are held at most
    """

    def __init__(self, folder: Path, table: str, schema: pa.Schema, parts: int, waiting: int = _WAITING) -> None:
        (folder / table).mkdir(parents=True, exist_ok=True)
        texts = [field.name for field in schema if pa.types.is_string(field.type) and field.name != "event_id"]
        self._schema = schema
        self._limit = waiting
        self._held: list[list[pa.Table]] = [[] for _ in range(parts)]
        self._waiting = 0
        self._writers = [
            pq.ParquetWriter(
                file_of(folder, table, part), schema, compression="lz4", use_dictionary=texts, write_statistics=False
            )
            for part in range(parts)
        ]

    def add(self, rows: pa.Table) -> None:
        """Rows of the schema; of each unit they keep their order."""
        part = part_of(rows["unit"], len(self._held))
        rows = rows.take(pa.array(np.argsort(part, kind="stable")))
        bounds = np.cumsum(np.bincount(part, minlength=len(self._held)))
        for number, (start, stop) in enumerate(zip([0, *bounds], bounds, strict=False)):
            if start < stop:
                self._held[number].append(rows.slice(start, stop - start))
        self._waiting += rows.num_rows
        if self._waiting >= self._limit:
            self._write()

    def _write(self) -> None:
        for held, writer in zip(self._held, self._writers, strict=True):
            if held:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        self._waiting = 0

    def __enter__(self) -> "Parts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            for writer in self._writers:
                writer.close()


def part_of(unit: pa.ChunkedArray, parts: int) -> np.typing.NDArray[np.uint16]:
    """(rows,) the part of each row, by a hash of its unit that is the same everywhere."""
    coded = unit.combine_chunks().dictionary_encode()
    names = np.array([zlib.crc32(name.encode()) % parts for name in coded.dictionary.to_pylist()], dtype=np.uint16)
    found: np.typing.NDArray[np.uint16] = names[coded.indices.to_numpy()]
    return found
