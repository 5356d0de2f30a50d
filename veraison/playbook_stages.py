"""The stages of a lead's journey, in the firm's own words: who is in which, and by what it is entered.

A worked example. A firm calls a lead *mql* from its first form on, *hot* when it has looked at prices twice within a
fortnight or asked for a demonstration, *sql* when a seller has accepted it, *customer* when it has bought::

    [stages.anonymous]                       # the names of the four usual stages need no entry of their own
    [stages.mql]
    requires = ["email"]
    [stages.hot]
    events = ["Demo Requested"]
    rules = [{at_least = 2, of = ["Pricing"], within_days = 14}]
    [stages.sql]
    requires = ["email", "company"]
    [stages.customer]

Stages stand in their order. A lead is in one of them at a time, goes on to any later one, and never back by an act of
its own: only sales give it back (``journey.returned``), to the stage it was in before they accepted it. Without any
``[stages]`` there are the usual four.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from veraison.playbook_table import JourneyNames, Name, Table, Whole, refuse

Step = Literal["first_event", "identity", "created", "ready", "converted"]
_NAMED: tuple[Literal["created"], Literal["ready"], Literal["converted"]] = ("created", "ready", "converted")


class Rule(Table):
    """Several acts within some days.

    at_least     1   so many of the acts
    of               names of events
    within_days      from the first of them to the last, in [1; 3650]
    """

    at_least: Whole = Field(default=1, ge=1, le=1000)
    of: tuple[Name, ...]
    within_days: Whole = Field(ge=1, le=3650)

    @field_validator("of")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("needs the name of at least one event")
        return names


class Stage(Table):
    """One stage; whichever of its entries comes first counts.

    by        []  what the journey calls "created", "ready" or "converted", "identity" (the first word on who it is), or
                  "first_event"
    events    []  names of events
    rules     []  several acts within some days: {at_least = 2, of = ["Pricing"], within_days = 14}
    requires  []  traits that have to be known of a lead in this stage
    """

    by: tuple[Step, ...] = ()
    events: tuple[Name, ...] = ()
    rules: tuple[Rule, ...] = ()
    requires: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> "Stage":
        for key in ("by", "events", "requires"):
            names = getattr(self, key)
            if twice := sorted({one for one in names if names.count(one) > 1}):
                raise ValueError(f"{twice[0]!r} stands twice in {key}")
        return self

    @property
    def entered(self) -> bool:
        """Whether it says how a lead gets in."""
        return bool(self.by or self.events or self.rules)


@dataclass(frozen=True, slots=True)
class Zone:
    """A stage as it is worked with: its entries by name.

    first_event : whether the first event of all enters it
    identity    : whether the first that says who it is does
    accepted    : whether sales enter it by accepting the lead; they can give it back
    """

    name: str
    events: tuple[str, ...]
    rules: tuple[Rule, ...]
    requires: tuple[str, ...]
    first_event: bool = False
    identity: bool = False
    accepted: bool = False


_USUAL: dict[str, tuple[Step, ...]] = {
    "anonymous": ("first_event",),
    "mql": ("created", "identity"),
    "sql": ("ready",),
    "customer": ("converted",),
}
"""How the stages that every firm knows are entered, unless the playbook says it."""


def zones(stages: Mapping[str, Stage], journey: JourneyNames) -> tuple[Zone, ...]:
    """The stages in their order, the last one of customers; the usual four where the playbook names none.

    >>> from veraison.playbook import Journey
    >>> [one.name for one in zones({}, Journey(converted=("Deal Won",)))]
    ['anonymous', 'mql', 'customer']
    >>> hot = Stage(events=("Demo Requested",))
    >>> [one.events for one in zones({"hot": hot, "customer": Stage()}, Journey(converted=("Deal Won",)))]
    [('Demo Requested',), ('Deal Won',)]
    """
    chosen = stages or {name: Stage() for name in _USUAL if name != "sql" or journey.ready}
    found = []
    for name, stage in chosen.items():
        by = _by(name, stage)
        found.append(
            Zone(
                name=name,
                events=(*stage.events, *(one for key in _NAMED if key in by for one in getattr(journey, key))),
                rules=stage.rules,
                requires=stage.requires,
                first_event="first_event" in by,
                identity="identity" in by,
                accepted="ready" in by,
            )
        )
    return tuple(found)


def check(stages: Mapping[str, Stage], journey: JourneyNames) -> None:
    """Raise pydantic's ValidationError, with the path of the key, where the stages cannot be told apart."""
    names: dict[str, str] = {}
    entries: dict[str, str] = {}
    for name, stage in stages.items():
        if (same := names.setdefault(name.strip().casefold(), name)) != name:
            _wrong((name,), name, f"is the stage {same!r} once more; each needs a name of its own")
        by = _by(name, stage)
        if not stage.entered and not by:
            _wrong((name,), name, "does not say how a lead enters it; give it events, rules or by")
        if "ready" in by and not journey.ready:
            _wrong((name, "by"), "ready", "journey.ready names no event by which sales accept a lead")
        if "created" in stage.by and not journey.created:
            _wrong((name, "by"), "created", "journey.created names no event")
        for key, entry in _entries(stage, by):
            if (other := entries.setdefault(entry, name)) != name:
                _wrong((name, key), entry, f"{entry!r} enters {other} already; an entry is of one stage")
    _against_journey(stages, journey)


def _against_journey(stages: Mapping[str, Stage], journey: JourneyNames) -> None:
    """Each event of the journey keeps its meaning, and the last stage is that of customers."""
    meant = {one: key for key in (*_NAMED, "lost", "returned", "opted_out") for one in getattr(journey, key)}
    for name, stage in stages.items():
        for key, names in (("events", stage.events), *((f"rules.{n}.of", one.of) for n, one in enumerate(stage.rules))):
            for one in names:
                if one not in meant:
                    continue
                said = f'; write by = ["{meant[one]}"]' if meant[one] in _NAMED and key == "events" else ""
                _wrong((name, *key.split(".")), one, f"{one!r} stands in journey.{meant[one]}{said}")
    if stages:
        *earlier, last = stages
        for name in earlier:
            if "converted" in _by(name, stages[name]):
                _wrong((name,), name, f"is entered by journey.converted, so it has to be the last; {last} stands later")
        if "converted" not in _by(last, stages[last]):
            _wrong((), last, "the last one is not entered by journey.converted; end with [stages.customer]")


def _by(name: str, stage: Stage) -> tuple[Step, ...]:
    return stage.by if stage.entered else _USUAL.get(name, ())


def _entries(stage: Stage, by: tuple[Step, ...]) -> Iterator[tuple[str, str]]:
    """(key, what enters) of each entry that a single event is."""
    for step in by:
        yield "by", step
    for one in stage.events:
        yield "events", one
    for number, rule in enumerate(stage.rules):
        if rule.at_least == 1:
            for one in rule.of:
                yield f"rules.{number}.of", one


def _wrong(path: tuple[str, ...], value: Any, sentence: str) -> None:
    where = ("stages", *(int(one) if one.isdigit() and n > 0 else one for n, one in enumerate(path)))
    refuse([(where, sentence, value)])
