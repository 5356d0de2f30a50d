"""What runs on this machine, as the kernel tells it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

PROC = Path("/proc")
T = TypeVar("T")


def executors(application: str) -> list[int]:
    """The executor processes of one Spark application."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended meanwhile
                continue
            if any(word.endswith("CoarseGrainedExecutorBackend") for word in words) and application in words:
                found.append(int(folder.name))
    return found


def parent(pid: int) -> int:
    """The process that started this one."""
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def listening(pid: int) -> Iterator[str]:
    """The addresses, as the kernel writes them, at which a process waits for connections."""
    sockets = set()
    for one in (PROC / str(pid) / "fd").iterdir():
        try:
            sockets.add(str(one.readlink()))
        except OSError:
            continue
    for table in ("tcp", "tcp6"):
        for line in (PROC / str(pid) / "net" / table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                yield words[1].partition(":")[0]


def eventually(look: Callable[[], T], seconds: float = 120) -> T:
    """What `look` finds, as soon as it is anything."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
