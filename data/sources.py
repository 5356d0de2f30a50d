"""The door for files: whatever the format, out come raw records, judged by nobody yet.

Files are streamed: memory does not grow with them. What one line or row does wrong is that record's problem;
what makes the rest of a file unreadable is a SourceError, raised after all that could be read was given.
"""

import codecs
import contextlib
import csv
import gzip
import io
import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from openpyxl.cell.cell import ERROR_CODES

from data.events import RawRecord
from data.mapping import Mapping, Row, as_text, compact
from data.xes import default_mapping, read_events
from veraison.errors import MappingError, SourceError

Progress = Callable[[int], None]
T = TypeVar("T")

EXAMPLES = Path(__file__).parent / "mappings"
LINE_LIMIT = 1 << 24
DEPTH_LIMIT = 100
_TOO_DEEP = f"nested deeper than {DEPTH_LIMIT} levels"
_BATCH = 4_096
_BOM = b"\xef\xbb\xbf"


def source_size(path: Path) -> int:
    """Bytes of a source, the number that `progress` of `open_source` arrives at.

    Raises SourceError where there is no such file.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


def open_source(path: Path, mapping: Mapping | None = None, progress: Progress | None = None) -> Iterator[RawRecord]:
    """The records of a file, in its order; the ending of its name tells the format.

    path     : ``.ndjson .jsonl .json`` (one message a line, or ``{"batch": [...]}``), ``.csv .tsv``, ``.xes``, each
               also with ``.gz``; ``.parquet``; ``.xlsx``
    mapping  : how a row becomes messages. Tables need one; XES has a default; with one, JSON lines are rows too
    progress : told, now and then, how many bytes of the file are used up, at last `source_size`
    Raises   : SourceError where the file cannot be read, or no further; MappingError where it lacks a column

    >>> open_source(Path("leads.doc"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    veraison.errors.SourceError: leads.doc: unknown format; known are .ndjson, ...
    """
    name = path.name.lower()
    packed, suffix = name.endswith(".gz"), Path(name.removesuffix(".gz")).suffix
    if suffix not in _EVENTS | _TABLES or (packed and suffix not in _PACKABLE):
        raise SourceError(
            f"{path}: unknown format; known are {', '.join(_PACKABLE)} (these also with .gz), .parquet and .xlsx"
        )
    source_size(path)
    report = progress or _silent
    if suffix in _EVENTS:
        return _EVENTS[suffix](path, mapping, report)
    if mapping is None:
        raise MappingError(
            f"{path}: a {suffix} file needs --mapping M.toml, which says what its columns mean; examples: {EXAMPLES}"
        )
    return _TABLES[suffix](path, mapping, report)


class _Bytes(io.RawIOBase):
    """The bytes of a file, unpacked; tells its progress, and says in one line why it cannot go on."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
        packed = path.name.lower().endswith(".gz")
        self._stream = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read1(len(buffer))  # not `read`: it loses what it has when damage comes
        except (EOFError, OSError, zlib.error) as error:
            raise SourceError(f"{self._path}: damaged or cut off, no more can be read ({error})") from None
        buffer[: len(piece)] = piece
        self._progress(self._file.tell())
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(path: Path, progress: Progress) -> io.BufferedReader:
    return io.BufferedReader(_Bytes(path, progress), 1 << 18)


# JSON lines


def json_records(source: str, line: int, text: bytes) -> Iterator[RawRecord]:
    """The messages of one line: one, or those of its batch; at least one record whatever the bytes are.

    >>> [record.problem for record in json_records("s", 1, b'{"batch": [{}, 3]}')]
    [None, 'batch.2 should be an object, not a number']
    """
    text = text.removeprefix(_BOM).rstrip(b"\r\n")
    raw = text.decode("utf-8", "replace")
    if len(text) > LINE_LIMIT:
        yield RawRecord(source, line, raw[:1000], None, f"longer than {LINE_LIMIT:,} bytes; only its beginning is kept")
        return
    try:
        said = _decoded(text)
    except ValueError as problem:
        yield RawRecord(source, line, raw, None, f"not valid JSON: {problem}")
    else:
        yield from _messages(source, line, raw, said)


def _decoded(text: bytes) -> object:
    try:
        said = _DECODER.decode(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count(b"[") + text.count(b"{") > DEPTH_LIMIT and _deeper(said, DEPTH_LIMIT):
        raise ValueError(_TOO_DEEP)
    return said


def _messages(source: str, line: int, raw: str, said: object) -> Iterator[RawRecord]:
    if not isinstance(said, dict):
        yield RawRecord(source, line, raw, None, f"a line should be an object, not {_kind(said)}")
    elif "batch" not in said or "type" in said:
        yield RawRecord(source, line, raw, said)
    elif not isinstance(said["batch"], list) or not said["batch"]:
        yield RawRecord(source, line, raw, None, "batch should be a list of messages")
    else:
        for number, message in enumerate(said["batch"], 1):
            if isinstance(message, dict):
                yield RawRecord(source, line, compact(message), message)
            else:
                problem = f"batch.{number} should be an object, not {_kind(message)}"
                yield RawRecord(source, line, compact(message), None, problem)


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "null")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text} is too large for a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _deeper(value: object, limit: int) -> bool:
    """Whether lists and objects stand in each other more than `limit` deep: later code may recurse into them."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer if isinstance(outer, list) else outer.values())
        ]
    return any(isinstance(outer, list | dict) for outer in level)


def _json_lines(path: Path, progress: Progress) -> Iterator[RawRecord]:
    with _opened(path, progress) as handle:
        number = 0
        while line := handle.readline(LINE_LIMIT + 1):
            number += 1
            if line.strip():
                yield from json_records(str(path), number, line)
            while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
                line = handle.readline(LINE_LIMIT + 1)


def _ndjson(path: Path, mapping: Mapping | None, progress: Progress) -> Iterator[RawRecord]:
    if mapping is None:
        yield from _json_lines(path, progress)
        return
    _check_keys(path, mapping, (record.payload or {} for record in _json_lines(path, _silent)))
    for record in _json_lines(path, progress):
        if record.payload is None:
            yield record
        else:
            yield from mapping.records(str(path), record.line, record.payload, record.raw)


def _xes(path: Path, mapping: Mapping | None, progress: Progress) -> Iterator[RawRecord]:
    if mapping:
        with _opened(path, _silent) as handle:
            _check_keys(path, mapping, (row for _, row in read_events(handle, str(path))))
    with _opened(path, progress) as handle:
        for number, row in read_events(handle, str(path)):
            yield from (mapping or default_mapping(row)).records(str(path), number, row)


def _check_keys(path: Path, mapping: Mapping, rows: Iterable[Row]) -> None:
    """Raise MappingError where a column is in no row.

    Here every row has columns of its own, so this reads ahead until each has been seen: a few rows for a mapping
    that fits, the whole file for one that does not, and before anything is stored under it.
    """
    seen: dict[str, None] = {}
    try:
        for row in rows:
            seen |= dict.fromkeys(row)
            if seen.keys() >= set(mapping.columns):
                return
    except SourceError:
        return  # reading on will come to it, and tell
    if seen:
        mapping.check(list(seen), str(path))


def _silent(_: int) -> None:
    """Progress that nobody watches."""


# Tables


def _csv(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    source, rule = str(path), mapping.file
    delimiter = rule.delimiter or ("\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ",")
    encoding = "utf-8-sig" if codecs.lookup(rule.encoding).name == "utf-8" else rule.encoding
    header: list[str] = []
    with (
        _opened(path, progress) as handle,
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


def _parquet(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    source, size, done = str(path), source_size(path), 0
    damage = (pa.ArrowException, OSError, UnicodeDecodeError)
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except damage as error:
        raise SourceError(f"{source}: not a Parquet file: {_first_line(error)}") from None
    with file:
        header = _header(file.schema_arrow.names, mapping, source)
        for columns in _guarded(map(_columns, file.iter_batches(_BATCH)), damage, source):
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


def _xlsx(path: Path, mapping: Mapping, progress: Progress) -> Iterator[RawRecord]:
    source, size = str(path), source_size(path)
    damage = (OSError, EOFError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error)
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles and the like, which nobody reads here
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except damage as error:
        raise SourceError(f"{source}: not an XLSX workbook: {_first_line(error)}") from None
    with contextlib.closing(book):
        sheet = _sheet(book, mapping, source)
        total = sheet.max_row or 0
        sheet.reset_dimensions()  # some writers state them wrongly, and cells would be cut off
        header: list[str] = []
        for line, cells in enumerate(_guarded(sheet.iter_rows(values_only=True), damage, source), 1):
            if not header:
                header = _header(cells, mapping, source)
            else:
                row = {name: None if cell in ERROR_CODES else cell for name, cell in zip(header, cells, strict=False)}
                yield from mapping.records(source, line, row)
            if line % _BATCH == 0:
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


def _guarded(items: Iterator[T], damage: tuple[type[Exception], ...], source: str) -> Iterator[T]:
    """The same items; only what goes wrong in getting one is said to be damage, not what its user does."""
    try:
        yield from items
    except damage as error:
        raise SourceError(f"{source}: damaged, no more can be read: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_EVENTS = {".ndjson": _ndjson, ".jsonl": _ndjson, ".json": _ndjson, ".xes": _xes}
_TABLES = {".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".xlsx": _xlsx}
_PACKABLE = (".ndjson", ".jsonl", ".json", ".csv", ".tsv", ".xes")
