"""Where what sales say of a lead becomes an event, by the same door as all others."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from data.events import MICROS_PER_DAY
from data.journey import Status
from data.store import Store
from serving.feedback import OUTCOMES, Feedback, Outcome, Said, day_of, names_of, newest, role_of
from serving.intake import Intake
from serving.leads import Found, Leads
from serving.problems import Problem
from veraison.playbook import Playbook

REPEATED = MICROS_PER_DAY
"""A lead that is sent back twice in the same words within this time was sent back once."""
CLOSED = (Status.converted, Status.lost, Status.opted_out)
"""A lead that stands so is nobody's to accept or to send back."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of something said: the event it is, and whether that had been said before."""

    lead_id: str
    event_id: str
    event: str
    duplicate: bool


class Desk:
    """Takes what sales say.

    clock : microseconds UTC
    """

    def __init__(self, store: Store, intake: Intake, playbook: Playbook, clock: Callable[[], int]) -> None:
        self._store = store
        self._intake = intake
        self._playbook = playbook
        self._clock = clock

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What can be said: that for which the playbook names an event."""
        return tuple(one for one in OUTCOMES if names_of(self._playbook.journey, one))

    @property
    def today(self) -> date:
        """The day it is, where the firm is."""
        return day_of(self._clock(), self._playbook)

    def read(self, sent: dict[str, Any]) -> Said:
        """What was sent, checked; pydantic's ValidationError, each error under the name of its field."""
        return Said.on(self.today, sent)

    def take(self, leads: Leads, lead_id: str, said: Said, seller: str | None = None) -> Recorded:
        """Store what is said of a lead; durable when it returns.

        leads  : as the one who says it sees them
        seller : who says it, where that is known
        Raises : UnknownLeadError for a lead that is not seen, Problem of status 409 where the playbook names no event
                 for it, the lead is closed or another message has its id, of 422 where the event is refused, of 429
                 where too much comes in
        """
        event = self._event(said.outcome)
        found = leads.found(lead_id, self._clock() + 1)  # what was said this very instant counts as said
        if found.status in CLOSED:
            raise Problem(409, "closed", f"the lead is {found.status.name.replace('_', ' ')}: nothing is left to say")
        before = newest(self._store, found.log, self._playbook.journey, found.as_of).get(found.code)
        if said.messageId is None and before is not None and self._repeats(said, before):
            return Recorded(found.person, before.event_id, event, duplicate=True)
        message = _message(said, found.person, event, before, seller)
        taken = self._intake.take([message])
        leads.renew()
        for refused in taken.rejected:
            raise Problem(422, "invalid", refused.reason)
        if not taken.accepted and not self._is_stored(found, message["messageId"], event):
            raise Problem(409, "taken", "messageId: another message has this id already; give it one of its own")
        return Recorded(found.person, message["messageId"], event, duplicate=not taken.accepted)

    def _is_stored(self, found: Found, event_id: str, event: str) -> bool:
        """Whether an event that was there before is what was said, of this person: not another's, nor another one."""
        history = self._store.history([found.person])
        code = int(history.codes([found.person])[0])
        mine = slice(int(history.offsets[code]), int(history.offsets[code + 1]))
        kinds = [history.kinds[kind] for kind in history.kind[mine].tolist()]
        return (event_id, event) in zip(history.event_ids[mine].to_list(), kinds, strict=True)

    def _event(self, outcome: Outcome) -> str:
        names = names_of(self._playbook.journey, outcome)
        if not names:
            key = role_of(outcome).name
            raise Problem(
                409, "no-such-event", f"the playbook names no event for it; add to [journey] a name for: {key}"
            )
        return names[0]

    def _repeats(self, said: Said, before: Feedback) -> bool:
        same = (said.outcome, said.reason, said.until, said.note or None) == (
            before.outcome, before.reason, before.until, before.note,
        )  # fmt: skip
        return same and (said.outcome == "accepted" or self._clock() - before.at < REPEATED)


def _message(said: Said, person: str, event: str, before: Feedback | None, seller: str | None) -> dict[str, Any]:
    """The Segment message of it. Two that are sent at once in the same words have one id."""
    properties = {
        "reason": said.reason,
        "until": None if said.until is None else said.until.isoformat(),
        "note": said.note or None,
        "actor": seller,
    }
    content = json.dumps([person, event, properties, before and before.event_id])
    return {
        "type": "track",
        "messageId": said.messageId or "feedback-" + hashlib.sha256(content.encode()).hexdigest()[:32],
        "userId": person,
        "event": event,
        "properties": {name: value for name, value in properties.items() if value is not None},
    }
