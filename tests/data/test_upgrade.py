"""Stores of version 1, made by the statements of then, become what the present version would have made."""

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from data.events import Event, Rejection
from data.parse import actor_of, parse_event
from data.quarantine import refused
from data.rows import event_row, quarantine_row, readings
from data.schema import events, metadata, quarantine, traits
from data.store import Store
from tests.conftest import empty_postgres
from tests.support import ROOT
from veraison.errors import StoreError

VERSION_1 = """
CREATE TABLE events (event_id TEXT NOT NULL, lead_id TEXT NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
    occurred_at BIGINT NOT NULL, known_at BIGINT NOT NULL, value BIGINT, previous_id TEXT, body TEXT NOT NULL,
    PRIMARY KEY (event_id));
CREATE INDEX events_known ON events (known_at);
CREATE INDEX events_merging ON events (previous_id) WHERE previous_id IS NOT NULL;
CREATE INDEX events_of_lead ON events (lead_id, known_at);
CREATE TABLE keys (key_hash TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, created_at BIGINT NOT NULL,
    revoked_at BIGINT, PRIMARY KEY (key_hash));
CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE quarantine (quarantine_id TEXT NOT NULL, source TEXT NOT NULL, line BIGINT NOT NULL, reason TEXT NOT NULL,
    raw TEXT NOT NULL, PRIMARY KEY (quarantine_id));
CREATE TABLE scores (score_id SERIAL NOT NULL, lead_id TEXT NOT NULL, as_of BIGINT NOT NULL, logged_at BIGINT NOT NULL,
    status TEXT NOT NULL, score DOUBLE PRECISION, probability DOUBLE PRECISION, model_version TEXT NOT NULL,
    feature_set TEXT NOT NULL, vector BYTEA, answer TEXT NOT NULL, PRIMARY KEY (score_id),
    CONSTRAINT one_score_a_moment UNIQUE (lead_id, as_of, model_version));
CREATE INDEX scores_in_time ON scores (as_of);
CREATE TABLE traits (event_id TEXT NOT NULL, name TEXT NOT NULL, lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL,
    known_at BIGINT NOT NULL, text TEXT NOT NULL, number DOUBLE PRECISION, folded TEXT NOT NULL,
    PRIMARY KEY (event_id, name));
CREATE INDEX traits_folded ON traits (folded);
CREATE INDEX traits_of_lead ON traits (lead_id, known_at);
INSERT INTO meta VALUES ('schema_version', '1')
"""
ON_SQLITE = {"SERIAL": "INTEGER", "DOUBLE PRECISION": "DOUBLE", "BYTEA": "BLOB"}


def message(number, **rest):
    moment = f"2026-03-01T09:{number % 60:02}:00Z"
    return {
        "type": "track",
        "messageId": f"m{number}",
        "userId": f"L{number % 7}",
        "timestamp": moment,
        "event": "Seen",
    } | rest


MESSAGES = [
    message(1),
    message(2, properties={"owner": "Petit", "value": 3}),
    message(3, properties={"note": 'the "owner" is "seller"', "resource": 112}),
    message(4, properties={"actor": {"id": 7}, "seller": " Durand "}),
    message(5, properties={"actor": True}),
    message(6, type="identify", traits={"email": " Anne@ACME.fr", "size": 3}),
    message(7, type="identify", traits={"email": "by phone"}),
    message(8, type="identify", traits={"email": "b@x.fr", "email_domain": "own words"}),
    *(message(number, properties={"seller": f"S{number % 3}"}) for number in range(9, 80)),
]


def old_store(url):
    """A database of version 1 with these messages, as version 1 wrote them."""
    script = VERSION_1
    engine = sa.create_engine(url)
    for word, other in ON_SQLITE.items() if engine.dialect.name == "sqlite" else ():
        script = script.replace(word, other)
    happened = [parse_event(one, now=2_000_000_000_000_000) for one in MESSAGES]
    with engine.begin() as connection:
        for statement in script.split(";"):
            connection.execute(sa.text(statement))
        for one in happened:
            row = event_row(one)
            del row["actor"]
            connection.execute(sa.insert(events).values(row))
            for name, value in one.traits.items():
                told = {"event_id": one.event_id, "name": name, "lead_id": one.lead_id}
                told |= {"occurred_at": one.occurred_at, "known_at": one.known_at} | readings(value)
                connection.execute(sa.insert(traits).values(told))
    engine.dispose()
    return happened


