"""Tables: the rows of CSV, Parquet and XLSX files, which a mapping makes messages of.

Each needs its columns to be those that the mapping reads. A broken row of a CSV file is a record with its problem.
"""

import codecs
import contextlib
import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from openpyxl.cell.cell import ERROR_CODES

from data.cells import as_text
from data.events import RawRecord
from data.files import Progress, first_line, guarded, open_bytes, source_size
from data.mapping import Mapping
from veraison.errors import MappingError, SourceError

BATCH = 4_096


def read_csv(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    """The messages of a CSV or TSV file; a row is numbered by the line it begins at."""
    source, rule = str(path), mapping.file
    delimiter = rule.delimiter or ("\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ",")
    encoding = "utf-8-sig" if codecs.lookup(rule.encoding).name == "utf-8" else rule.encoding
    header: list[str] = []
    with (
        open_bytes(path, progress) as handle,
        io.TextIOWrapper(handle, encoding, errors="surrogateescape", newline="") as text,
    ):
        lines = _Lines(text, source)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield RawRecord(source, line, lines.taken(), None, f"not valid CSV: {error}")
                continue
            raw = lines.taken()
            if cells is None:
                break
            if not header:
                header = _header(cells, mapping, source)
            elif any(cell.strip() for cell in cells[len(header) :]):
                problem = f"{len(cells)} cells where the header has {len(header)}; is a cell not quoted?"
                yield RawRecord(source, line, raw, None, problem)
            else:
                yield from mapping.records(source, line, dict(zip(header, cells, strict=False)))
    if not header:
        raise SourceError(f"{source}: empty; there is no header")


class _Lines:
    """The lines of a text, remembering those since the last look: what a broken row consisted of."""

    def __init__(self, text: io.TextIOWrapper, source: str) -> None:
        self._text, self._source = text, source
        self._seen: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._text)
        except UnicodeDecodeError:
            encoding = self._text.encoding
            raise SourceError(f"{self._source}: not in {encoding}; [file] encoding of the mapping says it") from None
        self._seen.append(line)
        return line

    def taken(self) -> str:
        raw, self._seen = "".join(self._seen), []
        return raw.encode("utf-8", "replace").decode().strip()


def _header(cells: Sequence[object], mapping: Mapping, source: str) -> list[str]:
    """The names of the columns, of which the mapping finds its own; none for a blank row above the header."""
    try:
        names = ["" if cell is None else as_text(cell).strip() for cell in cells]
    except ValueError as problem:
        raise SourceError(f"{source}: a cell of the header is {problem}") from None
    if any(names):
        mapping.check(names, source)
    return [name or f"column {number}" for number, name in enumerate(names, 1)] if any(names) else []


def read_parquet(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    """The messages of a Parquet file, a batch of rows in memory at a time."""
    source, size, done = str(path), source_size(path), 0
    damage = (pa.ArrowException, OSError, UnicodeDecodeError)
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except damage as error:
        raise SourceError(f"{source}: not a Parquet file: {first_line(error)}") from None
    with file:
        header = _header(file.schema_arrow.names, mapping, source)
        for columns in guarded(map(_columns, file.iter_batches(BATCH)), damage, source):
            for cells in zip(*columns, strict=True):
                done += 1
                yield from mapping.records(source, done, dict(zip(header, cells, strict=True)))
            progress(size * done // file.metadata.num_rows)
    progress(size)


def _columns(batch: pa.RecordBatch) -> list[list[Any]]:
    """The cells of a batch by column; moments to the microsecond, the finest that Python's have."""
    return [
        (
            pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
            if pa.types.is_timestamp(column.type)
            else column
        ).to_pylist()
        for column in batch.columns
    ]


def read_xlsx(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    """The messages of one sheet of a workbook; a row is numbered as Excel numbers it."""
    source, size = str(path), source_size(path)
    damage = (OSError, EOFError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error)
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles and the like, which nobody reads here
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except damage as error:
        raise SourceError(f"{source}: not an XLSX workbook: {first_line(error)}") from None
    with contextlib.closing(book):
        sheet = _sheet(book, mapping, source)
        total = sheet.max_row or 0
        sheet.reset_dimensions()  # some writers state them wrongly, and cells would be cut off
        header: list[str] = []
        for line, cells in enumerate(guarded(sheet.iter_rows(values_only=True), damage, source), 1):
            if not header:
                header = _header(cells, mapping, source)
            else:
                row = {name: None if cell in ERROR_CODES else cell for name, cell in zip(header, cells, strict=False)}
                yield from mapping.records(source, line, row)
            if line % BATCH == 0:
                progress(size * min(line, total) // max(line, total))
    if not header:
        raise SourceError(f"{source}: empty; there is no header")
    progress(size)


def _sheet(book: Any, mapping: Mapping, source: str) -> Any:
    names = [sheet.title for sheet in book.worksheets]
    wanted = mapping.file.sheet or (names[0] if len(names) == 1 else None)
    if wanted not in names:
        said = f"there is no sheet {wanted!r}" if wanted else "there are several sheets; [file] sheet says which"
        raise MappingError(f"{source}: {said}; there are {', '.join(map(repr, names))}")
    return book[wanted]
