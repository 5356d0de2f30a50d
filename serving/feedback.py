"""What sales find of a lead: accepted, or sent back with a reason. It is stored as an event like any other.

The names of the events are the playbook's (``[journey] ready`` and ``returned``, the first of each), so that what a
seller says on a page, what a CRM posts and what an export holds is one thing to features, labels and monitoring.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from data.events import instant
from data.identity import fold
from data.journey import Role, roles
from data.log import EventLog, Ints
from data.parse import MAX_ID, MAX_TEXT
from data.store import Store
from veraison.playbook import Journey, Playbook

Bools = npt.NDArray[np.bool_]

Outcome = Literal["accepted", "returned"]
Reason = Literal["postponed", "wrong_contact", "not_mature", "no_budget", "other"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
REASONS: tuple[Reason, ...] = get_args(Reason)
FARTHEST = timedelta(days=731)
"""A lead is postponed by two years at most."""
AGREED = date(1970, 1, 2), date(2999, 12, 31)
"""The first and the last day that a lead can be postponed to; other systems write 0001-01-01 where they know none."""
_TODAY = "today"
_ID = StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ID)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _day(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("a day is text such as 2026-03-01")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is not in the calendar") from None


class Said(BaseModel):
    """What is said of a lead, as it comes in; `on` checks it against the day it is said on."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"description": "What is said of a lead."})

    outcome: Outcome = Field(description="Accepted, or sent back.", examples=["returned"])
    reason: Annotated[
        Reason | None,
        Field(validate_default=True, description="Why it is sent back; of `returned` only.", examples=["postponed"]),
    ] = None
    until: Annotated[
        date | None,
        Field(
            validate_default=True, examples=["2026-05-01"],
            description="Of a `postponed` lead the day to call again, after today and within two years.",
        ),
    ] = None  # fmt: skip
    note: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)] | None,
        Field(description="In the seller's words.", examples=["next year at the earliest"]),
    ] = None
    messageId: Annotated[  # noqa: N815 (as Segment writes it)
        Annotated[str, _ID] | None,
        Field(description="The sender's own id of it; said again under it, it is the same.", examples=["f-1"]),
    ] = None

    @staticmethod
    def on(today: date, sent: dict[str, Any]) -> "Said":
        """What was sent on a day, checked; pydantic's ValidationError, each error under the name of its field."""
        return Said.model_validate(sent, context={_TODAY: today})

    @field_validator("until", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        return value if value is None else _day(value)

    @field_validator("reason")
    @classmethod
    def _where_it_belongs(cls, reason: Reason | None, told: ValidationInfo) -> Reason | None:
        outcome = told.data.get("outcome")
        if outcome == "returned" and reason is None:
            raise ValueError(f"a lead is sent back for a reason: {', '.join(REASONS)}")
        if outcome == "accepted" and reason is not None:
            raise ValueError("a lead is accepted without a reason")
        return reason

    @field_validator("until")
    @classmethod
    def _in_time(cls, until: date | None, told: ValidationInfo) -> date | None:
        if told.data.get("reason") != "postponed":
            if until is not None and "reason" in told.data:
                raise ValueError("only what is postponed has a day to come back on")
            return until
        today: date = (told.context or {})[_TODAY]
        if until is None or not today < until <= today + FARTHEST:
            raise ValueError(f"a lead is postponed to a day from {today + timedelta(1)} to {today + FARTHEST}")
        return until


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was last said of a lead, as its events have it, whoever sent them.

    at     : when it was said, microseconds UTC
    reason : of `REASONS`, or as another system calls it; None where there is none
    until  : the day to call again, None where none was given
    """

    event_id: str
    outcome: Outcome
    at: int
    reason: str | None = None
    until: date | None = None
    note: str | None = None


_ROLES: dict[Outcome, Role] = {"accepted": Role.ready, "returned": Role.returned}


def role_of(outcome: Outcome) -> Role:
    """What an outcome means for the journey."""
    return _ROLES[outcome]


def names_of(journey: Journey, outcome: Outcome) -> tuple[str, ...]:
    """The events by which the playbook knows an outcome."""
    names: tuple[str, ...] = getattr(journey, role_of(outcome).name)
    return names


def day_of(at: int, playbook: Playbook) -> date:
    """The day of a moment where the firm is.

    at : microseconds UTC
    """
    return instant(at).astimezone(ZoneInfo(playbook.features.time_zone)).date()


def newest(
    store: Store, log: EventLog, journey: Journey, as_of: int, among: Bools | None = None
) -> dict[int, Feedback]:
    """Of each lead of a log (by its code) what was last said of it, by ``occurred_at``, as known at a moment.

    as_of : microseconds UTC
    among : (leads,) whose is asked for; None for everyone's
    """
    rows = newest_rows(log, journey, as_of)
    wanted = rows >= 0 if among is None else (rows >= 0) & among
    codes = np.flatnonzero(wanted)
    ids = log.event_ids[rows[codes]].to_list()
    bodies = store.bodies(ids)
    found: dict[int, Feedback] = {}
    for code, event_id, row in zip(codes.tolist(), ids, rows[codes].tolist(), strict=True):
        event = {"event_id": event_id, "kind": log.kinds[log.kind[row]], "occurred_at": int(log.occurred[row])}
        said = feedback_of(event | bodies.get(event_id, {}), journey)
        if said is not None:
            found[code] = said
    return found


def newest_rows(log: EventLog, journey: Journey, as_of: int) -> Ints:
    """(leads,) place in a log of each lead's newest visible acceptance or return, -1 where there is none.

    Of two at one instant the return is the newer, as readiness has it (data.journey).
    """
    role = roles(log.kinds, journey)
    said = np.isin(role, [Role.ready, Role.returned])
    rows = np.flatnonzero(said[log.kind] & (log.known < as_of)) if len(log.kinds) else np.empty(0, dtype=np.int64)
    lead = np.searchsorted(log.offsets, rows, side="right") - 1
    order = np.lexsort((rows, role[log.kind[rows]] == Role.returned, log.occurred[rows], lead))
    found = np.full(len(log.leads), -1, dtype=np.int64)
    found[lead[order]] = rows[order]  # of one lead the last stays
    return found


def feedback_of(event: dict[str, Any], journey: Journey) -> Feedback | None:
    """What an event says, as `Store.timeline` tells it, None where it is none of sales'.

    Other systems may write their reasons as they like.

    >>> book = Journey(converted=("Won",), returned=("Lead Returned",))
    >>> event = {"event_id": "m-1", "kind": "Lead Returned", "occurred_at": 7, "properties": {"reason": "Not mature"}}
    >>> feedback_of(event, book).reason
    'not_mature'
    """
    outcome = next((one for one in OUTCOMES if event["kind"] in names_of(journey, one)), None)
    if outcome is None:
        return None
    properties = event.get("properties", {})
    reason, until, note = (properties.get(name) for name in ("reason", "until", "note"))
    try:
        day = _day(until[:10] if isinstance(until, str) else until)
    except ValueError:
        day = None
    return Feedback(
        event_id=event["event_id"],
        outcome=outcome,
        at=event["occurred_at"],
        reason=fold(reason).replace(" ", "_") or None if isinstance(reason, str) else None,
        until=day if isinstance(day, date) and AGREED[0] <= day <= AGREED[1] else None,
        note=note if isinstance(note, str) and note else None,
    )
