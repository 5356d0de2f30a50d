"""A client of the HTTP API: typed calls and answers, retries that harm nothing, errors that say what is wrong.

Client       waits for its answers
AsyncClient  the same calls, awaited
Retry        how often a call is made again
ClientError  whatever goes wrong; `veraison.client.errors` draws the tree

Answers are the frozen records of :mod:`veraison.answers`. Importing this needs httpx and pydantic alone; pyarrow only
where a table is asked for.
"""

from veraison.client.awaited import AsyncClient
from veraison.client.errors import (
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProblemError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
    UnreadableError,
)
from veraison.client.retry import Retry
from veraison.client.waiting import Client

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "ConflictError",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "ProblemError",
    "Retry",
    "TooManyError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreachableError",
    "UnreadableError",
]
