"""The first answer to a change of level: the champion's chances times a factor, long before a new model could learn it.

Where fewer or more convert than expected, week after week, what tells leads apart has often stayed. A challenger that
learns of it must wait until outcomes since the onset have matured, months; until then every chance that is served is
wrong by the same factor. The factor itself is known from the very weeks that raised the alarm (training.levels).

A worked example: in the five weeks since the onset the champion's chances add up to 60 conversions and 30 came. With a
prior of six the factor is ``(6 + 30) / (6 + 60) = .55``, and its 95 % interval .38 to .74.

*Does it pay?* The factor learned from the weeks before each week says that week's count, and so does the champion. The
ratio of the two predictive likelihoods, multiplied over the weeks, is the evidence. No week is judged by what was
learned from it, and by chance the ratio ever reaches `EVIDENCE` once in so many firms without a change (Ville 1939).

*A level goes on learning.* A factor of 30 conversions is known to a fifth. Open deals pile up after a rise, so that the
first weeks are not the later ones either. When the weeks since have brought as many outcomes again, the factor of all
of them takes its place, where it is another one by a tenth and they were foretold better by learning on.

Source: Steyerberg et al. 2004 (recalibration of the intercept); Dawid 1984 (prequential); Ville 1939
"""

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.stats import gamma, nbinom, poisson

from data.events import isoformat
from data.log import Floats
from monitoring import challenger
from monitoring.causes import Cause
from monitoring.conversions import ALL, OPTIMISM, Conversions, Series
from monitoring.progress import Begun, Work
from training.bundle import Bundle
from training.levels import Event, Level, part_of

EVIDENCE = 20.0
"""How many times likelier the weeks must be with the factor than without."""
MATERIAL = 1.1
"""A factor that is learned on takes the place of one that is off by more: no champion keeps its level to a tenth."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A level and what speaks for it.

    evidence : the predictive likelihood of the weeks with it, over that without
    """

    level: Level
    evidence: float

    @property
    def certain(self) -> bool:
        """Whether it is shown to be another level than the champion's."""
        return self.evidence >= EVIDENCE and not self.level.low <= 1.0 <= self.level.high

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self.level), "evidence": round(self.evidence, 1)}

    def sentence(self) -> str:
        """In words, what it is."""
        one = self.level
        whose = "" if one.name == ALL else f" of {one.name.partition('=')[2]!r}"
        what = "conversions" if one.event == "converted" else "acceptances by sales"
        return (
            f"{one.factor:.2f} times as many {what}{whose} (95 %: {one.low:.2f} to {one.high:.2f}; {one.observed} came "
            f"where the model says {one.expected:.0f})"
        )


def weigh(found: Conversions | None, champion: Bundle, *, trait: str, as_of: int) -> list[Weighed]:
    """The levels that weeks in alarm call for, and the champion has columns for; empty where there are none.

    Of everyone and single sources that which is furthest beyond its limit: the other is judged anew after it.

    trait : whose categories the sources are
    as_of : microseconds UTC
    """
    alarms = sorted(found.alarms, key=lambda one: -one.excess) if found is not None else []
    if found is None or not alarms:
        return []
    together = alarms[0].name == ALL
    weighed = []
    for alarm in alarms:
        if (alarm.name == ALL) != together:
            continue
        since = alarm.since
        for one in found.series:
            if one.name == alarm.name:
                name = ALL if together else f"{trait}={one.name}"
                weighed.append(_weighed(one, name, since, isoformat(int(found.starts[since])), isoformat(as_of)))
    return [
        one for one in weighed if one.certain and part_of(one.level.name, champion.feature_set) is not None
    ]  # fmt: skip


def revise(found: Conversions | None, champion: Bundle, *, as_of: int) -> list[Weighed]:
    """Levels of the champion that the weeks since they were set make known better, of everyone and of single sources.

    Of several of the same leads and outcome the last: those before it are of a world that is over.

    as_of : microseconds UTC
    """
    newest = {(one.name, one.event): one for one in champion.levels}
    series = {} if found is None else {(one.name, one.event): one for one in found.series}
    revised = []
    for (name, event), level in newest.items():
        since = series.get((name if name == ALL else name.partition("=")[2], event))
        if since is not None and since.observed.sum() >= max(level.observed, OPTIMISM):  # as many again, and not none
            revised.append(_learned_on(level, since, isoformat(as_of)))
    moved = [(one, newest[one.level.name, one.level.event].factor / one.level.factor) for one in revised]
    return [one for one, by in moved if one.evidence >= 1.0 and max(by, 1 / by) > MATERIAL]


