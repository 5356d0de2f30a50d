"""JSON lines: one Segment message a line, or a batch of them.

A line that is broken, too long or nested too deep is a record with its problem; the lines after it are read.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from data.cells import compact
from data.events import RawRecord
from data.files import Progress, open_bytes

LINE_LIMIT = 1 << 24
DEPTH_LIMIT = 100
_TOO_DEEP = f"nested deeper than {DEPTH_LIMIT} levels"
_BOM = b"\xef\xbb\xbf"


def read_json_lines(path: Path, progress: Progress) -> Iterator[RawRecord]:
    """The messages of a file, line by line; of a line longer than `LINE_LIMIT` no more than that is held."""
    with open_bytes(path, progress) as handle:
        number = 0
        while line := handle.readline(LINE_LIMIT + 1):
            number += 1
            if line.strip():
                yield from json_records(str(path), number, line)
            while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
                line = handle.readline(LINE_LIMIT + 1)


def json_records(source: str, line: int, text: bytes) -> Iterator[RawRecord]:
    """The messages of one line: one, or those of its batch; at least one record whatever the bytes are.

    >>> [record.problem for record in json_records("s", 1, b'{"batch": [{}, 3]}')]
    [None, 'batch.2 should be an object, not a number']
    """
    text = text.removeprefix(_BOM).rstrip(b"\r\n")
    raw = text.decode("utf-8", "replace")
    if len(text) > LINE_LIMIT:
        yield RawRecord(source, line, raw[:1000], None, f"longer than {LINE_LIMIT:,} bytes; only its beginning is kept")
        return
    try:
        said = _decoded(text)
    except ValueError as problem:
        yield RawRecord(source, line, raw, None, f"not valid JSON: {problem}")
    else:
        yield from _messages(source, line, raw, said)


def _decoded(text: bytes) -> object:
    try:
        said = _DECODER.decode(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count(b"[") + text.count(b"{") > DEPTH_LIMIT and _deeper(said, DEPTH_LIMIT):
        raise ValueError(_TOO_DEEP)
    return said


def _messages(source: str, line: int, raw: str, said: object) -> Iterator[RawRecord]:
    if not isinstance(said, dict):
        yield RawRecord(source, line, raw, None, f"a line should be an object, not {_kind(said)}")
    elif "batch" not in said or "type" in said:
        yield RawRecord(source, line, raw, said)
    elif not isinstance(said["batch"], list) or not said["batch"]:
        yield RawRecord(source, line, raw, None, "batch should be a list of messages")
    else:
        for number, message in enumerate(said["batch"], 1):
            if isinstance(message, dict):
                yield RawRecord(source, line, compact(message), message)
            else:
                problem = f"batch.{number} should be an object, not {_kind(message)}"
                yield RawRecord(source, line, compact(message), None, problem)


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "null")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text} is too large for a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _deeper(value: object, limit: int) -> bool:
    """Whether lists and objects stand in each other more than `limit` deep: later code may recurse into them."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer if isinstance(outer, list) else outer.values())
        ]
    return any(isinstance(outer, list | dict) for outer in level)
