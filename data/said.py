"""What sales said of leads, all of it: each acceptance and return, with its reason and what it carries.

A lead that was sent back is left alone for a while, as `[returns]` of the playbook says of the reason: as a rule until
the day agreed where it was postponed, for ever where the contact is wrong, else for some weeks. It may be handed over
anew then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY, micros
from data.identity import fold
from data.journey import Role, roles
from data.log import NEVER, EventLog, Ints
from veraison.playbook import Playbook
from veraison.playbook_returns import ALWAYS, Return, follows

Bools = npt.NDArray[np.bool_]
Bodies = Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
"""Of these events what else was said (`data.store.Store.bodies`)."""


@dataclass(frozen=True)
class Said:
    """(n,) acceptances and returns of leads, in the order of their histories.

    lead      : code in the log
    row       : place of the event in the log
    returned  : whether it is a return
    reason    : as `reason_of` writes it; None where there is none, and of acceptances
    quiet     : (n,) until when (microseconds UTC) the lead is left alone after it; 0 after an acceptance
    carries   : names of the properties that say something
    """

    lead: Ints
    row: Ints
    returned: Bools
    reason: tuple[str | None, ...]
    quiet: Ints
    carries: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.lead)


def nothing_more(_: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Of no event anything else is known."""
    return {}


def said(log: EventLog, playbook: Playbook, bodies: Bodies = nothing_more, *, before: int, since: int = 0) -> Said:
    """What sales said, as known at a moment.

    bodies : what else the events say
    before : microseconds UTC; what became known at it or later is not seen
    since  : what happened earlier is left out
    """
    role = roles(log.kinds, playbook.journey)
    mine = np.isin(role, [Role.ready, Role.returned])
    rows = (
        np.flatnonzero(mine[log.kind] & (log.known < before) & (log.occurred >= since))
        if len(log.kinds)
        else np.empty(0, dtype=np.int64)
    )
    returned = role[log.kind[rows]] == Role.returned
    ids = log.event_ids[rows].to_list()
    found = bodies(ids)
    told = [found.get(one, {}).get("properties") or {} for one in ids]
    zone = ZoneInfo(playbook.features.time_zone)
    reasons = tuple(
        reason_of(one.get("reason")) if back else None for one, back in zip(told, returned.tolist(), strict=True)
    )
    quiet = [
        _quiet(follows(playbook.returns, reason), one.get("until"), at, zone) if back else 0
        for reason, one, at, back in zip(reasons, told, log.occurred[rows].tolist(), returned.tolist(), strict=True)
    ]
    return Said(
        lead=np.searchsorted(log.offsets, rows, side="right") - 1,
        row=rows,
        returned=returned,
        reason=reasons,
        quiet=np.array(quiet, dtype=np.int64),
        carries=tuple(frozenset(_full(one)) for one in told),
    )


def reason_of(value: object) -> str | None:
    """A reason as it is counted: other systems write theirs as they like.

    >>> reason_of(" Not mature"), reason_of(3)
    ('not_mature', None)
    """
    return fold(value).replace(" ", "_") or None if isinstance(value, str) else None


def _full(properties: Mapping[str, Any]) -> Iterable[str]:
    return (name for name, value in properties.items() if value is not None and value != "")


def _quiet(rule: Return, until: object, at: int, zone: ZoneInfo) -> int:
    """Until when a lead is left alone after a return."""
    if rule.on_date and isinstance(until, str):
        try:
            day = date.fromisoformat(until[:10])
            return micros(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))
        except (ValueError, OverflowError):  # no day: as if none had been agreed
            pass
    return NEVER if rule.days == ALWAYS else at + int(rule.days) * MICROS_PER_DAY
