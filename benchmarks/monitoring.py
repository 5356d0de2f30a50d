"""Alarms of the monitor on simulated markets: ``python -m benchmarks.monitoring [--seeds N]``.

Of each seed a calm market is watched for a year, in which the season of the first year comes again: every alarm there
is a false one. Then the same market with something that goes wrong at the end of week `WEEK`: in which of them is it
found under its own name, and after how many weeks? What shows in conversions only is looked for in larger markets, of
`LARGE` leads a year: a small one has too few of them to tell within the weeks allowed (docs/monitoring.md).

Beside ours, an index above .2 in any column, and on the first few seeds Evidently's plain preset; these two name
nothing, so that any alarm of theirs counts as found.

Processes share the seeds. What a seed's markets told is kept until all are done, so that a run that was broken off is
gone on with.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.drift_rules import Week, weeks
from benchmarks.features import Result
from benchmarks.watched import LEADS_A_YEAR, WEEKS, disturbed, watched
from data.simulator.market import Drift

RESULTS = Path(__file__).parent / "results" / "monitoring.json"
UNDER_WAY = RESULTS.parent / "monitoring_under_way"
WEEK = 12
LARGE = 8_000
FALSE_ALARMS = 0.05
PRESET_IN = (13, 26, 39, 52)
"""Calm weeks in which the preset is asked: it takes seconds."""


@dataclass(frozen=True)
class Wrong:
    """What goes wrong: within how many weeks it is to be found, as which causes (kind, name).

    patience : weeks that are watched
    counting : whether conversions alone can name it
    """

    within: int
    causes: tuple[tuple[str, str], ...]
    patience: int = 3
    counting: bool = False


DISTURBANCES: dict[Drift, Wrong] = {
    "rename": Wrong(1, (("event_silent", "Quote Requested"), ("event_new", "Quote Form Sent"))),
    "bots": Wrong(1, (("bots", "all events"),)),
    "silent": Wrong(1, (("source_silent", "source=Organic Search"),)),
    "source": Wrong(2, (("category_new", "source=Social Ads"),), patience=4),
    "quality": Wrong(6, (("conversions", "source=Paid Search"),), patience=6, counting=True),
    "price": Wrong(6, (("conversions", "all"),), patience=6, counting=True),
}

console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Told:
    """What one market told: each rule's delay in weeks after the disturbance (None: not found), or its false alarms.

    alarms  : share of `weeks` weeks with an alarm (the preset: of those it was asked in); a rule that was not asked is
              in neither
    causes  : ours, in the order of the weeks
    seconds : CPU time
    """

    case: str
    seed: int
    weeks: int
    delay: dict[str, int | None]
    alarms: dict[str, float]
    causes: list[str]
    seconds: float


def told(seed: int, leads: int, large: int, preset: bool) -> list[Told]:
    """All that is done with one seed, in markets of so many leads a year; what a run that broke off found is read."""
    faults = [drift for drift, wrong in DISTURBANCES.items() if not wrong.counting]
    shifts = [drift for drift, wrong in DISTURBANCES.items() if wrong.counting]
    shown = WEEK + max(DISTURBANCES[drift].patience for drift in shifts)
    found = []
    for size, last, drifts, calmly in ((leads, WEEKS, faults, True), (large, shown, shifts, False)):
        kept = UNDER_WAY / f"{seed}_{size}_{drifts[0]}_{int(preset)}.json"
        if not kept.is_file():
            UNDER_WAY.mkdir(parents=True, exist_ok=True)
            lines = [asdict(one) for one in _watched(seed, size, last, drifts, preset=preset, calmly=calmly)]
            kept.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
        found += [Told(**one) for one in json.loads(kept.read_text(encoding="utf-8"))]
    return found


def _watched(
    seed: int, leads: int, last: int, drifts: list[Drift], *, preset: bool, calmly: bool
) -> Iterator[Told]:  # fmt: skip
    """A market of `last` weeks, calm where that is asked for and then with each of some drifts."""
    begun, usual = time.process_time(), None
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        calm = watched(where, seed=seed, weeks=last, leads_a_year=leads)
        if calmly:
            seen, usual = weeks(calm, last=last, preset_in=PRESET_IN if preset else ())
            yield Told("calm", seed, len(seen), {}, _alarms(seen), _named(seen), time.process_time() - begun)
            begun = time.process_time()
        until = {drift: WEEK + DISTURBANCES[drift].patience for drift in drifts}
        for drift, market in disturbed(
            where, calm, drifts, seed=seed, week=WEEK, weeks=last, leads_a_year=leads, told=until
        ):
            wrong = DISTURBANCES[drift]
            asked = (WEEK + wrong.within, until[drift]) if preset else ()
            seen, usual = weeks(
                market, first=WEEK + 1, last=until[drift], preset_in=asked, counting=wrong.counting, usual=usual
            )
            yield Told(drift, seed, len(seen), _delays(wrong, seen), {}, _named(seen), time.process_time() - begun)
            begun = time.process_time()


def _alarms(seen: list[Week]) -> dict[str, float]:
    said = {"ours": [bool(week.alarm) for week in seen], **_peers(seen)}
    return {rule: statistics.mean(asked) for rule, asked in said.items()}


def _delays(wrong: Wrong, seen: list[Week]) -> dict[str, int | None]:
    named = set(wrong.causes)
    said = {"ours": [bool(named & set(week.alarm)) for week in seen], **_peers(seen)}
    first = seen[0].number
    weeks_of = {"preset": [week.number - first + 1 for week in seen if week.preset is not None]}
    every = list(range(1, len(seen) + 1))
    return {
        rule: next((week for week, alarm in zip(weeks_of.get(rule, every), asked, strict=True) if alarm), None)
        for rule, asked in said.items()
    }


def _peers(seen: list[Week]) -> dict[str, list[bool]]:
    """What those say that name nothing, in the weeks in which they were asked."""
    preset = [week.preset for week in seen if week.preset is not None]
    return {"psi_above_.2": [any(week.psi) for week in seen]} | ({"preset": preset} if preset else {})


def _named(seen: list[Week]) -> list[str]:
    return [f"week {week.number}: {kind} {name}" for week in seen for kind, name in week.alarm]


def results(found: list[Told]) -> Iterator[Result]:
    """Of each case the share of weeks, or of markets in time, and the median delay; of peers where they were asked."""
    shares = _of([one.alarms for one in found if one.case == "calm"], statistics.mean)
    yield Result("calm", "weeks_with_an_alarm", "share", shares.pop("ours"), shares)
    for drift, wrong in DISTURBANCES.items():
        late = wrong.patience + 1
        delays = [{rule: week or late for rule, week in one.delay.items()} for one in found if one.case == drift]
        hit = [{rule: float(week <= wrong.within) for rule, week in one.items()} for one in delays]
        in_time = _of(hit, statistics.mean)
        yield Result(drift, f"found_within_{wrong.within}", "share of markets", in_time.pop("ours"), in_time)
        median = _of(delays, statistics.median)
        yield Result(drift, "delay", f"weeks (median; {late}: not found)", median.pop("ours"), median)


def _of(figures: Sequence[Mapping[str, float]], summary: Callable[[list[float]], float]) -> dict[str, float]:
    """One figure of each rule, of the markets in which it was asked."""
    return {
        rule: float(summary([one[rule] for one in figures if rule in one]))
        for rule in sorted({rule for one in figures for rule in one})
    }


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__.partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=20, help="markets, from seed 1 on")
    asked.add_argument("--leads", type=int, default=LEADS_A_YEAR, help="new leads a year")
    asked.add_argument("--large", type=int, default=LARGE, help="the same where only conversions can tell")
    asked.add_argument("--preset", type=int, default=4, help="markets on which Evidently's preset is asked too")
    asked.add_argument("--processes", type=int, default=2)
    given = asked.parse_args(arguments)
    if UNDER_WAY.is_dir():
        console.print(f"going on with a run that was broken off; remove {UNDER_WAY} to begin anew", style="dim")
    found: list[Told] = []
    seeds = range(1, given.seeds + 1)
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        preset = [seed <= given.preset for seed in seeds]
        sizes = [given.leads] * given.seeds, [given.large] * given.seeds
        for done, part in enumerate(pool.map(told, seeds, *sizes, preset), 1):
            found += part
            console.print(f"{done} of {given.seeds} seeds", style="dim")
            for one in part:
                console.print(f"  {one.case}: {'; '.join(one.causes) or 'nothing'}", style="dim")
    lines = list(results(found))
    table = Table(
        title=f"{given.seeds} markets of {given.leads:,} and {given.large:,} leads a year; "
        f"at most {FALSE_ALARMS:.0%} of calm weeks"
    )
    console.print(f"{sum(one.seconds for one in found):.0f} seconds of CPU time", style="dim")
    for heading in ("case", "metric", "unit", "ours", "preset", "PSI > .2"):
        table.add_column(heading, justify="left" if heading in ("case", "metric", "unit") else "right")
    for line in lines:
        peers = [f"{line.peers[rule]:.2f}" if rule in line.peers else "" for rule in ("preset", "psi_above_.2")]
        table.add_row(line.case, line.metric, line.unit, f"{line.ours:.3f}", *peers)
    console.print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    kept = [asdict(line) for line in lines] + [asdict(one) for one in found]
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(UNDER_WAY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
