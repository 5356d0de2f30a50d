"""The few leads to call now: which they are, and why today. One rule, from a ranking alone."""

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from data.events import MICROS_PER_DAY
from data.exploration import draw, week_of
from data.journey import Status
from data.maturity import on_list
from data.signs import Bools
from serving.ranking import Ranking
from serving.returns import ACTIVE_DAYS, silent_until, was_agreed
from veraison.playbook import Playbook
from veraison.playbook_returns import USUAL_DAYS as REST_DAYS

__all__ = ["ACTIVE_DAYS", "FEW", "REST_DAYS", "Call", "Why", "calls", "explorations", "silent_until"]

FEW = 10
"""So many leads are a day's work."""

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


def calls(ranking: Ranking, playbook: Playbook, limit: int = FEW) -> list[Call]:
    """Whom to call at the moment of a ranking, the most worth it first; the same ranking, the same calls.

    A lead is called where it is open and scored, may be contacted (`[consent]`), and either

    * it was postponed to a day that has come, at most `ACTIVE_DAYS` ago, whatever its score; or
    * it is mature (`listed`), it has acted itself within `ACTIVE_DAYS`, and sales have not just spoken: a lead that
      they accepted, or whose contact is wrong, is not called again, one sent back for another reason not for
      `REST_DAYS`, one postponed not before its day (`[returns]` may say otherwise).

    Nobody is called whose company was won with a colleague (serving.companies). Agreed days come first; then the score
    as it is shown, and of equal ones the newest act.
    """
    now, zone, mature = ranking.as_of, ZoneInfo(playbook.features.time_zone), listed(ranking, playbook)
    since = now - ACTIVE_DAYS * MICROS_PER_DAY
    found: list[Call] = []
    for place in (ranking.to_call & (ranking.status == Status.scored)).nonzero()[0].tolist():
        said = ranking.feedback[place]
        silent = silent_until(said, zone, playbook.returns)
        if silent > now:
            continue
        if was_agreed(said, playbook.returns) and silent > since:
            found.append(Call(place, "agreed"))
        elif mature[place] and ranking.last_act[place] >= since:
            found.append(Call(place, "active"))

    def order(call: Call) -> tuple[bool, int, int, int]:
        newest_act = int(ranking.last_act[call.place])
        return call.why != "agreed", -round(float(ranking.score[call.place])), -newest_act, call.place

    return sorted(found, key=order)[:limit]


def listed(ranking: Ranking, playbook: Playbook) -> Bools:
    """(leads,) whether each is mature: its score is on the list (`Ranking.least`), or `[maturity]` says so."""
    return on_list(playbook, ranking.score, ranking.least, ranking.speaks, ranking.off_topic)


def explorations(ranking: Ranking, playbook: Playbook, limit: int = FEW) -> list[Call]:
    """Whom chance has chosen this week of the leads below the list (`[exploration]`), as they were drawn.

    Who may not be contacted, and whom sales have sent back, accepted or agreed a day with, is left alone as in `calls`.
    """
    if not playbook.exploration.share:
        return []
    now, zone, rules = ranking.as_of, ZoneInfo(playbook.features.time_zone), playbook.exploration
    week, found = week_of(now), []
    open_ = ranking.to_call & (ranking.status == Status.scored)
    below = open_ & ~listed(ranking, playbook) & ~ranking.off_topic
    for place in below.nonzero()[0].tolist():
        drawn = draw(ranking.lead_ids[place], week, rules.seed)
        said = ranking.feedback[place]
        rests = was_agreed(said, playbook.returns) or silent_until(said, zone, playbook.returns) > now
        if drawn < rules.share and not rests:
            found.append((drawn, place))
    return [Call(place, "explored") for _, place in sorted(found)[:limit]]
