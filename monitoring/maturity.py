"""What acts, rules and the score would have handed over, and what became of it: the report of `[maturity]`.

A worked example, with a primary horizon of 30 days. L1 is created on 1 March, asks for a demonstration on 3 March,
scores 62 on Monday 9 March, is accepted on 12 March and won on 20 March. The act hands it over on 3 March, 17 days
before the win; the score on 9 March, 11 days before it. L2 is accepted on 2 March and asks for a demonstration on
5 March: sales had it already, so the act comes too late for it, and hands nothing over.

- All ways are held against the same leads, followed from their creation on: monitoring.maturity_scores says which.
- Acts and rules are looked at whenever something becomes known; scores at the creation and every Monday, so a score is
  up to a week later here than in service.
- A lead counts in a share once its 30 days are over, whatever it did in them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.bands import wilson
from data.events import MICROS_PER_DAY, instant, isoformat
from data.journey import Role, Status, first_ripening, roles, standing
from data.journey_report import Share
from data.log import NEVER, EventLog, Floats, Ints
from data.maturity import absent, signalled
from data.maturity_report import Aside, Handed, Kind, MaturityReport, Overlap
from data.off_topic import OffTopics
from data.signs import Bools, firings, signs_of
from monitoring.maturity_leads import Cohort, cohort
from monitoring.maturity_scores import Judge, Weekly, judge, weekly
from monitoring.weeks import WEEK, mondays
from training.bundle import Bundle
from veraison.errors import PlaybookError
from veraison.playbook import Playbook
from veraison.playbook_maturity import Maturity

Say = Callable[[str], None]


def maturity(
    log: EventLog,
    book: Playbook,
    as_of: int,
    *,
    least: float,
    champion: Bundle | None = None,
    threads: int = 1,
    say: Say = lambda _: None,
) -> MaturityReport:
    """The report of a log as known at a moment, microseconds UTC.

    least    : the score from which on a lead is on the list
    champion : the model that serves, None where none does
    Raises   : PlaybookError where the playbook has no `[maturity]`
    """
    if book.maturity is None:
        raise PlaybookError("the playbook has no [maturity]: name acts or rules there first, see docs/maturity.md")
    by = judge(log, book, as_of, champion, threads=threads, say=say)
    found = cohort(log, book, by.since, as_of)
    say(f"{len(found):,} leads are followed from their creation on")
    return _Measured(log, book, found, by, least, threads).report(book.maturity)


@dataclass(frozen=True)
class Said:
    """What one way says.

    first    : (n,) when it hands each lead over, `NEVER` where it does not
    too_late : (n,) whether it called the lead mature only while sales had it
    """

    first: Ints
    too_late: Bools


class _Measured:
    """The report in the making."""

    def __init__(
        self, log: EventLog, book: Playbook, cohort: Cohort, by: Judge, least: float, threads: int
    ) -> None:  # fmt: skip
        self._log, self._book, self._cohort, self._by, self._least = log, book, cohort, by, least
        self._days = book.horizons.primary
        self._place = np.full(len(log.leads), -1, dtype=np.int64)
        self._place[cohort.lead] = np.arange(len(cohort))
        opted_out = self._opted_out()
        self._end = np.minimum(np.minimum(cohort.then.closed, opted_out), cohort.at)
        self._starts = mondays(int(cohort.born.min(initial=cohort.at)) - WEEK + 1, cohort.at + WEEK)
        self._scores: Weekly | None = None
        if by.bundle is not None:
            self._scores = weekly(log, book, by.bundle, cohort.lead, cohort.born, self._end, threads=threads)
            self._off = OffTopics(log, book).first(self._scores.lead, self._scores.as_of) >= 0

    def report(self, rules: Maturity) -> MaturityReport:
        signs = signs_of(rules)
        each, aside = self._signs(rules)
        together = _first_of(each, len(self._cohort))
        ways = [self._way(sign.kind, said, sign.name) for sign, said in zip(signs, each, strict=True)]
        ways.append(self._way("signs", together))
        overlap: tuple[Overlap, ...] = ()
        mature = together
        if self._scores is not None:
            score = self._scored(self._least)
            ways.append(self._way("score", score, bound=self._least))
            bound = self._bound(int((together.first != NEVER).sum()))
            if bound is not None:
                ways.append(self._way("as_many", self._scored(bound), bound=bound))
            mature = _first_of([together, score], len(self._cohort)) if rules.score else together
            overlap = self._overlap(together.first, score.first)
        ways.append(self._way("all", mature))
        cohort, notes = self._cohort, absent(self._log, self._book, self._cohort.at)
        return MaturityReport(
            as_of=isoformat(cohort.at),
            days=self._days,
            since=isoformat(self._by.since or int(cohort.born.min())) if len(cohort) else None,
            leads=len(cohort),
            won=int((cohort.won != NEVER).sum()),
            sample=cohort.all if cohort.all > len(cohort) else None,
            counts=rules.score,
            model=None if self._by.bundle is None else self._by.bundle.version,
            twin=self._by.twin,
            ways=tuple(ways),
            overlap=overlap,
            weeks=tuple(f"{instant(int(one)):%Y-%m-%d}" for one in self._starts),
            off_topic=aside,
            notes=tuple([*notes, self._by.why] if self._by.why else notes),
        )

    def _signs(self, rules: Maturity) -> tuple[list[Said], tuple[Aside, ...]]:
        """What each act and rule says, and whom each off-topic rule takes out."""
        lead, when = self._moments(rules)
        found = signalled(self._log, self._book, lead, when + 1)  # the first moment that knows it
        then = standing(self._log, self._book.journey, lead, when + 1)
        open_ = (then.status == Status.scored) & (when < self._end[self._place[lead]])
        free = open_ & (found.off_topic < 0)
        each = [self._said(lead, when, free & speaks, then.ready != NEVER) for speaks in found.speaks]
        taken = OffTopics(self._log, self._book).each(lead, when + 1) & open_
        aside = tuple(
            self._aside(one.name, lead[rows], when[rows]) for one, rows in zip(rules.off_topic, taken, strict=True)
        )
        return each, aside

    def _moments(self, rules: Maturity) -> tuple[Ints, Ints]:
        """(lead, moment) at which what acts and rules say of a lead can change for the better, each once."""
        log, cohort, off = self._log, self._cohort, OffTopics(self._log, self._book).known()
        back = np.flatnonzero(roles(log.kinds, self._book.journey)[log.kind] == Role.returned)
        parts = [
            (cohort.lead, cohort.born),
            off,
            (np.searchsorted(log.offsets, back, side="right") - 1, log.known[back]),
        ]
        for sign in signs_of(rules):
            fired = firings(log, sign)
            parts.append((fired.lead, fired.known))
        lead, when = (np.concatenate(columns).astype(np.int64) for columns in zip(*parts, strict=True))
        mine = (self._place[lead] >= 0) & (when < cohort.at)
        lead, when = lead[mine], when[mine]
        mine = when >= cohort.born[self._place[lead]]
        pairs = np.unique(np.stack([lead[mine], when[mine]], axis=1), axis=0)
        return pairs[:, 0].copy(), pairs[:, 1].copy()

    def _said(self, lead: Ints, when: Ints, mature: Bools, sales: Bools) -> Said:
        """Of (lead, moment) pairs at which a way calls open leads mature, and sales have them or not."""
        first = np.full(len(self._cohort), NEVER, dtype=np.int64)
        place = self._place[lead]
        rows = mature & ~sales
        np.minimum.at(first, place[rows], when[rows])
        theirs = np.zeros(len(self._cohort), dtype=np.bool_)
        theirs[place[mature & sales]] = True
        return Said(first, theirs & (first == NEVER))

    def _scored(self, least: float) -> Said:
        found = self._scores
        if found is None:
            raise AssertionError("asked for only where there are scores")
        return self._said(found.lead, found.as_of, (found.score >= least) & ~self._off, found.sales)

    def _bound(self, leads: int) -> float | None:
        """The score at which so many leads would be handed over; None where there are not so many."""
        if self._scores is None:
            return None
        best = np.full(len(self._cohort), -np.inf)
        free = ~self._off & ~self._scores.sales
        np.maximum.at(best, self._place[self._scores.lead[free]], self._scores.score[free])
        best = np.sort(best[np.isfinite(best)])[::-1]
        return float(best[leads - 1]) if 0 < leads <= len(best) else None

    def _way(self, kind: Kind, said: Said, name: str = "", bound: float | None = None) -> Handed:
        cohort, handed = self._cohort, said.first != NEVER
        status = cohort.then.status[handed]
        won, seen, bought, days = self._outcome(said.first)
        left = status[~won[handed]]  # whoever opted out and bought all the same was won
        week = np.searchsorted(self._starts, said.first[handed], side="right") - 1
        count = {one: int((left == one).sum()) for one in (Status.lost, Status.opted_out)}
        return Handed(
            kind=kind,
            name=name,
            bound=bound,
            leads=int(handed.sum()),
            won=int(won.sum()),
            lost=count[Status.lost],
            opted_out=count[Status.opted_out],
            open=int(handed.sum() - won.sum() - count[Status.lost] - count[Status.opted_out]),
            accepted=self._accepted(said.first),
            seen=int(seen.sum()),
            bought=int(bought.sum()),
            share=share(int(bought.sum()), int(seen.sum())),
            median_days=float(np.median(days[bought])) if bought.any() else None,
            missed=int(((cohort.won != NEVER) & ~handed).sum()),
            too_late=int(said.too_late.sum()),
            weeks=tuple(np.bincount(week, minlength=len(self._starts)).tolist()),
        )

    def _outcome(self, first: Ints) -> tuple[Bools, Bools, Bools, Floats]:
        """(n,) of leads handed over: won, followed long enough, won within the days, and days to the win."""
        handed, at = first != NEVER, self._cohort.at
        start = np.where(handed, first, at)
        won = handed & (self._cohort.won != NEVER)
        days = (np.where(won, self._cohort.won, start) - start) / MICROS_PER_DAY
        seen = handed & (start + self._days * MICROS_PER_DAY <= at)
        return won, seen, seen & won & (days <= self._days), days

    def _accepted(self, first: Ints) -> int | None:
        """Leads handed over that sales accepted, or that were won, from then on."""
        if not self._book.has_readiness:
            return None
        rows = np.flatnonzero(first != NEVER)
        at = np.full(len(rows), self._cohort.at)
        ripe = first_ripening(self._log, self._book.journey, self._cohort.lead[rows], first[rows], at)
        return int((ripe != NEVER).sum())

    def _overlap(self, signs: Ints, score: Ints) -> tuple[Overlap, ...]:
        by_signs, by_score = signs != NEVER, score != NEVER
        found = []
        for by, mine in (
            ("both", by_signs & by_score), ("signs", by_signs & ~by_score), ("score", ~by_signs & by_score),
            ("neither", ~by_signs & ~by_score),
        ):  # fmt: skip
            start = self._cohort.born if by == "neither" else np.minimum(signs, score)
            won, seen, bought, _ = self._outcome(np.where(mine, start, NEVER))
            counts = {"leads": int(mine.sum()), "won": int(won.sum()), "seen": int(seen.sum())}
            told = share(int(bought.sum()), int(seen.sum()))
            found.append(Overlap.model_validate({"by": by, "bought": int(bought.sum()), "share": told, **counts}))
        return tuple(found)

    def _aside(self, name: str, lead: Ints, when: Ints) -> Aside:
        """Leads that an off-topic rule takes out, from the first moment on."""
        nobody = np.zeros(len(lead), dtype=np.bool_)
        first = self._said(lead, when, ~nobody, nobody).first
        taken = first != NEVER
        won = int((taken & (self._cohort.won != NEVER)).sum())
        return Aside(name=name, leads=int(taken.sum()), accepted=self._accepted(first), won=won)

    def _opted_out(self) -> Ints:
        """(n,) when it became known that each lead wants to be left alone, `NEVER` where it does not."""
        log, found = self._log, np.full(len(self._cohort), NEVER, dtype=np.int64)
        rows = np.flatnonzero(roles(log.kinds, self._book.journey)[log.kind] == Role.opted_out)
        place = self._place[np.searchsorted(log.offsets, rows, side="right") - 1]
        mine = (place >= 0) & (log.known[rows] < self._cohort.at)
        np.minimum.at(found, place[mine], log.known[rows][mine])
        return found


def share(bought: int, seen: int) -> Share | None:
    """A share with its 95 % interval (Wilson); None of nobody."""
    if not seen:
        return None
    low, high = wilson(bought, seen)
    return Share(share=bought / seen, low=low, high=high)


def _first_of(ways: list[Said], leads: int) -> Said:
    """Several ways as one: whichever comes first."""
    first = np.full(leads, NEVER, dtype=np.int64)
    late = np.zeros(leads, dtype=np.bool_)
    for one in ways:
        first, late = np.minimum(first, one.first), late | one.too_late
    return Said(first, late & (first == NEVER))
