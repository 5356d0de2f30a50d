"""What became of what was sent in."""

from typing import Literal

from pydantic import ConfigDict, Field

from veraison.answers.base import LEAD, Answer, Count, said


class Refused(Answer):
    """A message that was not taken; it is kept in quarantine, unless it is of a person who was erased."""

    index: Count = said("Its place in the batch, from 0.", 1)
    message_id: str | None = said("Its `messageId`, null where it has none that is text.", "m-2", alias="messageId")
    reason: str = said("Why it was not taken.", "event is missing: a track message says what happened")

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Taken(Answer):
    """What became of the messages that were sent."""

    accepted: Count = said("Messages stored now; they are durable.", 1)
    duplicates: Count = said("Messages whose `messageId` was stored before, or twice in this batch.", 0)
    rejected: tuple[Refused, ...] = Field(description="Messages that were not taken, each with its reason.")


class HookTaken(Taken):
    """What became of a webhook's objects."""

    ignored: Count = said("Objects that the mapping makes nothing of.", 0)


class FeedbackTaken(Answer):
    """What became of what sales said of a lead."""

    lead_id: str = said("The lead it is stored for.", LEAD)
    event: str = said("The event it became, as the playbook names it.", "Lead Returned")
    message_id: str = said("Its `messageId`; said again under it, nothing more is stored.", "m-9", alias="messageId")
    outcome: Literal["accepted", "returned"] = said("What was said.", "returned")
    duplicate: bool = said("Whether it was stored before.", False)

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
