"""Version 1 of the HTTP API: events in, scores out. Handlers are thin; what they answer is made elsewhere."""

import re
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from starlette.responses import Response

from data.events import Event, Rejection, isoformat, parse_instant
from data.parse import MAX_ID
from data.store import Store
from features.words import Language
from serving import bodies, formats
from serving.access import Access
from serving.bodies import Body
from serving.details import in_detail
from serving.formats import Accepted
from serving.hooks import Hooks
from serving.intake import Intake, Taken, judged_message
from serving.keys import Key
from serving.leads import Lead, Leads
from serving.models import ModelHolder
from serving.problems import JSON, Problem, ProblemDocument, invalid
from serving.scorer import SHOWN_REASONS, Scores
from serving.trend import with_trends
from veraison import __version__

MAX_BATCH = 1_000
MAX_LEADS = 10_000
MAX_REASONS = 50
MAX_LISTED = 1_000

Asked = TypeVar("Asked", bound=BaseModel)
StatusName = Literal["scored", "too_early", "not_started", "merged", "converted", "lost", "opted_out"]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("an id is printable text")
    return text


LeadId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID), AfterValidator(_printable)]


class BatchRequest(BaseModel):
    """Messages of the Segment spec; other members that Segment's clients send beside them are ignored."""

    batch: list[Any]


class ScoreRequest(BaseModel):
    """Leads by id, or the events themselves."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lead_ids: Annotated[list[LeadId] | None, Field(min_length=1, max_length=MAX_LEADS)] = None
    events: Annotated[list[dict[str, Any]] | None, Field(min_length=1, max_length=MAX_LEADS)] = None
    as_of: str | None = None
    lang: Language = "en"
    reasons: Annotated[int, Field(ge=0, le=MAX_REASONS)] = SHOWN_REASONS
    details: bool | None = None
    trend: bool = False

    @model_validator(mode="after")
    def _says_whom(self) -> "ScoreRequest":
        if self.lead_ids is None and self.events is None:
            raise ValueError('lead_ids or events must say whom to score, such as {"lead_ids": ["L42"]}')
        return self


def moment(text: str, path: str = "as_of") -> int:
    """Microseconds UTC of an asked moment; a Problem of status 422 where it is none between 1970 and 9000."""
    try:
        found = parse_instant(text)
    except ValueError as error:
        raise Problem(422, "invalid", f"{path}: {error}") from None
    if not 0 <= found < parse_instant("9000-01-01T00:00:00Z"):
        raise Problem(422, "invalid", f"{path}: {text!r} is outside 1970 to 9000")
    return found


_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")
"""In a query a plus that is not percent-encoded is a space: ``2026-03-01T09:12:00 01:00``."""


def _asked(text: Annotated[str | None, Query(alias="as_of", max_length=40)] = None) -> int | None:
    if text is None:
        return None
    return moment(_LOST_PLUS.sub("+", text))


AsOf = Annotated[int | None, Depends(_asked)]
Reasons = Annotated[int, Query(ge=0, le=MAX_REASONS)]
LeadPath = Annotated[str, Path(max_length=MAX_ID)]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": text, "content": {"application/problem+json": {}}}
    for status, text in {
        401: "No key, or one that does not hold",
        403: "The key lacks the scope",
        422: "A value is not allowed",
        429: "Too many requests with this key; Retry-After says when to come back",
        503: "There is no model yet",
    }.items()
}
_BODY_PROBLEMS = PROBLEMS | {
    status: PROBLEMS[422] | {"description": text}
    for status, text in {
        400: "Not JSON",
        413: "Too much at once",
        415: "An encoding other than gzip",
        429: "Too much is waiting already, or too many requests with this key; Retry-After says when to try again",
    }.items()
}
_NO_MAPPING: dict[int | str, dict[str, Any]] = {404: PROBLEMS[422] | {"description": "There is no such mapping"}}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: PROBLEMS[422] | {"description": "Nothing of this lead is known at that moment"}
}


def seen_by_reader(leads: Leads, access: Access) -> Any:
    """A route's dependency: the leads as the key of the request sees them, where it may read."""
    may_read = Depends(access.scope("read"))

    async def of_reader(key: Annotated[Key, may_read]) -> Leads:
        return leads.of(key.seller)

    return Depends(of_reader)


