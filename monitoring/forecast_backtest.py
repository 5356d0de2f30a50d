"""The same forecasts at moments of the past, each with what was known then, held against what came.

Only moments after the training of the model count. Where the champion learned too lately for that, a twin is trained
for it at an earlier moment with the same playbook (docs/decisions/0003): its figures are those of the method.

Beside it stand the rules that need no model: the last week again, the mean of the last 4 and of the last 12 weeks, and
the same week a year ago.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data.events import isoformat
from data.forecast_report import Ahead, Backtest, Error, Model, Rule
from data.log import EventLog, Floats
from monitoring.forecast_counts import Counts, counts, people
from monitoring.forecast_groups import grouped, texts_of
from monitoring.forecast_means import Sums, sums
from monitoring.forecast_roll import FIRST, YEAR, Forecast, roll
from monitoring.forecast_spread import bounds
from monitoring.forecast_steps import Weeks, weekly_steps
from monitoring.weeks import WEEK, mondays
from training.bundle import Bundle
from training.fit import fit, training_set
from veraison.errors import TrainingError, VeraisonError
from veraison.playbook import Playbook

Say = Callable[[str], None]
ORIGINS = 26
"""So many moments are looked back to, at most."""
LOOK_BACK = 2 * YEAR + ORIGINS
"""Weeks whose curves are summed, at most: a year of forecasts for the season, and what those learn from."""
OWN = 13
"""Where the champion has been served for so many weeks, the backtest is its own."""
RULES: tuple[tuple[Rule, int], ...] = (("last", 1), ("mean4", 4), ("mean12", 12))


@dataclass(frozen=True)
class Tried:
    """The forecasts of one model from week to week.

    known : by place of a week, what was known when it began
    made  : (2,) of each event, by first week
    """

    model: Model
    bundle: Bundle
    weeks: Weeks
    said: Sums
    known: dict[int, Counts]
    made: tuple[dict[int, Forecast], dict[int, Forecast]]


def tried(
    log: EventLog, bundle: Bundle, playbook: Playbook, *, until: int, ahead: int, threads: int = 2,
    model: Model = "champion",
) -> Tried:  # fmt: skip
    """Forecast at the start of every week until a moment; VeraisonError where too few are over."""
    since = begins(log, until)
    weeks = weekly_steps(log, bundle, playbook, since=since, until=until, ahead=ahead, threads=threads)
    known = {place: counts(log, playbook, weeks, int(weeks.starts[place])) for place in range(FIRST, len(weeks.starts))}
    said = sums(weeks)
    trained = int(np.searchsorted(weeks.starts, bundle.known_until))
    made = roll(0, said, known, trained=trained), roll(1, said, known, trained=trained)
    return Tried(model, bundle, weeks, said, known, made)


def begins(log: EventLog, until: int) -> int:
    """From when on weeks are summed that end by a moment, microseconds UTC; VeraisonError where too few are over."""
    known = log.known[log.known < until]
    since = max(int(known.min(initial=until)) - WEEK, until - (LOOK_BACK + 1) * WEEK)
    if len(mondays(since, until + WEEK)) <= FIRST:
        raise VeraisonError(
            f"too little is known before {isoformat(until)} to forecast: {FIRST} whole weeks are needed; "
            "ingest more history, or wait"
        )
    return since


def twin(
    log: EventLog, champion: Bundle, playbook: Playbook, now: Tried, *, threads: int = 2, say: Say = lambda _: None
) -> Tried | None:
    """The forecasts that can be judged: the champion's own, or those of one trained early enough; None without any."""
    starts = now.weeks.starts
    if int((starts[:-1] >= champion.known_until).sum()) >= OWN:
        return now
    over = len(starts) - 1
    before = int(starts[over - min(ORIGINS + now.weeks.ahead, over // 2)])
    say(f"training a twin on what was known before {isoformat(before)}, to look back with")
    try:
        data = training_set(log, playbook, before=before)
        found = fit(data, playbook, before=before, threads=threads, interval=False)
    except TrainingError:
        return None
    say("summing its curves, week by week")
    return tried(log, found, playbook, until=now.weeks.origin, ahead=now.weeks.ahead, threads=threads, model="twin")


def widened(now: Tried, judged: Tried | None) -> Tried:
    """The same forecasts, with ranges as wide as those that can be judged were wrong.

    A champion that learned lately has hardly any of its own: those of the twin after its training stand for them.
    """
    if judged is None or judged is now:
        return now
    place = {start: one for one, start in enumerate(now.weeks.starts.tolist())}
    theirs, since = judged.weeks.starts.tolist(), judged.bundle.known_until
    trained = int(np.searchsorted(now.weeks.starts, now.bundle.known_until))

    def again(event: int) -> dict[int, Forecast]:
        others = {
            place[theirs[one]]: made
            for one, made in judged.made[event].items()
            if theirs[one] >= since and theirs[one] in place
        }
        return roll(event, now.said, now.known, trained=trained, others=others)

    return replace(now, made=(again(0), again(1)))


@dataclass(frozen=True)
class _Judged:
    """(m,) forecasts of single weeks.

    ahead : places among the weeks ahead, from 0
    """

    ahead: Floats
    mean: Floats
    held: Floats
    came: Floats
    rules: dict[Rule, Floats]


def backtest(
    event: int, log: EventLog, playbook: Playbook, found: Tried | None, *, most: int = ORIGINS
) -> Backtest | None:
    """Hold the newest `most` forecasts against what came, as known when the last was made; None where none can be."""
    if found is None:
        return None
    weeks = found.weeks
    over = len(weeks.starts) - 1
    total = found.known[over].total[event]
    first = int(np.searchsorted(weeks.starts, found.bundle.known_until))
    origins = [one for one in found.made[event] if max(first, over - most - weeks.ahead) <= one < over]
    if not origins:
        return None
    judged = _judged(found, event, origins, over)
    each = [judged.ahead == h for h in range(weeks.ahead)]
    rows = [_ahead(None, judged, np.ones(len(judged.mean), dtype=np.bool_))]
    rows += [_ahead(h + 1, judged, mine) for h, mine in enumerate(each) if mine.any()]
    whole = [one for one in origins if one + weeks.ahead <= over]
    return Backtest(
        model=found.model,
        trained=isoformat(found.bundle.known_until),
        origins=len(origins),
        first=isoformat(int(weeks.starts[origins[0]]))[:10],
        last=isoformat(int(weeks.starts[origins[-1]]))[:10],
        rows=tuple(rows),
        sums=_share([
            _within(total[one : one + weeks.ahead].sum(), found.made[event][one].means.total.sum(),
                    found.made[event][one].whole) for one in whole
        ]),
        sources=_sources(found, event, log, playbook, whole),
    )  # fmt: skip


def _judged(found: Tried, event: int, origins: list[int], over: int) -> _Judged:
    total, rows = found.known[over].total[event], []
    for origin in origins:
        made, before = found.made[event][origin], found.known[origin].total[event]
        for h in range(min(found.weeks.ahead, over - origin)):
            came, mean = total[origin + h], made.means.total[h]
            ago = origin + h - YEAR
            year = before[ago] if 0 <= ago < origin else np.nan
            simple = [before[origin - many : origin].mean() if origin >= many else np.nan for _, many in RULES]
            rows.append((h, mean, _within(came, mean, made.spreads[h]), came, *simple, year))
    table = np.array(rows, dtype=np.float64).T
    names: list[Rule] = [*(name for name, _ in RULES), "year"]
    return _Judged(table[0], table[1], table[2], table[3], dict(zip(names, table[4:], strict=True)))


def _ahead(ahead: int | None, judged: _Judged, rows: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Ahead:
    came, mean = judged.came[rows], judged.mean[rows]
    off = {name: float(np.abs(values[rows] - came).mean()) for name, values in judged.rules.items()}
    return Ahead(
        ahead=ahead,
        weeks=int(rows.sum()),
        held=round(float(judged.held[rows].mean()), 4),
        error=round(float(np.abs(mean - came).mean()), 4),
        observed=round(float(came.mean()), 4),
        expected=round(float(mean.mean()), 4),
        rules=tuple(
            Error(rule=name, error=None if np.isnan(value) else round(value, 4)) for name, value in off.items()
        ),
    )


def _within(came: float, mean: float, spread: float) -> bool:
    low, high = bounds(float(mean), float(spread))
    return bool(low <= came <= high)


def _share(held: list[bool]) -> float | None:
    return round(float(np.mean(held)), 4) if held else None


def _sources(found: Tried, event: int, log: EventLog, playbook: Playbook, origins: list[int]) -> float | None:
    """The share of sums of sources over all weeks ahead that their intervals held."""
    weeks, held = found.weeks, []
    later = people(log, playbook, weeks.origin)
    source = texts_of(log, found.bundle, playbook.monitoring.source, later.who, weeks.origin)
    when = later.when[event]
    for origin in origins:
        start = int(weeks.starts[origin])
        then = people(log, playbook, start)
        of_person = texts_of(log, found.bundle, playbook.monitoring.source, then.who, start)
        made = found.made[event][origin]
        parts = grouped(event, weeks, weeks.steps.source, made, then, of_person)
        inside = (when >= start) & (when < start + weeks.ahead * WEEK)
        held += [
            _within(float((inside & (source == text)).sum()), parts.total[place], made.whole)
            for place, text in enumerate(parts.texts)
            if parts.total[place] > 0
        ]
    return _share(held)
