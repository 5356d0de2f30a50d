"""What a client is told when something is wrong: RFC 9457 ``application/problem+json``, one clear sentence each.

A problem never carries a stack trace, a path of the server, or anything personal beyond the id that was asked for.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

CHALLENGE = 'Bearer realm="veraison", Basic realm="veraison", charset="UTF-8"'


class Problem(Exception):  # noqa: N818 (the RFC's word)
    """An answer that is not what was asked for.

    kind   : last part of the type's URN, stable, for programs
    detail : one sentence for people
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": f"urn:veraison:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }


class JSON(Response):
    """An answer as JSON whose floats read back to the same bits; NaN is a defect and raises.

    ASCII only: what senders wrote may hold half of a surrogate pair, which UTF-8 has no bytes for.
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ProblemJSON(JSON):
    media_type = "application/problem+json"


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    return ProblemJSON(problem.to_dict(), problem.status, problem.headers)


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem that a bare HTTP status amounts to: 404 and 405 of the router."""
    found = HTTPStatus(status)
    sentence = {
        404: "there is nothing at this address",
        405: "this address does not take that method",
    }.get(status, detail)
    return Problem(status, found.phrase.lower().replace(" ", "-"), sentence, headers)


def unauthorized(detail: str, challenge: str = CHALLENGE) -> Problem:
    return Problem(401, "unauthorized", detail, {"WWW-Authenticate": challenge})


def invalid(error: ValidationError) -> Problem:
    """What a body or a query has wrong, in one sentence that begins with the path of the field."""
    return Problem(422, "invalid", one_sentence(error.errors(include_url=False, include_context=False)))


def one_sentence(errors: list[Any]) -> str:
    first, *others = errors
    path = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    sentence = f"{path}: {message}" if path else message
    return sentence + (f" (and {len(others)} more)" if others else "")
