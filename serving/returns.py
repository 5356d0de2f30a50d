"""What sales' last word on a lead means for calling it: from when on, and whether a day was agreed (`[returns]`)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from data.events import MICROS_PER_DAY, micros
from data.families import Heard
from data.log import NEVER
from serving.feedback import Feedback
from veraison.playbook import Playbook
from veraison.playbook_returns import ALWAYS, Return, follows

ACTIVE_DAYS = 14
"""A lead that has not acted itself for longer is not worth a call now; nor is one whose agreed day is longer ago."""


def silent_until(said: Feedback | None, zone: ZoneInfo, returns: Mapping[str, Return] | None = None) -> int:
    """From when on (microseconds UTC) a lead may be called again, after what sales last said; 0 where nothing.

    returns : what the playbook says of each reason

    >>> said = Feedback("m-1", "returned", 0, "postponed", date(2026, 3, 1))
    >>> silent_until(said, ZoneInfo("Europe/Paris")) == micros(datetime(2026, 2, 28, 23, tzinfo=UTC))
    True
    """
    if said is None:
        return 0
    if said.outcome == "accepted":
        return NEVER
    rule = follows(returns or {}, said.reason)
    if rule.on_date and said.until is not None:
        return _beginning(said.until, zone)
    return NEVER if rule.days == ALWAYS else said.at + int(rule.days) * MICROS_PER_DAY


def was_agreed(said: Feedback | None, returns: Mapping[str, Return] | None = None) -> bool:
    """Whether a lead was given back until a day that was agreed."""
    if said is None or said.outcome != "returned" or said.until is None:
        return False
    return follows(returns or {}, said.reason).on_date


def heard(said: Feedback, playbook: Playbook, as_of: int) -> Heard:
    """What sales' last word still means at a moment, microseconds UTC."""
    until = silent_until(said, ZoneInfo(playbook.features.time_zone), playbook.returns)
    rests = until > as_of
    given_back = said.outcome == "returned" and rests
    lately = not rests and until > as_of - ACTIVE_DAYS * MICROS_PER_DAY
    return Heard((said.reason or "other") if given_back else None, was_agreed(said, playbook.returns) and lately, rests)


def _beginning(day: date, zone: ZoneInfo) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))
