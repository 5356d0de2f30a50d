"""What the bodies of requests hold."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from data.parse import MAX_ID
from features.words import Language
from serving.scorer import SHOWN_REASONS

MAX_BATCH = 1_000
MAX_LEADS = 10_000
MAX_REASONS = 50

_HAPPENED = "2026-03-01T09:12:00Z"


def printable(text: str) -> str:
    """An id as it was asked for; ValueError where none can be stored that looks like it."""
    if not text.isprintable():
        raise ValueError("an id is printable text")
    return text


LeadId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID),
    AfterValidator(printable),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]+$"}),
]


class Message(BaseModel):
    """A message of the Segment spec; what else Segment's clients send in it is ignored.

    It needs `messageId`, `userId` or `anonymousId`, and a `timestamp`; else it is answered as not taken.
    """

    model_config = ConfigDict(alias_generator=to_camel)

    type: Literal["track", "identify", "page", "screen", "group", "alias"] = Field(
        default="track", description="What kind of message it is.", examples=["track"]
    )
    message_id: str = Field(default="", description="Its own id; the same one twice is stored once.", examples=["m-1"])
    user_id: str = Field(default="", description="The lead.", examples=["L42"])
    anonymous_id: str = Field(default="", description="A visitor whose name is not known yet.", examples=["a-9"])
    timestamp: str = Field(default="", description="When it happened, ISO 8601 with a zone.", examples=[_HAPPENED])
    received_at: str = Field(
        default="", description="When it was received; counts with a key of scope `admin`.", examples=[_HAPPENED]
    )
    event: str = Field(default="", description="What happened; of `track`.", examples=["Pricing Page Viewed"])
    name: str = Field(default="", description="Name of the page or screen; of `page`, `screen`.", examples=["Pricing"])
    group_id: str = Field(default="", description="The company; of `group`.", examples=["acme.fr"])
    previous_id: str = Field(default="", description="The id that goes on as `userId`; of `alias`.", examples=["a-9"])
    properties: dict[str, Any] = Field(
        default={}, description="What is known of the event; `value` is a number of it.", examples=[{"value": 3}]
    )
    traits: dict[str, Any] = Field(
        default={}, description="What is known of the lead; of `identify`, `group`.", examples=[{"industry": "retail"}]
    )
    context: dict[str, Any] = Field(
        default={}, description="Where it came from; its `traits` count as `traits`.", examples=[{"locale": "fr-FR"}]
    )


_MESSAGE = WithJsonSchema({"$ref": "#/components/schemas/Message"})
_OF_TYPE: dict[str, dict[str, Any]] = {
    "track": {"event": "Pricing Page Viewed", "properties": {"value": 3}},
    "identify": {"traits": {"industry": "retail", "employees": 120}},
    "page": {"name": "Pricing"},
    "screen": {"name": "Pricing"},
    "group": {"groupId": "acme.fr", "traits": {"country": "FR"}},
    "alias": {"previousId": "a-9"},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    kind: {"type": kind, "messageId": f"m-{place}", "userId": "L42", "timestamp": _HAPPENED, **more}
    for place, (kind, more) in enumerate(_OF_TYPE.items(), start=1)
}
"""One message of each type."""


class BatchRequest(BaseModel):
    """Messages of the Segment spec; other members that Segment's clients send beside them are ignored."""

    batch: list[Annotated[Any, _MESSAGE]] = Field(
        description=f"At most {MAX_BATCH:,} messages.",
        examples=[[EXAMPLES["track"], EXAMPLES["identify"]]],
        json_schema_extra={"maxItems": MAX_BATCH},
    )


class ScoreRequest(BaseModel):
    """Leads by id, or the events themselves."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"anyOf": [{"required": ["lead_ids"]}, {"required": ["events"]}]}
    )

    lead_ids: list[LeadId] | None = Field(
        default=None, min_length=1, max_length=MAX_LEADS, description="Whom to score.", examples=[["L42", "L43"]]
    )
    events: list[Annotated[dict[str, Any], _MESSAGE]] | None = Field(
        default=None, min_length=1, max_length=MAX_LEADS,
        description="Events to score from alone, without storing anything; of everyone in them, or of `lead_ids`.",
        examples=[[EXAMPLES["track"]]],
    )  # fmt: skip
    as_of: str | None = Field(
        default=None,
        description="The moment of the score; now where it is not given.",
        examples=["2026-03-02T08:00:00Z"],
    )
    lang: Language = Field(default="en", description="Language of the reasons.", examples=["fr"])
    reasons: int = Field(
        default=SHOWN_REASONS, ge=0, le=MAX_REASONS, description="How many reasons; the rest is one more.", examples=[8]
    )
    details: bool | None = Field(
        default=None, description="Evidence, what is missing, comparisons; given for one lead unless declined.",
        examples=[False],
    )  # fmt: skip
    trend: bool = Field(default=False, description="How each score has moved in seven days.", examples=[True])

    @model_validator(mode="after")
    def _says_whom(self) -> "ScoreRequest":
        if self.lead_ids is None and self.events is None:
            raise ValueError('lead_ids or events must say whom to score, such as {"lead_ids": ["L42"]}')
        return self
