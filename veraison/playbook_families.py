"""The table of the playbook that says what is done with the leads that are not hot: `[families]`.

Every open lead is in exactly one place. First come those that are not marketing's now, then the families in their
order, of which the first that fits takes the lead::

    with_sales    sales accepted it and have not given it back
    taken_back    the same, but sales have left it idle for more than `take_back_days`
    off_topic     a rule of [maturity] takes it out
    hot           it is on the list, by its score or whatever makes it mature, or the day agreed with it has come
    ...           the families of the playbook; where it names none, `USUAL`
    nurture       everybody else, unless the last family takes everybody (`when = {}`)

A worked example: students go to a family of their own; the usual families keep their conditions and need none here::

    [families]
    take_back_days = 21
    [families.student]
    when = {role = "student"}
    next = "Send nothing but the newsletter."
    idle_days = 0
    [families.postponed]
    [families.dormant]
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from veraison.playbook_conditions import Domain, Names, read
from veraison.playbook_routes import SCORE_WORDS, Routing, domains
from veraison.playbook_table import Name, Table, Whole

WITH_SALES, TAKEN_BACK, OFF_TOPIC, HOT, NURTURE = "with_sales", "taken_back", "off_topic", "hot", "nurture"
PLACES: dict[str, int] = {WITH_SALES: 14, TAKEN_BACK: 0, OFF_TOPIC: 0, HOT: 14}
"""The places that no condition decides, in their order, and the days after which a lead there is forgotten."""
WORDS = ("days_idle", "returned", "stage")
"""What `when` may ask for beside traits and what the scorer says."""
Mistake = tuple[tuple[str, ...], str, object]
"""Where, what is wrong there, and what stands there."""


class Family(Table):
    """One family of leads.

    when             conditions as in [[routes]], also on days_idle, returned and stage; all of them hold; {}: everybody
    next       ""    what to do with its leads, as a sentence
    idle_days        untouched for longer, a lead of it is forgotten; 0: never
    """

    when: dict[Name, Any] | None = None
    next: str = ""
    idle_days: Whole | None = Field(default=None, ge=0, le=3650)


class Families(Table):
    """What concerns all families; each of them is a table of its own, by its name.

    idle_days       30  untouched for longer, a lead is forgotten, where its family does not say it; 0: never
    take_back_days  30  marketing takes a lead back that sales left idle for longer; 0: never
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Family]

    idle_days: Whole = Field(default=30, ge=0, le=3650)
    take_back_days: Whole = Field(default=30, ge=0, le=3650)

    @model_validator(mode="before")
    @classmethod
    def _keys_or_families(cls, tables: Any) -> Any:
        for key, value in tables.items() if isinstance(tables, dict) else ():
            if key not in cls.model_fields and not isinstance(value, dict | Family):
                keys = " and ".join(cls.model_fields)
                raise ValueError(f"{key!r} is no key; there are {keys}, and a table [families.<name>] for each family")
        return tables

    @property
    def named(self) -> dict[str, Family]:
        """The families that the playbook names, in its order, and what it says of the places."""
        return self.__pydantic_extra__ or {}

    @property
    def in_order(self) -> dict[str, Family]:
        """Every family with all that is said of it, the last one taking everybody.

        >>> [(name, one.idle_days) for name, one in Families.model_validate({}).in_order.items()]
        [('postponed', 0), ('wrong_contact', 14), ('dormant', 180), ('nurture', 30)]
        """
        own = {name: one for name, one in self.named.items() if name not in PLACES}
        found = {name: self._whole(name, one) for name, one in (own or USUAL).items()}
        if not found or next(reversed(found.values())).when:
            found[NURTURE] = self._whole(NURTURE, Family())
        return found

    def idle_of(self, place: str) -> int:
        """Days after which a lead in one of `PLACES` is forgotten; 0: never."""
        said = self.named.get(place, Family()).idle_days
        return PLACES[place] if said is None else said

    def next_of(self, name: str) -> str:
        """What the playbook says is to be done with leads there; empty where it leaves that to what is usual."""
        return self.named.get(name, Family()).next

    def _whole(self, name: str, said: Family) -> Family:
        usual = USUAL.get(name, Family())
        idle = next(
            days for days in (said.idle_days, usual.idle_days, self.idle_days) if days is not None
        )  # fmt: skip
        return Family(when=usual.when if said.when is None else said.when, next=said.next, idle_days=idle)


USUAL: dict[str, Family] = {
    "postponed": Family(when={"returned": "postponed"}, idle_days=0),
    "wrong_contact": Family(when={"returned": "wrong_contact"}, idle_days=14),
    "dormant": Family(when={"days_idle": ">=90"}, idle_days=180),
    NURTURE: Family(when={}),
}
"""The families that every firm knows; who names one of them need not say whom it takes."""


def family_domains(traits: Mapping[str, str], grades: Mapping[str, float], stages: Sequence[str]) -> dict[str, Domain]:
    """What can be asked for in `when`, and what each can be.

    stages : names of the stages of the journey
    """
    return domains(traits, grades) | {
        "days_idle": Domain("number", ((0.0, False), (inf, True))),
        "returned": Domain("category"),
        "stage": Domain("category", values=tuple(stages)),
    }


def mistakes(
    families: Families,
    traits: Mapping[str, str],
    grades: Mapping[str, float],
    routing: Routing,
    stages: Sequence[str],
    reasons: Sequence[str],
) -> Iterator[Mistake]:
    """Whatever is wrong in the table.

    reasons : for which sales may give a lead back
    """
    known, names, everybody = family_domains(traits, grades, stages), dict[str, str](), ""
    for name, family in families.named.items():
        if (same := names.setdefault(name.strip().casefold(), name)) != name:
            yield ("families", name), f"is the family {same!r} once more; each needs a name of its own", name
        if name in PLACES:
            if family.when is not None:
                yield (
                    ("families", name, "when"),
                    "is decided by what sales and the score say; leave it out",
                    family.when,
                )
            continue
        if everybody:
            yield ("families", name), f"never takes a lead: {everybody} before it takes everybody", name
        if name not in USUAL:
            if family.when is None:
                yield ("families", name), "does not say whom it takes; give it when = {...}", name
            if not family.next.strip():
                yield ("families", name), 'does not say what to do; give it next = "..."', name
        for word, condition in (family.when or {}).items():
            if sentence := _wrong(word, condition, known, traits, routing, reasons):
                yield ("families", name, "when", word), sentence, condition
        if family.when == {} or (family.when is None and name == NURTURE):
            everybody = name


def _wrong(
    word: str,
    condition: object,
    known: Mapping[str, Domain],
    traits: Mapping[str, str],
    routing: Routing,
    reasons: Sequence[str],
) -> str:
    words = (*SCORE_WORDS, *WORDS)
    if word not in known:
        there = f"{', '.join(words[:-1])} or {words[-1]}"
        return f"is neither a trait of [features.traits] ({', '.join(traits) or 'none'}) nor {there}"
    if word in traits and word in words:
        return "is a trait and a word of [families]; the trait needs another name to be asked for"
    if word == "expected_value" and not routing.has_amounts:
        return "needs an amount: routing.amount_trait, amount_events or amount_else"
    try:
        found = read(condition, known[word])
    except ValueError as problem:
        return str(problem)
    if word == "returned" and isinstance(found, Names):
        for one in sorted(found.named):
            if one.strip().casefold().replace(" ", "_") not in reasons:
                return f"{one!r} is no reason that sales are asked for; those are: {', '.join(reasons)}"
    return ""
