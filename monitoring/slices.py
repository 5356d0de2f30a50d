"""Where does the model keep its promise, and where not? Leads by score, by source and by stage; and its times.

A person counts once in a slice, with the first landmark there: the rule of the record (data.record), which looks only
back, so that outcomes of different rows are of different people. A slice is *off* where more or fewer converted than
its chances and `TOLERANCE` allow, beyond chance, over all slices together (Holm): no champion is right to the point on
later leads, and what nobody would act on is no news however many leads show it.

How many convert of n leads with chances p is spread no wider than the binomial of n and their mean, which makes the
test exact or careful, however few they are.

Source : Hoeffding 1956, On the distribution of the number of successes in independent trials

Worked example: of 200 leads of "Webinar" 30 were to convert, and 9 did. Even if only 27.3 had been due, so few come
three times in a hundred thousand; with twelve slices that is four in ten thousand.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from data.bands import EDGES, ENOUGH, WIDTH, wilson
from data.log import EventLog, Floats, Ints
from features import compute
from monitoring.causes import Cause
from monitoring.performance import DRAWS, ROWS, Matured, shown
from training.bundle import READY_LEVELS, Bundle
from training.comparison import holm
from training.evaluate import timing
from training.landmarks import Bools, ripenings
from training.resampling import Resampling, interval
from veraison.playbook import Playbook

TOLERANCE = 0.1
"""So far off, as a share, a slice's chances may be: `monitoring.expected` takes the level of all to be as uncertain."""
MOST = 12
"""Sources that are looked at, those with the most leads."""
OF_TIME = ("interval_coverage", "timing_error_days")
STAGES = ("not yet accepted", "accepted by sales")


@dataclass(frozen=True, slots=True)
class Slice:
    """Leads of one kind, each once, and how many of them converted within the primary horizon.

    by, name  : ``score`` and ``70-80``, ``source`` and the source, ``stage`` and one of `STAGES`
    expected  : sum of the chances
    low, high : 95 % interval of how many such leads convert
    p         : chance of a count so far beyond what is tolerated, corrected for all slices
    off       : whether it is below the level of the policy
    """

    by: str
    name: str
    leads: int
    observed: int
    expected: float
    low: float
    high: float
    p: float
    off: bool = False


def slices(
    log: EventLog, champion: Bundle, playbook: Playbook, seen: Matured, probability: Floats, score: Floats
) -> list[Slice]:
    """Each slice of at least `ENOUGH` leads, in the order score, source, stage.

    seen        : (n,) matured landmarks
    probability : (n,) of conversion within the primary horizon
    score       : (n,) as the champion serves it
    """
    order = np.lexsort((seen.person, seen.pairs.as_of))
    found = []
    for by, name, inside in _groups(log, champion, playbook, seen, score):
        rows = order[inside[order]]
        first = rows[np.unique(seen.person[rows], return_index=True)[1]]
        if len(first) >= ENOUGH:
            found.append(measured(by, name, seen.happened[first], probability[first]))
    return judged(found, playbook.monitoring.false_alarms)


def measured(by: str, name: str, happened: Bools, probability: Floats) -> Slice:
    """One slice of n people, its `p` not corrected yet.

    >>> measured("score", "10-20", np.arange(100) < 3, np.full(100, 0.15)).p < 0.001
    True
    """
    leads, observed, expected = len(happened), int(happened.sum()), float(probability.sum())
    low, high = wilson(observed, leads)
    mean = expected / leads
    if observed > expected:
        tail = binom.sf(observed - 1, leads, min(mean * (1 + TOLERANCE), 1.0))
    else:
        tail = binom.cdf(observed, leads, mean / (1 + TOLERANCE))
    return Slice(by, name, leads, observed, expected, leads * low, leads * high, min(2 * float(tail), 1.0))


def judged(found: list[Slice], level: float) -> list[Slice]:
    """The same with `p` corrected for being so many, and what is off told.

    level : chance in ]0; 1[ that any of all slices is called off while none is
    """
    corrected = holm(np.array([one.p for one in found], dtype=np.float64)).tolist()
    return [
        Slice(**(asdict(one) | {"p": p, "off": p < level})) for one, p in zip(found, corrected, strict=True)
    ]  # fmt: skip


def describe(found: list[Slice]) -> list[dict[str, Any]]:
    """For the verdict."""
    return [
        asdict(one)
        | {name: round(getattr(one, name), 2) for name in ("expected", "low", "high")}
        | {"p": float(f"{one.p:.3g}")}
        for one in found
    ]


def misjudged(found: list[Slice]) -> list[Cause]:
    """What is off, as causes that are reported only: whether all leads are, the policy asks by itself."""
    return [
        Cause(
            "slice",
            f"{one.by}={one.name}",
            acts=False,
            numbers={"leads": one.leads, "observed": one.observed, "expected": round(one.expected, 2)},
        )
        for one in found
        if one.off
    ]


def times(
    log: EventLog, champion: Bundle, playbook: Playbook, seen: Matured, ready: Floats, *, at: int
) -> dict[str, Any] | None:
    """How right the told times to readiness were, as `veraison backtest` measures it; None where none has come.

    Of landmarks whose longest horizon is over, those that ripened within it: what is told is the time *given* that.

    ready   : (n, 3) days told of each landmark
    Returns : interval_coverage and timing_error_days with 95 % intervals by bootstrap over persons, and the coverage
              that was promised
    """
    longest = max(champion.playbook.horizons.days)
    outcomes, usable = ripenings(log, playbook, seen.pairs, at)
    ripe = np.flatnonzero(usable & outcomes.settled(longest) & outcomes.within(longest))[-ROWS:]
    if not len(ripe):
        return None
    draw = Resampling.of(seen.person[ripe], draws=DRAWS, seed=playbook.training.seed)
    found = timing(outcomes.duration[ripe], ready[ripe], draw)
    return {
        "pairs": len(ripe),
        "leads": int(draw.counts.shape[1]),
        "promised_coverage": READY_LEVELS[-1] - READY_LEVELS[0],
        **{name: dict(zip(("value", "low", "high"), map(shown, interval(drawn)), strict=True))
           for name, drawn in found.items()},
    }  # fmt: skip


def _groups(
    log: EventLog, champion: Bundle, playbook: Playbook, seen: Matured, score: Floats
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """What it is by, its name, and (n,) which landmarks are in it."""
    band = np.minimum((score // WIDTH).astype(np.int64), len(EDGES) - 2)
    for place, low in enumerate(EDGES[:-1]):
        yield "score", f"{low}-{low + WIDTH}", band == place
    source = _sources(log, champion, playbook.monitoring.source, seen)
    codes, counts = np.unique(source[source >= 0], return_counts=True)
    for code in codes[np.argsort(-counts, kind="stable")][:MOST].tolist():
        yield "source", log.trait_texts[code], source == code
    if playbook.has_readiness:
        for accepted, name in enumerate(STAGES):
            yield "stage", name, seen.pairs.ready == bool(accepted)


def _sources(log: EventLog, champion: Bundle, trait: str, seen: Matured) -> Ints:
    """(n,) the source of each landmark's lead as known then, a place in the log's texts; -1 where it is not known."""
    row = compute.trait_rows(log, champion.feature_set, [trait], seen.pairs.lead, seen.pairs.as_of)[:, 0]
    return np.append(log.trait_text, -1)[row].astype(np.int64)
