"""Alarms of the monitor on simulated markets: ``python -m benchmarks.monitoring [--seeds N]``.

Of each seed a calm market is watched for a year, in which the season of the first year comes again: every alarm there
is a false one. Then the same market with something that goes wrong at the end of week `WEEK`, for
`PATIENCE` weeks: in which of them is it found under its own name? Beside ours, Evidently's plain preset on every fourth
week, and an index above .2 in any column; these two name nothing, so that any alarm of theirs counts as found.

Two processes share the seeds.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.drift_rules import Week, weeks
from benchmarks.features import Result
from benchmarks.watched import LEADS_A_YEAR, disturbed, watched

RESULTS = Path(__file__).parent / "results" / "monitoring.json"
WEEK, PATIENCE = 12, 8
FALSE_ALARMS = 0.05
EVERY = 4
"""Weeks from one look of the preset to the next: it takes seconds."""


@dataclass(frozen=True)
class Wrong:
    """What goes wrong: within how many weeks it is to be found, and as which causes (kind, name)."""

    within: int
    causes: tuple[tuple[str, str], ...]


DISTURBANCES = {
    "rename": Wrong(1, (("event_silent", "Quote Requested"), ("event_new", "Quote Form Sent"))),
    "bots": Wrong(1, (("bots", "all events"),)),
    "silent": Wrong(1, (("source_silent", "Organic Search"),)),
    "source": Wrong(2, (("category_new", "source=Social Ads"),)),
    "quality": Wrong(6, (("conversions", "source=Paid Search"),)),
    "price": Wrong(6, (("conversions", "all"),)),
}

console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Told:
    """What one market told: each rule's delay in weeks after the disturbance (None: not found), or its false alarms.

    alarms : weeks with an alarm, of `weeks` weeks (the preset: of those it was asked in)
    causes : ours, in the order of the weeks
    """

    case: str
    seed: int
    weeks: int
    delay: dict[str, int | None]
    alarms: dict[str, float]
    causes: list[str]


def told(seed: int, leads_a_year: int) -> list[Told]:
    """All that is done with one seed."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        calm = watched(where, seed=seed, leads_a_year=leads_a_year)
        seen = weeks(calm, preset_every=EVERY)
        found.append(Told("calm", seed, len(seen), {}, _alarms(seen), _named(seen)))
    with tempfile.TemporaryDirectory() as folder:
        where, until = Path(folder), WEEK + PATIENCE
        calm = watched(where, seed=seed, weeks=until, leads_a_year=leads_a_year)
        for drift, market in disturbed(
            where, calm, list(DISTURBANCES), seed=seed, week=WEEK, weeks=until, leads_a_year=leads_a_year
        ):
            seen = weeks(market, first=WEEK + 1, last=until, preset_every=EVERY)
            found.append(Told(drift, seed, len(seen), _delays(drift, seen), {}, _named(seen)))
    return found


def _alarms(seen: list[Week]) -> dict[str, float]:
    asked = [week.preset for week in seen if week.preset is not None]
    return {
        "ours": sum(bool(week.alarm) for week in seen) / len(seen),
        "preset": sum(asked) / max(len(asked), 1),
        "psi_above_.2": sum(any(week.psi) for week in seen) / len(seen),
    }


def _delays(drift: str, seen: list[Week]) -> dict[str, int | None]:
    named = set(DISTURBANCES[drift].causes)
    rules = {
        "ours": [bool(named & set(week.alarm)) for week in seen],
        "preset": [bool(week.preset) for week in seen],
        "psi_above_.2": [any(week.psi) for week in seen],
    }
    return {rule: next((week for week, alarm in enumerate(said, 1) if alarm), None) for rule, said in rules.items()}


def _named(seen: list[Week]) -> list[str]:
    return [f"week {week.number}: {kind} {name}" for week in seen for kind, name in week.alarm]


def results(found: list[Told]) -> Iterator[Result]:
    """Of each case the share of weeks, or of seeds in time, and the median delay."""
    calm = [one.alarms for one in found if one.case == "calm"]
    shares = {rule: statistics.mean(one[rule] for one in calm) for rule in calm[0]}
    yield Result("calm", "weeks_with_an_alarm", "share", shares.pop("ours"), shares)
    for drift, wrong in DISTURBANCES.items():
        delays = [one.delay for one in found if one.case == drift]
        in_time = {
            rule: statistics.mean((one[rule] or PATIENCE + 1) <= wrong.within for one in delays) for rule in delays[0]
        }
        yield Result(drift, f"found_within_{wrong.within}", "share of markets", in_time.pop("ours"), in_time)
        median = {
            rule: float(statistics.median(one[rule] or PATIENCE + 1 for one in delays)) for rule in delays[0]
        }  # fmt: skip
        yield Result(drift, "delay", "weeks (median)", median.pop("ours"), median)


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__.partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=20, help="markets, from seed 1 on")
    asked.add_argument("--leads", type=int, default=LEADS_A_YEAR, help="new leads a year")
    asked.add_argument("--processes", type=int, default=2)
    given = asked.parse_args(arguments)
    found: list[Told] = []
    seeds = range(1, given.seeds + 1)
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for done, part in enumerate(pool.map(told, seeds, [given.leads] * given.seeds), 1):
            found += part
            console.print(f"{done} of {given.seeds} seeds", style="dim")
            for one in part:
                console.print(f"  {one.case}: {'; '.join(one.causes) or 'nothing'}", style="dim")
    lines = list(results(found))
    table = Table(
        title=f"{given.seeds} markets of {given.leads:,} leads a year; at most {FALSE_ALARMS:.0%} of calm weeks"
    )
    for heading in ("case", "metric", "unit", "ours", "preset", "PSI > .2"):
        table.add_column(heading, justify="left" if heading in ("case", "metric", "unit") else "right")
    for line in lines:
        peers = [f"{line.peers[rule]:.2f}" for rule in ("preset", "psi_above_.2")]
        table.add_row(line.case, line.metric, line.unit, f"{line.ours:.3f}", *peers)
    console.print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    kept = [asdict(line) for line in lines] + [{"case": one.case, "seed": one.seed, **asdict(one)} for one in found]
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
