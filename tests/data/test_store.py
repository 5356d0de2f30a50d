"""The store: once is once, on SQLite and on PostgreSQL alike, and what it cannot do it says in one line."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from threading import Thread

import pytest
import sqlalchemy as sa

from data.events import Event, Rejection
from data.schema import events, meta, metadata, quarantine, traits
from data.store import Store
from tests.conftest import empty_postgres
from tests.support import ROOT
from veraison.errors import StoreError


def event(number, lead="L1", **rest):
    return Event(f"e{number}", lead, "track", "Seen", number, number, **rest)


@pytest.fixture
def store(store_url):
    with Store(store_url, ["email"]) as opened:
        yield opened


def rows(store, table=events):
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def refusal(url):
    with pytest.raises(StoreError) as raised:
        Store(url)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# Once


def test_an_event_is_stored_once(store):
    batch = [event(1), event(2, traits={"email": "a@b.fr"}), event(1)]
    first = store.append(batch)
    assert (first.accepted, first.duplicates, first.quarantined) == ({"e1", "e2"}, 1, 0)
    before = rows(store), rows(store, traits)
    again = store.append([*batch, event(3)])
    assert (again.accepted, again.duplicates) == ({"e3"}, 3)
    assert (rows(store)[:2], rows(store, traits)) == before
    assert store.append([]).accepted == frozenset()


def test_of_two_events_with_one_id_the_first_stays_with_its_traits(store):
    store.append([event(1, "L1", traits={"a": "x"}), event(1, "L2", traits={"a": "y", "b": "y"})])
    store.append([event(1, "L3", traits={"c": "z"})])
    assert [row[1] for row in rows(store)] == ["L1"]
    assert [row[:3] + row[5:6] for row in rows(store, traits)] == [("e1", "a", "L1", "x")]


def test_what_is_refused_is_kept_with_source_line_reason_and_text(store):
    refused = [
        Rejection("b.ndjson", 2, "not valid JSON", "{"),
        Rejection("a.ndjson", 9, "messageId is missing", '{"type": "track"}'),
        Rejection("b.ndjson", 2, "not valid JSON", "{{"),
    ]
    assert store.append([event(1), *refused]).quarantined == 3
    assert store.append(refused).accepted == frozenset()
    kept = store.quarantined()
    assert kept[0] == refused[1]
    assert set(kept[1:]) == {refused[0], refused[2]}
    assert store.counts() == {"events": 1, "traits": 0, "quarantine": 3}
    assert store.quarantined(limit=1) == [refused[1]]


def test_a_refused_text_that_no_database_holds_stays_readable(store):
    store.append([Rejection("caf\udce9.csv", 1, "why\x00", '{"a": "\x00\ud800é🍇"}')])
    assert store.quarantined() == [Rejection("caf\\udce9.csv", 1, "why\\x00", '{"a": "\\x00\\ud800é🍇"}')]


def test_a_batch_that_breaks_off_leaves_nothing(store):
    def breaking_off():
        yield event(1)
        yield Rejection("s", 1, "why", "raw")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.append(breaking_off())
    with pytest.raises(sa.exc.SQLAlchemyError):
        store.append([event(1), replace(event(2), kind=None)])
    with pytest.raises(AttributeError):
        store.append([event(1), event(2, traits={"a": None})])
    assert store.counts() == {"events": 0, "traits": 0, "quarantine": 0}
    assert store.append([event(1)]).accepted == {"e1"}


def test_a_batch_may_be_longer_than_a_statement(store):
    batch = [event(number, traits={"n": float(number)}) for number in range(1_700)]
    assert len(store.append(batch[:900]).accepted) == 900
    assert store.append(batch).duplicates == 900
    assert store.counts()["traits"] == 1_700
    assert len(store.history([f"L{number}" for number in range(1_200)]).known) == 1_700


# Read back


def test_what_was_written_is_there_when_the_store_is_opened_again(store_url):
    with Store(store_url) as first:
        first.append([event(1, value=-5, properties={"é🍇": [1, None]}, traits={"a": True, "n": 12.0, "x": " 7 "})])
    with Store(store_url) as second:
        assert [(*row[1:7], json.loads(row[8])) for row in rows(second)] == [
            (
                "L1",
                "track",
                "Seen",
                1,
                1,
                -5,
                {"properties": {"é🍇": [1, None]}, "traits": {"a": True, "n": 12.0, "x": " 7 "}},
            )
        ]
        assert [row[1:2] + row[5:] for row in rows(second, traits)] == [
            ("a", "true", 1.0, "true"),
            ("n", "12", 12.0, "12"),
            ("x", " 7 ", 7.0, "7"),
        ]


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        ("nan", "nan", None),
        ("Infinity", "Infinity", None),
        ("1e999", "1e999", None),
        ("12 k", "12 k", None),
        (-0.0, "0", 0.0),
        (1e15, "1000000000000000.0", 1e15),
        (0.1, "0.1", 0.1),
        (False, "false", 0.0),
    ],
)
def test_a_trait_is_text_and_where_it_is_one_a_number(value, text, number):
    with Store("sqlite://") as store:
        store.append([event(1, traits={"t": value})])
        assert rows(store, traits)[0][5:7] == (text, number)


def test_a_key_that_folds_too_long_for_an_index_still_names_one_person(store):
    endless = "".join(chr(0x4E00 + number * 7_919 % 20_000) for number in range(1_000))  # 3,000 bytes, hard to compress
    store.append([event(1, "L1", traits={"email": endless}), event(2, "L2", traits={"email": endless})])
    store.append([event(3, "L3", traits={"email": endless + "x"})])
    assert store.scan().identity.merged == {"L2": ("L1", 2)}
    assert store.history(["L2"]).identity.merged == {"L2": ("L1", 2)}


def test_an_empty_store_can_be_read(store):
    assert (store.newest(), store.kinds(), store.quarantined()) == (None, {}, [])
    assert store.scan().leads == store.history(["L1"]).leads == []
    assert store.timeline("L1", 10) == []


def test_a_timeline_is_the_newest_that_is_visible_newest_first(store):
    store.append([event(number, properties={"n": number}) for number in range(1, 6)])
    store.append([Event("m", "L2", "alias", "alias", 9, 9, previous_id="L1")])
    shown = store.timeline("L1", 5, limit=3)
    assert [(one["event_id"], one["properties"]["n"]) for one in shown] == [("e4", 4), ("e3", 3), ("e2", 2)]
    assert shown[0].keys() == {"event_id", "kind", "occurred_at", "known_at", "properties", "traits"}
    assert store.timeline("L1", 5, limit=0) == []
    assert [one["event_id"] for one in store.timeline("L2", 9)] == []
    assert [one["event_id"] for one in store.timeline("L2", 10)] == ["m", "e5", "e4", "e3", "e2", "e1"]


def test_what_there_is_can_be_counted(store):
    store.append([event(1), event(5), replace(event(3), kind="Won")])
    assert store.newest() == 5
    assert store.kinds() == {"Seen": 2, "Won": 1}


# Together with others


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(store_url):
    with Store(store_url) as other, Store(store_url) as store:
        other.append([event(1)])
        with store.snapshot() as seen:
            assert seen.statements() == []
            other.append([event(2, traits={"a": "x"}), Event("m", "L2", "alias", "alias", 3, 3, previous_id="L1")])
            assert seen.statements() == []
            assert [batch["event_id"].to_pylist() for batch in seen.events()] == [["e1"]]
            assert [batch["event_id"].to_pylist() for batch in seen.events(["L1"])] == [["e1"]]
            assert (list(seen.traits()), seen.linked(["L1"])) == ([], ([], ["L1"]))
        for log in (store.scan(), store.history(["L1"])):
            assert log.identity.merged == {"L1": ("L2", 3)}


def test_one_who_writes_waits_for_another(store_url):
    with Store(store_url) as first, Store(store_url) as second:
        with first.writing() as connection:
            waiting = Thread(target=lambda: second.append([event(1, "L2", traits={"b": "y"})]))
            waiting.start()
            time.sleep(0.2)
            first._insert(connection, events, [_row(event(1, "L1"))])
        waiting.join()
        assert [row[1] for row in rows(first)] == ["L1"]
        assert rows(first, traits) == []


def _row(one):
    return {name: getattr(one, name) for name in events.c.keys() if name != "body"} | {"body": "{}"}  # noqa: SIM118


_APPEND = """
import json, sys, time
from data.events import Event
from data.store import Store
me, start, *urls = sys.argv[1:]
batch = [Event(f"e{n}", f"L{n}", "identify", "identify", n, n, traits={me: "here"}) for n in range(3_000)]
if me == "b":
    batch.reverse()
