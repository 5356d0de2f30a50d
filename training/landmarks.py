"""Landmarks: the (lead, as_of) pairs a model learns from, and what became of each as known at a later moment.

Two moments rule everything here and are never mixed up:

``as_of``   features may show what was known before it;
``before``  the snapshot: outcomes may show what was known before it.

A worked example, kept through this module: a lead created on 1 March, lost on 20 March, snapshot on 1 May.
Its landmark of day 7 (8 March) was open then, so it trains: it did not convert, and this is known until the
snapshot, 54 days later. It counts as at risk all that time; taking it for censored at its loss would say that
it might have converted, and overshoots (1.67 times on one real log).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY, micros
from data.journey import Status, first_ripening, standing, won_at
from data.log import NEVER, Codes, EventLog, Floats, Ints
from veraison.playbook import Playbook

MINUTE = 60_000_000

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """(n,) what became of landmarks, in days after ``as_of``; the (entry, duration, event) of survival analysis.

    entry    : days >= 0 from which an outcome would have been recorded (delayed entry), below `duration`
    duration : days > 0 to the event, or to the end of what is known
    event    : whether the event was seen
    followed : days from ``as_of`` to the snapshot, whatever happened: how long an event could have been seen
    """

    entry: Floats
    duration: Floats
    event: Bools
    followed: Floats

    def within(self, days: float) -> Bools:
        """(n,) whether the event happened within so many days."""
        return self.event & (self.duration <= days)

    def settled(self, days: float) -> Bools:
        """(n,) whether follow-up covers so many days whole.

        Events seen within a shorter follow-up are left out too: keeping them alone would count only successes.
        """
        return (self.entry <= 0) & (self.followed >= days)

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Outcomes":
        return Outcomes(self.entry[rows], self.duration[rows], self.event[rows], self.followed[rows])

    def __len__(self) -> int:
        return len(self.duration)


@dataclass(frozen=True)
class Landmarks:
    """(n,) pairs at which a lead could have been scored, sorted by lead and moment.

    lead    : code in the log
    as_of   : microseconds UTC
    started : when the journey started, microseconds UTC
    day     : days since the lead was created, as asked for
    born    : when the lead's creation was first known, microseconds UTC; what splits in time go by
    ready   : whether sales had already accepted the lead
    """

    lead: Ints
    as_of: Ints
    started: Ints
    day: Ints
    born: Ints
    ready: Bools

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Landmarks":
        return Landmarks(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def __len__(self) -> int:
        return len(self.lead)


def landmarks(log: EventLog, playbook: Playbook, *, before: int, days: tuple[int, ...] | None = None) -> Landmarks:
    """Every lead still open so many days (plus one minute) after its creation, at moments earlier than `before`.

    Only histories up to each moment decide whether the lead was open then.
    """
    days = playbook.training.landmark_days if days is None else days
    everyone = np.arange(len(log.leads), dtype=np.int64)
    born = standing(log, playbook.journey, everyone, np.full(len(everyone), before)).started_known
    everyone, born = everyone[born != NEVER], born[born != NEVER]
    lead = np.repeat(everyone, len(days))
    day = np.tile(np.array(days, dtype=np.int64), len(everyone))
    birth = np.repeat(born, len(days))
    as_of = birth + day * MICROS_PER_DAY + MINUTE
    in_time = as_of < before
    lead, day, birth, as_of = lead[in_time], day[in_time], birth[in_time], as_of[in_time]
    then = standing(log, playbook.journey, lead, as_of)
    open_ = then.status == Status.scored
    return Landmarks(
        lead=lead[open_],
        as_of=as_of[open_],
        started=then.started[open_],
        day=day[open_],
        born=birth[open_],
        ready=then.ready[open_] != NEVER,
    )


def opened(log: EventLog, playbook: Playbook, lead: Ints, as_of: Ints, before: int) -> Landmarks:
    """Those of given (lead, moment) pairs at which a lead was open, each once, sorted by lead and moment.

    lead : (n,) codes in the log, -1 for nobody
    """
    lead, as_of = np.unique(np.stack([lead, as_of])[:, (lead >= 0) & (as_of < before)], axis=1)
    then = standing(log, playbook.journey, lead, as_of)
    born = standing(log, playbook.journey, lead, np.full(len(lead), before)).started_known
    found = Landmarks(
        lead=lead,
        as_of=as_of,
        started=then.started,
        day=(as_of - np.minimum(born, as_of)) // MICROS_PER_DAY,
        born=born,
        ready=then.ready != NEVER,
    )
    return found[then.status == Status.scored]


def conversions(log: EventLog, playbook: Playbook, pairs: Landmarks, before: int) -> tuple[Outcomes, Bools]:
    """Days to conversion as known at `before`, and which pairs can be used at all.

    A pair is unusable where the lead had in truth converted by ``as_of`` (it became known later only), or where
    nothing of its follow-up was observed.
    """
    return _outcomes(playbook, pairs, won_at(log, playbook.journey, pairs.lead, before), before)


def ripenings(log: EventLog, playbook: Playbook, pairs: Landmarks, before: int) -> tuple[Outcomes, Bools]:
    """Days to readiness, the first of acceptance and conversion.

    Pairs already ready are unusable, also where that became known after ``as_of`` only.
    """
    person = log.persons(before)[pairs.lead].astype(np.int64)
    when = first_ripening(log, playbook.journey, person, pairs.as_of, np.full(len(pairs), before))
    outcomes, usable = _outcomes(playbook, pairs, when, before)
    in_truth = standing(_as_it_happened(log, before), playbook.journey, person, pairs.as_of)
    return outcomes, usable & ~pairs.ready & (in_truth.ready == NEVER)


def weights(pairs: Landmarks, person: Ints | Codes, exponent: float) -> Floats:
    """(n,) how much each pair counts in training: the k-th of a person's as ``k ** -exponent``; 1 on average.

    person   : (n,) whose pair it is
    exponent : 0 counts all alike; 1 lets eight landmarks of a person count as 2.7

    Only the past decides. To divide by the number of a person's landmarks would not do: who converts early has few, so
    winners would weigh more for having won, and every probability would come out too high.

    >>> pairs = Landmarks(*(np.zeros(3, dtype=np.int64),) * 6)
    >>> weights(pairs, np.array([5, 5, 6]), exponent=1.0).tolist()
    [1.2, 0.6, 1.2]
    """
    order = np.lexsort((pairs.as_of, person))
    sorted_person = person[order]
    first = np.searchsorted(sorted_person, sorted_person)
    turn = np.empty(len(pairs))
    turn[order] = np.arange(len(pairs)) - first + 1.0
    counted = turn**-exponent
    found: Floats = counted / counted.mean()
    return found


def earliest_birth(log: EventLog, pairs: Landmarks, before: int) -> Ints:
    """(n,) when the first of the leads that are each pair's person, as known at `before`, was created.

    What splits in time go by: a visitor who trained and the customer he turned out to be stay on one side.
    """
    person = log.persons(before)[pairs.lead]
    earliest = np.full(len(log.leads), NEVER, dtype=np.int64)
    np.minimum.at(earliest, person, pairs.born)
    return earliest[person]


def _as_it_happened(log: EventLog, before: int) -> EventLog:
    """The log as if all that was known before a moment had been known when it happened."""
    rows = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))
    order = np.lexsort((log.occurred, rows))
    order = order[log.known[order] < before]
    return replace(
        log,
        offsets=np.searchsorted(rows[order], np.arange(len(log.leads) + 1)).astype(np.int64),
        known=log.occurred[order],
        occurred=log.occurred[order],
        kind=log.kind[order],
        value=log.value[order],
        event_ids=log.event_ids[order],
    )


def _outcomes(playbook: Playbook, pairs: Landmarks, when: Ints, before: int) -> tuple[Outcomes, Bools]:
    event = when != NEVER
    until = np.where(event, when, before)
    duration = (until - pairs.as_of) / MICROS_PER_DAY
    entry = np.zeros(len(pairs))
    if playbook.journey.observed_from is not None:
        entry = np.maximum(0.0, (micros(playbook.journey.observed_from) - pairs.as_of) / MICROS_PER_DAY)
    followed = (before - pairs.as_of) / MICROS_PER_DAY
    return Outcomes(entry, duration, event, followed), duration > entry
