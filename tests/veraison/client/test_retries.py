"""Faults on the way to a real app: what is made again, when, and that nothing is ever done twice."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service import Door, door, market
from veraison.client import (
    AsyncClient,
    Client,
    NotFoundError,
    Retry,
    TooManyError,
    UnavailableError,
    UnreachableError,
)
from veraison.client.retry import retry_after

PROBLEM = {"type": "urn:veraison:problem:busy", "title": "x", "detail": "x"}
BEFORE = {
    "429": httpx.Response(429, headers={"Retry-After": "0"}, json=PROBLEM | {"status": 429}),
    "503 of ours": httpx.Response(503, headers={"Retry-After": "0"}, json=PROBLEM | {"status": 503}),
    "503 of a proxy": httpx.Response(503, text="<html>no"),
    "504 of a proxy": httpx.Response(504, text="<html>no"),
    "no connection": httpx.ConnectError("refused"),
}
"""The request never reaches the app."""
AFTER: dict[str, Any] = {
    "broken": httpx.RemoteProtocolError("closed without an answer"),
    "slow": httpx.ReadTimeout("slow"),
    "502": httpx.Response(502, text="<html>no"),
    "504": httpx.Response(504, text="<html>no"),
}
"""The app has done what it was asked for, and nobody hears of it."""
FAULTS = [*(("before", name) for name in BEFORE), *(("after", name) for name in AFTER)]
QUICK = Retry(attempts=4, first=0.0001, longest=0.01)
_NUMBERS = count()


class Faulty(httpx.HTTPTransport):
    """The network, with a fault for each of the first requests; ``reached``: how many came to the app."""

    def __init__(self, faults: list[tuple[str, str] | None]) -> None:
        super().__init__()
        self.faults, self.sent, self.reached = iter(faults), 0, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        where, name = next(self.faults, None) or ("", "")
        if where == "before":
            return _copy(BEFORE[name])
        answer = super().handle_request(request)
        answer.read()
        self.reached += 1
        return _copy(AFTER[name]) if where == "after" else answer


def _copy(fault: httpx.Response | Exception) -> httpx.Response:
    if isinstance(fault, Exception):
        raise fault
    return httpx.Response(fault.status_code, headers=fault.headers, content=fault.content)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("retries"))) as opened:
        yield opened


def through(service: Door, faults: list[Any], retry: Retry = QUICK) -> tuple[Client, Faulty]:
    network = Faulty(faults)
    return Client(str(service.client.base_url), service.keys["admin"], retry=retry, transport=network), network


def messages(mark: str, number: int) -> list[dict[str, Any]]:
    return [
        {"type": "track", "messageId": f"{mark}-{place}", "userId": mark, "event": "Seen",
         "timestamp": "2025-03-01T09:12:00Z"}
        for place in range(number)
    ]  # fmt: skip


@given(faults=st.lists(st.none() | st.sampled_from(FAULTS), max_size=7), number=st.sampled_from([1, 3, 1_001]))
def test_no_message_is_lost_or_doubled(service: Door, faults: list[Any], number: int):
    """Whatever happens on the way: where the call succeeds each message is stored once, and told once."""
    mark, before = f"m{next(_NUMBERS)}", service.store.counts()["events"]
    one, network = through(service, faults)
    with one:
        try:
            told = one.batch(messages(mark, number))
        except (UnreachableError, UnavailableError, TooManyError):
            stored = service.store.counts()["events"] - before
            assert 0 <= stored <= number
            told = one.batch(messages(mark, number)) if next(network.faults, None) is None else None
        if told is not None:
            assert told.accepted + told.duplicates == number
            assert service.store.counts()["events"] - before == number


@given(faults=st.lists(st.none() | st.sampled_from(FAULTS), max_size=6))
def test_one_message_keeps_its_id_from_try_to_try(service: Door, faults: list[Any]):
    before = service.store.counts()["events"]
    one, network = through(service, faults)
    with one:
        try:
            told = one.track("Seen", user_id="T1", timestamp="2025-03-01T09:12:00Z")
        except (UnreachableError, UnavailableError, TooManyError):
            told = None
    stored = service.store.counts()["events"] - before
    assert stored == (1 if network.reached else 0)
    assert told is None or told.accepted + told.duplicates == 1


@given(faults=st.lists(st.none() | st.sampled_from(FAULTS), max_size=6))
def test_what_erases_is_never_carried_out_twice(service: Door, faults: list[Any]):
    mark = f"e{next(_NUMBERS)}"
    assert service.post("/v1/batch", {"batch": messages(mark, 1)}).json()["accepted"] == 1
    one, network = through(service, faults)
    with one:
        try:
            assert one.erase(mark).rows["events"] == 1
        except NotFoundError:
            pytest.fail("a second try was answered that there is nobody")
        except (UnreachableError, UnavailableError, TooManyError):
            pass
    assert network.reached <= 1


@pytest.mark.parametrize("fault", FAULTS, ids=": ".join)
def test_each_fault_is_got_over(service: Door, fault: tuple[str, str]):
    one, network = through(service, [fault, fault, fault])
    with one:
        assert one.status().ready
    assert network.sent == 4


@pytest.mark.parametrize("fault", FAULTS, ids=": ".join)
def test_the_last_fault_is_told(service: Door, fault: tuple[str, str]):
    one, network = through(service, [fault] * 9)
    with one, pytest.raises((UnreachableError, UnavailableError, TooManyError)):
        one.status()
    assert network.sent == QUICK.attempts


def test_what_is_no_fault_of_the_way_is_not_tried_again(service: Door):
    said = {"type": "urn:veraison:problem:no-model", "title": "x", "status": 503, "detail": "no model serves yet"}
    for answer in (httpx.Response(503, json=said), httpx.Response(500, json=said | {"status": 500})):
        asked: list[httpx.Request] = []
        transport = httpx.MockTransport(lambda request, answer=answer, asked=asked: asked.append(request) or answer)
        with Client(key="ver_x", transport=transport, retry=QUICK) as one, pytest.raises(UnavailableError):
            one.status()
        assert len(asked) == 1


def test_a_wait_that_is_too_long_is_left_to_the_caller():
    answer = httpx.Response(429, headers={"Retry-After": "3600"}, json=PROBLEM | {"status": 429})
    with (
        Client(key="ver_x", transport=httpx.MockTransport(lambda _: answer)) as one,
        pytest.raises(TooManyError) as error,
    ):
        one.status()
    assert error.value.retry_after == 3600


def test_the_awaited_client_tries_again_too(service: Door):
    async def asked(faults: list[Any]) -> Any:
        left = iter(faults)

        class AsyncFaulty(httpx.AsyncHTTPTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                fault = next(left, None)
                return await super().handle_async_request(request) if fault is None else _copy(BEFORE[fault])

        address, key = str(service.client.base_url), service.keys["admin"]
        async with AsyncClient(address, key, retry=QUICK, transport=AsyncFaulty()) as one:
            return await one.status()

    assert asyncio.run(asked(["429", "no connection", "503 of a proxy"])).ready
    with pytest.raises(TooManyError):
        asyncio.run(asked(["429"] * 4))


def test_a_server_that_never_answers_is_left(service: Door):
    """A real socket that takes every connection and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(address, "ver_x", timeout=0.05, retry=Retry(2, 0.001)) as one,
            pytest.raises(UnreachableError, match="timed out"),
        ):
            one.status()


