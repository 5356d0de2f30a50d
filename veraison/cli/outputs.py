"""A table that comes in pieces becomes a Parquet or CSV file, which is there in the end: whole, or not at all."""

from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from veraison.cli.common import misused, writing

SUFFIXES = (".parquet", ".csv")


def check_out(path: str) -> None:
    """Find out before the work whether its result can be written; a wrong kind of file is a mistake of usage."""
    if Path(path).suffix not in SUFFIXES:
        misused(f"--out {path}: write to a {' or '.join(SUFFIXES)} file")
    if "://" not in path:
        with writing(Path(path)):
            _unfinished(Path(path)).open("wb").close()
        _unfinished(Path(path)).unlink()


class Output:
    """The file of one table.

    >>> import tempfile
    >>> rows = pa.table({"n": pa.array([1, None])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Output(Path(folder) / "n.csv", rows.schema) as out:
    ...         out.add(rows)
    ...         out.add(rows)
    ...     (Path(folder) / "n.csv").read_text().splitlines()
    ['n', '1', '', '1', '']
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        with writing(path):
            self._handle = _unfinished(path).open("wb")
        self._parquet: pq.ParquetWriter | None = None
        if path.suffix == ".parquet":
            texts = [one.name for one in schema if pa.types.is_string(one.type)]
            # Numbers in a dictionary cost half of the time and save little: nearly all of them differ.
            self._parquet = pq.ParquetWriter(self._handle, schema, compression="zstd", use_dictionary=texts)
        else:
            self._csv(schema.empty_table(), header=True)

    def add(self, rows: pa.Table) -> None:
        """Append rows of the schema."""
        with writing(self._path):
            if self._parquet is not None:
                self._parquet.write_table(rows)
            else:
                self._csv(rows)

    def _csv(self, rows: pa.Table, *, header: bool = False) -> None:
        frame = pl.DataFrame(pl.from_arrow(rows))
        moments = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
        frame = frame.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        frame.write_csv(self._handle, include_header=header)

    def __enter__(self) -> "Output":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        partial = _unfinished(self._path)
        try:
            with writing(self._path):
                if self._parquet is not None:
                    self._parquet.close()
                self._handle.close()
                if kind is None:
                    partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    """Where a file is until it is whole; OSError where a folder has its name."""
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory")
    return path.with_name(f".{path.name}.unfinished")
