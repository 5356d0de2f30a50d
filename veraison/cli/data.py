"""Commands that bring events in: simulate, ingest."""

import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from data.events import Event, Rejection
from data.mapping import Mapping, load_mapping
from data.parse import judge
from data.simulator import SimulationResult
from data.simulator import simulate as run_simulation
from data.sources import open_source, source_size
from data.store import Store
from veraison.cli.common import WorkspaceOption, errors, out, place, progress
from veraison.errors import SourceError, VeraisonError

BATCH = 5_000
SHOWN_REJECTIONS = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(simulate)
    app.command(name="ingest")(ingest_command)


def simulate(
    out_path: Annotated[Path, typer.Option("--out", help="Events to write, NDJSON; truth and playbook beside it.")],
    leads: Annotated[int, typer.Option(help="How many leads.")] = 2000,
    days: Annotated[int, typer.Option(help="Length of the market in days.")] = 365,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    drift: Annotated[str, typer.Option(help="none, source, rename, price, bots, season, silent or quality.")] = "none",
    drift_day: Annotated[int | None, typer.Option(help="Day the drift begins (60 % of days).")] = None,
    steady: Annotated[
        bool, typer.Option("--steady", help="Without the season of the year: nothing changes but by the drift.")
    ] = False,
) -> None:
    """Write a year of a B2B firm that never was, with the true chance of every lead.

    Example: veraison simulate --out market.ndjson --leads 2000 --days 365 --seed 7
    """
    result = simulate_with_progress(
        out_path, leads=leads, days=days, seed=seed, drift=drift, drift_day=drift_day, steady=steady
    )
    out.print(
        f"{result.events:,} events of {result.leads:,} leads, {result.wins:,} won: {result.events_path}\n"
        f"truth: {result.truth_path}\nplaybook: {result.playbook_path}",
        soft_wrap=True,
        markup=False,
    )


def simulate_with_progress(
    path: Path,
    *,
    leads: int,
    days: int,
    seed: int,
    drift: str = "none",
    drift_day: int | None = None,
    steady: bool = False,
) -> SimulationResult:
    """Simulate a market behind a progress bar."""
    with progress() as bar:
        task = bar.add_task("simulating", total=None)
        return run_simulation(
            path,
            leads=leads,
            days=days,
            seed=seed,
            drift=drift,
            drift_day=drift_day,
            steady=steady,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def ingest_command(
    files: Annotated[list[Path], typer.Argument(help="NDJSON, CSV, Parquet, XLSX or XES files; .gz too.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", "-m", help="What the columns mean; needed for tables.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Bring events in; what cannot be used is kept in quarantine with its reason.

    Running it again, also after it was interrupted, stores nothing twice.

    Examples: veraison ingest events.ndjson   ·   veraison ingest crm.csv --mapping crm.toml
    """
    rules = load_mapping(mapping) if mapping else None
    for path in files:
        source_size(path)
    with place(workspace).store(existing=False) as store:
        usable = sum(ingest(store, path, rules) for path in files)
    if not usable:
        raise SourceError(f"nothing in {', '.join(map(str, files))} could be used")


def ingest(store: Store, path: Path, mapping: Mapping | None = None) -> int:
    """Bring one file in behind a progress bar; returns how many usable events it held, new or known."""
    now = time.time_ns() // 1_000
    new = known = 0
    refused: list[Rejection] = []
    refusals = erased = 0
    stopped: VeraisonError | None = None
    with progress() as bar:
        task = bar.add_task(f"reading {path.name}", total=source_size(path))
        records = open_source(path, mapping, lambda done: bar.update(task, completed=done))
        judged = (judge(record, now=now) for record in records)
        while stopped is None:
            batch: list[Event | Rejection] = []
            try:
                for one in islice(judged, BATCH):
                    batch.append(one)
            except SourceError as error:
                stopped = error
            if not batch:
                break
            result = store.append(batch)
            new, known = new + len(result.accepted), known + result.duplicates
            refusals, erased = refusals + result.quarantined, erased + len(result.erased)
            kept = (one for place, one in enumerate(batch) if place not in result.erased)
            refused += [one for one in kept if isinstance(one, Rejection)][: SHOWN_REJECTIONS - len(refused)]
    out.print(
        f"{path}: {new:,} new events, {known:,} known already, {refusals:,} in quarantine", soft_wrap=True, markup=False
    )
    if erased:
        errors.print(f"  {erased:,} of people who were erased are not taken")
    for one in refused:
        errors.print(f"  {one.source} line {one.line}: {one.reason}", soft_wrap=True, markup=False)
    if refusals > len(refused):
        errors.print(f"  and {refusals - len(refused):,} more; all are kept in the store's quarantine", soft_wrap=True)
    if stopped is not None:
        raise stopped
    return new + known + erased
