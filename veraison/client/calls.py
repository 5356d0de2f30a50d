"""Every call of the API as a record: what is sent, and how the answer is read. Nothing here touches the network."""

import gzip
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Literal, Required, TypedDict, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from pydantic import ValidationError

from veraison import answers
from veraison.answers import Answer
from veraison.client.errors import UnreadableError
from veraison.client.messages import Message, Moment, bodies, complete, encoded, isoformat

T = TypeVar("T")
Told = TypeVar("Told", bound=Answer)

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
MAX_IDS = 10_000
CHUNK = 2_000
"""Leads asked for at once; the service takes five times as many, this keeps an answer below some megabytes."""
_WORTH_PACKING = 1_024


class How(TypedDict, total=False):
    """How leads are scored.

    as_of   : the moment; now where none is given
    lang    : language of the reasons
    reasons : how many; what is left over is one more
    details : evidence, what is missing, comparisons; given of one lead unless declined
    trend   : how each score has moved in seven days
    """

    as_of: Moment
    lang: Literal["en", "fr"]
    reasons: int
    details: bool
    trend: bool


class RoutesHow(TypedDict, total=False):
    """How leads are routed.

    as_of : the moment; now where none is given
    lang  : language of the sentences
    """

    as_of: Moment
    lang: Literal["en", "fr"]


class Finding(TypedDict, total=False):
    """What sales found of a lead.

    outcome    : accepted, or sent back
    reason     : why it is sent back
    until      : of a postponed lead the day to call again
    note       : in the seller's words
    message_id : an id of its own, made where none is given; said again under it, nothing more is stored
    """

    outcome: Required[Literal["accepted", "returned"]]
    reason: Literal["postponed", "wrong_contact", "not_mature", "no_budget", "other"]
    until: date | str
    note: str
    message_id: str


class Wanted(TypedDict, total=False):
    """Which leads are listed, as ``GET /v1/leads`` has it."""

    sort: str
    status: answers.StatusName
    min_score: float
    max_score: float
    grade: str
    owner: str
    changed_since: Moment
    as_of: Moment
    lang: Literal["en", "fr"]
    reasons: int


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and what its answer means.

    again : whether it can be made twice without harm
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    accept: str = JSON
    again: bool = True

    @property
    def content(self) -> bytes | None:
        """The body as it travels."""
        return gzip.compress(self.body, 6, mtime=0) if self.body is not None and self._packed else self.body

    @property
    def headers(self) -> dict[str, str]:
        found = {"Accept": f"{self.accept}, application/problem+json"}
        if self.body is not None:
            found["Content-Type"] = JSON
        return found | ({"Content-Encoding": "gzip"} if self._packed else {})

    @property
    def _packed(self) -> bool:
        return self.body is not None and len(self.body) >= _WORTH_PACKING


# --- events in


def one(message: dict[str, Any]) -> Call[answers.Taken]:
    """One message, to the route of its type."""
    return Call("POST", f"/v1/{message['type']}", _reader(answers.Taken), body=encoded(message))


def batches(messages: Iterable[Message]) -> Iterator[tuple[int, Call[answers.Taken]]]:
    """Messages in as few batches as they fit into, each with the place of its first."""
    for place, body in bodies(messages):
        yield place, Call("POST", "/v1/batch", _reader(answers.Taken), body=body)


def together(parts: Sequence[tuple[int, answers.Taken]]) -> answers.Taken:
    """What became of all batches, places counted through."""
    return answers.Taken(
        accepted=sum(part.accepted for _, part in parts),
        duplicates=sum(part.duplicates for _, part in parts),
        rejected=tuple(
            one.model_copy(update={"index": start + one.index}) for start, part in parts for one in part.rejected
        ),
    )


def hook(mapping: str, said: Any) -> Call[answers.HookTaken]:
    return Call("POST", f"/v1/hooks/{_part(mapping)}", _reader(answers.HookTaken), body=encoded(said))


def feedback(lead_id: str, said: Finding) -> Call[answers.FeedbackTaken]:
    """What sales found; under an id of its own, so that telling it again is telling the same."""
    told: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    told["messageId"] = told.pop("message_id", None) or str(uuid.uuid4())
    until = told.get("until")
    if isinstance(until, datetime):
        raise TypeError("until: a day, without a time")
    if isinstance(until, date):
        told["until"] = until.isoformat()
    return Call("POST", f"/v1/leads/{_part(lead_id)}/feedback", _reader(answers.FeedbackTaken), body=encoded(told))


# --- scores out


def scores(lead_ids: Sequence[str], how: How) -> Iterator[Call[answers.Scores]]:
    """Scores of leads by id, in the order asked, so many at a time."""
    for asked in _asked(lead_ids, how):
        yield Call("POST", "/v1/score", _reader(answers.Scores), body=encoded(asked))


def score_tables(lead_ids: Sequence[str], how: How) -> Iterator[Call[bytes]]:
    """The same as tables in Arrow's form."""
    if how.get("details") or how.get("trend"):
        raise ValueError("details and trend are no columns of a table")
    for asked in _asked(lead_ids, how):
        body = encoded({name: value for name, value in asked.items() if name != "details"})
        yield Call("POST", "/v1/score", lambda answer: answer.content, body=body, accept=ARROW)


