"""What each feature is: declared once, named from its parameters, frozen as a *feature set* that a bundle carries.

Kinds of event, categories, sequences and the histories of conversion rates are chosen from training data. Whatever
appears later counts as ``other``: the columns of a model never depend on what is frequent today.

A feature belongs to a *family*, the unit in which `docs/features.md` measures what it is worth, and to a *group*, the
unit in which a seller is told why: the columns of a group say much the same of a lead, and share its points.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from data.domains import DOMAIN_KINDS
from features.ops import Feature, Op
from features.rates import RateHistory
from veraison.playbook_model import Family

VERSION = 2
"""Raised whenever the meaning of any feature changes; a bundle of another version is not scored with."""

GROUPS = ("all", "inbound", "outbound", "other")
RECENT = 3
"""So many of the newest kinds are columns."""

TraitKind = Literal["category", "number", "email", "account"]
Type = Literal["count", "number", "flag", "category"]


_GROUP_OF_KINDS = {"all": "activity", "inbound": "activity", "outbound": "touches", "other": "other_events"}
_GROUP_OF_OP = {
    Op.age: "journey", Op.recent_kind: "journey", Op.stage: "journey", Op.in_stage: "journey", Op.actors: "people",
    Op.last_actor: "people", Op.sequence: "sequences", Op.profile: "profile", Op.colleagues: "company",
    Op.active_colleagues: "company", Op.colleague_acts: "company", Op.since_colleague: "company",
    Op.won_colleagues: "company",
}  # fmt: skip
_OF_TRAITS = {Op.trait, Op.missing, Op.learned, Op.rate}

_COUNTS = {
    Op.count, Op.active_days, Op.busiest_day, Op.stage, Op.actors, Op.profile, Op.colleagues, Op.active_colleagues,
    Op.colleague_acts, Op.won_colleagues,
}  # fmt: skip
_FLAGS = {Op.sequence, Op.missing}
_CLOCKS = {Op.age, Op.since, Op.first, Op.in_stage, Op.learned, Op.since_colleague}


@dataclass(frozen=True, slots=True)
class TraitSpec:
    """A trait as a feature: a number, one of `categories`, the kind of an address, or the company of colleagues.

    categories : what the codes from 1 on stand for; 0 is any other
    """

    name: str
    kind: TraitKind
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """The lead did `first`, and then `then` less than `days` later."""

    first: str
    then: str
    days: int


@dataclass(frozen=True, slots=True)
class CustomSpec:
    """A firm's own feature: where its function is, and a digest of its source, so that a change does not go unseen."""

    module: str
    name: str
    digest: str


