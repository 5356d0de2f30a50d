"""When a call is made again, and how long is waited before."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_WORTH = frozenset({429, 502, 503, 504})
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_OURS = b"urn:veraison:problem:"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call is made again.

    attempts : calls in all, 1 for no second one
    first    : seconds before the second; doubled each time, of which a random half to the whole is waited
    longest  : seconds; where the service asks for a longer wait, its answer is raised at once
    chance   : numbers in [0; 1[

    Only what can be made twice without harm is: reading, and messages, which the service knows by their ids. A call
    that cannot is made again where it surely was not carried out: no connection, or an answer that says so.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def after_failure(self, attempt: int, error: httpx.TransportError, *, again: bool) -> float | None:
        """Seconds to wait after a call that was not answered, None where that was the last.

        attempt : from 1
        again   : whether the call can be made twice without harm

        >>> Retry(chance=lambda: 0.0).after_failure(2, httpx.ReadTimeout("slow"), again=True)
        0.5
        >>> Retry().after_failure(1, httpx.ReadTimeout("slow"), again=False) is None
        True
        """
        if attempt >= self.attempts or isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return None
        return self._backoff(attempt) if again or isinstance(error, _UNSENT) else None

    def after_answer(self, attempt: int, answer: httpx.Response, *, again: bool, now: datetime) -> float | None:
        """Seconds to wait after an answer that is no success, None where it is the last word."""
        if attempt >= self.attempts or answer.status_code not in _WORTH:
            return None
        asked = retry_after(answer, now)
        if asked is None:
            final = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and _OURS in answer.content
            return self._backoff(attempt) if again and not final else None  # ours says when where it is worth it
        if asked > self.longest or not (again or _OURS in answer.content):
            return None
        return asked + self._backoff(attempt) / 2  # those who were told the same do not all come back at once

    def _backoff(self, attempt: int) -> float:
        return float(min(self.longest, self.first * 2.0 ** (attempt - 1)) * (0.5 + self.chance() / 2))


def retry_after(answer: httpx.Response, now: datetime) -> float | None:
    """Seconds of the header ``Retry-After``, which may be a date; None where it says nothing usable.

    >>> retry_after(httpx.Response(429, headers={"Retry-After": "2"}), datetime.now(UTC))
    2.0
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds())
