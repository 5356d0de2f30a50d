"""Scores of leads that the model has not learned from: the only ones that history can be asked about.

The model that serves has seen what became of most leads of the past; it would be praised for knowing them. So leads are
judged that were created after the moment its knowledge ends; where too few of these have been followed long enough, a
twin is trained on what was known at an earlier moment, and judged on the leads since (docs/decisions/0003).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.events import MICROS_PER_DAY, instant
from data.journey import Status, standing
from data.log import NEVER, EventLog, Floats, Ints
from data.signs import NOT_YET, Bools, Firings
from features import compute
from features.catalogue import FeatureSet
from monitoring.weeks import WEEK, mondays
from training.bundle import Bundle
from training.fit import fit, training_set
from training.jobs import default_origins
from training.landmarks import MINUTE
from veraison.errors import TrainingError
from veraison.playbook import Horizons, Playbook

ENOUGH = 20
"""Leads that were won within the primary horizon: with fewer, the model that serves says too little of itself."""
_CHUNK = 20_000  # pairs whose features are in memory at once

Say = Callable[[str], None]


@dataclass(frozen=True)
class Judge:
    """By whose scores history is judged.

    bundle : None where no model can be had
    since  : leads created at or after this moment, microseconds UTC, are new to it
    twin   : whether it was trained for this
    why    : where there is none, a sentence
    """

    bundle: Bundle | None
    since: int
    twin: bool = False
    why: str = ""


def judge(
    log: EventLog, book: Playbook, as_of: int, champion: Bundle | None, *, threads: int = 1, say: Say = lambda _: None
) -> Judge:
    """The model that serves where enough leads are new to it, else a twin of it, else none.

    champion : the model that serves, None where none does
    as_of    : microseconds UTC; the twin knows nothing of it or later
    """
    days, gap = book.horizons.primary, book.training.gap_days * MICROS_PER_DAY
    if champion is not None:
        since = champion.known_until + gap
        if _won(log, book, since, as_of) >= ENOUGH:
            return Judge(champion, since)
    near = tuple(one for one in book.horizons.days if one <= days)
    shorter = book.model_copy(update={"horizons": Horizons(days=near, primary=days)})
    origins = default_origins(log, shorter, as_of, folds=1)
    if not origins:
        return Judge(
            None, 0, why="no scores to compare: history is too short for a model that has not seen these leads"
        )
    (origin,) = origins
    say(f"training a twin on what was known before {instant(origin):%Y-%m-%d}: the model that serves has seen the rest")
    try:
        data = training_set(log, book, before=origin)
        base_odds = None if champion is None else champion.base_odds
        twin = fit(data, book, before=origin, base_odds=base_odds, threads=threads, interval=False)
    except TrainingError as problem:
        return Judge(None, 0, why=f"no scores to compare: {problem}")
    return Judge(twin, origin + gap, twin=True)


def _won(log: EventLog, book: Playbook, since: int, as_of: int) -> int:
    """Leads created since a moment that were followed for the primary horizon and won within it."""
    lead = np.flatnonzero(log.merged_at >= as_of).astype(np.int64)
    then = standing(log, book.journey, lead, np.full(len(lead), as_of))
    longest = book.horizons.primary * MICROS_PER_DAY
    mine = (then.status == Status.converted) & (then.started >= since) & (then.started <= as_of - longest)
    return int((mine & (then.closed - np.minimum(then.started, then.closed) <= longest)).sum())


@dataclass(frozen=True)
class Weekly:
    """(n,) scores of leads week by week, and a minute after their creation; only of leads that were open.

    sales : whether sales had the lead already
    """

    lead: Ints
    as_of: Ints
    score: Floats
    sales: Bools


def weekly(
    log: EventLog, book: Playbook, bundle: Bundle, lead: Ints, born: Ints, end: Ints, *, threads: int = 1
) -> Weekly:
    """Scores on what was known at each moment, every Monday (UTC), of leads that have one.

    born, end : of each lead, microseconds UTC; when it was created, and what it is not scored from on
    """
    starts = mondays(int(born.min()), int(end.max()) + WEEK) if len(born) else np.empty(0, dtype=np.int64)
    first, last = np.searchsorted(starts, born + MINUTE, side="right"), np.searchsorted(starts, end)
    count = np.maximum(last - first, 0)
    place = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    who = np.concatenate([lead, np.repeat(lead, count)])
    when = np.concatenate([born + MINUTE, starts[place]])
    inside = when < np.concatenate([end, np.repeat(end, count)])
    order = np.lexsort((when[inside], who[inside]))
    who, when = who[inside][order], when[inside][order]
    then = standing(log, book.journey, who, when)
    there = np.flatnonzero(then.status == Status.scored)
    there = there[_known(log, bundle.feature_set, who[there], when[there]) >= bundle.playbook.scoring.min_known]
    score = np.empty(len(there))
    for start in range(0, len(there), _CHUNK):
        rows = there[start : start + _CHUNK]
        features = compute.batch(log, bundle.feature_set, who[rows], when[rows], then.started[rows], threads=threads)
        _, _, score[start : start + len(rows)] = bundle.points(bundle.predict(features, threads))
    return Weekly(who[there], when[there], score, then.ready[there] != NEVER)


def _known(log: EventLog, feature_set: FeatureSet, lead: Ints, as_of: Ints) -> Ints:
    """(pairs,) the lead's own acts and the declared traits that are known: a lead of too few has no score."""
    others = {*feature_set.outbound, *feature_set.neutral}
    own = np.array([kind not in others for kind in log.kinds], dtype=np.bool_)
    rows = np.flatnonzero(own[log.kind]) if len(log.kind) else np.empty(0, dtype=np.int64)
    offsets = np.searchsorted(rows, log.offsets).astype(np.int64)
    acts = Firings(offsets, log.known[rows], np.arange(len(rows), dtype=np.int64)).newest(lead, as_of)
    names = [trait.name for trait in feature_set.traits]
    traits = (compute.trait_rows(log, feature_set, names, lead, as_of) >= 0).sum(axis=1)
    found: Ints = np.where(acts == NOT_YET, 0, acts - offsets[lead] + 1) + traits
    return found
