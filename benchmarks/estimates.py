"""Performance estimated without labels beside the truth, chunk by chunk: ``python -m benchmarks.estimates``.

On simulated markets (calm, and with a price rise, which no estimate from chances can see) and on the open log bpic2012,
where it lies beside the project (`benchmarks.open_logs.FOLDER`). A champion learns from the beginning; every chunk of
what follows is a row, with the truth where its outcomes have matured.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.logs import ingested
from benchmarks.open_logs import FOLDER, LOGS
from benchmarks.watched import LEADS_A_YEAR, WEEKS, disturbed, watched
from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog
from data.sources import EXAMPLES
from monitoring.estimate import FIGURES, Estimate, estimate
from training.bundle import Bundle
from training.fit import fit, training_set
from training.landmarks import landmarks
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

RESULTS = Path(__file__).parent / "results" / "estimates.json"
OPEN_DAYS, LEARNED = 7, 0.4
"""Length of a chunk of the open log, and the share of it that the champion learned from: it is a hundred days long, of
which the last thirty cannot mature."""

console = Console(width=None if sys.stdout.isatty() else 140)


def simulated(folder: Path, seed: int, leads: int) -> Iterator[tuple[str, Estimate]]:
    """Two years of a market, of which the champion learned from the first."""
    calm = watched(folder, seed=seed, leads_a_year=leads)
    others = disturbed(folder, calm, ["price"], seed=seed, week=12, weeks=WEEKS, leads_a_year=leads)
    for drift, market in chain([("none", calm)], others):
        yield drift, _estimate(market.log, market.champion, market.book, market.snapshot, market.week(WEEKS))


def open_log() -> Iterator[tuple[str, Estimate]]:
    """bpic2012, where it is there."""
    one = next(log for log in LOGS if log.name == "bpic2012")
    files = [(FOLDER / name, EXAMPLES / mapping) for name, mapping in one.files]
    if not all(path.exists() for path, _ in files):
        print(f"{one.name} is left out: it is not in {FOLDER}", file=sys.stderr)
        return
    book = load_playbook(EXAMPLES / one.playbook)
    rules = book.monitoring.model_copy(update={"recent_days": OPEN_DAYS})
    book = book.model_copy(update={"monitoring": rules})
    log, before = ingested(book, files)
    first = int(log.known.min())
    snapshot = round(first + LEARNED * (before - first)) // MICROS_PER_DAY * MICROS_PER_DAY
    champion = fit(training_set(log, book, before=snapshot), book, before=snapshot, threads=1, interval=False)
    yield one.name, _estimate(log, champion, book, snapshot, before)


def _estimate(log: EventLog, champion: Bundle, book: Playbook, snapshot: int, as_of: int) -> Estimate:
    pairs = landmarks(log, book, before=as_of)
    return estimate(log, champion, book, pairs, snapshot=snapshot, as_of=as_of, threads=1)


def results(name: str, found: Estimate) -> Iterator[Result]:
    """Estimated beside true, for each chunk that has matured and each figure."""
    for chunk in found.chunks:
        for figure, one in chunk.figures.items():
            if one.true is not None:
                case = f"{name}, {isoformat(chunk.since)[:10]}"
                yield Result(
                    case, figure, "nats" if figure == "log_loss" else "share", one.estimated, {"true": one.true}
                )


def show(name: str, found: Estimate) -> None:
    """A row a chunk; an estimate whose interval the truth lies outside of is marked."""
    table = Table("chunk since", "landmarks", *(f"{figure}: estimated, true" for figure in FIGURES), title=name)
    for chunk in found.chunks:
        cells = []
        for figure in FIGURES:
            one = chunk.figures[figure]
            outside = one.true is not None and not one.low <= one.true <= one.high
            cells.append(
                f"{one.estimated:.4f}, {'-' if one.true is None else f'{one.true:.4f}'}{' !' if outside else ''}"
            )
        table.add_row(isoformat(chunk.since)[:10], f"{chunk.landmarks:,}", *cells)
    told = (f"{figure} {error:.4f}" for figure, error in found.error.items() if error is not None)
    console.print(table, f"mean distance from the truth: {', '.join(told)}")


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.estimates", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=LEADS_A_YEAR, help="a year, of the simulated markets")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", choices=("simulated", "open"))
    given = asked.parse_args(arguments)
    lines: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        cases = {"simulated": simulated(Path(folder), given.seed, given.leads), "open": open_log()}
        for kind, found in cases.items():
            for name, one in found if given.only in (None, kind) else ():
                show(name, one)
                lines += results(name, one)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in lines], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
