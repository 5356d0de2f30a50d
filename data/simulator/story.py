"""What the draws look like from outside: the Segment messages of the leads.

Nothing here moves a state. Details (how many pages, which title, what amount) are drawn without regard to
anything still hidden, so they tell nothing about the future that the state does not.
"""

import numpy as np
from numpy.typing import NDArray

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.simulator.journey import COMPANY, ROLE, STAGE, Lived
from data.simulator.market import RENAMED, SLOTS, START, UNKNOWN, Market, Outcome, Stage
from data.simulator.messages import Outbox, browser
from data.simulator.people import People, Person

Ints = NDArray[np.int64]

_SELLERS = ("Amira", "Bruno", "Claire", "Dario", "Eva", "Finn")
_OUTCOMES = {
    (Stage.MARKETING, Outcome.MOVE): "Sales Accepted",
    (Stage.SALES, Outcome.MOVE): "Lead Returned",
    (Stage.SALES, Outcome.WIN): "Deal Won",
    (Stage.SALES, Outcome.LOSE): "Deal Lost",
    (Stage.MARKETING, Outcome.LOSE): "Disqualified",
    (Stage.MARKETING, Outcome.OPT_OUT): "Unsubscribed",
    (Stage.SALES, Outcome.OPT_OUT): "Unsubscribed",
}
_OF_SELLERS = ("Sales Accepted", "Lead Returned", "Deal Won", "Deal Lost")
_REASONS = {
    "Lead Returned": ("not mature", "postponed", "wrong contact", "no budget", "other"),
    "Deal Lost": ("price", "competitor", "project stopped", "no answer"),
    "Disqualified": ("no need", "student", "competitor"),
}
_TITLES = {
    "White Paper Downloaded": ("Buying guide", "Cost calculator", "Return on investment"),
    "Webinar Registered": ("First steps", "Customer story"),
    "Webinar Attended": ("First steps", "Customer story"),
    "Form Submitted": ("Contact", "Newsletter", "Callback"),
    "Fair Visited": ("Lyon", "Hanover"),
}
_LATE_DAYS = {"Fair Visited": 10.0, "Newsletter Subscribed": 1.5}
"""Visiting cards are typed in after the fair, newsletter lists come by night; up to so many days after the act.
Only what moves nothing may be late: the state has to follow from what is visible."""

_ACTS_UNTIL = 0.60
"""Acts fill this part of a lead's day; what is learned and then the outcome follow, so that causes come first."""
_AFTERWARDS_DAYS = 30
"""A closed lead may still look at a page within so many days."""
_MOST_VIEWS = 3
"""Views of one page on one day; a day counts once, however many."""


def _one_of(values: tuple[str, ...], rng: np.random.Generator) -> str:
    return values[int(rng.random() * len(values))]


