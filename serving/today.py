"""The few leads to call now: which they are, and why today. One rule, from a ranking alone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from data.events import MICROS_PER_DAY, micros
from data.exploration import draw, week_of
from data.journey import Status
from data.log import NEVER
from data.said import REST_DAYS
from serving.decisions import least_score
from serving.feedback import Feedback
from serving.leads import Ranking
from veraison.playbook import Playbook

FEW = 10
"""So many leads are a day's work."""
ACTIVE_DAYS = 14
"""A lead that has not acted itself for longer is not worth a call now; nor is one whose agreed day is longer ago."""

Why = Literal["agreed", "active", "explored"]


@dataclass(frozen=True, slots=True)
class Call:
    """A lead to call now.

    place : in the ranking
    why   : ``agreed``, it was postponed to a day that has come; ``active``, it is among the best and has just acted;
            ``explored``, chance has chosen it this week
    """

    place: int
    why: Why


def calls(ranking: Ranking, playbook: Playbook, limit: int = FEW, bound: float | None = None) -> list[Call]:
    """Whom to call at the moment of a ranking, the most worth it first; the same ranking, the same calls.

    A lead is called where it is open and scored, and either

    * it was postponed to a day that has come, at most `ACTIVE_DAYS` ago, whatever its score; or
    * its score is enough to be handed over (`serving.decisions.least_score`, with its `bound`), it has acted itself
      within `ACTIVE_DAYS`, and sales have not just spoken: a lead that they accepted, or whose contact is wrong, is not
      called again, one sent back for another reason not for `REST_DAYS`, one postponed not before its day.

    Agreed days come first; then the score as it is shown, and of equal ones the newest act.
    """
    now, zone, least = ranking.as_of, ZoneInfo(playbook.features.time_zone), least_score(playbook, bound)
    since = now - ACTIVE_DAYS * MICROS_PER_DAY
    found: list[Call] = []
    for place in (ranking.status == Status.scored).nonzero()[0].tolist():
        said = ranking.feedback[place]
        silent = silent_until(said, zone)
        if silent > now:
            continue
        if _was_agreed(said) and silent > since:
            found.append(Call(place, "agreed"))
        elif ranking.score[place] >= least and ranking.last_act[place] >= since:
            found.append(Call(place, "active"))

    def order(call: Call) -> tuple[bool, int, int, int]:
        newest_act = int(ranking.last_act[call.place])
        return call.why != "agreed", -round(float(ranking.score[call.place])), -newest_act, call.place

    return sorted(found, key=order)[:limit]


def explorations(ranking: Ranking, playbook: Playbook, limit: int = FEW, bound: float | None = None) -> list[Call]:
    """Whom chance has chosen this week of the leads below the list (`[exploration]`), as they were drawn.

    Whom sales have sent back, accepted or agreed a day with is left alone, as in `calls`.
    """
    if not playbook.exploration.share:
        return []
    now, zone, rules = ranking.as_of, ZoneInfo(playbook.features.time_zone), playbook.exploration
    week, found = week_of(now), []
    below = ranking.score < least_score(playbook, bound)
    for place in ((ranking.status == Status.scored) & below).nonzero()[0].tolist():
        drawn = draw(ranking.lead_ids[place], week, rules.seed)
        said = ranking.feedback[place]
        if drawn < rules.share and not _was_agreed(said) and silent_until(said, zone) <= now:
            found.append((drawn, place))
    return [Call(place, "explored") for _, place in sorted(found)[:limit]]


def silent_until(said: Feedback | None, zone: ZoneInfo) -> int:
    """From when on (microseconds UTC) a lead may be called again, after what sales last said; 0 where nothing.

    >>> said = Feedback("m-1", "returned", 0, "postponed", date(2026, 3, 1))
    >>> silent_until(said, ZoneInfo("Europe/Paris")) == micros(datetime(2026, 2, 28, 23, tzinfo=UTC))
    True
    """
    if said is None:
        return 0
    if said.outcome == "accepted" or said.reason == "wrong_contact":
        return NEVER
    if _was_agreed(said) and said.until is not None:
        return _beginning(said.until, zone)
    return said.at + REST_DAYS * MICROS_PER_DAY


def _was_agreed(said: Feedback | None) -> bool:
    return said is not None and said.outcome == "returned" and said.reason == "postponed" and said.until is not None


def _beginning(day: date, zone: ZoneInfo) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))
