"""A file read group by group gives the very histories that its rows give all at once."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
from data.identity import Identity
from data.log import EventLog
from data.stream import COLUMNS, LATEST, NotPlainError, plain_rows, read_events

rows = st.lists(
    st.tuples(
        st.sampled_from("abcdé"), st.sampled_from(["x", "y"]), st.integers(0, 5), st.integers(0, 5),
        st.none() | st.integers(-(10**15), 10**15),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


def same(one: EventLog, other: EventLog) -> None:
    assert (one.leads, one.kinds, one.actors) == (other.leads, other.kinds, other.actors)
    for name in ("offsets", "known", "occurred", "kind", "value", "actor", "trait_offsets", "merged_at"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert getattr(one, name).dtype == getattr(other, name).dtype


@given(rows, st.integers(1, 20), st.integers(1, 3), st.booleans())
def test_groups_and_threads_change_nothing(tmp_path_factory, happened, group, threads, dictionary):
    lead, kind, occurred, late, value = zip(*happened, strict=True)
    known = [moment + more for moment, more in zip(occurred, late, strict=True)]
    fields = [EVENT_SCHEMA.field(name) for name in COLUMNS]
    table = pa.table([list(one) for one in (lead, kind, occurred, known, value)], schema=pa.schema(fields))
    file = tmp_path_factory.mktemp("stream") / "events.parquet"
    pq.write_table(table, file, row_group_size=group, use_dictionary=dictionary)
    nobody = table.append_column("actor", pa.nulls(len(table), pa.string()))
    same(read_events(file, threads), EventLog.build(nobody, TRAIT_SCHEMA.empty_table(), Identity()))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_without_rows(tmp_path, threads):
    schema = pa.schema([EVENT_SCHEMA.field(name) for name in COLUMNS])
    pq.write_table(schema.empty_table(), tmp_path / "none.parquet")
    assert read_events(tmp_path / "none.parquet", threads).leads == []


def table_of(**changed):
    columns = {"lead_id": ["a", "b"], "kind": ["x", "y"], "occurred_at": [1, 2], "known_at": [1, 2], "value": [None, 3]}
    types = {field.name: field.type for field in EVENT_SCHEMA}
    return pa.table({name: pa.array(one, types[name]) for name, one in (columns | changed).items()})


@pytest.mark.parametrize(
    "changed",
    [
        {"lead_id": ["a", None]}, {"kind": [None, "y"]}, {"known_at": [1, None]}, {"occurred_at": [None, 2]},
        {"known_at": [1, 1]}, {"occurred_at": [-1, 2]}, {"known_at": [1, LATEST]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("threads", [1, 4])
def test_what_is_wrong_is_left_to_the_general_way(tmp_path, changed, threads):
    pq.write_table(table_of(**changed), tmp_path / "events.parquet")
    with pytest.raises(NotPlainError):
        read_events(tmp_path / "events.parquet", threads)


def test_which_files_are_plain(tmp_path):
    file, plain = tmp_path / "events.parquet", table_of()
    others = {
        2: plain,
        None: plain.append_column("unit", pa.array(["a", "b"])),
        "text": plain.set_column(4, "value", pa.array(["1", "2"])),
        "less": plain.drop_columns("value"),
    }
    for rows, table in others.items():
        pq.write_table(table, file)
        assert plain_rows(file) == (rows if isinstance(rows, int) else None)
    file.write_text("lead_id,kind")
    assert plain_rows(file) is plain_rows(tmp_path / "gone") is plain_rows(tmp_path) is None
