"""What would be left of a column had everything become known a day later."""

from collections.abc import Iterator

import numpy as np

from data.events import MICROS_PER_DAY
from data.log import NEVER, EventLog, Ints
from training.audit.alone import LEAST, Coded, discrimination
from training.audit.dates import acts
from training.audit.ended import Ended, first_of, known_traits, lead_of, trait_columns
from training.audit.finding import Finding, Severity, Sign
from training.landmarks import MINUTE, Bools
from veraison.playbook import Playbook

DAYS = 1
LIFT, LEFT = 0.75, 0.5
"""AUC from which a column tells much, and the share of what it is above chance that must be left a day later."""


def fading(log: EventLog, playbook: Playbook, ended: Ended, before: int, declared: frozenset[str]) -> Iterator[Finding]:
    """Kinds and traits that tell much just before the outcome, and little had they become known a day later.

    Winners are looked at when they were won, and others at the same ages, while they were open.
    """
    lead, moment, won = _moments(ended, playbook.training.seed)
    if min(int(won.sum()), int((~won).sum())) < LEAST:
        return
    later = moment - DAYS * MICROS_PER_DAY
    names = [name for name in known_traits(log) if name in declared]
    now = [*_shown(log, playbook, lead, moment, before), *trait_columns(log, lead, moment, names)]
    then = {
        one.name: one for one in (*_shown(log, playbook, lead, later, before), *trait_columns(log, lead, later, names))
    }
    for one in now:
        auc, low = discrimination(one, won)
        if low < LIFT:
            continue
        after = discrimination(then[one.name], won)[0] if one.name in then else 0.5
        if after - 0.5 < LEFT * (auc - 0.5):
            told = (
                f"AUC {auc:.3f} just before the outcome, {after:.3f} had it become known a day later; "
                "is it known so fast, and before the outcome?"
            )
            yield Finding(one.name, Sign.fades, Severity.notice, told, auc)


def _moments(ended: Ended, seed: int) -> tuple[Ints, Ints, Bools]:
    """Leads, a moment for each (microseconds UTC), and whether it was won then; sorted by lead.

    Only those that were two days old then: of younger ones nothing at all was known a day earlier.
    """
    rng = np.random.default_rng(seed)
    age = ended.closed - ended.born
    ages = age[ended.won & (age >= 2 * DAYS * MICROS_PER_DAY)]
    if not len(ages):
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty(0, dtype=np.bool_)
    drawn = rng.choice(ages, len(ended.lead))
    moment = np.where(ended.won, ended.closed, ended.born + drawn)
    open_then = np.where(ended.won, age >= 2 * DAYS * MICROS_PER_DAY, moment + MINUTE < ended.closed)
    order = np.flatnonzero(open_then)
    order = order[np.argsort(ended.lead[order], kind="stable")]
    return ended.lead[order], moment[order], ended.won[order]


def _shown(log: EventLog, playbook: Playbook, lead: Ints, moment: Ints, before: int) -> Iterator[Coded]:
    """Each kind of event as a column: whether the lead had shown it at the moment."""
    rows, kinds = lead_of(log.offsets), dict(acts(log, playbook))
    order = np.argsort(log.kind, kind="stable")
    cuts = np.searchsorted(log.kind[order], np.arange(len(log.kinds) + 1))
    for code, kind in kinds.items():
        mine = order[cuts[code] : cuts[code + 1]]
        first = first_of(log, rows[mine], log.known[mine])[lead]
        shown = (first < np.minimum(moment, before)) & (first != NEVER)
        if LEAST <= shown.sum() <= len(shown) - LEAST:
            yield Coded(kind, shown.astype(np.int32), ("shown",), number=False)