def router(leads: Leads, intake: Intake, access: Access, store: Store, models: ModelHolder, hooks: Hooks) -> APIRouter:
    """The routes under ``/v1``, around the parts that answer."""
    found = APIRouter(prefix="/v1")
    may_ingest, may_read = Depends(access.scope("ingest")), Depends(access.scope("read"))
    seen = seen_by_reader(leads, access)

    def batch(key: Annotated[Key, may_ingest], body: Body) -> JSON:
        """Take up to 1,000 messages of the Segment spec; answered when they are durable.

        The same messageId twice is stored once. What cannot be taken is answered with its reason; the rest is taken.
        """
        asked = _read(BatchRequest, body)
        if len(asked.batch) > MAX_BATCH:
            raise Problem(413, "too-large", f"batch: at most {MAX_BATCH:,} messages, not {len(asked.batch):,}")
        return JSON(_taken(intake.take(asked.batch, trusted=key.allows("admin"))))

    for path in ("/batch", "/import"):  # Segment's clients know it by either name
        found.add_api_route(
            path, batch, methods=["POST"], responses=_BODY_PROBLEMS, openapi_extra=_body(BatchRequest),
            operation_id=path[1:], summary="Events in",
        )  # fmt: skip

    def single(kind: str) -> None:
        def one(key: Annotated[Key, may_ingest], body: Body) -> JSON:
            """Take one message of this type."""
            message = {**bodies.table(body), "type": kind}
            return JSON(_taken(intake.take([message], trusted=key.allows("admin"))))

        found.add_api_route(
            f"/{kind}", one, methods=["POST"], responses=_BODY_PROBLEMS,
            openapi_extra=_body(None), operation_id=kind, summary=f"One {kind} message in",
        )  # fmt: skip

    for kind in ("track", "identify", "page", "screen", "group", "alias"):
        single(kind)

    @found.post(
        "/hooks/{mapping}", responses=_BODY_PROBLEMS | _NO_MAPPING, openapi_extra=_body(None),
        operation_id="hook", summary="A sender's own webhook in",
    )  # fmt: skip
    def hook(key: Annotated[Key, may_ingest], mapping: Annotated[str, Path(max_length=100)], body: Body) -> JSON:
        """Take what another system posts as it is: a mapping of the workspace says what it means.

        The body is one JSON object, or an array of at most 1,000. `ignored` counts the rows that the mapping makes
        nothing of.
        """
        records, ignored = hooks.records(mapping, bodies.parsed(body), MAX_BATCH)
        return JSON(_taken(intake.take_records(records)) | {"ignored": ignored})

    @found.post(
        "/score", responses=_BODY_PROBLEMS | formats.DESCRIBED, openapi_extra=_body(ScoreRequest),
        operation_id="score", summary="Scores out, with reasons",
    )  # fmt: skip
    def score(leads: Annotated[Leads, seen], body: Body, accepted: Accepted) -> Response:
        """Score leads by id, or the people in a list of events without storing any of it.

        Scores by id at the service's own moment (no as_of) are kept in the prediction log. With details, which are
        given where one lead is asked for unless they are declined, an answer has what it rests on: the evidence of
        each reason, what is missing, comparisons, and how the score has moved in seven days; with trend the last of
        these is given of many leads too. As Arrow or Parquet, the answer has the columns of `veraison score`.
        """
        asked = _read(ScoreRequest, body)
        as_table = accepted != "json"
        if as_table and (asked.details or asked.trend):
            raise Problem(422, "invalid", "details and trend are no columns; ask for them in JSON")
        as_of = leads.clock() if asked.as_of is None else moment(asked.as_of)
        if asked.events is not None:
            events = _events(asked.events, leads.clock())
            scores, log = leads.from_events(events, as_of, asked.lead_ids)
        else:
            scores, log = leads.scored(asked.lead_ids or [], as_of)
        if not as_table and (len(scores) == 1 if asked.details is None else asked.details):
            rows = [in_detail(scores, log, place, asked.lang, asked.reasons) for place in range(len(scores))]
        else:
            rows = scores.rows(asked.lang, asked.reasons)
            if asked.trend:
                rows = with_trends(rows, scores, log, asked.lang)
        if asked.events is None and asked.as_of is None:
            leads.log(scores, rows)
        if as_table:
            return formats.table(scores.table(asked.lang, asked.reasons), accepted)
        return JSON(answer(scores, as_of) | {"scores": [row.to_dict() for row in rows]})

    @found.get("/leads/{lead_id:path}", responses=PROBLEMS | NOT_FOUND, operation_id="lead", summary="One lead")
    def one_lead(
        leads: Annotated[Leads, seen],
        lead_id: LeadPath,
        as_of: AsOf,
        lang: Language = "en",
        reasons: Reasons = SHOWN_REASONS,
    ) -> JSON:
        """The explained score of one lead, what is known of it, and its visible events, newest first."""
        found = leads.lead(lead_id, leads.clock() if as_of is None else as_of, language=lang, shown=reasons)
        return JSON(_in_detail(found))

    @found.get("/status", dependencies=[may_read], responses=PROBLEMS, operation_id="status", summary="What serves")
    def status() -> JSON:
        """Which model serves, on what it was trained, and what the store holds."""
        return JSON(service_status(store, models))

    return found


