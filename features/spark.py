"""Histories through Spark: whole units, one function, the same numbers as on one machine.

The three history tables (events, traits, merges) become one stream of rows, repartitioned and sorted by *unit*: leads
that can need each other's histories share one. On each executor the stream is cut at borders of units, each piece
becomes an `EventLog`, and what `function` makes of it is what it would have made anywhere. So Spark moves rows, and no
feature is ever written twice.

Worked example: units ``a a a b c c`` with `chunk_rows` 4 come as the logs of (a, b) and (c).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from data.log import EventLog
from data.units import unit_log
from features.cluster import failures, session
from veraison.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Say = Callable[[str], None]
Function = Callable[[EventLog], pa.Table]
"""What runs on executors: module-level, or a functools.partial of such; it gets the histories of whole units."""

CHUNK_ROWS = 1 << 18
"""So many rows at least are one EventLog; a unit is never divided, however long it is."""
_MOST_PARTITIONS = 20_000  # beyond, the pieces that mappers write for reducers become too small to fetch well
_BYTES_A_PARTITION = 16 << 20  # of Parquet: about a million events, which Spark sorts in some 200 MB

_EVENTS, _TRAITS, _MERGES = 0, 1, 2
_OUT_BATCH = 20_000


def _silent(_: str) -> None:
    """Say nothing."""


def run(
    source: str | Path,
    function: Function,
    schema: pa.Schema,
    *,
    master: str,
    partitions: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    say: Say = _silent,
) -> pa.Table:
    """What `function` makes of all histories: rows in no particular order.

    source     : a folder of history tables, or Parquet files of events alone; a path or an address such as s3a://...
    schema     : of what `function` returns: numbers, text, bytes, truth values, timestamps in microseconds UTC
    partitions : so many tasks; by default after the size of the files
    chunk_rows : so many rows of the tables at least are one call of `function`
    Raises     : VeraisonError where Spark, the master or the files are not as needed
    """
    root = _there(source)
    with session(master) as spark, failures():
        return _through(spark, root, function, schema, partitions, chunk_rows, say).toArrow().cast(schema)


def write(
    source: str | Path,
    function: Function,
    schema: pa.Schema,
    out: str | Path,
    *,
    master: str,
    partitions: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    say: Say = _silent,
) -> int:
    """The same, written by the executors: returns how many rows.

    out : folder or address of the Parquet files, one a partition; what was there is replaced
    """
    root, out = _there(source), _address(out)
    with session(master) as spark, failures():
        rows = _through(spark, root, function, schema, partitions, chunk_rows, say)
        rows.write.mode("overwrite").parquet(out)
        return spark.read.parquet(_literal(out)).count()


def newest(source: str | Path, *, master: str) -> int | None:
    """The newest ``known_at`` of the events, None where there are none."""
    there = _there(source)
    with session(master) as spark, failures():
        from pyspark.sql import functions as sql

        found = _tables(spark, there)[_EVENTS].agg(sql.max("known_at")).first()
        return None if found is None or found[0] is None else int(found[0])


# On the driver


def _there(source: str | Path) -> str:
    """The address of what is to be read; SourceError, before anything is started, where a path leads nowhere."""
    address = _address(source)
    local = address.removeprefix("file://")
    if local != address and not _is_pattern(address) and not Path(local).exists():
        raise SourceError(f"{local}: no such file or folder")
    return address


def _tables(spark: "SparkSession", root: str) -> dict[int, "DataFrame"]:
    """The history tables of a folder, or the events that an address holds alone, in one wide schema."""
    if not _holds_files(spark, root, "events"):
        return {_EVENTS: _wide(_read(spark, root), _EVENTS, root)}
    return {
        table: _wide(_read(spark, f"{root}/{name}"), table, f"{root}/{name}")
        for table, name in enumerate(("events", "traits", "merges"))
        if _holds_files(spark, root, name)
    }


def _holds_files(spark: "SparkSession", root: str, name: str) -> bool:
    if _is_pattern(root):
        return False
    path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(f"{root}/{name}")  # type: ignore[union-attr]  # the JVM is there: a session runs
    files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    return bool(files.exists(path)) and any(".parquet" in str(one.getPath()) for one in files.listStatus(path))


def _address(source: str | Path) -> str:
    """A path of this machine as Spark wants it; what has a scheme is an address already."""
    text = str(source)
    return text.rstrip("/") if "://" in text else f"file://{Path(text).absolute()}"


def _is_pattern(address: str) -> bool:
    """Whether it names many files; a path that is really there means itself, whatever it looks like."""
    return any(sign in address for sign in _SIGNS) and not Path(address.removeprefix("file://")).exists()


def _read(spark: "SparkSession", address: str) -> "DataFrame":
    return spark.read.parquet(address if _is_pattern(address) else _literal(address))


def _literal(address: str) -> str:
    return re.sub(f"([{re.escape(_SIGNS)}])", r"\\\1", address)


_SIGNS = "*?{}[]"


_NEEDED = {
    _EVENTS: {"lead_id": "string", "kind": "string", "occurred_at": "bigint", "known_at": "bigint"},
    _TRAITS: {
        "event_id": "string", "lead_id": "string", "occurred_at": "bigint", "known_at": "bigint",
        "name": "string", "text": "string", "number": "double",
    },
    _MERGES: {"unit": "string", "source": "string", "target": "string", "at": "bigint"},
}  # fmt: skip
_OPTIONAL = {
    _EVENTS: {"unit": "string", "event_id": "string", "value": "bigint", "actor": "string"},
    _TRAITS: {"unit": "string"},
    _MERGES: {},
}
_FROM = {
    _EVENTS: {"lead_id": "lead_id", "kind": "kind", "text": "actor"},
    _TRAITS: {"lead_id": "lead_id", "kind": "name", "text": "text", "number": "number"},
    _MERGES: {"lead_id": "source", "text": "target", "known_at": "at"},
}
_WIDE = {
    "unit": "string", "table": "tinyint", "event_id": "string", "lead_id": "string", "kind": "string",
    "occurred_at": "bigint", "known_at": "bigint", "value": "bigint", "text": "string", "number": "double",
}  # fmt: skip


def _wide(rows: "DataFrame", table: int, where: str) -> "DataFrame":
    """Rows of one table in the schema of all; SourceError where a column is missing or of another type."""
    from pyspark.sql import functions as sql

    types = dict(rows.dtypes)
    where = where.removeprefix("file://")
    for name, wanted in (_NEEDED[table] | _OPTIONAL[table]).items():
        if name not in types and name in _OPTIONAL[table]:
            continue
        if name not in types:
            raise SourceError(f"{where}: needs the column {name}; it has {', '.join(types)}")
        if types[name] not in (wanted, "void"):  # a column of nothing but nulls has no type
            raise SourceError(f"{where}: the column {name} is {types[name]}; it must be {_say_type(wanted)}")

    def column(name: str) -> "Column":
        source = _FROM[table].get(name, name)
        if name == "table":
            return sql.lit(table)
        if name == "unit":
            own = sql.col("unit") if "unit" in types else sql.col("lead_id")
            return sql.coalesce(own, sql.raise_error(sql.lit(_NO_UNIT)))
        if name == "lead_id":  # most leads are alone: a name that is the unit's own is not carried twice
            return sql.when(sql.col(source) != sql.col("unit"), sql.col(source)) if "unit" in types else sql.lit(None)
        if name == "event_id" and table == _EVENTS and "event_id" not in types:
            return sql.concat(
                sql.col("_metadata.file_path"), sql.format_string(":%020d", sql.col("_metadata.row_index"))
            )
        return sql.col(source) if source in types else sql.lit(None)

    return rows.select(*(column(name).cast(kind).alias(name) for name, kind in _WIDE.items()))


_NO_UNIT = "a row has no lead_id"


def _say_type(name: str) -> str:
    return {"bigint": "a 64-bit whole number", "string": "text", "double": "a 64-bit float"}[name]


def _through(
    spark: "SparkSession",
    root: str,
    function: Function,
    schema: pa.Schema,
    partitions: int | None,
    chunk_rows: int,
    say: Say,
) -> "DataFrame":
    from pyspark.sql.pandas.types import from_arrow_schema

    tables = _tables(spark, root)
    rows = tables[_EVENTS]
    for kind in (_TRAITS, _MERGES):
        if kind in tables:
            rows = rows.union(tables[kind])
    if partitions is None:
        size = sum(_bytes(table) for table in tables.values())
        wanted = min(-(-size // _BYTES_A_PARTITION), _MOST_PARTITIONS)
        partitions = max(spark.sparkContext.defaultParallelism, wanted)
    say(f"{partitions} partitions on {spark.sparkContext.master}")
    grouped = rows.repartition(partitions, "unit").sortWithinPartitions("unit")
    work = partial(_work, function=function, schema=schema, chunk_rows=chunk_rows)
    return grouped.mapInArrow(work, from_arrow_schema(schema))


def _bytes(table: "DataFrame") -> int:
    """Bytes of the files behind a table, as Spark's planner found them."""
    plan = table._jdf.queryExecution().analyzed().collectLeaves().head()
    return int(str(plan.stats().sizeInBytes()))