def test_a_connection_that_breaks_is_tried_again():
    """A real socket that closes the first connection half way through its answer."""
    body = b'{"accepted":1,"duplicates":0,"rejected":[]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer() -> None:
            for said in (head + body[:9], head + body):
                line, _ = server.accept()
                with line:
                    line.recv(65_536)
                    line.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with Client(f"http://127.0.0.1:{server.getsockname()[1]}", "ver_x", retry=QUICK) as one:
            assert one.track("Seen", user_id="T1").accepted == 1
        thread.join()


# --- how long ----------------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(chance=st.floats(0, 1, exclude_max=True), attempt=st.integers(1, 40))
def test_waits_grow_and_stay_bounded(chance: float, attempt: int):
    retry = Retry(attempts=50, chance=lambda: chance)
    wait = retry.after_failure(attempt, httpx.ReadTimeout("x"), again=True)
    assert wait is not None
    whole = min(retry.longest, retry.first * 2 ** (attempt - 1))
    assert whole / 2 <= wait <= whole


@given(seconds=st.integers(0, 30), attempt=st.integers(1, 4), chance=st.floats(0, 1, exclude_max=True))
def test_nobody_comes_back_before_the_service_said(seconds: int, attempt: int, chance: float):
    retry = Retry(chance=lambda: chance)
    for told in (str(seconds), format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)):
        answer = httpx.Response(429, headers={"Retry-After": told}, json=PROBLEM | {"status": 429})
        wait = retry.after_answer(attempt, answer, again=True, now=NOW)
        assert wait is not None
        assert seconds <= wait <= seconds + retry.longest


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "9" * 99, "Sun, 99 Nov 2026 00:00:00 GMT", "é"])
def test_a_wait_that_cannot_be_read_is_none(text: str):
    assert retry_after(httpx.Response(429, headers=[(b"Retry-After", text.encode())]), NOW) is None


def test_a_moment_that_is_past_is_no_wait():
    said = {"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}
    assert retry_after(httpx.Response(429, headers=said), NOW) == 0
