"""The least that any engine can do: read every column of the file."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq


def with_pyarrow(events: Path, _: Path) -> None:
    pq.ParquetFile(events).read()


def with_polars(events: Path, _: Path) -> None:
    pl.read_parquet(events)
