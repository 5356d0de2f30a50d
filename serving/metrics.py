"""What metrics may show: routes, never the ids of people in them.

BentoML labels each series with the raw path of the request, and its spans with all of the address and who asks. So all
that may name somebody is hidden before BentoML's middleware sees a request, and given back to the app.
"""

import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

_WHOLE_SCOPE = "veraison.scope"
_TOLD = (b"traceparent", b"tracestate")
_WHOLE = re.compile(
    r"/(v1/(batch|import|track|identify|page|screen|group|alias|score|leads|record|monitoring|reports|routes|qualify|status))?"
    r"|/(today|leads|record(/chart\.svg)?|reports|monitoring(/(conversions|scores|events)\.svg|/drift\.html)?)"
    r"|/(login(/oidc(/back)?)?|logout)"
    r"|/(livez|healthz|readyz|metrics|openapi\.json|docs)"
    r"|/(journey(/(flow|time)\.svg)?|forecast(/(sales|ready)\.svg)?|maturity(/(share|weeks)\.svg)?)"
    r"|/(contract(/(volume|bound)\.svg)?|families(/(leads\.svg|forgotten))?|money(/(sources|touches)\.svg)?)"
)
_WITH_IDS = re.compile(r"(?P<route>/v1/leads|/v1/hooks|/v1/reports|/leads|/static)/")


def nameless(path: str) -> str:
    """A path as a metric may show it: no id, and no more different ones than there are routes.

    >>> nameless("/v1/leads/anne@acme.fr"), nameless("/v1/score"), nameless("/wp-admin")
    ('/v1/leads/{}', '/v1/score', '/{}')
    """
    if _WHOLE.fullmatch(path):
        return path
    found = _WITH_IDS.match(path)
    return f"{found['route']}/{{}}" if found else "/{}"


class Nameless:
    """Outermost middleware: hides the request from all that follows but its route, until `named` gives it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = nameless(scope["path"])
            scope = {
                **scope,
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": [one for one in scope["headers"] if one[0] in _TOLD],
                "client": None,
                _WHOLE_SCOPE: scope,
            }
        await self._app(scope, receive, send)


class Fresh:
    """Middleware that sees to it that what has an age is looked up when metrics are asked for."""

    def __init__(self, app: ASGIApp, look: Callable[[], None]) -> None:
        self._app = app
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/metrics":
            await run_in_threadpool(self._look)
        await self._app(scope, receive, send)


def named(scope: Scope) -> Scope:
    """The scope as it came."""
    whole: Scope | None = scope.get(_WHOLE_SCOPE)
    return scope if whole is None else whole
