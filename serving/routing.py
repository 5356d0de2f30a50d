"""Who gets which lead, and why: the routes of the playbook, then a seller of the team.

1. The route whose conditions the lead meets, on what was known before the moment (data.routes). None, or several: the
   queue of exceptions.
2. The seller who has the lead already; else, where the playbook is sticky, the one who has a colleague of it, whatever
   their week is like: a company is not divided. A seller who is in no team any more has nothing.
3. Else the one whose turn it is (serving.rotation). Where everybody is full, the lead is an exception too.

Leads that are routed together are routed in one order: those of routes that are first, then by potential (probability x
expected amount), then by id; a colleague of a lead that has just got its seller goes there too. Only what is visible at
``as_of`` counts, and nothing is stored: it is the owner trait, written by whoever acts on this, that makes a lead
somebody's.

A worked example (docs/routing.md): L1 works at acme.fr with 1,200 employees: route "big", to the team key-accounts.
Nobody has a colleague of it; Amira has had two leads this week and Eva one, so it goes to Eva. L2 of acme.fr follows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.consent import may_contact
from data.events import isoformat
from data.identity import fold
from data.journey import Status, standing
from data.known import amounts_at, companies_at, holdings_at, traits_at
from data.log import EventLog, Floats, Ints
from data.routes import Rule, Value, rules_of, takers
from features.words import LANGUAGES, Language
from serving.companies import account_won
from serving.decisions import grade
from serving.rotation import Rotation, people
from serving.routing_words import Said
from serving.scorer import Scores
from veraison.playbook import Playbook

OPEN = (Status.scored, Status.too_early)
ACCOUNT_WON = "account_won"
NO_ROUTE, SEVERAL, FULL = "no route", "several routes", "full"


@dataclass(frozen=True, slots=True)
class Routed:
    """Where one lead goes.

    status    : "routed", "exception", "account_won", "no_consent", or why the lead is not open (data.journey.Status)
    route, to : name of the route and where it leads; for exceptions the queue; None for a lead that is not open
    seller    : None where the destination has no team, and for exceptions
    exception : "no route", "several routes" or "full"; None for others
    why       : a sentence
    potential : probability x expected amount, None where one of them is not known
    price     : what the lead costs who gets it, None where the playbook makes no price
    """

    lead_id: str
    as_of: int
    status: str
    why: str
    route: str | None = None
    to: str | None = None
    seller: str | None = None
    exception: str | None = None
    potential: float | None = None
    price: float | None = None
    currency: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON, the moment as text."""
        return {name: getattr(self, name) for name in self.__slots__} | {"as_of": isoformat(self.as_of)}


@dataclass(frozen=True, slots=True)
class Chance:
    """What the scorer says of a lead: None where it says nothing."""

    probability: float | None = None
    score: float | None = None


NOTHING = Chance()


def chances_of(scores: Scores) -> list[Chance]:
    """What the scorer says, in the order of the scores."""
    rows = (scores.row(place, shown=0) for place in range(len(scores)))
    return [Chance(one.probability, one.score) for one in rows]


def known_at(
    playbook: Playbook, log: EventLog, lead: Ints, as_of: Ints, chances: Sequence[Chance]
) -> list[dict[str, Value]]:
    """(pairs,) all that routes can ask of each lead at a moment; what is missing is None, or not there.

    lead : codes in the log
    """
    found = traits_at(log, playbook.features.traits, lead, as_of)
    amounts = amounts_at(log, playbook.routing, found, lead, as_of)
    for values, chance, amount in zip(found, chances, amounts, strict=True):
        values["probability"], values["score"] = chance.probability, chance.score
        values["expected_value"] = None if chance.probability is None or amount is None else chance.probability * amount
    return found


def route(
    playbook: Playbook,
    log: EventLog,
    lead_ids: Sequence[str],
    as_of: int,
    chances: Sequence[Chance] | None = None,
    language: Language = "en",
    to_call: Collection[str] | None = None,
) -> list[Routed]:
    """Where each lead goes, in the order asked.

    log     : everyone's histories, as colleagues and the week of each seller count; nothing known later changes
              anything
    as_of   : microseconds UTC
    chances : what the scorer says of each (`chances_of`); None: nothing
    to_call : leads that take a place of a seller's week; the others are told where they would go, and who has them
              already; None: all
    """
    lead = log.codes(list(lead_ids))
    moments = np.full(len(lead), as_of, dtype=np.int64)
    status = [Status(code) for code in standing(log, playbook.journey, lead, moments).status.tolist()]
    closed = account_won(log, playbook, as_of)
    allowed = may_contact(log, playbook.consent, as_of)
    rows = np.array([code >= 0 for code in lead.tolist()], dtype=np.bool_)
    told = [NOTHING] * len(lead) if chances is None else chances
    mine = [one for one, there in zip(told, rows, strict=True) if there]
    values = iter(known_at(playbook, log, lead[rows], moments[rows], mine))
    work = _Work(playbook, log, as_of, Said(playbook, language))
    found: dict[int, Routed] = {}
    waiting: list[_Waiting] = []
    for place, (lead_id, code) in enumerate(zip(lead_ids, lead.tolist(), strict=True)):
        known = next(values) if code >= 0 else {}
        if status[place] not in OPEN:
            found[place] = Routed(lead_id, as_of, status[place].name, work.said.closed(status[place].name))
        elif lead_id in closed:
            found[place] = Routed(lead_id, as_of, ACCOUNT_WON, work.said.account_won(closed[lead_id]))
        elif not allowed[code]:
            found[place] = Routed(lead_id, as_of, "no_consent", work.said.no_consent())
        else:
            takes = to_call is None or lead_id in to_call
            waiting.append(_Waiting(place, lead_id, code, known, takers(work.rules, known), takes))
    for one in sorted(waiting, key=_Waiting.turn):
        found[one.place] = work.routed(one)
    return [found[place] for place in range(len(lead))]


