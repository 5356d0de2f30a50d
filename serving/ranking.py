"""All leads at one moment: what the scorer says of each, what sales said, and what is done with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from data.consent import may_contact
from data.families import OPEN, Families, families_at
from data.journey import Status
from data.log import EventLog, Floats, Ints
from data.maturity import signalled
from data.signs import Bools
from data.store import Store
from features.words import Language
from serving.companies import account_won
from serving.evidence import are_acts
from serving.families import meant
from serving.feedback import Feedback, newest
from serving.owners import newest_texts
from serving.routing import Routed, routed
from serving.scorer import score
from training.bundle import Bundle
from veraison.playbook import Playbook
from veraison.playbook_families import HOT

_CHUNK = 4_096  # pairs scored at once: bounds the memory of a ranking


@dataclass(frozen=True)
class Ranking:
    """All leads at one moment. (leads,) arrays are in the order of `lead_ids`.

    score, probability : NaN where a lead has none
    last_activity      : ``occurred_at`` of the newest visible event, microseconds UTC
    last_act           : ``occurred_at`` of the newest visible act of the lead itself, the least int64 for none
    changed            : ``known_at`` of the newest visible event, microseconds UTC
    owner              : the seller who has the lead, as the playbook's trait names it; None where nobody is known to
    feedback           : what sales last said of the leads that are open; None where nothing
    version            : of the model
    least              : score from which on a lead is on the list
    speaks, off_topic  : whether an act or rule of ``[maturity]`` speaks of a lead, and whether a rule takes it out
    routed             : by language and lead, where those who are to be called go (`hot`); empty where the playbook
                         has no routes
    families           : in which family each is; None where that was not asked for
    permitted          : who may be contacted (data.consent); None where everybody may
    company_won        : whose company was won with a colleague (serving.companies); None where nobody's was
    """

    as_of: int
    lead_ids: list[str]
    status: Ints
    score: Floats
    probability: Floats
    last_activity: Ints
    last_act: Ints
    changed: Ints
    owner: list[str | None]
    feedback: list[Feedback | None]
    version: str
    least: float
    speaks: Bools
    off_topic: Bools
    routed: Mapping[Language, Mapping[str, Routed]] = field(default_factory=dict)
    families: Families | None = None
    permitted: Bools | None = None
    company_won: Bools | None = None

    def of(self, places: Ints) -> "Ranking":
        """The leads at these places alone."""
        columns = ("status", "score", "probability", "last_activity", "last_act", "changed", "speaks", "off_topic")
        kept: dict[str, Any] = {name: getattr(self, name)[places] for name in columns}
        lists: dict[str, Any] = {
            name: [getattr(self, name)[place] for place in places] for name in ("lead_ids", "owner", "feedback")
        }
        families = None if self.families is None else self.families.of(places)
        permitted = None if self.permitted is None else self.permitted[places]
        won = None if self.company_won is None else self.company_won[places]
        return replace(self, **kept, **lists, families=families, permitted=permitted, company_won=won)

    @property
    def may_contact(self) -> Bools:
        """(leads,) who may be contacted."""
        return np.ones(len(self.lead_ids), dtype=np.bool_) if self.permitted is None else self.permitted

    @property
    def to_call(self) -> Bools:
        """(leads,) who may be called at all: contact is allowed, and nobody has won the company."""
        return self.may_contact if self.company_won is None else self.may_contact & ~self.company_won

    @property
    def counts(self) -> dict[str, int]:
        """How many leads have each status, those that occur."""
        found = np.bincount(self.status, minlength=len(Status))
        return {status.name: int(found[status]) for status in Status if found[status]}

    def best(self, status: Status, limit: int) -> list[int]:
        """Places of the leads of one status: by score, then probability, then newest activity, then id."""
        mine = np.flatnonzero(self.status == status)
        order = np.lexsort(
            (mine, -self.last_activity[mine], -self.probability[mine], -self.score[mine])
        )  # ids are in ascending order, so their place decides last
        return [int(place) for place in mine[order[:limit]]]


def ranked(
    bundle: Bundle,
    log: EventLog,
    as_of: int,
    playbook: Playbook,
    *,
    store: Store,
    least: float,
    honoured: Callable[[Sequence[str]], Ints],
) -> Ranking:
    """All leads of a log at a moment, microseconds UTC.

    store    : of the log; what sales said is read there
    least    : score from which on a lead is on the list
    honoured : of some leads the moment at which each is looked at: later, for who has opted out since
    """
    count = len(log.leads)
    status = np.empty(count, dtype=np.int64)
    points, chance = np.full(count, np.nan), np.full(count, np.nan)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(start + _CHUNK, count))
        ids = log.leads[part]
        scores = score(bundle, log, ids, honoured(ids))
        status[part] = scores.status
        has = np.flatnonzero(scores.scored >= 0)
        shown = scores.shown
        told = np.flatnonzero(shown >= 0)
        points[start + told] = scores.score[shown[told]]
        chance[start + has] = scores.probability[scores.scored[has], bundle.primary]
    last, acted, changed = (np.full(count, np.iinfo(np.int64).min) for _ in range(3))
    visible = log.known < as_of
    lead = np.repeat(np.arange(count), np.diff(log.offsets))
    np.maximum.at(last, lead[visible], log.occurred[visible])
    np.maximum.at(changed, lead[visible], log.known[visible])
    visible &= are_acts(log.kinds, bundle.feature_set)[log.kind] if log.kinds else False
    np.maximum.at(acted, lead[visible], log.occurred[visible])
    said = newest(store, log, playbook.journey, as_of, np.isin(status, OPEN))
    owner, feedback = newest_texts(log, playbook.pages.seller, as_of), [said.get(code) for code in range(count)]
    signs = signalled(log, playbook, np.arange(count, dtype=np.int64), np.full(count, as_of))
    speaks, off_topic = signs.spoken, signs.off_topic >= 0
    families = families_at(
        log, playbook, np.arange(count), as_of, score=points, probability=chance,
        heard=meant(said, playbook, as_of), least=least,
    )  # fmt: skip
    goes = routed(playbook, log, as_of, np.flatnonzero(families.at(HOT)), chance, points)
    won = account_won(log, playbook, as_of)
    company_won = np.array([one in won for one in log.leads], dtype=np.bool_) if won else None
    consent = playbook.consent
    permitted = may_contact(log, consent, as_of) if consent.is_asked else None
    return Ranking(
        as_of, log.leads, status, points, chance, last, acted, changed, owner, feedback, bundle.version, least,
        speaks, off_topic, goes, families, permitted, company_won,
    )  # fmt: skip
