"""What a running service says of leads: some by id, some from a body alone, all in order, one in detail.

Every answer is :func:`serving.scorer.score` on a log of histories; nothing here computes anything else.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from data import scorelog
from data.events import Event, Trait
from data.journey import Status
from data.log import EventLog, Floats, Ints
from data.store import Store
from serving.details import in_detail
from serving.models import ModelHolder
from serving.owners import newest_texts, owners, seen
from serving.scorer import ExplainedScore, Scores, score
from training.bundle import Bundle
from veraison.errors import UnknownLeadError
from veraison.playbook import Playbook

MICROS_PER_MINUTE = 60_000_000
_CHUNK = 4_096  # pairs scored at once: bounds the memory of a ranking
_RANKINGS = 4


@dataclass(frozen=True)
class Ranking:
    """All leads at one moment. (leads,) arrays are in the order of `lead_ids`.

    score, probability : NaN where a lead has none
    last_activity      : ``occurred_at`` of the newest visible event, microseconds UTC
    changed            : ``known_at`` of the newest visible event, microseconds UTC
    owner              : the seller who has the lead, as the playbook's trait names it; None where nobody is known to
    version            : of the model
    """

    as_of: int
    lead_ids: list[str]
    status: Ints
    score: Floats
    probability: Floats
    last_activity: Ints
    changed: Ints
    owner: list[str | None]
    version: str

    def of(self, places: Ints) -> "Ranking":
        """The leads at these places alone."""
        columns = ("status", "score", "probability", "last_activity", "changed")
        kept: dict[str, Any] = {name: getattr(self, name)[places] for name in columns}
        lists: dict[str, Any] = {
            name: [getattr(self, name)[place] for place in places] for name in ("lead_ids", "owner")
        }
        return replace(self, **kept, **lists)

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


@dataclass(frozen=True)
class Lead:
    """One lead in detail.

    bundle      : what scored it
    merged_into : the id under which it goes on, None where it stands for itself
    traits      : what is known, each with the moment it is true of (``occurred_at``)
    timeline    : visible events, newest first, as data.store.Store.timeline gives them
    """

    row: ExplainedScore
    bundle: Bundle
    merged_into: str | None
    traits: dict[str, tuple[Trait, int]]
    timeline: list[dict[str, Any]] = field(default_factory=list)


class Leads:
    """Answers about the leads of one store with the model that serves now.

    clock : microseconds UTC; the moment of a score for which no other is asked
    """

    def __init__(self, store: Store, models: ModelHolder, playbook: Playbook, clock: Callable[[], int]) -> None:
        self._store = store
        self._models = models
        self.playbook = playbook
        self.clock = clock
        self._seller: str | None = None
        self._ranking = threading.Lock()
        self._rankings: dict[tuple[int | None, ...], tuple[Bundle, Ranking, _Sellers]] = {}

    def of(self, seller: str | None) -> "Leads":
        """The same, as a seller sees it: leads of other sellers are as unknown as those that never were."""
        if seller is None:
            return self
        mine = copy.copy(self)
        mine._seller = seller
        return mine

    def scored(self, lead_ids: Sequence[str], as_of: int) -> tuple[Scores, EventLog]:
        """Scores of some leads, in the order asked, with the histories they were made of."""
        log = self._store.history(lead_ids)
        scores = score(self._models.current(), log, self._asked(log, lead_ids), [as_of] * len(lead_ids))
        return scores if self._seller is None else replace(scores, lead_ids=list(lead_ids)), log

    def log(self, scores: Scores, served: Sequence[ExplainedScore]) -> None:
        """Append what is served to the prediction log; an answer that rests on no features has no place there."""
        logged = scores.to_log(self.clock(), served=served)
        scorelog.append(self._store, (one for one in logged if one.vector is not None))

    def from_events(
        self, events: Sequence[Event], as_of: int, lead_ids: Sequence[str] | None
    ) -> tuple[Scores, EventLog]:
        """Scores from these events alone, of everyone in them in the order of appearance, or of `lead_ids`.

        They go through a store of their own, in memory, so that identity, order and duplicates are what they would be
        if the events had been posted.
        """
        if lead_ids is None:
            lead_ids = list(dict.fromkeys(event.lead_id for event in events))
        with Store("sqlite://", self.playbook.identity.keys, self.playbook.features.accounts) as passing:
            passing.append(events)
            log = passing.scan()
        return score(self._models.current(), log, lead_ids, [as_of] * len(lead_ids)), log

    def warm_up(self) -> None:
        """Score a made-up lead, so that no first request waits for compilers; ModelError where there is no model."""
        journey = self._models.current().playbook.journey
        kind = journey.created[0] if journey.created else "warm-up"
        events = [Event(name, "warm-up", "track", name, occurred_at=0, known_at=0) for name in (kind, "warm-up")]
        scores, log = self.from_events(events, MICROS_PER_MINUTE, None)
        in_detail(scores, log)

    def ranking(self, as_of: int | None = None) -> Ranking:
        """All leads, scored now or at a moment.

        Scoring everyone takes a scan of the store, so a ranking is kept until the model changes, the store does (its
        newest ``known_at`` or its number of events), or, where it is of now, the minute is over.
        """
        moment = self.clock() if as_of is None else as_of
        bundle = self._models.current()
        minute = moment // MICROS_PER_MINUTE if as_of is None else None
        key = (self._store.newest(), self._store.counts()["events"], minute, as_of)
        with self._ranking:  # the second click of two waits for the first instead of doing the same
            kept = self._rankings.get(key)
            if kept is None or kept[0] is not bundle:
                log = self._store.scan()
                kept = self._rankings[key] = bundle, _rank(bundle, log, moment, self._trait), _Sellers(log, self._trait)
                while len(self._rankings) > _RANKINGS:
                    del self._rankings[next(iter(self._rankings))]
        return self._of_seller(*kept[1:])

    def ranking_at(self, as_of: int) -> Ranking:
        """The ranking of a list that is being read page by page: one that is kept, whatever came in since."""
        bundle = self._models.current()
        with self._ranking:
            kept = [one for one in self._rankings.values() if one[0] is bundle and one[1].as_of == as_of]
        return self._of_seller(*kept[0][1:]) if kept else self.ranking(as_of)

    def forget(self) -> None:
        """Keep no ranking: somebody who stands in them was erased."""
        with self._ranking:
            self._rankings.clear()

    def lead(self, lead_id: str, as_of: int, **how: Any) -> Lead:
        """One lead with its events and traits; UnknownLeadError where nothing of it is visible.

        how : language and number of reasons, as for serving.details.in_detail
        """
        scores, log = self.scored([lead_id], as_of)
        row = in_detail(scores, log, **how)
        if row.status == Status.unknown.name:
            raise UnknownLeadError(f"no lead {lead_id!r} is known at that moment")
        person = log.identity.person(lead_id, as_of)
        return Lead(
            row=row,
            bundle=scores.bundle,
            merged_into=None if person == lead_id else person,
            traits=known_traits(log, lead_id, as_of, self.playbook),
            timeline=self._store.timeline(lead_id, as_of),
        )

    def _of_seller(self, ranking: Ranking, sellers: "_Sellers") -> Ranking:
        return ranking if self._seller is None else ranking.of(sellers.places(self._seller))

    @property
    def _trait(self) -> str:
        return self.playbook.pages.seller

    def _asked(self, log: EventLog, lead_ids: Sequence[str]) -> Sequence[str]:
        """The ids to score: what is not to be seen gives way to an id that no lead has."""
        if self._seller is None:
            return lead_ids
        mine = seen(log.identity, lead_ids, owners(log, self._trait), self._seller)
        return [one if visible else "" for one, visible in zip(lead_ids, mine, strict=True)]


class _Sellers:
    """Who sees which place of a ranking."""

    def __init__(self, log: EventLog, trait: str) -> None:
        self._leads, self._owner, self._identity = log.leads, owners(log, trait), log.identity

    def places(self, seller: str) -> Ints:
        return np.flatnonzero(seen(self._identity, self._leads, self._owner, seller))


def known_traits(log: EventLog, lead_id: str, as_of: int, playbook: Playbook) -> dict[str, tuple[Trait, int]]:
    """What is known of a lead at a moment: of each trait the visible value that is true of the latest moment.

    A trait is a number where the playbook says so, else the text that was sent: "0612" stays "0612".
    """
    code = int(log.codes([lead_id])[0])
    if code < 0:
        return {}
    newest: dict[str, tuple[int, int]] = {}
    for at in range(int(log.trait_offsets[code]), int(log.trait_offsets[code + 1])):
        name, occurred = log.trait_names[log.trait_name[at]], int(log.trait_occurred[at])
        if log.trait_known[at] < as_of and (name not in newest or occurred >= newest[name][0]):
            newest[name] = (occurred, at)
    kinds = playbook.features.traits
    found: dict[str, tuple[Trait, int]] = {}
    for name, (occurred, at) in sorted(newest.items()):
        number = float(log.trait_number[at])
        as_number = kinds.get(name) == "number" and not np.isnan(number)
        found[name] = (number if as_number else log.trait_texts[log.trait_text[at]], occurred)
    return found


def _rank(bundle: Bundle, log: EventLog, as_of: int, seller_trait: str) -> Ranking:
    count = len(log.leads)
    status = np.empty(count, dtype=np.int64)
    points, chance = np.full(count, np.nan), np.full(count, np.nan)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(start + _CHUNK, count))
        scores = score(bundle, log, log.leads[part], [as_of] * (part.stop - start))
        status[part] = scores.status
        has = np.flatnonzero(scores.scored >= 0)
        shown = scores.shown
        told = np.flatnonzero(shown >= 0)
        points[start + told] = scores.score[shown[told]]
        chance[start + has] = scores.probability[scores.scored[has], bundle.primary]
    last, changed = (np.full(count, np.iinfo(np.int64).min) for _ in range(2))
    visible = log.known < as_of
    lead = np.repeat(np.arange(count), np.diff(log.offsets))[visible]
    np.maximum.at(last, lead, log.occurred[visible])
    np.maximum.at(changed, lead, log.known[visible])
    owner = newest_texts(log, seller_trait, as_of)
    return Ranking(as_of, log.leads, status, points, chance, last, changed, owner, bundle.version)
