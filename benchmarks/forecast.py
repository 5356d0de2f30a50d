"""Do forecasts of weeks hold? ``python -m benchmarks.forecast [--seeds N]``.

A forecast is made at the start of every week after the model's training, with what was known then, and held against
what came: sales, and leads that become ready, in each week ahead. Beside it stand rules that need no model (the last
week again, the mean of the last 4 and of the last 12, the same week a year ago). On simulated markets of two years,
of which the model knows the first, 8 weeks ahead; on simulated markets in their first year, where a twin learns from
half of it and the summer and Christmas come for the first time in the weeks that are judged; and on the open log
bpic2012, 4 weeks ahead: that is as far as its playbook looks, and after training eight weeks of it are left.

`monitoring.forecast_roll` and its constants were chosen on seeds 11 and 12; those of `monitoring.forecast_spread` on
the second year of both and the first of 11.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.logs import ingested
from benchmarks.open_logs import FOLDER, LOGS
from benchmarks.watched import LEADS_A_YEAR, WEEKS, Watched, watched
from data.events import parse_instant
from data.forecast_report import Ahead, Backtest
from data.sources import EXAMPLES
from monitoring.forecast_backtest import Tried, backtest, tried, twin
from monitoring.forecast_counts import EVENTS
from training.fit import fit, training_set
from veraison.playbook_file import load_playbook

RESULTS = Path(__file__).parent / "results" / "forecast.json"
AHEAD, AHEAD_OPEN = 8, 4
LEADS = 6_000
"""New leads a year of a simulated market."""
ORIGIN = parse_instant("2011-11-14T00:00:00Z")
"""When the model of bpic2012 is trained, as in tests/real."""

console = Console(width=None if sys.stdout.isatty() else 150)


def judged(case: str, market: Watched, *, until: int, ahead: int, weeks: int) -> list[Result]:
    """What the backtest of the market's champion says, of each outcome."""
    return _told(
        case, market, tried(market.log, market.champion, market.book, until=until, ahead=ahead, threads=1), weeks
    )


def _told(case: str, market: Watched, found: Tried | None, weeks: int) -> list[Result]:
    lines: list[Result] = []
    for place, event in enumerate(EVENTS[: 2 if market.book.has_readiness else 1]):
        back = backtest(place, market.log, market.book, found, most=weeks)
        if back is not None:
            lines += of_backtest(f"{case}_{event}", back)
    return lines


def of_backtest(case: str, back: Backtest) -> list[Result]:
    """Errors beside those of the rules, over all weeks ahead and by the week; shares that the intervals held."""
    lines = [_error(case, "error", back.whole)]
    lines += [_error(case, f"error_{one.ahead}_ahead", one) for one in back.rows[1:]]
    lines.append(Result(case, "held", "share", back.whole.held))
    lines += [Result(case, f"held_{one.ahead}_ahead", "share", one.held) for one in back.rows[1:]]
    lines += [
        Result(case, name, "share", value)
        for name, value in (("held_sums", back.sums), ("held_sources", back.sources))
        if value is not None
    ]
    lines.append(Result(case, "weeks_judged", "weeks", float(back.whole.weeks)))
    return lines


def _error(case: str, metric: str, one: Ahead) -> Result:
    peers = {rule.rule: rule.error for rule in one.rules if rule.error is not None}
    return Result.of(case, metric, "a week", one.error, dict(peers))


def simulated(seed: int, folder: Path, leads: int, weeks: int) -> list[Result]:
    """A market of two years in which nothing goes wrong but the seasons."""
    folder.mkdir(parents=True, exist_ok=True)
    market = watched(folder, seed=seed, weeks=weeks, leads_a_year=leads)
    return judged(f"simulated_{seed}", market, until=market.week(weeks), ahead=AHEAD, weeks=weeks)


def young(seed: int, folder: Path) -> list[Result]:
    """A market in its first year, judged as the page does it: by a twin that learned from half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    market = watched(folder, seed=seed, weeks=1, leads_a_year=LEADS_A_YEAR)
    now = tried(market.log, market.champion, market.book, until=market.snapshot, ahead=AHEAD, threads=1)
    looked_back = twin(market.log, market.champion, market.book, now, threads=1)
    return _told(f"first_year_{seed}", market, looked_back, WEEKS)


def bpic2012() -> list[Result]:
    """The open log of a loan provider; nothing where it is not there."""
    one = next(log for log in LOGS if log.name == "bpic2012")
    files = [(FOLDER / name, EXAMPLES / mapping) for name, mapping in one.files]
    if not all(path.exists() for path, _ in files):
        return []
    book = load_playbook(EXAMPLES / one.playbook)
    log, newest = ingested(book, files)
    model = fit(training_set(log, book, before=ORIGIN), book, before=ORIGIN, threads=1, interval=False)
    return judged("bpic2012", Watched(log, book, model, ORIGIN), until=newest, ahead=AHEAD_OPEN, weeks=WEEKS)


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__.partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=3, help="simulated markets, from seed 1 on")
    asked.add_argument("--young", type=int, default=3, help="markets in their first year, from seed 4 on")
    asked.add_argument("--leads", type=int, default=LEADS, help="new leads a year of each")
    asked.add_argument("--weeks", type=int, default=WEEKS, help="weeks of each after the model was trained")
    asked.add_argument("--markets", type=Path, help="folder in which simulated markets are kept for the next run")
    given = asked.parse_args(arguments)
    results = bpic2012()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, given.seeds + 1):
            results += simulated(seed, (given.markets or Path(folder)) / f"s{seed}", given.leads, given.weeks)
            console.print(f"simulated market {seed} judged", style="dim")
        for seed in range(4, 4 + given.young):
            results += young(seed, (given.markets or Path(folder)) / f"y{seed}")
            console.print(f"simulated market {seed} judged in its first year", style="dim")
    table = Table(title="Forecasts of weeks: how far off a week, on average; the share of weeks that 80 % ranges held")
    for heading in ("case", "metric", "ours", "last", "mean4", "mean12", "year"):
        table.add_column(heading, justify="left" if heading in ("case", "metric") else "right")
    for line in results:
        peers = [
            f"{line.peers[name]:.2f}" if name in line.peers else "" for name in ("last", "mean4", "mean12", "year")
        ]
        table.add_row(line.case, line.metric, "" if line.ours is None else f"{line.ours:.3f}", *peers)
    console.print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(line) for line in results], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
