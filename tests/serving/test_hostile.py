"""Bodies, headers and addresses that nobody means well: each is answered 4xx with a problem document, at once."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.bodies import MAX_BYTES
from tests.conftest import empty_postgres
from tests.service import Door, Market, door, market
from veraison.settings import Workspace

KINDS = ("track", "identify", "page", "screen", "group", "alias")
WRITING = [*(f"/v1/{name}" for name in ("batch", "import", *KINDS, "hooks/hubspot", "hooks/salesforce", "score"))]
TRACK = {"type": "track", "messageId": "h-1", "userId": "H1", "event": "Seen", "timestamp": "2025-03-01T09:12:00Z"}
MANY = 100_000


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    here = market().emptied(tmp_path_factory.mktemp("hostile"))
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres")
        empty_postgres(url)
        here = Market(Workspace(here.workspace.root, url), here.playbook, here.bundle, here.now)
    with door(here) as opened:
        yield opened


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The document of an answer that must be a problem of the client's making."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert document["detail"]
    assert "\n" not in document["detail"]
    assert len(document["detail"]) < 1_000
    return document


# --- bodies that no route can use --------------------------------------------------------------------------------


def nested(opening: bytes, closing: bytes) -> bytes:
    return opening * MANY + closing * MANY


UNUSABLE: dict[str, bytes] = {
    "nothing": b"",
    "random bytes": bytes(range(256)) * 8,
    "NUL alone": b"\x00" * 100,
    "NUL in JSON": b'{"batch": [\x00]}',
    "a control character in a text": b'{"batch": ["\x01"]}',
    "deep lists": b'{"batch": ' + nested(b"[", b"]") + b"}",
    "deep objects": nested(b'{"a":', b"}").replace(b":}", b":1}"),
    "deep and never closed": b"[" * MANY,
    "NaN": b'{"batch": [NaN], "lead_ids": NaN}',
    "Infinity": b'{"batch": [Infinity]}',
    "minus Infinity": b'{"batch": [-Infinity]}',
    "a float beyond all": b'{"value": 1e999999}',
    "a whole number of 100,000 digits": b'{"value": ' + b"9" * MANY + b"}",
    "UTF-16": json.dumps({"batch": []}).encode("utf-16"),
    "UTF-32": json.dumps({"batch": []}).encode("utf-32"),
    "Latin-1": '{"batch": ["é"]}'.encode("latin-1"),
    "a surrogate in UTF-8": b'{"batch": ["\xed\xa0\x80"]}',
    "too long by one byte": b" " * (MAX_BYTES + 1),
    "two documents": b'{"batch": []}{"batch": []}',
    "a comment": b'{"batch": [] /* none */}',
    "quotes of another language": b"{'batch': []}",
    "a number": b"17",
    "a text": b'"batch"',
    "null": b"null",
    "XML": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    "a form": b"batch=1&lead_ids=2",
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_body(service: Door, content: bytes):
    for path in WRITING:
        if "hooks" in path and content in (b"17", b'"batch"', b"null"):
            continue  # rows that are no objects are quarantined, as those of a file are
        problem(service.client.post(path, content=content, headers=service.key("admin")))


BOMB = zlib.compressobj(9, wbits=31)
BOMB = BOMB.compress(b" " * 50_000_000) + BOMB.flush()
PACKED: dict[str, tuple[str, bytes]] = {
    "a bomb": ("gzip", BOMB),
    "a bomb in a bomb": ("gzip", gzip.compress(BOMB)),
    "a bomb of members": ("gzip", gzip.compress(b"{}") * 1_000),
    "a bomb, said twice": ("gzip, gzip", gzip.compress(BOMB)),
    "not gzip": ("gzip", b"{}"),
    "half of it": ("gzip", gzip.compress(b'{"batch": []}')[:-9]),
    "a wrong checksum": ("gzip", gzip.compress(b'{"batch": []}')[:-8] + bytes(8)),
    "deflate": ("deflate", zlib.compress(b"{}")),
    "brotli": ("br", b"{}"),
    "zstd": ("zstd", b"{}"),
    "chunked": ("chunked", b"{}"),
    "a made-up one": ("x" * 10_000, b"{}"),
}


@pytest.mark.parametrize(("encoding", "content"), PACKED.values(), ids=PACKED.keys())
def test_a_packed_body(service: Door, encoding: str, content: bytes):
    for path in WRITING:
        headers = service.key("admin") | {"Content-Encoding": encoding}
        problem(service.client.post(path, content=content, headers=headers))


# --- JSON that a route cannot use, in part or at all -------------------------------------------------------------

STRANGE: dict[str, Any] = {
    "year 9999": {"timestamp": "9999-12-31T23:59:59-23:59"},
    "year 1": {"timestamp": "0001-01-01T00:00:00+23:59"},
    "year 0": {"timestamp": "0000-01-01T00:00:00Z"},
    "year -1": {"timestamp": "-0001-01-01T00:00:00Z"},
    "a date of 100,000 digits": {"timestamp": "9" * MANY},
    "half a surrogate pair": {"event": "\ud800"},
    "half a pair as a name": {"properties": {"\udfff": 1}},
    "half a pair as an id": {"userId": "\ud800"},
    "NUL as an id": {"userId": "a\x00b"},
    "NUL in a message id": {"messageId": "\x00"},
    "a huge whole number": {"properties": {"value": 10**290}},
    "a huge number as an id": {"userId": 10**290},
    "an id that is a list": {"userId": ["L1"]},
    "an id that is true": {"messageId": True},
    "a name of 1 MB": {"userId": "x" * 1_000_000},
    "properties that are a list": {"properties": []},
    "properties 200 levels deep": {"properties": {"a": json.loads("[" * 200 + "]" * 200)}},
    "an unknown type": {"type": "\x00"},
}


@pytest.mark.parametrize("more", STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_message_is_answered_beside_the_others(service: Door, more: dict[str, Any]):
    body = json.dumps({"batch": [TRACK | more, TRACK]})
    answer = service.client.post("/v1/batch", content=body, headers=service.key("admin"))
    assert answer.status_code == 200, answer.text
    (refused,) = answer.json()["rejected"]
    assert refused["index"] == 0
    assert len(refused["reason"]) < 500
    alone = service.client.post(
        "/v1/track", content=json.dumps(TRACK | {"type": "track"} | more), headers=service.key("admin")
    )
    assert alone.status_code == 200, alone.text
    scored = json.dumps({"events": [TRACK | more]})
    problem(service.client.post("/v1/score", content=scored, headers=service.key("admin")))


KEPT: dict[str, Any] = {
    "NUL in a text": {"event": "a\x00b", "properties": {"\x00": "\x00"}},
    "NUL in a trait": {"type": "identify", "traits": {"a\x00": "b\x00", "email": "\x00@x"}},
    "a trait that is a huge number": {"type": "identify", "traits": {"employees": 10**290}},
    "1,000 traits": {"type": "identify", "traits": {f"t{number}": number for number in range(1_000)}},
    "signs that turn the writing round": {"event": "\u202eabc\u2066"},
}


@pytest.mark.parametrize("more", KEPT.values(), ids=KEPT.keys())
def test_an_odd_message_is_stored_or_answered(service: Door, more: dict[str, Any]):
    message = TRACK | {"messageId": str(sorted(more)) + str(len(str(more)))} | more
    for path in ("/v1/batch", "/v1/import"):
        answer = service.client.post(path, content=json.dumps({"batch": [message]}), headers=service.key("admin"))
        assert answer.status_code == 200, answer.text
    for wanted in ({"events": [message]}, {"lead_ids": ["H1"]}):
        answer = service.client.post("/v1/score", content=json.dumps(wanted), headers=service.key("admin"))
        assert answer.status_code in (200, 422), answer.text
    assert service.get("/v1/leads/H1").status_code in (200, 404)
    assert service.get("/v1/leads/H1/export", "admin").status_code == 200


def test_of_a_name_given_twice_the_last_counts(service: Door):
    body = b'{"batch": 1, "batch": [{"messageId": "x", "messageId": "y"}]}'
    answer = service.client.post("/v1/batch", content=body, headers=service.key("ingest"))
    assert answer.json()["rejected"][0]["messageId"] == "y"


# --- headers and addresses ---------------------------------------------------------------------------------------

TYPES = [
    "text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "\u00e9".encode(),
    "x" * 5_000,
    "a/b;" * 99,
    "",
]


@pytest.mark.parametrize("kind", TYPES, ids=range(len(TYPES)))
def test_a_body_is_json_whatever_it_is_called(service: Door, kind: Any):
    for path, wanted in (("/v1/batch", {"batch": []}), ("/v1/score", {"lead_ids": ["H1"]})):
        headers = {**service.key("admin"), "Content-Type": kind}
        assert service.client.post(path, content=json.dumps(wanted), headers=headers).status_code == 200


ABSURD: dict[str, dict[str, Any]] = {
    "Accept without end": {"Accept": "a/b," * 5_000},
    "Accept of nothing": {"Accept": "application/json;q=0"},
    "a weight that is none": {"Accept": "application/json;q=nan"},
    "a length that is too long": {"Authorization": "Bearer " + "x" * 20_000},
    "Basic that is no text": {"Authorization": "Basic " + "/w=="},
    "Basic with NUL": {"Authorization": "Basic AAAA"},
    "a Bearer of nothing": {"Authorization": "Bearer"},
    "bytes as a key": {"Authorization": b"Bearer \xff\xfe"},
    "a scheme of another": {"Authorization": "Negotiate abc"},
    "a page of another site": {"Origin": "https://evil.example"},
    "a browser that says so": {"Sec-Fetch-Site": "cross-site"},
    "an origin that is none": {"Origin": "http://[::1"},
}


@pytest.mark.parametrize("headers", ABSURD.values(), ids=ABSURD.keys())
def test_absurd_headers(service: Door, headers: dict[str, Any]):
    body = json.dumps({"lead_ids": ["H1"]})
    problem(service.client.post("/v1/score", content=body, headers={**service.key("admin"), **headers}))


QUESTIONS = [
    *("as_of=%00", "as_of=9999-12-31T23:59:59-23:59", "as_of=0001-01-01", "limit=1e9", "limit=" + "9" * 5_000),
    *("min_score=nan", "max_score=-Infinity", "owner=", "sort=%ff", "cursor=%00", "cursor=" + "A" * 3_999),
    *("cursor=W10", "lang=%ED%A0%80", "changed_since=%F0", "status=unknown"),
]


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda text: text[:30])
def test_strange_questions(service: Door, query: str):
    problem(service.get(f"/v1/leads?{query}"))


@pytest.mark.parametrize(
    "lead",
    [
        "\x00",
        "a\x00b",
        "\n",
        "%ED%A0%80",
        "%FF",
        "x" * 257,
        "é" * 256,
        "../../etc",
        "a?b#c",
        " ",
        "\u202e",
        "%2e%2e%2f",
    ],
)
def test_leads_that_nobody_can_be(service: Door, lead: str):
    path = lead if lead.startswith("%") else quote(lead, safe="")
    for method, address in (
        ("GET", f"/v1/leads/{path}"),
        ("GET", f"/v1/leads/{path}/export"),
        ("DELETE", f"/v1/leads/{path}"),
    ):
        problem(service.client.request(method, address, headers=service.key("admin")))


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%00", "hubspot%00", "a" * 101, "a" * 9_000, "%ED%A0%80", "hubspot.toml", "."]
)
def test_mappings_that_there_are_not(service: Door, name: str):
    problem(service.client.post(f"/v1/hooks/{name}", content=b"{}", headers=service.key("admin")))


# --- the login form ----------------------------------------------------------------------------------------------

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
PART = b"--x\r\nContent-Disposition: form-data"


@pytest.fixture
def csrf(service: Door) -> str:
    service.client.cookies.clear()
    return service.client.get("/login").text.split('name="csrf" value="')[1].split('"')[0]


FORMS: dict[str, tuple[str, bytes]] = {
    "NUL": (FORM, b"&name=%00&password=%00"),
    "half a surrogate pair": (FORM, b"&name=%ED%A0%80&password=x"),
    "no UTF-8": (FORM, b"&name=%FF%FE&password=%FF"),
    "raw bytes": (FORM, b"&name=\xff\x00&password=\xfe"),
    "another charset": (FORM + "; charset=utf-16", b"&name=a&password=b"),
    "a charset that is none": (FORM + "; charset=none", b"&name=a&password=b"),
    "names without end": (FORM, b"&a=1" * 20_000),
    "a long name": (FORM, b"&name=" + b"x" * 90_000 + b"&password=b"),
    "the token twice": (FORM, b"&csrf=other&name=a&password=b"),
    "where to go is elsewhere": (FORM, b"&name=a&password=b&next=%00//evil"),
    "no form": ("application/json", b'{"name": "a"}'),
    "nothing": (FORM, b""),
    "no boundary": ("multipart/form-data", b"--x\r\n"),
    "an empty boundary": ("multipart/form-data; boundary=", b"----\r\n"),
    "a boundary that never comes": ("multipart/form-data; boundary=x", b"--y\r\n"),
    "parts without end": (MULTIPART, (PART + b'; name="a"\r\n\r\n1\r\n') * 1_500),
    "a part without a name": (MULTIPART, PART + b"\r\n\r\n1\r\n--x--\r\n"),
    "a charset of a part": (MULTIPART + "; charset=none", PART + b'; name="csrf"\r\n\r\n1\r\n--x--\r\n'),
    "a file as a token": (MULTIPART, PART + b'; name="csrf"; filename="a"\r\n\r\n1\r\n--x--\r\n'),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "body"), FORMS.values(), ids=FORMS.keys())
def test_forms_of_login(service: Door, csrf: str, kind: str, body: bytes):
    if kind.startswith(FORM):
        body = b"csrf=" + csrf.encode() + body
    answer = service.client.post("/login", content=body, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500, answer.text
    if answer.headers["content-type"].startswith("text/html"):  # a wrong password is answered by the form itself
        assert 'type="password"' in answer.text
    else:
        problem(answer)


def test_a_form_of_50_mb(service: Door, csrf: str):
    for content in (b"x" * 50_000_000, (b"x" * 1_000_000 for _ in range(50))):
        try:
            answer = service.client.post("/login", content=content, headers={"Content-Type": FORM})
        except httpx.TransportError:  # it was told before it had sent all
            continue
        problem(answer)


# --- whatever else ------------------------------------------------------------------------------------------------


@settings(max_examples=max(30, settings.default.max_examples))
@given(
    body=st.binary(max_size=400) | st.text(max_size=200).map(str.encode),
    path=st.sampled_from([*WRITING, "/login", "/logout", "/v1/hooks/" + quote("é")]),
    encoding=st.sampled_from(["", "gzip", "identity", "GZIP"]),
    kind=st.sampled_from(["application/json", FORM, "multipart/form-data; boundary=a", "text/csv"]),
)
def test_random_bytes(service: Door, body: bytes, path: str, encoding: str, kind: str):
    headers = {**service.key("admin"), "Content-Encoding": encoding, "Content-Type": kind}
    problem(service.client.post(path, content=body, headers=headers))


def exchange(service: Door, request: bytes) -> bytes:
    """What comes back for bytes as they are, on a connection of their own."""
    url = service.client.base_url
    with socket.create_connection((url.host, url.port), timeout=10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65_536), b""))


POST = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
RAW: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9 + b"\r\n\r\n",
    "a length below zero": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
    "a chunk of no size": CHUNKED + b"\r\nzz\r\n\r\n",
    "a name with NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n",
    "a body that ends too soon": POST + b"Content-Length: 200\r\n\r\n{",
}


@pytest.mark.parametrize("request_", RAW.values(), ids=RAW.keys())
def test_what_is_no_http(service: Door, request_: bytes):
    answer = exchange(service, request_)
    if answer or request_ != RAW["a body that ends too soon"]:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 4")
        assert b"content-type: application/problem+json" in head
        assert json.loads(body)["status"] == int(head.split()[1])
    assert service.get("/v1/status").status_code == 200


@pytest.mark.parametrize("head", ["/" + "a" * 200_000, "/v1/status HTTP/1.1\r\nA: " + "a" * 9_000_000, "many"])
def test_a_head_without_end(service: Door, head: str):
    if head == "many":
        head = "/v1/status HTTP/1.1\r\n" + "".join(f"X-{number}: 1\r\n" for number in range(400_000))
    url = service.client.base_url
    with socket.create_connection((url.host, url.port), timeout=10) as line:
        with suppress(OSError):  # it is told before it has sent all
            line.sendall(f"GET {head}".encode())
        with suppress(OSError):
            answer = line.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 4"), answer[:100]
    assert service.get("/v1/status").status_code == 200
