"""Training end to end: ``python -m benchmarks.train [--leads N] [--workspace FOLDER]``.

A market is simulated and ingested, then `veraison train` runs in a fresh process, as a person would start it: the store
is read, the log audited, a twin trained and judged beside its peers, the model trained and registered. What is reported
is of that process alone, with all that it starts; steps are told by what the command prints.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.measure import EngineFailedError

RESULTS = Path(__file__).parent / "results" / "train.json"
LEADS = 100_000
WALL, PEAK = 90.0, 3e9
"""Targets at so many leads: seconds, and bytes of resident memory."""
_COMMAND = str(Path(sys.executable).with_name("veraison"))
_ALLOWED = '\n[training]\nallow_leaks = ["Viewed Careers Page"]\n'
"""The market's job seekers never buy, which the audit of so many leads is right to ask about."""


@dataclass(frozen=True)
class Training:
    """What one run cost: seconds, CPU seconds of all cores, bytes at most resident, and when each step began."""

    wall: float
    cpu: float
    peak: float
    steps: tuple[tuple[float, str], ...]


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=LEADS, help="how many leads are simulated")
    asked.add_argument("--workspace", type=Path, help="a workspace with events in it instead of a simulated market")
    given = asked.parse_args(arguments)
    console = Console(width=110)
    if (load := os.getloadavg()[0]) > 0.5:
        console.print(f"[yellow]this machine is busy (load {load:.1f}): trust CPU seconds, not wall time")
    with tempfile.TemporaryDirectory() as made:
        workspace = given.workspace or ingested(Path(made), given.leads)
        found = trained(workspace)
    show(console, found, f"veraison train, {given.workspace or f'{given.leads:,} leads'}")
    console.print(
        f"wall {found.wall:.1f} s (target {WALL:.0f}), CPU {found.cpu:.1f} s, "
        f"peak {found.peak / 1e6:,.0f} MB (target {PEAK / 1e6:,.0f}), targets at {LEADS:,} leads and 2 cores"
    )
    keep(RESULTS, "train", found)
    return 0


def ingested(folder: Path, leads: int) -> Path:
    """A workspace with a simulated market."""
    workspace = folder / "workspace"
    workspace.mkdir()
    events = folder / "market.ndjson"
    subprocess.run([_COMMAND, "simulate", "--out", str(events), "--leads", str(leads)], check=True)
    playbook = (folder / "market.playbook.toml").read_text(encoding="utf-8")
    (workspace / "playbook.toml").write_text(playbook + _ALLOWED, encoding="utf-8")
    subprocess.run([_COMMAND, "ingest", str(events), "--workspace", str(workspace)], check=True)
    events.unlink()
    return workspace


def trained(workspace: Path) -> Training:
    """Train there in a fresh process; EngineFailedError with its last words where it fails."""
    return commanded("train", workspace)


def commanded(name: str, workspace: Path, *, out: int | IO[str] = subprocess.DEVNULL) -> Training:
    """Give a command of `veraison` a fresh process; EngineFailedError with its last words where it fails.

    out : where its standard output goes
    """
    begun = time.perf_counter()
    command = [_COMMAND, name, "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    steps = [(time.perf_counter() - begun, line.strip().lstrip("· ")) for line in process.stderr]
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        last = steps[-1][1] if steps else "no word"
        raise EngineFailedError(f"veraison {name} ended with {process.returncode}: {last}")
    return Training(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0, tuple(steps))


def keep(path: Path, case: str, found: Training) -> None:
    """Write down what a run took."""
    results = [
        Result(case, "wall", "s", found.wall),
        Result(case, "cpu", "s", found.cpu),
        Result(case, "peak", "MB", found.peak / 1e6),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")


def show(console: Console, found: Training, what: str) -> None:
    """A table of the steps of a run."""
    table = Table(title=what)
    for heading in ("begins at, s", "step"):
        table.add_column(heading, justify="right" if heading != "step" else "left")
    for moment, step in found.steps:
        table.add_row(f"{moment:.1f}", step[:90])
    console.print(table, markup=False)


if __name__ == "__main__":
    sys.exit(main())
