"""How much memory a real server takes for bodies that are made to take it all."""

import gzip
import json
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serving import keys
from serving.bodies import MAX_BYTES
from tests.service import market, running

MB = 1_000_000
MOST = 250 * MB
"""Growth of the worker over its size at rest, at the highest point; one body of 5 MB as objects takes about half."""


def packed(size: int) -> bytes:
    """Spaces, so many when unpacked."""
    packer, part = zlib.compressobj(9, wbits=31), b" " * MB
    return b"".join([*(packer.compress(part) for _ in range(size // MB)), packer.flush()])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    here = market().copy(tmp_path_factory.mktemp("memory"))
    with here.store() as store:
        key = keys.create(store, "test", ["admin"], now=1)
    headers = {"Authorization": f"Bearer {key}"}
    with (
        running(here.workspace) as service,
        httpx.Client(base_url=service.address, headers=headers, timeout=60) as client,
    ):
        assert client.post("/v1/score", json={"lead_ids": ["L00001"]}).status_code == 200
        family = psutil.Process(service.process.pid).children(recursive=True)
        yield client, max(family, key=lambda one: one.memory_info().rss)


def peak(worker: psutil.Process) -> int:
    """The most memory that a process has ever had, bytes."""
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def test_memory_is_bounded(server: tuple[httpx.Client, psutil.Process]):
    client, worker = server
    before = peak(worker)
    bomb = packed(2_000 * MB)
    assert len(bomb) < MAX_BYTES
    bodies: list[tuple[Any, dict[str, str]]] = [
        (b"x" * 50 * MB, {}),
        ((b"x" * MB for _ in range(50)), {}),
        (bomb, {"Content-Encoding": "gzip"}),
        (gzip.compress(bomb), {"Content-Encoding": "gzip"}),
        (b"[" * (MAX_BYTES - 1), {}),
        (b'{"batch": [' + b"{}," * (MAX_BYTES // 3 - 10) + b"{}]}", {}),
        (json.dumps({"batch": ["x" * 4 * MB]}).encode(), {}),
    ]
    for content, headers in bodies:
        for path in ("/v1/batch", "/v1/hooks/hubspot", "/v1/score"):
            try:
                answer = client.post(path, content=content, headers=headers)
            except (httpx.TransportError, httpx.StreamConsumed):
                continue  # refused before all of it was sent
            assert answer.status_code in (200, 400, 413, 422), answer.text[:300]
            if answer.status_code != 200:
                assert answer.headers["content-type"] == "application/problem+json"
    form = b"x" * 50 * MB
    with suppress(httpx.TransportError):
        assert client.post("/login", content=form, headers={"Content-Type": "text/plain"}).status_code in (403, 413)
    assert client.get("/v1/status").status_code == 200
    assert peak(worker) - before < MOST


def test_a_head_without_end_is_not_kept(server: tuple[httpx.Client, psutil.Process]):
    client, worker = server
    before, sent, url = peak(worker), 0, client.base_url
    with socket.create_connection((url.host, url.port), timeout=20) as line, suppress(OSError):
        line.sendall(b"GET /v1/status HTTP/1.1\r\n")
        while sent < 200 * MB:
            line.sendall(b"X-1: " + b"a" * MB + b"\r\n")
            sent += MB
    assert sent < 50 * MB
    assert peak(worker) - before < 20 * MB
    assert client.get("/v1/status").status_code == 200
