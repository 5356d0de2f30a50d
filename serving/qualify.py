"""Whom to call to qualify: the leads of which one answer would change most what is done with them.

A lead just below the list may belong on it, and one just above it may not: who knows one thing more of it knows which.
For each lead that may be called (open and scored, contact allowed, sales have not just spoken) and each trait that is
not known of it, the model scores it with every answer that training leads gave (serving.questions). The *chance* is the
share of these answers, weighted by how often they were given, that take it over the bound of the list or below it; the
trait asked for is the one with the greatest. Worth is that chance x what the lead may bring (probability x expected
amount; where no amount is known of it the median of the others', and 1 where none is known at all).

A worked example, with the bound at 50: L1 scores 47, its size is not known; a third of the answers lift it to 50 or
more, and it may bring .1 x 6,000: worth 200. L2 scores 20, and no answer lifts it so far: it is not called to qualify.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from data.events import isoformat
from data.journey import Status
from data.known import amounts_at, traits_at
from data.log import EventLog, Floats
from serving.leads import Leads
from serving.questions import moves
from serving.ranking import Ranking
from serving.returns import silent_until, was_agreed
from serving.scorer import ExplainedScore, Scores
from veraison.playbook import Playbook

NEAREST = 100
"""So many leads are looked at, those nearest to the bound."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A lead to call to qualify.

    place  : in the ranking
    trait  : what to ask it
    chance : that what is done with it is another once that is known, in (0; 1]
    points : typical distance by which its score moves then
    worth  : chance x what it may bring
    listed : whether it is on the list now
    """

    place: int
    row: ExplainedScore
    trait: str
    chance: float
    points: float
    worth: float
    listed: bool

    def to_dict(self) -> dict[str, Any]:
        """For the API and files."""
        return {
            "lead_id": self.row.lead_id,
            "as_of": isoformat(self.row.as_of),
            "score": self.row.score,
            "probability": self.row.probability,
            "ask": self.trait,
            "chance": self.chance,
            "points": self.points,
            "worth": self.worth,
            "listed": self.listed,
        }


def to_qualify(leads: Leads, ranking: Ranking, limit: int) -> list[Ask]:
    """The leads to qualify at the moment of a ranking, the one worth most first; the same ranking, the same leads.

    leads : as who asks sees them; the ranking is theirs
    """
    least = ranking.least
    places = near(ranking, leads.playbook, least)
    if not places:
        return []
    scores, log = leads.scored([ranking.lead_ids[place] for place in places], ranking.as_of)
    return asks(scores, log, leads.playbook, places, least)[:limit]


def near(ranking: Ranking, playbook: Playbook, least: float) -> list[int]:
    """Places of the leads that may be called, those nearest to the bound.

    Whoever an act or a rule of `[maturity]` puts on the list stays there whatever the answer; where the score puts
    nobody there, no answer changes anything.
    """
    if playbook.maturity is not None and not playbook.maturity.score:
        return []
    zone = ZoneInfo(playbook.features.time_zone)
    free = [
        place
        for place in np.flatnonzero(
            ranking.to_call & (ranking.status == Status.scored) & ~ranking.off_topic & ~ranking.speaks
        ).tolist()
        if silent_until(ranking.feedback[place], zone, playbook.returns) <= ranking.as_of
        and not was_agreed(ranking.feedback[place], playbook.returns)
    ]
    return sorted(free, key=lambda place: (abs(float(ranking.score[place]) - least), place))[:NEAREST]


def asks(scores: Scores, log: EventLog, playbook: Playbook, places: list[int], least: float) -> list[Ask]:
    """Those of some scored leads that one answer may take over the bound, or below it, the one worth most first.

    places : of each in the ranking
    """
    told = [place for place in range(len(scores)) if scores.shown[place] >= 0]
    at = scores.shown[told]
    if not told:
        return []
    moved = moves(scores.bundle, scores.features[at], scores.score[at], int(scores.as_of[0]))
    bring = _may_bring(scores, log, playbook, told)
    found = []
    for one, row, known, brings in zip(told, at.tolist(), moved, bring.tolist(), strict=True):
        score = float(scores.score[row])
        chances = [float(((score + move.points >= least) != (score >= least)) @ move.weight) for move in known]
        if not any(chances):
            continue
        best = max(range(len(known)), key=lambda n: (chances[n], known[n].trait))
        points = float(np.abs(known[best].points) @ known[best].weight)
        worth = chances[best] * brings
        shown = scores.row(one, shown=0)
        found.append(Ask(places[one], shown, known[best].trait, chances[best], points, worth, score >= least))
    return sorted(found, key=lambda one: (-one.worth, one.row.lead_id))


def _may_bring(scores: Scores, log: EventLog, playbook: Playbook, told: list[int]) -> Floats:
    """(told,) probability x expected amount of some pairs."""
    routing, as_of = playbook.routing, scores.as_of[told]
    chance = scores.probability[scores.shown[told], scores.bundle.primary]
    if not routing.has_amounts:
        return np.asarray(chance, dtype=np.float64)
    lead = log.codes([scores.lead_ids[place] for place in told])
    kinds = {routing.amount_trait: "number"} if routing.amount_trait else {}
    amounts = amounts_at(log, routing, traits_at(log, kinds, lead, as_of), lead, as_of)
    known = [one for one in amounts if one is not None]
    usual = float(np.median(known)) if known else 1.0
    return np.asarray(chance * [usual if one is None else one for one in amounts], dtype=np.float64)
