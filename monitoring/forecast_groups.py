"""A forecast by source and by seller: which part of each of its parts is whose; together they are the whole."""

from dataclasses import dataclass

import numpy as np

from data.log import EventLog, Floats, Ints
from features import compute
from monitoring.forecast_counts import People, week_of
from monitoring.forecast_means import HALF_LIFE, RECENT, fading
from monitoring.forecast_roll import Forecast
from monitoring.forecast_steps import Weeks
from training.bundle import Bundle

GROUPS = 12
"""So many are told apart, those of whom most is expected; the others are taken together."""
_TINY = 1e-12


@dataclass(frozen=True)
class Groups:
    """(g + 1,) what is to be expected of all weeks to come together, by text of a trait; the last is of nobody.

    texts : (g,) places in the log's `trait_texts`
    """

    texts: Ints
    stock: Floats
    arrivals: Floats
    unforeseen: Floats

    @property
    def total(self) -> Floats:
        """(g + 1,) of all parts."""
        return self.stock + self.arrivals + self.unforeseen


def grouped(
    event: int, weeks: Weeks, text: Ints, made: Forecast, everybody: People, of_person: Ints
) -> Groups:  # fmt: skip
    """Part a forecast.

    text      : (n,) of the trait, for each of the weeks' steps; -1 where it is not known
    everybody : as known when the forecast was made
    of_person : (p,) of the trait, of each of them
    """
    steps, origin, means = weeks.steps, made.origin, made.means
    texts = np.unique(np.concatenate([text[text >= 0], of_person[of_person >= 0]]))
    size = len(texts) + 1
    place = np.where(text >= 0, np.searchsorted(texts, text), size - 1)
    rows = np.flatnonzero((steps.week == origin) & ~steps.newcomer)
    chance = np.nan_to_num(steps.chance[rows, event]) @ (means.level * made.season)
    stock = np.bincount(place[rows], chance, size)
    # newcomers of the weeks before, each as much as it counts in how many come
    rows = np.flatnonzero((steps.week < origin) & steps.newcomer)
    count = fading(origin - steps.week[rows], RECENT)
    came = np.stack(
        [
            np.bincount(place[rows], count * np.nan_to_num(steps.chance[rows, event, h]), size)
            for h in range(weeks.ahead)
        ]
    )
    met = np.cumsum(made.season[::-1])[::-1]  # what newcomers do h weeks after they came is met in all weeks from h on
    arrivals = (means.arrived * met / np.maximum(came.sum(axis=1), _TINY)) @ came
    weight = _unforeseen(event, weeks, origin, everybody)
    lost = np.bincount(np.where(of_person >= 0, np.searchsorted(texts, of_person), size - 1), weight, size)
    if not lost.any():
        lost = np.asarray(stock + arrivals)
    unforeseen = means.unforeseen.sum() * lost / max(lost.sum(), _TINY)
    return Groups(texts, np.asarray(stock, dtype=np.float64), arrivals, unforeseen)


def _unforeseen(event: int, weeks: Weeks, origin: int, everybody: People) -> Floats:
    """(p,) how much each person counts among those who converted, became ready, and had not been foreseen."""
    steps = weeks.steps
    week = week_of(everybody.when[event], weeks.starts, origin)
    born = week_of(everybody.born, weeks.starts, origin)
    before = everybody.born < weeks.starts[0]
    rows = np.flatnonzero(~steps.newcomer & ~np.isnan(steps.chance[:, event, 0]))
    of_lead = np.full(len(everybody.code), -1, dtype=np.int64)
    of_lead[everybody.who] = week
    person = everybody.code[steps.lead[rows]]
    open_ = np.unique(person[of_lead[person] == steps.week[rows]])
    found = (week >= 0) & (before | (born < week)) & ~np.isin(everybody.who, open_)
    return np.where(found, fading(origin - week, HALF_LIFE), 0.0)


def told_apart(total: Floats) -> tuple[Ints, Ints]:
    """The places of the groups that are told apart, the largest first, and of those that are taken together.

    total : (g,) what is expected of each

    >>> told_apart(np.array([1.0, 3.0, 2.0]))[0].tolist()
    [1, 2, 0]
    """
    order = np.argsort(-total, kind="stable")
    return order[:GROUPS], order[GROUPS:]


def texts_of(log: EventLog, champion: Bundle, trait: str, lead: Ints, at: int) -> Ints:
    """(n,) what a trait of leads is as known at a moment, as a place in the log's `trait_texts`; -1 where not known."""
    row = compute.trait_rows(log, champion.feature_set, [trait], lead, np.full(len(lead), at))[:, 0]
    found: Ints = np.append(log.trait_text, -1)[row].astype(np.int64)
    return found
