"""Who may do what: the key or the login a request carries, and what a route asks for."""

import asyncio
import base64
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from data.store import Store
from serving import keys
from serving.hosts import is_local
from serving.keys import Key, Scope
from serving.limits import Limiter
from serving.paths import asked_path
from serving.people import LOCAL
from serving.problems import CHALLENGE, Problem, unauthorized
from serving.sessions import Sessions
from serving.settings import AccessSettings

PAGE_CHALLENGE = 'Basic realm="veraison", charset="UTF-8"'
REMEMBERED = 1.0
"""Seconds for which a key that held is not looked up again: so long can a revoked one go on."""
_MANY = 10_000
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page.

    name      : of a person or a key; `serving.people.LOCAL` where pages are open to this machine
    seller    : whose leads are seen, beside those of nobody; None for everyone's
    logged_in : whether there is something to log out of
    may_judge : whether they may say what became of a lead
    """

    name: str
    seller: str | None = None
    logged_in: bool = False
    may_judge: bool = True


class LoginNeeded(Exception):  # noqa: N818 (no error)
    """A person's browser is to be sent to the login, in the language of the page, and back to `path` after it."""

    def __init__(self, path: str, language: str | None) -> None:
        super().__init__()
        kept = {"next": path} | ({"lang": language} if language else {})
        self.address = "/login?" + urlencode(kept, quote_via=quote, safe="")


class Access:
    """Checks the keys and the logins of one store.

    clock : microseconds UTC, for what ends at a moment
    timer : seconds that only grow, for what lasts a while
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        settings: AccessSettings,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._open_pages = settings.open_pages
        self._timer = timer
        self._keys: dict[str, tuple[float, Key]] = {}
        self._looking: dict[str, asyncio.Future[Key | None]] = {}
        rate = settings.rate_per_key or math.inf
        self._asked = Limiter(rate, max(rate, 1.0), timer)
        self.sessions = Sessions(
            store,
            clock,
            same_site="lax" if settings.has_oidc else "strict",
            public_url=settings.public_url,
            everyone=settings.oidc_open,
        )

    def scope(self, needed: Scope) -> Callable[[Request], Awaitable[Key]]:
        """A route's dependency: the key of the request, if it holds and allows this; else 401, 403 or 429."""

        async def allowed(request: Request) -> Key:
            key = await self._allowed(request, needed, CHALLENGE)
            if request.method not in _SAFE:
                self.sessions.check_origin(request)  # browsers send the Basic of a page along, whoever asks them to
            return key

        return allowed

    async def judge(self, request: Request) -> Key:
        """The dependency of the route by which sales say what became of a lead: a key that may; else 401, 403 or 429.

        A seller's key may, of the leads it sees. One that reads everyone's leads and sends nothing in may not.
        """
        key = await self._held(request, CHALLENGE)
        if not key.may_judge:
            raise Problem(403, "forbidden", "the key lacks the scope: ingest (a seller's own key does without)")
        self.sessions.check_origin(request)
        return key

    async def page(self, request: Request) -> Viewer:
        """A page's dependency: who looks, and that a form was sent by them.

        That is a login, or a key as the user name of Basic, or anybody of this machine where pages are open to it.
        """
        viewer = await self._viewer(request)
        request.state.viewer = viewer
        if request.method not in _SAFE and not _is_bearer(request):
            await self.sessions.check_form(request)
        return viewer

    async def _viewer(self, request: Request) -> Viewer:
        if "authorization" in request.headers:
            key = await self._allowed(request, "read", PAGE_CHALLENGE)
            return Viewer(key.name, key.seller, may_judge=key.may_judge)
        if request.cookies and (found := await run_in_threadpool(self.sessions.current, request)):
            return Viewer(found[1].name, found[1].seller, logged_in=True)
        if self._open_pages and is_local(request):
            return Viewer(LOCAL)
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            path = asked_path(request) + (f"?{request.url.query}" if request.url.query else "")
            raise LoginNeeded(path, request.query_params.get("lang"))
        raise unauthorized("a login is needed, or a key as the user name of Basic", PAGE_CHALLENGE)

    async def _allowed(self, request: Request, needed: Scope, challenge: str) -> Key:
        key = await self._held(request, challenge)
        if not key.allows(needed):
            raise Problem(403, "forbidden", f"the key lacks the scope: {needed}")
        return key

    async def _held(self, request: Request, challenge: str) -> Key:
        sent = credential(request.headers.get("authorization"))
        if sent is None:
            raise unauthorized("a key is needed: Authorization: Bearer KEY, or Basic with it as the user", challenge)
        digest = keys.hashed(sent)
        key = self._remembered(digest) or await self._found(digest)
        if key is None or not key.holds(self._clock()):
            raise unauthorized("the key is not known or no longer holds", challenge)
        self._asked.demand(digest)
        return key

    def _remembered(self, digest: str) -> Key | None:
        at, key = self._keys.get(digest, (-math.inf, None))
        return key if self._timer() - at < REMEMBERED else None

    async def _found(self, digest: str) -> Key | None:
        """The key as the store has it; who asks while somebody else looks waits for what they find."""
        looking = self._looking.get(digest)
        if looking is None:
            looking = asyncio.ensure_future(run_in_threadpool(self._looked_up, digest))
            self._looking[digest] = looking
            looking.add_done_callback(lambda _: self._looking.pop(digest))
        return await asyncio.shield(looking)  # who goes away takes nobody else's answer along

    def _looked_up(self, digest: str) -> Key | None:
        at = self._timer()  # from before the look: what is revoked meanwhile counts as of then
        key = keys.by_hash(self._store, digest)
        if key is None:
            self._keys.pop(digest, None)
        else:
            if len(self._keys) >= _MANY:
                self._keys.clear()
            self._keys[digest] = at, key
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


def _is_bearer(request: Request) -> bool:
    """Whether the credential is one that no browser sends by itself."""
    return request.headers.get("authorization", "").lower().startswith("bearer ")
