"""What came of the weeks, as known at a moment: parted like the forecast, each person counted once.

A person that converts in a week was, seen from the start of any earlier week,

stock      open, and followed by the model;
newcomer   not created yet;
unforeseen neither: older than the model follows anybody, or taken for lost.

The three add up to everybody, whichever week it is seen from.
"""

from dataclasses import dataclass

import numpy as np

from data.forecast_report import Event
from data.journey import first_ripening, standing, won_at
from data.log import NEVER, EventLog, Floats, Ints
from monitoring.forecast_steps import Weeks
from monitoring.weeks import WEEK, completeness
from veraison.playbook import Playbook

EVENTS: tuple[Event, ...] = ("converted", "ready")


@dataclass(frozen=True)
class Counts:
    """What is known of whole weeks; of those that are not over it is 0.

    over       : so many weeks
    total      : (2, t) who converted, became ready, in each week
    stock      : (2, t, h) who was open at the start of a week and did so h weeks later
    newcomers  : (2, t, h) who was created in a week and did so h weeks later
    complete   : (t, 2) the part of a week's outcomes that is known by now, by how late others became known
    """

    over: int
    total: Floats
    stock: Floats
    newcomers: Floats
    complete: Floats

    def unforeseen(self, event: int) -> Floats:
        """(t, h) who was neither, seen from the start of a week, and did so h weeks later."""
        weeks, ahead = self.stock.shape[1:]
        found = np.zeros((weeks, ahead))
        for h in range(ahead):
            seen = max(weeks - h, 0)
            found[:seen, h] = self.total[event, h:] - self.stock[event, :seen, h]
            for j in range(h + 1):
                found[:seen, h] -= self.newcomers[event, j : j + seen, h - j]
        return found


@dataclass(frozen=True)
class People:
    """When each person was created, won, first ready, as known at a moment; microseconds UTC or `NEVER`.

    code : (leads,) the person that each lead is
    who  : (p,) codes of persons, ascending
    """

    code: Ints
    who: Ints
    born: Ints
    when: tuple[Ints, Ints]


def people(log: EventLog, playbook: Playbook, at: int) -> People:
    """Everybody, as known at a moment."""
    every = np.arange(len(log.leads), dtype=np.int64)
    code = log.persons(at).astype(np.int64)
    created = standing(log, playbook.journey, every, np.full(len(every), at)).started_known
    born = np.full(len(every), NEVER, dtype=np.int64)
    np.minimum.at(born, code, created)
    who = np.unique(code)
    won = won_at(log, playbook.journey, who, at)
    ripe = np.full(len(who), NEVER, dtype=np.int64)
    if playbook.has_readiness:
        ripe = first_ripening(log, playbook.journey, who, np.zeros_like(who), np.full(len(who), at))
    return People(code, who, born[who], (won, ripe))


def counts(log: EventLog, playbook: Playbook, weeks: Weeks, at: int) -> Counts:
    """What came of the weeks that were over at a moment, as known then."""
    everybody = people(log, playbook, at)
    starts, ahead = weeks.starts, weeks.ahead
    over = int(np.searchsorted(starts + WEEK, at, side="right"))
    size = len(starts)
    total, stock = np.zeros((2, size)), np.zeros((2, size, ahead))
    newcomers = np.zeros_like(stock)
    born = week_of(everybody.born, starts, size)
    steps = weeks.steps
    open_ = np.flatnonzero(~steps.newcomer & (steps.week < over))
    for event, when in enumerate(everybody.when):
        week = week_of(when, starts, over)
        total[event] = np.bincount(week[week >= 0], minlength=size)
        came = np.flatnonzero((week >= 0) & (born >= 0))
        _add(newcomers[event], born[came], week[came] - born[came])
        of_lead = np.full(len(log.leads), -1, dtype=np.int64)
        of_lead[everybody.who] = week
        rows = open_[~np.isnan(steps.chance[open_, event, 0])]
        person, since = everybody.code[steps.lead[rows]], steps.week[rows]
        later = np.flatnonzero(of_lead[person] >= since)
        pair = np.unique(np.stack([since[later], person[later]]), axis=1)  # who is open under two ids counts once
        _add(stock[event], pair[0], of_lead[pair[1]] - pair[0])
    return Counts(over, total, stock, newcomers, completeness(log, playbook, starts, at))


def week_of(when: Ints, starts: Ints, over: int) -> Ints:
    """(n,) the place of the week of a moment, -1 for those before all of them or not over."""
    place = (np.minimum(when, starts[-1] + WEEK) - starts[0]) // WEEK
    return np.where((when >= starts[0]) & (place < over), place, -1)


def _add(table: Floats, week: Ints, later: Ints) -> None:
    inside = (later >= 0) & (later < table.shape[1])
    np.add.at(table, (week[inside], later[inside]), 1)
