"""Servers of their own process, and the CPU that each uses with all that it starts."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import EngineFailedError

_HOME = Path(__file__).parents[1]
_COMMAND = str(Path(sys.executable).with_name("veraison"))
_ANSWERS_WITHIN = 120


@dataclass(frozen=True)
class Server:
    """A server that answers, at a port of 127.0.0.1."""

    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """CPU seconds of the process and of all that it has started, user and system."""
        found = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            times = one.cpu_times()
            found += times.user + times.system
        return found


@contextmanager
def ours(workspace: Path) -> Iterator[Server]:
    """`veraison serve`, as a person would start it."""
    port = _free_port()
    with _running([_COMMAND, "serve", "--workspace", str(workspace), "--port", str(port)], port) as server:
        yield server


@contextmanager
def bare(workspace: Path) -> Iterator[Server]:
    """The bare app of benchmarks.bare."""
    port = _free_port()
    with _running([sys.executable, "-m", "benchmarks.bare", str(workspace), str(port)], port) as server:
        yield server


@contextmanager
def _running(command: list[str], port: int) -> Iterator[Server]:
    process = subprocess.Popen(command, cwd=_HOME, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + _ANSWERS_WITHIN
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise EngineFailedError(f"{' '.join(command[:3])} does not answer")
            time.sleep(0.1)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(port: int) -> bool:
    """Whether any answer comes: BentoML's supervisor listens before there is somebody to answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
