"""Our model and the peers on open logs of real firms, forward in time: the part of `benchmarks.quality` about leads.

The logs are not part of the project. Where they lie beside it (`FOLDER`), each is ingested with the mapping and the
playbook shipped here, and looked back over as `veraison backtest --peers all` does: same folds, peers and verdicts.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.logs import ingested
from data.sources import EXAMPLES
from training.backtest import Backtest, backtest
from training.evaluate import OURS
from training.peers import PEERS
from veraison.playbook_file import load_playbook

FOLDER = Path(__file__).parents[2] / "shared" / "data"
VERDICTS = ("better", "not to be told apart", "worse")
OF_TIME = ("timing_error_days", "timing_error_to_constant", "interval_coverage")


@dataclass(frozen=True)
class OpenLog:
    """A log by name: its playbook, and its files with the mappings that read them."""

    name: str
    playbook: str
    files: tuple[tuple[str, str], ...]


LOGS = (
    OpenLog(
        "bpic2012",
        "bpic2012.playbook.toml",
        (("bpic2012/events.parquet", "bpic2012.toml"), ("bpic2012/cases.csv.gz", "bpic2012-cases.toml")),
    ),
    OpenLog(
        "olist",
        "olist.playbook.toml",
        (
            ("olist/olist_marketing_qualified_leads_dataset.csv.gz", "olist-leads.toml"),
            ("olist/olist_closed_deals_dataset.csv.gz", "olist-deals.toml"),
        ),
    ),
)


def looked_back(folder: Path = FOLDER, peers: tuple[str, ...] = tuple(PEERS)) -> Iterator[tuple[str, Backtest]]:
    """A look back over every log that is there, by name; those that are not are named on standard error."""
    for one in LOGS:
        files = [(folder / name, EXAMPLES / mapping) for name, mapping in one.files]
        if absent := [path.name for path, _ in files if not path.exists()]:
            print(f"{one.name} is left out: no {', '.join(absent)} in {folder}", file=sys.stderr)
            continue
        book = load_playbook(EXAMPLES / one.playbook)
        log, before = ingested(book, files)
        yield one.name, backtest(log, book, before=before, peers=peers, threads=1)
        print(one.name, "looked back", file=sys.stderr)


def results(name: str, found: Backtest) -> list[Result]:
    """Of one log: means over the folds of every model, how many peers ours is better than, and how right it is."""
    lines = []
    for (metric, days), rows in found.comparison.group_by("metric", "horizon", maintain_order=True):
        theirs = dict(zip(rows["peer"], rows["theirs"], strict=True))
        lines.append(
            Result(name, f"{metric}_{days}d", "nats" if metric == "log_loss" else "share", rows["ours"][0], theirs)
        )
        counted = Counter(rows["verdict"])
        lines.append(
            Result(name, f"verdicts_{metric}_{days}d", "peers", None, {one: float(counted[one]) for one in VERDICTS})
        )
    ours = found.figures.filter(model=OURS)
    for days in found.folds[0].horizons:
        lines.append(Result(name, f"ece_{days}d", "share", _mean(ours, "ece", days)))
    units = ("days", "ratio", "share")
    return lines + [Result(name, one, unit, _mean(ours, one, 0)) for one, unit in zip(OF_TIME, units, strict=True)]


def _mean(figures: pl.DataFrame, metric: str, days: int) -> float | None:
    """Over the folds that have it."""
    mean = figures.filter(metric=metric, horizon=days)["value"].mean()
    return float(mean) if isinstance(mean, float) else None


def show(console: Console, found: dict[str, Backtest]) -> None:
    """A table a log: ours against each peer by horizon, and how right ours is."""
    for name, one in found.items():
        columns = [(metric, days) for metric in ("auc", "log_loss") for days in one.folds[0].horizons]
        titles = [f"{'AUC' if metric == 'auc' else 'log-loss'} {days} d" for metric, days in columns]
        table = Table(
            "ours is ... than", *titles, title=f"{name}: {len(one.folds)} folds, paired, after Holm's correction"
        )
        verdict = {(row["peer"], row["metric"], row["horizon"]): row for row in one.comparison.iter_rows(named=True)}
        for peer in dict.fromkeys(one.comparison["peer"]):
            rows = [verdict[peer, *column] for column in columns]
            table.add_row(peer, *(f"{_short(row['verdict'])} {row['difference']:+.3f}" for row in rows))
        lines = {line.metric: line for line in results(name, one)}
        counts = [lines[f"verdicts_{metric}_{days}d"].peers for metric, days in columns]
        table.add_row("better / = / worse", *(" / ".join(f"{count[key]:.0f}" for key in VERDICTS) for count in counts))
        console.print(table)
        told = [line for metric, line in lines.items() if metric.startswith("ece_") or metric in OF_TIME]
        console.print(", ".join(f"{line.metric} {line.ours:.3f}" for line in told if line.ours is not None))


def _short(verdict: str) -> str:
    return verdict if verdict in ("better", "worse") else "="
