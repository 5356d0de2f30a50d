"""What can go wrong when a service is asked.

ClientError                anything below
├── UnreachableError       no answer came, or it broke off
├── UnreadableError        an answer came that this client does not understand
└── ProblemError           the service answered with a problem document
├── InvalidError       400, 406, 413, 415, 422: what was sent cannot be used
├── UnauthorizedError  401: no key, or one that does not hold
├── ForbiddenError     403: the key lacks the scope
├── NotFoundError      404: there is no such lead or mapping
├── ConflictError      409: another model serves than the one that made the page before
├── TooManyError       429: too many requests; `retry_after` says when to come back
└── UnavailableError   5xx: there is no model yet, or something failed on the service's side
"""

from collections.abc import Mapping

import httpx
from pydantic import ValidationError

from veraison.answers import ProblemDocument

_MAX_DETAIL = 300


class ClientError(Exception):
    """Something went wrong between this client and the service."""


class UnreachableError(ClientError):
    """No answer came in time, or the connection broke."""


class UnreadableError(ClientError):
    """The answer is not one that this version of the client knows."""


class ProblemError(ClientError):
    """The service says what is wrong.

    problem     : the document
    retry_after : seconds to wait before another try, None where none is told
    """

    def __init__(self, problem: ProblemDocument, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["ProblemError"], tuple[ProblemDocument, float | None]]:
        return type(self), (self.problem, self.retry_after)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def kind(self) -> str:
        """The last part of the problem's type, stable, for programs."""
        return self.problem.type.rpartition(":")[2]


class InvalidError(ProblemError):
    """What was sent cannot be used."""


class UnauthorizedError(ProblemError):
    """There is no key, or it does not hold."""


class ForbiddenError(ProblemError):
    """The key lacks the scope."""


class NotFoundError(ProblemError):
    """There is no such lead or mapping."""


class ConflictError(ProblemError):
    """Another model serves than the one that made the page before; begin the list again."""


class TooManyError(ProblemError):
    """Too many requests."""


class UnavailableError(ProblemError):
    """There is no model yet, or something failed on the service's side."""


_OF_STATUS: Mapping[int, type[ProblemError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: TooManyError,
}


def of_answer(answer: httpx.Response, retry_after: float | None = None) -> ClientError:
    """The error that an answer other than a success amounts to.

    >>> of_answer(httpx.Response(404, json={"type": "urn:x:unknown-lead", "title": "Not Found", "status": 404,
    ...                                     "detail": "no lead 'x'"}))
    NotFoundError("404 Not Found: no lead 'x'")
    """
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return UnreadableError(f"the service answered {answer.status_code}, which no address of the API does")
    try:
        problem = ProblemDocument.model_validate_json(answer.content)
    except ValidationError:  # of a proxy before the service
        text = answer.text.strip()[:_MAX_DETAIL] or "no more is said"
        status = answer.status_code
        problem = ProblemDocument(type="about:blank", title=answer.reason_phrase, status=status, detail=text)
    kind = _OF_STATUS.get(answer.status_code) or (UnavailableError if answer.is_server_error else InvalidError)
    return kind(problem, retry_after)
