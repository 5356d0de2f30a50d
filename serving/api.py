"""Version 1 of the HTTP API: events in, scores out. Handlers are thin; what they answer is made elsewhere."""

import re
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from data.events import Event, Rejection, isoformat, parse_instant
from data.journey import Status
from data.store import Store
from features.words import Language
from serving import bodies, formats, meters, scoring
from serving.access import Access
from serving.asked import EXAMPLES, MAX_BATCH, MAX_REASONS, BatchRequest, Message, ScoreRequest
from serving.bodies import Body
from serving.formats import Accepted, Format
from serving.hooks import Hooks
from serving.intake import Intake, Taken, judged_message
from serving.keys import Key
from serving.leads import Lead, Leads
from serving.models import ModelHolder
from serving.openapi import (
    BODY_PROBLEMS,
    HOOK_EXAMPLE,
    HOOKED,
    NO_MAPPING,
    NOT_FOUND,
    PROBLEMS,
    answers,
    asks,
    example,
    schema_of,
)
from serving.paths import LeadPath
from serving.problems import JSON, Problem, invalid
from serving.questions import next_question
from serving.scorer import SHOWN_REASONS
from serving.scoring import Question
from serving.together import Together
from serving.translations import Words
from veraison import __version__
from veraison import answers as told
from veraison.playbook import Playbook

MAX_LISTED = 1_000
SMALL_BODY = 16_384

Asked = TypeVar("Asked", bound=BaseModel)


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


_MOMENT = Query(
    alias="as_of", max_length=40,
    description="The moment to look from, ISO 8601 with a zone; now where none is given.",
    examples=["2026-03-02T08:00:00Z"], json_schema_extra={"format": "date-time"},
)  # fmt: skip


def _asked(text: Annotated[str | None, _MOMENT] = None) -> int | None:
    if text is None:
        return None
    return moment(_LOST_PLUS.sub("+", text))


