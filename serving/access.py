"""Who may do what: the key a request carries, and the scope a route asks for."""

import base64
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

from data.store import Store
from serving import keys
from serving.keys import Key, Scope
from serving.problems import CHALLENGE, Problem, unauthorized

PAGE_CHALLENGE = 'Basic realm="veraison", charset="UTF-8"'
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Access:
    """Checks the keys of one store.

    clock      : microseconds UTC
    open_pages : the pages ask nobody who comes from this very machine for a key
    """

    def __init__(self, store: Store, clock: Callable[[], int], *, open_pages: bool) -> None:
        self._store = store
        self._clock = clock
        self._open_pages = open_pages

    def scope(self, needed: Scope) -> Callable[[Request], Key]:
        """A route's dependency: the key of the request, if it holds and allows this; else 401 or 403."""

        def allowed(request: Request) -> Key:
            return self._allowed(request, needed, CHALLENGE)

        return allowed

    def page(self, request: Request) -> None:
        """A page's dependency: a key as the user name of Basic, unless pages are open to this machine."""
        if not (self._open_pages and is_local(request)):
            self._allowed(request, "read", PAGE_CHALLENGE)

    def _allowed(self, request: Request, needed: Scope, challenge: str) -> Key:
        sent = credential(request.headers.get("authorization"))
        if sent is None:
            raise unauthorized("a key is needed: Authorization: Bearer KEY, or Basic with it as the user", challenge)
        key = keys.check(self._store, sent, now=self._clock())
        if key is None:
            raise unauthorized("the key is not known or no longer holds", challenge)
        if not key.allows(needed):
            raise Problem(403, "forbidden", f"the key lacks the scope: {needed}")
        return key


def credential(header: str | None) -> str | None:
    """The key in an ``Authorization`` header: of Bearer, or the user name of Basic.

    >>> credential("Bearer ver_1"), credential("basic dmVyXzE6"), credential("Digest x"), credential("Basic ?")
    ('ver_1', 'ver_1', None, None)
    """
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except ValueError:  # not base64, or not text in it
            return None
    return None


def is_local(request: Request) -> bool:
    """Whether a request comes straight from this machine, and knows it.

    The name it asks for must be a loopback one: else a foreign site could point its own name here (DNS rebinding) and
    read the pages through a visitor's browser. What a proxy passes on comes from somewhere else.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    client = request.client.host if request.client else ""
    return is_loopback(client) and is_loopback(_hostname(request.headers.get("host", "")))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
