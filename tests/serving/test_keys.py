"""Keys: shown once, kept as a hash, checked on every route."""

import base64
from pathlib import Path

import pytest

from data.store import Store
from serving import keys
from serving.access import credential, is_loopback
from tests.service import Door, door, market
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


INGEST = [
    "/v1/batch",
    "/v1/import",
    *(f"/v1/{kind}" for kind in ("track", "identify", "page", "screen", "group", "alias")),
]
TABLE = [
    *(("POST", path, "ingest") for path in INGEST),
    ("POST", "/v1/score", "read"),
    ("GET", "/v1/leads", "read"),
    ("GET", "/v1/leads/L00001", "read"),
    ("GET", "/v1/status", "read"),
    ("GET", "/", "read"),
    ("GET", "/leads/L00001", "read"),
    ("GET", "/leads/L00001/waterfall.svg", "read"),
    ("GET", "/v1/leads/L00001/export", "admin"),
    ("DELETE", "/v1/leads/L00001", "admin"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    """A service whose pages are not open, with keys of every kind."""
    with door(market().copy(tmp_path_factory.mktemp("keys")), open_pages=False) as opened:
        opened.keys["revoked"] = keys.create(opened.store, "revoked", ["admin"], now=1)
        keys.revoke(opened.store, "revoked", now=2)
        opened.keys["ended"] = keys.create(opened.store, "ended", ["admin"], now=1, until=3)
        opened.keys["unknown"] = keys.PREFIX + "A" * 43
        yield opened


@pytest.mark.parametrize(("method", "path", "scope"), TABLE)
def test_authorisation(guarded: Door, method: str, path: str, scope: str):
    """Every route x {no key, unknown, revoked, ended, wrong scope, right scope, admin}."""

    def ask(key: str | None, basic: bool = False) -> int:
        headers = {}
        if key is not None:
            text = guarded.keys[key]
            encoded = base64.b64encode(f"{text}:".encode()).decode()
            headers = {"Authorization": f"Basic {encoded}" if basic else f"Bearer {text}"}
        answer = guarded.client.request(method, path, headers=headers)
        if answer.status_code in (401, 403):
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
        return int(answer.status_code)

    assert [ask(key) for key in (None, "unknown", "revoked", "ended")] == [401, 401, 401, 401]
    wrong = "read" if scope == "ingest" else "ingest"
    assert ask(wrong) == 403
    for right in (scope, "admin"):
        assert ask(right) not in (401, 403)
        assert ask(right, basic=True) not in (401, 403)


def test_no_route_is_left_out_of_the_table(guarded: Door):
    asked = {(method, path.replace("L00001", "{lead_id:path}")) for method, path, _ in TABLE}
    routers = [route.original_router for route in guarded.app.routes if hasattr(route, "original_router")]
    assert len(routers) == 3
    found = {(method, route.path) for router in routers for route in router.routes for method in route.methods}
    assert found == asked
    beside = {getattr(route, "path", None) for route in guarded.app.routes if not hasattr(route, "original_router")}
    assert beside == {"/openapi.json", "/static"}
