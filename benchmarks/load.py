"""Load on a server, from a process of its own: ``python -m benchmarks.load``, told by a JSON object on its input.

Requests go over connections that are kept, each waiting for its answer before the next is sent on it. Without a rate
they follow one another as fast as they are answered; with one they are due at fixed moments, and a latency counts from
the moment a request was due, so that a server that stops for a while cannot hide it.
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

_HOME = Path(__file__).parents[1]
_SHOWN = 10_000


@dataclass(frozen=True)
class Load:
    """What is sent.

    bodies      : JSON texts, sent in turn, one a request
    concurrency : connections
    rate        : requests a second, None for as many as are answered
    """

    port: int
    path: str
    key: str
    bodies: list[str]
    concurrency: int
    rate: float | None = None


@dataclass(frozen=True)
class Answered:
    """What came back: seconds in all and of each request, statuses and how often, and how the first answer begins."""

    wall: float
    latencies: list[float]
    statuses: dict[str, int]
    first: str

    def quantile(self, level: float) -> float:
        """Seconds within which this share of the requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(int(level * len(ordered)), len(ordered) - 1)]


def send(load: Load) -> Answered:
    """Send it from a fresh process, whose CPU is not the server's."""
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(
        command, input=json.dumps(asdict(load)), capture_output=True, text=True, check=True, cwd=_HOME
    )
    return Answered(**json.loads(done.stdout))


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return head[9:12].decode(), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def _run(load: Load) -> Answered:
    basic = base64.b64encode(f"{load.key}:".encode()).decode()
    requests = [
        (
            f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\nAuthorization: Basic {basic}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
        ).encode()
        for body in load.bodies
    ]
    connections = [
        _Connection(*await asyncio.open_connection("127.0.0.1", load.port, limit=2**26))
        for _ in range(load.concurrency)
    ]
    latencies: list[float] = []
    statuses: dict[str, int] = {}
    first = b""
    waiting = iter(enumerate(requests))
    begun = time.perf_counter()

    async def work(connection: _Connection) -> None:
        nonlocal first
        for number, request in waiting:
            due = time.perf_counter()
            if load.rate is not None:
                due = begun + number / load.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status, body = await connection.ask(request)
            latencies.append(time.perf_counter() - due)
            statuses[status] = statuses.get(status, 0) + 1
            first = first or body

    await asyncio.gather(*(work(connection) for connection in connections))
    wall = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return Answered(wall, latencies, statuses, first[:_SHOWN].decode(errors="replace"))


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_run(Load(**json.load(sys.stdin)))))))
