"""Erasure: a person leaves whole, comes back by no replay, and takes nobody else along."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from data import scorelog, subscriptions
from data.erasure import erase, readmit
from data.events import Event, Rejection
from data.export import export
from data.identity import Identity
from data.log import NEVER
from data.outbox import OutMessage, Told, put
from data.parse import parse_event
from data.person import HELD
from data.schema import events, metadata, outbox, pushed, scores, tombstones, traits
from data.scorelog import LoggedScore
from data.store import Store
from data.subscriptions import Subscription
from tests import market
from tests.histories import alias, at, identify, named, track
from tests.service import market as served_market
from tests.support import ROOT
from veraison.errors import UnknownLeadError

KEYS = ("email",)
ANNE, MARC = "anne.petit@acme.fr", "marc@acme.fr"


def people():
    """Anne under five ids, and Marc, who uses her tablet."""
    return [
        track("tablet", "Seen", 1),
        alias("tablet", "anne", 2),
        identify("anne", 3, email=ANNE, company="acme"),
        identify("fair-17", 4, email=ANNE.upper(), booth="7"),
        track("card-9", "Scanned", 5),
        alias("card-9", "fair-17", 6),
        identify("anne", 7, previous="phone", city="Lyon"),
        track("marc", "Seen", 8),
        identify("marc", 9, email=MARC, previous="tablet", company="acme"),
        track("other", "Seen", 10),
    ]


HERS = ("anne", "card-9", "fair-17", "phone", "tablet")


def logged(lead, as_of=1):
    return LoggedScore(lead, as_of, as_of, "scored", 50.0, 0.5, "v", "f", None, {"lead_id": lead, "why": ANNE})


def raw(**message):
    return Rejection("http", 1, "messageId is missing", json.dumps(message))


def tell(store, *leads):
    """Messages of these leads to a subscription, and what it was told."""
    messages = [OutMessage(f"msg-{lead}", "crm", lead, json.dumps({"lead": lead, "why": ANNE}), 1) for lead in leads]
    with store.writing() as connection:
        put(connection, messages, [Told("crm", lead, 50.0, "B", 1, "v") for lead in leads])


OF_HERS = [
    raw(userId="anne"),
    raw(anonymousId="tablet", userId="x"),
    raw(previousId="phone", userId=None),
    raw(userId="new", traits={"email": "Anne.Petit@ACME.fr"}),
    raw(userId="new", context={"traits": {"mail": "\uff41nne.petit@acme.fr"}}),
    raw(userId=["anne"]),
    Rejection("leads.csv", 3, "not a date", '{"lead": "card-9", "size": 120}'),
    Rejection("leads.csv", 4, "not valid CSV", 'card-9,"Lyon,x@y.fr\n'),
    Rejection("log.ndjson", 5, "not valid JSON", f'{{"userId": "zoe", "traits": {{"email": "{ANNE}"}}, "even'),
]
NOT_HERS = [
    raw(userId="joanne"),
    raw(userId="marc", properties={"page": "anne", "room": "tablet"}),
    raw(userId="marc", traits={"email": f"x{ANNE}"}),
    Rejection("leads.csv", 6, "not valid CSV", "joanne,card-99,anne-marie\n"),
    Rejection("log.ndjson", 7, "not valid JSON", '{"userId": "annette", "even'),
]


@pytest.fixture
def store(store_url):
    with Store(store_url, KEYS) as opened:
        opened.append([*named(people()), *OF_HERS, *NOT_HERS])
        scorelog.append(opened, [logged(lead) for lead in (*HERS, "marc")])
        subscriptions.add(opened, Subscription("crm", "https://crm.example", "whsec_", "crm", 5.0, (), "all", 1))
        tell(opened, *HERS, "marc")
        yield opened


def rows(store, table):
    with store.engine.connect() as connection:
        return [row._asdict() for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def everything(store):
    return {table.name: rows(store, table) for table in metadata.sorted_tables}


def everyone(store, table):
    return {row["lead_id"] for row in rows(store, table)}


@pytest.mark.parametrize("lead", ["anne", "card-9", "tablet"])
def test_a_person_goes_whole_whichever_of_its_ids_is_given(store, lead):
    found = erase(store, lead, now=at(20))
    assert found.ids == 5
    assert found.rows == {"events": 7, "traits": 7, "scores": 5, "outbox": 5, "pushed": 5, "quarantine": len(OF_HERS)}
    assert everyone(store, events) == {"marc", "other"}
    for table in (traits, scores, outbox, pushed):
        assert everyone(store, table) == {"marc"}
    assert sorted(store.quarantined(), key=str) == sorted(NOT_HERS, key=str)
    assert {row["previous_id"] for row in rows(store, events)} == {None}
    held = (column.table for column in HELD)
    left = json.dumps([store.scan().leads, [row for table in held for row in rows(store, table)]])
    assert not any(f'"{name}"' in left for name in (*HERS, ANNE))


def test_what_was_worked_out_before_is_not_told_after(store):
    """A process that scored her just before goes on: nothing of her is written."""
    erase(store, "anne", now=at(20))
    before = everything(store)
    tell(store, *HERS)
    scorelog.append(store, [logged("anne", as_of=2)])
    assert everything(store) == before
    tell(store, "other")
    assert everyone(store, outbox) == everyone(store, pushed) == {"marc", "other"}


def test_tombstones_say_nothing_to_who_reads_them(store):
    erase(store, "anne", now=at(20))
    stones = rows(store, tombstones)
    assert len(stones) == len(HERS) + 1
    assert {len(row["token"]) for row in stones} == {64}
    assert len({row["person"] for row in stones}) == 1
    assert {row["erased_at"] for row in stones} == {at(20)}


def test_a_second_time_there_is_nobody(store):
    with pytest.raises(UnknownLeadError, match=r"^nothing is held of a lead 'nobody'$"):
        erase(store, "nobody", now=1)
    erase(store, "anne", now=at(20))
    before = everything(store)
    for lead in HERS:
        with pytest.raises(UnknownLeadError):
            erase(store, lead, now=at(21))
    assert everything(store) == before


def test_a_lead_of_which_only_the_quarantine_knows_is_erased_too(store):
    assert {name: gone for name, gone in erase(store, "new", now=1).rows.items() if gone} == {"quarantine": 2}


def test_nothing_of_hers_is_taken_again(store):
    erase(store, "anne", now=at(20))
    before = everything(store)
    again = [
        *(track(lead, "Back", 30) for lead in HERS),
        alias("fair-17", "newcomer", 30),
        identify("newcomer", 30, previous="phone"),
        identify("newcomer", 30, email=ANNE.title()),
    ]
    for said in [*(replace(one, event_id="again") for one in again), *OF_HERS]:
        found = store.append([said])
        assert (found.erased, found.accepted, found.duplicates, found.quarantined) == ({0}, frozenset(), 0, 0), said
    assert everything(store) == before


def test_a_replay_brings_back_the_others_only(store):
    erase(store, "anne", now=at(20))
    before = everything(store)
    batch = [*named(people()), *OF_HERS, *NOT_HERS, track("anew", "Seen", 30), raw(userId="anew")]
    batch[-2] = replace(batch[-2], event_id="anew")
    found = store.append(batch)
    assert found.accepted == {"anew"}
    refused = [one for place, one in enumerate(batch) if place in found.erased]
    assert [one for one in batch if one in OF_HERS] == [one for one in refused if isinstance(one, Rejection)]
    # Marc's word that the tablet is his names her: it is refused as hers, but was stored before and stays.
    assert {one.lead_id for one in refused if isinstance(one, Event)} == {"anne", "card-9", "fair-17", "tablet", "marc"}
    assert found.duplicates == 2
    after = everything(store)
    assert len(after["quarantine"]) == len(NOT_HERS) + 1
    assert [row for row in after["events"] if row["event_id"] != "anew"] == before["events"]
    assert {name: after[name] for name in ("traits", "scores", "tombstones")} == {
        name: before[name] for name in ("traits", "scores", "tombstones")
    }


def test_a_score_that_was_being_made_meanwhile_is_not_logged(store):
    erase(store, "anne", now=at(20))
    scorelog.append(store, [logged("anne", 2), logged("tablet", 2), logged("marc", 2)])
    scorelog.append(store, [logged("anne", 3)])
    assert [row["lead_id"] for row in rows(store, scores)] == ["marc", "marc"]


def test_who_is_readmitted_comes_back_by_every_name(store):
    erase(store, "anne", now=at(20))
    erase(store, "marc", now=at(20))
    readmit(store, "card-9")
    found = store.append(named(people()))
    assert found.accepted == {event.event_id for event in named(people()) if event.lead_id in HERS}
    assert erase(store, "anne", now=at(40)).ids == 5
    with pytest.raises(UnknownLeadError, match=r"^no lead 'other' was erased$"):
        readmit(store, "other")


def test_nobody_was_erased_and_nobody_can_be_readmitted(store):
    with pytest.raises(UnknownLeadError):
        readmit(store, "anne")


def test_the_addresses_of_the_erased_are_known_without_a_playbook(store, store_url):
    erase(store, "anne", now=at(20))
    with Store(store_url) as other:
        assert other.append([replace(identify("new", 30, email=ANNE), event_id="n")]).erased == {0}


def test_other_stores_of_the_same_names_have_other_tokens(tmp_path):
    tokens = []
    for name in ("a", "b"):
        with Store(f"sqlite:///{tmp_path / name}", KEYS) as store:
            store.append(named(people()))
            erase(store, "anne", now=1)
            tokens.append({row["token"] for row in rows(store, tombstones)})
    assert not tokens[0] & tokens[1]


def test_every_table_that_names_leads_is_erased_from():
    assert {table.name for table in metadata.sorted_tables if "lead_id" in table.c} == {one.table.name for one in HELD}


def test_the_bytes_leave_the_files(tmp_path):
    """Thousands of rows around hers, so that pages were split and rows moved before."""
    everybody = [*market.events(), *(replace(one, event_id=f"p{n}") for n, one in enumerate(people()))]
    with Store(f"sqlite:///{tmp_path / 'store.db'}", KEYS) as store:
        for start in range(0, len(everybody), 500):
            store.append([*everybody[start : start + 500], *(OF_HERS if start == 1_000 else ())])
        scorelog.append(store, [logged("anne")])
        victims = ["L0003", "L0200", "L0399"]
        wanted = [f"{lead}@x.fr" for lead in victims] + [ANNE, "fair-17", "card-9"]
        before = content(tmp_path).lower()
        assert [name for name in wanted if name.lower().encode() not in before] == []
        for lead in (*victims, "anne"):
            assert erase(store, lead, now=1).clean
        found = content(tmp_path).lower()
        assert [name for name in (*wanted, *victims) if name.lower().encode() in found] == []
        assert b"l0004@x.fr" in found


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_reader_does_not_stop_an_erasure(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'store.db'}", KEYS) as store:
        store.append(named(people()))
        with store.snapshot() as seen:
            assert seen.count() == len(people())
            assert not erase(store, "anne", now=1).clean
        assert erase(store, "other", now=1).clean
        assert b"fair-17" not in content(tmp_path)


_KILLED = """
import os, signal, sys
import sqlalchemy as sa
from data.erasure import erase
from data.store import Store
url, last = sys.argv[1], int(sys.argv[2])
with Store(url, ("email",)) as store:
    count = 0
    def killing(*_):
        global count
        count += 1
        if count > last:
            os.kill(os.getpid(), signal.SIGKILL)
    sa.event.listen(store.engine, "before_cursor_execute", killing)
    sa.event.listen(store.engine, "commit", killing)
    erase(store, "anne", now=1)
    print(count)
