"""The door for files: whatever the format, out come raw records, judged by nobody yet.

Files are streamed: memory does not grow with them. What one line or row does wrong is that record's problem;
what makes the rest of a file unreadable is a SourceError, raised after all that could be read was given.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from data.cells import Row
from data.events import RawRecord
from data.files import Progress, open_bytes, source_size
from data.json_lines import read_json_lines
from data.mapping import Mapping, flat_rows
from data.tables import read_csv, read_parquet, read_xlsx
from data.xes import default_mapping, read_events
from veraison.errors import MappingError, SourceError

__all__ = ["open_source", "source_size"]

EXAMPLES = Path(__file__).parent / "mappings"


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


def _ndjson(path: Path, mapping: Mapping | None, progress: Progress) -> Iterator[RawRecord]:
    if mapping is None:
        yield from read_json_lines(path, progress)
        return
    seen = (flat_rows(record.payload or {}, mapping.file.each) for record in read_json_lines(path, _silent))
    _check_keys(path, mapping, chain.from_iterable(seen))
    for record in read_json_lines(path, progress):
        if record.payload is None:
            yield record
        else:
            for row in flat_rows(record.payload, mapping.file.each):
                yield from mapping.records(str(path), record.line, row, record.raw)


def _xes(path: Path, mapping: Mapping | None, progress: Progress) -> Iterator[RawRecord]:
    if mapping:
        with open_bytes(path, _silent) as handle:
            _check_keys(path, mapping, (row for _, row in read_events(handle, str(path))))
    with open_bytes(path, progress) as handle:
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


_EVENTS = {".ndjson": _ndjson, ".jsonl": _ndjson, ".json": _ndjson, ".xes": _xes}
_TABLES = {".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet, ".xlsx": read_xlsx}
_PACKABLE = (".ndjson", ".jsonl", ".json", ".csv", ".tsv", ".xes")
