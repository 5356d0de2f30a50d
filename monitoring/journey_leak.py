"""Where the funnel leaks: the stage and the source that lose most of the leads that could have gone on.

Most leads leave any stage without going on, so the stage that loses most is mostly the one that most come to. What
*could* have gone on is told by the other sources: of 300 leads of a bought list 45 went on from mql within 90 days, of
the others' every second one. At their rate 150 would have: the leak is of 105 leads. Times the chance that who comes to
the next stage becomes a customer, and times what a customer is worth on average, it has a price.

Compared are stays that began so long ago that all of them could be seen for those days, of leads whose source was known
when they began; a stage and a source are a leak where so few would go on once in twenty looks at all of them together
by chance alone (Bonferroni). Where none is, the stage is told that most leads were lost or opted out in.
"""

from math import sqrt

import numpy as np

from data.events import MICROS_PER_DAY
from data.journey_report import ENOUGH, Leak
from data.log import NEVER, Ints
from data.stays import Exit, Stays
from monitoring.journey_figures import LEVEL, Watched, ripe
from monitoring.journey_groups import Sources
from monitoring.journey_survival import incidence, two_sided

SHOWN = 5
"""So many leaks are told at most."""


def leaks(seen: Watched, names: list[str], days: int, where: Sources, amount: float | None) -> tuple[Leak, ...]:
    """The leaks, the one of most leads first; empty where there are too few leads to tell.

    names  : of the stages
    where  : each lead comes from
    amount : what a customer is worth on average, None where that is not known
    """
    cells = _cells(seen, len(names), days, where)
    least = LEVEL / max(1, len(cells))
    found = []
    for stage, source, stays, passed, others, n in cells:
        pooled = (passed + others * n) / (stays + n)
        error = sqrt(max(pooled * (1 - pooled) * (1 / stays + 1 / n), 1e-300))
        if others > passed / stays and two_sided((others - passed / stays) / error) / 2 < least:
            found.append((others * stays - passed, stage, source, stays, passed, others))
    told = []
    for lost, stage, source, stays, passed, others in sorted(found, reverse=True)[:SHOWN]:
        chance = _customers(seen.stays, stage + 1, len(names))
        customers = None if chance is None else lost * chance
        told.append(
            Leak(
                kind="source",
                stage=names[stage],
                target=names[stage + 1],
                source=where.names[source],
                stays=stays,
                passed=passed,
                others=others,
                leads=round(lost, 1),
                customers=None if customers is None else round(customers, 1),
                value=None if customers is None or amount is None else round(customers * amount, 2),
            )
        )
    return tuple(told) or _plain(seen, names, days, where)


def _cells(seen: Watched, stages: int, days: int, where: Sources) -> list[tuple[int, int, int, int, float, int]]:
    """(stage, source, stays, passed, share of the others that passed, their stays), where there are enough of both."""
    mature, passed = ripe(seen, days)
    mature &= where.known(seen.stays)
    source = where.code[seen.stays.lead]
    found = []
    for stage in range(stages - 1):
        here = mature & (seen.stays.stage == stage)
        stays = np.bincount(source[here], minlength=len(where.names))
        on = np.bincount(source[here & passed], minlength=len(where.names))
        for one in range(len(where.names)):
            n = int(stays.sum() - stays[one])
            if min(stays[one], n) >= ENOUGH:
                found.append((stage, one, int(stays[one]), int(on[one]), float((on.sum() - on[one]) / n), n))
    return found


def _customers(found: Stays, stage: int, stages: int) -> float | None:
    """The chance that a lead which comes to a stage becomes a customer; None where too few came to tell."""
    if stage == stages - 1:
        return 1.0
    there = found[found.stage >= stage]
    lead, first = np.unique(there.lead, return_index=True)
    if len(lead) < ENOUGH:
        return None
    won = np.full(len(lead), NEVER, dtype=np.int64)
    sold = found.stage == stages - 1
    place = np.searchsorted(lead, found.lead[sold])
    won[place] = found.entered[sold]
    gone: Ints = np.full(len(lead), NEVER, dtype=np.int64)
    over = np.isin(found.exit, [Exit.lost, Exit.opted_out]) & np.isin(found.lead, lead)
    np.minimum.at(gone, np.searchsorted(lead, found.lead[over]), found.left[over])
    ended = np.minimum(np.minimum(won, gone), found.at)
    days = (ended - there.entered[first]) / MICROS_PER_DAY
    how = np.where(won == ended, 1, np.where(gone == ended, 2, 0))
    within = float(np.sort(days)[-min(ENOUGH, len(days))])  # so long were enough of them looked at
    told = incidence(days, how, 1, within)
    return None if told is None else told.share


def _plain(seen: Watched, names: list[str], days: int, where: Sources) -> tuple[Leak, ...]:
    """The stage in which most leads were lost or opted out, and the source of most of these."""
    found = seen.stays
    gone = np.isin(found.exit, [Exit.lost, Exit.opted_out])
    lost = np.bincount(found.stage[gone], minlength=len(names))
    stage = int(np.argmax(lost[:-1]))
    mature, passed = ripe(seen, days)
    here = found.stage == stage
    counted = here & (mature | gone)
    if lost[stage] == 0 or counted.sum() < ENOUGH:
        return ()
    source = where.code[found.lead[here & gone]]
    counts = np.bincount(source[source >= 0], minlength=1)
    return (
        Leak(
            kind="stage",
            stage=names[stage],
            target=names[stage + 1],
            source=where.names[int(np.argmax(counts))] if counts.sum() else None,
            stays=int(counted.sum()),
            passed=int((counted & passed).sum()),
            others=None,
            leads=float(lost[stage]),
        ),
    )
