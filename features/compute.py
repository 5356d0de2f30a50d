"""The way from an event log to a feature matrix: the entry points for many leads and for one, around one kernel."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.domains import domain_kind
from data.identity import fold
from data.log import Codes, EventLog, Floats, Ints
from features import accounts, custom, kernel, slots
from features.catalogue import GROUPS, FeatureSet
from features.ops import Feature, Op
from features.slots import DAY

_ELSEWHERE = slots.ALL | slots.OTHER << 16 | slots.NOWHERE << 32


@dataclass(frozen=True)
class Program:
    """The columns of a feature set as the kernel takes them; made once a set (see features.kernel.sweep)."""

    act_of: dict[str, int]
    n_slots: int
    windows: Ints
    half_lives: Ints
    zone: tuple[Ints, Ints]
    sequences: tuple[Ints, Ints, Ints]
    span: Ints
    columns: tuple[Codes, Codes, Codes, Codes]
    width: int
    last_actor: int

    def arguments(self, log: EventLog) -> tuple[Any, ...]:
        """All that the kernel takes before the pairs."""
        act_of = np.array([self.act_of.get(kind, _ELSEWHERE) for kind in log.kinds] or [_ELSEWHERE], dtype=np.int64)
        return (
            log.offsets, log.known, log.occurred, log.kind, log.value, log.actor, len(log.actors), act_of, self.n_slots,
            self.windows, self.half_lives, *self.zone, *self.sequences, self.span, *self.columns,
        )  # fmt: skip


def batch(
    log: EventLog,
    feature_set: FeatureSet,
    lead: Ints,
    as_of: Ints,
    started: Ints,
    *,
    threads: int = 1,
    order: Literal["C", "F"] = "C",
    room: Floats | None = None,
) -> Floats:
    """(pairs, features) float64; NaN where something never happened or is not known.

    lead    : (pairs,) codes of `log`, in any order
    as_of   : (pairs,) microseconds UTC; only what was known before it counts
    started : (pairs,) when the journey started, as data.journey.standing says
    threads : changes no bit
    order   : the matrix is stored by rows (C), as models read it, or by columns (F), as files are written
    room    : (at least pairs * program_of(feature_set).width,) where the matrix is put instead of into new memory,
              which on some machines costs more to get than the features to compute; the next call overwrites it
    """
    lead, as_of, started = (np.ascontiguousarray(one, dtype=np.int64) for one in (lead, as_of, started))
    program = program_of(feature_set)
    size = len(lead) * program.width
    out = (np.empty(size) if room is None else room[:size]).reshape((len(lead), program.width), order=order)
    behaviour(log, program, lead, as_of, started, out, threads)
    features = feature_set.features
    if any(one.op >= Op.trait for one in features):
        _beyond_events(log, feature_set, program, lead, as_of, out)
    return out[:, : len(features)] if program.width > len(features) else out


def vector(history: EventLog, feature_set: FeatureSet, lead_id: str, as_of: int, started: int) -> Floats:
    """(features,) of one lead from its own history: the very numbers that `batch` gives it."""
    code = history.leads.index(lead_id)
    row: Floats = batch(history, feature_set, np.array([code]), np.array([as_of]), np.array([started]))[0]
    return row


def counting(feature_set: FeatureSet, subject: str, kinds: list[str]) -> npt.NDArray[np.bool_]:
    """(kinds,) whether an event of each kind counts in the columns of a subject: a kind's own, or a group's.

    >>> one = FeatureSet((7,), ("Quote", "Mail"), ("Mail",), ("Won",), (), ())
    >>> counting(one, "inbound", ["Quote", "Mail", "Won", "New"]).tolist()
    [True, False, False, False]
    >>> counting(one, "other", ["Quote", "Mail", "Won", "New"]).tolist()
    [False, False, False, True]
    """
    slot = [*GROUPS, "", *feature_set.kinds].index(subject)
    act_of = program_of(feature_set).act_of
    acts = [act_of.get(kind, _ELSEWHERE) for kind in kinds]
    return np.array(
        [act >= 0 and slot in (act & slots.SLOT, act >> 16 & slots.SLOT, act >> 32) for act in acts], dtype=np.bool_
    )


def trait_rows(log: EventLog, feature_set: FeatureSet, names: list[str], lead: Ints, as_of: Ints) -> Ints:
    """(pairs, names) the row of `log` that says what each trait is at each moment; -1 where it is not known.

    Of the visible rows it is the one that is true of the latest moment, of those that can be read as the set says.
    """
    found = np.full((len(lead), len(names)), -1, dtype=np.int64)
    if names:
        kernel.sweep_traits(
            log.trait_offsets, log.trait_known, log.trait_occurred, _readable(log, feature_set, names), len(names),
            lead, as_of, found,
        )  # fmt: skip
    return found


def behaviour(
    log: EventLog, program: Program, lead: Ints, as_of: Ints, started: Ints, out: Floats, threads: int = 1
) -> None:
    """Fill the columns of `out` that come from a lead's own events."""
    row = np.arange(len(lead), dtype=np.int64)
    if not _ascending(lead, as_of):
        row = np.lexsort((as_of, lead)).astype(np.int64)
        lead, as_of, started = lead[row], as_of[row], started[row]
    arguments = program.arguments(log)
    parts = list(_parts(lead, threads))
    if len(parts) <= 1:
        kernel.sweep(*arguments, lead, as_of, started, row, out)  # type: ignore[call-arg]  # a tuple of all columns
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [
            pool.submit(partial(kernel.sweep, *arguments), lead[part], as_of[part], started[part], row[part], out)
            for part in parts
        ]:
            done.result()


