"""What the champion expects of each week: open leads scored at its start, newcomers at their creation.

A week is a calendar week, Monday to Monday in UTC: days off fall alike into all of them. A score speaks of what is left
of the week. Scores show what was known at their moment, whatever is known later, so a week is scored once and can be
judged again and again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY
from data.journey import Role, Status, first_ripening, roles, standing, won_at
from data.log import NEVER, EventLog, Floats, Ints
from features import compute
from training.bundle import Bundle
from training.landmarks import MINUTE, Bools
from veraison.playbook import Playbook

WEEK = 7 * MICROS_PER_DAY
_MONDAY = 4 * MICROS_PER_DAY  # the epoch was a Thursday
MOST_LEADS = 50_000
"""Of more leads so many, by chance, are scored week by week: what they lack in number would narrow no limit much."""
DELAY_DAYS = 365
"""How far back it is looked how late outcomes became known."""

EVENTS = ("converted", "ready")


@dataclass(frozen=True)
class Scored:
    """(n,) scores of leads in weeks.

    week     : place of the week
    lead     : code in the log
    as_of    : microseconds UTC, the start of the week or the lead's creation plus a minute
    age      : days since the lead was known
    source   : place in the log's `trait_texts`, -1 where it is not known
    chance   : (n, 2) to convert, to become ready, in what is left of the week; NaN where it is ready already, or where
               readiness is conversion
    """

    week: Ints
    lead: Ints
    as_of: Ints
    age: Floats
    source: Ints
    chance: Floats

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Scored":
        return Scored(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.lead)


@dataclass(frozen=True)
class Weeks:
    """Weeks one after the other, each with its scores.

    starts  : (t,) microseconds UTC
    sources : names, by the places in `scored.source`
    """

    starts: Ints
    scored: Scored
    sources: list[str]

    def until(self, moment: int) -> "Weeks":
        """Those that are over by then."""
        over = int(np.searchsorted(self.starts + WEEK, moment, side="right"))
        return Weeks(self.starts[:over], self.scored[self.scored.week < over], self.sources)


def mondays(since: int, until: int) -> Ints:
    """The starts of the whole weeks between two moments, microseconds UTC.

    >>> [int(day / MICROS_PER_DAY) for day in mondays(0, 20 * MICROS_PER_DAY)]
    [4, 11]
    """
    first = -((_MONDAY - since) // WEEK) * WEEK + _MONDAY
    return np.arange(first, until - WEEK + 1, WEEK, dtype=np.int64)


def weekly(log: EventLog, champion: Bundle, playbook: Playbook, *, since: int, until: int, threads: int = 2) -> Weeks:
    """Score every whole week between two moments, with the features of each moment.

    Leads are followed as long as the model has learned to: until its last landmark, and its longest horizon after it.
    A level that the champion was set to counts from when it was.

    since, until : microseconds UTC
    """
    starts = mondays(since, until)
    pairs = open_pairs(log, playbook, starts, most=MOST_LEADS)
    features = compute.batch(log, champion.feature_set, pairs.lead, pairs.as_of, pairs.started, threads=threads)
    left = (starts[pairs.week] + WEEK - pairs.as_of) / MICROS_PER_DAY
    chance = _chances(champion, features, pairs.as_of, left, threads)
    chance[pairs.ready, 1] = np.nan
    if not playbook.has_readiness:
        chance[:, 1] = np.nan
    row = compute.trait_rows(log, champion.feature_set, [playbook.monitoring.source], pairs.lead, pairs.as_of)[:, 0]
    text = np.append(log.trait_text, -1)[row].astype(np.int64)
    return Weeks(starts, Scored(pairs.week, pairs.lead, pairs.as_of, pairs.age, text, chance), log.trait_texts)


def _chances(champion: Bundle, features: Floats, as_of: Ints, left: Floats, threads: int) -> Floats:
    """(n, 2) chances to convert, to become ready, within `left` days of each moment, at the levels known by then."""
    found = np.empty((len(features), 2))
    for mine, conversion, readiness in hazards_then(champion, features, as_of, threads):
        found[mine] = np.stack([within(*conversion, left[mine]), within(*readiness, left[mine])], axis=1)
    return found


def hazards_then(
    champion: Bundle, features: Floats, as_of: Ints, threads: int
) -> Iterator[tuple[Ints, tuple[Floats, Floats], tuple[Floats, Floats]]]:
    """Rows, and their hazards of conversion and of readiness (`Bundle.hazards`), at the levels known by each moment."""
    known = sorted({one.learned for one in champion.levels})
    turn = np.searchsorted(known, as_of, side="right")
    for count in range(len(known) + 1):
        mine = np.flatnonzero(turn == count)
        levels = tuple(one for one in champion.levels if one.learned in known[:count])
        yield mine, *replace(champion, levels=levels).hazards(features[mine], threads)


def within(edges: Floats, cumulative: Floats, days: Floats) -> Floats:
    """(n,) the chance of each row within its own days.

    edges      : (g,) ascending from 0; beyond the last the hazard of the last piece goes on
    cumulative : (n, g)

    >>> within(np.array([0.0, 10.0]), np.array([[0.0, 1.0]]), np.array([5.0])).round(3).tolist()
    [0.393]
    """
    place = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    row = np.arange(len(days))
    low, high = cumulative[row, place], cumulative[row, place + 1]
    found: Floats = -np.expm1(-(low + (high - low) * (days - edges[place]) / (edges[place + 1] - edges[place])))
    return found


def outcomes(log: EventLog, playbook: Playbook, weeks: Weeks, as_of: int) -> tuple[Bools, Bools]:
    """(n, 2) whether each scored lead converted, became ready, in what was left of the week, as known at a moment;
    and (n, 2) whether it could have: not where it had in truth converted before it was scored.
    """
    scored = weeks.scored
    end = weeks.starts[scored.week] + WEEK
    leads, place = np.unique(scored.lead, return_inverse=True)
    won = won_at(log, playbook.journey, leads, as_of)[place]
    happened = [(won != NEVER) & (won < end)]
    if playbook.has_readiness:
        person = log.persons(as_of)[scored.lead].astype(np.int64)
        ripe = first_ripening(log, playbook.journey, person, scored.as_of, np.full(len(scored), as_of))
        happened.append((ripe != NEVER) & (ripe < end))
    else:
        happened.append(np.zeros(len(scored), dtype=np.bool_))
    possible = (won >= scored.as_of)[:, None] & ~np.isnan(scored.chance)
    return np.stack(happened, axis=1) & possible, possible


def completeness(log: EventLog, playbook: Playbook, starts: Ints, as_of: int) -> Floats:
    """(t, 2) what part of a week's conversions, acceptances, is known at a moment, by how late they were known before.

    Only delays shorter than the time since the event can have been seen, so each is held against those that could have
    been shorter (the reverse hazard of right-truncated times; Lagakos et al. 1988, Lawless 1994).
    """
    role = roles(log.kinds, playbook.journey)[log.kind]
    since = as_of - DELAY_DAYS * MICROS_PER_DAY
    days = starts[:, None] + (np.arange(7) + 0.5) * MICROS_PER_DAY
    found = np.ones((len(starts), 2))
    for column, meaning in enumerate((Role.converted, Role.ready)):
        rows = (role == meaning) & (log.known < as_of) & (log.occurred >= since)
        delay, room = log.known[rows] - log.occurred[rows], as_of - log.occurred[rows]
        found[:, column] = known_by(delay, room, as_of - days).mean(axis=1)
    return found


def known_by(delay: Ints, room: Ints, after: Floats) -> Floats:
    """The part of events that is known so long after them; 1 where nothing was ever late.

    delay : (m,) of the events seen
    room  : (m,) the longest delay each could have been seen with, > delay

    >>> known_by(np.array([0, 0, 0, 5]), np.array([9, 9, 9, 9]), np.array([1.0, 6.0])).tolist()
    [0.75, 1.0]
    """
    times = np.unique(delay)
    if not len(times):
        return np.ones_like(after, dtype=np.float64)
    same = np.searchsorted(np.sort(delay), times, side="right") - np.searchsorted(np.sort(delay), times)
    # at risk in reverse time: those no later than the time, which they had room for
    least = np.searchsorted(np.sort(delay), times, side="right") - np.searchsorted(np.sort(room), times, side="left")
    earlier = 1 - same / np.maximum(least, same)
    later = np.append(np.cumprod(earlier[::-1])[::-1], 1.0)
    found: Floats = later[np.searchsorted(times, after, side="right")]
    return found


@dataclass(frozen=True)
class Pairs:
    """(n,) leads in weeks: those open at the start of a week, as known then, and newcomers when they came."""

    week: Ints
    lead: Ints
    as_of: Ints
    started: Ints
    age: Floats
    ready: Bools


def open_pairs(log: EventLog, playbook: Playbook, starts: Ints, *, most: int | None = None) -> Pairs:
    """Leads that are open at the start of a week, or come in it; of more than `most` so many, by chance."""
    everyone = np.arange(len(log.leads), dtype=np.int64)
    if most is not None and len(everyone) > most:
        chosen = np.random.default_rng(playbook.training.seed).choice(everyone, most, replace=False)
        everyone = np.sort(chosen).astype(np.int64)
    end = int(starts[-1]) + WEEK if len(starts) else 0
    born = standing(log, playbook.journey, everyone, np.full(len(everyone), end)).started_known
    everyone, born = everyone[born != NEVER], born[born != NEVER]
    oldest = (max(playbook.training.landmark_days) + max(playbook.horizons.days)) * MICROS_PER_DAY
    first = np.searchsorted(starts, born, side="right") - 1  # the week a lead comes in; -1 before all weeks
    last = np.searchsorted(starts, born + oldest, side="right") - 1
    weeks = np.maximum(last - first + 1, 0)
    lead = np.repeat(everyone, weeks)
    birth = np.repeat(born, weeks)
    week = np.arange(int(weeks.sum())) - np.repeat(np.cumsum(weeks) - weeks, weeks) + np.repeat(first, weeks)
    inside = week >= 0
    lead, birth, week = lead[inside], birth[inside], week[inside]
    as_of = np.maximum(starts[week], birth + MINUTE)
    then = standing(log, playbook.journey, lead, as_of)
    kept = (then.status == Status.scored) & (as_of < starts[week] + WEEK)
    return Pairs(
        week=week[kept],
        lead=lead[kept],
        as_of=as_of[kept],
        started=then.started[kept],
        age=(as_of - birth)[kept] / MICROS_PER_DAY,
        ready=then.ready[kept] != NEVER,
    )
