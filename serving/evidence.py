"""What a score rests on: the events and traits behind a reason, what is not known, and whether it is enough.

All of it was visible at the moment of the score (``known_at < as_of``); what became known later changes nothing.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from data.events import isoformat
from data.journey import Role, roles
from data.log import NO_VALUE, EventLog, Ints
from features import compute, custom
from features.catalogue import FeatureSet
from features.ops import Feature, Op
from features.words import Language
from serving.translations import Words
from training.bundle import Bundle

SHOWN = 3
"""So many events or traits are given for a reason, the newest."""

_AMOUNTS = {Op.sum, Op.highest, Op.latest}
_STEPS = {Op.stage, Op.in_stage}
_OF_TRAITS = {Op.trait, Op.missing, Op.learned, Op.rate}
_OF_COMPANY = {Op.colleagues, Op.active_colleagues, Op.colleague_acts, Op.since_colleague, Op.won_colleagues}


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event, or a known trait, that a reason rests on.

    name     : the kind of the event, or the trait
    at       : when the event occurred, or since when the trait is what it is (microseconds UTC)
    event_id : of an event, None of a trait
    value    : of a trait, as it was sent
    said     : of a return, what sales said with it, as a phrase with its date (serving.way_back)
    """

    name: str
    at: int
    event_id: str | None = None
    value: float | str | None = None
    said: str = ""

    def to_dict(self) -> dict[str, Any]:
        if self.event_id is None:
            return {"trait": self.name, "value": self.value, "since": isoformat(self.at)}
        told = {"text": self.said} if self.said else {}
        return {"kind": self.name, "occurred_at": isoformat(self.at), "event_id": self.event_id} | told


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that is not known of a lead: a trait of the playbook, or (where `trait` is None) any act of its own."""

    trait: str | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {"trait": self.trait, "text": self.text}


def evidence(log: EventLog, bundle: Bundle, code: int, as_of: int, column: str) -> tuple[Evidence, ...]:
    """The newest visible events behind one column of a lead, or the trait; empty where nothing is behind it.

    code   : of the lead in `log`
    column : a name of the bundle's feature set
    """
    feature_set = bundle.feature_set
    feature = feature_set.features[feature_set.names.index(column)]
    if (names := _traits_behind(feature_set, feature)) is not None:
        return _known_traits(log, feature_set, code, as_of, names)
    return _events(log, _rows(log, bundle, feature, code, as_of)[:SHOWN])


def done(log: EventLog, bundle: Bundle, code: int, as_of: int, column: str, since: int) -> tuple[Evidence, ...]:
    """All visible events behind one column of a lead that occurred at `since` or later, the newest first.

    code   : of the lead in `log`
    column : a name of the bundle's feature set

    What is neither an act of the lead nor a touch by the firm, such as the start of its journey, is left out.
    """
    feature_set = bundle.feature_set
    feature = feature_set.features[feature_set.names.index(column)]
    if _traits_behind(feature_set, feature) is not None:
        return ()
    rows = _rows(log, bundle, feature, code, as_of)
    neutral = np.array([kind in feature_set.neutral for kind in log.kinds], dtype=np.bool_)
    return _events(log, rows[(log.occurred[rows] >= since) & ~neutral[log.kind[rows]]])


def missing(log: EventLog, feature_set: FeatureSet, code: int, as_of: int, language: Language) -> tuple[Missing, ...]:
    """The declared traits that are not known, and whether the lead has not acted yet."""
    names = [trait.name for trait in feature_set.traits]
    row = compute.trait_rows(log, feature_set, names, np.array([code]), np.array([as_of]))[0]
    words = Words(language)
    unknown = [name for name, at in zip(names, row, strict=True) if at < 0]
    found = [Missing(name, words("%(name)s: not known", name=name)) for name in unknown]
    if not acts(log, feature_set, np.array([code]), np.array([as_of]), 1)[0]:
        found.append(Missing(None, words("no act of its own yet")))
    return tuple(found)


def enough(log: EventLog, feature_set: FeatureSet, lead: Ints, as_of: Ints, least: int) -> Any:
    """(pairs,) bool, whether so many acts of the lead and declared traits together are known at each moment."""
    known = acts(log, feature_set, lead, as_of, least)
    few = np.flatnonzero(known < least)  # most leads have acted enough: only the others' traits are looked at
    if len(few):
        names = [trait.name for trait in feature_set.traits]
        known[few] += (compute.trait_rows(log, feature_set, names, lead[few], as_of[few]) >= 0).sum(axis=1)
    return known >= least


def are_acts(kinds: list[str], feature_set: FeatureSet) -> Any:
    """(kinds,) bool, which of these are the lead's own acts."""
    others = {*feature_set.outbound, *feature_set.neutral}
    return np.array([kind not in others for kind in kinds], dtype=np.bool_)


