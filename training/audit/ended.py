"""Leads whose end is known, and what was known of them at a moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from data.events import MICROS_PER_DAY
from data.journey import Status, standing
from data.log import NEVER, EventLog, Ints
from features import kernel
from training.audit.alone import LEAST, Coded
from training.landmarks import Bools
from veraison.playbook import Playbook

ROWS = 10_000
"""So many leads, chosen by chance, are looked at where columns are computed."""
MOST_TRAITS = 200


@dataclass(frozen=True)
class Ended:
    """Leads whose end is known.

    lead   : (n,) codes of the log
    born   : (n,) when the creation was first known, microseconds UTC
    closed : (n,) when it was won or lost, `NEVER` where it is open still
    won    : (n,) whether it converted
    """

    lead: Ints
    born: Ints
    closed: Ints
    won: Bools

    @staticmethod
    def of(log: EventLog, playbook: Playbook, before: int) -> "Ended":
        """As known before a snapshot."""
        everyone = np.arange(len(log.leads), dtype=np.int64)
        journey = playbook.journey.model_copy(update={"opted_out": ()})
        then = standing(log, journey, everyone, np.full(len(everyone), before))
        followed = then.started_known <= before - max(playbook.horizons.days) * MICROS_PER_DAY
        won = then.status == Status.converted
        ended = won | (then.status == Status.lost) | ((then.status == Status.scored) & followed)
        ended &= then.started_known != NEVER
        return Ended(everyone[ended], then.started_known[ended], then.closed[ended], won[ended])

    @cached_property
    def enough(self) -> bool:
        """Whether there is anything to compare."""
        return min(int(self.won.sum()), int((~self.won).sum())) >= LEAST

    def sample(self, seed: int) -> "Ended":
        """At most `ROWS` of them."""
        if len(self.lead) <= ROWS:
            return self
        pick = np.sort(np.random.default_rng(seed).choice(len(self.lead), ROWS, replace=False))
        return Ended(self.lead[pick], self.born[pick], self.closed[pick], self.won[pick])


def known_traits(log: EventLog) -> list[str]:
    """Traits of at least `LEAST` rows, the most frequent first."""
    rows = np.bincount(log.trait_name, minlength=len(log.trait_names)) if len(log.trait_name) else np.zeros(0)
    order = sorted(range(len(rows)), key=lambda at: (-rows[at], log.trait_names[at]))
    return [log.trait_names[at] for at in order[:MOST_TRAITS] if rows[at] >= LEAST]


def first_known(log: EventLog, before: int) -> Iterator[tuple[str, Ints]]:
    """Each trait, and (leads,) when it was first known of each lead, `NEVER` where it was not."""
    lead = lead_of(log.trait_offsets)
    for name in known_traits(log):
        mine = (log.trait_name == log.trait_names.index(name)) & (log.trait_known < before)
        yield name, first_of(log, lead[mine], log.trait_known[mine])


def trait_columns(log: EventLog, lead: Ints, as_of: Ints, names: list[str]) -> list[Coded]:
    """What each trait says of leads at moments, (leads,) each."""
    place = np.array([names.index(name) if name in names else -1 for name in log.trait_names], dtype=np.int32)
    mine = place[log.trait_name] if len(log.trait_name) else np.empty(0, dtype=np.int32)
    rows = np.full((len(lead), len(names)), -1, dtype=np.int64)
    kernel.sweep_traits(
        log.trait_offsets, log.trait_known, log.trait_occurred, mine, len(names), lead, as_of, rows
    )  # fmt: skip
    texts = pl.Series(log.trait_texts, dtype=pl.String)
    found = []
    for at, name in enumerate(names):
        row = rows[:, at]
        known = row >= 0
        if not known.any():
            continue
        number = np.full(len(lead), np.nan)
        number[known] = log.trait_number[row[known]]
        if not np.isnan(number[known]).any():
            found.append(Coded.of(pl.Series(name, number)))
            continue
        text = pl.Series(np.where(known, log.trait_text[np.maximum(row, 0)], -1)).cast(pl.Int64)
        shown = texts.gather(text.set(pl.Series(~known), None))
        found.append(Coded.of(shown.alias(name)))
    return found


def lead_of(offsets: Ints) -> Ints:
    """(rows,) whose row each is."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def first_of(log: EventLog, lead: Ints, known: Ints) -> Ints:
    """(leads,) the first of the moments of each lead, `NEVER` where it has none."""
    found = np.full(len(log.leads), NEVER, dtype=np.int64)
    np.minimum.at(found, lead, known)
    return found
