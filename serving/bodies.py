"""Bodies of requests: bounded, unpacked, and read as strict JSON, before anything else sees them."""

import json
import math
import zlib
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from serving.problems import Problem

MAX_BYTES = 5_000_000
_GZIP = 16 + zlib.MAX_WBITS
_MAX_DIGITS = 300
"""Whole numbers beyond this do not fit a float; nobody means them."""


async def _read(request: Request) -> bytes:
    """The bytes of a body as they were sent, at most `MAX_BYTES`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_BYTES:
        raise _too_large()
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BYTES:
                raise _too_large()
            parts.append(part)
    except ClientDisconnect:
        raise Problem(400, "incomplete", "the connection ended before the body did") from None
    return unpacked(b"".join(parts), request.headers.get("content-encoding", "identity"))


Body = Annotated[bytes, Depends(_read)]
"""A handler's parameter: the unpacked body, not yet parsed."""


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body behind its ``Content-Encoding``; bounded while it unpacks, so that a small bomb stays small."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body)
    raise Problem(
        415, "unsupported-encoding", "Content-Encoding: allowed are gzip and identity", {"Accept-Encoding": "gzip"}
    )


def parsed(body: bytes) -> Any:
    """The JSON of a body; a Problem of status 400 for anything that is not strictly JSON in UTF-8."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, "encoding", f"the body is not UTF-8 (at byte {error.start})") from None
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_short_int)
    except RecursionError:
        raise Problem(400, "json", "the body is nested too deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(400, "json", f"the body is not JSON: {error.msg} ({where})") from None
    except ValueError as error:
        raise Problem(400, "json", f"the body is not JSON: {error}") from None


def table(body: bytes) -> dict[str, Any]:
    """The JSON object of a body."""
    found = parsed(body)
    if not isinstance(found, dict):
        raise Problem(400, "json", "the body is not a JSON object")
    return found


def _gunzip(body: bytes) -> bytes:
    member = zlib.decompressobj(_GZIP)
    try:
        found = member.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise Problem(400, "encoding", "the body is not gzip, as its Content-Encoding says") from None
    if len(found) > MAX_BYTES:
        raise _too_large()
    if not member.eof or member.unused_data:
        raise Problem(400, "encoding", "the gzip body is cut short, or goes on after its end")
    return found


def _too_large() -> Problem:
    return Problem(413, "too-large", f"a body holds at most {MAX_BYTES // 1_000_000} MB, also after unpacking")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _short_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(text)