accepted = []
print("ready", flush=True)
start = float(sys.stdin.readline())
for turn, url in enumerate(urls):
    time.sleep(max(0.0, start + turn - time.time()))
    with Store(url) as store:
        accepted.append(sorted(store.append(batch).accepted))
print(json.dumps(accepted))
"""


def test_two_processes_that_make_a_store_and_append_the_same_store_it_once(tmp_path, postgres):
    empty_postgres(postgres)
    urls = [*(f"sqlite:///{tmp_path / f'{turn}.db'}" for turn in range(4)), postgres]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", _APPEND, me, "0", *urls], cwd=ROOT, **pipes) for me in "ab"]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    start = time.time() + 0.2
    said = [one.communicate(f"{start}\n") for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    first, second = (json.loads(out) for out, _ in said)
    for url, ours, theirs in zip(urls, first, second, strict=True):
        assert sorted(ours + theirs) == sorted(f"e{n}" for n in range(3_000))
        with Store(url) as store:
            assert store.counts() == {"events": 3_000, "traits": 3_000, "quarantine": 0}
            assert {row[0] for row in rows(store, traits) if row[1] == "a"} == set(ours)


# What cannot be opened


def test_a_store_of_a_newer_version_is_one_line_and_stays_as_it_is(store_url):
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        meta.create(connection)
        connection.execute(sa.insert(meta).values(name="schema_version", value="4"))
    assert refusal(store_url) == (
        "this workspace was written by a newer Véraison (store version 4, this one reads up to 3); "
        "upgrade with: pip install --upgrade veraison"
    )
    assert sa.inspect(engine).get_table_names() == ["meta"]
    with engine.begin() as connection:
        connection.execute(sa.update(meta).values(value="4.1-rc"))
    assert "store version 4.1-rc" in refusal(store_url)
    engine.dispose()


def test_a_store_knows_its_tables(store):
    assert set(sa.inspect(store.engine).get_table_names()) == set(metadata.tables)
    assert quarantine.name in metadata.tables


def test_what_is_not_a_store_is_said_in_one_line(tmp_path):
    (tmp_path / "text.db").write_text("no database at all, but long enough to look like one" * 100)
    (tmp_path / "folder.db").mkdir()
    for name in ("text.db", "folder.db", "nowhere/x.db"):
        url = f"sqlite:///{tmp_path / name}"
        assert refusal(url).startswith(f"the store {url} cannot be ")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://eve:secret@127.0.0.1:9/none",
        "postgresql://eve:secret@127.0.0.1:9/none",
        "oracle://eve:secret@127.0.0.1/none",
        "nonsense://eve:secret@127.0.0.1/none",
        "postgresql+psycopg://eve:secret@127.0.0.1:port/none",
        "eve:secret",
        "",
    ],
)
def test_an_address_that_does_not_work_is_one_line_without_its_password(url):
    assert "secret" not in refusal(url)


def test_a_store_that_breaks_later_says_so_in_one_line(tmp_path):
    path = tmp_path / "store.db"
    with Store(f"sqlite:///{path}") as store:
        store.append([event(n) for n in range(500)])
        store.close()
        content = bytearray(path.read_bytes())
        content[4096:] = b"x" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"^the store .* cannot be used: .*malformed") as raised:
            store.scan()
        assert "\n" not in str(raised.value)


def test_a_store_can_be_read_while_another_writes(store_url):
    with Store(store_url) as writer, writer.writing():
        started = time.monotonic()
        with Store(store_url) as reader:
            assert reader.scan().leads == []
        assert time.monotonic() - started < 10