AsOf = Annotated[int | None, Depends(_asked)]
Lang = Annotated[Language, Query(description="Language of the reasons.", examples=["fr"])]
Reasons = Annotated[
    int, Query(ge=0, le=MAX_REASONS, description="How many reasons; the rest is one more.", examples=[8])
]
MappingPath = Annotated[
    str, Path(max_length=100, description="Name of the mapping, without `.toml`.", examples=["hubspot"])
]


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
    together = Together(scoring.answers)

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
            path, batch, methods=["POST"], responses=answers(told.Taken) | BODY_PROBLEMS, operation_id=path[1:],
            summary="Events in", openapi_extra=asks("ingest", "events", schema_of(BatchRequest), example(BatchRequest)),
        )  # fmt: skip

    def single(kind: str) -> None:
        def one(key: Annotated[Key, may_ingest], body: Body) -> JSON:
            """Take one message of this type."""
            message = {**bodies.table(body), "type": kind}
            return JSON(_taken(intake.take([message], trusted=key.allows("admin"))))

        found.add_api_route(
            f"/{kind}", one, methods=["POST"], responses=answers(told.Taken) | BODY_PROBLEMS, operation_id=kind,
            summary=f"One {kind} message in",
            openapi_extra=asks("ingest", "events", schema_of(Message), EXAMPLES[kind]),
        )  # fmt: skip

    for kind in ("track", "identify", "page", "screen", "group", "alias"):
        single(kind)

    @found.post(
        "/hooks/{mapping}", responses=answers(told.HookTaken) | BODY_PROBLEMS | NO_MAPPING, operation_id="hook",
        openapi_extra=asks("ingest", "events", HOOKED, HOOK_EXAMPLE), summary="A sender's own webhook in",
    )  # fmt: skip
    def hook(key: Annotated[Key, may_ingest], mapping: MappingPath, body: Body) -> JSON:
        """Take what another system posts as it is: a mapping of the workspace says what it means.

        The body is one JSON object, or an array of at most 1,000. `ignored` counts the rows that the mapping makes
        nothing of.
        """
        records, ignored = hooks.records(mapping, bodies.parsed(body), MAX_BATCH)
        return JSON(_taken(intake.take_records(records)) | {"ignored": ignored})

    @found.post(
        "/score", responses=answers(told.Scores, tables=formats.COLUMNS) | BODY_PROBLEMS, operation_id="score",
        openapi_extra=asks("read", "scores", schema_of(ScoreRequest), {"lead_ids": ["L42"], "lang": "fr"}),
        summary="Scores out, with reasons",
    )  # fmt: skip
    async def score(leads: Annotated[Leads, seen], body: Body, accepted: Accepted) -> Response:
        """Score leads by id, or the people in a list of events without storing any of it.

        Scores by id at the service's own moment (no as_of) are kept in the prediction log. With details, which are
        given where one lead is asked for unless they are declined, an answer has what it rests on: the evidence of
        each reason, what is missing, comparisons, and how the score has moved in seven days; with trend the last of
        these is given of many leads too. As Arrow or Parquet, the answer has the columns of `veraison score`.
        """
        if len(body) > SMALL_BODY:  # the loop answers others meanwhile
            return await run_in_threadpool(lambda: scoring.answer(_question(leads, body, accepted)))
        asked = _question(leads, body, accepted)
        return await (together.ask(asked) if asked.is_small else run_in_threadpool(scoring.answer, asked))

    @found.get(
        "/leads/{lead_id:path}", responses=answers(told.Lead) | PROBLEMS | NOT_FOUND, operation_id="lead",
        openapi_extra=asks("read", "scores"), summary="One lead",
    )  # fmt: skip
    def one_lead(
        leads: Annotated[Leads, seen],
        lead_id: LeadPath,
        as_of: AsOf,
        lang: Lang = "en",
        reasons: Reasons = SHOWN_REASONS,
    ) -> JSON:
        """The explained score of one lead, what is known of it, and its visible events, newest first."""
        found = leads.lead(lead_id, leads.clock() if as_of is None else as_of, language=lang, shown=reasons)
        row = found.row
        meters.scored([Status[row.status]], [] if row.score is None else [row.score])
        return JSON(_in_detail(found, leads.playbook, lang))

    @found.get(
        "/status", dependencies=[may_read], responses=answers(told.Status) | PROBLEMS, operation_id="status",
        openapi_extra=asks("read", "service"), summary="What serves",
    )  # fmt: skip
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


def _question(leads: Leads, body: bytes, form: Format) -> Question:
    asked = _read(ScoreRequest, body)
    if form != "json" and (asked.details or asked.trend):
        raise Problem(422, "invalid", "details and trend are no columns; ask for them in JSON")
    return Question(
        leads=leads,
        lead_ids=asked.lead_ids,
        events=None if asked.events is None else _events(asked.events, leads.clock()),
        as_of=leads.clock() if asked.as_of is None else moment(asked.as_of),
        language=asked.lang,
        reasons=asked.reasons,
        details=asked.details,
        trend=asked.trend,
        form=form,
        logged=asked.events is None and asked.as_of is None,
    )


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


def _in_detail(lead: Lead, playbook: Playbook, language: Language) -> dict[str, Any]:
    return (
        lead.row.to_dict()
        | _what_next(lead, playbook, language)
        | {
            "merged_into": lead.merged_into,
            **({} if lead.after_sale is None else {"after_sale": lead.after_sale.to_dict()}),
            "traits": {name: {"value": value, "since": isoformat(at)} for name, (value, at) in lead.traits.items()},
            "timeline": [
                one | {"occurred_at": isoformat(one["occurred_at"]), "known_at": isoformat(one["known_at"])}
                for one in lead.timeline
            ],
        }
    )


def _what_next(lead: Lead, playbook: Playbook, language: Language) -> dict[str, Any]:
    """What to do with a lead: its family, what to ask it, whether it may be contacted; what there is of them."""
    found: dict[str, Any] = {}
    if lead.family is not None:
        found["family"] = lead.family.to_dict(playbook, Words(language))
    if (asked := next_question(lead.scores)) is not None:
        found["ask_next"] = asdict(asked)
    if playbook.consent.is_asked:
        found["may_contact"] = lead.permitted
    return found
