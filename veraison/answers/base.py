"""What all answers have in common, and what an error is."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Chance = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Traits = dict[str, float | bool | str | None]

StatusName = Literal["scored", "too_early", "not_started", "merged", "converted", "lost", "opted_out"]
"""What a lead can be that is known; one of which nothing is known at the moment is ``unknown``."""

LEAD = "L42"
AT = "2026-03-02T08:00:00Z"
HAPPENED = "2026-03-01T09:12:00Z"
MODEL = "20260301T0000-1f0c"


class Answer(BaseModel):
    """One answer, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def said(text: str, example: Any, **more: Any) -> Any:
    return Field(description=text, examples=[example], **more)


class ProblemDocument(Answer):
    """An error, as RFC 9457 has it."""

    type: str = said("What kind of problem it is, stable, for programs.", "urn:veraison:problem:invalid")
    title: str = said("The HTTP status in words.", "Unprocessable Entity")
    status: Annotated[int, Field(ge=400, le=599)] = said("The HTTP status.", 422)
    detail: str = said(
        "One sentence for people: what is wrong, where, and what to do.",
        "as_of: 'yesterday' is not a date; write it as 2026-03-01T09:12:00Z",
    )
