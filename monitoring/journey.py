"""The journey of all leads: how many come and go on, where the funnel leaks, how long a stage takes.

Everything is made of stays (data.stays), those of visible events only, so the report of a moment reads
the same a year after. Stays that have not ended are counted for as long as they were seen, never left out and never
taken as lost (monitoring.journey_survival).
"""

import numpy as np

from data.events import MICROS_PER_DAY, isoformat
from data.journey_report import Cohort, Flow, JourneyReport, Missing, Reached, Stage, Volume, Way
from data.log import NEVER, EventLog, Ints
from data.stays import Bools, Exit, Stays, absent, stays
from monitoring.journey_figures import NEWEST, Watched, passage, time, velocity, watched
from monitoring.journey_groups import Sources, created, mean_amount, month_end, month_name, months, sources
from monitoring.journey_leak import leaks
from veraison.playbook import Playbook
from veraison.playbook_stages import Zone

_WAYS: dict[Exit, Way] = {
    Exit.still: "still", Exit.next: "next", Exit.back: "back", Exit.lost: "lost", Exit.opted_out: "opted_out",
}  # fmt: skip


def journey(log: EventLog, book: Playbook, as_of: int) -> JourneyReport:
    """The report of a log as known at a moment, microseconds UTC.

    Whether a lead goes on is told within the longest horizon of the playbook, and cohorts at each of them.
    """
    zones, days = book.zones, max(book.horizons.days)
    found = stays(log, book, as_of)
    born = created(log, book.journey, as_of)
    seen = watched(found, book.journey, born)
    leads, first = np.unique(found.lead, return_index=True)
    where = sources(log, book.monitoring.source, as_of, leads)
    names = [one.name for one in zones]
    month = months(found.entered)
    newest = list(range(int(month.min()), int(month.max()) + 1))[-NEWEST:] if len(month) else []
    return JourneyReport(
        as_of=isoformat(as_of),
        days=days,
        since=isoformat(int(found.entered.min())) if len(found) else None,
        leads=len(leads),
        stages=tuple(_stage(place, log, zones, found, seen, days) for place in range(len(zones))),
        flows=_flows(found, names),
        months=tuple(map(month_name, newest)),
        arrivals=_arrivals(where, leads, month[first], newest),
        entries=tuple(
            Volume(name=name, leads=_counted(month[found.stage == place], newest)) for place, name in enumerate(names)
        ),
        cohorts=_cohorts(found, born, leads, names, book.horizons.days),
        leaks=leaks(seen, names, days, where, mean_amount(log, book.journey, as_of)),
        notes=tuple(absent(log, book, as_of)),
    )


def _stage(
    place: int, log: EventLog, zones: tuple[Zone, ...], found: Stays, seen: Watched, days: int
) -> Stage:  # fmt: skip
    """One stage of the report."""
    mine = found[found.stage == place]
    here = seen[seen.stays.stage == place]
    last = place == len(zones) - 1
    there = mine.lead[mine.exit == Exit.still]
    ways = np.bincount(mine.exit, minlength=len(Exit))
    lacks = {trait: ~_knows(log, trait, there, found.at) for trait in zones[place].requires}
    return Stage(
        name=zones[place].name,
        now=len(there),
        stays=len(mine),
        next=int(ways[Exit.next]),
        back=int(ways[Exit.back]),
        lost=int(ways[Exit.lost]),
        opted_out=int(ways[Exit.opted_out]),
        passage=None if last else passage(here, days),
        time=time(here),
        velocity=velocity(here, max(1, len(zones) - 1)),
        missing=tuple(Missing(trait=trait, leads=int(one.sum())) for trait, one in lacks.items()),
        lacking=int(np.logical_or.reduce(list(lacks.values())).sum()) if lacks else 0,
    )


def _knows(log: EventLog, trait: str, leads: Ints, at: int) -> Bools:
    """(n,) whether a trait of each lead is known at a moment."""
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.trait_offsets))
    place = log.trait_names.index(trait) if trait in log.trait_names else -1
    return np.isin(leads, rows[(log.trait_name == place) & (log.trait_known < at)])


def _flows(found: Stays, names: list[str]) -> tuple[Flow, ...]:
    """What came into each stage from outside, and what went from each to where."""
    first = np.ones(len(found), dtype=np.bool_)
    first[1:] = found.lead[1:] != found.lead[:-1]
    told = [
        Flow(origin=None, target=names[stage], way="next", stays=int(count))
        for stage, count in zip(*np.unique(found.stage[first], return_counts=True), strict=True)
    ]
    kinds, counts = np.unique(
        np.stack([found.stage, found.to, found.exit], axis=1), axis=0, return_counts=True
    )  # fmt: skip
    for (stage, to, way), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        target = names[to] if to >= 0 else None
        told.append(Flow(origin=names[stage], target=target, way=_WAYS[Exit(way)], stays=count))
    return tuple(told)


def _arrivals(where: Sources, leads: Ints, month: Ints, newest: list[int]) -> tuple[Volume, ...]:
    """Leads by source and the month of their first stay, the largest source first, those without one last."""
    source = where.code[leads]
    told: list[tuple[str | None, int]] = [(name, code) for code, name in enumerate(where.names)]
    if (source < 0).any():
        told.append((None, -1))
    return tuple(Volume(name=name, leads=_counted(month[source == code], newest)) for name, code in told)


def _counted(month: Ints, newest: list[int]) -> tuple[int, ...]:
    if not newest:
        return ()
    inside = month[month >= newest[0]] - newest[0]
    return tuple(np.bincount(inside, minlength=len(newest)).tolist())


def _cohorts(
    found: Stays, born: Ints, leads: Ints, names: list[str], horizons: tuple[int, ...]
) -> tuple[Cohort, ...]:  # fmt: skip
    """Of the leads created in each month, the share that came to each stage but the first, or to a later one."""
    leads = leads[born[leads] != NEVER]
    if not len(leads):
        return ()
    month = months(born[leads])
    after = {}
    for stage in range(1, len(names)):
        reached = np.full(len(born), NEVER, dtype=np.int64)
        there = found.stage >= stage
        np.minimum.at(reached, found.lead[there], found.entered[there])
        came = reached[leads]
        after[stage] = np.where(came == NEVER, np.inf, (came - born[leads]) / MICROS_PER_DAY)
    told = []
    for one in sorted(set(month.tolist()))[-NEWEST:]:
        rows = month == one
        told.append(
            Cohort(
                month=month_name(one),
                leads=int(rows.sum()),
                reached=tuple(
                    Reached(
                        stage=names[stage],
                        days=days,
                        share=float((after[stage][rows] <= days).mean())
                        if month_end(one) + days * MICROS_PER_DAY <= found.at
                        else None,
                    )
                    for stage in after
                    for days in horizons
                ),
            )
        )
    return tuple(told)