def acts(log: EventLog, feature_set: FeatureSet, lead: Ints, as_of: Ints, most: int) -> Ints:
    """(pairs,) how many visible events are the lead's own acts, `most` where there are more.

    An act is an event that is neither a touch by the firm nor the journey's own, be its kind known to the model or not.
    """
    found = np.zeros(len(lead), dtype=np.int64)
    _count(log.offsets, log.known, log.kind, are_acts(log.kinds, feature_set), lead, as_of, most, found)
    return found


def _traits_behind(feature_set: FeatureSet, feature: Feature) -> list[str] | None:
    """The traits that a column is made of, None where it is made of events."""
    if feature.op is Op.profile:
        return [trait.name for trait in feature_set.traits]
    if feature.op in _OF_COMPANY:
        return [trait.name for trait in feature_set.traits if trait.kind == "account"]
    if feature.op in _OF_TRAITS and not (feature.op is Op.rate and feature.subject == compute.ACTOR):
        return [feature.subject]
    return None


def _known_traits(
    log: EventLog, feature_set: FeatureSet, code: int, as_of: int, names: list[str]
) -> tuple[Evidence, ...]:
    rows = compute.trait_rows(log, feature_set, names, np.array([code]), np.array([as_of]))[0]
    numbers = {trait.name for trait in feature_set.traits if trait.kind == "number"}
    found = [
        Evidence(
            name,
            int(log.trait_occurred[row]),
            value=float(log.trait_number[row]) if name in numbers else log.trait_texts[log.trait_text[row]],
        )
        for name, row in zip(names, rows, strict=True)
        if row >= 0
    ]
    return tuple(sorted(found, key=lambda one: -one.at)[:SHOWN])


def _rows(log: EventLog, bundle: Bundle, feature: Feature, code: int, as_of: int) -> Ints:
    """Places in `log` of the visible events that count in a column, the newest first."""
    feature_set, seen = bundle.feature_set, log.visible(code, as_of)
    kind, kinds = log.kind[seen], log.kinds
    counts = np.ones(len(kinds), dtype=np.bool_)
    newest = np.arange(seen.start, seen.stop)[np.lexsort((np.arange(len(kind)), log.occurred[seen]))[::-1]]
    if feature.op is Op.age:
        if bundle.playbook.journey.created:
            counts = roles(kinds, bundle.playbook.journey) == Role.created
        return newest[counts[log.kind[newest]]][-1:]  # the journey started at the oldest of them
    if feature.op is Op.custom:
        own = custom.load(next(spec for spec in feature_set.custom if spec.name == feature.subject)).kinds
        counts = np.array([not own or name in own for name in kinds], dtype=np.bool_)
    elif feature.op is Op.sequence:
        counts = np.array([name in (feature.subject, feature.then) for name in kinds], dtype=np.bool_)
    elif feature.op in _STEPS:
        counts = np.array([name in feature_set.kinds for name in kinds], dtype=np.bool_)
    elif feature.op in (Op.recent_kind, Op.actors, Op.last_actor, Op.rate):
        idle = {*feature_set.neutral} - {*feature_set.kinds}
        counts = np.array([name not in idle for name in kinds], dtype=np.bool_)
    else:
        counts = compute.counting(feature_set, feature.subject, kinds)
    newest = newest[counts[log.kind[newest]]]
    if feature.op in _AMOUNTS:
        newest = newest[log.value[newest] != NO_VALUE]
    if feature.op in (Op.actors, Op.last_actor, Op.rate):
        newest = newest[log.actor[newest] >= 0] if len(log.actor) else newest[:0]
    return newest


def _events(log: EventLog, rows: Ints) -> tuple[Evidence, ...]:
    ids = log.event_ids[rows].to_list() if len(rows) else []
    return tuple(
        Evidence(log.kinds[log.kind[row]], int(log.occurred[row]), event_id)
        for row, event_id in zip(rows, ids, strict=True)
    )


@numba.njit(cache=True, nogil=True)
def _count(offsets, known, kind, own, lead, as_of, most, found):  # type: ignore[no-untyped-def]  # numba infers
    for p in range(len(lead)):
        for e in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[e] >= as_of[p] or found[p] >= most:
                break
            found[p] += own[kind[e]]
