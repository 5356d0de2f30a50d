"""Rows of SQLite as Arrow in a third of the time: whole tables, and those of some leads.

Of a whole table SQLite writes some ten thousand rows as one text of JSON lines, and Arrow reads it; of some leads it
writes each column as one text. Floats come beside it: as text they would lose their last bits.
"""

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pj
from pydantic_core import from_json

_ROWS = 65_536
_ONE_THREAD = pj.ReadOptions(use_threads=False)  # several take half as much again of the processor


def batches(cursor: Any, table: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """All rows of a table in the order in which they were stored.

    cursor : the driver's, in a transaction
    schema : of text, int64 and float64; its names are those of columns
    """
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    texts = [field for field in schema if field.name not in floats]
    pairs = ", ".join(f"'{field.name}', {field.name}" for field in texts)
    # S608: all that is put into these queries are names of our own tables and columns (data.schema), never input
    lines = f"SELECT CAST(group_concat(json_object({pairs}), char(10)) AS BLOB) FROM {table} NOT INDEXED WHERE rowid > ? AND rowid <= ?"  # noqa: S608, E501 (names of our own)
    beside = f"SELECT {', '.join(floats)} FROM {table} NOT INDEXED WHERE rowid > ? AND rowid <= ? ORDER BY rowid"  # noqa: S608 (names of our own)
    options = pj.ParseOptions(pa.schema(texts), unexpected_field_behavior="error")
    first, last = cursor.execute(f"SELECT ifnull(min(rowid), 1), ifnull(max(rowid), 0) FROM {table}").fetchone()  # noqa: S608 (names of our own)
    for start in range(first - 1, last, _ROWS):
        bounds = (start, start + _ROWS)
        text = cursor.execute(lines, bounds).fetchone()[0]
        if text is None:  # rowids may have gaps
            continue
        columns = pj.read_json(io.BytesIO(text), _ONE_THREAD, options)
        if floats:
            found = zip(*cursor.execute(beside, bounds).fetchall(), strict=True)
            for name, cells in zip(floats, found, strict=True):
                columns = columns.append_column(name, pa.array(cells, pa.float64()))
        yield from columns.select(schema.names).cast(schema).combine_chunks().to_batches()


def of_leads(cursor: Any, table: str, schema: pa.Schema, lead_ids: Sequence[str]) -> pa.RecordBatch:
    """The rows of some leads, in any order; as many as may be Python objects at a time."""
    names = schema.names
    has_floats = any(pa.types.is_floating(field.type) for field in schema)
    columns = ", ".join(names if has_floats else [f"json_group_array({name})" for name in names])
    query = f"SELECT {columns} FROM {table} WHERE lead_id IN (SELECT value FROM json_each(?))"  # noqa: S608 (names of our own)
    found = cursor.execute(query, (json.dumps(lead_ids),))
    cells = zip(*found.fetchall(), strict=True) if has_floats else map(from_json, found.fetchone())
    arrays = [pa.array(column, field.type) for column, field in zip(cells, schema, strict=False)]
    return pa.RecordBatch.from_arrays(arrays or [pa.array([], field.type) for field in schema], schema=schema)
