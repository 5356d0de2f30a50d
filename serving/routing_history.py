"""How many leads of the past each route takes, and how many are exceptions: the share that the goal is about.

Each lead is looked at when routing mattered: the moment sales first accepted it, where the playbook names acceptance
(`journey.ready`), on what was known before; where it does not, a minute after the lead's creation. At its creation
alone most of what routes ask for is missing yet, so exceptions would be counted that nobody has to handle.

What the scorer says is said by the model of today, which has learned from these leads: good enough to count by, no
measure of the model.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.journey import Role, roles, standing
from data.log import NEVER, EventLog, Ints
from data.routes import rules_of, takers
from serving.routing import NO_ROUTE, NOTHING, SEVERAL, chances_of, known_at
from serving.scorer import score
from training.bundle import Bundle
from veraison.playbook import Playbook

_MINUTE = 60_000_000


@dataclass(frozen=True)
class Shares:
    """Leads of the past by where they would have gone.

    accepted : looked at when sales accepted them, else a minute after creation
    routes   : leads by route, in the order of the playbook
    exceptions : leads that no route takes, and that several do
    goal     : share of exceptions that is aimed at
    """

    accepted: bool
    leads: int
    routes: dict[str, int]
    exceptions: dict[str, int]
    goal: float

    @property
    def exceptional(self) -> float | None:
        """The share of exceptions; None without leads."""
        return sum(self.exceptions.values()) / self.leads if self.leads else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without leads."""
        return None if self.exceptional is None else self.exceptional <= self.goal

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "at": "accepted" if self.accepted else "created",
            "leads": self.leads,
            "routes": self.routes,
            "exceptions": self.exceptions,
            "share_of_exceptions": self.exceptional,
            "goal": self.goal,
            "met": self.met,
        }


def shares(playbook: Playbook, log: EventLog, before: int, bundle: Bundle | None = None, threads: int = 1) -> Shares:
    """Where the leads of the past would have gone, as known at a moment.

    before : microseconds UTC
    bundle : says probability and score, where routes ask for them
    """
    rules = rules_of(playbook)
    lead, as_of = moments(playbook, log, before)
    chances = [NOTHING] * len(lead)
    if bundle is not None:
        chances = chances_of(score(bundle, log, [log.leads[code] for code in lead.tolist()], as_of, threads))
    routes: Counter[str] = Counter({rule.name: 0 for rule in rules})
    exceptions = Counter({NO_ROUTE: 0, SEVERAL: 0})
    for values in known_at(playbook, log, lead, as_of, chances):
        found = takers(rules, values)
        if len(found) == 1:
            routes[found[0].name] += 1
        else:
            exceptions[SEVERAL if found else NO_ROUTE] += 1
    accepted = bool(playbook.journey.ready)
    return Shares(accepted, len(lead), dict(routes), dict(exceptions), playbook.routing.goal)


def moments(playbook: Playbook, log: EventLog, before: int) -> tuple[Ints, Ints]:
    """(n,) codes of leads, each person once, and the moment at which each was to be routed, as known at `before`."""
    people = np.flatnonzero(log.merged_at >= before).astype(np.int64)
    if playbook.journey.ready:
        role = roles(log.kinds, playbook.journey)
        rows = np.flatnonzero((role[log.kind] == Role.ready) & (log.known < before)) if log.kinds else np.arange(0)
        lead = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))[rows]
        first = np.full(len(log.leads), NEVER, dtype=np.int64)
        np.minimum.at(first, lead, log.occurred[rows])
        found = first[people]
    else:
        started = standing(log, playbook.journey, people, np.full(len(people), before)).started
        found = np.where(started == NEVER, NEVER, np.minimum(started, NEVER - _MINUTE) + _MINUTE)
    there = found < before
    return people[there], found[there]


def asks_the_scorer(playbook: Playbook) -> bool:
    """Whether any route asks for what only a model can say."""
    asked = {clause.axis for rule in rules_of(playbook) for clause in rule.clauses}
    return bool(asked & {"score", "probability", "expected_value"})