def routed(
    playbook: Playbook, log: EventLog, as_of: int, lead: Ints, probability: Floats, score: Floats
) -> Mapping[Language, Mapping[str, Routed]]:
    """By language and lead, where some leads go; empty where the playbook has no routes.

    lead               : codes in the log of those that are asked for
    probability, score : (leads of the log,) NaN where the scorer says nothing
    """
    if not playbook.routes:
        return {}
    ids = [log.leads[code] for code in lead]
    chances = [Chance(_told(probability[code]), _told(score[code])) for code in lead]
    return {
        language: {one.lead_id: one for one in route(playbook, log, ids, as_of, chances, language)}
        for language in LANGUAGES
    }


def to_seller(
    goes: Mapping[Language, Mapping[str, Routed]], lead_ids: Sequence[str], seller: str
) -> Mapping[Language, Mapping[str, Routed]]:
    """The part that a seller may see: what comes to them, and what nobody gets, of some leads.

    Why a lead goes to another seller may name a lead of theirs, and so may why nobody should call it.
    """
    mine, me = set(lead_ids), fold(seller)
    return {
        language: {
            lead: one if one.status != ACCOUNT_WON else replace(one, why="")
            for lead, one in found.items()
            if lead in mine and (one.seller is None or fold(one.seller) == me)
        }
        for language, found in goes.items()
    }


def _told(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class _Waiting:
    """An open lead, before it is its turn."""

    place: int
    lead_id: str
    code: int
    values: dict[str, Value]
    rules: tuple[Rule, ...]
    takes: bool

    @property
    def potential(self) -> float | None:
        found = self.values["expected_value"]
        return found if isinstance(found, float) else None

    def turn(self) -> tuple[bool, bool, float, str]:
        key_account = any(rule.first for rule in self.rules)
        return not key_account, self.potential is None, -(self.potential or 0.0), self.lead_id


class _Work:
    """What is given out at one moment."""

    def __init__(self, playbook: Playbook, log: EventLog, as_of: int, said: Said) -> None:
        self.rules, self.said = rules_of(playbook), said
        self._playbook, self._log, self._as_of = playbook, log, as_of
        held, team = holdings_at(log, playbook.pages.seller, as_of), people(playbook.routing)
        self._week = Rotation.at(playbook.routing, held.values(), as_of)
        self._held = {code: team[fold(one.seller)] for code, one in held.items() if fold(one.seller) in team}
        self._company = companies_at(log, playbook, as_of)
        self._sellers: dict[str, tuple[str, str]] = {}  # of a company: who has a lead of it, and which one
        for code in sorted(self._held, key=lambda code: held[code].since):  # the newest word last
            if code in self._company:
                self._sellers[self._company[code]] = self._held[code], log.leads[code]

    def routed(self, one: _Waiting) -> Routed:
        """A lead whose turn it is; who gets it has one more from now on."""
        potential, price = one.potential, self._price(one)
        currency = None if price is None else self._currency
        money: dict[str, Any] = {"potential": potential, "price": price, "currency": currency}
        if len(one.rules) != 1:
            problem = SEVERAL if one.rules else NO_ROUTE
            why = self.said.several(one.rules) if one.rules else self.said.no_route(self.rules, one.values)
            return self._exception(one, problem, why, money)
        (rule,) = one.rules
        reason = self.said.route(rule, one.values)
        seller, why = self._seller(one, rule.to)
        if seller is None and one.takes and rule.to in self._playbook.routing.teams:
            return self._exception(one, FULL, f"{reason}. {why}", money)
        told = f"{reason}. {why}" if why else reason
        return Routed(one.lead_id, self._as_of, "routed", told, rule.name, rule.to, seller, None, **money)

    def _seller(self, one: _Waiting, destination: str) -> tuple[str | None, str]:
        if one.code in self._held:
            return self._held[one.code], self.said.already(self._held[one.code])
        if not one.takes:
            return None, ""
        company = self._company.get(one.code)
        if self._playbook.routing.sticky and company in self._sellers:
            seller, colleague = self._sellers[company]
            self._week.give(seller)
            return seller, self.said.sticky(seller, colleague, company)
        seller_or_none = self._week.next(one.lead_id, destination)
        if seller_or_none is None:
            return None, self.said.full(destination) if destination in self._playbook.routing.teams else ""
        why = self.said.turn(seller_or_none, destination, self._week.of(seller_or_none))
        self._week.give(seller_or_none)
        if company is not None:
            self._sellers[company] = seller_or_none, one.lead_id
        return seller_or_none, why

    def _exception(self, one: _Waiting, problem: str, why: str, money: dict[str, Any]) -> Routed:
        to = self._playbook.routing.queue
        return Routed(one.lead_id, self._as_of, "exception", why, None, to, None, problem, **money)

    @property
    def _currency(self) -> str:
        return self._playbook.routing.currency

    def _price(self, one: _Waiting) -> float | None:
        """By the grade, or a part of the potential; None where there is neither."""
        routing, score = self._playbook.routing, one.values["score"]
        if routing.price and isinstance(score, float):
            return routing.price[grade(score, self._playbook.scoring.grades)]
        if routing.price_share and one.potential is not None:
            return round(routing.price_share * one.potential, 2)
        return None
