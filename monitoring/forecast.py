"""Sales, and leads that become ready, in each week to come: from the curves of leads of today and of those to come.

The first week to come is the one that runs: a forecast is made of what was known when it began, on Monday in UTC, so
that it can be held against the past week by week. How good it is, is told by the same forecasts at past moments
(monitoring.forecast_backtest).
"""

import numpy as np

from data.events import isoformat
from data.forecast_report import Bounds, ForecastReport, Outlook, Portion, WeekAhead, WeekPast
from data.log import EventLog, Floats, Ints
from monitoring.forecast_backtest import Say, Tried, backtest, begins, tried, twin, widened
from monitoring.forecast_counts import EVENTS, Counts, People, people
from monitoring.forecast_groups import Groups, grouped, texts_of, told_apart
from monitoring.forecast_means import RECENT, fading
from monitoring.forecast_roll import Forecast
from monitoring.forecast_spread import bounds
from monitoring.forecast_steps import Weeks
from monitoring.weeks import WEEK
from training.bundle import Bundle
from training.fit import fit, training_set
from veraison.playbook import Playbook

SHOWN = 26
"""So many past weeks are told, at most."""


def forecast(
    log: EventLog, champion: Bundle, playbook: Playbook, *, as_of: int, ahead: int = 8, threads: int = 2,
    say: Say = lambda _: None,
) -> ForecastReport:  # fmt: skip
    """What is to be expected of the week that runs at a moment and of those after it, with a backtest.

    champion : where it learned from what was known later only, one of then is trained in its place
    ahead    : weeks, in [1; 26]
    Raises   : VeraisonError where fewer than four whole weeks are known
    """
    begins(log, as_of)  # says what is missing before anything is trained
    if champion.known_until > as_of:
        say(f"training a model on what was known before {isoformat(as_of)}: the champion knows what came later")
        data = training_set(log, playbook, before=as_of)
        champion = fit(data, playbook, before=as_of, threads=threads, interval=False)
    say("summing the curves of all open leads, week by week")
    now = tried(log, champion, playbook, until=as_of, ahead=ahead, threads=threads)
    looked_back = twin(log, champion, playbook, now, threads=threads, say=say)
    now = widened(now, looked_back)
    everybody = people(log, playbook, now.weeks.origin)
    events = EVENTS[: 2 if playbook.has_readiness else 1]
    steps, origin = now.weeks.steps, len(now.weeks.starts) - 1
    recent = fading(origin - np.arange(origin), RECENT)
    came = np.bincount(steps.week[steps.newcomer], minlength=origin)[:origin]
    return ForecastReport(
        as_of=isoformat(as_of),
        origin=isoformat(now.weeks.origin),
        ahead=ahead,
        open=int((~steps.newcomer & (steps.week == origin)).sum()),
        newcomers=round(float(recent @ came / recent.sum()), 2),
        version=champion.version,
        source=playbook.monitoring.source,
        seller=playbook.pages.seller,
        outlooks=tuple(
            _outlook(place, log, champion, playbook, now, everybody, as_of).model_copy(
                update={"backtest": backtest(place, log, playbook, looked_back)}
            )
            for place in range(len(events))
        ),
    )


def _outlook(
    event: int, log: EventLog, champion: Bundle, playbook: Playbook, now: Tried, everybody: People, as_of: int
) -> Outlook:  # fmt: skip
    weeks, origin = now.weeks, len(now.weeks.starts) - 1
    made = now.made[event][origin]
    known: Counts = now.known[origin]
    by = [
        (trait, text, texts_of(log, champion, trait, everybody.who, weeks.origin))
        for trait, text in (
            (playbook.monitoring.source, weeks.steps.source),
            (playbook.pages.seller, weeks.steps.seller),
        )
    ]
    sources, sellers = (
        _portions(grouped(event, weeks, text, made, everybody, of_person), log.trait_texts, made.whole)
        for _, text, of_person in by
    )
    return Outlook(
        event=EVENTS[event],
        past=tuple(
            WeekPast(week=day(int(weeks.starts[week])), count=int(known.total[event, week]))
            for week in range(max(origin - SHOWN, 0), origin)
        ),
        so_far=_so_far(event, log, playbook, weeks, as_of),
        weeks=_weeks(weeks, made),
        total=bounded(float(made.means.total.sum()), made.whole),
        sources=sources,
        sellers=sellers,
        season=bool((made.season != 1.0).any()),
    )


def day(moment: int) -> str:
    """A day as reports write it."""
    return isoformat(moment)[:10]


def bounded(mean: float, spread: float) -> Bounds:
    """A mean with its interval."""
    low, high = bounds(mean, spread)
    return Bounds(mean=round(mean, 3), low=low, high=high)


def _weeks(weeks: Weeks, made: Forecast) -> tuple[WeekAhead, ...]:
    means = made.means
    return tuple(
        WeekAhead(
            week=day(weeks.origin + h * WEEK),
            count=bounded(float(means.total[h]), float(made.spreads[h])),
            stock=round(float(means.stock[h]), 3),
            arrivals=round(float(means.arrivals[h]), 3),
            unforeseen=round(float(means.unforeseen[h]), 3),
        )
        for h in range(weeks.ahead)
    )


def _so_far(event: int, log: EventLog, playbook: Playbook, weeks: Weeks, as_of: int) -> int:
    """How many there were in the week that runs, as known now."""
    when = people(log, playbook, as_of).when[event]
    return int(((when >= weeks.origin) & (when < min(as_of, weeks.origin + WEEK))).sum())


def _portions(found: Groups, names: list[str], spread: float) -> tuple[Portion, ...]:
    """The largest first, then all others, then those of nobody; none where nobody is told apart."""
    if not len(found.texts):
        return ()

    def portion(rows: Ints | list[int], name: str | None, *, others: bool = False) -> Portion:
        def part(values: Floats) -> float:
            return float(values[rows].sum())

        return Portion(
            name=name,
            others=others,
            count=bounded(part(found.total), spread),
            stock=round(part(found.stock), 3),
            arrivals=round(part(found.arrivals), 3),
            unforeseen=round(part(found.unforeseen), 3),
        )

    first, rest = told_apart(found.total[:-1])
    told = [portion([one], names[found.texts[one]]) for one in first.tolist()]
    if len(rest):
        told.append(portion(rest, None, others=True))
    if found.total[-1] > 0:
        told.append(portion([len(found.texts)], None))
    return tuple(told)
