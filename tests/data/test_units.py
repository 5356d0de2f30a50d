"""History tables: however a log is cut into parts, each lead's history is that of the scan."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Event
from data.identity import fold
from data.snapshot import names_company
from data.store import Store
from data.units import export, part_count, read_part, split, unit_log
from tests.data.logs import LEADS, some_events, told
from tests.data.test_history import ACCOUNTS, in_companies, same
from veraison.errors import SourceError


def tables(folder, table):
    return pa.concat_tables(pq.read_table(file) for file in sorted((folder / table).iterdir()))


def people(log):
    return {lead: told(log, lead) | {"chain": log.identity.chain(lead)} for lead in log.leads}


def together(folder):
    """Every lead's history, from whichever part it stands in; none stands in two."""
    found = {}
    for part in range(part_count(folder)):
        mine = people(read_part(folder, part))
        assert not mine.keys() & found.keys()
        found |= mine
    return found


@settings(max_examples=25)
@given(batch=some_events(), size=st.integers(1, 9), keys=st.sampled_from([(), ("email",)]), data=st.data())
def test_any_cutting_gives_the_histories_of_the_scan(tmp_path_factory, batch, size, keys, data):
    batch = in_companies(batch, data)
    folder, again = tmp_path_factory.mktemp("tables"), tmp_path_factory.mktemp("again")
    with Store("sqlite://", keys) as store:
        store.append(batch)
        log = store.scan()
        parts = export(store, folder, ACCOUNTS, size)
    assert parts == max(1, -(-len(batch) // size)) == part_count(folder)
    assert together(folder) == people(log)
    whole = unit_log(*(tables(folder, name) for name in ("events", "traits", "merges")))
    assert same(whole, log)
    split(folder, again, size + 3)
    assert together(again) == people(log)

    unit = dict(zip(*(tables(folder, "events")[name].to_pylist() for name in ("lead_id", "unit")), strict=True))
    values = {}
    for event in batch:
        assert unit[log.identity.person(event.lead_id, 99)] == unit[event.lead_id]
        company = event.traits.get("group_id")
        if company is not None and names_company(company):
            assert values.setdefault(fold(company), unit[event.lead_id]) == unit[event.lead_id]
    for name in ("traits", "merges"):
        key = "lead_id" if name == "traits" else "source"
        for row in tables(folder, name).to_pylist():
            assert row["unit"] == unit.get(row[key], row["unit"])


def test_who_has_nothing_to_do_with_others_is_a_unit_alone(tmp_path):
    with Store("sqlite://", ("email",)) as store:
        store.append(
            [
                Event("1", "b", "identify", "identify", 1, 1, traits={"email": "x@acme.fr"}),
                Event("2", "a", "identify", "identify", 2, 2, traits={"email": "y@acme.fr"}),
                Event("3", "v", "page", "Seen", 1, 1),
                Event("4", "b", "alias", "alias", 3, 3, previous_id="v"),
                Event("5", "f", "identify", "identify", 3, 3, traits={"email": "y@gmail.com"}),
                Event("6", "g", "identify", "identify", 3, 3, traits={"email": "z@gmail.com"}),
            ]
        )
        for number, (accounts, units) in enumerate([((), "baggbbf"), (("email_domain",), "aaggaaf")]):
            export(store, tmp_path / str(number), accounts)
            found = {row["lead_id"]: row["unit"] for row in tables(tmp_path / str(number), "events").to_pylist()}
            assert found == dict(zip("bag" + "gbvf", units, strict=True))


def test_parts_belong_together_and_are_all_there(tmp_path):
    with Store("sqlite://") as store:
        assert export(store, tmp_path / "empty") == 1
        store.append([Event(f"e{n}", f"L{n % 50}", "track", "Seen", n, n, traits={"n": 1.0}) for n in range(1_000)])
        assert export(store, tmp_path / "tables", (), 100) == 10
    assert read_part(tmp_path / "empty", 0).leads == []
    for part in range(10):
        events, traits = (
            pq.read_table(tmp_path / "tables" / name / f"part-{part:05}.parquet") for name in ("events", "traits")
        )
        assert set(events["unit"].to_pylist()) == set(traits["unit"].to_pylist())
        assert events.num_rows == traits.num_rows < 400
    assert sorted((tmp_path / "tables").iterdir()) == [
        tmp_path / "tables" / name for name in ("events", "merges", "traits")
    ]


def foreign(**columns):
    rows = {
        "lead_id": ["b", "a", "b", "a", "b"],
        "kind": ["Seen", "Won", "Asked", "Seen", "Won"],
        "occurred_at": [5, 1, 5, 1, 2],
        "known_at": [5, 1, 5, 1, 9],
    } | columns
    return pa.table({name: column for name, column in rows.items() if column is not None})


def test_events_from_elsewhere_need_four_columns_and_keep_their_order(tmp_path):
    (tmp_path / "in").mkdir()
    pq.write_table(foreign(), tmp_path / "in" / "a.parquet", row_group_size=2)
    kinds = pa.array(["Seen", "Lost", "Asked", "Seen", "Won"]).dictionary_encode()
    pq.write_table(foreign(kind=kinds, value=[1, None, 3, 4, 5]), tmp_path / "in" / "b.parquet")
    for size in (1, 3, 100):
        folder = tmp_path / f"by {size}"
        split(tmp_path / "in", folder, size)
        found = together(folder)
        assert [row[1:] for row in found["a"]["events"]] == [
            (1, 1, "Won", None, None),
            (1, 1, "Seen", None, None),
            (1, 1, "Lost", None, None),
            (1, 1, "Seen", 4, None),
        ]
        assert [row[3] for row in found["b"]["events"]] == ["Seen", "Asked", "Seen", "Asked", "Won", "Won"]
        assert found["b"]["traits"] == []
    assert split(tmp_path / "in" / "a.parquet", tmp_path / "one") == 1
    assert len(together(tmp_path / "one")["a"]["events"]) == 2


def test_units_and_ids_that_come_with_the_events_count(tmp_path):
    names = pa.array(["e2", "e9", "e10", "e1", "e0"])
    pq.write_table(foreign(unit=["u"] * 5, event_id=names, actor=["x", None, "y", "x", "x"]), tmp_path / "a.parquet")
    assert split(tmp_path / "a.parquet", tmp_path / "out", 1) == 5
    log = next(log for log in (read_part(tmp_path / "out", part) for part in range(5)) if log.leads)
    assert log.leads == ["a", "b"]
    assert list(log.event_ids) == ["e1", "e9", "e10", "e2", "e0"]
    assert [log.actors[code] if code >= 0 else None for code in log.actor] == ["x", None, "y", "x", "x"]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"kind": None}, "needs the column kind; it has lead_id, occurred_at, known_at"),
        ({"lead_id": [1, 2, 3, 4, 5]}, "the column lead_id is int64; it must be text"),
        ({"known_at": [0.5] * 5}, "the column known_at is double; it must be a 64-bit whole number"),
        ({"lead_id": ["a", None, "b", "c", "d"]}, "a row has no "),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path, columns, problem):
    pq.write_table(foreign(**columns), tmp_path / "a.parquet")
    with pytest.raises(SourceError) as raised:
        split(tmp_path / "a.parquet", tmp_path / "out")
    assert str(raised.value).startswith(f"{tmp_path / 'a.parquet'}: {problem}")


def test_what_is_no_parquet_is_said_in_one_line(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    (tmp_path / "empty").mkdir()
    pq.write_table(foreign(), tmp_path / "cut.parquet")
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(bytes(8) + b"x" * 300 + whole[308:])
    for name in ("a.parquet", "nowhere", "empty", "cut.parquet"):
        with pytest.raises(SourceError, match=f"{name}: ") as raised:
            split(tmp_path / name, tmp_path / "out")
        assert "\n" not in str(raised.value)
    with pytest.raises(SourceError, match="part-00007"):
        read_part(tmp_path / "out", 7)


def test_a_part_lacking_traits_and_merges_is_read(tmp_path):
    (tmp_path / "events").mkdir()
    pq.write_table(foreign(), tmp_path / "events" / "part-00000.parquet")
    log = read_part(tmp_path, 0)
    assert (log.leads, log.trait_names, log.actor.tolist()) == (["a", "b"], [], [])
    assert np.all(log.merged_at > 9)
    assert set(LEADS) > set(log.leads)
