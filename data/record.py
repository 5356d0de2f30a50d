"""How good scores were: of the leads scored 70 to 80, how many were won, and how many had been predicted.

A score counts from the moment its horizon is over. A person counts once in a band: with the first score there that was
served to anybody, which is a rule that looks only back. So a lead that rose from 40 to 75 stands in each band that it
came through, with what was said on its arrival; whatever comes after changes neither.

A worked example, with a horizon of 30 days: L1 is scored 42 on 1 March and 44 on 2 March, 75 on 10 March, and won on
5 April. In 40-50 it counts as not won (35 days after 1 March), in 70-80 as won. The latter stands in the record from
9 April, when its 30 days are over, though the win is known before: a record that took wins at once and losses only
when they are certain would flatter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data import scorelog
from data.bands import EDGES, ENOUGH, WIDTH, Band, Split, wilson
from data.events import MICROS_PER_DAY, isoformat, micros, parse_instant
from data.journey import won_at
from data.log import NEVER, EventLog, Floats, Ints
from data.store import Store
from data.worked import Bools, worked
from veraison.playbook import Journey

__all__ = ["EDGES", "ENOUGH", "Band", "Done", "Record", "Served", "Split", "banded", "served", "wilson"]

_SIDES = ("worked", "not_worked", "explored", "not_drawn")


@dataclass(frozen=True, slots=True)
class Record:
    """What became of scored leads within `days`.

    since, until : moments of the oldest and the newest score that counts, microseconds UTC; None where none does
    everyone     : all of them, a person once, with the first score of all
    bands        : by score, ten points each, a person once in each
    splits       : of everyone and then of each band, by what was done with them; empty where that is not known
    """

    days: int
    since: int | None
    until: int | None
    everyone: Band
    bands: tuple[Band, ...]
    splits: tuple[Split, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether any band says anything."""
        return any(band.enough for band in self.bands)

    def to_dict(self) -> dict[str, Any]:
        """As the API has it, and a bundle keeps it."""
        return {
            "horizon_days": self.days,
            "since": None if self.since is None else isoformat(self.since),
            "until": None if self.until is None else isoformat(self.until),
            **self._told(0, self.everyone),
            "bands": [
                {"score_from": band.low, "score_to": band.high, **self._told(place, band)}
                for place, band in enumerate(self.bands, 1)
            ],
        }

    def _told(self, place: int, band: Band) -> dict[str, Any]:
        return band.to_dict() | (self.splits[place].to_dict() if self.splits else {})

    @staticmethod
    def from_dict(told: dict[str, Any]) -> "Record":
        """What `to_dict` has told."""

        def band(low: int, high: int, one: dict[str, Any]) -> Band:
            return Band(low, high, one["leads"], one["won"], one["leads"] * (one["predicted"] or 0.0))

        def split(one: dict[str, Any]) -> Split:
            low, high = one.get("score_from", EDGES[0]), one.get("score_to", EDGES[-1])
            return Split(*(band(low, high, one[side]) for side in _SIDES))

        def moment(text: str | None) -> int | None:
            return None if text is None else parse_instant(text)

        return Record(
            told["horizon_days"],
            moment(told["since"]),
            moment(told["until"]),
            band(EDGES[0], EDGES[-1], told),
            tuple(band(one["score_from"], one["score_to"], one) for one in told["bands"]),
            tuple(map(split, (told, *told["bands"]))) if told.get(_SIDES[0]) else (),
        )


@dataclass(frozen=True, slots=True)
class Served:
    """The record of the scores that were served.

    whole    : of all models
    versions : of each model by itself, the newest first
    waiting  : leads with a score whose horizon is not over
    replayed : scores that were asked for more than a day after their moment; they are not in the record
    """

    whole: Record
    versions: tuple[tuple[str, Record], ...]
    waiting: int
    replayed: int


@dataclass(frozen=True, slots=True)
class Done:
    """(n,) what was done with scored leads.

    worked     : whether sales worked the lead around the score
    propensity : chance with which it was to be handed over, NaN where nothing was explored
    explored   : whether chance handed it over
    """

    worked: Bools
    propensity: Floats
    explored: Bools


