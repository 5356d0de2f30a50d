"""The tables of the playbook that say who gets which lead: `[[routes]]`, and `[routing]` for what concerns all of them.

A route takes the leads that meet every condition of its `when` (the grammar: veraison.playbook_conditions). What the
rules are together, whether they overlap or leave gaps, is for `veraison routes check`; here each is read by itself.
"""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Annotated, Any

from pydantic import Field

from veraison.playbook_conditions import Domain, domain_of, read
from veraison.playbook_table import Name, Table, Whole, refuse

Money = Annotated[float, Field(ge=0, strict=True)]
Mistake = tuple[tuple[str | int, ...], str, object]
"""Where, what is wrong there, and what stands there."""

SCORE_WORDS = ("probability", "score", "grade", "expected_value")
"""What the scorer says of a lead; `when` may ask for it as for a trait."""


class Route(Table):
    """One way of a lead to those who work it.

    name            what it is called; of two routes not the same
    when   {}       conditions on traits, or on probability, score, grade and expected_value; all of them hold
    to              where its leads go: a team of `routing.teams`, a partner, a queue
    first  false    takes its leads before all routes that are not first, such as key accounts
    """

    name: Name
    when: dict[Name, Any] = Field(default_factory=dict)
    to: Name
    first: bool = Field(default=False, strict=True)


class Routing(Table):
    """What concerns all routes.

    exceptions     ""     queue of the leads that no route takes, or several do; none named: the check fails on gaps
    goal           0.05   share of leads that may be exceptions
    teams          {}     the sellers of each destination, such as {key-accounts = ["Amira", "Eva"]}
    capacity       {}     leads a week for a seller, or for each seller of a destination; where none is given, no limit
    sticky         true   a lead goes to the seller who has a colleague of it
    amount_trait   ""     trait of kind number with the expected amount
    amount_events  []     else the newest value of such an event, such as "Quote Requested"
    amount_else    0.0    else this amount; 0: not known
    price          {}     what a lead of each grade costs who gets it
    price_share    0.0    or the part of probability x amount that it costs
    currency       "EUR"  of amounts and prices
    """

    exceptions: str = ""
    goal: float = Field(default=0.05, ge=0, le=1, strict=True)
    teams: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    capacity: dict[Name, Annotated[Whole, Field(ge=1)]] = Field(default_factory=dict)
    sticky: bool = Field(default=True, strict=True)
    amount_trait: str = ""
    amount_events: tuple[Name, ...] = ()
    amount_else: Money = 0.0
    price: dict[Name, Money] = Field(default_factory=dict)
    price_share: float = Field(default=0.0, ge=0, le=1, strict=True)
    currency: Name = "EUR"

    @property
    def queue(self) -> str:
        """Where exceptions go."""
        return self.exceptions or "exceptions"

    @property
    def has_amounts(self) -> bool:
        """Whether anything says what a lead is expected to bring."""
        return bool(self.amount_trait or self.amount_events or self.amount_else)

    def capacity_of(self, seller: str, destination: str) -> int | None:
        """Leads a week, None for no limit: the seller's own figure, else that of the destination's sellers."""
        return self.capacity.get(seller, self.capacity.get(destination))


def domains(traits: Mapping[str, str], grades: Mapping[str, float]) -> dict[str, Domain]:
    """What can be asked for in `when`, and what each can be.

    traits : name -> kind, as in `[features.traits]`
    grades : name -> least score, best first
    """
    return {name: domain_of(kind) for name, kind in traits.items()} | {
        "probability": Domain("number", ((0.0, False), (1.0, True))),
        "score": Domain("number", ((0.0, False), (100.0, True))),
        "grade": Domain("category", values=tuple(grades)),
        "expected_value": Domain("number", ((0.0, False), (inf, True))),
    }


def check(routes: tuple[Route, ...], routing: Routing, traits: Mapping[str, str], grades: Mapping[str, float]) -> None:
    """Raise ValidationError, with the keys' paths, for whatever is wrong in these tables by themselves."""
    refuse(
        [
            *_mistakes_of_routes(routes, routing, traits, grades),
            *_mistakes_of_teams(routes, routing),
            *_mistakes_of_money(routing, traits, grades),
        ]
    )


