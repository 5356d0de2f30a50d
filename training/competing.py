"""How leads end: the share that was won, lost or left within so many days, while the others may still do any of it.

The model itself keeps lost leads at risk until the snapshot, since they are known not to convert; here each way to end
competes with the others, and who has not ended yet is censored at the snapshot (Aalen and Johansen 1978).

Worked example: of four leads one is won on day 2, one lost on day 5, one followed for 3 days only, one open on day 10.
Won by day 7: 1/4. Lost by day 7: at day 5 two leads were at risk of three left, so 3/4 x 1/2 = 3/8.
"""

import numpy as np

from data.events import MICROS_PER_DAY
from data.journey import Status, standing
from data.log import NEVER, EventLog, Floats, Ints
from training.landmarks import Bools, Landmarks, Outcomes
from veraison.playbook import Playbook

CAUSES = ("converted", "lost", "opted_out")


def cumulative_incidence(entry: Floats, duration: Floats, cause: Ints, times: Floats, causes: int) -> Floats:
    """(t, causes) share that ended by each cause within each time.

    entry    : (n,) days >= 0 from which a lead is watched, below `duration`
    duration : (n,) days > 0 to its end, or to the end of what is known
    cause    : (n,) place of the cause, -1 where the lead was open
    times    : (t,) days, ascending
    Source   : Aalen and Johansen 1978; at a tied time ends come before the end of follow-up

    >>> found = cumulative_incidence(
    ...     np.zeros(4), np.array([2.0, 5.0, 3.0, 10.0]), np.array([0, 1, -1, -1]), np.array([1.0, 7.0]), causes=2
    ... )
    >>> found.tolist()
    [[0.0, 0.0], [0.25, 0.375]]
    """
    ends = np.unique(duration[cause >= 0])
    at_risk = np.searchsorted(np.sort(entry), ends, side="left") - np.searchsorted(np.sort(duration), ends, side="left")
    by_cause = np.zeros((len(ends), causes))
    np.add.at(by_cause, (np.searchsorted(ends, duration[cause >= 0]), cause[cause >= 0]), 1.0)
    share = by_cause / np.maximum(at_risk, 1)[:, None]
    left = np.cumprod(np.concatenate([[1.0], 1.0 - share.sum(axis=1)]))[:-1]
    cumulated = np.concatenate([np.zeros((1, causes)), np.cumsum(left[:, None] * share, axis=0)])
    found: Floats = cumulated[np.searchsorted(ends, times, side="right")]
    return found


def endings(log: EventLog, playbook: Playbook, pairs: Landmarks, before: int) -> tuple[Floats, Ints, Bools]:
    """(n,) days to the first end of each pair's journey as known at `before`, its place in CAUSES, and if it is usable.

    -1 is the place of those still open. Unusable are pairs whose journey had in truth ended by ``as_of``.
    """
    journey, person = playbook.journey, log.persons(before)[pairs.lead].astype(np.int64)
    moments = np.full(len(pairs), before)
    closed = standing(log, journey.model_copy(update={"opted_out": ()}), person, moments)
    # to opt out is made to close the journey, so that the first time it happened is known
    as_closing = {"lost": (), "opted_out": (), "converted": journey.opted_out}
    left = standing(log, journey.model_copy(update=as_closing), person, moments).closed
    when = np.minimum(closed.closed, left)
    cause = np.where(closed.status == Status.converted, 0, 1)
    cause = np.where(left < closed.closed, 2, cause)
    ended = when != NEVER
    duration = (np.where(ended, when, before) - pairs.as_of) / MICROS_PER_DAY
    return duration, np.where(ended, cause, -1), duration > 0


def incidence(
    log: EventLog, playbook: Playbook, pairs: Landmarks, outcomes: Outcomes, before: int
) -> dict[str, dict[str, float]]:
    """Share of pairs that was won, lost or opted out within each horizon: ``{"30d": {"converted": 0.05, ...}, ...}``.

    outcomes : (n,) of the same pairs, for their time of entry
    """
    duration, cause, usable = endings(log, playbook, pairs, before)
    usable &= duration > outcomes.entry
    days = np.array(playbook.horizons.days, dtype=np.float64)
    found = cumulative_incidence(outcomes.entry[usable], duration[usable], cause[usable], days, len(CAUSES))
    named = playbook.journey.converted, playbook.journey.lost, playbook.journey.opted_out
    return {
        f"{day}d": {name: float(row[place]) for place, name in enumerate(CAUSES) if named[place]}
        for day, row in zip(playbook.horizons.days, found, strict=True)
    }
