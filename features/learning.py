"""Choosing a feature set: the kinds, categories, sequences and conversion rates that training data shows."""

from typing import Any

import numba
import numpy as np

from data.events import MICROS_PER_DAY, micros
from data.identity import fold
from data.journey import Role, roles
from data.log import NEVER, NO_VALUE, EventLog, Ints
from features import compute, custom, kernel
from features.catalogue import GROUPS, CustomSpec, FeatureSet, Sequence, TraitSpec
from features.rates import RateHistory
from veraison.errors import CustomFeatureError, TrainingError
from veraison.playbook import Playbook

TEACHING = ("identify", "group", "alias")  # messages that teach traits or identity; they are not acts
_CATEGORIES = 200
_RATED = 5_000
_SEQUENCES = 12
_SEQUENCE_KINDS = 16
_ASKED = 200
MANY_VALUES, MANY_PEOPLE = 1_000, 20
"""From so many values on a trait has a conversion rate, and from so many people on who acted last. Rates of traits
moved with time and cost more than they gave: .03 of correlation with the truth on a simulated market (a source of a few
values), .02 of AUC at 30 days on a real one (495 landing pages); those of 62 sellers on a real log were worth .005."""


RICH_FROM, RICH = 300, ("rhythm", "stage")
"""Families that exist from so many leads won on. With 180 to learn from, on a simulated market whose truth knows
neither, each cost .01 to .02 of correlation with it; with 438, on a real log, rhythm was worth .004 of AUC at 14
days."""


def learn(
    log: EventLog,
    playbook: Playbook,
    lead: Ints,
    as_of: Ints,
    *,
    before: int | None = None,
    min_leads: int = 20,
    min_values: int = MANY_VALUES,
) -> FeatureSet:
    """Choose what a set is made of from what is visible at training pairs.

    before : the training snapshot, microseconds UTC: conversion rates are of outcomes known before it; None stands for
             just after the newest pair

    A kind, category or sequence gets a column or code of its own where at least `min_leads` different leads showed it;
    at most ``features.max_kinds`` kinds, the most widespread first. With fewer than `RICH_FROM` leads won before the
    snapshot there are no columns of the families `RICH`. A trait's values have a conversion rate from
    `min_values` different ones on.
    """
    if not len(lead):
        raise TrainingError("there is no lead to learn features from")
    last = np.full(len(log.leads), np.iinfo(np.int64).min)
    np.maximum.at(last, lead, as_of)
    before = int(last.max()) if before is None else before
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))
    shown = log.known < last[rows]
    closing = {*playbook.journey.converted, *playbook.journey.lost, *playbook.journey.opted_out}
    spread = _spread(rows[shown], log.kind[shown], len(log.kinds))
    ranked = sorted(
        (
            kind
            for code, kind in enumerate(log.kinds)
            if spread[code] >= min_leads and kind not in closing and kind not in TEACHING and kind not in GROUPS
        ),
        key=lambda kind: (-spread[log.kinds.index(kind)], kind),
    )
    kinds = tuple(ranked[: playbook.features.max_kinds])
    with_value = shown & (log.value != NO_VALUE)
    worth = _spread(rows[with_value], log.kind[with_value], len(log.kinds))
    journey = playbook.journey
    own = {*journey.created, *journey.ready, *journey.returned, *closing}
    traits = tuple(_learn_traits(log, playbook, last, min_leads))
    people = bool(log.actors) and len(np.unique(rows[shown & (log.actor >= 0)])) >= min_leads
    rated = [trait.name for trait in traits if trait.kind == "category"] + ([compute.ACTOR] if people else [])
    least = (min_values, min(min_values, MANY_PEOPLE))
    found = FeatureSet(
        windows=playbook.features.windows_days,
        kinds=kinds,
        outbound=tuple(sorted(playbook.features.outbound)),
        neutral=tuple(sorted({*own, *TEACHING} - {*playbook.features.outbound})),
        valued=tuple(kind for kind in kinds if worth[log.kinds.index(kind)] >= min_leads),
        traits=traits,
        half_lives=playbook.features.half_lives_days,
        sequences=_learn_sequences(log, playbook, kinds, last, min_leads),
        people=people,
        rates=tuple(
            one
            for one in (_learn_rate(log, playbook, name, before, least[name == compute.ACTOR]) for name in rated)
            if one is not None
        ),
        won=tuple(sorted(playbook.journey.converted)),
        time_zone=playbook.features.time_zone,
        custom=_learn_custom(playbook),
    )
    for spec in found.custom:
        ask_twice(log, spec, lead, as_of)
    won = np.isin(log.kind, [log.kinds.index(kind) for kind in journey.converted if kind in log.kinds])
    few = len(np.unique(rows[won & (log.known < before)])) < RICH_FROM
    for family in {*playbook.features.without, *(RICH if few else ())}:
        found = found.without(family)
    return found


