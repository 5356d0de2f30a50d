"""Week by week: the bound as it was computed from what was known before the week, and who was handed over by it.

A bound that stands in the file of the contract is taken as it is, with the model that it was made with; the others are
computed here, as they would have been. Who was handed over follows from bounds and scores (monitoring.contract_scores),
so nobody's name needs to be kept anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from data.contract_lines import Bound, week_name
from data.events import MICROS_PER_DAY, isoformat
from data.journey import first_ripening, won_at
from data.log import NEVER, EventLog, Floats, Ints
from data.said import Bools, Said
from monitoring.contract_bound import (
    FLOW_WEEKS,
    HALF_LIFE,
    LEDGER_WEEKS,
    WARM_UP,
    WON_HALF_LIFE,
    WON_PRIOR,
    Factors,
    Ledger,
    choose,
    factor,
    flow,
    made_up,
    stock,
)
from monitoring.contract_scores import Scores, scores
from monitoring.weeks import WEEK, mondays
from training.bundle import Bundle
from veraison.playbook import Playbook

MOST_WEEKS = 78
"""So far back it is told who was handed over."""
_TURNS = 4_096


@dataclass(frozen=True)
class Handed:
    """(n,) leads that were handed over, in the order of their moments.

    lead     : code in the log
    as_of    : microseconds UTC
    week     : the Monday, microseconds UTC
    chance   : by the model, before `Bound.factor`
    """

    lead: Ints
    as_of: Ints
    week: Ints
    chance: Floats

    def __getitem__(self, rows: Bools | Ints) -> "Handed":
        return Handed(self.lead[rows], self.as_of[rows], self.week[rows], self.chance[rows])

    def __len__(self) -> int:
        return len(self.lead)


@dataclass(frozen=True)
class Weeks:
    """What became of all weeks: their bounds, the oldest first, and who was handed over."""

    bounds: list[Bound]
    handed: Handed


def monday(moment: int) -> int:
    """The Monday before a moment, or at it; microseconds UTC.

    >>> monday(20 * MICROS_PER_DAY) // MICROS_PER_DAY
    18
    """
    return int(mondays(moment - WEEK + 1, moment + WEEK)[0])


def weeks(
    log: EventLog,
    playbook: Playbook,
    heard: Said,
    models: Mapping[str, Bundle],
    champion: Bundle,
    written: Mapping[int, Bound],
    *,
    first: int,
    as_of: int,
    scored: Scores | None = None,
    threads: int = 1,
) -> Weeks:
    """All weeks from one on, the last one that in which the moment lies.

    heard   : what sales said, as known at `as_of`
    models  : by version, those of `written`; weeks of others are left out
    written : by Monday, the bounds that stand
    first   : Monday from which on the champion's bounds are computed where none is written; microseconds UTC
    scored  : by the champion, from `FLOW_WEEKS` and `WARM_UP` before the first week on, where the caller has them
    """
    last = monday(as_of)
    oldest = max(min([first, *written]), last - MOST_WEEKS * WEEK)
    planned = [
        start
        for start in range(oldest, last + 1, WEEK)
        if (start in written and written[start].model_version in models) or (start not in written and start >= first)
    ]
    tables = _Tables(log, playbook, heard, {**models, champion.version: champion}, champion.version, threads)
    if scored is not None:
        tables.known[champion.version] = scored
    tables.fill(planned, written)
    run = _Run(log, playbook, tables)
    for start in planned:
        run.week(start, written.get(start), champion.version)
    return Weeks(run.bounds, run.handed()[run.handed().as_of < as_of])


@dataclass
class _Tables:
    """Scores by model version."""

    log: EventLog
    playbook: Playbook
    heard: Said
    models: Mapping[str, Bundle]
    champion: str
    threads: int
    known: dict[str, Scores] = field(default_factory=dict)

    def fill(self, planned: list[int], written: Mapping[int, Bound]) -> None:
        """Score whatever the weeks ask for."""
        spans: dict[str, list[int]] = {}
        for start in planned:
            version = written[start].model_version if start in written else self.champion
            spans.setdefault(version, []).append(start)
            if start not in written:
                spans[version].append(start - (FLOW_WEEKS + WARM_UP) * WEEK)
        for version in spans.keys() - self.known.keys():
            self.known[version] = scores(
                self.log, self.models[version], self.playbook, self.heard,
                since=min(spans[version]), until=max(spans[version]) + WEEK, threads=self.threads,
            )  # fmt: skip


class _Run:
    """The weeks one after another; what it has seen is from before the week it is at."""

    def __init__(self, log: EventLog, playbook: Playbook, tables: _Tables) -> None:
        assert playbook.contract is not None
        self.bounds: list[Bound] = []
        self._log, self._playbook, self._tables, self._terms = log, playbook, tables, playbook.contract
        self._capacity = playbook.contract.capacity(playbook.routing)
        self._parts: list[Handed] = []
        self._taken = np.empty(0, dtype=np.int64)  # lead and turn of who was handed over
        merged = np.flatnonzero(log.merged_at != NEVER)
        self._merged = merged[np.argsort(log.merged_at[merged], kind="stable")]

    def handed(self) -> Handed:
        """All so far."""
        if not self._parts:
            nobody = np.empty(0, dtype=np.int64)
            return Handed(nobody, nobody, nobody, np.empty(0))
        return Handed(
            *(
                np.concatenate([getattr(one, name) for one in self._parts])
                for name in ("lead", "as_of", "week", "chance")
            )
        )

    def week(self, start: int, written: Bound | None, version: str) -> None:
        """Choose the bound, where none is written, and hand over."""
        bound = written if written is not None else self._chosen(start, version)
        self.bounds.append(bound)
        found = self._tables.known[bound.model_version]
        mine = found[(found.as_of >= start) & (found.as_of < start + WEEK) & (found.score >= bound.score)]
        mine = mine[~np.isin(mine.lead * _TURNS + mine.turn, self._taken_by(start))]
        order = np.lexsort((mine.as_of, mine.turn, mine.lead))
        _, place = np.unique((mine.lead * _TURNS + mine.turn)[order], return_index=True)
        mine = mine[order[place]]
        mine = mine[np.lexsort((mine.lead, mine.as_of))]
        self._taken = np.concatenate([self._taken, mine.lead * _TURNS + mine.turn])
        self._parts.append(Handed(mine.lead, mine.as_of, np.full(len(mine), start), mine.chance))

    def _taken_by(self, start: int) -> Ints:
        """Who was handed over, also under the ids that they go on by."""
        merged = self._merged[self._log.merged_at[self._merged] < start]
        again = np.isin(self._taken // _TURNS, merged)
        if not again.any():
            return self._taken
        person = self._log.persons(start)[self._taken[again] // _TURNS].astype(np.int64)
        return np.concatenate([self._taken, person * _TURNS + self._taken[again] % _TURNS])

    def _chosen(self, start: int, version: str) -> Bound:
        found = self._tables.known[version]
        now = found[found.as_of == start]
        now = now[~np.isin(now.lead * _TURNS + now.turn, self._taken_by(start))]
        factors, more = self._factors(start), self._made_up()
        chosen = choose(
            stock(now.score, now.chance), flow(found, start), factors, self._ledger(start, factors),
            capacity=self._capacity + more, precision=self._terms.precision,
        )  # fmt: skip
        return Bound(
            week=week_name(start),
            starts=isoformat(start),
            terms=self._terms.terms(self._playbook.routing, self._playbook.horizons.primary),
            model_version=version,
            score=chosen.score,
            binds=chosen.binds,
            promised=self._capacity,
            made_up=more,
            leads=chosen.leads,
            flow=chosen.flow,
            promised_precision=self._terms.precision,
            precision=chosen.precision,
            possible=chosen.possible,
            factor=factors.chance,
            flow_factor=factors.flow,
        )

    def _made_up(self) -> float:
        """Leads beside those promised, for what the weeks before fell short by."""
        of = self.handed().week
        return made_up(self._capacity, [one.promised - int((of == one.start).sum()) for one in self.bounds])

    def _factors(self, start: int) -> Factors:
        """What the weeks before gave for each one expected, as known at the start of a week."""
        handed = self.handed()
        known = handed[matured(handed, self._playbook, start)]
        counts = 0.5 ** ((start - known.as_of) / WEEK / WON_HALF_LIFE)
        came = succeeded(self._log, self._playbook, known, start)
        recent = [one for one in self.bounds if start - FLOW_WEEKS * WEEK <= one.start < start]
        weight = {one.start: 0.5 ** (((start - one.start) // WEEK - 1) / HALF_LIFE) for one in recent}
        after = handed.as_of > handed.week
        arrived = sum(weight[one.start] * int((after & (handed.week == one.start)).sum()) for one in recent)
        return Factors(
            chance=factor(float(counts @ came), float(counts @ known.chance), WON_PRIOR),
            flow=factor(arrived, sum(weight[one.start] * one.flow for one in recent)),
        )

    def _ledger(self, start: int, factors: Factors) -> Ledger:
        """The last weeks: what came where that is known, what is expected where it is open."""
        handed = self.handed()
        handed = handed[handed.week >= start - LEDGER_WEEKS * WEEK]
        over = matured(handed, self._playbook, start)
        came = succeeded(self._log, self._playbook, handed, start)
        return Ledger(len(handed), float(np.where(over, came, factors.chance * handed.chance).sum()))


def matured(handed: Handed, playbook: Playbook, as_of: int) -> Bools:
    """(n,) whether the primary horizon after each hand-over is over at a moment."""
    found: Bools = handed.as_of + playbook.horizons.primary * MICROS_PER_DAY <= as_of
    return found


def succeeded(log: EventLog, playbook: Playbook, handed: Handed, as_of: int) -> Bools:
    """(n,) whether what was promised came within the primary horizon of each hand-over, as known at a moment."""
    assert playbook.contract is not None
    if playbook.contract.of == "ready":
        person = log.persons(as_of)[handed.lead].astype(np.int64)
        when = first_ripening(log, playbook.journey, person, handed.as_of, np.full(len(handed), as_of))
    else:
        when = won_at(log, playbook.journey, handed.lead, as_of)
    found: Bools = (when != NEVER) & (when >= handed.as_of)
    return found & (np.where(found, when, 0) < handed.as_of + playbook.horizons.primary * MICROS_PER_DAY)
