"""What both clients share: where the service is, the key, and what to do with an answer that is none."""

import os
import platform
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from veraison import __version__
from veraison.client.calls import Call
from veraison.client.errors import UnreachableError, of_answer
from veraison.client.retry import Retry, retry_after

URL, KEY = "VERAISON_URL", "VERAISON_KEY"
HERE = "http://127.0.0.1:3000"


class _Auth(httpx.Auth):
    """The key, put into each request and nowhere else: no repr and no log of httpx shows it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key}"
        yield request


@dataclass(frozen=True)
class Door:
    """Where the service is, and how to ask it.

    >>> Door.of("https://leads.example/", "ver_secret", None)
    Door(url='https://leads.example', retry=Retry(attempts=5, first=0.5, longest=30.0))
    """

    url: str
    auth: httpx.Auth = field(repr=False)
    retry: Retry

    @classmethod
    def of(cls, url: str | None, key: str | None, retry: Retry | None) -> Self:
        """From what was given and, where nothing was, the environment; ValueError where that is not enough."""
        url = (url or os.environ.get(URL) or HERE).rstrip("/")
        key = key or os.environ.get(KEY) or ""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(f"url: an address such as https://leads.example, without a key in it (or {URL})")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError(f"key: one of `veraison keys create` is needed (or {KEY})")
        return cls(url, _Auth(key), retry or Retry())

    @property
    def headers(self) -> dict[str, str]:
        return {"User-Agent": f"veraison/{__version__} (Python {platform.python_version()})"}

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The arguments of httpx for a call."""
        query = dict(call.query) or None
        sent = {"url": call.path, "params": query, "content": call.content, "headers": call.headers}
        return {"method": call.method, **sent}

    def after_failure(self, call: Call[Any], attempt: int, error: httpx.TransportError) -> float:
        """Seconds to wait before the next attempt; UnreachableError where there is none."""
        wait = self.retry.after_failure(attempt, error, again=call.again)
        if wait is None:
            why = str(error) or type(error).__name__
            raise UnreachableError(
                f"{self.url} did not answer ({attempt} of {self.retry.attempts} tries): {why}"
            ) from error
        return wait

    def after_answer(self, call: Call[Any], attempt: int, answer: httpx.Response) -> float:
        """Seconds to wait before the next attempt; the error of the answer where there is none."""
        now = datetime.now(UTC)
        wait = self.retry.after_answer(attempt, answer, again=call.again, now=now)
        if wait is None:
            raise of_answer(answer, retry_after(answer, now))
        return wait