def score_events(events: Iterable[Message], lead_ids: Sequence[str] | None, how: How) -> Call[answers.Scores]:
    asked = _plain(how) | {"events": [complete(one) for one in events]}
    if lead_ids is not None:
        asked["lead_ids"] = list(lead_ids)
    return Call("POST", "/v1/score", _reader(answers.Scores), body=encoded(asked))


def leads(wanted: Wanted, limit: int, cursor: str | None) -> Call[answers.LeadsPage]:
    return Call("GET", "/v1/leads", _reader(answers.LeadsPage), query=_query(wanted, limit, cursor))


def lead_tables(wanted: Wanted, limit: int, cursor: str | None) -> Call[tuple[bytes, str | None]]:
    """One page in Arrow's form, and the cursor of the next."""

    def read(answer: httpx.Response) -> tuple[bytes, str | None]:
        return answer.content, _next(answer.headers.get("link", ""))

    return Call("GET", "/v1/leads", read, query=_query(wanted, limit, cursor), accept=ARROW)


def lead(lead_id: str, how: How) -> Call[answers.Lead]:
    if {"details", "trend"} & set(how):
        raise TypeError("one lead is always told in detail")
    query = {name: str(value) for name, value in _plain(how).items()}
    return Call("GET", f"/v1/leads/{_part(lead_id)}", _reader(answers.Lead), query=query)


def qualify(limit: int) -> Call[answers.Qualify]:
    return Call("GET", "/v1/qualify", _reader(answers.Qualify), query={"limit": str(limit)})


def card_link(lead_id: str, days: int, seller: str | None) -> Call[answers.CardLink]:
    body = encoded({"days": days} | ({} if seller is None else {"seller": seller}))
    return Call("POST", f"/v1/leads/{_part(lead_id)}/card-link", _reader(answers.CardLink), body=body)


def record(model_version: str | None) -> Call[answers.HowGood]:
    query = {} if model_version is None else {"model_version": model_version}
    return Call("GET", "/v1/record", _reader(answers.HowGood), query=query)


def monitoring(limit: int, before: int | None) -> Call[answers.Monitoring]:
    query = {"limit": str(limit)} | ({} if before is None else {"before": str(before)})
    return Call("GET", "/v1/monitoring", _reader(answers.Monitoring), query=query)


def routes(how: RoutesHow) -> Call[answers.Routes]:
    return Call("GET", "/v1/routes", _reader(answers.Routes), query=_plain(how))


def reports() -> Call[answers.Reports]:
    return Call("GET", "/v1/reports", _reader(answers.Reports))


def report(name: str) -> Call[answers.WholeReport]:
    return Call("GET", f"/v1/reports/{_part(name)}", _reader(answers.WholeReport))


# --- a person's rights, and the service


def export(lead_id: str) -> Call[answers.Export]:
    return Call("GET", f"/v1/leads/{_part(lead_id)}/export", _reader(answers.Export))


def erase(lead_id: str) -> Call[answers.Erased]:
    """Not to be made twice: of a person who is gone the answer is 404, and what was erased would not be told."""
    return Call("DELETE", f"/v1/leads/{_part(lead_id)}", _reader(answers.Erased), again=False)


def status() -> Call[answers.Status]:
    return Call("GET", "/v1/status", _reader(answers.Status))


# --- parts


def _reader(model: type[Told]) -> Callable[[httpx.Response], Told]:
    def read(answer: httpx.Response) -> Told:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            raise UnreadableError(f"the answer is no {model.__name__} that this client knows (at {where!r})") from None

    return read


def _asked(lead_ids: Sequence[str], how: How) -> Iterator[dict[str, Any]]:
    if isinstance(lead_ids, str):
        raise TypeError("lead_ids is a list of ids, not one text")
    details = how.get("details", len(lead_ids) == 1)  # said aloud, as the last of many parts may be of one lead
    for start in range(0, len(lead_ids), CHUNK):
        yield {"lead_ids": list(lead_ids[start : start + CHUNK])} | _plain(how) | {"details": details}


def _plain(how: How | RoutesHow | Wanted) -> dict[str, Any]:
    """Without what is None, moments as text."""
    found: dict[str, Any] = {name: value for name, value in how.items() if value is not None}
    return found | {name: isoformat(found[name]) for name in ("as_of", "changed_since") if name in found}


def _query(wanted: Wanted, limit: int, cursor: str | None) -> dict[str, str]:
    found = {name: str(value) for name, value in _plain(wanted).items()} | {"limit": str(limit)}
    return found | ({} if cursor is None else {"cursor": cursor})


def _part(text: str) -> str:
    """An id as one part of a path; ValueError where it cannot be one."""
    if not text:
        raise ValueError(f"{text!r} cannot be asked for over HTTP")
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _next(link: str) -> str | None:
    found = re.search(r'<([^>]*)>; rel="next"', link)
    return parse_qs(urlsplit(found[1]).query)["cursor"][0] if found else None
