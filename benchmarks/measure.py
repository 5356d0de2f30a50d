"""What one run of one engine cost, in a fresh process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_HOME = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run.

    wall : seconds from the start of the process to its end
    work : seconds without the start of Python and the imports
    cpu  : seconds, of all cores together
    peak : bytes of resident memory at most
    """

    wall: float
    work: float
    cpu: float
    peak: int


_SPARING = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
"""The limit counts address space too, which allocators otherwise reserve by the gigabyte and never touch."""


class EngineFailedError(Exception):
    """The engine's process ended badly; the message is its last line."""


def run(engine: str, events: Path, out: Path, limit: int | None = None) -> Cost:
    """Run one engine over `events` into the empty folder `out`; `limit` is in bytes of data."""
    command = [sys.executable, "-m", "benchmarks.engine", engine, str(events.resolve()), str(out.resolve())]
    if limit is not None:
        command.append(str(limit))
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        begun = time.perf_counter()
        settings = os.environ | (_SPARING if limit is not None else {})
        process = subprocess.Popen(command, stdout=said, stderr=complained, cwd=_HOME, env=settings)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if process.returncode:
            last = complained.read().decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            raise EngineFailedError(f"{engine} ended with {process.returncode}: {last[0]}")
        found = json.loads(said.read().decode().splitlines()[-1])
    return Cost(wall, found["work"], usage.ru_utime + usage.ru_stime, found["peak"])
