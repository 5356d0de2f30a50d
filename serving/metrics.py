"""What metrics may show: routes, never the ids of people in them.

BentoML labels each series with the raw path of the request. So the path is hidden before BentoML's middleware sees it,
and given back to the app.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_PATH = "veraison.path"
_WHOLE = re.compile(
    r"/(v1/(batch|import|track|identify|page|screen|group|alias|score|leads|status))?"
    r"|/(login(/oidc(/back)?)?|logout)"
    r"|/(livez|healthz|readyz|metrics|openapi\.json)"
)
_WITH_IDS = re.compile(r"(?P<route>/v1/leads|/v1/hooks|/leads|/static)/")


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
    """Outermost middleware: hides the path from all that follows, until `named` gives it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": nameless(scope["path"]), _PATH: scope["path"]}
        await self._app(scope, receive, send)


def named(scope: Scope) -> Scope:
    """The scope with the path that was asked for."""
    return {**scope, "path": scope[_PATH]} if _PATH in scope else scope
