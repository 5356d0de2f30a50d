"""The families of all open leads: how many there are in each, how many of them are forgotten, what is to be won there.

Counted is what data.families says of a moment, a person once. Expected wins are the sum of the chances that the model
gives within the primary horizon.
"""

from collections import Counter

import numpy as np

from data.consent import may_contact
from data.events import MICROS_PER_DAY, isoformat
from data.families import NOWHERE, Families
from data.families_report import Closed, FamiliesReport, Family
from data.journey import Status, standing
from data.log import EventLog, Floats
from veraison.playbook import Playbook
from veraison.playbook_families import PLACES


def families(log: EventLog, book: Playbook, found: Families, probability: Floats | None) -> FamiliesReport:
    """The report of a log.

    found       : where each of its leads is
    probability : (leads,) what the scorer says, NaN where it says nothing; None without a model
    """
    as_of, every = found.as_of, np.arange(len(log.leads))
    status = standing(log, book.journey, every, np.full(len(every), as_of)).status
    there = Counter(Status(code).name for code in status[found.place == NOWHERE].tolist())
    is_open = found.place != NOWHERE
    allowed = [*(book.families.idle_of(name) for name in PLACES)]
    allowed += [one.idle_days or 0 for one in book.families.in_order.values()]
    return FamiliesReport(
        as_of=isoformat(as_of),
        days=book.horizons.primary,
        take_back_days=book.families.take_back_days,
        families=tuple(
            _family(found, place, book.families.next_of(name), allowed[place], probability)
            for place, name in enumerate(found.names)
        ),
        closed=tuple(
            Closed(status=name, leads=there[name]) for name in sorted(there) if name not in ("merged", "unknown")
        ),
        no_consent=int((is_open & ~may_contact(log, book.consent, as_of)).sum()),
        scored=probability is not None,
    )


def _family(found: Families, place: int, step: str, allowed: int, probability: Floats | None) -> Family:
    mine = np.flatnonzero(found.place == place)
    idle = (found.as_of - found.since[mine]) / MICROS_PER_DAY
    return Family(
        name=found.names[place],
        next=step,
        leads=len(mine),
        untouched=int(found.untouched[mine].sum()),
        idle_days=allowed,
        half_idle=float(np.median(idle)) if len(mine) else None,
        expected=None if probability is None else float(np.nansum(probability[mine])),
    )