def _mistakes_of_routes(
    routes: tuple[Route, ...], routing: Routing, traits: Mapping[str, str], grades: Mapping[str, float]
) -> Iterator[Mistake]:
    known, names, asked = domains(traits, grades), [route.name for route in routes], set()
    for place, route in enumerate(routes):
        if route.name in names[:place]:
            yield ("routes", place, "name"), "is the name of an earlier route too", route.name
        if routing.teams and route.to not in routing.teams:
            there = ", ".join(routing.teams)
            yield ("routes", place, "to"), f"has no sellers; in [routing.teams] there are: {there}", route.to
        if route.to == routing.queue:
            yield ("routes", place, "to"), "is the queue of exceptions; a route goes elsewhere", route.to
        for word, condition in route.when.items():
            asked.add(word)
            if sentence := _wrong(word, condition, known, traits, routing):
                yield ("routes", place, "when", word), sentence, condition
    if "probability" in asked and (others := asked & {"score", "grade"}):
        sentence = f"ask for probability or for {' and '.join(sorted(others))}: one follows from the other"
        yield ("routes",), sentence, {}


def _wrong(
    word: str, condition: object, known: Mapping[str, Domain], traits: Mapping[str, str], routing: Routing
) -> str:
    if word not in known:
        return f"is neither a trait of [features.traits] ({', '.join(traits) or 'none'}) nor {_either(SCORE_WORDS)}"
    if word in traits and word in SCORE_WORDS:
        return "is a trait and what the scorer says; the trait needs another name to be asked for"
    if word == "expected_value" and not routing.has_amounts:
        return "needs an amount: routing.amount_trait, amount_events or amount_else"
    try:
        read(condition, known[word])
    except ValueError as problem:
        return str(problem)
    return ""


def _mistakes_of_teams(routes: tuple[Route, ...], routing: Routing) -> Iterator[Mistake]:
    goals = dict.fromkeys(route.to for route in routes)
    for team, sellers in routing.teams.items():
        loc = ("routing", "teams", team)
        if team not in goals:
            yield loc, f"no route goes there; routes go to: {', '.join(goals) or 'nowhere'}", list(sellers)
        if not sellers or len(set(sellers)) < len(sellers):
            yield loc, "needs the name of at least one seller, each once", list(sellers)
        limits = [routing.capacity_of(seller, team) for seller in sellers]
        if None in limits and any(limits):
            free = sellers[limits.index(None)]
            yield ("routing", "capacity"), f"of the team {team}, {free} has none; give it to all or to nobody", {}
    people = {seller for sellers in routing.teams.values() for seller in sellers}
    for name, most in routing.capacity.items():
        if name not in people and name not in routing.teams:
            there = ", ".join([*routing.teams, *sorted(people)])
            yield ("routing", "capacity", name), f"is neither a team nor a seller; there are: {there or 'none'}", most


def _mistakes_of_money(routing: Routing, traits: Mapping[str, str], grades: Mapping[str, float]) -> Iterator[Mistake]:
    trait = routing.amount_trait
    if trait and traits.get(trait) != "number":
        numbers = ", ".join(name for name, kind in traits.items() if kind == "number")
        yield ("routing", "amount_trait"), f"is no trait of kind number; there are: {numbers or 'none'}", trait
    if routing.price and set(routing.price) != set(grades):
        yield ("routing", "price"), f"needs a price for each grade: {', '.join(grades)}", dict(routing.price)
    if routing.price_share and routing.price:
        yield ("routing", "price_share"), "is one way to make a price, and routing.price is another; keep one", (
            routing.price_share
        )  # fmt: skip
    if routing.price_share and not routing.has_amounts:
        yield ("routing", "price_share"), "needs an amount: routing.amount_trait, amount_events or amount_else", (
            routing.price_share
        )  # fmt: skip


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
