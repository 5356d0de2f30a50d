"""Names and addresses that a request carries."""

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from fastapi import Request

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_MAX_PATH = 2_000


def is_local(request: Request) -> bool:
    """Whether a request comes straight from this machine, and knows it.

    The name it asks for must be a loopback one: else a foreign site could point its own name here (DNS rebinding) and
    read the pages through a visitor's browser. What a proxy passes on comes from somewhere else.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    client = request.client.host if request.client else ""
    return is_loopback(client) and is_loopback(hostname(request.headers.get("host", "")))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def hostname(host: str) -> str:
    """The name in a ``Host`` header; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def netloc(origin: str) -> str:
    """Host and port of an ``Origin``; empty where it is none.

    >>> netloc("https://leads.example:8443"), netloc("https://[::1")
    ('leads.example:8443', '')
    """
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def own_path(wished: str) -> str:
    """Where a login leads: a path of this site as it stands in an address, and nothing else.

    >>> own_path("/leads/L1?lang=fr"), own_path("//evil.example"), own_path("https://evil.example")
    ('/leads/L1?lang=fr', '/', '/')
    """
    whole = wished.isprintable() and "\\" not in wished and len(wished) <= _MAX_PATH
    if not (whole and wished.startswith("/") and not wished.startswith(("//", "/login", "/logout"))):
        return "/"
    return quote(wished, safe="/%?&=+:@,;!$'()*~")