def program_of(feature_set: FeatureSet) -> Program:
    """The set's program, made at first use."""
    found = feature_set.__dict__.get("_program")
    if found is None:
        found = feature_set.__dict__["_program"] = _program(feature_set)
    program: Program = found
    return program


def _program(feature_set: FeatureSet) -> Program:
    slot_of = {name: place for place, name in enumerate((*GROUPS, "", *feature_set.kinds))}
    window = {days: place for place, days in enumerate(feature_set.windows)} | {0: len(feature_set.windows)}
    half_life = {days: place for place, days in enumerate(feature_set.half_lives)}
    sequences = sorted(
        (slot_of[one.then], slot_of[one.first], one.days, place) for place, one in enumerate(feature_set.sequences)
    )
    sequence = {
        (one.first, one.then, one.days): [s[3] for s in sequences].index(place)
        for place, one in enumerate(feature_set.sequences)
    }
    columns: list[tuple[int, int, int, int, int]] = []
    width = len(feature_set.features)
    last_actor = -1
    for column, one in enumerate(feature_set.features):
        if one.op >= Op.trait:
            continue
        place, short = slot_of.get(one.subject, 0), window.get(one.short, 0)
        if one.op is Op.decayed:
            short = half_life[one.short]
        elif one.op is Op.recent_kind:
            short = one.short
        elif one.op is Op.sequence:
            place = sequence[one.subject, one.then, one.short]
        columns.append((one.op.value, place, short, window.get(one.long, 0), column))
    if any(one.op is Op.rate and one.subject == ACTOR for one in feature_set.features):
        last_actor, width = width, width + 1
        columns.append((Op.last_actor.value, 0, 0, 0, last_actor))
    columns.sort()
    table = np.array(columns, dtype=np.int32).reshape(len(columns), 5).T
    return Program(
        act_of=dict.fromkeys(feature_set.neutral, -1)
        | {kind: _groups(feature_set, kind) | slot_of[kind] << 32 for kind in feature_set.kinds},
        n_slots=len(slot_of),
        windows=np.array(feature_set.windows, dtype=np.int64) * DAY,
        half_lives=np.array(feature_set.half_lives, dtype=np.int64) * DAY,
        zone=_zone(feature_set.time_zone),
        sequences=(
            np.searchsorted([s[0] for s in sequences], np.arange(len(slot_of) + 1)).astype(np.int64),
            np.array([s[1] for s in sequences], dtype=np.int64),
            np.array([s[2] for s in sequences], dtype=np.int64) * DAY,
        ),
        span=np.searchsorted(table[0], np.arange(Op.trait.value + 1)).astype(np.int64),
        columns=(_codes(table[1]), _codes(table[2]), _codes(table[3]), _codes(table[4])),
        width=width,
        last_actor=last_actor,
    )