def _learn_custom(playbook: Playbook) -> tuple[CustomSpec, ...]:
    found: dict[str, CustomSpec] = {}
    for module in playbook.features.custom:
        for one in custom.registered(module):
            if (other := found.setdefault(one.spec.name, one.spec)) != one.spec:
                raise CustomFeatureError(
                    f"features.custom: modules {other.module!r} and {module!r} both have a feature {one.spec.name!r}; "
                    "rename one of them"
                )
    return tuple(found.values())


def ask_twice(log: EventLog, spec: CustomSpec, lead: Ints, as_of: Ints) -> None:
    """Ask a firm's own feature twice; CustomFeatureError where it answers differently.

    That catches what is not a function of the visible history: a clock, chance, something remembered between calls.
    """
    pick = np.unique(np.linspace(0, len(lead) - 1, min(len(lead), _ASKED)).astype(np.int64))
    lead, as_of = lead[pick], as_of[pick]
    function = custom.load(spec)
    first = custom.compute(log, function, lead, as_of)
    backwards = np.arange(len(pick))[::-1]
    again = custom.compute(log, function, lead[backwards], as_of[backwards])[backwards]
    differs = np.flatnonzero(~((first == again) | (np.isnan(first) & np.isnan(again))))
    if len(differs):
        raise CustomFeatureError(
            f"features.custom: {spec.name!r} gave {first[differs[0]]:g} and then {again[differs[0]]:g} for lead "
            f"{log.leads[int(lead[differs[0]])]!r}; a feature must depend on the visible history alone"
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
            categories = tuple(log.trait_texts[code] for code in codes[:_CATEGORIES])
        found.append(TraitSpec(name, kind, categories))
    return found


def _learn_sequences(
    log: EventLog, playbook: Playbook, kinds: tuple[str, ...], last: Ints, min_leads: int
) -> tuple[Sequence, ...]:
    """The pairs of common kinds that tell leads apart most: nearest to as many leads with as without."""
    chosen, days = kinds[:_SEQUENCE_KINDS], playbook.features.windows_days
    within = next((one for one in days if one >= 7), days[-1])
    if len(chosen) < 2:
        return ()
    slot = np.full(len(log.kinds), -1, dtype=np.int64)
    slot[[log.kinds.index(kind) for kind in chosen]] = np.arange(len(chosen))
    counts = _count_sequences(
        log.offsets, log.known, log.occurred, slot[log.kind], len(chosen), within * MICROS_PER_DAY, last
    )
    share = counts / max(int((last > np.iinfo(np.int64).min).sum()), 1)
    order = sorted(
        (-(share[a, b] * (1 - share[a, b])), chosen[a], chosen[b])
        for a in range(len(chosen))
        for b in range(len(chosen))
        if a != b and counts[a, b] >= min_leads
    )
    return tuple(Sequence(first, then, within) for _, first, then in order[:_SEQUENCES])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count_sequences(offsets, known, occurred, slot, n_slots, within, last):  # type: ignore[no-untyped-def]  # numba infers
    """(slots, slots) how many leads did the one and then the other in time."""
    counts = np.zeros((n_slots, n_slots), dtype=np.int64)
    hit = np.zeros((n_slots, n_slots), dtype=np.bool_)
    newest = np.empty(n_slots, dtype=np.int64)
    for lead in range(len(offsets) - 1):
        hit[:] = False
        newest[:] = -1
        for e in range(offsets[lead], offsets[lead + 1]):
            if known[e] >= last[lead]:
                break
            b = slot[e]
            if b < 0:
                continue
            for a in range(n_slots):
                hit[a, b] = hit[a, b] or (newest[a] >= 0 and 0 <= occurred[e] - newest[a] < within)
            newest[b] = max(newest[b], occurred[e])
        counts += hit
    return counts


def _learn_rate(log: EventLog, playbook: Playbook, subject: str, before: int, least: int) -> RateHistory | None:
    """What became of the leads of each category, as known before the snapshot; None for fewer than `least`."""
    role = roles(log.kinds, playbook.journey)
    within = playbook.horizons.primary * MICROS_PER_DAY
    lead, known, leads, won = _outcomes(
        log.offsets, log.known, log.occurred, role[log.kind] if len(log.kind) else _EMPTY, log.merged_at,
        not playbook.journey.created, within, before,
        0 if playbook.journey.observed_from is None else micros(playbook.journey.observed_from),
    )  # fmt: skip
    # the category is the one known when the lead counts for the first time: the first outcome of each lead
    counted = np.flatnonzero(leads == 1)
    moment = np.full(len(log.leads), NEVER, dtype=np.int64)
    moment[lead[counted]] = known[counted]
    who = np.flatnonzero(moment != NEVER)
    text: list[str | None] = [None] * len(log.leads)
    if subject == compute.ACTOR and not log.actors:
        return None
    if subject == compute.ACTOR:
        for one, code in zip(
            who, _last_actor(log.offsets, log.known, log.occurred, log.actor, who, moment[who]), strict=True
        ):
            text[one] = log.actors[code] if code >= 0 else None
    else:
        if subject not in log.trait_names:
            return None
        mine = np.where(log.trait_name == log.trait_names.index(subject), 0, -1).astype(np.int32)
        row = np.empty((len(who), 1), dtype=np.int64)
        kernel.sweep_traits(log.trait_offsets, log.trait_known, log.trait_occurred, mine, 1, who, moment[who], row)
        for one, at in zip(who, row[:, 0], strict=True):
            text[one] = fold(log.trait_texts[log.trait_text[at]]) if at >= 0 else None
    many: dict[str, int] = {}
    for shown in text:
        if shown is not None:
            many[shown] = many.get(shown, 0) + 1
    texts = tuple(sorted(sorted(many), key=lambda shown: -many[shown])[:_RATED])
    if len(texts) < max(least, 1):
        return None
    place = {shown: at for at, shown in enumerate(texts, start=1)}
    places = np.array([0 if shown is None else place.get(shown, 0) for shown in text], dtype=np.int32)
    return RateHistory.build(subject, texts, places[lead], known, leads, won)


_EMPTY = np.empty(0, dtype=np.int32)
_CREATED, _CONVERTED, _LOST = Role.created.value, Role.converted.value, Role.lost.value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _outcomes(offsets, known, occurred, role, merged_at, any_starts, within, before, observed_from):  # type: ignore[no-untyped-def]  # numba infers
    """Single outcomes (lead, known, leads, won): as a lead becomes old enough, and each time its success changes."""
    size = 0
    lead = np.empty(len(known) + len(offsets), dtype=np.int64)
    since = np.empty(len(lead), dtype=np.int64)
    leads = np.empty(len(lead), dtype=np.int64)
    won = np.empty(len(lead), dtype=np.int64)
    for code in range(len(offsets) - 1):
        started = lost = converted = NEVER
        counts_from = NEVER
        was = False
        for e in range(offsets[code], offsets[code + 1]):
            if known[e] >= before:
                break
            what, when = role[e], occurred[e]
            if any_starts or what == _CREATED:
                if started == NEVER:
                    counts_from = known[e] + within
                    if when < observed_from or counts_from >= before or merged_at[code] < counts_from:
                        break
                    lead[size], since[size], leads[size], won[size] = code, counts_from, 1, 0
                    size += 1
                started = min(started, when)
            if what == _CONVERTED:
                converted = min(converted, when)
            elif what == _LOST:
                lost = min(lost, when)
            now = started != NEVER and converted <= lost and converted != NEVER and converted - started <= within
            if now != was:
                lead[size], since[size], leads[size] = code, max(counts_from, known[e]), 0
                won[size] = 1 if now else -1
                size += 1
                was = now
    return lead[:size], since[:size], leads[:size], won[:size]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _last_actor(offsets, known, occurred, actor, lead, as_of):  # type: ignore[no-untyped-def]  # numba infers
    found = np.full(len(lead), -1, dtype=np.int64)
    for p in range(len(lead)):
        newest = np.int64(-1)
        for e in range(offsets[lead[p]], offsets[lead[p] + 1]):
            if known[e] >= as_of[p]:
                break
            if actor[e] >= 0 and occurred[e] >= newest:
                newest, found[p] = occurred[e], actor[e]
    return found


def _spread(lead: Ints, code: np.typing.NDArray[Any], size: int) -> Ints:
    """(size,) how many different leads showed each code."""
    pairs = np.unique(lead * np.int64(max(size, 1)) + code)
    return np.bincount(pairs % max(size, 1), minlength=size).astype(np.int64)
