"""Who is logged in: a signed cookie, checked against the list of people at each page; and the tokens of its forms.

A cookie holds a name and the moments it began and was last used. It is signed with a secret of the store's own, so that
several workers agree. It ends when nobody used it for a while, at the latest half a day after the login, at the logout,
and when the person is removed or gets another password.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import Request
from itsdangerous import BadData, Signer, URLSafeSerializer
from markupsafe import Markup
from starlette.responses import Response
from starlette.types import Scope

from data.schema import ended_sessions, meta
from data.store import Store
from serving.hosts import hostname, is_loopback, netloc
from serving.people import Person, find
from serving.problems import Problem

MICROS = 1_000_000
IDLE = 2 * 3600 * MICROS
LONGEST = 12 * 3600 * MICROS
FIELD = "csrf"
MAX_FORM = 100_000
MAX_FIELDS = 50
COOKIES = "veraison.cookies"
"""Where in the scope of a request the cookies lie that its answer sets."""
_SESSION, _FORM = "veraison", "veraison-form"
_REFRESHED = 60 * MICROS
_SECRET = "session_secret"  # noqa: S105 (the name of its row)


@dataclass(frozen=True, slots=True)
class Session:
    """A login. Moments are microseconds UTC."""

    session_id: str
    name: str
    stamp: str
    began_at: int
    used_at: int


class Sessions:
    """The sessions of one store.

    clock      : microseconds UTC
    same_site  : ``lax`` where another site sends people back here from its login
    public_url : the address that people use, where it is not the one that requests carry
    everyone   : let in who is not listed, if a login from elsewhere vouched for them
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        *,
        same_site: Literal["strict", "lax"],
        public_url: str | None = None,
        everyone: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._same_site: Literal["strict", "lax"] = same_site
        self._public_url = public_url
        self._everyone = everyone
        self._known_secret: str | None = None

    # --- sessions

    def begin(self, request: Request, person: Person) -> None:
        """Log a person in; the answer to this request carries the cookie."""
        now = self._clock()
        self._keep(request, Session(secrets.token_urlsafe(18), person.name, person.stamp, now, now))
        self._set(request, _FORM, "", max_age=0)

    def current(self, request: Request) -> tuple[Session, Person] | None:
        """The session of a request and whose it is, None where there is none that holds; reads the store."""
        session = self._read(request)
        if session is None:
            return None
        person = find(self._store, session.name)
        if person is None and self._everyone:
            person = Person(session.name)
        if person is None or not hmac.compare_digest(person.stamp, session.stamp) or self._has_ended(session):
            return None
        if self._clock() - session.used_at >= _REFRESHED:
            self._keep(request, replace(session, used_at=self._clock()))
        return session, person

    def end(self, request: Request) -> None:
        """Log out: the cookie is taken back, and holds no longer should somebody have a copy."""
        session = self._read(request)
        if session is not None:
            now = self._clock()
            with self._store.engine.begin() as connection:
                connection.execute(sa.delete(ended_sessions).where(ended_sessions.c.forget_at <= now))
                there = sa.select(ended_sessions).where(ended_sessions.c.session_id == session.session_id)
                if connection.execute(there).first() is None:
                    row = {"session_id": session.session_id, "forget_at": session.began_at + LONGEST}
                    connection.execute(sa.insert(ended_sessions).values(row))
        self._set(request, _SESSION, "", max_age=0)

    def _read(self, request: Request) -> Session | None:
        """The session that a cookie tells of, if it is ours and neither of its ends has come."""
        told = self.opened(request.cookies.get(self._name(request, _SESSION), ""), "session")
        try:
            session = Session(**told) if isinstance(told, dict) else None
        except TypeError:  # of a version that kept other things
            return None
        if session is None:
            return None
        now = self._clock()
        return session if now < min(session.used_at + IDLE, session.began_at + LONGEST) else None

    def _keep(self, request: Request, session: Session) -> None:
        told = {name: getattr(session, name) for name in Session.__slots__}
        self._set(request, _SESSION, self.sealed(told, "session"), max_age=LONGEST // MICROS)

    def _has_ended(self, session: Session) -> bool:
        query = sa.select(ended_sessions.c.session_id).where(ended_sessions.c.session_id == session.session_id)
        with self._store.engine.connect() as connection:
            return connection.execute(query).first() is not None

    # --- forms

    def field(self, request: Request) -> Markup:
        """The hidden field that every form of a page carries: ``{{ csrf() }}`` in a template."""
        binding = self._binding(request)
        if binding is None:
            binding = request.scope.setdefault("veraison.form", secrets.token_urlsafe(18))
            self._set(request, _FORM, binding, max_age=None)
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, self._token(binding))

    async def check_form(self, request: Request) -> None:
        """Refuse a form that no page of ours was asked for by this browser: a Problem of status 403."""
        self.check_origin(request)
        length = request.headers.get("content-length", "")
        if not (length.isdecimal() and len(length) < 10 and int(length) <= MAX_FORM):
            raise Problem(413, "too-large", f"a form has a length, of at most {MAX_FORM:,} bytes")
        form = await request.form(max_files=0, max_fields=MAX_FIELDS)
        sent, binding = form.get(FIELD), self._binding(request)
        if binding is None or not isinstance(sent, str) or not sent.isascii():
            raise _stale()
        if not hmac.compare_digest(sent, self._token(binding)):
            raise _stale()

    def check_origin(self, request: Request) -> None:
        """Refuse what another site's page makes a browser send; a Problem of status 403.

        Browsers say so in ``Sec-Fetch-Site``; older ones in ``Origin``, where it is not hidden by our own policy.
        """
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
        if site is not None:
            ours = site in ("same-origin", "none")
        else:
            here = urlsplit(self._public_url or "").netloc or request.headers.get("host", "")
            ours = origin == "null" or netloc(origin).casefold() == here.casefold()
        if not ours:
            raise Problem(403, "cross-site", "this request was made by a page of another site")

    def _binding(self, request: Request) -> str | None:
        session = self._read(request)
        return session.session_id if session else request.cookies.get(self._name(request, _FORM)) or None

    def _token(self, binding: str) -> str:
        return Signer(self._secret(), salt="csrf").get_signature(binding).decode()

    # --- cookies

    def sealed(self, told: Any, purpose: str) -> str:
        """Something that a browser keeps for us and cannot change."""
        return str(URLSafeSerializer(self._secret(), salt=purpose).dumps(told))

    def opened(self, text: str, purpose: str) -> Any:
        """What was sealed for the same purpose, None where it was not."""
        try:
            return URLSafeSerializer(self._secret(), salt=purpose).loads(text) if text else None
        except BadData:
            return None

    def carry(self, request: Request, name: str, told: Any, *, max_age: int) -> None:
        """Let the browser keep something that it brings back even when another site sends it here."""
        self._set(request, name, self.sealed(told, name), max_age=max_age, same_site="lax")

    def carried(self, request: Request, name: str) -> Any:
        """What `carry` gave; the answer to this request takes it back."""
        self._set(request, name, "", max_age=0, same_site="lax")
        return self.opened(request.cookies.get(self._name(request, name), ""), name)

    def _set(
        self,
        request: Request,
        name: str,
        value: str,
        *,
        max_age: int | None,
        same_site: Literal["strict", "lax"] | None = None,
    ) -> None:
        carrier = Response()
        carrier.set_cookie(
            self._name(request, name),
            value,
            max_age=max_age,
            secure=self.is_safe(request),
            httponly=True,
            samesite=same_site or self._same_site,
        )
        request.scope.setdefault(COOKIES, {})[name] = carrier.headers["set-cookie"]

    def _name(self, request: Request, name: str) -> str:
        return f"__Host-{name}" if self.is_safe(request) else name

    def is_safe(self, request: Request) -> bool:
        """Whether cookies travel encrypted only: everywhere but on this very machine."""
        return is_https(request.scope, self._public_url) or not is_loopback(hostname(request.headers.get("host", "")))

    def _secret(self) -> str:
        """What cookies are signed with: made once for a store, whichever worker comes first."""
        if self._known_secret is None:
            query = sa.select(meta.c.value).where(meta.c.name == _SECRET)
            with self._store.engine.connect() as connection:
                self._known_secret = connection.execute(query).scalar()
        if self._known_secret is None:
            self._store.remember(_SECRET, secrets.token_urlsafe(48))
            return self._secret()
        return self._known_secret


def is_https(scope: Scope, public_url: str | None) -> bool:
    """Whether a request came encrypted, to us or to the proxy before us."""
    return scope.get("scheme") == "https" or (public_url or "").startswith("https:")


def _stale() -> Problem:
    return Problem(403, "form", "the form is too old, or cookies are off; load the page again and send it once more")
