"""The columns of histories are, to the last bit, those of the first and slow way of building them."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.columns import encode
from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
from data.identity import Identity
from data.log import EventLog
from tests.data import polars_log

LEADS = ["a", "b", "é🍇", "", "ab", "a\U0001f347", "～"]  # by bytes of UTF-8, not of UTF-16 nor by any alphabet


def table(rows, schema, cuts, as_dictionary):
    """Rows in a few chunks, their texts as dictionaries where that is wished."""
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [rows[low:high] for low, high in pairwise(bounds)]
    batches = [
        pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in part], schema) for part in parts
    ]
    for name in ("lead_id", "kind", "actor", "name", "text") if as_dictionary else ():
        if name in schema.names:
            place = schema.get_field_index(name)
            batches = [one.set_column(place, name, one[name].dictionary_encode()) for one in batches]
    return pa.concat_tables(batches)


moments = st.integers(0, 3)
lead_ids = st.sampled_from(LEADS)
ids = st.sampled_from(["1", "10", "2", "e", "é", "～", "🍇", "ee", ""])
actors, values = st.sampled_from([None, "p", "q"]), st.none() | st.integers(-2, 2)
event_rows = st.tuples(ids, lead_ids, st.sampled_from("xy"), moments, moments, values, actors)
readings = st.sampled_from([None, -0.0, 1.5])
trait_rows = st.tuples(ids, lead_ids, moments, moments, st.sampled_from("nm"), st.sampled_from("tu"), readings)
identities = st.dictionaries(lead_ids, st.tuples(lead_ids, moments), max_size=3).map(
    lambda merged: Identity.of({one: (other, at) for one, (other, at) in merged.items() if one < other})
)


def once(rows, key):
    return list({key(row): row for row in rows}.values())


@given(
    events=st.lists(event_rows, max_size=60),
    traits=st.lists(trait_rows, max_size=20),
    identity=identities,
    cuts=st.lists(st.integers(0, 60), max_size=3),
    as_dictionary=st.booleans(),
)
def test_columns_are_those_of_the_frozen_twin(events, traits, identity, cuts, as_dictionary):
    events = once(events, lambda row: row[:2])
    traits = once(traits, lambda row: (row[0], row[1], row[4]))
    when = {row[:2]: row[2:4] for row in traits}
    traits = [(*row[:2], *when[row[:2]], *row[4:]) for row in traits]  # one message teaches at one moment
    # an id is of one lead in a store; here of one a lead, so that merged histories hold equal ids apart
    events = [(f"{row[0]}{LEADS.index(row[1])}", *row[1:]) for row in events]
    traits = [(f"{row[0]}{LEADS.index(row[1])}", *row[1:]) for row in traits]
    tables = [table(events, EVENT_SCHEMA, cuts, as_dictionary), table(traits, TRAIT_SCHEMA, cuts, as_dictionary)]
    log = EventLog.build(*tables, identity)
    twin = polars_log.build(
        *(table(rows, schema, (), False) for rows, schema in ((events, EVENT_SCHEMA), (traits, TRAIT_SCHEMA))), identity
    )
    for name, expected in twin.items():
        found = getattr(log, name)
        if name == "actor" and not log.actors:  # where nobody is named there is no column
            assert not len(found)
            continue
        if isinstance(expected, np.ndarray):
            assert found.dtype == expected.dtype, name
            assert found.tobytes() == expected.tobytes(), name
        else:
            assert list(found) == expected, name


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("moments_of", [1, 50, 10_000])
def test_a_lead_with_very_many_events_is_in_order(shuffled, moments_of):
    size = 30_000
    luck = np.random.default_rng(0)
    known = np.sort(luck.integers(0, moments_of, size))
    rows = luck.permutation(size) if shuffled else np.arange(size)
    names = [f"e{number}" for number in luck.permutation(size)]
    columns = {
        "event_id": names,
        "lead_id": ["bot"] * size,
        "kind": ["x"] * size,
        "occurred_at": known // 2,
        "known_at": known,
    }
    events = pa.table(columns | {"value": pa.nulls(size, pa.int64()), "actor": pa.nulls(size, pa.string())}).take(
        pa.array(rows)
    )
    log = EventLog.build(events, TRAIT_SCHEMA.empty_table(), Identity())
    expected = sorted(zip(known[rows].tolist(), [names[row] for row in rows], strict=True))
    assert log.known.tolist() == [moment for moment, _ in expected]
    assert log.event_ids.to_list() == [name for _, name in expected]
    without = EventLog.build(events.drop_columns("event_id"), TRAIT_SCHEMA.empty_table(), Identity())
    assert without.event_ids.to_list() == [str(row) for row in np.argsort(known[rows], kind="stable")]


def test_texts_that_do_not_occur_have_no_code():
    column = pa.DictionaryArray.from_arrays(pa.array([2, None, 0]), pa.array(["c", "b", "a", None]))
    codes, names = encode(pa.chunked_array([column, column.take(pa.array([0]))]))
    assert (codes.tolist(), names) == ([0, -1, 1, 0], ["a", "c"])
    assert [len(one) for one in encode(pa.chunked_array([], pa.string()))] == [0, 0]
    sliced = pa.chunked_array([pa.array(["x", "y", None, "z"]).slice(1, 2)])
    assert [list(one) for one in encode(sliced)] == [[0, -1], ["y"]]


def test_what_one_message_teaches_stands_in_the_order_of_names():
    told = [("e1", "L", 1, 1, name, "x", None) for name in "zbya"] + [("e0", "L", 1, 1, "c", "x", None)]
    log = EventLog.build(EVENT_SCHEMA.empty_table(), table(told, TRAIT_SCHEMA, (), False), Identity())
    assert [log.trait_names[code] for code in log.trait_name] == ["c", "a", "b", "y", "z"]