def known_better(revised: list[Weighed], champion: Bundle) -> list[Cause]:
    """What was revised as causes."""
    before = {(one.name, one.event): one.factor for one in champion.levels}
    return [
        Cause(
            "level", one.level.name, True,
            {"event": one.level.event, "factor": one.level.factor, "before": before[one.level.name, one.level.event],
             "observed": one.level.observed, "since": one.level.since[:10]},
        )
        for one in revised
    ]  # fmt: skip


def relevel(work: Work, begun: Begun, champion: Bundle, as_of: int) -> dict[str, Any]:
    """The step of a renewal that makes the challenger: the champion, at the levels that were found when it began.

    A level takes the place of the one that it goes on from, which has the same onset.

    What the record of the champion's test leads says holds at its old level, so it does not go with it.
    """
    levels = tuple(Level(**{key: one[key] for key in _FIELDS}) for one in begun.levels or ())
    work.say("setting the champion to another level: " + "; ".join(one.name for one in levels))
    facts = {name: value for name, value in champion.facts.items() if name != "record"}
    revised = {(one.name, one.event, one.since) for one in levels}
    kept = (one for one in champion.levels if (one.name, one.event, one.since) not in revised)
    bundle = replace(champion, levels=(*kept, *levels), facts=facts, saved_as=None)
    challenger.keep(work, begun, bundle)
    return {"version": bundle.version}


def figures(levels: list[dict[str, Any]]) -> dict[str, float]:
    """Of each level its factor and evidence, as MLflow names figures."""
    found: dict[str, float] = {}
    for one in levels:
        name = re.sub(r"[^\w./ -]", "_", f"{one['event']}_{one['name']}")
        found |= {f"{key}_{name}": float(one[key]) for key in ("factor", "evidence")}
    return found


def sentence(levels: list[dict[str, Any]] | None) -> str:
    """In words, what the champion was set to; empty without levels."""
    if not levels:
        return ""
    told = "; ".join(Weighed(Level(**{key: one[key] for key in _FIELDS}), one["evidence"]).sentence() for one in levels)
    return f"The same model at another level: {told}."


_FIELDS = tuple(one.name for one in fields(Level))


def evidence(observed: Floats, promised: Floats, prior: float = OPTIMISM) -> float:
    """How many times likelier counts are when a factor is learned week by week than at a factor of 1.

    observed, promised : (t,) counts, and the means that a model says of them
    prior              : outcomes that speak for 1 before the first week

    >>> round(evidence(np.array([6.0, 6.0, 6.0, 6.0]), np.array([12.0, 12.0, 12.0, 12.0])))
    257
    >>> evidence(np.array([12.0, 11.0, 13.0]), np.array([12.0, 12.0, 12.0])) < 1
    True
    """
    shape = prior + np.append(0.0, np.cumsum(observed)[:-1])
    rate = prior + np.append(0.0, np.cumsum(promised)[:-1])
    gained = nbinom.logpmf(observed, shape, rate / (rate + promised)) - poisson.logpmf(observed, promised)
    return float(np.exp(min(gained.sum(), 700.0)))


def _weighed(series: Series, name: str, since: int, onset: str, until: str) -> Weighed:
    observed, promised = series.observed[since:], np.maximum(series.promised[since:], 1e-9)
    factor, low, high = series.ratio(since)
    event: Event = "ready" if series.event == "ready" else "converted"
    level = Level(
        name, event, round(factor, 4), round(low, 4), round(high, 4), onset, until,
        round(float(promised.sum()), 2), int(observed.sum()),
    )  # fmt: skip
    return Weighed(level, evidence(observed, promised))


def _learned_on(level: Level, series: Series, until: str) -> Weighed:
    """The level of all weeks since its onset; `series` tells of those since it was set, expected at that level."""
    prior, promised = OPTIMISM + level.observed, np.maximum(series.promised, 1e-9)
    expected = level.expected + float(promised.sum()) / level.factor
    observed = level.observed + int(series.observed.sum())
    shape, rate = OPTIMISM + observed, OPTIMISM + expected
    low, high = gamma.ppf((0.025, 0.975), shape) / rate
    level = replace(
        level, factor=round(shape / rate, 4), low=round(float(low), 4), high=round(float(high), 4), until=until,
        expected=round(expected, 2), observed=observed,
    )  # fmt: skip
    return Weighed(level, evidence(series.observed, promised, prior))
