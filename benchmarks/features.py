"""Features, ours against the peers: ``python -m benchmarks.features [--sizes 1e6,1e7,5e7] [--repeat N]``.

Every engine makes the same table of the same file in a fresh process, in turn; tables are compared; one table of costs
is printed and written to ``benchmarks/results/features.json``. Of several rounds the least is taken, for each alike.

``wall`` is from the file to the written table, libraries imported (ours loads its compiled code within it); ``process``
also counts the start of Python and the imports.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import compare, market, measure
from benchmarks.measure import Cost, EngineFailedError

RESULTS = Path(__file__).parent / "results" / "features.json"
PEERS = ("polars", "duckdb", "pandas")
GRID = "polars grid"
"""Not one of the peers that the targets name: see benchmarks.peers.polars_grid."""
PANDAS_UP_TO, PEERS_UP_TO = 1e6, 1e7
SCANS = ("pyarrow scan", "polars scan")
LIMIT = 4_000_000_000
"""Bytes of data that ours may have where no peer runs any more."""
_WARM_UP = 20_000

console = Console()


@dataclass(frozen=True)
class Result:
    """One line: what ours cost, what the peers cost, and ours over the best of them (None where there is none)."""

    case: str
    metric: str
    unit: str
    ours: float | None
    peers: dict[str, float] = field(default_factory=dict)
    ratio_to_best_peer: float | None = None

    @staticmethod
    def of(case: str, metric: str, unit: str, ours: float | None, peers: dict[str, float] | None = None) -> "Result":
        peers = peers or {}
        return Result(case, metric, unit, ours, peers, ours / min(peers.values()) if peers and ours else None)


Costs = dict[str, Cost]


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.features", description=__doc__.partition("\n")[0])
    asked.add_argument("--sizes", default="1e6,1e7,5e7", help="events, such as 1e6,1e7")
    asked.add_argument("--repeat", type=int, default=1, help="rounds; the least of each cost is taken")
    asked.add_argument("--folder", type=Path, help="where events are kept and tables made; a temporary one else")
    given = asked.parse_args(arguments)
    sizes = [int(float(size)) for size in given.sizes.split(",")]
    if (load := os.getloadavg()[0]) > 0.5:
        console.print(f"[yellow]this machine is busy (load {load:.1f}): trust CPU seconds, not wall time")
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        folder = Path(made)
        _warm_up(folder)
        costs: dict[int, Costs] = {}
        differing: dict[int, dict[str, list[str]]] = {}
        for size in sizes:
            events = _events(given.folder or folder, size)
            costs[size], differing[size] = _case(events, folder, size, given.repeat)
        results = [one for size in sizes for one in _results(size, costs[size], differing[size])]
        results += _growth(costs) + _one_lead()
    _show(results)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
    for size, found in differing.items():
        for engine, lines in found.items():
            for line in lines:
                console.print(f"[red]{_name(size)}, {engine} is not what {_reference(found)} says: {line}")
    failed = any("ours" not in found for found in costs.values())
    return 1 if failed or any(lines for found in differing.values() for lines in found.values()) else 0


def _warm_up(folder: Path) -> None:
    """Every engine once on a few events: compiled code is cached, libraries are in the page cache."""
    events = _events(folder, _WARM_UP)
    for engine in ("ours", "ours, computed", *PEERS, GRID, *SCANS):
        _run(engine, events, folder / "warm", None)


def _events(folder: Path, size: int) -> Path:
    path = folder / f"events-{size}.parquet"
    if not path.exists():
        console.print(f"making {size:,} events")
        market.write(path, size)
    return path


def _case(events: Path, folder: Path, size: int, repeat: int) -> tuple[Costs, dict[str, list[str]]]:
    """What each engine cost at one size, and how its table differs from the first peer's."""
    peers = [name for name in (*PEERS, GRID) if size <= (PANDAS_UP_TO if name == "pandas" else PEERS_UP_TO)]
    limit = None if peers else LIMIT
    costs: Costs = {}
    for _ in range(repeat):
        for engine in (*SCANS, "ours, computed", *peers, "ours"):
            scanning = engine in SCANS
            cost = _run(engine, events, folder / engine, None if scanning else limit)
            if cost is not None:
                costs[engine] = cost if engine not in costs else _least(costs[engine], cost)
    differing = {
        engine: [*compare.schema_problems(folder / engine), *compare.differences(folder / engine, folder / peers[0])]
        for engine in (*peers[1:], "ours")
        if peers and {engine, peers[0]} <= costs.keys()
    }
    return costs, differing


