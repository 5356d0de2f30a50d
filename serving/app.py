"""The one ASGI app: the API, the pages, and what holds for every answer of both."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data.store import Store
from serving import (
    api,
    api_feedback,
    api_leads,
    api_routes,
    asked,
    card,
    login,
    meters,
    openapi,
    page_families,
    page_lead,
    page_monitoring,
    page_today,
    pages,
    paths,
    problems,
    record,
    reference,
    report_page,
)  # fmt: skip
from serving.access import Access, LoginNeeded
from serving.after_sale import Customers
from serving.card_links import CardLinks
from serving.desk import Desk
from serving.dossier import Dossiers
from serving.feedback import Said
from serving.hooks import Hooks
from serving.intake import Intake
from serving.leads import Leads
from serving.logs import HEADER, Requests, request_id
from serving.models import ModelHolder
from serving.problems import Problem
from serving.report_pages import REPORTS
from serving.sessions import COOKIES, is_https
from serving.settings import AccessSettings
from serving.verdicts import Journal
from veraison import __version__
from veraison.errors import ModelError, UnknownLeadError
from veraison.playbook import Playbook

_log = logging.getLogger("veraison.serving")

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{name}=()"
        for name in (
            "camera",
            "display-capture",
            "geolocation",
            "microphone",
            "payment",
            "publickey-credentials-get",
            "usb",
        )
    ),
}
_HTTPS_ONLY = "max-age=31536000"


def system_clock() -> int:
    """Now, in microseconds UTC."""
    return time.time_ns() // 1_000


def create_app(
    store: Store,
    models: ModelHolder,
    playbook: Playbook,
    clock: Callable[[], int] = system_clock,
    *,
    settings: AccessSettings | None = None,
    mappings: Path | None = None,
    journal: Journal | None = None,
    mlflow: str | None = None,
    customers: ModelHolder | None = None,
    log_requests: bool = False,
) -> FastAPI:
    """The API under ``/v1`` and the pages at ``/``, ``/today``, ``/leads``, on one store and the model that serves now.

    playbook : says by which traits people in a stateless body are linked; a score uses its bundle's own
    clock    : microseconds UTC
    settings : who gets in, and how often
    mappings : folder of the firm's own mappings for webhooks, beside those that are shipped
    journal  : what monitoring has decided
    mlflow   : MLflow's tracking address, linked where it is one of the web
    customers : the model of the journey after the sale that serves now
    log_requests : write a line for every request
    """
    settings = settings or AccessSettings()
    app = FastAPI(
        title="Véraison",
        version=__version__,
        summary="How mature is this lead, why, and when will it be ready?",
        docs_url=None,  # both pages would load scripts from elsewhere
        redoc_url=None,
        # FastAPI's own spans and logs would carry addresses with ids in them, wherever somebody sets up OpenTelemetry
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    access = Access(store, clock, settings)
    app.state.sessions = access.sessions
    journal = journal or Journal(None)
    sold_to = Customers(customers, playbook) if customers else None
    leads = Leads(store, models, playbook, clock, journal.folder, sold_to)
    app.include_router(api_leads.router(leads, access, store))
    app.include_router(api_routes.router(leads, access))
    intake = Intake(store, clock)
    desk = Desk(store, intake, playbook, clock)
    records = record.Records(store, models, clock)
    app.include_router(api_feedback.router(leads, access, desk))
    app.include_router(record.api(records, access))
    app.include_router(page_monitoring.api(journal, access))
    app.include_router(report_page.api(REPORTS, journal, access))
    links = CardLinks(store)
    app.include_router(card.api(leads, access, links, settings))
    app.include_router(card.pages(leads, links, settings))
    app.include_router(api.router(leads, intake, access, store, models, Hooks(mappings)))
    app.mount("/static", StaticFiles(directory=pages.HERE / "static"), name="static")
    app.include_router(reference.router(app, settings.public_url))
    app.include_router(login.router(store, access, settings, pages.page))
    app.include_router(pages.router(leads, access))
    app.include_router(page_today.router(leads, access))
    app.include_router(record.pages(records, access))
    app.include_router(page_families.router(leads, access))
    app.include_router(report_page.pages(REPORTS, journal, access))
    app.include_router(page_monitoring.pages(leads, models, journal, access, mlflow))
    app.include_router(page_lead.router(leads, Dossiers(store), access, desk))  # last: an id may hold a slash
    app.add_middleware(paths.Coded)
    app.add_middleware(_Headers, public_url=settings.public_url)
    app.add_middleware(Requests, every=log_requests)
    _explain_errors(app)
    openapi.describe(app, (asked.BatchRequest, asked.ScoreRequest, asked.Message, Said, card.CardAsked))
    return app


def _explain_errors(app: FastAPI) -> None:
    """Every error becomes a problem document, or a page with the same meaning where a person's browser asks."""

    def explained(request: Request, problem: Problem) -> Response:
        return pages.problem_page(request, problem) if pages.wanted(request) else problems.answer(problem)

    @app.exception_handler(Problem)
    def _(request: Request, error: Problem) -> Response:
        if error.status == 429:
            meters.REFUSED.labels(error.kind).inc()
        return explained(request, error)

    @app.exception_handler(LoginNeeded)
    def _(request: Request, needed: LoginNeeded) -> Response:
        return RedirectResponse(needed.address, 303)

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> Response:
        return explained(request, problems.of_status(error.status_code, str(error.detail), error.headers))

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: RequestValidationError) -> Response:
        return explained(request, Problem(422, "invalid", problems.one_sentence(list(error.errors()))))

    @app.exception_handler(UnknownLeadError)
    def _(request: Request, error: UnknownLeadError) -> Response:
        return explained(request, Problem(404, "unknown-lead", str(error)))

    @app.exception_handler(ModelError)
    def _(request: Request, error: ModelError) -> Response:
        _log.warning("no model to score with: %s", error)
        return explained(request, Problem(503, "no-model", "no model serves yet; see GET /v1/status"))

    @app.exception_handler(sa.exc.OperationalError)
    def _(request: Request, error: sa.exc.OperationalError) -> Response:
        _log.error("the store did not answer: %s", error.orig)
        detail = "the store does not answer; nothing was stored; try again"
        return explained(request, Problem(503, "store", detail, {"Retry-After": "5"}))

    @app.exception_handler(Exception)
    def _(request: Request, error: Exception) -> Response:
        detail = "something failed on our side; the server's log says what"
        # this answer does not pass the middleware
        headers = {**_HEADERS, "Content-Security-Policy": POLICY, HEADER: request_id(request.scope) or ""}
        return explained(request, Problem(500, "internal", detail, headers))


class _Headers:
    """What every answer carries: cookies, and policies that keep pages from running, embedding or leaking anything."""

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if is_https(scope, self._public_url):
                    headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers.setdefault(
                    "Cache-Control",
                    "public, max-age=3600" if scope["path"].startswith("/static/") else "no-store",
                )
                for cookie in scope.get(COOKIES, {}).values():
                    headers.append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
