"""The contract between marketing and sales: the bound of each week, what was promised, what came, and what was broken.

Everything is as known at a moment: bounds from what was known before their weeks (monitoring.contract_weeks), outcomes
and acts of sales from what was known before the moment.

A promise is broken

* volume    : where four weeks together bring a tenth fewer leads than promised, or more. A count;
* precision : where so few of a week's leads were won, once it is settled, as chance alone brings less than once in
              twenty such weeks (one-sided binomial test);
* contact, report : where less than the promised part was in time, beyond chance in the same sense;
* reason    : with every return without a declared reason. A count.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from data.bands import wilson
from data.contract_lines import Bound, Breach, Entry, Promise, Side, bounds, week_name
from data.contract_report import ContractReport, Reason, Seller, Share, Terms, Totals, Week
from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.journey import Role, roles
from data.log import EventLog, Floats, Ints
from data.said import Bodies, Bools, Said, nothing_more, reason_of, said
from monitoring.contract_kept import Contacts, Sellers, Spoken, contacts, spoken
from monitoring.contract_weeks import Handed, matured, monday, succeeded, weeks
from monitoring.weeks import WEEK
from training.bundle import Bundle
from veraison.errors import PlaybookError
from veraison.playbook import Playbook

NEWEST = 26
"""Weeks of a report."""
MONTH, TOLERANCE = 4, 0.1
"""Weeks that are counted together, and the part by which their volume may be another than promised."""
CHANCE = 0.05

NO_CONTRACT = "the playbook has no [contract]; write one, such as: [contract] sellers = 6; see docs/contract.md"


@dataclass(frozen=True)
class Measured:
    """A report, and what of it is to be added to the file of the contract (data.contract_lines)."""

    report: ContractReport
    fresh: list[Entry]


def contract(
    log: EventLog,
    playbook: Playbook,
    champion: Bundle,
    *,
    as_of: int,
    entries: Sequence[Entry] = (),
    model: Callable[[str], Bundle | None] = lambda _: None,
    bodies: Bodies = nothing_more,
    threads: int = 1,
) -> Measured:
    """What was promised and what came of it, as known at a moment.

    champion : makes the bounds that are not written, from the week on in which it has learned
    as_of    : microseconds UTC
    entries  : what stands in the file of the contract
    model    : the bundle of a version, None where it is gone
    bodies   : what else events say
    Raises   : PlaybookError where the playbook has no contract
    """
    terms = playbook.contract
    if terms is None:
        raise PlaybookError(NO_CONTRACT)
    named = terms.terms(playbook.routing, playbook.horizons.primary)
    written = bounds(entries, named, before=as_of)
    models = {one: model(one) for one in {bound.model_version for bound in written.values()} - {champion.version}}
    known = {version: bundle for version, bundle in models.items() if bundle is not None} | {champion.version: champion}
    heard = said(log, playbook, bodies, before=as_of)
    first = monday(parse_instant(champion.facts["as_of"]))
    seen = weeks(log, playbook, heard, known, champion, written, first=first, as_of=as_of, threads=threads)
    kept = _Kept(log, playbook, seen.bounds[-NEWEST:], seen.handed, heard, as_of)
    found = kept.report()
    told = {one.name for one in entries if isinstance(one, Breach)}
    newer = [one for one in seen.bounds if one.start not in written]
    return Measured(found, [*newer, *(one for one in reversed(found.breaches) if one.name not in told)])


class _Kept:
    """What came of the weeks of a report."""

    def __init__(
        self, log: EventLog, playbook: Playbook, shown: list[Bound], handed: Handed, heard: Said, as_of: int
    ) -> None:
        assert playbook.contract is not None
        self.playbook, self.terms, self.shown, self.as_of = playbook, playbook.contract, shown, as_of
        self.handed = handed[np.isin(handed.week, [one.start for one in shown])]
        self.sellers = Sellers(log, playbook, as_of)
        self.contacts: Contacts = contacts(log, playbook, self.handed, self.sellers, as_of)
        self.spoken: Spoken = spoken(log, playbook, heard, self.sellers, as_of)
        self.matured = matured(self.handed, playbook, as_of)
        self.won = succeeded(log, playbook, self.handed, as_of)
        self.heard = heard
        role = roles(log.kinds, playbook.journey)[log.kind[heard.row]] if len(heard) else np.empty(0, dtype=np.int32)
        self.back = role == Role.returned
        occurred = log.occurred[heard.row]
        since = shown[0].start if shown else as_of
        self.heard_week: Ints = (occurred - since) // WEEK
        self.since = since

    def report(self) -> ContractReport:
        told = [self._week(one) for one in self.shown]
        every, all_said = np.ones(len(self.handed), dtype=np.bool_), self.heard_week >= 0
        over = [one for one in told if one.over]
        won, contact, report, hours = self._shares(every, all_said)
        terms = self.terms
        return ContractReport(
            as_of=isoformat(self.as_of),
            terms=Terms(
                leads=terms.capacity(self.playbook.routing),
                sellers=terms.sellers_of(self.playbook.routing),
                leads_per_week=terms.leads_per_week,
                precision=terms.precision,
                of=terms.of,
                days=self.playbook.horizons.primary,
                contact_hours=terms.contact_hours,
                in_time=terms.in_time,
                report=terms.report,
                report_days=terms.report_days,
                return_reasons=terms.return_reasons,
            ),
            weeks=tuple(told),
            totals=Totals(
                weeks=len(over),
                promised=sum(one.bound.promised for one in over),
                handed=sum(one.handed for one in over),
                won=won,
                contact=contact,
                hours=hours,
                report=report,
                returned=int((all_said & self.back).sum()),
                undeclared=int((all_said & self.spoken.undeclared).sum()),
            ),
            sellers=tuple(self._sellers(all_said)),
            reasons=tuple(self._reasons(all_said & self.back)),
            breaches=tuple(sorted(self._breaches(told), key=lambda one: (one.week, one.promise), reverse=True)),
        )

    def _shares(self, leads: Bools, words: Bools) -> tuple[Share, Share, Share, float | None]:
        """Won, contacted and reported in time, and hours to the first contact, of some leads and words of sales."""
        due = leads & self.contacts.due
        told = words & self.spoken.due
        hours = self.contacts.hours[due]
        return (
            _share(self.won[leads & self.matured]),
            _share(hours <= self.terms.contact_hours),
            _share(self.spoken.reported[told]),
            _median(hours),
        )

    def _week(self, bound: Bound) -> Week:
        leads = self.handed.week == bound.start
        words = self.heard_week == (bound.start - self.since) // WEEK
        won, contact, report, hours = self._shares(leads, words)
        chance = self.handed.chance[leads] * bound.factor
        return Week(
            bound=bound,
            over=bound.start + WEEK <= self.as_of,
            handed=int(leads.sum()),
            expected=min(1.0, float(chance.mean())) if leads.any() else None,
            won=won,
            settled=bool(bound.start + WEEK + self.playbook.horizons.primary * MICROS_PER_DAY <= self.as_of),
            contact=contact,
            hours=hours,
            report=report,
            returned=int((words & self.back).sum()),
            undeclared=int((words & self.spoken.undeclared).sum()),
        )

    def _sellers(self, words: Bools) -> Iterator[Seller]:
        """Those who had a lead or said something, who had most first."""
        found = []
        for place in range(-1, len(self.sellers.names)):
            mine, told = self.contacts.seller == place, words & (self.spoken.seller == place)
            if mine.any() or told.any():
                found.append((-int(mine.sum()), place, mine, told))
        for fewer, place, mine, told in sorted(found, key=lambda one: (one[1] < 0, *one[:2])):
            won, contact, report, hours = self._shares(mine, told)
            yield Seller(
                name=self.sellers.names[place] if place >= 0 else None,
                handed=-fewer,
                won=won,
                contact=contact,
                hours=hours,
                report=report,
                returned=int((told & self.back).sum()),
                undeclared=int((told & self.spoken.undeclared).sum()),
            )

    def _reasons(self, returns: Bools) -> Iterator[Reason]:
        allowed = {reason_of(name): name for name in self.terms.return_reasons}
        told: list[str | None] = [self.heard.reason[place] for place in np.flatnonzero(returns).tolist()]
        counts = sorted(((told.count(one), one) for one in set(told)), key=lambda one: (-one[0], one[1] or "~"))
        for count, name in counts:
            yield Reason(name=allowed.get(name, name), declared=name in allowed, returns=count)

    def _breaches(self, told: list[Week]) -> Iterator[Breach]:
        terms, day = self.terms, MICROS_PER_DAY
        for place, one in enumerate(told):
            month = told[place - MONTH + 1 : place + 1] if place >= MONTH - 1 else []
            # the same four weeks, whenever the contract began
            if month and one.over and (one.bound.start // WEEK) % MONTH == 0 and _together(month):
                promised, given = sum(w.bound.promised for w in month), sum(w.handed for w in month)
                if abs(given - promised) > TOLERANCE * promised:
                    yield self._breach(one, "marketing", "volume", promised, given, given)
            if one.settled and _too_few(one.won, terms.precision):
                yield self._breach(one, "marketing", "precision", terms.precision, one.won.share or 0.0, one.won.of)
            end = one.bound.start + WEEK
            if end + terms.contact_hours * day // 24 <= self.as_of and _too_few(one.contact, terms.in_time):
                yield self._breach(one, "sales", "contact", terms.in_time, one.contact.share or 0.0, one.contact.of)
            if end + terms.report_days * day <= self.as_of and _too_few(one.report, terms.in_time):
                yield self._breach(one, "sales", "report", terms.in_time, one.report.share or 0.0, one.report.of)
            if one.over and one.undeclared:
                yield self._breach(one, "sales", "reason", 0, one.undeclared, one.returned)

    def _breach(
        self, one: Week, side: Side, promise: Promise, promised: float, observed: float, leads: int
    ) -> Breach:  # fmt: skip
        return Breach(
            week=week_name(one.bound.start), side=side, promise=promise, promised=promised, observed=observed,
            leads=leads, seen=isoformat(self.as_of),
        )  # fmt: skip


def _together(month: list[Week]) -> bool:
    """Whether weeks follow one another."""
    return month[-1].bound.start - month[0].bound.start == (len(month) - 1) * WEEK


def _too_few(seen: Share, promised: float) -> bool:
    """Whether chance brings so few less than once in twenty times, where what was promised is so.

    >>> _too_few(Share(of=60, kept=7, share=0.117, low=0.06, high=0.22), 0.2)
    False
    >>> _too_few(Share(of=60, kept=5, share=0.083, low=0.04, high=0.18), 0.2)
    True
    """
    return seen.of > 0 and float(binom.cdf(seen.kept, seen.of, promised)) < CHANCE


def _share(flags: Bools) -> Share:
    of, kept = len(flags), int(flags.sum())
    if not of:
        return Share(of=0, kept=0, share=None, low=None, high=None)
    low, high = wilson(kept, of)
    return Share(of=of, kept=kept, share=kept / of, low=low, high=high)


def _median(hours: Floats) -> float | None:
    """The median, None where it lies among those who were never contacted."""
    if not len(hours):
        return None
    middle = float(np.sort(hours)[(len(hours) - 1) // 2])
    return middle if np.isfinite(middle) else None
