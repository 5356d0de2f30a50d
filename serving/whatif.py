"""How much higher leads like this one score that have just acted: comparisons, and never causes.

One act is added to what is visible of the lead, at the last moment that still counts, and the kernel and the model are
run on it: all kinds of act at once, each on a copy of the history. The model has learned what went together in the
past; that to bring the act about would bring the points is nothing that it could know.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.journey import Role, roles, standing
from data.log import NEVER, NO_VALUE, EventIds, EventLog, Floats
from features import compute, custom
from features.catalogue import FeatureSet
from features.ops import Op
from features.words import Language
from serving.translations import Words
from training.bundle import Bundle

SHOWN = 3
LEAST = 1.0
"""Points below which a comparison says nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a lead scores beside one like it that has just acted once more.

    kind   : of the act
    points : by which that one's score is higher, at least `LEAST` either way
    """

    kind: str
    points: float
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "points": self.points, "text": self.text}


def comparisons(
    bundle: Bundle, log: EventLog, code: int, as_of: int, features: Floats, score: float, language: Language
) -> tuple[Comparison, ...]:
    """The few acts that would move the score most, the weightiest first.

    code     : of the lead in `log`
    features : (f,) its own vector at `as_of`
    score    : of that vector
    """
    kinds = acts_of(bundle)
    if not kinds:
        return ()
    rows = vectors(bundle, log, code, as_of, features, kinds)
    moved = bundle.points(bundle.predict(rows))[2] - score
    best = [int(place) for place in np.argsort(-np.abs(moved), kind="stable")[:SHOWN]]
    return tuple(
        Comparison(kinds[place], float(moved[place]), words(kinds[place], float(moved[place]), language))
        for place in best
        if abs(moved[place]) >= LEAST
    )


def words(kind: str, points: float, language: Language = "en") -> str:
    """The comparison as one sentence.

    >>> words("Quote Requested", 8.2)
    'Leads like this one with "Quote Requested" just now score 8 points higher.'
    """
    whole = round(abs(points))
    if points > 0:
        return Words(language).many(
            'Leads like this one with "%(kind)s" just now score %(count)s point higher.',
            'Leads like this one with "%(kind)s" just now score %(count)s points higher.',
            whole,
            kind=kind,
        )
    return Words(language).many(
        'Leads like this one with "%(kind)s" just now score %(count)s point lower.',
        'Leads like this one with "%(kind)s" just now score %(count)s points lower.',
        whole,
        kind=kind,
    )


def acts_of(bundle: Bundle) -> list[str]:
    """The kinds that a lead could do next: its own acts among the model's kinds, never a step of the journey."""
    kinds = list(bundle.feature_set.kinds)
    own = compute.counting(bundle.feature_set, "inbound", kinds)
    own &= roles(kinds, bundle.playbook.journey) == Role.other
    return [kind for kind, mine in zip(kinds, own, strict=True) if mine]


def vectors(bundle: Bundle, log: EventLog, code: int, as_of: int, features: Floats, kinds: list[str]) -> Floats:
    """(kinds, f) the lead's vector, had it just acted so: bit for bit what a store with that event would give.

    What does not come from a lead's own events (traits, rates, colleagues) is as in `features`.
    """
    feature_set = bundle.feature_set
    program = compute.program_of(feature_set)
    copies = with_one_more(log, code, as_of, kinds)
    lead = np.arange(len(kinds), dtype=np.int64)
    moments = np.full(len(kinds), as_of, dtype=np.int64)
    started = standing(copies, bundle.playbook.journey, lead, moments).started
    found = np.empty((len(kinds), program.width))
    found[:, : len(features)] = features
    compute.behaviour(copies, program, lead, moments, started, found)
    for place in _custom_places(feature_set):
        spec = next(one for one in feature_set.custom if one.name == feature_set.features[place].subject)
        found[:, place] = custom.compute(copies, custom.load(spec), lead, moments)
    return np.ascontiguousarray(found[:, : len(features)])


def with_one_more(log: EventLog, code: int, as_of: int, kinds: list[str]) -> EventLog:
    """A log of copies of one lead's visible history, each with one more event just before the moment.

    The events alone: no traits, and nothing that only became known later.
    """
    seen, copies = log.visible(code, as_of), len(kinds)
    width = seen.stop - seen.start + 1
    names = list(dict.fromkeys([*log.kinds, *kinds]))
    newest = as_of - 1  # known before the moment, and after everything else that is

    def copied(column: Any, last: Any) -> Any:
        found = np.empty((copies, width), dtype=column.dtype)
        found[:, :-1] = column[seen]
        found[:, -1] = last
        return found.ravel()

    return replace(
        log,
        leads=[f"{log.leads[code]} and {kind}" for kind in kinds],
        offsets=np.arange(copies + 1, dtype=np.int64) * width,
        known=copied(log.known, newest),
        occurred=copied(log.occurred, newest),
        kind=copied(log.kind, [names.index(kind) for kind in kinds]),
        value=copied(log.value, NO_VALUE),
        actor=copied(log.actor, -1) if len(log.actor) else log.actor,
        event_ids=EventIds(None, range(copies * width)),
        kinds=names,
        trait_offsets=np.zeros(copies + 1, dtype=np.int64),
        trait_known=log.trait_known[:0],
        trait_occurred=log.trait_occurred[:0],
        trait_name=log.trait_name[:0],
        trait_text=log.trait_text[:0],
        trait_number=log.trait_number[:0],
        merged_at=np.full(copies, NEVER, dtype=np.int64),
    )


def _custom_places(feature_set: FeatureSet) -> list[int]:
    return [place for place, one in enumerate(feature_set.features) if one.op is Op.custom]
