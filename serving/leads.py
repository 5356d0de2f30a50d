"""What a running service says of leads: some by id, some from a body alone, all in order, one in detail.

Every answer is :func:`serving.scorer.score` on a log of histories; nothing here computes anything else.
"""

import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data import scorelog
from data.consent import may_contact, refused
from data.contacts import Contacts
from data.events import Event, Trait
from data.journey import Status, standing
from data.log import EventLog, Ints
from data.scorelog import LoggedScore
from data.store import Store
from serving.after_sale import AfterSale, Customers
from serving.bounds import Bounds
from serving.details import in_detail
from serving.families import InFamily, family_of
from serving.models import ModelHolder
from serving.owners import owners, seen
from serving.ranking import Ranking, ranked
from serving.routing import to_seller
from serving.scorer import ExplainedScore, Scores, score
from serving.way_back import with_returns
from training.bundle import Bundle
from veraison.errors import UnknownLeadError
from veraison.playbook import Playbook

MICROS_PER_MINUTE = 60_000_000
_RANKINGS = 4
_QUICK = 100_000  # microseconds: a ranking that takes no longer is made anew for each event
_REST = 10  # times what it took, for one that does


@dataclass(frozen=True)
class Lead:
    """One lead in detail.

    bundle      : what scored it
    merged_into : the id under which it goes on, None where it stands for itself
    traits      : what is known, each with the moment it is true of (``occurred_at``)
    timeline    : visible events, newest first, as data.store.Store.timeline gives them
    scores, log : what `row` was made of
    family      : where it is among the families, None where it is not open
    permitted   : whether it may be contacted
    after_sale  : how likely it buys again; None for who was not won, or without a model of customers
    """

    row: ExplainedScore
    bundle: Bundle
    merged_into: str | None
    traits: dict[str, tuple[Trait, int]]
    timeline: list[dict[str, Any]]
    scores: Scores = field(repr=False)
    log: EventLog = field(repr=False)
    family: InFamily | None = None
    permitted: bool = True
    after_sale: AfterSale | None = None


@dataclass(frozen=True)
class Found:
    """One lead that is there, with its history and where it stands at a moment.

    person : the id under which it goes on
    code   : of that one in `log`
    """

    as_of: int
    log: EventLog
    person: str
    code: int
    status: Status