def _run(engine: str, events: Path, out: Path, limit: int | None) -> Cost | None:
    """One run into an empty folder; None, said aloud, where it failed."""
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    try:
        cost = measure.run(engine, events, out, limit)
    except EngineFailedError as error:
        console.print(f"[red]{error}")
        return None
    console.print(f"{engine}: {cost.wall:.2f} s, {cost.cpu:.2f} CPU s, {cost.peak / 1e6:.0f} MB", style="dim")
    return cost


def _least(one: Cost, other: Cost) -> Cost:
    return Cost(*(min(pair) for pair in zip(*((c.wall, c.work, c.cpu, c.peak) for c in (one, other)), strict=True)))


def _results(size: int, costs: Costs, differing: dict[str, list[str]]) -> list[Result]:
    case, ours = _name(size), costs.get("ours")
    peers = {name: costs[name] for name in PEERS if name in costs}
    figures: tuple[tuple[str, str, Callable[[Cost], float]], ...] = (
        ("wall", "s", lambda cost: cost.work),
        ("process", "s", lambda cost: cost.wall),
        ("cpu", "s", lambda cost: cost.cpu),
        ("peak", "MB", lambda cost: cost.peak / 1e6),
    )
    found = [
        Result.of(
            case,
            metric,
            unit,
            None if ours is None else figure(ours),
            {name: figure(cost) for name, cost in peers.items()},
        )
        for metric, unit, figure in figures
    ]
    if ours is not None and GRID in costs:
        found += [
            Result.of(case, f"{metric}_against_grid", unit, figure(ours), {GRID: figure(costs[GRID])})
            for metric, unit, figure in figures
            if metric != "process"
        ]
    computed, scans = costs.get("ours, computed"), {name: costs[name].work for name in SCANS if name in costs}
    if computed is not None:
        found.append(Result.of(case, "compute_alone", "s", computed.work, scans))
    if differing:
        counts = {name: float(len(lines)) for name, lines in differing.items()}
        found.append(Result(case, "differences", "columns", counts.pop("ours", None), counts))
    return found


def _growth(costs: dict[int, Costs]) -> list[Result]:
    """How much longer the work takes with ten times the events."""
    small, large = costs.get(10**6), costs.get(10**7)
    if small is None or large is None:
        return []
    ratio = {name: large[name].work / small[name].work for name in ("ours", *PEERS) if name in small and name in large}
    return [Result.of("1e6_to_1e7", "growth", "times", ratio.pop("ours", None), ratio)]


def _one_lead() -> list[Result]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lead"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        console.print(f"[red]one lead: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
        return []
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return [Result.of("one_lead_200_events", metric, "us", micros) for metric, micros in found.items()]


def _reference(found: dict[str, list[str]]) -> str:
    return next(name for name in PEERS if name not in found)


def _name(size: int) -> str:
    """As people write it: one digit, or two, and a power of ten.

    >>> _name(10_000_000), _name(2_500_000)
    ('1e7', '2.5e6')
    """
    power = int(math.log10(size))
    return f"{size / 10**power:g}e{power}"


def _show(results: list[Result]) -> None:
    names = [name for name in (*PEERS, GRID, *SCANS) if any(name in one.peers for one in results)]
    table = Table(title="Features: 52 weekly snapshots, 36 columns, Parquet written")
    for heading in ("case", "metric", "unit", "ours", *names, "ours / best"):
        table.add_column(heading, justify="left" if heading in ("case", "metric", "unit") else "right")
    for one in results:
        figures = [_figure(one.ours), *(_figure(one.peers.get(name)) for name in names)]
        table.add_row(one.case, one.metric, one.unit, *figures, _figure(one.ratio_to_best_peer))
    Console(width=160).print(table)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