"""


def kill(url, last):
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED, url, str(last)], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ,
    )  # fmt: skip
    assert ran.returncode in (0, -signal.SIGKILL), ran.stderr
    return ran


def test_a_killed_erasure_leaves_all_or_nothing(store, store_url):
    before = everything(store)
    statements = range(1, 40)
    for last in (2, 6, 9, 12, 14, 16):
        assert kill(store_url, last).returncode == -signal.SIGKILL, last
        assert everything(store) == before
    ended = kill(store_url, statements.stop)
    assert int(ended.stdout) > 16
    assert everyone(store, events) == {"marc", "other"}


# Export


def test_an_export_holds_everything_and_nobody_else(store):
    found = export(store, "card-9")
    assert (found["lead_id"], found["ids"]) == ("card-9", list(HERS))
    assert {one["value"] for one in found["identity_keys"]} == {ANNE, ANNE.upper()}
    assert {one["id"]: one["into"] for one in found["merged"]} == {
        "tablet": "anne", "phone": "anne", "fair-17": "anne", "card-9": "fair-17",
    }  # fmt: skip
    assert [one["messageId"] for one in found["batch"]] == [f"m{n:06d}" for n in range(7)]
    assert {(one["name"], one["value"]) for one in found["traits"]} >= {("city", "Lyon"), ("booth", "7")}
    assert sorted(one["raw"] for one in found["quarantine"]) == sorted(one.raw for one in OF_HERS)
    assert [one["answer"]["lead_id"] for one in found["scores"]] == sorted(HERS)
    assert [one["lead_id"] for one in found["told"]] == sorted(HERS)
    assert {one["body"]["lead"] for one in found["messages"]} == set(HERS)
    assert MARC not in json.dumps(found)
    erase(store, "anne", now=1)
    with pytest.raises(UnknownLeadError):
        export(store, "anne")


def test_an_exported_person_is_the_same_elsewhere(store, tmp_path):
    said = json.loads(json.dumps(export(store, "anne")))
    with Store(f"sqlite:///{tmp_path / 'elsewhere.db'}", KEYS) as elsewhere:
        elsewhere.append(parse_event(message, now=2**60) for message in said["batch"])
        for table in (events, traits):
            assert rows(elsewhere, table) == [row for row in rows(store, table) if row["lead_id"] in HERS]
        assert export(elsewhere, "anne")["batch"] == said["batch"]


def test_every_event_of_a_market_is_exported_as_it_came():
    """All kinds of messages: each made again from its export is the same event."""
    with served_market().store() as store:
        stored = {row["event_id"]: row for row in rows(store, events)}
        leads, seen = store.scan(), set()
        identity: Identity = leads.identity
        for root in sorted({identity.person(lead, NEVER) for lead in leads.leads})[:60]:
            with Store("sqlite://", store.identity_keys) as elsewhere:
                batch = export(store, root)["batch"]
                assert elsewhere.append(parse_event(one, now=2**60) for one in batch).duplicates == 0
                for row in rows(elsewhere, events):
                    assert row == stored[row["event_id"]]
                    seen.add(row["type"])
        assert seen >= {"track", "page", "identify"}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "page", "name": "A Page"},
        {"type": "screen", "name": ""},
        {"type": "screen", "name": "Home Screen"},
        {"type": "group", "groupId": "acme", "traits": {"size": 3, "address": {"city": "Lyon"}}},
        {
            "type": "track",
            "event": "é\n🍇",
            "properties": {"value": 3.5},
            "context": {"ip": "1", "traits": {"a": True}},
        },
        {"type": "alias", "previousId": "u"},
        {"type": "alias", "previousId": "v"},
        {"type": "identify", "anonymousId": "w", "traits": {"n": "0612", "x.y": 1e300}},
    ],
    ids=str,
)
def test_a_message_is_exported_so_that_it_makes_the_same_event(tmp_path, message):
    whole = message | {"messageId": "m", "userId": "u", "timestamp": "2026-01-02T03:04:05.000006Z"}
    with Store("sqlite://") as store, Store("sqlite://") as elsewhere:
        store.append([parse_event(whole | {"receivedAt": "2026-01-03T00:00:00Z"}, now=2**60)])
        elsewhere.append([parse_event(one, now=2**60) for one in export(store, "u")["batch"]])
        assert everything(store) == everything(elsewhere)