ACTOR = "actor"
"""The subject of the rate of whoever at the firm acted last."""


def _groups(feature_set: FeatureSet, kind: str) -> int:
    """Where a kind with columns of its own counts besides: among all, and in a group."""
    if kind in feature_set.outbound:
        return slots.ALL | slots.OUTBOUND << 16
    if kind in feature_set.neutral:
        return slots.NOWHERE | slots.NOWHERE << 16
    return slots.ALL | slots.INBOUND << 16


@lru_cache(maxsize=16)
def _zone(name: str) -> tuple[Ints, Ints]:
    """From which moments on local time is how far ahead of UTC, 1970 to 2100; microseconds."""
    if name == "UTC":
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    zone, epoch, second = ZoneInfo(name), datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)

    def ahead(seconds: int) -> int:
        offset = (epoch + second * seconds).astimezone(zone).utcoffset()
        return round(offset.total_seconds()) if offset else 0

    moments, offsets, day = [0], [ahead(0)], 86_400
    for start in range(0, 131 * 366 * day, 7 * day):
        low, high = start, start + 7 * day
        if ahead(low) == ahead(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if ahead(middle) == ahead(start) else (low, middle)
        moments.append(high)
        offsets.append(ahead(high))
    return np.array(moments, dtype=np.int64) * 1_000_000, np.array(offsets, dtype=np.int64) * 1_000_000


def _beyond_events(
    log: EventLog, feature_set: FeatureSet, program: Program, lead: Ints, as_of: Ints, out: Floats
) -> None:
    """Fill the columns of `out` that come from traits, other leads, or a firm's own functions."""
    place = {trait.name: column for column, trait in enumerate(feature_set.traits)}
    rated = [one.subject for one in feature_set.rates if one.subject != ACTOR]
    names = list(dict.fromkeys([*place, *rated]))  # a rate can be of a trait that has no column of its own
    found = trait_rows(log, feature_set, names, lead, as_of)
    told = _told(log, feature_set, lead, as_of)
    for at, one in enumerate(feature_set.features):
        match one.op:
            case Op.trait:
                out[:, at] = _reading(log, feature_set, one, found[:, place[one.subject]])
            case Op.missing:
                out[:, at] = found[:, place[one.subject]] < 0
            case Op.learned:
                row = found[:, place[one.subject]]
                since = as_of - _take(log.trait_occurred, row, 0)
                out[:, at] = np.where(row < 0, np.nan, since / DAY)
            case Op.profile:
                out[:, at] = (found[:, : len(place)] >= 0).sum(axis=1)
            case Op.rate:
                out[:, at] = _rate(log, feature_set, one, program, found, names, as_of, out)
            case Op.custom:
                spec = next(spec for spec in feature_set.custom if spec.name == one.subject)
                out[:, at] = custom.compute(log, custom.load(spec), lead, as_of)
            case _ if one in told:
                out[:, at] = told[one]


def _readable(log: EventLog, feature_set: FeatureSet, names: list[str]) -> Codes:
    """(trait rows,) place of the row's trait in `names`, -1 where it is not in it or cannot be read as the set says."""
    column = _codes([names.index(name) if name in names else -1 for name in log.trait_names])
    rows = column[log.trait_name] if len(log.trait_name) else np.empty(0, dtype=np.int32)
    for trait in feature_set.traits:
        if trait.name not in names:
            continue
        at = names.index(trait.name)
        if trait.kind == "number":
            rows = np.where((rows == at) & np.isnan(log.trait_number), -1, rows)
        elif trait.kind == "email":
            address = _by_text(log, rows == at, lambda text: float(domain_kind(text) is not None), 1.0)
            rows = np.where(address == 0, -1, rows)
    return rows.astype(np.int32)


def _reading(log: EventLog, feature_set: FeatureSet, feature: Feature, row: Ints) -> Floats:
    """(pairs,) a trait's number, or the code of its category."""
    trait = feature_set.trait(feature.subject)
    if trait.kind == "number":
        values = log.trait_number
    else:
        codes = {text: float(code) for code, text in enumerate(feature_set.categories(feature), start=1)}
        mine = np.zeros(len(log.trait_text), dtype=np.bool_)
        mine[row[row >= 0]] = True
        values = _by_text(
            log, mine, lambda text: codes.get(str(domain_kind(text)) if trait.kind == "email" else text, 0.0), 0.0
        )
    return np.where(row < 0, np.nan, _take(values, row, np.nan))


def _rate(
    log: EventLog, feature_set: FeatureSet, feature: Feature, program: Program, found: Ints, names: list[str],
    as_of: Ints, out: Floats,
) -> Floats:  # fmt: skip
    """(pairs,) the conversion rate of the category each lead shows."""
    history = next(one for one in feature_set.rates if one.subject == feature.subject)
    if feature.subject == ACTOR:
        places = np.array([history.places.get(who, 0) for who in log.actors] or [0], dtype=np.int32)
        code = np.nan_to_num(out[:, program.last_actor], nan=-1.0).astype(np.int64)
        return history.at(np.where(code < 0, -1, places[code]).astype(np.int32), as_of)
    row = found[:, names.index(feature.subject)]
    mine = np.zeros(len(log.trait_text), dtype=np.bool_)
    mine[row[row >= 0]] = True
    places = _by_text(log, mine, lambda text: float(history.places.get(fold(text), 0)), 0.0).astype(np.int32)
    return history.at(np.where(row < 0, -1, _take(places, row, -1)).astype(np.int32), as_of)


def _told(log: EventLog, feature_set: FeatureSet, lead: Ints, as_of: Ints) -> dict[Feature, Floats]:
    """What colleagues did, by column."""
    asked = [one for one in feature_set.features if Op.colleagues <= one.op <= Op.won_colleagues]
    name = next((trait.name for trait in feature_set.traits if trait.kind == "account"), None)
    if not asked or name is None:
        return {}
    if name not in log.trait_names:
        return {one: np.full(len(lead), np.nan) for one in asked}
    windows = sorted({one.short for one in asked if one.short})
    inbound = [
        kind in feature_set.kinds and kind not in feature_set.outbound and kind not in feature_set.neutral
        for kind in log.kinds
    ]
    won = [kind in feature_set.won for kind in log.kinds]
    columns = accounts.colleagues(
        log, log.trait_names.index(name), _codes(inbound), _codes(won), np.array(windows, dtype=np.int64) * DAY,
        lead, as_of,
    )  # fmt: skip
    found = {}
    for one in asked:
        if one.op in (Op.active_colleagues, Op.colleague_acts):
            column = 2 * windows.index(one.short) + (one.op is Op.colleague_acts)
        else:
            column = 2 * len(windows) + (Op.colleagues, Op.since_colleague, Op.won_colleagues).index(one.op)
        found[one] = columns[:, column]
    return found


def _by_text(log: EventLog, mine: Any, reading: Any, otherwise: float) -> Floats:
    """(trait rows,) a reading of each row's text, made once a text; `otherwise` where a row is not `mine`."""
    found = np.full(len(log.trait_text), otherwise)
    texts = np.unique(log.trait_text[mine])
    if len(texts):
        values = np.array([reading(log.trait_texts[text]) for text in texts], dtype=np.float64)
        found[mine] = values[np.searchsorted(texts, log.trait_text[mine])]
    return found


def _take(values: Any, row: Ints, empty: Any) -> Any:
    return values[np.maximum(row, 0)] if len(values) else np.full(len(row), empty)


def _ascending(lead: Ints, as_of: Ints) -> bool:
    step, same = np.diff(lead), np.diff(as_of) >= 0
    return bool(((step > 0) | ((step == 0) & same)).all())


def _parts(lead: Ints, threads: int) -> Iterator[slice]:
    """Cut sorted pairs into about equal parts, whole leads each."""
    cuts = [0]
    for part in range(1, threads):
        at = int(np.searchsorted(lead, lead[len(lead) * part // threads])) if len(lead) >= 64 * threads else 0
        if at > cuts[-1]:
            cuts.append(at)
    yield from (slice(start, stop) for start, stop in zip(cuts, [*cuts[1:], len(lead)], strict=True))


def _codes(values: Any) -> Codes:
    return np.array(values, dtype=np.int32)