# On the executors


def _work(
    batches: Iterable[pa.RecordBatch], function: Function, schema: pa.Schema, chunk_rows: int
) -> Iterator[pa.RecordBatch]:
    for rows in whole_units(batches, chunk_rows):
        yield from function(log_of(rows)).cast(schema).to_batches(max_chunksize=_OUT_BATCH)


def whole_units(batches: Iterable[pa.RecordBatch], chunk_rows: int) -> Iterator[pa.Table]:
    """Pieces of whole units, from batches in which the rows of each unit follow one another.

    At most `chunk_rows`, one batch and the longest unit are held at a time.
    """
    held: list[pa.RecordBatch] = []
    rows = last_begins = 0
    last = None
    for batch in batches:
        if not batch.num_rows:
            continue
        units = batch.column("unit")
        newest = units[-1].as_py()
        first = pc.index(units, newest).as_py()
        if first or newest != last:
            last, last_begins = newest, rows + first
        held.append(batch)
        rows += batch.num_rows
        if rows >= chunk_rows and last_begins:
            table = pa.Table.from_batches(held)
            yield table.slice(0, last_begins)
            held = table.slice(last_begins).to_batches()
            rows, last_begins = rows - last_begins, 0
    if held:
        yield pa.Table.from_batches(held)


_TYPES = {"string": pa.string(), "tinyint": pa.int8(), "bigint": pa.int64(), "double": pa.float64()}


def log_of(rows: pa.Table) -> EventLog:
    """The histories of whole units, from rows of the wide schema."""
    lead = pc.coalesce(rows["lead_id"], rows["unit"])
    rows = rows.set_column(rows.schema.get_field_index("lead_id"), "lead_id", lead)
    events, traits, merges = (rows.filter(pc.equal(rows["table"], table)) for table in (_EVENTS, _TRAITS, _MERGES))
    common = ["unit", "event_id", "lead_id", "kind", "occurred_at", "known_at"]
    log: EventLog = unit_log(
        events.select([*common, "value", "text"]).rename_columns([*common, "value", "actor"]),
        traits.select(
            ["unit", "event_id", "lead_id", "occurred_at", "known_at", "kind", "text", "number"]
        ).rename_columns(["unit", "event_id", "lead_id", "occurred_at", "known_at", "name", "text", "number"]),
        merges.select(["unit", "lead_id", "text", "known_at"]).rename_columns(["unit", "source", "target", "at"]),
    )
    return log


def nobody() -> EventLog:
    """The log without histories."""
    return log_of(pa.schema([(name, _TYPES[kind]) for name, kind in _WIDE.items()]).empty_table())
