"""What the service writes down: one line each, that people can read and programs can parse, with nobody's name in it.

A line is ``key=value`` words, or a JSON object where ``VERAISON_LOGS=json``. Requests that are answered leave no line
unless they are asked for (``VERAISON_LOG_REQUESTS=1``), as writing them costs more than many of the answers; the
metrics count them. Of an error the line has the type and the places in the code, not its words: those may quote what
somebody sent.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import nameless
from serving.settings import LogSettings

HEADER = "X-Request-ID"
_STATE = "veraison.request_id"
_GIVEN = re.compile(r"[0-9A-Fa-f-]{8,64}")
"""An id of a request is digits and dashes, as UUIDs and trace ids are: a word could be somebody's name."""
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PLAIN = re.compile(r"[^\s\"=]+")
_OURS = ("veraison", "uvicorn.error", "bentoml", "circus", "py.warnings")

_current: ContextVar[str | None] = ContextVar("request_id", default=None)
_log = logging.getLogger("veraison.requests")


def configure(settings: LogSettings) -> None:
    """Let every logger of this process write to standard error in the one form; calling it again changes nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(as_json=settings.logs == "json"))
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("veraison").setLevel(logging.INFO)
    logging.captureWarnings(True)


def request_id(scope: Scope) -> str | None:
    """The id that a request was given, or came with."""
    return scope.get(_STATE)


class _Line(logging.Formatter):
    """Formats a record as one line; ``extra={"fields": {...}}`` adds to what it says."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        said = dict(_said(record))
        if self._as_json:
            return json.dumps(said)
        return " ".join(f"{name}={_word(value)}" for name, value in said.items())


def _said(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    yield "time", datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield "level", record.levelname.lower()
    yield "logger", record.name
    # of others' loggers the words themselves may quote a request
    yield "message", record.getMessage() if record.name.startswith("veraison") else str(record.msg).partition("\n")[0]
    if (current := _current.get()) is not None:
        yield "request_id", current
    yield from getattr(record, "fields", {}).items()
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trace = record.exc_info
        yield "error", kind.__name__
        yield "at", [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(trace)]


def _word(value: object) -> str:
    if isinstance(value, list):
        value = " < ".join(reversed(value))
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class Requests:
    """Middleware: every request has an id, its answer says it, and so does every line written meanwhile."""

    def __init__(self, app: ASGIApp, *, every: bool) -> None:
        self._app = app
        self._every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope[_STATE] = given = _given(Headers(scope=scope)) or token_hex(16)
        _current.set(given)
        begun, status = time.perf_counter(), 500

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = given
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            if self._every or status >= 500:
                told = {
                    "method": scope["method"],
                    "route": nameless(scope["path"]),
                    "status": status,
                    "ms": round((time.perf_counter() - begun) * 1e3, 1),
                }
                _log.log(logging.ERROR if status >= 500 else logging.INFO, "answered", extra={"fields": told})


def _given(headers: Headers) -> str | None:
    """The id that a request came with: its own, or that of the trace it is a part of."""
    own = headers.get(HEADER, "")
    if _GIVEN.fullmatch(own):
        return own
    trace = _TRACE.fullmatch(headers.get("traceparent", ""))
    return trace[1] if trace else None
