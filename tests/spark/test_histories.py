"""Histories through Spark: whoever computes, wherever the rows lie and whatever dies meanwhile, the same bits."""

import os
import signal
import threading
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import spark
from features.cluster import session
from tests import market
from tests.histories import START
from tests.spark import functions, processes
from tests.spark.functions import bits
from veraison.errors import SourceError, VeraisonError

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def feature_function():
    return partial(functions.vectors, feature_set=market.bundle().feature_set, playbook=market.BOOK)


# Cutting a stream at the borders of units, without Spark


@given(
    st.lists(st.integers(1, 9), max_size=12), st.lists(st.integers(0, 7), min_size=60, max_size=60), st.integers(1, 20)
)
def test_pieces_are_whole_units_however_the_rows_arrive(sizes, batch_sizes, chunk_rows):
    units = [f"u{n}" for n, size in enumerate(sizes) for _ in range(size)]
    rows = pa.record_batch({"unit": pa.array(units, pa.string()), "n": pa.array(range(len(units)), pa.int64())})
    batches, start = [], 0
    for size in [*batch_sizes, len(units)]:
        batches.append(rows.slice(start, size))
        start += size
    pieces = list(spark.whole_units(batches, chunk_rows))
    assert [n for piece in pieces for n in piece["n"].to_pylist()] == list(range(len(units)))
    seen = [unit for piece in pieces for unit in dict.fromkeys(piece["unit"].to_pylist())]
    assert len(seen) == len(set(seen)) == len(sizes)
    longest = max([*sizes, 0]) + max([*batch_sizes, len(units)])
    assert all(piece.num_rows < chunk_rows + longest for piece in pieces)
    assert all(piece.num_rows for piece in pieces)


# Equality


@pytest.fixture(scope="module")
def everything(store):
    return bits(functions.everything(store.scan()))


@pytest.mark.parametrize(("partitions", "chunk_rows"), [(None, spark.CHUNK_ROWS), (1, 50), (9, 1)])
def test_histories_are_those_of_the_store(cluster, tables, everything, partitions, chunk_rows):
    found = spark.run(
        tables, functions.everything, functions.TOLD, master=cluster, partitions=partitions, chunk_rows=chunk_rows
    )
    assert bits(found) == everything


@pytest.mark.parametrize("partitions", [None, 5])
def test_features_are_those_of_one_machine_to_the_last_bit(cluster, store, tables, partitions):
    function = feature_function()
    found = spark.run(tables, function, functions.VECTORS, master=cluster, partitions=partitions, chunk_rows=200)
    assert bits(found) == bits(function(store.scan()))


def test_what_executors_write_is_what_they_would_have_sent(cluster, store, tables, tmp_path):
    function, said = feature_function(), []
    out = tmp_path / "out [1]"
    rows = spark.write(tables, function, functions.VECTORS, out, master=cluster, partitions=3, say=said.append)
    assert said == ["3 partitions on local-cluster[2,1,1024]"]
    written = pa.concat_tables([pq.read_table(path) for path in sorted(out.glob("*.parquet"))])
    assert written.num_rows == rows
    assert bits(written.cast(functions.VECTORS)) == bits(function(store.scan()))