class Story:
    """Tells an outbox of the leads; the generators it is given are not those that draw the states."""

    def __init__(self, market: Market, people: People, outbox: Outbox) -> None:
        self._market = market
        self._people = people
        self._outbox = outbox
        self._times = np.zeros((len(people.persons), len(SLOTS)), dtype=np.uint16)
        self._seller = ["" for _ in people.persons]

    def born(self, number: int, rng: np.random.Generator) -> None:
        """A contact makes itself known: the act, who it is, and ``Lead Created`` last."""
        person, send = self._people.persons[number], self._outbox.send
        user: dict[str, object] = {"userId": person.lead_id}
        both = self._ids(person)
        self._first_act(person, rng)

        traits: dict[str, object] = {"email": person.email, "source": person.source.name}
        if self._people.state[ROLE, number] != UNKNOWN:
            traits["role"] = person.role
        moment = person.born - 20 * MICROS_PER_SECOND
        if person.alias:
            send("alias", moment, rng, user, {"previousId": person.anonymous_id})
            send("identify", moment + 2 * MICROS_PER_SECOND, rng, user, {"traits": traits})
        else:
            send("identify", moment, rng, both, {"traits": traits})
        if self._people.state[COMPANY, number] != UNKNOWN:
            self._company(person, person.born - 5 * MICROS_PER_SECOND, rng)
        created = {"source": person.source.name, "campaign": person.campaign}
        send("track", person.born, rng, user, {"event": "Lead Created", "properties": created})

    def _first_act(self, person: Person, rng: np.random.Generator) -> None:
        name = person.source.act
        if name is None:
            return
        properties = {"title": _one_of(_TITLES[name], rng)} if name in _TITLES else {}
        what: dict[str, object] = {"event": name, "properties": properties}
        user: dict[str, object] = {"userId": person.lead_id}
        if name == "Fair Visited":
            moment = max(START, person.born - int((1 + 2 * rng.random()) * MICROS_PER_DAY))
            moment -= moment % MICROS_PER_SECOND
            typed_in = person.born + int(1 + rng.random() * 5 * 86_400) * MICROS_PER_SECOND
            self._outbox.send("track", moment, rng, user, what, late=typed_in - moment)
            return
        if person.source.web:
            what |= browser(person.agent)
            if person.anonymous_id:
                user = {"anonymousId": person.anonymous_id}
        self._outbox.send("track", person.born - 40 * MICROS_PER_SECOND, rng, user, what)

    def lived(self, day: int, who: Ints, before: Ints, lived: Lived, rng: np.random.Generator) -> None:
        """A day of open leads.

        who    : (n,) numbers of the leads
        before : (5, n) their states at the start of the day
        """
        rows, slots = (found.tolist() for found in np.nonzero(lived.acts))
        for row, slot in zip(rows, slots, strict=True):
            self._act(day, int(who[row]), slot, before[:, row], rng)
        for row in np.flatnonzero(lived.company).tolist():
            person = self._people.persons[who[row]]
            self._company(person, person.at(day, 0.62 + 0.03 * rng.random()), rng)
        for row in np.flatnonzero(lived.role).tolist():
            person = self._people.persons[who[row]]
            what = {"traits": {"role": person.role}}
            self._outbox.send("identify", person.at(day, 0.66 + 0.03 * rng.random()), rng, self._user(person), what)
        for row in np.flatnonzero(lived.outcome != Outcome.NOTHING).tolist():
            name = _OUTCOMES[Stage(before[STAGE, row]), Outcome(lived.outcome[row])]
            self._outcome(day, int(who[row]), name, bool(lived.state[COMPANY, row] != UNKNOWN), rng)

    def _act(self, day: int, number: int, place: int, state: Ints, rng: np.random.Generator) -> None:
        person, slot = self._people.persons[number], SLOTS[place]
        name = slot.names[min(int(self._times[number, place]), len(slot.names) - 1)]
        self._times[number, place] += 1
        moment = person.at(day, 0.01 if name == "Email Sent" else 0.05 + rng.random() * (_ACTS_UNTIL - 0.05))
        ids = self._ids(person) if slot.web else self._user(person)
        if slot.page:
            self._outbox.visit((name,) * (1 + int(rng.random() * _MOST_VIEWS)), moment, rng, ids, person.agent)
            return
        properties: dict[str, object] = {}
        if name == "Quote Requested":
            properties["value"] = self._amount(person, bool(state[COMPANY] != UNKNOWN), rng)
        elif name in _TITLES:
            properties["title"] = _one_of(_TITLES[name], rng)
        elif slot.when == "mail":
            properties["mailing"] = day // 14 + 1
        elif slot.outbound and state[STAGE] == Stage.SALES:
            properties["seller"] = self._seller[number]
        if self._market.under("rename", day):
            name = RENAMED.get(name, name)
        late = int(1 + rng.random() * _LATE_DAYS[name] * 86_400) * MICROS_PER_SECOND if name in _LATE_DAYS else 0
        what = {"event": name, "properties": properties, **(browser(person.agent) if slot.web else {})}
        self._outbox.send("track", moment, rng, ids, what, late=late)

    def _outcome(self, day: int, number: int, name: str, company_known: bool, rng: np.random.Generator) -> None:
        person = self._people.persons[number]
        properties: dict[str, object] = {}
        if name == "Sales Accepted":
            self._seller[number] = _one_of(_SELLERS, rng)
        if name in _OF_SELLERS:
            properties["seller"] = self._seller[number]
        if name in _REASONS:
            properties["reason"] = _one_of(_REASONS[name], rng)
        if name == "Deal Won":
            properties |= {"value": self._amount(person, company_known, rng), "currency": "EUR"}
        moment = person.at(day, 0.72 + 0.26 * rng.random())
        self._outbox.send("track", moment, rng, self._user(person), {"event": name, "properties": properties})
        if name not in ("Sales Accepted", "Lead Returned"):
            for _ in range(int(rng.random() * 3)):
                later = person.at(day + 1 + int(rng.random() * _AFTERWARDS_DAYS), rng.random())
                page = "Support" if name == "Deal Won" else "Home"
                self._outbox.visit((page,), later, rng, self._ids(person), person.agent)

    def _company(self, person: Person, moment: int, rng: np.random.Generator) -> None:
        traits = {"industry": person.industry, "employees": person.employees, "country": person.country}
        what = {"groupId": person.email.partition("@")[2], "traits": traits}
        self._outbox.send("group", moment, rng, self._user(person), what)

    @staticmethod
    def _amount(person: Person, known: bool, rng: np.random.Generator) -> int:
        """Euros; a known firm's size shows, an unknown one's must not."""
        employees = person.employees if known else 100
        return int(round(4_000 * (employees / 100) ** 0.5 * float(np.exp(0.5 * rng.standard_normal())), -1))

    @staticmethod
    def _user(person: Person) -> dict[str, object]:
        return {"userId": person.lead_id}

    @staticmethod
    def _ids(person: Person) -> dict[str, object]:
        if person.anonymous_id is None:
            return {"userId": person.lead_id}
        return {"userId": person.lead_id, "anonymousId": person.anonymous_id}
