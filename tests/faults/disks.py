"""A disk that is full when one wants it to be: a small file system of its own, or, where none may be mounted, a limit
on how large a file may grow.
"""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BALLAST = ".ballast"


@dataclass(frozen=True)
class Disk:
    """`mounted`: whether `folder` is a file system of its own."""

    folder: Path
    mounted: bool

    def fill(self, room: int) -> None:
        """Leave so many bytes; without a file system of its own, let no file of this process grow beyond them."""
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            return
        free = os.statvfs(self.folder)
        with (self.folder / BALLAST).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - room)

    def empty(self) -> None:
        """There is room again."""
        (self.folder / BALLAST).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int, fill: Callable[[Path], object]) -> Iterator[Disk]:
    """A file system of so many megabytes at `folder`, filled first by the function that is given."""
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        fill(folder)
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