def content(url):
    """Every row of every table, its columns, and its indexes."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in metadata.tables.items()
        }
        look = sa.inspect(connection)
        columns = {name: [one["name"] for one in look.get_columns(name)] for name in metadata.tables}
        indexes = {name: sorted(str(one["name"]) for one in look.get_indexes(name)) for name in metadata.tables}
    engine.dispose()
    return rows, columns, indexes


def test_a_store_of_version_1_becomes_what_this_version_would_have_made(store_url):
    happened = old_store(store_url)
    Store(store_url).close()
    upgraded = content(store_url)
    Store(store_url).close()
    assert content(store_url) == upgraded  # once is once

    if store_url.startswith("sqlite"):
        fresh_url = f"{store_url}.fresh"
    else:
        empty_postgres(store_url)
        fresh_url = store_url
    with Store(fresh_url) as fresh:
        fresh.append(happened)
    assert upgraded == content(fresh_url)
    found = {row[0]: row[-1] for row in upgraded[0]["events"]}
    assert [found[f"m{number}"] for number in range(1, 6)] == [None, "Petit", "112", "Durand", None]
    assert [row[5] for row in upgraded[0]["traits"] if row[1] == "email_domain"] == ["acme.fr", "own words"]


def test_a_store_of_version_2_learns_when_something_is_refused(store_url):
    old, new = Rejection("log.ndjson", 1, "not valid JSON", "{"), Rejection("http", 1, "type is missing", "{}", 7_000)
    Store(store_url).close()
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX quarantine_known"))
        connection.execute(sa.text("ALTER TABLE quarantine DROP COLUMN known_at"))
        row = {name: told for name, told in quarantine_row(old).items() if name != "known_at"}
        connection.execute(sa.insert(quarantine).values(row))
        connection.execute(sa.text("UPDATE meta SET value = '2'"))
    engine.dispose()
    with Store(store_url) as store:
        assert store.append([old, new]).quarantined == 2
        assert {one.reason: one.known_at for one in store.quarantined()} == {old.reason: None, new.reason: 7_000}
        assert refused(store, since=0, before=9_000).since == 7_000
    assert "quarantine_known" in content(store_url)[2]["quarantine"]


def test_an_upgrade_that_breaks_off_has_not_begun(store_url):
    old_store(store_url)
    engine = sa.create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE events SET body = '\"owner\"' WHERE event_id = 'm40'"))
    with pytest.raises(TypeError):
        Store(store_url)
    with engine.begin() as connection:
        names = [one["name"] for one in sa.inspect(connection).get_columns("events")]
        assert connection.execute(sa.text("SELECT value FROM meta")).scalar() == "1"
        connection.execute(sa.text("UPDATE events SET body = '{\"properties\": {}}' WHERE event_id = 'm40'"))
    assert "actor" not in names
    engine.dispose()
    with Store(store_url) as store:
        assert store.scan().actors == ["112", "Durand", "Petit", "S0", "S1", "S2"]


_OPEN = """
import sys
from data.store import Store
print("ready", flush=True)
sys.stdin.readline()
for url in sys.argv[1:]:
    with Store(url) as store:
        print(len(store.scan().actors), flush=True)
"""


def test_two_processes_that_open_an_old_store_at_once_upgrade_it_once(tmp_path, postgres):
    empty_postgres(postgres)
    urls = [*(f"sqlite:///{tmp_path / f'{turn}.db'}" for turn in range(3)), postgres]
    for url in urls:
        old_store(url)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", _OPEN, *urls], cwd=ROOT, **pipes) for _ in range(2)]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate() for one in both]
    assert [out.split() for out, _ in said] == [["6"] * len(urls)] * 2, said
    assert [one.returncode for one in both] == [0, 0]


def test_an_old_store_that_cannot_be_written_says_so_in_one_line(tmp_path):
    path = tmp_path / "old.db"
    old_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=r"^the store .* cannot be used: attempt to write a readonly database$"):
        Store(f"sqlite:///file:{path}?mode=ro&uri=true")


@pytest.mark.parametrize(
    ("properties", "actor"),
    [
        ({}, None),
        ({"actor": "a", "owner": "o"}, "a"),
        ({"resource": "r", "seller": "s"}, "s"),
        ({"owner": "", "resource": 10.0}, "10"),
        ({"owner": 0.5}, "0.5"),
        ({"owner": float("nan"), "seller": float("inf"), "resource": 10**400}, None),
        ({"actor": [1], "owner": {"id": 2}, "seller": False, "resource": None}, None),
        ({"actor": "\x00\ud800"}, None),
        ({"actor": 2**62}, str(2**62)),
        ({"actor": "x" * 2_000}, "x" * 1_000),
    ],
)
def test_who_acted_is_the_first_property_that_names_somebody(properties, actor):
    assert actor_of(properties) == actor
    assert parse_event(message(1, properties=properties), now=2_000_000_000_000_000).actor == actor


def test_an_address_names_a_company_unless_the_sender_does():
    with Store("sqlite://") as store:
        store.append([Event("e1", "L1", "identify", "identify", 1, 1, traits={"email": "a@B.fr", "n": 1.0})])
        store.append([Event("e2", "L1", "identify", "identify", 2, 2, traits={"email": "a@b.fr", "email_domain": "c"})])
        log = store.scan()
        assert [log.trait_texts[code] for code in log.trait_text] == ["a@B.fr", "b.fr", "1", "a@b.fr", "c"]
        assert "email_domain" not in json.loads(content_of(store))["traits"]


def content_of(store):
    with store.engine.connect() as connection:
        return connection.execute(sa.select(events.c.body).where(events.c.event_id == "e1")).scalar_one()