def service_status(store: Store, models: ModelHolder) -> dict[str, Any]:
    """The state of the service: the bundle, a newer one that is broken, counts and the newest event."""
    model = None
    if models.ready:
        bundle = models.current()
        model = {
            "version": bundle.version,
            "trained_as_of": bundle.facts.get("as_of"),
            "feature_set": bundle.feature_set.fingerprint,
            "horizons_days": list(bundle.playbook.horizons.days),
            "primary_days": bundle.playbook.horizons.primary,
        }
    newest, broken = store.newest(), models.broken
    return {
        "veraison": __version__,
        "ready": models.ready,
        "model": model,
        "broken_model": None if broken is None else asdict(broken),
        "store": store.counts(),
        "newest_event": None if newest is None else isoformat(newest),
    }


def _read(model: type[Asked], body: bytes) -> Asked:
    try:
        return model.model_validate(bodies.table(body))
    except ValidationError as error:
        raise invalid(error) from None


def _events(messages: list[dict[str, Any]], now: int) -> list[Event]:
    events = []
    for place, message in enumerate(messages):
        one = judged_message(message, place, now=now, received=None)
        if isinstance(one, Rejection):  # a score on a part of a history would be a wrong one
            raise Problem(422, "invalid", f"events.{place}: {one.reason}")
        events.append(one)
    return events


def _taken(taken: Taken) -> dict[str, Any]:
    return {
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": [{"index": one.index, "messageId": one.message_id, "reason": one.reason} for one in taken.rejected],
    }


def answer(scores: Scores, as_of: int) -> dict[str, Any]:
    """What every answer of scores begins with."""
    return {"as_of": isoformat(as_of), "model_version": scores.bundle.version}


def _in_detail(lead: Lead) -> dict[str, Any]:
    return lead.row.to_dict() | {
        "merged_into": lead.merged_into,
        "traits": {name: {"value": value, "since": isoformat(at)} for name, (value, at) in lead.traits.items()},
        "timeline": [
            one | {"occurred_at": isoformat(one["occurred_at"]), "known_at": isoformat(one["known_at"])}
            for one in lead.timeline
        ],
    }


def _body(model: type[BaseModel] | None) -> dict[str, Any]:
    schema = {"type": "object"} if model is None else model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
