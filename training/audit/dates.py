"""What the dates of traits and events give away: when things became known, beside when the lead was won or lost."""

from collections.abc import Iterator

import numpy as np

from data.events import MICROS_PER_DAY, isoformat
from data.log import NEVER, EventLog, Ints
from training.audit.alone import LEAST, discrimination
from training.audit.columns import one_outcome
from training.audit.ended import Ended, first_known, first_of, known_traits, lead_of, trait_columns
from training.audit.finding import Finding, Severity, Sign
from training.landmarks import MINUTE
from veraison.playbook import Playbook

LATE = 0.95
"""Share of leads for whom something came after the outcome."""
AT_ONCE, SPREAD_DAYS = 0.90, 1.0
"""Share of rows that became known at one moment, though what they tell of happened over more days than this."""
WRITTEN, GAIN, CHANGED = 0.80, 0.10, 0.10
"""AUC of the newest values, how much more that is than at the outcome, and the share of leads whose value changed."""
_TEACHING = ("identify", "group", "alias")


def timing(first: Ints, born: Ints, closed: Ints) -> str:
    """How early or late that was, of the leads that were closed."""
    mine = (first != NEVER) & (closed != NEVER)
    if not mine.any():
        return ""
    if np.median(first[mine] - born[mine]) < MINUTE:
        return "; dated at the lead's creation"
    days = float(np.median(closed[mine] - first[mine])) / MICROS_PER_DAY
    return f"; dated {abs(days):.1f} days {'before' if days > 0 else 'after'} the outcome, in the median"


def events_at_entry(log: EventLog, playbook: Playbook, ended: Ended) -> Iterator[Finding]:
    """Kinds of event that at a lead's creation only winners show, or only losers: they are dated back."""
    entry = np.full(len(log.leads), np.iinfo(np.int64).min)
    entry[ended.lead] = ended.born + MINUTE
    lead = lead_of(log.offsets)
    early = log.known < entry[lead]
    for code, kind in acts(log, playbook):
        mine = np.zeros(len(log.leads), dtype=np.bool_)
        mine[lead[early & (log.kind == code)]] = True
        yield from one_outcome(kind, mine[ended.lead], ended.won, "; dated at the lead's creation")


def after_outcome(
    log: EventLog, playbook: Playbook, ended: Ended, before: int, declared: frozenset[str]
) -> Iterator[Finding]:
    """Kinds and traits that come when the lead is won or lost, or later: no score can ever use them."""
    lead = lead_of(log.offsets)
    firsts = [(name, first, name in declared) for name, first in first_known(log, before)]
    for code, kind in acts(log, playbook):
        mine = (log.kind == code) & (log.known < before)
        firsts.append((kind, first_of(log, lead[mine], log.known[mine]), False))
    for name, first, used in firsts:
        mine = (first[ended.lead] != NEVER) & (ended.closed != NEVER)
        open_too = (first[ended.lead] != NEVER) & (ended.closed == NEVER)
        late = first[ended.lead][mine] >= ended.closed[mine]
        if len(late) < LEAST or open_too.sum() > (1 - LATE) * len(late) or late.mean() < LATE:
            continue
        told = f"of {len(late):,} closed leads that have it, {late.mean():.0%} got it at the outcome or later"
        told += "; its features are empty" if used else ""
        yield Finding(name, Sign.after_outcome, Severity.notice, told, float(late.mean()))


