"""A file as bytes: unpacked, watched while they are read, and in one line what is wrong where they end too early."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from veraison.errors import SourceError

Progress = Callable[[int], None]
"""Told, now and then, how many bytes of the file are used up."""
T = TypeVar("T")


def source_size(path: Path) -> int:
    """Bytes of a source, the number that `progress` of `open_source` arrives at.

    Raises SourceError where there is no such file.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


class _Bytes(io.RawIOBase):
    """The bytes of a file, unpacked; tells its progress, and says in one line why it cannot go on."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
        packed = path.name.lower().endswith(".gz")
        self._stream = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read1(len(buffer))  # not `read`: it loses what it has when damage comes
        except (EOFError, OSError, zlib.error) as error:
            raise SourceError(f"{self._path}: damaged or cut off, no more can be read ({error})") from None
        buffer[: len(piece)] = piece
        self._progress(self._file.tell())
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(path: Path, progress: Progress) -> io.BufferedReader:
    """The bytes of a file, unpacked where its name ends in ``.gz``.

    Raises SourceError, also while it is read: where the file cannot be opened, is damaged or was cut off.
    """
    return io.BufferedReader(_Bytes(path, progress), 1 << 18)


def guarded(items: Iterator[T], damage: tuple[type[Exception], ...], source: str) -> Iterator[T]:
    """The same items; only what goes wrong in getting one is said to be damage, not what its user does."""
    try:
        yield from items
    except damage as error:
        raise SourceError(f"{source}: damaged, no more can be read: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return (str(error) or type(error).__name__).splitlines()[0]
