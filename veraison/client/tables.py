"""Answers as tables of Arrow."""

from collections.abc import Sequence

import pyarrow as pa


def joined(parts: Sequence[bytes]) -> pa.Table:
    """Streams of Arrow as one table; where there is none, a table without rows and columns."""
    tables = [pa.ipc.open_stream(part).read_all() for part in parts]
    return pa.concat_tables(tables) if tables else pa.table({})
