"""Observed against expected conversions, week by week: it needs no maturing, and sees what no column shows.

What the champion expects of a week is the sum of the chances of its leads (`monitoring.weeks`). No champion is right to
the point on later leads, sales go by the calendar, and outcomes become known late, so what has to be expected in
control is more than that sum:

level   how many conversions a source's leads had for each one expected in the year before the snapshot
season  the same for the week a year earlier and its neighbours, of conversions and acceptances together
known   the part of a week's outcomes that can be known by now, by how late others became known

each as uncertain as the counts behind it (`monitoring.cusum.Control`). Acceptances by sales are watched beside
conversions where the playbook names them: they come earlier and there are more of them. A source that sends worse leads
shows in both, and in its young leads only, so both of those are one count there.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import nbinom

from data.log import EventLog, Floats, Ints
from monitoring import cusum
from monitoring.conversions import ALL, OPTIMISM, Conversions, Series
from monitoring.cusum import LATER, Control
from monitoring.weeks import EVENTS, WEEK, Weeks, completeness, outcomes, weekly
from training.bundle import Bundle
from training.landmarks import Bools
from training.levels import Level
from veraison.playbook import Playbook

YEAR = 52
"""Weeks: so many are looked back to, and at most so many are judged."""
ALARMS = 0.3
"""The chance that in a year without change any sum passes its limit, where the champion's level on later leads is as
uncertain as is assumed. It stays beyond for some three weeks, so that 1.6 % of weeks are in alarm."""
QUARTER = 13
"""Of that chance a 52nd is spent a week, those of the first quarter at once."""
YOUNG_DAYS = (28, 56, 112)
"""A source is judged by its leads of at most the first of these ages in which half of all outcomes come, or the last:
what has changed about it shows in those it sends now."""
FEWEST = 10.0
"""Outcomes that a source's young leads had to expect in the year before the snapshot to be watched by itself."""
PRIOR = 10.0
"""Outcomes that a cell's level is held back by: between sources, levels differ by a third."""
SEASON_PRIOR = 4.0
"""The same for the season of three weeks: it may halve."""
_TINY = 1e-9


def conversions(
    log: EventLog, champion: Bundle, playbook: Playbook, *, snapshot: int, as_of: int, threads: int = 2
) -> Conversions | None:
    """Score the weeks that are needed at a moment and judge them; None where no week since the snapshot is over."""
    since = max(snapshot, as_of - YEAR * WEEK) - (YEAR + 1) * WEEK
    weeks = weekly(log, champion, playbook, since=since, until=as_of, threads=threads)
    return judge(log, weeks, playbook, snapshot=snapshot, as_of=as_of, levels=champion.levels)


def judge(
    log: EventLog, weeks: Weeks, playbook: Playbook, *, snapshot: int, as_of: int, levels: Sequence[Level] = ()
) -> Conversions | None:
    """Hold the weeks since the snapshot against what the champion expected, as known at a moment.

    weeks   : scored by the champion, from a year before the snapshot on; those that are not over yet do not count
    levels  : that the champion was set to after its snapshot: only what came later is held against them
    Returns : None where no week since is over
    """
    weeks = weeks.until(as_of)
    newest = len(weeks.starts)
    judged_from = max([snapshot, *(one.learned for one in levels)])
    first = max(int(np.searchsorted(weeks.starts, judged_from)), newest - YEAR)
    past = int(np.searchsorted(weeks.starts + WEEK, snapshot, side="right"))
    if first >= newest:
        return None
    happened, possible = outcomes(log, playbook, weeks, as_of)
    chance = np.where(possible, weeks.scored.chance, 0.0)
    known = np.maximum(completeness(log, playbook, weeks.starts, as_of), _TINY)
    names, cell = _cells(weeks, chance, slice(max(past - YEAR, 0), past))
    events = EVENTS[: 2 if playbook.has_readiness else 1]
    counted, promised = [], []
    for place in range(len(events)):
        counted.append(_counted(weeks, cell, len(names), happened[:, place]))
        promised.append(_counted(weeks, cell, len(names), chance[:, place]) * known[:, place, None])
    season, share = _seasons(counted, promised, past, np.arange(first, newest) - YEAR)
    year, now = slice(max(past - YEAR, 0), past), slice(first, newest)
    happening, expecting = np.concatenate(counted, axis=1), np.concatenate(promised, axis=1)
    level, shape, later = _levels(happening[year], expecting[year], events, names, levels)
    due = expecting[now] * season[:, None]
    control = Control(np.maximum(due * level, _TINY), shape, share, _together(len(names), len(events)), later)
    alarms = ALARMS * min(max(newest - first, QUARTER), YEAR) / YEAR
    found = cusum.watch(happening[now], control, alarms=alarms, seed=playbook.training.seed)
    return Conversions(weeks.starts[first:], _series(events, names, happening[now], due, control, found))


