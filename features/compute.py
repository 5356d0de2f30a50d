"""The way from an event log to a feature matrix: the entry points for many leads and for one, around one kernel."""

import numpy as np

from data.log import Codes, EventLog, Floats, Ints
from features import kernel
from features.catalogue import GROUPS, FeatureSet, Op

_KERNEL_GROUP = {"all": 0, "inbound": 1, "outbound": 2, "other": 3}


def batch(log: EventLog, feature_set: FeatureSet, lead: Ints, as_of: Ints, started: Ints) -> Floats:
    """(pairs, features) float64; NaN where something never happened or is not known.

    lead    : (pairs,) codes of `log`, in any order
    as_of   : (pairs,) microseconds UTC; only what was known before it counts
    started : (pairs,) when the journey started, as data.journey.standing says
    """
    features = feature_set.features
    out = np.full((len(lead), len(features)), np.nan)
    lead = np.ascontiguousarray(lead, dtype=np.int64)
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    started = np.ascontiguousarray(started, dtype=np.int64)
    slots = {name: place for place, name in enumerate((*GROUPS, *feature_set.kinds))}
    acts = [f for f in features if f.op not in (Op.trait, Op.profile)]
    behaviour = np.empty((len(lead), len(acts)))
    window = {days: place for place, days in enumerate(feature_set.windows)} | {0: len(feature_set.windows)}
    kernel.sweep(
        log.offsets, log.known, log.occurred, _slots(log, feature_set, slots), log.value,
        _groups(feature_set, slots), len(slots), np.array(feature_set.windows, dtype=np.int64),
        _codes([f.op for f in acts]), _codes([slots.get(f.subject, 0) for f in acts]),
        _codes([window[f.short] for f in acts]), _codes([window[f.long] for f in acts]),
        lead, as_of, started, behaviour,
    )  # fmt: skip
    out[:, [place for place, f in enumerate(features) if f.op not in (Op.trait, Op.profile)]] = behaviour
    if feature_set.traits:
        column, reading = _trait_readings(log, feature_set)
        traits = np.empty((len(lead), len(feature_set.traits)))
        profile = np.empty(len(lead))
        kernel.sweep_traits(
            log.trait_offsets, log.trait_known, log.trait_occurred, column, reading,
            len(feature_set.traits), lead, as_of, traits, profile,
        )  # fmt: skip
        out[:, [place for place, f in enumerate(features) if f.op is Op.trait]] = traits
        out[:, [place for place, f in enumerate(features) if f.op is Op.profile]] = profile[:, None]
    return out


def vector(history: EventLog, feature_set: FeatureSet, lead_id: str, as_of: int, started: int) -> Floats:
    """(features,) of one lead from its own history: the very numbers that `batch` gives it."""
    one = np.array([history.codes([lead_id])[0]])
    row: Floats = batch(history, feature_set, one, np.array([as_of]), np.array([started]))[0]
    return row


def _slots(log: EventLog, feature_set: FeatureSet, slots: dict[str, int]) -> Codes:
    by_kind = dict.fromkeys(feature_set.neutral, -1) | {kind: slots[kind] for kind in feature_set.kinds}
    return _codes([by_kind.get(kind, _KERNEL_GROUP["other"]) for kind in log.kinds])[log.kind]


def _groups(feature_set: FeatureSet, slots: dict[str, int]) -> Codes:
    group = np.full(len(slots), kernel.NO_GROUP, dtype=np.int32)
    for kind in feature_set.kinds:
        if kind in feature_set.outbound:
            group[slots[kind]] = _KERNEL_GROUP["outbound"]
        else:
            group[slots[kind]] = kernel.NEUTRAL if kind in feature_set.neutral else _KERNEL_GROUP["inbound"]
    return group


def _trait_readings(log: EventLog, feature_set: FeatureSet) -> tuple[Codes, Floats]:
    column = np.full(len(log.trait_names), -1, dtype=np.int32)
    reading = log.trait_number.copy()
    for place, trait in enumerate(feature_set.traits):
        if trait.name not in log.trait_names:
            continue
        code = log.trait_names.index(trait.name)
        column[code] = place
        if trait.kind == "category":
            known = {text: number for number, text in enumerate(trait.categories, start=1)}
            codes = np.array([known.get(text, 0) for text in log.trait_texts], dtype=np.float64)
            mine = log.trait_name == code
            reading[mine] = codes[log.trait_text[mine]]
    rows = column[log.trait_name] if len(log.trait_name) else np.empty(0, dtype=np.int32)
    unreadable = np.isnan(reading)
    return np.where(unreadable, np.int32(-1), rows).astype(np.int32), reading


def _codes(values: list[int]) -> Codes:
    return np.array(values, dtype=np.int32)
