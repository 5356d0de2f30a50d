"""What each feature is: declared once, named from its parameters, frozen as a *feature set* that a bundle carries.

The kinds of event and the categories of traits are chosen from training data. Whatever appears later counts as
``other``: the columns of a model never depend on what is frequent today.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Literal

import numpy as np

from data.journey import roles
from data.log import EventLog, Ints
from veraison.errors import TrainingError
from veraison.playbook import Playbook

VERSION = 1
"""Raised whenever the meaning of any feature changes; a bundle of another version is not scored with."""

GROUPS = ("all", "inbound", "outbound", "other")
_TEACHING = ("identify", "group", "alias")  # messages that teach traits or identity; they are not acts


class Op(IntEnum):
    """How the kernel computes a feature."""

    count = 0
    since = 1
    active_days = 2
    sum = 3
    trend = 4
    age = 5
    trait = 6
    profile = 7


@dataclass(frozen=True, slots=True)
class Feature:
    """One column.

    op      : how it is computed
    subject : the kind of event, the group of kinds, or the trait
    short   : days of the window, 0 for all time
    long    : days of the longer window of a trend
    """

    op: Op
    subject: str = "all"
    short: int = 0
    long: int = 0

    @property
    def name(self) -> str:
        """A name derived from the parameters: a change of one is a change of the other.

        >>> Feature(Op.count, "Pricing Page Viewed", 7).name
        'count__pricing_page_viewed__7d'
        >>> Feature(Op.trend, "inbound", 7, 30).name
        'trend__inbound__7d_30d'
        """
        parts = [self.op.name]
        if self.op not in (Op.age, Op.profile):
            parts.append(_slug(self.subject))
        if self.op in (Op.count, Op.sum, Op.active_days):
            parts.append(f"{self.short}d" if self.short else "ever")
        if self.op is Op.trend:
            parts.append(f"{self.short}d_{self.long}d")
        return "__".join(parts)


@dataclass(frozen=True, slots=True)
class TraitSpec:
    """A trait as a feature: a number, or one of `categories` (code 1 on; 0 is any other)."""

    name: str
    kind: Literal["category", "number"]
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureSet:
    """The columns of a model, in order, with everything that was learned to define them.

    windows  : days, ascending
    kinds    : kinds of event that have columns of their own
    outbound : kinds that are touches by the firm, not acts of the lead
    neutral  : kinds that are neither, such as the journey's own events (they count in their own columns only); any
               other kind is an act of the lead
    valued   : kinds whose values are summed
    traits   : traits, with their categories

    A kind that bears the name of a group (`GROUPS`) has no columns of its own: it counts as ``other``.
    """

    windows: tuple[int, ...]
    kinds: tuple[str, ...]
    outbound: tuple[str, ...]
    neutral: tuple[str, ...]
    valued: tuple[str, ...]
    traits: tuple[TraitSpec, ...]

    def __post_init__(self) -> None:
        if clash := {*GROUPS} & {*self.kinds}:
            raise ValueError(f"a kind cannot have columns of its own under the name of a group: {sorted(clash)}")

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """All columns, in the order of the matrix."""
        spans = (*self.windows, 0)
        groups = [group for group in GROUPS if group != "outbound" or self.outbound]
        found = [Feature(Op.age)]
        for subject in (*groups, *self.kinds):
            found += [Feature(Op.count, subject, window) for window in spans]
            found.append(Feature(Op.since, subject))
        for group in groups:
            found += [Feature(Op.active_days, group, window) for window in self.windows if window > 1]
            found += [
                Feature(Op.trend, group, short, long)
                for short, long in zip(self.windows[:-1], self.windows[1:], strict=True)
            ]
        for kind in self.valued:
            found += [Feature(Op.sum, kind, window) for window in (self.windows[-1], 0)]
        if self.traits:
            found.append(Feature(Op.profile))
        return (*found, *(Feature(Op.trait, trait.name) for trait in self.traits))

    @cached_property
    def names(self) -> list[str]:
        """Column names, unique; a clash of two names is settled by a number in the order of the set."""
        seen: Counter[str] = Counter()
        found = []
        for feature in self.features:
            name = feature.name
            seen[name] += 1
            found.append(name if seen[name] == 1 else f"{name}__{seen[name]}")
        return found

    @cached_property
    def categorical(self) -> list[int]:
        """Places of the columns that hold category codes."""
        kinds = {trait.name: trait.kind for trait in self.traits}
        return [
            place
            for place, feature in enumerate(self.features)
            if feature.op is Op.trait and kinds[feature.subject] == "category"
        ]

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
            raise ValueError("the feature set is of another version of the catalogue")
        traits = tuple(TraitSpec(t["name"], t["kind"], tuple(t["categories"])) for t in found.pop("traits"))
        return FeatureSet(traits=traits, **{key: tuple(value) for key, value in found.items()})


def learn(log: EventLog, playbook: Playbook, lead: Ints, as_of: Ints, *, min_leads: int = 20) -> FeatureSet:
    """Choose kinds and categories from what is visible at training pairs.

    A kind or category gets a column or code of its own where at least `min_leads` different leads showed it;
    at most ``features.max_kinds`` kinds, the most widespread first.
    """
    if not len(lead):
        raise TrainingError("there is no lead to learn features from")
    last = np.full(len(log.leads), np.iinfo(np.int64).min)
    np.maximum.at(last, lead, as_of)
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))
    shown = log.known < last[rows]
    closing = {*playbook.journey.converted, *playbook.journey.lost, *playbook.journey.opted_out}
    spread = _spread(rows[shown], log.kind[shown], len(log.kinds))
    ranked = sorted(
        (
            kind
            for code, kind in enumerate(log.kinds)
            if spread[code] >= min_leads and kind not in closing and kind not in _TEACHING and kind not in GROUPS
        ),
        key=lambda kind: (-spread[log.kinds.index(kind)], kind),
    )
    kinds = tuple(ranked[: playbook.features.max_kinds])
    with_value = shown & (log.value != np.iinfo(np.int64).min)
    worth = _spread(rows[with_value], log.kind[with_value], len(log.kinds))
    own = [kind for kind, role in zip(log.kinds, roles(log.kinds, playbook.journey), strict=True) if role >= 0]
    return FeatureSet(
        windows=playbook.features.windows_days,
        kinds=kinds,
        outbound=tuple(sorted(playbook.features.outbound)),
        neutral=tuple(sorted({*own, *_TEACHING} - {*playbook.features.outbound})),
        valued=tuple(kind for kind in kinds if worth[log.kinds.index(kind)] >= min_leads),
        traits=tuple(_learn_traits(log, playbook, last, min_leads)),
    )


def _learn_traits(log: EventLog, playbook: Playbook, last: Ints, min_leads: int) -> list[TraitSpec]:
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))
    shown = log.trait_known < last[rows]
    found = []
    for name, kind in playbook.features.traits.items():
        categories: tuple[str, ...] = ()
        if kind == "category" and name in log.trait_names:
            mine = shown & (log.trait_name == log.trait_names.index(name))
            spread = _spread(rows[mine], log.trait_text[mine], len(log.trait_texts))
            codes = [code for code in np.argsort(-spread, kind="stable") if spread[code] >= min_leads]
            categories = tuple(log.trait_texts[code] for code in codes[:200])
        found.append(TraitSpec(name, kind, categories))
    return found


def _spread(lead: Ints, code: np.typing.NDArray[Any], size: int) -> Ints:
    """(size,) how many different leads showed each code."""
    pairs = np.unique(lead * np.int64(max(size, 1)) + code)
    return np.bincount(pairs % max(size, 1), minlength=size).astype(np.int64)


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "kind"