def one_import(log: EventLog, before: int, declared: frozenset[str]) -> Iterator[Finding]:
    """Traits and kinds that nearly all became known at one moment: nothing says when each was really known."""
    kinds = [(kind, code, log.kind, log.known, log.occurred) for code, kind in enumerate(log.kinds)]
    traits = [
        (name, code, log.trait_name, log.trait_known, log.trait_occurred)
        for code, name in enumerate(log.trait_names)
        if name in declared
    ]
    for name, code, which, known, occurred in [*kinds, *traits]:
        mine = (which == code) & (known < before)
        if mine.sum() < LEAST or name in _TEACHING:
            continue
        moments, times = np.unique(known[mine], return_counts=True)
        share = float(times.max() / mine.sum())
        spread = float(np.ptp(np.quantile(occurred[mine], [0.05, 0.95]))) / MICROS_PER_DAY
        if share >= AT_ONCE and spread > SPREAD_DAYS:
            told = (
                f"{share:.0%} of {int(mine.sum()):,} became known at {isoformat(int(moments[times.argmax()]))}, though "
                f"they are of {spread:.0f} days; no landmark before that moment shows them"
            )
            yield Finding(name, Sign.one_import, Severity.notice, told, share)


def rewritten(log: EventLog, ended: Ended, before: int, declared: frozenset[str]) -> Iterator[Finding]:
    """Traits with several values known at one moment: a later value that was given the date of the first."""
    lead, end = lead_of(log.trait_offsets), _end(log, ended)
    for name in known_traits(log):
        mine = np.flatnonzero((log.trait_name == log.trait_names.index(name)) & (log.trait_known < before))
        who, known, text = lead[mine], log.trait_known[mine], log.trait_text[mine]
        order = np.lexsort((text, known, who))
        who, known, text = who[order], known[order], text[order]
        twice = np.flatnonzero((who[1:] == who[:-1]) & (known[1:] == known[:-1]) & (text[1:] != text[:-1]))
        marked = np.zeros(len(log.leads), dtype=np.bool_)
        marked[who[twice]] = True
        there = np.zeros(len(log.leads), dtype=np.bool_)
        there[who] = True
        for one in one_outcome(name, marked[ended.lead], ended.won):
            severity = Severity.leak if name in declared else Severity.notice
            told = f"several values of one date, {one.evidence.removeprefix('known ')}"
            yield Finding(name, Sign.rewritten, severity, told, one.figure)
        share = float(marked[there & (end >= 0)].mean()) if (there & (end >= 0)).any() else 0.0
        if share >= CHANGED:
            told = f"{share:.0%} of leads have several values of one date; which of them was first cannot be told"
            yield Finding(name, Sign.rewritten, Severity.notice, told, share)


def changed(log: EventLog, ended: Ended, before: int, declared: frozenset[str]) -> Iterator[Finding]:
    """Traits whose newest value tells the outcome, while the value before the outcome did not.

    Their dates are right as they are; a table of today's values, dated back, would leak.
    """
    names = [name for name in known_traits(log) if name in declared]
    order = np.lexsort((np.minimum(ended.closed, before), ended.lead))
    lead, won = ended.lead[order], ended.won[order]
    at_outcome = np.minimum(ended.closed, before)[order]
    was = {one.name: one for one in trait_columns(log, lead, at_outcome, names)}
    for one in trait_columns(log, lead, np.full(len(lead), before), names):
        earlier = was.get(one.name)
        low = discrimination(one, won)[1]
        if low < WRITTEN:
            continue
        then = discrimination(earlier, won)[0] if earlier is not None else 0.5
        if low - then >= GAIN:
            told = f"AUC {low:.3f} of today's values, {then:.3f} of those before the outcome: it is written afterwards"
            yield Finding(one.name, Sign.changed_by_outcome, Severity.notice, told, low)


def acts(log: EventLog, playbook: Playbook) -> list[tuple[int, str]]:
    """Kinds of event that are neither the journey's own nor messages that teach traits."""
    journey = playbook.journey
    own = {*journey.created, *journey.ready, *journey.converted, *journey.lost, *journey.returned, *journey.opted_out}
    return [(code, kind) for code, kind in enumerate(log.kinds) if kind not in own and kind not in _TEACHING]


def _end(log: EventLog, ended: Ended) -> Ints:
    found = np.full(len(log.leads), -1, dtype=np.int64)
    found[ended.lead] = ended.won
    return found
