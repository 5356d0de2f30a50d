"""The way in and out: a password, or OpenID Connect; both lead to a session."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from data.identity import fold
from data.store import Store
from serving import people
from serving.access import Access
from serving.hosts import own_path
from serving.limits import Limiter, neighbourhood
from serving.people import Person
from serving.problems import Problem
from serving.sessions import Sessions
from serving.settings import AccessSettings

Page = Callable[[Request, str, dict[str, Any], int], Response]
"""Shows a template with what it needs to know, under a status."""
_CARRIED = "veraison-oidc"
_MINUTES = 10


def router(store: Store, access: Access, settings: AccessSettings, page: Page) -> APIRouter:
    """``/login`` and ``/logout``; ``/login/oidc`` where there is an issuer."""
    found, sessions = APIRouter(include_in_schema=False), access.sessions
    looks = Limiter(rate=5.0, burst=50)
    by_name, by_address = Limiter(rate=0.1, burst=10), Limiter(rate=0.3, burst=20)

    async def bounded(request: Request) -> str:
        address = neighbourhood(request.client.host if request.client else "")
        looks.demand(address)
        return address

    Address = Annotated[str, Depends(bounded)]

    def form(request: Request, wished: str, status: int, *, wrong: bool = False) -> Response:
        known = {"next": own_path(wished), "wrong": wrong, "oidc": settings.has_oidc}
        return page(request, "login.html", known, status)

    @found.get("/login")
    def ask(request: Request, _: Address) -> Response:
        """The form."""
        return form(request, request.query_params.get("next", "/"), 200)

    @found.post("/login")
    async def enter(request: Request, address: Address) -> Response:
        """A name and a password. What is wrong with them is not said, and takes as long, whether the name exists."""
        await sessions.check_form(request)
        sent = await request.form()
        name, password, wished = (str(sent.get(field, "")) for field in ("name", "password", "next"))
        asked = fold(name)[:200]
        by_address.demand(address)
        by_name.demand(asked)
        person = await run_in_threadpool(people.check, store, name, password)
        if person is None:
            return await run_in_threadpool(form, request, wished, 403, wrong=True)
        by_address.give_back(address)
        by_name.give_back(asked)
        return _entered(sessions, request, person, wished)

    @found.post("/logout")
    async def leave(request: Request, _: Address) -> Response:
        """The end of a session."""
        await sessions.check_form(request)
        await run_in_threadpool(sessions.end, request)
        return RedirectResponse("/login", 303)

    if settings.has_oidc:
        _add_oidc(found, store, sessions, settings, bounded)
    return found


def _add_oidc(
    found: APIRouter, store: Store, sessions: Sessions, settings: AccessSettings, bounded: Callable[..., Any]
) -> None:
    from serving.oidc import Provider  # noqa: PLC0415 (who has no issuer need not wait for it)

    provider = Provider(settings)

    @found.get("/login/oidc", dependencies=[Depends(bounded)])
    async def away(request: Request) -> Response:
        """Send the browser to the issuer, and let it keep what it must bring back."""
        base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        address, kept = await provider.address(f"{base}/login/oidc/back")
        told = {"kept": kept, "next": own_path(request.query_params.get("next", "/"))}
        sessions.carry(request, _CARRIED, told, max_age=_MINUTES * 60)
        return RedirectResponse(address, 303)

    @found.get("/login/oidc/back", dependencies=[Depends(bounded)])
    async def back(request: Request) -> Response:
        """Where the issuer sends the browser."""
        told = sessions.carried(request, _CARRIED)
        if told is None:
            raise Problem(403, "login", "the login elsewhere was not begun here, or took too long; start it again")
        name = await provider.name(request, told["kept"])
        person = await run_in_threadpool(people.find, store, name)
        if person is None and settings.oidc_open:
            person = Person(fold(name))
        if person is None:
            raise Problem(403, "login", "you are known, but may not look at these pages; ask who runs them")
        return _entered(sessions, request, person, told["next"])


def _entered(sessions: Sessions, request: Request, person: Person, wished: str) -> Response:
    sessions.begin(request, person)
    return RedirectResponse(own_path(wished), 303)