def banded(
    person: Ints, as_of: Ints, score: Floats, probability: Floats, won: Bools, days: int, done: Done | None = None
) -> Record:
    """The record of n scores whose horizon is over.

    person      : (n,) whose score it is
    as_of       : (n,) microseconds UTC
    score       : (n,) in [0, 100]
    probability : (n,) of a win within `days`
    won         : (n,) whether it came
    done        : what was done with the leads; None where that is not known

    >>> once = banded(np.array([1, 1, 2]), np.array([5, 6, 7]), np.array([41.0, 49.0, 42.0]),
    ...               np.array([0.2, 0.4, 0.2]), np.array([False, True, True]), 30)
    >>> once.bands[4]
    Band(low=40, high=50, leads=2, won=1, expected=0.4)
    """
    order = np.lexsort((person, as_of))
    place = np.minimum((score // WIDTH).astype(np.int64), len(EDGES) - 2)

    def firsts(rows: Ints) -> Ints:
        found: Ints = rows[np.unique(person[rows], return_index=True)[1]]
        return found

    def band(low: int, high: int, rows: Ints) -> Band:
        return Band(low, high, len(rows), int(won[rows].sum()), float(probability[rows].sum()))

    def split(low: int, high: int, rows: Ints) -> Split | None:
        if done is None:
            return None
        first, drawing = firsts(rows), firsts(rows[done.propensity[rows] < 1.0])
        sides = [(first, done.worked), (first, ~done.worked), (drawing, done.explored), (drawing, ~done.explored)]
        return Split(*(band(low, high, among[side[among]]) for among, side in sides))

    parts = [(EDGES[0], EDGES[-1], order)]
    parts += [(low, low + WIDTH, order[place[order] == number]) for number, low in enumerate(EDGES[:-1])]
    everyone, *bands = (band(low, high, firsts(rows)) for low, high, rows in parts)
    splits = tuple(found for one in parts if (found := split(*one)) is not None)
    since, until = (int(as_of.min()), int(as_of.max())) if len(as_of) else (None, None)
    return Record(days, since, until, everyone, tuple(bands), splits)


def served(
    store: Store, journey: Journey, days: int, at: int, *, since: int | None = None, log: EventLog | None = None
) -> Served:
    """The record of the prediction log, as known at a moment.

    days  : the horizon; scores of models that knew no such horizon stay out
    at    : microseconds UTC
    since : scores of before this moment are left out; None for none
    log   : everyone's histories, where they are at hand
    """
    over, name = at - days * MICROS_PER_DAY + 1, f"p_{days}d"
    found = scorelog.first_of_each_band(store, EDGES[1:-1], before=over, since=since)
    kept = ("propensity", "exploration")
    rows = [
        replace(one, answer={key: one.answer.get(key) for key in kept}, probability=one.answer[name])
        for one in found
        if one.answer.get(name) is not None
    ]
    waiting, replayed = scorelog.waiting_and_replayed(store, since=over)
    as_of = np.array([one.as_of for one in rows], dtype=np.int64)
    score = np.array([one.score for one in rows], dtype=np.float64)
    probability = np.array([one.probability for one in rows], dtype=np.float64)
    person, usable, won, worked_on = _outcomes(store, log, journey, days, at, rows)
    propensity = np.array([one.answer["propensity"] for one in rows], dtype=np.float64)  # of None it is NaN
    explored = np.array([bool(one.answer["exploration"]) for one in rows], dtype=np.bool_)

    def of(these: Bools) -> Record:
        kept = these & usable
        done = Done(worked_on[kept], propensity[kept], explored[kept])
        return banded(person[kept], as_of[kept], score[kept], probability[kept], won[kept], days, done)

    versions = [one.model_version for one in rows]
    each = [(one, of(np.array([one == version for version in versions]))) for one in dict.fromkeys(versions)]
    newest_first = sorted((one for one in each if one[1].everyone.leads), key=lambda one: -(one[1].until or 0))
    return Served(of(np.ones(len(rows), dtype=np.bool_)), tuple(newest_first), waiting, replayed)


def _outcomes(
    store: Store, log: EventLog | None, journey: Journey, days: int, at: int, rows: Sequence[scorelog.LoggedScore]
) -> tuple[Ints, Bools, Bools, Bools]:
    """Of each score whose it is, whether its outcome can be told, whether it was a win, and whether it was worked."""
    as_of = np.array([one.as_of for one in rows], dtype=np.int64)
    log = store.history(sorted({one.lead_id for one in rows})) if log is None else log
    lead = log.codes([one.lead_id for one in rows]).astype(np.int64)
    there = lead >= 0
    person, when = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), NEVER, dtype=np.int64)
    person[there] = log.persons(at)[lead[there]]
    when[there] = won_at(log, journey, lead[there], at)
    seen_from = 0 if journey.observed_from is None else micros(journey.observed_from)
    usable = there & (when > as_of) & (as_of >= seen_from)  # won before the score in truth: it became known later only
    worked_on = np.zeros(len(rows), dtype=np.bool_)
    worked_on[there] = worked(log, journey, person[there], as_of[there], before=at, days=days)
    return person, usable, (when != NEVER) & (when - as_of <= days * MICROS_PER_DAY), worked_on
