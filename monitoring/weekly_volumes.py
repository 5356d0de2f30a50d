"""Does as much arrive as usual? The newest week's events of each kind and leads of each source, against what was to be
expected of them.

What was to be expected is what the eight weeks before had, and where the log is old enough what happened to all kinds
together in the same week last year: August is no news. How far a week may lie off is taken from how far the past weeks
lay off what was expected of them. A kind that comes every other week has no expectation that holds, and hence no
alarm: what is no further off than some past week was is no news. `monitoring.volumes` watches for its silence.
"""

import numpy as np

from data.log import Floats, Ints
from monitoring import chance
from monitoring.chance import Usual
from monitoring.sources import Contacts
from monitoring.volumes import Arrivals

BEFORE, YEAR, PAST = 8, 52, 40
"""Weeks whose mean is expected, weeks of a year, and weeks that say how far off that usually is."""
BEYOND = 1.5
"""What is beyond chance is told where it is so many times what is expected, or its inverse."""


def volumes(seen: Arrivals, leads: Contacts, *, level: float) -> dict[str, Usual]:
    """The newest week of each kind, and of each source as ``trait=source``, where it is beyond chance.

    level : chance in ]0; 1[ that any of them is called so in a usual week (Bonferroni)
    """
    kinds = _weekly(seen.known, seen.kind, len(seen.kinds), seen.at)
    sources = _weekly(leads.known, leads.source, len(leads.names), seen.at)
    names = [*seen.kinds, *(f"{leads.trait}={name}" for name in leads.names)]
    every, began = kinds.sum(axis=0), int(chance.weeks(seen.known[:1], seen.at)[0]) if len(seen.known) else 0
    season = _season(every, began)
    found = {}
    for name, counted in zip(names, np.concatenate([kinds, sources]), strict=True):
        one = _held(counted, season, began, level / len(names))
        if one is not None and not one.low <= one.value <= one.high:
            ratio = (one.value + 0.5) / (one.expected + 0.5)
            if max(ratio, 1 / ratio) >= BEYOND:
                found[name] = one
    return found


def _held(counted: Ints, season: Floats, began: int, level: float) -> Usual | None:
    until = min(PAST, began - BEFORE)
    if until < chance.LEAST_WEEKS:
        return None
    mean = np.array([counted[week + 1 : week + 1 + BEFORE].mean() for week in range(until)])
    foreseen = mean * season[:until]
    one = chance.usual(int(counted[0]), float(foreseen[0]), counted[1:until], foreseen[1:], level)
    if one is None or foreseen[0] <= 0:
        return None
    ratio = (counted[:until] + 0.5) / (foreseen + 0.5)
    seldom = ratio[0] < ratio[1:].min() or ratio[0] > ratio[1:].max()
    return one if seldom else None


def _weekly(known: Ints, code: Ints, size: int, at: int) -> Ints:
    """(size, weeks) how many of each in each week, the newest first."""
    last = PAST + BEFORE + YEAR + 1
    week = chance.weeks(known, at)
    near = week < last
    found: Ints = np.bincount(code[near] * last + week[near], minlength=size * last).reshape(size, last)
    return found


def _season(every: Ints, began: int) -> Floats:
    """(`PAST`,) how the same week last year stood to the weeks before it; 1 where the log is too young to say."""
    found = np.ones(PAST)
    for week in range(PAST):
        then = week + YEAR
        if then + BEFORE < began and then + BEFORE < len(every) and every[then]:
            found[week] = every[then] / every[then + 1 : then + 1 + BEFORE].mean()
    return found
