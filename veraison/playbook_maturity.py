"""The table `[maturity]`: by which acts and rules a lead is mature, besides its score, and who is off topic.

A worked example. Who asks for a demonstration is mature at once; who looks at prices twice within a fortnight is; who
has both read the guide and come to a webinar within a month is; each for thirty days. Job applications are no leads::

    [maturity]
    acts = ["Demo Requested"]

    [[maturity.rules]]
    name = "prices twice"
    any = ["Pricing Page Viewed"]
    at_least = 2
    within_days = 14

    [[maturity.rules]]
    name = "guide and webinar"
    all = ["Guide Downloaded", "Webinar Attended"]
    within_days = 30

    [[maturity.off_topic]]
    name = "job applications"
    events = ["Job Application Sent"]
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from veraison.playbook_conditions import domain_of, read
from veraison.playbook_table import JourneyNames, Name, Table, Whole, refuse

Mistake = tuple[tuple[str | int, ...], str, object]
"""Where, what is wrong there, and what stands there."""


class MaturityRule(Table):
    """Several acts within some days.

    name             what it is called; of two rules not the same
    any          []  names of events, `at_least` of which make it hold, whichever they are; or
    all          []  names of events, each of which has to happen
    at_least     1   of `any`: so many events
    within_days      from the first of them to the last, in [1; 3650]
    """

    name: Name
    any: tuple[Name, ...] = ()
    all: tuple[Name, ...] = ()
    at_least: Whole = Field(default=1, ge=1, le=1000)
    within_days: Whole = Field(ge=1, le=3650)

    @model_validator(mode="after")
    def _one_kind(self) -> "MaturityRule":
        if bool(self.any) == bool(self.all):
            said = "has both any and all; keep one" if self.any else "names no event"
            raise ValueError(
                f'{said}: any = ["Pricing Page Viewed"], or all = ["Guide Downloaded", "Webinar Attended"]'
            )
        if self.all and self.at_least != 1:
            raise ValueError("at_least is of any: all asks for each of its events once; leave it out")
        for key, names in (("any", self.any), ("all", self.all)):
            if twice := repeated(names):
                raise ValueError(f"{twice!r} stands twice in {key}")
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """The events that it looks at."""
        return self.any or self.all


class OffTopic(Table):
    """Enquiries that are no leads of the firm's: they are neither called nor explored, and they are counted.

    name         what it is called; of two not the same
    when    {}   conditions on traits, as in `[[routes]]`; all of them hold. Or
    events  []   names of events, any of which is enough
    """

    name: Name
    when: dict[Name, Any] = Field(default_factory=dict)
    events: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_condition(self) -> "OffTopic":
        if bool(self.when) == bool(self.events):
            said = "has both when and events; make two of it" if self.when else "has no condition, so it would take all"
            raise ValueError(f'{said}: when = {{role = "student"}}, or events = ["Job Application Sent"]')
        return self


class Maturity(Table):
    """When a lead is mature: by a revealing act, by a rule over several acts, or by its score.

    acts       []    names of events, one of which is enough
    rules      []    several acts within some days
    for_days   30    so long an act or a rule speaks after it happened
    score      true  whether a score that is on the list makes a lead mature too
    off_topic  []    whom nothing makes mature
    """

    acts: tuple[Name, ...] = ()
    rules: tuple[MaturityRule, ...] = ()
    for_days: Whole = Field(default=30, ge=1, le=3650)
    score: bool = Field(default=True, strict=True)
    off_topic: tuple[OffTopic, ...] = ()

    @field_validator("acts")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := repeated(names):
            raise ValueError(f"{twice!r} stands twice")
        return names

    @model_validator(mode="after")
    def _says_something(self) -> "Maturity":
        if not (self.acts or self.rules or self.score):
            raise ValueError("names no act and no rule, and the score does not count: no lead would ever be mature")
        return self


def repeated(names: tuple[str, ...]) -> str:
    """The first name that stands there twice; empty where none does."""
    return next((one for one in names if names.count(one) > 1), "")


def check(maturity: Maturity, journey: JourneyNames, traits: Mapping[str, str]) -> None:
    """Raise ValidationError, with the keys' paths, for what contradicts itself or the rest of the playbook.

    traits : name -> kind, as in `[features.traits]`
    """
    found = [*_names(maturity), *_events(maturity, journey), *_conditions(maturity, traits)]
    refuse((("maturity", *path), text, value) for path, text, value in found)


def _names(maturity: Maturity) -> Iterator[Mistake]:
    for key, names in (
        ("rules", [one.name for one in maturity.rules]),
        ("off_topic", [one.name for one in maturity.off_topic]),
    ):
        for place, name in enumerate(names):
            if name in names[:place]:
                yield (key, place, "name"), "is the name of an earlier one too", name


def _events(maturity: Maturity, journey: JourneyNames) -> Iterator[Mistake]:
    """What closes a journey, or is said by sales, is no sign that a lead is mature."""
    meant = {
        one: key
        for key in ("ready", "returned", "converted", "lost", "opted_out")
        for one in getattr(journey, key)
    }  # fmt: skip
    places: list[tuple[tuple[str | int, ...], tuple[str, ...]]] = [(("acts",), maturity.acts)]
    for place, rule in enumerate(maturity.rules):
        places.append((("rules", place, "any" if rule.any else "all"), rule.events))
    for loc, names in places:
        for name in names:
            if name in meant:
                yield loc, f"{name!r} stands in journey.{meant[name]}: what follows it is no sign of maturity", name
    for place, one in enumerate(maturity.off_topic):
        for name in one.events:
            if name in maturity.acts:
                yield (
                    ("off_topic", place, "events"),
                    f"{name!r} stands in maturity.acts too; keep one",
                    name,
                )


def _conditions(maturity: Maturity, traits: Mapping[str, str]) -> Iterator[Mistake]:
    for place, one in enumerate(maturity.off_topic):
        for word, condition in one.when.items():
            loc = ("off_topic", place, "when", word)
            if word not in traits:
                yield loc, f"is no trait of [features.traits] ({', '.join(traits) or 'none'})", condition
                continue
            try:
                read(condition, domain_of(traits[word]))
            except ValueError as problem:
                yield loc, str(problem), condition
