"""The journey after the sale: a customer is a lead again, seen through another view of the same log.

The view is an ordinary log with an ordinary playbook, so all that learns, scores, explains and measures works on it as
it is. Events keep their place and their moments; only their names say what they mean for the new journey. L1 is won on
1 March, orders again on 10 May, and is lost on 1 August; the playbook says ``converted = ["Repeat Order"]``, ``lost =
["Deal Lost"]``:

================  ==============================  ===========================
first journey     in the view                     means there
================  ==============================  ===========================
Deal Lost, 2025   Deal Lost (before)              history
Deal Won, March   Deal Won (first)                the journey begins
Repeat Order      Repeat Order                    it converts
Deal Lost, August  Deal Lost                      nothing any more: it is over
================  ==============================  ===========================

- The first sale is the one that was *known* first, in the order of a history. It begins the journey and is no outcome.
- Outcomes of the new journey that were known before it, or happened before it and were heard of later, are history.
- A name depends on nothing that was known later than its event, so what is known later changes nothing before.
- Who was never won has no journey here (``not_started``); who has opted out is not scored here either.
"""

from dataclasses import replace

import numpy as np

from data.log import NEVER, EventLog, Ints
from veraison.errors import PlaybookError
from veraison.playbook import Exploration, Horizons, Journey, Playbook
from veraison.playbook_after_sale import AfterSale
from veraison.playbook_money import Money
from veraison.playbook_routes import Routing

FIRST, BEFORE = " (first)", " (before)"
NO_JOURNEY = (
    "after_sale.converted: the playbook names no event by which customers buy again; write "
    '[after_sale] converted = ["Repeat Order"]'
)


def customers(log: EventLog, playbook: Playbook) -> tuple[EventLog, Playbook]:
    """The log and the playbook of the journey after the sale; PlaybookError where the playbook names none."""
    return view(log, playbook), rules(playbook)


def rules(playbook: Playbook) -> Playbook:
    """The playbook of the journey after the sale.

    >>> first = {"journey": {"converted": ["Deal Won"], "ready": ["Accepted"]}, "after_sale": {"converted": ["Order"]}}
    >>> found = rules(Playbook.model_validate(first)).journey
    >>> found.created, found.converted, found.ready
    (('Deal Won (first)',), ('Order',), ())
    """
    after, first = playbook.after_sale, playbook.journey
    if not after.converted:
        raise PlaybookError(NO_JOURNEY)
    meant = {*after.converted, *after.ready, *after.lost}
    journey = Journey(
        created=tuple(name + FIRST for name in first.converted),
        ready=after.ready,
        converted=after.converted,
        lost=after.lost,
        opted_out=first.opted_out,
        worked=tuple(name for name in first.worked if name not in meant),
        worked_days=first.worked_days,
        observed_from=first.observed_from,
    )
    horizons = Horizons(
        days=after.days or playbook.horizons.days, primary=after.primary or playbook.horizons.primary
    )  # fmt: skip
    training = playbook.training.model_copy(
        update={
            "weight_by": "none",  # hand-overs were logged for the first journey
            "min_conversions": after.min_conversions or playbook.training.min_conversions,
        }
    )
    return playbook.model_copy(
        update={
            "journey": journey,
            "horizons": horizons,
            "training": training,
            "exploration": Exploration(),
            "routes": (),
            "routing": Routing(),
            "stages": {},
            "money": Money(),
            "after_sale": AfterSale(),
        }
    )


def view(log: EventLog, playbook: Playbook) -> EventLog:
    """The log with the names that events have for the journey after the sale."""
    sales = [one for one, name in enumerate(log.kinds) if name in playbook.journey.converted]
    after = playbook.after_sale
    named = {*after.converted, *after.ready, *after.lost}
    meant = [one for one, name in enumerate(log.kinds) if name in named]
    made = {log.kinds[one] + end for one in (*sales, *meant) for end in (FIRST, BEFORE)}
    if clash := sorted(made & set(log.kinds)):
        raise PlaybookError(f"after_sale: an event is called {clash[0]!r} already; no event may end with that sign")
    kinds = list(log.kinds)
    firsts, earlier = (np.arange(len(log.kinds), dtype=np.int32) for _ in range(2))
    for table, those, end in ((firsts, sales, FIRST), (earlier, meant, BEFORE)):
        for one in those:
            table[one] = len(kinds)
            kinds.append(log.kinds[one] + end)
    kind = log.kind.copy()
    began = _began(log, sales)
    whose = np.repeat(np.arange(len(log.leads)), np.diff(log.offsets))
    start = np.where(began < 0, len(kind), began)[whose]
    when = np.where(began < 0, NEVER, log.occurred[np.maximum(began, 0)] if len(kind) else NEVER)[whose]
    rows = np.arange(len(kind))
    before = (rows < start) | (log.occurred < when)
    before[began[began >= 0]] = False
    kind[before] = earlier[kind[before]]
    kind[began[began >= 0]] = firsts[kind[began[began >= 0]]]
    return replace(log, kind=kind, kinds=kinds)


def _began(log: EventLog, sales: list[int]) -> Ints:
    """(leads,) the row of the first known sale of each lead, -1 where there is none."""
    found = np.full(len(log.leads), -1, dtype=np.int64)
    rows = np.flatnonzero(np.isin(log.kind, sales))
    whose = np.searchsorted(log.offsets, rows, side="right") - 1
    lead, first = np.unique(whose, return_index=True)
    found[lead] = rows[first]
    return found
