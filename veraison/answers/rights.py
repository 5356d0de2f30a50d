"""What is held of a person, and what was erased."""

from typing import Any

from pydantic import AwareDatetime, Field

from veraison.answers.base import HAPPENED, LEAD, Answer, Count, said


class Erased(Answer):
    """What was erased of a person."""

    lead_id: str = said("The id that was given.", LEAD)
    ids: Count = said("How many ids the person had.", 2)
    rows: dict[str, Count] = said("How many rows of each table are gone.", {"events": 14, "traits": 5})
    clean: bool = said("Whether the bytes have left SQLite's files too.", True)


class IdentityKey(Answer):
    """A value by which people are linked."""

    trait: str = said("Its name.", "email")
    value: str = said("As it was sent.", "anne@acme.example")


class Merge(Answer):
    """An id that goes on as another."""

    id: str = said("The id.", "a-9")
    into: str = said("The id under which it goes on.", LEAD)
    since: AwareDatetime = said("Since when.", HAPPENED)


class Export(Answer):
    """Everything held of a person; as a whole, a body that `POST /v1/batch` takes."""

    lead_id: str = said("The id that was given.", LEAD)
    ids: tuple[str, ...] = said("Every id of the person.", ["L42", "a-9"])
    identity_keys: tuple[IdentityKey, ...] = Field(description="Values by which the person is linked.")
    merged: tuple[Merge, ...] = Field(description="Which ids go on as others.")
    traits: tuple[dict[str, Any], ...] = said(
        "What every message taught.",
        [
            {
                "name": "industry", "value": "retail", "occurred_at": HAPPENED, "known_at": HAPPENED,
                "lead_id": LEAD, "messageId": "m-1",
            }
        ],
    )  # fmt: skip
    batch: tuple[dict[str, Any], ...] = said(
        "The events as Segment messages.",
        [
            {
                "type": "track", "messageId": "m-1", "userId": LEAD, "event": "Quote Requested",
                "timestamp": HAPPENED, "receivedAt": HAPPENED,
            }
        ],
    )  # fmt: skip
    scores: tuple[dict[str, Any], ...] = said("What was served, and the numbers it was made of.", [])
    told: tuple[dict[str, Any], ...] = said("What each subscription was told last.", [])
    messages: tuple[dict[str, Any], ...] = said("The messages that are kept for subscriptions.", [])
    quarantine: tuple[dict[str, Any], ...] = said("What names the person and could not be taken.", [])