def _levels(
    counted: Floats, promised: Floats, events: tuple[str, ...], names: list[str], levels: Sequence[Level]
) -> tuple[Floats, Floats, float]:
    """(c,) the level of each cell in (t, c) weeks, the gamma shape of what is known of it, and that of what all share.

    What a level of the champion was learned from says where its cells stand: what the year before said is over.
    """
    shape, rate = PRIOR + counted.sum(axis=0), PRIOR + promised.sum(axis=0)
    found, later = shape / rate, LATER
    for one in levels:
        if one.event not in events:
            continue
        cells = slice(events.index(one.event) * len(names), (events.index(one.event) + 1) * len(names))
        if one.name == ALL:
            found[cells] *= (PRIOR + promised[:, cells].sum()) / (PRIOR + counted[:, cells].sum())
            later = min(later, OPTIMISM + one.observed)
        elif (name := one.name.partition("=")[2]) in names:
            cell = cells.start + names.index(name)
            found[cell], shape[cell] = 1.0, OPTIMISM + one.observed
    return found, shape, later


def _together(names: int, events: int) -> Floats:
    """(events + sources, cells) what is watched: of all leads each kind of outcome, of each source both together."""
    every = np.kron(np.eye(events), np.ones((1, names)))
    return np.concatenate([every, np.tile(np.eye(names)[1:], (1, events))])


def _series(
    events: tuple[str, ...], names: list[str], observed: Floats, due: Floats, control: Control, found: cusum.Sums
) -> list[Series]:
    """All leads first, then sources, each kind of outcome by itself; what is watched together has the same sums."""
    alone = np.concatenate([control.member[: len(events)], np.eye(len(control.level))])
    counted, promised = observed @ alone.T, due @ alone.T
    known = cusum.learned(counted, replace(control, member=alone))
    low, high = (nbinom.ppf(part, known.shape, known.shape / (known.shape + known.mean)) for part in (0.025, 0.975))
    series = []
    for kind, event in enumerate(events):
        for place, name in enumerate(names):
            own = len(events) + kind * len(names) + place if place else kind
            watched = len(events) + place - 1 if place else kind
            one = Series(
                name=name,
                event=event,
                expected=known.mean[:, own],
                observed=counted[:, own],
                promised=promised[:, own],
                low=low[:, own],
                high=high[:, own],
                down=found.down[:, watched],
                up=found.up[:, watched],
                down_began=found.down_began[:, watched],
                up_began=found.up_began[:, watched],
                down_limit=found.down_limit[:, watched],
                up_limit=found.up_limit[:, watched],
            )
            series.append(one)
    return sorted(series, key=lambda one: one.name != ALL)


def _cells(weeks: Weeks, chance: Floats, past: slice) -> tuple[list[str], Ints]:
    """`ALL` and the sources that can be watched by themselves; and (n,) each score's cell, 0 for all the others."""
    scored, due = weeks.scored, np.nansum(chance, axis=1)
    before = (scored.week >= past.start) & (scored.week < past.stop)
    half = due[before].sum() / 2
    young = next((days for days in YOUNG_DAYS if due[before & (scored.age <= days)].sum() >= half), YOUNG_DAYS[-1])
    mine = (scored.age <= young) & (scored.source >= 0)
    due = np.bincount(scored.source[before & mine], due[before & mine], len(weeks.sources))
    kept = np.flatnonzero(due >= FEWEST)
    place = np.zeros(len(weeks.sources) + 1, dtype=np.int64)
    place[kept] = np.arange(1, len(kept) + 1)
    return [ALL, *(weeks.sources[one] for one in kept)], np.where(mine, place[scored.source], 0)


def _counted(weeks: Weeks, cell: Ints, cells: int, values: Floats | Bools) -> Floats:
    """(t, cells) sums of (n,) values."""
    found = np.zeros(len(weeks.starts) * cells)
    np.add.at(found, weeks.scored.week * cells + cell, np.nan_to_num(values))
    return found.reshape(len(weeks.starts), cells)


def _seasons(counted: list[Floats], promised: list[Floats], past: int, year_ago: Ints) -> tuple[Floats, Floats]:
    """(t,) the season of weeks, from those a year ago and their neighbours; and (t, p) what it rests on.

    year_ago : (t,) places of those weeks; what is not known, before the first or without anything expected, counts as
               a season of 1 that may as well be another
    """
    total = sum(one.sum(axis=1) for one in counted)
    due = sum(
        one.sum(axis=1) * (PRIOR + many[:past].sum()) / (PRIOR + one[:past].sum())
        for many, one in zip(counted, promised, strict=True)
    )
    around = year_ago[:, None] + np.array([-1, 0, 1])
    inside = (around >= 0) & (around < past)
    places = int(np.clip(year_ago + 1, 0, None).max(initial=0)) + 1
    shape = np.zeros((len(year_ago), places + 3 * len(year_ago)))
    prior = SEASON_PRIOR / 3
    at = np.where(inside, around, places + np.arange(around.size).reshape(around.shape))
    seen = np.where(inside, np.asarray(total)[np.where(inside, around, 0)], 0.0) + prior
    expected = np.where(inside, np.asarray(due)[np.where(inside, around, 0)], 0.0) + prior
    np.put_along_axis(shape, at, seen, axis=1)
    found: Floats = seen.sum(axis=1) / expected.sum(axis=1)
    return found, shape
