"""Keys: shown once, kept as a hash, succeeded by another, looked up once a second."""

import asyncio
import base64
import time
from pathlib import Path

import pytest
from starlette.requests import Request

from data.store import Store
from serving import keys
from serving.access import REMEMBERED, Access, credential
from serving.hosts import is_loopback
from serving.problems import Problem
from serving.settings import AccessSettings
from veraison.errors import VeraisonError

NOW = 1_000_000


@pytest.fixture
def store(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path / 'v.db'}") as opened:
        yield opened


def test_a_key_is_shown_once_and_only_its_hash_is_kept(store: Store, tmp_path: Path):
    key = keys.create(store, "site", ["ingest"], now=NOW)
    assert key.startswith(keys.PREFIX)
    assert len(key) > 40
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key.encode() not in kept
    assert keys.check(store, key, now=NOW) == keys.listed(store)[0]
    assert keys.check(store, key + "x", now=NOW) is None


def test_two_keys_are_never_alike(store: Store):
    assert keys.create(store, "a", ["read"], now=NOW) != keys.create(store, "b", ["read"], now=NOW)


def test_admin_may_do_everything_and_others_only_what_they_say():
    admin = keys.Key("a", frozenset({"admin"}), NOW, None)
    reader = keys.Key("r", frozenset({"read"}), NOW, None)
    assert [admin.allows(scope) for scope in keys.SCOPES] == [True, True, True]
    assert [reader.allows(scope) for scope in keys.SCOPES] == [False, True, False]


def test_a_revoked_key_no_longer_holds_and_its_name_is_free_again(store: Store):
    key = keys.create(store, "site", ["ingest"], now=NOW)
    with pytest.raises(VeraisonError, match="holds already"):
        keys.create(store, "site", ["read"], now=NOW)
    keys.revoke(store, "site", now=NOW + 5)
    assert keys.check(store, key, now=NOW + 4) is not None
    assert keys.check(store, key, now=NOW + 5) is None
    with pytest.raises(VeraisonError, match="no key named 'site' holds"):
        keys.revoke(store, "site", now=NOW + 6)
    keys.create(store, "site", ["read"], now=NOW + 6)
    assert [(key.name, key.revoked_at) for key in keys.listed(store)] == [("site", NOW + 5), ("site", None)]


def test_a_key_with_an_end_holds_until_then(store: Store):
    key = keys.create(store, "fair", ["read"], now=NOW, until=NOW + 10)
    assert keys.check(store, key, now=NOW + 9) is not None
    assert keys.check(store, key, now=NOW + 10) is None


@pytest.mark.parametrize(
    ("name", "scopes", "until", "sentence"),
    [
        ("", ["read"], None, "needs a name"),
        ("x" * 101, ["read"], None, "needs a name"),
        ("a\nb", ["read"], None, "needs a name"),
        ("site", [], None, "scopes are missing"),
        ("site", ["write"], None, "allowed are ingest, read, admin"),
        ("site", ["read"], NOW, "must lie in the future"),
    ],
)
def test_a_bad_key_is_one_line(store: Store, name: str, scopes: list[str], until: int | None, sentence: str):
    with pytest.raises(VeraisonError, match=sentence) as caught:
        keys.create(store, name, scopes, now=NOW, until=until)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("bearer  ver_1 ", "ver_1"),
        ("Basic " + base64.b64encode(b"ver_1:").decode(), "ver_1"),
        ("Basic " + base64.b64encode(b"ver_1:ignored:too").decode(), "ver_1"),
        ("Basic " + base64.b64encode(b":secret").decode(), None),
        ("Basic \xff\xfe", None),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), None),
        ("Digest ver_1", None),
    ],
)
def test_the_key_of_a_header(header: str | None, found: str | None):
    assert credential(header) == found


