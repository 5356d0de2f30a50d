"""The right of access: everything that is held of one person, as one document that can be taken elsewhere."""

import json
import re
from typing import Any

import numpy as np
import sqlalchemy as sa

from data.events import isoformat
from data.identity import Identity
from data.person import Person
from data.schema import events, outbox, pushed, scores
from data.snapshot import Snapshot, parts
from data.store import Store
from veraison.errors import UnknownLeadError

_SEEN = re.compile(r"Viewed (?:(.*) )?(?:Page|Screen)", re.DOTALL)


def export(store: Store, lead_id: str) -> dict[str, Any]:
    """What is held of the person behind an id, whichever of its ids that is.

    ``batch`` holds its events as Segment messages, in the order of a history: the document as a whole is a body that
    ``POST /v1/batch`` takes, or a line of a file for ``veraison ingest``. Moments are ISO 8601 text.

    Raises UnknownLeadError where nothing is held.
    """
    with store.reading() as connection:
        person = Person.of(connection, lead_id, store.identity_keys)
        statements, _ = Snapshot(connection, store.identity_keys).linked([lead_id])
        found = {
            "batch": [message(row) for row in _rows(connection, events, person.ids, "known_at", "occurred_at")],
            "scores": [_score(row) for row in _rows(connection, scores, person.ids, "as_of", "model_version")],
            "told": [_told(row) for row in _rows(connection, pushed, person.ids, "lead_id")],
            "messages": [_pushed(row) for row in _rows(connection, outbox, person.ids, "created_at")],
            "quarantine": [
                {
                    "source": row.source,
                    "line": row.line,
                    "reason": row.reason,
                    "raw": row.raw,
                    "known_at": None if row.known_at is None else isoformat(row.known_at),
                }
                for row in person.quarantined(connection)
            ],
        }
    if not any(found.values()):
        raise UnknownLeadError(f"nothing is held of a lead {lead_id!r}")
    merged = Identity(statements).merged
    return {
        "lead_id": lead_id,
        "ids": list(person.ids),
        "identity_keys": [{"trait": trait, "value": text} for trait, text, _ in person.keys],
        "merged": [
            {"id": one, "into": merged[one][0], "since": isoformat(merged[one][1])}
            for one in person.ids
            if one in merged
        ],
        "traits": _traits(found["batch"]),
        **found,
    }


def message(row: Any) -> dict[str, Any]:
    """The Segment message that makes an event of table ``events`` again."""
    body = json.loads(row.body)
    said: dict[str, Any] = {
        "type": row.type,
        "messageId": row.event_id,
        "userId": row.lead_id,
        "timestamp": isoformat(row.occurred_at),
        "receivedAt": isoformat(row.known_at),
    }
    if row.type == "alias":
        said["previousId"] = row.previous_id or row.lead_id
    elif row.previous_id is not None:
        said["anonymousId"] = row.previous_id
    if row.type == "track":
        said["event"] = row.kind
    elif row.type in ("page", "screen"):
        seen = _SEEN.fullmatch(row.kind)
        said["name"] = (seen and seen[1]) or ""
    elif row.type == "group":
        said["groupId"] = body["traits"].get("group_id")
    return said | {name: content for name, content in body.items() if content}


def _rows(connection: sa.Connection, table: sa.Table, ids: tuple[str, ...], *order: str) -> list[Any]:
    found: list[Any] = []
    for part in parts(ids):
        found += connection.execute(sa.select(table).where(table.c.lead_id.in_(part)))
    key = next(iter(table.primary_key)).name
    return sorted(found, key=lambda row: tuple(getattr(row, name) for name in (*order, key)))


def _traits(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What every message taught, one trait a row."""
    return [
        {"name": name, "value": value, "occurred_at": one["timestamp"], "known_at": one["receivedAt"]}
        | {"lead_id": one["userId"], "messageId": one["messageId"]}
        for one in batch
        for name, value in one.get("traits", {}).items()
    ]


def _score(row: Any) -> dict[str, Any]:
    """A logged score: what was served, and the numbers it was made of in the order of the feature set."""
    vector = [] if row.vector is None else np.frombuffer(row.vector, dtype="<f8").tolist()
    return {
        "logged_at": isoformat(row.logged_at),
        "feature_set": row.feature_set,
        "features": [None if number != number else number for number in vector],  # noqa: PLR0124 (NaN)
        "answer": json.loads(row.answer),
    }


def _told(row: Any) -> dict[str, Any]:
    """What a subscription was last told."""
    told: dict[str, Any] = row._asdict()
    return told | {"as_of": isoformat(row.as_of)}


def _pushed(row: Any) -> dict[str, Any]:
    """A message to a subscription, delivered or not."""
    return {
        "subscription": row.subscription,
        "lead_id": row.lead_id,
        "created_at": isoformat(row.created_at),
        "delivered_at": None if row.delivered_at is None else isoformat(row.delivered_at),
        "body": json.loads(row.body),
    }
