"""Version 1 of the HTTP API, the way back: what sales found of a lead."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError

from serving import bodies
from serving.access import Access
from serving.bodies import Body
from serving.desk import Desk
from serving.feedback import Said
from serving.keys import Key
from serving.leads import Leads
from serving.openapi import BODY_PROBLEMS, NOT_FOUND, Described, answers, asks, problem, schema_of
from serving.paths import LeadPath
from serving.problems import JSON, invalid
from veraison.answers import FeedbackTaken

_CONFLICT: Described = {409: problem("The lead is closed, or the playbook names no event for what is said")}
_EXAMPLE = {"outcome": "returned", "reason": "no_budget", "note": "next year at the earliest"}


def router(leads: Leads, access: Access, desk: Desk) -> APIRouter:
    """``POST /v1/leads/{id}/feedback``."""
    found = APIRouter(prefix="/v1")

    @found.post(
        "/leads/{lead_id:path}/feedback", operation_id="feedback", summary="What sales found",
        responses=answers(FeedbackTaken) | BODY_PROBLEMS | NOT_FOUND | _CONFLICT,
        openapi_extra=asks("ingest", "events", schema_of(Said), _EXAMPLE),
    )  # fmt: skip
    def feedback(key: Annotated[Key, Depends(access.judge)], lead_id: LeadPath, body: Body) -> JSON:
        """Say that sales have accepted a lead, or why they send it back; answered when it is durable.

        It becomes an event of the lead, under the name that the playbook gives such events, and reaches training like
        any other. The same messageId twice is stored once. Without one, what repeats the newest word on the lead is
        not stored again: an acceptance at any time, a return within a day.
        """
        sent = bodies.table(body)
        try:
            said = desk.read(sent)
        except ValidationError as error:
            raise invalid(error) from None
        taken = desk.take(leads.of(key.seller), lead_id, said, key.seller)
        told = {"lead_id": taken.lead_id, "event": taken.event, "messageId": taken.event_id}
        return JSON(told | {"outcome": said.outcome, "duplicate": taken.duplicate})

    return found