@pytest.mark.parametrize(
    ("host", "own"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True)]
    + [(host, False) for host in ("", "0.0.0.0", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example")],
)
def test_what_is_this_machine(host: str, own: bool):
    assert is_loopback(host) == own


# --- successors and sellers --------------------------------------------------------------------------------------


def test_a_successor_has_the_same_rights_and_the_old_key_ends_after_the_overlap(store: Store):
    old = keys.create(store, "crm", ["read"], now=NOW, seller="Anne")
    new = keys.rotate(store, "crm", now=NOW + 5, overlap=10)
    assert new != old
    for moment, both in ((NOW + 5, True), (NOW + 14, True), (NOW + 15, False)):
        assert (keys.check(store, old, now=moment) is not None) == both
        found = keys.check(store, new, now=moment)
        assert found == keys.Key("crm", frozenset({"read"}), NOW + 5, None, "Anne")


def test_a_key_that_ends_has_a_successor_that_ends_then_too(store: Store):
    old = keys.create(store, "fair", ["read"], now=NOW, until=NOW + 10)
    new = keys.rotate(store, "fair", now=NOW + 1, overlap=100)
    for key in (old, new):
        assert keys.check(store, key, now=NOW + 9) is not None
        assert keys.check(store, key, now=NOW + 10) is None


def test_rotated_twice_within_the_overlap_only_the_newest_stays(store: Store):
    made = [keys.create(store, "site", ["ingest"], now=NOW)]
    made += [keys.rotate(store, "site", now=NOW + at, overlap=100) for at in (1, 2)]
    assert [keys.check(store, key, now=NOW + 3) is not None for key in made] == [True, True, True]
    assert [keys.check(store, key, now=NOW + 102) is not None for key in made] == [False, False, True]
    keys.revoke(store, "site", now=NOW + 4)
    assert [keys.check(store, key, now=NOW + 4) for key in made] == [None, None, None]
    with pytest.raises(VeraisonError, match="no key named 'site' holds"):
        keys.rotate(store, "site", now=NOW + 5, overlap=0)


def test_no_overlap_replaces_a_key_at_once(store: Store):
    old = keys.create(store, "leaked", ["admin"], now=NOW)
    keys.rotate(store, "leaked", now=NOW + 1, overlap=0)
    assert keys.check(store, old, now=NOW + 1) is None
    with pytest.raises(VeraisonError, match="cannot be negative"):
        keys.rotate(store, "leaked", now=NOW + 1, overlap=-1)


@pytest.mark.parametrize("scopes", [["ingest"], ["admin"], ["ingest", "read"]])
def test_a_sellers_key_reads_and_nothing_else(store: Store, scopes: list[str]):
    with pytest.raises(VeraisonError, match="reads and nothing else"):
        keys.create(store, "anne", scopes, now=NOW, seller="Anne")
    with pytest.raises(VeraisonError, match="a seller has a name"):
        keys.create(store, "anne", ["read"], now=NOW, seller=" ")


# --- what is remembered of a key ---------------------------------------------------------------------------------


class Timer:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_key_is_looked_up_once_a_second_and_revoked_within_one(store: Store, monkeypatch: pytest.MonkeyPatch):
    looked, timer, clock, look = [], Timer(), [NOW], keys.by_hash
    monkeypatch.setattr(keys, "by_hash", lambda *given: looked.append(1) or look(*given))
    access = Access(store, lambda: clock[0], AccessSettings(), timer)
    key = keys.create(store, "crm", ["read"], now=NOW, until=NOW + 100)
    ask = access.scope("read")

    def status(sent: str = key) -> int:
        headers = [(b"authorization", f"Bearer {sent}".encode())]
        try:
            asyncio.run(ask(Request({"type": "http", "method": "GET", "headers": headers})))
        except Problem as problem:
            return problem.status
        return 200

    assert [status() for _ in range(5)] == [200] * 5
    assert len(looked) == 1
    keys.revoke(store, "crm", now=NOW)
    timer.seconds = REMEMBERED - 0.01
    assert status() == 200
    timer.seconds = REMEMBERED
    assert [status() for _ in range(2)] == [401, 401]
    assert [status("ver_unknown") for _ in range(2)] == [401, 401]
    key = keys.create(store, "ends", ["read"], now=NOW, until=NOW + 100)
    assert status(key) == 200
    clock[0] = NOW + 100  # an end that is known is kept to the microsecond
    assert status(key) == 401


def test_those_who_ask_at_once_share_one_look(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Thirty requests whose key was forgotten at the same moment would open thirty connections."""
    looked, look = [], keys.by_hash
    key = keys.create(store, "crm", ["read"], now=NOW)

    def slow(*given):
        looked.append(given[1])
        time.sleep(0.05)
        return look(*given)

    monkeypatch.setattr(keys, "by_hash", slow)
    access = Access(store, lambda: NOW, AccessSettings(), Timer())
    ask = access.scope("read")

    async def all_at_once(sent: list[str]) -> list[object]:
        asked = [
            Request({"type": "http", "method": "GET", "headers": [(b"authorization", f"Bearer {one}".encode())]})
            for one in sent
        ]
        return await asyncio.gather(*map(ask, asked), return_exceptions=True)

    found = asyncio.run(all_at_once([key] * 10 + ["ver_unknown"] * 10))
    assert [getattr(one, "name", None) for one in found[:10]] == ["crm"] * 10
    assert [getattr(one, "status", None) for one in found[10:]] == [401] * 10
    assert len(looked) == len(set(looked)) == 2


def test_a_key_asks_so_often_a_second_and_no_more(store: Store):
    timer = Timer()
    access = Access(store, lambda: NOW, AccessSettings(rate_per_key=3), timer)
    made = [keys.create(store, name, ["read"], now=NOW) for name in ("a", "b")]
    ask = access.scope("read")

    def status(key: str) -> int:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        try:
            asyncio.run(ask(Request({"type": "http", "method": "GET", "headers": headers})))
        except Problem as problem:
            assert problem.headers == {"Retry-After": "1"}
            return problem.status
        return 200

    assert [status(made[0]) for _ in range(4)] == [200, 200, 200, 429]
    assert status(made[1]) == 200
    timer.seconds = 0.4
    assert [status(made[0]) for _ in range(2)] == [200, 429]
