"""Sources and money: what each source costs and brings, what the open leads are expected to bring, what touched sales.

Leads count in the month in which their journey began, with whatever became of them since; costs in the month of their
days. So the leads of the newest months have not had their time yet, and the sums over months are those of the sources.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.costs import Cost
from data.events import isoformat
from data.identity import fold
from data.log import NEVER, NO_VALUE, EventLog, Ints
from data.money_report import Amounts, Counts, Expected, MoneyReport, Month, Source
from data.stays import Bools
from monitoring.journey_groups import OTHERS, month_name, months, sources
from monitoring.money_costs import begun, spent
from monitoring.money_model import by_model
from monitoring.money_sales import People, people
from monitoring.money_stock import Stock, stock
from monitoring.money_touches import by_rule, channels, touches
from training.bundle import Bundle
from veraison.playbook import Playbook

SHOWN = 20
"""So many sources are told apart, and all that cost something; the others are taken together."""


def money(
    log: EventLog, book: Playbook, costs: Iterable[Cost], bundle: Bundle | None, at: int, *, threads: int = 1,
    step: Callable[[float], None] = lambda _: None,
) -> MoneyReport:  # fmt: skip
    """The report of a log as known at a moment, microseconds UTC.

    costs  : all that are stored; of their days those before the moment count
    bundle : the champion; without one nothing is said of open leads, and of touches only what rules say
    step   : is told the share of the work that is done
    """
    costs = begun(costs, at)
    everyone = people(log, book, at)
    sold = everyone.sold
    past = sold.revenue[sold.amount != NO_VALUE]
    known = channels(log, book, sold, at)
    found = touches(log, known.of, sold, book.money.window_days, at)
    open_leads = None if bundle is None else stock(log, book, bundle, past, at, threads)
    where = _origins(log, book, costs, everyone, at)
    table = _Table(everyone, where, spent(costs, at), bool(book.journey.ready), bool(len(past)))
    names = [*where.names, *((None,) if where.unknown else ())]
    return MoneyReport(
        as_of=isoformat(at),
        currency=book.routing.currency,
        days=max((bundle.playbook if bundle else book).horizons.days),
        primary=(bundle.playbook if bundle else book).horizons.primary,
        since=month_name(table.months[0]) if table.months else None,
        sources=tuple(
            Source(name=name, amounts=table.of(place), expected=_expected(open_leads, where, place))
            for place, name in _places(names)
        ),
        whole=table.of(None),
        months=tuple(
            Month(
                name=month_name(month),
                amounts=table.of(None, month),
                sources=tuple(table.of(place, month) for place, _ in _places(names)),
            )
            for month in table.months
        ),
        expected=_expected(open_leads, where, None),
        version=None if bundle is None else bundle.version,
        amounts_of=_amounts_of(open_leads),
        window_days=book.money.window_days,
        grouped=bool(book.money.touches),
        channels=known.names,
        by_rule=by_rule(found, known.names, sold),
        by_model=None
        if bundle is None
        else by_model(log, bundle, known, sold, book.money.window_days, at, threads=threads, step=step),
        notes=tuple(_absent(log, book, where, at)),
    )


def _places(names: list[str | None]) -> list[tuple[int, str | None]]:
    return [(-1 if name is None else place, name) for place, name in enumerate(names)]


@dataclass(frozen=True)
class _Origins:
    """Where everybody comes from.

    code    : (leads of the log,) place in `names`, -1 where that is not known
    names   : the largest source first, sources that only cost something after them, "…" last
    place   : folded name -> place in `names`
    unknown : whether there is anybody of whom none is known
    unseen  : sources that cost something and brought nobody
    """

    code: Ints
    names: tuple[str, ...]
    place: dict[str, int]
    unknown: bool
    unseen: tuple[str, ...]


def _origins(log: EventLog, book: Playbook, costs: list[Cost], everyone: People, at: int) -> _Origins:
    """The first source of each lead that is known, names that differ in case alone taken as one."""
    found = sources(log, book.monitoring.source, at, everyone.lead, most=len(log.trait_texts))
    name_of: dict[str, str] = {}
    for name in found.names:  # the most frequent spelling comes first
        name_of.setdefault(fold(name), name)
    every = list(name_of)
    folded = np.array([every.index(fold(name)) for name in found.names] or [-1], dtype=np.int64)
    mine: Ints = np.where(found.code < 0, -1, folded[found.code])
    leads = np.bincount(mine[everyone.lead][mine[everyone.lead] >= 0], minlength=len(every))
    paid = {one.key[0]: one.source for one in costs}
    ranked = sorted((key for n, key in enumerate(every) if leads[n]), key=lambda key: (-leads[every.index(key)], key))
    shown = [key for n, key in enumerate(ranked) if n < SHOWN or key in paid]
    unseen = sorted(set(paid) - set(ranked))
    rest = [key for key in every if key not in shown and key not in unseen]
    place = {key: n for n, key in enumerate([*shown, *unseen])}
    names = [*(name_of[key] for key in shown), *(paid[key] for key in unseen)]
    if rest:
        place |= dict.fromkeys(rest, len(names))
        names.append(OTHERS)
    table = np.array([*(place[key] for key in every), -1], dtype=np.int64)
    code = table[mine]
    alone = bool((code[everyone.lead] < 0).any())
    return _Origins(code, tuple(names), place, alone, tuple(paid[key] for key in unseen))


class _Table:
    """Amounts of any source in any month; over all sources and months they add up."""

    def __init__(
        self, everyone: People, where: _Origins, paid: dict[tuple[str, int], float], ready: bool,
        priced: bool,
    ) -> None:  # fmt: skip
        self._everyone, self._ready, self._priced = everyone, ready, priced
        self._source, self._month = where.code[everyone.lead], months(everyone.began)
        self._paid = {(where.place[source], month): 0.0 for source, month in paid}
        for (source, month), cost in paid.items():
            self._paid[where.place[source], month] += cost
        pairs = zip(self._source.tolist(), self._month.tolist(), strict=True)
        self._costed = np.array([pair in self._paid for pair in pairs], dtype=np.bool_)
        there = {*self._month.tolist(), *(month for _, month in paid)}
        self.months = list(range(min(there), max(there) + 1)) if there else []

    def of(self, source: int | None, month: int | None = None) -> Amounts:
        """Of one source (-1: unknown) or all, in one month or all."""
        rows: Bools = np.ones(len(self._everyone), dtype=np.bool_)
        if source is not None:
            rows &= self._source == source
        if month is not None:
            rows &= self._month == month
        costs = [
            cost
            for (one, when), cost in self._paid.items()
            if source in (None, one) and month in (None, when)
        ]  # fmt: skip
        return Amounts(
            **self._counts(rows),
            cost=round(sum(costs), 6) if costs else None,
            against=Counts(**self._counts(rows & self._costed)) if costs else None,
        )

    def _counts(self, rows: Bools) -> dict[str, Any]:
        mine = self._everyone[rows]
        return {
            "leads": len(mine),
            "ready": int(mine.ready.sum()) if self._ready else None,
            "won": int((mine.won != NEVER).sum()),
            "revenue": float(mine.amount[mine.amount != NO_VALUE].sum()) / 1e6 if self._priced else None,
            "priced": int((mine.amount != NO_VALUE).sum()),
        }


def _expected(found: Stock | None, where: _Origins, source: int | None) -> Expected | None:
    if found is None:
        return None
    mine = np.ones(len(found.lead), dtype=np.bool_) if source is None else where.code[found.lead] == source
    return found.expected(mine) if mine.any() else None


def _amounts_of(found: Stock | None) -> Literal["own", "mean"] | None:
    if found is None or not len(found.lead):
        return None
    if not np.isnan(found.amount).all():
        return "own"
    return "mean" if len(found.past) else None


def _absent(log: EventLog, book: Playbook, where: _Origins, at: int) -> Iterable[str]:
    """What the playbook or the costs name and nobody sent."""
    seen = {log.kinds[kind] for kind in np.unique(log.kind[log.known < at]).tolist()}
    for channel, kinds in book.money.touches.items():
        for kind in kinds:
            if kind not in seen:
                yield f"money.touches.{channel}: no event {kind!r} has occurred so far"
    for source in where.unseen:
        yield f"costs: no lead has the {book.monitoring.source} {source!r} so far"
