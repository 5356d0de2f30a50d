"""An event, or what could not become one, as rows of the tables."""

import hashlib
import json
from typing import Any

from data.domains import domain_of
from data.events import Event, Rejection, Trait
from data.identity import fold

EMAIL, EMAIL_DOMAIN = "email", "email_domain"
_FOLDED_LENGTH = 256

Row = dict[str, Any]


def event_row(event: Event) -> Row:
    """The row of table events."""
    return {
        "event_id": event.event_id,
        "lead_id": event.lead_id,
        "type": event.type,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "known_at": event.known_at,
        "value": event.value,
        "previous_id": event.previous_id,
        "body": _body(event),
        "actor": event.actor,
    }


def _body(event: Event) -> str:
    """What else was said, as JSON that can be sent on: half of a surrogate pair becomes a question mark."""
    said = json.dumps({"properties": event.properties, "traits": event.traits}, ensure_ascii=False)
    return said.encode("utf-8", "replace").decode()


def trait_rows(event: Event) -> list[Row]:
    """The rows of table traits: what was said, and the company that an e-mail address names."""
    said: dict[str, Trait] = dict(event.traits)
    domain = email_domain(said.get(EMAIL))
    if domain is not None:
        said.setdefault(EMAIL_DOMAIN, domain)
    return [
        {
            "event_id": event.event_id,
            "name": name,
            "lead_id": event.lead_id,
            "occurred_at": event.occurred_at,
            "known_at": event.known_at,
            **readings(value),
        }
        for name, value in said.items()
    ]


def email_domain(address: object) -> str | None:
    """The folded domain of an address, None of what is no address.

    >>> email_domain(" Anne.Petit@ACME.fr "), email_domain("acme.fr"), email_domain(7.0)
    ('acme.fr', None, None)
    """
    return domain_of(fold(address)) if isinstance(address, str) and "@" in address else None


def readings(value: Trait) -> Row:
    """A trait as text and, where it is one, as a number: the playbook decides later which of them counts."""
    if isinstance(value, bool):
        text, number = str(value).lower(), float(value)
    elif isinstance(value, str):
        text = value
        try:
            number = float(value)
        except ValueError:
            number = None
        if number is not None and not abs(number) < float("inf"):
            number = None
    else:
        text, number = (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)), value
    return {"text": text, "number": number, "folded": folded(text)}


def folded(text: str) -> str:
    """The normal form by which values are looked up."""
    found = fold(text)
    if len(found) > _FOLDED_LENGTH:  # PostgreSQL indexes no more than 2,704 bytes, and folding can make text longer
        found = hashlib.sha256(found.encode()).hexdigest()
    return found


def quarantine_row(rejection: Rejection) -> Row:
    """The row of table quarantine, named by source, line and text."""
    what = f"{rejection.source}\x00{rejection.line}\x00{rejection.raw}"
    return {
        "quarantine_id": hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "source": _storable(rejection.source),
        "line": rejection.line,
        "reason": _storable(rejection.reason),
        "raw": _storable(rejection.raw),
        "known_at": rejection.known_at,
    }


def _storable(text: str) -> str:
    """The same text, save what PostgreSQL cannot hold: NUL and half of a surrogate pair stay readable as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
