"""What touched a sale before it was made, and how first, last and linear counting share it out.

Three touches came before the sale of L1, for 900: a webinar, a white paper, the webinar again. First and last give all
of it to the webinar; linear gives a third to each touch, so 600 to the webinar and 300 to the white paper. All three
are rules that somebody chose, no measurement. A sale that nothing touched within the days before it stands in a line of
its own.
"""

from dataclasses import dataclass

import numpy as np

from data.events import MICROS_PER_DAY
from data.log import NO_VALUE, Codes, EventLog, Floats, Ints
from data.money_report import Contribution, Credit, Method
from features.learning import TEACHING
from monitoring.journey_groups import OTHERS
from monitoring.money_sales import People
from veraison.playbook import Playbook

CHANNELS = 7
"""So many kinds are channels of their own where the playbook names none, those that touched most sales; the others are
taken together."""


@dataclass(frozen=True)
class Channels:
    """Which events are touches. ``of``: (kinds,) place in `names` of each kind of the log, -1 for no touch."""

    names: tuple[str, ...]
    of: Codes


@dataclass(frozen=True)
class Touches:
    """(m,) touches of sales, by sale and then in the order in which they happened.

    sale    : place among the sales
    row     : of the event in the log
    channel : place among the channels
    """

    sale: Ints
    row: Ints
    channel: Ints


def channels(log: EventLog, book: Playbook, sold: People, at: int) -> Channels:
    """The channels of the playbook; where it names none, the lead's own acts by kind, most widespread first."""
    if book.money.touches:
        place = {kind: n for n, kinds in enumerate(book.money.touches.values()) for kind in kinds}
        of = np.array([place.get(kind, -1) for kind in log.kinds] or [-1], dtype=np.int32)
        return Channels(tuple(book.money.touches), of)
    journey = book.journey
    own = {*journey.created, *journey.ready, *journey.returned, *journey.converted, *journey.lost, *journey.opted_out}
    others = {*own, *journey.worked, *book.features.outbound, *TEACHING}
    act = np.array([-1 if kind in others else n for n, kind in enumerate(log.kinds)] or [-1], dtype=np.int32)
    found = touches(log, act, sold, book.money.window_days, at)
    pairs = np.unique(np.stack([found.sale, found.channel]), axis=1)
    spread = np.bincount(pairs[1], minlength=len(log.kinds))
    ranked = sorted(np.flatnonzero(spread).tolist(), key=lambda kind: (-spread[kind], log.kinds[kind]))
    names = [log.kinds[kind] for kind in ranked[:CHANNELS]]
    of = np.full(max(1, len(log.kinds)), -1, dtype=np.int32)
    of[ranked[:CHANNELS]] = np.arange(len(names))
    if rest := ranked[CHANNELS:]:
        of[rest] = len(names)
        names.append(OTHERS)
    return Channels(tuple(names), of)


def touches(
    log: EventLog, channel: Codes, sold: People, days: int, at: int, *, before_sale: bool = False
) -> Touches:  # fmt: skip
    """What touched each sale within some days before it, as known at a moment.

    channel     : (kinds,) of each kind, -1 for no touch
    before_sale : only what was known before the sale was made
    """
    sale, row = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for place, (lead, won) in enumerate(zip(sold.lead.tolist(), sold.won.tolist(), strict=True)):
        seen = log.visible(lead, min(at, won) if before_sale else at)
        when = log.occurred[seen]
        there = (channel[log.kind[seen]] >= 0) & (when < won) & (when >= won - days * MICROS_PER_DAY)
        mine = np.flatnonzero(there)
        mine = mine[np.argsort(when[mine], kind="stable")] + seen.start
        sale.append(np.full(len(mine), place, dtype=np.int64))
        row.append(mine)
    rows = np.concatenate(row)
    return Touches(np.concatenate(sale), rows, channel[log.kind[rows]].astype(np.int64))


def by_rule(found: Touches, names: tuple[str, ...], sold: People) -> Contribution | None:
    """First, last and linear; None where nothing was sold."""
    if not len(sold):
        return None
    count = np.bincount(found.sale, minlength=len(sold))
    first = np.r_[True, found.sale[1:] != found.sale[:-1]] if len(found.sale) else np.empty(0, dtype=np.bool_)
    last = np.r_[first[1:], True] if len(found.sale) else first
    weights = {"first": first.astype(float), "last": last.astype(float), "linear": 1 / count[found.sale]}
    methods = []
    for name, weight in weights.items():
        part = np.zeros((len(sold), len(names) + 1))
        np.add.at(part, (found.sale, found.channel), weight)
        part[count == 0, -1] = 1.0
        methods.append(Method(name=name, credits=credited(part, names, sold)))  # type: ignore[arg-type]  # its keys are
    return Contribution(sales=len(sold), priced=priced(sold), revenue=revenue(sold), methods=tuple(methods))


def priced(sold: People) -> int:
    """How many of the sales have an amount."""
    return int((sold.amount != NO_VALUE).sum())


def revenue(sold: People) -> float:
    """Their amounts together."""
    return round(float(sold.revenue.sum()), 6)


def credited(part: Floats, names: tuple[str, ...], sold: People) -> tuple[Credit, ...]:
    """The credit of each channel, and of none, last.

    part : (sales, channels + 1) shares of each sale, which add up to 1
    """
    sales, amounts = part.sum(axis=0), sold.revenue @ part
    return tuple(
        Credit(channel=name, sales=round(float(one), 9), revenue=round(float(worth), 6))
        for name, one, worth in zip((*names, None), sales, amounts, strict=True)
    )