@dataclass(frozen=True)
class FeatureSet:
    """The columns of a model, in order, with everything that was learned to define them.

    windows    : days, ascending
    kinds      : kinds of event that have columns of their own
    outbound   : kinds that are touches by the firm, not acts of the lead
    neutral    : kinds that are neither, such as the journey's own events (they count in their own columns only); any
                 other kind is an act of the lead
    valued     : kinds whose values are summed
    traits     : traits, with their categories
    half_lives : days
    sequences  : pairs of kinds
    people     : whether events say who at the firm acted
    rates      : conversion rates of traits' values (and of ``actor``) over time, as known before the training snapshot
    won        : kinds that mean a colleague was won
    time_zone  : where days begin and offices open
    custom     : the firm's own features
    chosen     : names of the columns that are wanted, None for all

    A kind that bears the name of a group (`GROUPS`) has no columns of its own: it counts as ``other``.
    """

    windows: tuple[int, ...]
    kinds: tuple[str, ...]
    outbound: tuple[str, ...]
    neutral: tuple[str, ...]
    valued: tuple[str, ...]
    traits: tuple[TraitSpec, ...]
    half_lives: tuple[int, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    people: bool = False
    rates: tuple[RateHistory, ...] = field(default=(), repr=False)
    won: tuple[str, ...] = ()
    time_zone: str = "UTC"
    custom: tuple[CustomSpec, ...] = ()
    chosen: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if clash := {*GROUPS} & {*self.kinds}:
            raise ValueError(f"a kind cannot have columns of its own under the name of a group: {sorted(clash)}")
        if unknown := {*(self.chosen or ())} - {*_names(self._everything)}:
            raise ValueError(f"no such feature: {', '.join(sorted(unknown))}")

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """All columns, in the order of the matrix."""
        if self.chosen is None:
            return self._everything
        wanted = {*self.chosen}
        return tuple(
            one for one, name in zip(self._everything, _names(self._everything), strict=True) if name in wanted
        )

    @cached_property
    def names(self) -> list[str]:
        """Column names, unique; a clash of two names is settled by a number in the order of the set."""
        every = _names(self._everything)
        if self.chosen is None:
            return every
        wanted = {*self.chosen}
        return [name for name in every if name in wanted]

    def only(self, names: Iterable[str]) -> "FeatureSet":
        """The same set with these columns alone; ValueError for a name it does not have."""
        return replace(self, chosen=tuple(names))

    def without(self, family: Family) -> "FeatureSet":
        """The same set without one family."""
        return self.only(n for n, one in zip(self.names, self.features, strict=True) if one.family != family)

    @cached_property
    def _everything(self) -> tuple[Feature, ...]:
        return (*self._of_events(), *self._of_traits(), *self._of_others())

    def _of_events(self) -> Iterable[Feature]:
        spans = (*self.windows, 0)
        groups = [group for group in GROUPS if group != "outbound" or self.outbound]
        yield Feature(Op.age)
        for subject in (*groups, *self.kinds):
            yield from (Feature(Op.count, subject, window) for window in spans)
            yield from (Feature(Op.decayed, subject, days) for days in self.half_lives)
            yield from (Feature(Op.since, subject), Feature(Op.first, subject))
        for group in groups:
            yield from (Feature(Op.active_days, group, window) for window in (*self.windows, 0) if window != 1)
            yield from (Feature(Op.trend, group, short, long) for short, long in pairwise(self.windows))
            if group != "other":
                rhythm = (
                    Op.gap_mean, Op.gap_longest, Op.burstiness, Op.overdue, Op.busiest_day, Op.office_hours
                )  # fmt: skip
                yield from (Feature(op, group) for op in rhythm)
        for kind in self.valued:
            yield from (Feature(Op.sum, kind, window) for window in (*self.windows[-2:], 0))
            yield from (Feature(Op.highest, kind), Feature(Op.latest, kind))
        if self.kinds:
            yield from (Feature(Op.recent_kind, short=place) for place in range(1, RECENT + 1))
            yield from (Feature(Op.stage), Feature(Op.in_stage))
        if self.people:
            yield Feature(Op.actors)
        yield from (Feature(Op.sequence, one.first, one.days, then=one.then) for one in self.sequences)

    def _of_traits(self) -> Iterable[Feature]:
        if self.traits:
            yield Feature(Op.profile)
        for trait in self.traits:
            if trait.kind != "account":
                yield Feature(Op.trait, trait.name)
            yield from (Feature(Op.missing, trait.name), Feature(Op.learned, trait.name))

    def _of_others(self) -> Iterable[Feature]:
        yield from (Feature(Op.rate, one.subject) for one in self.rates)
        if any(trait.kind == "account" for trait in self.traits):
            yield Feature(Op.colleagues)
            for window in self.windows[-2:]:
                yield from (Feature(Op.active_colleagues, short=window), Feature(Op.colleague_acts, short=window))
            yield from (Feature(Op.since_colleague), Feature(Op.won_colleagues))
        yield from (Feature(Op.custom, one.name) for one in self.custom)

    def trait(self, name: str) -> TraitSpec:
        """The trait of that name; KeyError where the set has none."""
        return self._traits[name]

    @cached_property
    def _traits(self) -> dict[str, TraitSpec]:
        return {trait.name: trait for trait in self.traits}

    @cached_property
    def categorical(self) -> list[int]:
        """Places of the columns that hold category codes."""
        return [place for place, feature in enumerate(self.features) if self.type_of(feature) == "category"]

    @cached_property
    def clocks(self) -> list[int]:
        """Places of the columns that count days since something: each day on which nothing happens adds one.

        >>> one = FeatureSet((7,), ("Quote",), (), (), (), ())
        >>> [one.names[place] for place in one.clocks][:4]
        ['age', 'since__all', 'first__all', 'since__inbound']
        """
        return [place for place, feature in enumerate(self.features) if feature.op in _CLOCKS]

    def type_of(self, feature: Feature) -> Type:
        """Of a column of this set: a whole number from 0 on, any number, 0 or 1, or the code of a category."""
        if feature.op is Op.recent_kind:
            return "category"
        if feature.op is Op.trait:
            return "number" if self.trait(feature.subject).kind == "number" else "category"
        return "count" if feature.op in _COUNTS else "flag" if feature.op in _FLAGS else "number"

    def group_of(self, feature: Feature) -> str:
        """The key of the group in which a column is a reason; features.groups has its words.

        ``event:KIND`` (all columns of one kind), ``trait:NAME`` (its value, age, absence and rate), ``custom:NAME``, or
        one of ``activity``, ``touches``, ``other_events``, ``journey``, ``people``, ``sequences``, ``profile`` and
        ``company``.

        >>> one = FeatureSet((7,), ("Quote",), (), (), (), (TraitSpec("country", "category"),))
        >>> [one.group_of(one.features[one.names.index(name)]) for name in ("since__quote", "missing__country", "age")]
        ['event:Quote', 'trait:country', 'journey']
        """
        if feature.op is Op.custom:
            return f"custom:{feature.subject}"
        if feature.op is Op.rate and feature.subject == "actor":
            return "people"
        if feature.op in _OF_TRAITS:
            trait = self._traits.get(feature.subject)  # a rate can be of a trait without columns of its own
            return "company" if trait is not None and trait.kind == "account" else f"trait:{feature.subject}"
        if feature.op in _GROUP_OF_OP:
            return _GROUP_OF_OP[feature.op]
        return _GROUP_OF_KINDS.get(feature.subject, f"event:{feature.subject}")

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Keys of all groups, in the order of their first columns."""
        return tuple(dict.fromkeys(self.group_of(one) for one in self.features))

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """For each of `groups` the places of its columns, ascending."""
        found: dict[str, list[int]] = {key: [] for key in self.groups}
        for place, one in enumerate(self.features):
            found[self.group_of(one)].append(place)
        return tuple(tuple(places) for places in found.values())

    def categories(self, feature: Feature) -> tuple[str, ...]:
        """What the codes 1, 2, ... of a category column stand for; 0 is any other."""
        if feature.op is Op.recent_kind:
            return self.kinds
        trait = self.trait(feature.subject)
        return DOMAIN_KINDS if trait.kind == "email" else trait.categories

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any column does."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "FeatureSet":
        """The set that `to_json` wrote; ValueError where another version wrote it."""
        found: dict[str, Any] = json.loads(text)
        if found.pop("version") != VERSION:
            raise ValueError("its features are of another version of the catalogue")
        found["traits"] = [TraitSpec(t["name"], t["kind"], tuple(t["categories"])) for t in found["traits"]]
        found["sequences"] = [Sequence(**one) for one in found["sequences"]]
        found["rates"] = [RateHistory.of(one) for one in found["rates"]]
        found["custom"] = [CustomSpec(**one) for one in found["custom"]]
        columns: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}
        return FeatureSet(**columns)


def _names(features: Iterable[Feature]) -> list[str]:
    seen: Counter[str] = Counter()
    found = []
    for feature in features:
        name = feature.name
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}__{seen[name]}")
    return found