def foreign(path, leads, moments, known=None):
    """Events as another system keeps them, in two files."""
    path.mkdir()
    known = moments if known is None else known
    table = pa.table({"lead_id": leads, "kind": ["Visited"] * len(leads), "occurred_at": moments, "known_at": known})
    half = len(table) // 2
    pq.write_table(table.slice(0, half), path / "a.parquet", row_group_size=max(1, half // 3))
    pq.write_table(table.slice(half), path / "b.parquet")
    return path


def test_one_lead_with_a_hundred_thousand_events(cluster, tmp_path):
    """It goes to one executor as a whole; the rest is shared out as ever."""
    long, others = 100_000, 500
    leads = ["bot" if n % 2 else f"L{n % (2 * others)}" for n in range(2 * long)]
    moments = [START + n for n in range(2 * long)]
    path = foreign(tmp_path / "events", leads, moments)
    found = spark.run(path, functions.counted, functions.LONE, master=cluster, chunk_rows=1_000)
    rows = {row["lead_id"]: row for row in found.to_pylist()}
    assert len(rows) == found.num_rows == others + 1
    assert rows["bot"] == {"lead_id": "bot", "events": long, "newest": START + 2 * long - 1}
    assert sum(row["events"] for row in rows.values()) == 2 * long
    assert spark.newest(path, master=cluster) == START + 2 * long - 1


def test_where_events_have_no_ids_the_order_of_the_files_settles_ties(cluster, tmp_path):
    table = pa.table(
        {
            "lead_id": ["x"] * 6, "kind": list("fbdace"), "occurred_at": [START] * 6, "known_at": [START] * 6,
            "colour": ["red"] * 6,
        }
    )  # fmt: skip
    pq.write_table(table.slice(0, 3), tmp_path / "1.parquet")
    pq.write_table(table.slice(3), tmp_path / "2.parquet")
    found = spark.run(tmp_path, functions.everything, functions.TOLD, master=cluster, partitions=2)
    (one,) = found.to_pylist()
    assert [event[3] for event in eval(one["told"])["events"]] == list("fbdace")


# The cluster, once it has worked


def application(master):
    with session(master) as opened:
        return opened.sparkContext.applicationId


def test_the_executors_are_processes_of_their_own(cluster):
    mine = application(cluster)
    found = processes.eventually(lambda: len(processes.executors(mine)) > 1 and processes.executors(mine))
    assert len(found) == 2
    assert os.getpid() not in {*found, *map(processes.parent, found)}


def test_nothing_listens_to_other_machines(cluster):
    found = processes.executors(application(cluster))
    involved = {os.getpid(), *found, *map(processes.parent, found)}
    addresses = [address for pid in involved for address in processes.listening(pid)]
    assert len(addresses) > 3
    assert set(addresses) <= LOOPBACK


def test_what_equality_rests_on_is_set(cluster):
    with session(cluster) as opened:
        set_to = dict(opened.sparkContext.getConf().getAll())
    assert (set_to["spark.sql.session.timeZone"], set_to["spark.sql.ansi.enabled"]) == ("UTC", "true")
    assert set_to["spark.task.maxFailures"] == "2"  # the user's own, from PYSPARK_SUBMIT_ARGS


# Mistakes


def test_a_path_that_leads_nowhere(tmp_path):
    with pytest.raises(SourceError, match=r"nothing\.parquet: no such file or folder$"):
        spark.run(tmp_path / "nothing.parquet", functions.everything, functions.TOLD, master="local[1]")


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"kind": ["a"]}, "needs the column lead_id; it has kind, occurred_at, known_at"),
        ({"lead_id": ["a"], "kind": [7]}, "the column kind is bigint; it must be text"),
        ({"lead_id": ["a"], "kind": ["a"], "value": [1.5]}, "the column value is double; it must be a 64-bit whole"),
        ({"lead_id": pa.array([None], pa.string()), "kind": ["a"]}, "a row has no lead_id"),
    ],
)
def test_a_file_that_does_not_fit(cluster, tmp_path, columns, problem):
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table({**columns, "occurred_at": [1], "known_at": [1]}), path)
    with pytest.raises(VeraisonError, match=problem) as raised:
        spark.run(path, functions.everything, functions.TOLD, master=cluster)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none(cluster, tmp_path):
    (tmp_path / "events.parquet").write_text("no table" * 20)
    with pytest.raises(VeraisonError, match=r"Spark cannot read a file: .*events\.parquet") as raised:
        spark.run(tmp_path, functions.everything, functions.TOLD, master=cluster)
    assert "\n" not in str(raised.value)


def test_an_address_nobody_can_read(cluster):
    with pytest.raises(VeraisonError, match="Spark cannot read such an address: its connector is missing"):
        spark.run("s3a://bucket/events", functions.everything, functions.TOLD, master=cluster)


def test_a_mistake_that_only_executors_see_is_one_line(cluster, tables):
    with pytest.raises(SourceError, match=r"^these leads cannot be used \[by anyone\]: write others$"):
        spark.run(tables, functions.mistaken, functions.TOLD, master=cluster, partitions=1)


def test_a_defect_keeps_its_trace(cluster, tables):
    with pytest.raises(Exception, match="ZeroDivisionError") as raised:
        spark.run(tables, functions.defective, functions.TOLD, master=cluster, partitions=1)
    assert not isinstance(raised.value, VeraisonError)


def test_only_one_session_at_a_time(cluster, tables):
    with pytest.raises(VeraisonError, match=r"a Spark session on local-cluster\[2,1,1024\] is open; stop it first"):
        spark.run(tables, functions.everything, functions.TOLD, master="local[1]")


@pytest.mark.parametrize(
    ("master", "problem"),
    [
        ("spark://127.0.0.1:1", "the Spark master spark://127.0.0.1:1 cannot be reached"),
        ("spark://127.0.0.1", "write spark://HOST:PORT"),
        ("sparkle", "'sparkle': write one of local"),
        ("local[many]", "write one of local"),
    ],
)
def test_a_master_that_is_none(tables, master, problem):
    with pytest.raises(VeraisonError, match=problem):
        spark.run(tables, functions.everything, functions.TOLD, master=master)


def test_without_java(tables, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(VeraisonError, match="Spark needs Java 17 or 21"):
        spark.run(tables, functions.everything, functions.TOLD, master="local[1]")


def test_without_pyspark(tables, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark", None)
    with pytest.raises(VeraisonError, match=r"install it with: pip install 'veraison\[spark\]'$"):
        spark.run(tables, functions.everything, functions.TOLD, master="local[1]")


# A lost executor. Last, since the cluster needs a while to start another


def test_a_lost_executor_changes_nothing(cluster, tables, everything, tmp_path):
    found = []
    function = functions.waiting(tmp_path)

    def job():
        found.append(spark.run(tables, function, functions.TOLD, master=cluster, partitions=6, chunk_rows=300))

    running = threading.Thread(target=job)
    running.start()
    busy = processes.eventually(lambda: sorted(tmp_path.glob("*.busy")))
    executor = processes.parent(int(busy[0].stem))  # Spark's daemon started the worker, and the executor the daemon
    assert executor in processes.executors(application(cluster))
    os.kill(executor, signal.SIGKILL)
    (tmp_path / "killed").touch()
    running.join(timeout=200)
    assert bits(found[0]) == everything
    assert len({path.stem for path in tmp_path.glob("*.busy")}) >= 2
