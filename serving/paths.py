"""Addresses of leads: an id's own slash is sent as %2F, and is no slash of the address.

A server decodes the path before routes see it, so that ``/leads/x%2Fcard``, the page of the lead "x/card", would be
``/leads/x/card``, the card of the lead "x".
"""

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from data.parse import MAX_ID
from serving.asked import printable

_WITH_IDS = ("/leads/", "/v1/leads/")


def coded(raw: bytes) -> str:
    """A path as routes are to see it: decoded, but for what is a slash or a percent sign of an id.

    raw : as it was sent

    >>> coded(b"/leads/x%2Fcard"), coded(b"/leads/%C3%A9/card"), coded(b"/leads/100%25")
    ('/leads/x%2Fcard', '/leads/é/card', '/leads/100%25')
    """
    steps = raw.decode("ascii", "replace").split("/")
    return "/".join(unquote(step).replace("%", "%25").replace("/", "%2F") for step in steps)


def decoded(text: str) -> str:
    """An id out of a path that `coded` made.

    >>> decoded("x%2Fcard"), decoded("100%25"), decoded("%252F")
    ('x/card', '100%', '%2F')
    """
    return text.replace("%2F", "/").replace("%25", "%")


LeadPath = Annotated[
    str,
    BeforeValidator(decoded),
    AfterValidator(printable),
    Path(max_length=MAX_ID, description="Any id of the lead; a slash in it is sent as %2F.", examples=["L42"]),
]


class Coded:
    """Middleware: routes see the paths that hold ids of leads as `coded` gives them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"%" in scope["raw_path"] and scope["path"].startswith(_WITH_IDS):
            scope["path"] = coded(scope["raw_path"])  # in place: what stands around this shares the scope
        await self._app(scope, receive, send)


def asked_path(request: Request) -> str:
    """The path of a request as it stands in an address, so that a link to it leads back."""
    return quote(request.scope["raw_path"], safe="/%")
