"""The scores by which leads are handed over: all open leads on Mondays, and after each day with news of them.

Whether a lead is handed over is decided at midnight UTC, by its score then. A score falls by itself, and rises by what
is known anew; so each lead is scored on Mondays, when the bound moves, and at the midnight after a day on which
anything became known of it.

A *turn* of a lead is the time in which it can be handed over once. The first begins with its creation. When sales have
accepted it and sent it back, and the time is over in which it is left alone, the next one begins (`data.said`).

Scores show what was known at their moment, by the model's levels known by then, whatever is known later.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.journey import Status, standing
from data.log import NEVER, EventLog, Floats, Ints
from data.said import Said
from features import compute
from monitoring.weeks import WEEK, within
from training.bundle import Bundle
from veraison.playbook import Playbook

_ROWS = 100_000
"""Moments that are scored at a time."""
_SPAN = 10**11  # seconds, more than any moment


@dataclass(frozen=True)
class Scores:
    """(n,) moments at which leads could be handed over, sorted by lead and moment.

    lead   : code in the log
    as_of  : microseconds UTC, midnights
    turn   : of the lead, from 0
    score  : in [0; 100]
    chance : in ]0; 1[, that what was promised comes within the primary horizon
    """

    lead: Ints
    as_of: Ints
    turn: Ints
    score: Floats
    chance: Floats

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Scores":
        return Scores(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def key(self) -> Ints:
        """(n,) the same for moments of one lead in one turn, and for no others."""
        return self.lead * (int(self.turn.max(initial=0)) + 1) + self.turn


def scores(
    log: EventLog, bundle: Bundle, playbook: Playbook, heard: Said, *, since: int, until: int, threads: int = 1
) -> Scores:
    """Score all leads that could be handed over in whole weeks.

    heard        : what sales said, as known at `until` or later; of each moment what was known before it counts
    since, until : Mondays, microseconds UTC; the last moments are those before `until`
    """
    lead, as_of = _moments(log, since, until)
    then = standing(log, playbook.journey, lead, as_of)
    old = then.started_known + _oldest(playbook) < as_of
    turn, quiet = _turns(log, heard, lead, as_of)
    kept = (then.status == Status.scored) & (then.ready == NEVER) & ~old & (quiet <= as_of)
    lead, as_of, turn, started = lead[kept], as_of[kept], turn[kept], then.started[kept]
    ready = playbook.contract is not None and playbook.contract.of == "ready"
    score, chance = np.empty(len(lead)), np.empty(len(lead))
    for first in range(0, len(lead), _ROWS):
        part = slice(first, first + _ROWS)
        rows = compute.batch(log, bundle.feature_set, lead[part], as_of[part], started[part], threads=threads)
        score[part], chance[part] = _told(bundle, rows, as_of[part], ready, threads)
    return Scores(lead, as_of, turn, score, chance)


def _oldest(playbook: Playbook) -> int:
    """Leads are followed as long as the model has learned to: to its last landmark, and its longest horizon after."""
    return (max(playbook.training.landmark_days) + max(playbook.horizons.days)) * MICROS_PER_DAY


def _moments(log: EventLog, since: int, until: int) -> tuple[Ints, Ints]:
    """Of each lead the midnights at which it is looked at."""
    born = np.full(len(log.leads), NEVER, dtype=np.int64)
    filled = np.diff(log.offsets) > 0
    born[filled] = log.known[log.offsets[:-1][filled]]
    mondays = np.arange(since, until, WEEK, dtype=np.int64)
    everyone = np.flatnonzero(born < until).astype(np.int64)
    of_weeks = np.repeat(everyone, len(mondays)), np.tile(mondays, len(everyone))
    there = born[of_weeks[0]] < of_weeks[1]
    rows = np.flatnonzero((log.known >= since - MICROS_PER_DAY) & (log.known < until - MICROS_PER_DAY))
    of_news = np.searchsorted(log.offsets, rows, side="right") - 1, (log.known[rows] // MICROS_PER_DAY + 1)
    lead = np.concatenate([of_weeks[0][there], of_news[0]])
    day = np.concatenate([of_weeks[1][there] // MICROS_PER_DAY, of_news[1]])
    most = int(day.max(initial=0)) + 1
    found = np.unique(lead * most + day)
    return found // most, found % most * MICROS_PER_DAY


def _turns(log: EventLog, heard: Said, lead: Ints, as_of: Ints) -> tuple[Ints, Ints]:
    """How often each lead was sent back by a moment, and until when it is left alone."""
    back = heard.returned
    code, known, quiet = heard.lead[back], log.known[heard.row[back]], heard.quiet[back]
    keys = code * _SPAN + known // MICROS_PER_SECOND  # moments are whole seconds: as exact as microseconds
    place = np.searchsorted(keys, lead * _SPAN + as_of // MICROS_PER_SECOND, side="left")
    first = np.searchsorted(code, lead, side="left")
    times = place - first
    last = np.append(quiet, 0)[np.where(times > 0, place - 1, len(quiet))]
    return times, last


def _told(bundle: Bundle, rows: Floats, as_of: Ints, ready: bool, threads: int) -> tuple[Floats, Floats]:
    """(n,) scores and (n,) chances, at the levels known at each moment."""
    known = sorted({one.learned for one in bundle.levels})
    reached = np.searchsorted(known, as_of, side="right")
    days = np.full(len(rows), float(bundle.playbook.horizons.primary))
    score, chance = np.empty(len(rows)), np.empty(len(rows))
    for count in range(len(known) + 1):
        mine = np.flatnonzero(reached == count)
        if not len(mine):
            continue
        then = replace(bundle, levels=tuple(one for one in bundle.levels if one.learned in known[:count]))
        odds = then.log_odds(rows[mine], threads)
        probability = 1 / (1 + np.exp(-odds))
        score[mine] = then.score_of(probability)
        chance[mine] = within(*then.hazards(rows[mine], threads)[1], days[mine]) if ready else probability
    return score, chance
