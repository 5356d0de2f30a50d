"""History tables: the log as Parquet files that fit in memory one by one, for work out of core and on Spark.

A *unit* is what has to be looked at together: ids that merged, and colleagues. All rows of a unit stand in the same
part of each table, so the histories of a part are complete, and lead by lead those of the whole log::

    events/part-00000.parquet   unit, event_id, lead_id, kind, occurred_at, known_at, value, actor
    traits/part-00000.parquet   unit, event_id, lead_id, occurred_at, known_at, name, text, number
    merges/part-00000.parquet   unit, source, target, at

Rows are as they were stored, under the id they came under. Events from elsewhere may lack unit (the lead is its own),
event_id (then the order in the file stands for it), value, actor, and both other tables.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
from data.files import first_line, guarded
from data.identity import Identity
from data.log import EventLog
from data.parts import MOST, Parts, file_of
from data.snapshot import Snapshot
from data.store import Store
from veraison.errors import SourceError

T = TypeVar("T")

EVENTS_PER_PART = 1_000_000
_UNIT = pa.field("unit", pa.string(), nullable=False)
_EVENTS = pa.schema([_UNIT, *EVENT_SCHEMA])
_TRAITS = pa.schema([_UNIT, *TRAIT_SCHEMA])
_MERGES = pa.schema(
    [
        _UNIT,
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
    ]
)
SCHEMAS = {"events": _EVENTS, "traits": _TRAITS, "merges": _MERGES}
_MAY_LACK = {"unit", "value", "actor"}
_BATCH = 1 << 17
_LATEST = 221_845_392_000_000_000  # the year 9000
_DAMAGE = (pa.ArrowException, OSError)
_KINDS = {pa.string(): "text", pa.int64(): "a 64-bit whole number", pa.float64(): "a 64-bit float"}


def export(
    store: Store, folder: Path, account_traits: Sequence[str] = (), events_per_part: int = EVENTS_PER_PART
) -> int:
    """Write a store's history tables; returns the number of parts.

    In memory are, beside the rows of a moment, the ids that are linked with any other.

    account_traits  : traits that name a company, from the playbook
    events_per_part : about so many; a unit is never divided, however long
    """
    with store.snapshot(account_traits) as seen:
        identity = Identity(seen.statements())
        unit = units(identity, seen)
        parts = _parts(seen.count(), events_per_part)
        with Parts(folder, "events", _EVENTS, parts) as out:
            for batch in seen.events():
                out.add(_with_unit(batch, unit))
        with Parts(folder, "traits", _TRAITS, parts) as out:
            for batch in seen.traits():
                out.add(_with_unit(batch, unit))
    with Parts(folder, "merges", _MERGES, parts) as out:
        merged = sorted((source, target, at) for source, (target, at) in identity.merged.items())
        rows = [{"unit": unit[source], "source": source, "target": target, "at": at} for source, target, at in merged]
        out.add(pa.Table.from_pylist(rows, _MERGES))
    return parts


def split(path: Path, folder: Path, events_per_part: int = EVENTS_PER_PART) -> int:
    """Cut events from elsewhere, or history tables, into parts; returns their number.

    path   : a Parquet file, a folder of such in the order of their names, or a folder of history tables
    Raises : SourceError where that is not what is there
    """
    tables = _tables(path)
    rows = sum(_guarded(file, lambda file: pq.read_metadata(file).num_rows) for file in tables["events"])
    parts = _parts(rows, events_per_part)
    for table, files in tables.items():
        names = _columns(files, table)
        with Parts(folder, table, pa.schema([SCHEMAS[table].field(name) for name in names]), parts) as out:
            for file in files:
                for batch in guarded(_stream(file, names), _DAMAGE, str(file)):
                    out.add(_fitted(batch, names, table, file))
    return parts


def part_count(folder: Path) -> int:
    """How many parts the history tables of a folder have."""
    return len(list((folder / "events").glob("part-*.parquet")))


def read_part(folder: Path, part: int) -> EventLog:
    """The histories of one part."""
    return unit_log(*(_read(file_of(folder, table, part), schema) for table, schema in SCHEMAS.items()))


def unit_log(events: pa.Table, traits: pa.Table, merges: pa.Table) -> EventLog:
    """The histories of whole units, from their rows in the three tables, in any order.

    Columns that `events` may lack are taken for empty; texts may be dictionaries.
    """
    for name in ("value", "actor"):
        if name not in events.column_names:
            events = events.append_column(name, pa.nulls(events.num_rows, _EVENTS.field(name).type))
    source, target, at = (merges[name].to_pylist() for name in ("source", "target", "at"))
    return EventLog.build(events, traits, Identity.of(dict(zip(source, zip(target, at, strict=True), strict=True))))


def units(identity: Identity, seen: Snapshot) -> dict[str, str]:
    """The unit of each id that is linked with another: the first of its ids."""
    above: dict[str, str] = {}

    def top(one: str) -> str:
        while (up := above.get(one, one)) != one:
            above[one] = above.get(up, up)  # half the way next time
            one = up
        return one

    def join(one: str, other: str) -> None:
        first, second = sorted((top(one), top(other)))
        above[second] = first
        above.setdefault(first, first)

    for source, (target, _) in identity.merged.items():
        join(source, target)
    carrier: dict[tuple[str, str], str] = {}
    for lead, name, value in seen.carriers():
        join(lead, carrier.setdefault((name, value), lead))
    return {one: top(one) for one in above}


def _parts(rows: int, events_per_part: int) -> int:
    return min(max(1, -(-rows // events_per_part)), MOST)


def _with_unit(batch: pa.RecordBatch, unit: dict[str, str]) -> pa.Table:
    lead = batch["lead_id"].dictionary_encode()
    names = pa.array([unit.get(name, name) for name in lead.dictionary.to_pylist()], pa.string())
    return pa.Table.from_batches([batch]).add_column(0, _UNIT, names.take(lead.indices))


def _tables(path: Path) -> dict[str, list[Path]]:
    """The files of each table, in the order of their names."""
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if (path / "events").is_dir():
        found = {table: sorted((path / table).glob("*.parquet")) for table in SCHEMAS}
    else:
        found = {"events": sorted(path.glob("*.parquet")) if path.is_dir() else [path], "traits": [], "merges": []}
    if not found["events"]:
        raise SourceError(f"{path}: no Parquet files there")
    return found


def _columns(files: list[Path], table: str) -> list[str]:
    """The columns that the parts of a table have; SourceError where a file lacks one that is needed."""
    names: list[str] = SCHEMAS[table].names
    for file in files:
        there = _guarded(file, pq.read_schema)
        for name in names:
            optional = table == "events" and name in _MAY_LACK | {"event_id"}
            if name not in there.names and not optional and not (table == "traits" and name == "unit"):
                raise SourceError(f"{file}: needs the column {name}; it has {', '.join(there.names)}")
        if table == "events" and "event_id" not in there.names:
            names = [name for name in names if name != "event_id"]
    return names


def _stream(file: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(file, pre_buffer=False) as opened:
        there = [name for name in names if name in opened.schema_arrow.names]
        yield from opened.iter_batches(_BATCH, columns=there)


def _fitted(batch: pa.RecordBatch, names: Sequence[str], table: str, file: Path) -> pa.Table:
    """Rows of a file in the schema of its table."""
    columns = []
    for name in names:
        field = SCHEMAS[table].field(name)
        origin = "lead_id" if name == "unit" and name not in batch.schema.names else name
        if origin not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch[origin]
        if column.type != field.type:
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
            if not (pa.types.is_null(kind) or (textual and pa.types.is_string(field.type))):
                raise SourceError(f"{file}: the column {origin} is {column.type}; it must be {_KINDS[field.type]}")
            column = pc.cast(column, field.type)
        if column.null_count and not field.nullable:
            raise SourceError(f"{file}: a row has no {origin}")
        columns.append(column)
    if table == "events":
        known, occurred = columns[names.index("known_at")], columns[names.index("occurred_at")]
        if pc.any(pc.less(known, occurred)).as_py():
            raise SourceError(f"{file}: a row is known before it happened (known_at < occurred_at)")
        if pc.any(pc.less(occurred, 0)).as_py() or pc.any(pc.greater_equal(known, _LATEST)).as_py():
            raise SourceError(f"{file}: a moment is outside 1970 to 9000; write microseconds since 1970, UTC")
    return pa.Table.from_arrays(columns, schema=pa.schema([SCHEMAS[table].field(name) for name in names]))


def _read(file: Path, schema: pa.Schema) -> pa.Table:
    """A part of one table without its units; the tables beside that of events may not be there."""
    if not file.exists() and schema is not _EVENTS:
        return schema.empty_table()
    texts = [
        field.name for field in schema if pa.types.is_string(field.type) and field.name not in ("unit", "event_id")
    ]
    there: list[str] = _guarded(file, pq.read_schema).names
    names = [name for name in schema.names if name in there and name != "unit"]
    return _guarded(file, lambda file: pq.read_table(file, columns=names, read_dictionary=texts, use_threads=False))


def _guarded(file: Path, how: Callable[[Path], T]) -> T:
    try:
        return how(file)
    except _DAMAGE as error:
        raise SourceError(f"{file}: not a Parquet file: {first_line(error)}") from None