class Leads:
    """Answers about the leads of one store with the model that serves now.

    clock     : microseconds UTC; the moment of a score for which no other is asked
    reports   : folder of reports, with the bounds of the contract; None where there is no workspace
    customers : say how likely who was won buys again; None: nobody does
    """

    def __init__(
        self,
        store: Store,
        models: ModelHolder,
        playbook: Playbook,
        clock: Callable[[], int],
        reports: Path | None = None,
        customers: Customers | None = None,
    ) -> None:
        self._store = store
        self._customers = customers
        self._models = models
        self.playbook = playbook
        self.clock = clock
        self.bounds = Bounds(reports, playbook)
        self._seller: str | None = None
        self._ranking = threading.Lock()
        self._rankings: dict[tuple[float | None, ...], _Kept] = {}

    def of(self, seller: str | None) -> "Leads":
        """The same, as a seller sees it: leads of other sellers are as unknown as those that never were."""
        if seller is None:
            return self
        mine = copy.copy(self)
        mine._seller = seller
        return mine

    def scored(self, lead_ids: Sequence[str], as_of: int) -> tuple[Scores, EventLog]:
        """Scores of some leads, in the order asked, with the histories they were made of."""
        found, log = self.scored_together([(self, lead_ids, as_of)])
        return found[0], log

    def scored_together(self, asked: Sequence[tuple["Leads", Sequence[str], int]]) -> tuple[list[Scores], EventLog]:
        """What `scored` gives for each of several (leads as somebody sees them, ids, moment), with one look."""
        log = self._store.history(list(dict.fromkeys(one for _, lead_ids, _ in asked for one in lead_ids)))
        seen_ids = [one for leads, lead_ids, _ in asked for one in leads._asked(log, lead_ids)]
        moments = [as_of for _, lead_ids, as_of in asked for _ in lead_ids]
        bundle = self._models.current()
        scores, start, found = score(bundle, log, seen_ids, self._honoured(bundle, log, seen_ids, moments)), 0, []
        scores = replace(scores, as_of=np.array(moments, dtype=np.int64))
        scores = scores.judged(log, self.playbook, self.bounds.least)
        for _, lead_ids, _ in asked:
            found.append(scores.part(start, list(lead_ids)))
            start += len(lead_ids)
        return found, log

    def log(self, scores: Scores, served: Sequence[ExplainedScore]) -> None:
        """Append what is served to the prediction log."""
        self.keep(self.to_log(scores, served))

    def to_log(self, scores: Scores, served: Sequence[ExplainedScore]) -> list[LoggedScore]:
        """What the prediction log keeps of an answer; one that rests on no features has no place there."""
        return [one for one in scores.to_log(self.clock(), served=served) if one.vector is not None]

    def keep(self, logged: Iterable[LoggedScore]) -> None:
        """Append to the prediction log, in one transaction."""
        scorelog.append(self._store, logged)

    def from_events(
        self, events: Sequence[Event], as_of: int, lead_ids: Sequence[str] | None
    ) -> tuple[Scores, EventLog]:
        """Scores from these events alone, of everyone in them in the order of appearance, or of `lead_ids`.

        They go through a store of their own, in memory, so that identity, order and duplicates are what they would be
        if the events had been posted.
        """
        if lead_ids is None:
            lead_ids = list(dict.fromkeys(event.lead_id for event in events))
        book = self.playbook
        with Store("sqlite://", book.identity.keys, book.features.accounts, Contacts.of(book)) as passing:
            passing.append(events)
            log = passing.scan()
        scores = score(self._models.current(), log, lead_ids, [as_of] * len(lead_ids))
        return scores.judged(log, self.playbook, self.bounds.least), log

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
        newest ``known_at`` or its number of events), or, where it is of now, the minute is over. One of now that took
        long to make, more than a tenth of a second, stays for ten times as long whatever comes in, unless `renew` is
        called: so lists cost a tenth of a core at most while events stream in, and are some seconds old at most.
        """
        moment = self.clock() if as_of is None else as_of
        bundle = self._models.current()
        minute = moment // MICROS_PER_MINUTE if as_of is None else None
        with self._ranking:  # the second click of two waits for the first instead of doing the same
            if as_of is None and (rested := self._rested(bundle)):
                return self._of_seller(rested)
            week = self.bounds.least(moment)
            key = (self._store.newest(), self._store.counts()["events"], minute, as_of, week)
            kept = self._rankings.get(key)
            if kept is None or kept.bundle is not bundle:
                begun = self.clock()
                log = self._store.scan()
                ranking, sellers = self._rank(bundle, log, moment), _Sellers(log, self._trait)
                took = self.clock() - begun
                rests = _REST * took if as_of is None and took > _QUICK else 0
                kept = self._rankings[key] = _Kept(bundle, ranking, sellers, begun + took + rests)
                while len(self._rankings) > _RANKINGS:
                    del self._rankings[next(iter(self._rankings))]
        return self._of_seller(kept)

    def ranking_at(self, as_of: int) -> Ranking:
        """The ranking of a list that is being read page by page: one that is kept, whatever came in since."""
        bundle = self._models.current()
        with self._ranking:
            kept = [one for one in self._rankings.values() if one.bundle is bundle and one.ranking.as_of == as_of]
        return self._of_seller(kept[0]) if kept else self.ranking(as_of)

    def renew(self) -> None:
        """Let the next ranking of now have all that is known: somebody has just said something and looks for it."""
        with self._ranking:
            for key, kept in list(self._rankings.items()):  # in place: all who see a part of the leads share them
                self._rankings[key] = replace(kept, rests_until=0)

    def forget(self) -> None:
        """Keep no ranking: somebody who stands in them was erased."""
        with self._ranking:
            self._rankings.clear()

    def refused(self, lead_ids: Sequence[str]) -> set[str]:
        """Those of some leads that may not be contacted now."""
        return refused(self._store, self.playbook.consent, lead_ids, self.clock() + 1)

    def lead(self, lead_id: str, as_of: int, **how: Any) -> Lead:
        """One lead with its events and traits; UnknownLeadError where nothing of it is visible.

        how : language and number of reasons, as for serving.details.in_detail
        """
        scores, log = self.scored([lead_id], as_of)
        row = in_detail(scores, log, **how)
        row = with_returns(row, self._store, self.playbook.journey, how.get("language", "en"))
        if row.status == Status.unknown.name:
            raise unknown(lead_id)
        person = log.identity.person(lead_id, as_of)
        won = row.status == Status.converted.name
        return Lead(
            row=row,
            bundle=scores.bundle,
            merged_into=None if person == lead_id else person,
            traits=known_traits(log, lead_id, as_of, self.playbook),
            timeline=self._store.timeline(lead_id, as_of),
            scores=scores,
            log=log,
            family=family_of(self._store, log, self.playbook, scores, self.bounds.least(as_of)),
            permitted=bool(may_contact(log, self.playbook.consent, as_of)[int(log.codes([person])[0])]),
            after_sale=self._customers.of(log, lead_id, as_of) if self._customers and won else None,
        )

    def found(self, lead_id: str, as_of: int) -> Found:
        """Where one lead stands, without a score; UnknownLeadError where nothing of it is visible."""
        log = self._store.history([lead_id])
        person = log.identity.person(lead_id, as_of)
        code = int(log.codes([person])[0])
        there = standing(log, self.playbook.journey, np.array([code]), np.array([as_of])).status[0]
        if self._asked(log, [lead_id]) != [lead_id] or there == Status.unknown:
            raise unknown(lead_id)
        return Found(as_of, log, person, code, Status(there))

    def _rank(self, bundle: Bundle, log: EventLog, as_of: int) -> Ranking:
        return ranked(
            bundle, log, as_of, self.playbook, store=self._store, least=self.bounds.least(as_of),
            honoured=lambda ids: self._honoured(bundle, log, ids, [as_of] * len(ids)),
        )  # fmt: skip

    def _honoured(self, bundle: Bundle, log: EventLog, lead_ids: Sequence[str], moments: Sequence[int]) -> Ints:
        """(n,) the moments asked for; now, of leads that were open then and whose persons have opted out since."""
        asked, lead, journey = np.array(moments, dtype=np.int64), log.codes(list(lead_ids)), bundle.playbook.journey
        now = np.maximum(asked, self.clock())
        then, since = (standing(log, journey, lead, at).status for at in (asked, now))
        return np.where((then == Status.scored) & (since == Status.opted_out), now, asked)

    def _rested(self, bundle: Bundle) -> "_Kept | None":
        """The newest ranking of now that is not to be made anew yet."""
        now = self.clock()
        found = [
            one
            for one in self._rankings.values()
            if one.bundle is bundle and one.ranking.as_of <= now < one.rests_until  # a clock may be set back
        ]
        return found[-1] if found else None

    def _of_seller(self, kept: "_Kept") -> Ranking:
        if self._seller is None:
            return kept.ranking
        mine = kept.ranking.of(kept.sellers.places(self._seller))
        return replace(mine, routed=to_seller(mine.routed, mine.lead_ids, self._seller))

    @property
    def _trait(self) -> str:
        return self.playbook.pages.seller

    def _asked(self, log: EventLog, lead_ids: Sequence[str]) -> Sequence[str]:
        """The ids to score: what is not to be seen gives way to an id that no lead has."""
        if self._seller is None:
            return lead_ids
        mine = seen(log.identity, lead_ids, owners(log, self._trait), self._seller)
        return [one if visible else "" for one, visible in zip(lead_ids, mine, strict=True)]


def unknown(lead_id: str) -> UnknownLeadError:
    """What is raised of a lead that never was, and of one that the seller does not see."""
    return UnknownLeadError(f"no lead {lead_id!r} is known at that moment")


class _Sellers:
    """Who sees which place of a ranking."""

    def __init__(self, log: EventLog, trait: str) -> None:
        self._leads, self._owner, self._identity = log.leads, owners(log, trait), log.identity

    def places(self, seller: str) -> Ints:
        return np.flatnonzero(seen(self._identity, self._leads, self._owner, seller))


@dataclass(frozen=True)
class _Kept:
    """A ranking, what made it, who sees what of it, and until when (microseconds UTC) it does for now."""

    bundle: Bundle
    ranking: Ranking
    sellers: _Sellers
    rests_until: int


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
