"""The card of one lead, for a frame in a CRM: opened by a signed link, and the only page that others may frame."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import HTMLResponse, Response

from data.events import MICROS_PER_DAY, isoformat
from data.identity import fold
from serving import bodies
from serving.access import Access
from serving.bodies import Body
from serving.card_links import LONGEST_DAYS, CardLinks, Link
from serving.keys import Key
from serving.leads import Lead, Leads
from serving.openapi import BODY_PROBLEMS, NOT_FOUND, answers, asks, schema_of
from serving.page_lead import moved
from serving.pages import STATUSES, lead_path, page, shown, wanted, who, words_of
from serving.paths import LeadPath
from serving.points import whole_account
from serving.problems import JSON, Problem, invalid
from serving.settings import AccessSettings
from serving.translations import Words, deferred, sentence
from veraison.answers import CardLink
from veraison.errors import UnknownLeadError

REASONS = 3
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {}"
_ENDED = deferred(
    "This link has ended, or is not for this lead. Open the lead in your CRM again, or ask for a new link."
)
_UNKNOWN = deferred("Nothing is known of this lead any more.")


class CardAsked(BaseModel):
    """For how long a link to a card holds, and whose eyes it sees with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    days: int = Field(default=30, ge=1, le=LONGEST_DAYS, description="Days until the link ends.", examples=[30])
    seller: str | None = Field(
        default=None, min_length=1, max_length=256, examples=["Petit"],
        description="The link shows this seller's leads and those of nobody; a seller's key makes links of its own.",
    )  # fmt: skip


def api(leads: Leads, access: Access, links: CardLinks, settings: AccessSettings) -> APIRouter:
    """``POST /v1/leads/{id}/card-link``."""
    found = APIRouter(prefix="/v1")

    @found.post(
        "/leads/{lead_id:path}/card-link", operation_id="cardLink", summary="A link to the card of a lead",
        responses=answers(CardLink) | BODY_PROBLEMS | NOT_FOUND,
        openapi_extra=asks("read", "scores", schema_of(CardAsked), {"days": 30}),
    )  # fmt: skip
    def linked(
        request: Request, key: Annotated[Key, Depends(access.scope("read"))], lead_id: LeadPath, body: Body
    ) -> JSON:
        """Make a signed link to the card of a lead, for a frame in a CRM; whoever has it sees the card, until it ends.

        It shows the lead as the key's seller, or the seller who is named, sees it at the moment of each look.
        """
        try:
            asked = CardAsked.model_validate(bodies.table(body))
        except ValidationError as error:
            raise invalid(error) from None
        if key.seller is not None and asked.seller is not None and fold(key.seller) != fold(asked.seller):
            raise Problem(403, "forbidden", "seller: a seller's key makes links for this seller alone")
        seller = asked.seller if key.seller is None else key.seller
        leads.of(seller).found(lead_id, leads.clock())
        link = Link(lead_id, seller, leads.clock() + asked.days * MICROS_PER_DAY)
        base = settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return JSON({"lead_id": lead_id, "url": base + address(link, links), "until": isoformat(link.until)})

    return found


def address(link: Link, links: CardLinks) -> str:
    """The path and query of a link."""
    return f"{lead_path(link.lead_id)}/card?token={links.token(link)}"


def pages(leads: Leads, links: CardLinks, settings: AccessSettings) -> APIRouter:
    """``/leads/{id}/card``: no cookie and no key is looked at, the link alone says what may be seen."""
    found = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    policy = {"Content-Security-Policy": POLICY.format(settings.frame_ancestors or "'none'")}

    @found.get("/leads/{lead_id:path}/card")
    def card(request: Request, lead_id: LeadPath, token: Annotated[str, Query(max_length=2_000)] = "") -> Response:
        """The card of one lead, or in a sentence why there is none."""
        words = words_of(request)
        link = links.read(lead_id, token, leads.clock())
        if link is None:
            return _without(request, 403, "card-link", words, _ENDED)
        try:
            lead = _lead(leads.of(link.seller), lead_id, words)
        except UnknownLeadError:
            return _without(request, 404, "unknown-lead", words, _UNKNOWN)
        return _framed(request, _known(lead, words), 200)

    def _without(request: Request, status: int, kind: str, words: Words, text: str) -> Response:
        if not wanted(request):
            raise Problem(status, kind, text)
        return _framed(request, {"row": None, "sentence": words(text)}, status)

    def _framed(request: Request, known: dict[str, Any], status: int) -> Response:
        found = page(request, "card.html", known, status)
        found.headers.update(policy)
        return found

    return found


def _lead(leads: Leads, lead_id: str, words: Words) -> Lead:
    """The lead, or the one that it goes on as: the same person, seen as before."""
    now = leads.clock()
    lead = leads.lead(lead_id, now, language=words.language)
    if lead.merged_into is None:
        return lead
    return leads.lead(lead.merged_into, now, language=words.language)


def _known(lead: Lead, words: Words) -> dict[str, Any]:
    row = lead.row
    if row.status == "opted_out":  # nothing of who wants no profile but that
        return {"row": None, "sentence": words(STATUSES[row.status])}
    told = moved(row, words)
    return {
        "row": shown(row, lead.bundle, words),
        "sentence": words(STATUSES[row.status]) if row.status in STATUSES else "",
        "who": who(lead.traits),
        "moved": "" if told is None else told["sentence"],
        "reasons": [
            {"text": sentence(one.text), "points": words.points(points), "rises": one.points > 0}
            for one, points in zip(row.reasons[:REASONS], whole_account(row)[1], strict=False)
        ],
        "moment": words.moment(row.as_of),
    }
