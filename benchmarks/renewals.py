"""Does the loop pay? ``python -m benchmarks.renewals [--seeds N]``.

Three firms with the same first champion: one never trains again (``never``), one trains every four weeks on all that is
known and serves what comes out (``monthly``), one asks `veraison monitor` each week and does what it says (``loop``).
Each scores every landmark of the weeks that follow with the model that serves then; what they lose is the mean
log-loss, forward in time. On simulated markets whose prices rise: the true chance of every lead is known there, so the
log-loss is the one to be expected, without the luck of who converted. And on an open log whose rates wander by
themselves, where it is that of what happened.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import t

from benchmarks.features import Result
from benchmarks.logs import ingested
from benchmarks.open_logs import FOLDER, LOGS
from benchmarks.oracle import true_chances
from benchmarks.watched import Watched, disturbed, watched
from data.events import MICROS_PER_DAY
from data.log import Floats
from data.sources import EXAMPLES
from features import compute
from monitoring import performance
from monitoring.performance import Matured
from monitoring.run import monitor
from training import metrics
from training.bundle import Bundle
from training.fit import fit, training_set
from training.landmarks import landmarks
from training.registry import CHAMPION, Registry
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

RESULTS = Path(__file__).parent / "results" / "renewals.json"
DRIFT, DRIFT_WEEK, LAST_WEEK = "price", 4, 20
LEADS = 10_000
"""New leads a year of a simulated market."""
EVERY = 4
AFTER = ((1, 8), (9, 16))
"""Weeks after the shift of which the mean is told."""
OLIST_LEARNED, OLIST_WEEKS = 240, 24

console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Reigns:
    """Who served from when on: moments in microseconds UTC, ascending, and the model of each."""

    since: list[int]
    models: list[Bundle]

    @property
    def renewals(self) -> int:
        """How often the model was replaced."""
        return len(self.models) - 1


def never(market: Watched, weeks: int, folder: Path) -> Reigns:
    """The first champion for ever."""
    return Reigns([market.snapshot], [market.champion])


def monthly(market: Watched, weeks: int, folder: Path) -> Reigns:
    """A new model every four weeks, whatever it is worth."""
    found = never(market, weeks, folder)
    for number in range(EVERY, weeks, EVERY):
        before = market.week(number)
        data = training_set(market.log, market.book, before=before)
        found.models.append(
            fit(data, market.book, before=before, base_odds=market.champion.base_odds, threads=1, interval=False)
        )
        found.since.append(before)
    return found


def loop(market: Watched, weeks: int, folder: Path) -> Reigns:
    """What the monitor says, once a week."""
    workspace = Workspace(folder)
    workspace.create()
    registry = Registry(workspace)
    registry.register(market.champion, metrics={}, params={}, reports=workspace.reports, alias=CHAMPION)
    found = never(market, weeks, folder)
    for number in range(1, weeks):
        at = market.week(number)
        verdict = monitor(market.log, registry, market.book, workspace.reports, as_of=at, threads=1, drawn=False)
        serves = registry.aliased(CHAMPION)
        if verdict.causes:
            causes = ", ".join(sorted({f"{one.kind} {one.name}" for one in verdict.causes if one.acts}))
            console.print(f"week {number}: {verdict.decision} ({causes})", style="dim")
        if serves is not None and serves.version != found.models[-1].version:
            found.models.append(registry.load(serves.number))
            found.since.append(at)
    return found


POLICIES: dict[str, Callable[[Watched, int, Path], Reigns]] = {"loop": loop, "never": never, "monthly": monthly}


def losses(market: Watched, seen: Matured, reigns: Reigns, likely: Floats) -> Floats:
    """(n,) log-loss of each landmark by the model that served then.

    likely : (n,) the chance that each converts, where that is known; otherwise whether it did
    """
    pairs, place = seen.pairs, market.champion.primary
    found = np.empty(len(seen))
    reign = np.searchsorted(reigns.since, pairs.as_of, side="right") - 1
    for number, model in enumerate(reigns.models):
        mine = np.flatnonzero(reign == number)
        part = pairs[mine]
        features = compute.batch(market.log, model.feature_set, part.lead, part.as_of, part.started)
        chance = np.clip(model.predict(features, 1).probability[:, place], 1e-12, 1 - 1e-12)
        found[mine] = -likely[mine] * np.log(chance) - (1 - likely[mine]) * np.log1p(-chance)
    return found


def lived(case: str, market: Watched, shift: int, weeks: int, spans: tuple[tuple[int, int], ...]) -> list[Result]:
    """All policies on one market.

    shift : week at whose end the world changed; `spans` are counted from it
    """
    end = market.week(weeks) + market.book.horizons.primary * MICROS_PER_DAY
    pairs = landmarks(market.log, market.book, before=market.week(weeks))
    seen = performance.matured(market.log, market.book, pairs, born_after=0, at=end)
    seen = seen[seen.pairs.as_of >= market.snapshot]
    likely = seen.happened.astype(np.float64)
    if market.truth is not None:
        horizons = market.book.horizons
        true = true_chances(market.truth, market.log.leads, seen.pairs, horizons.days)
        likely = true[:, horizons.days.index(horizons.primary)]
    lost, renewals = {}, {}
    for name, policy in POLICIES.items():
        with tempfile.TemporaryDirectory() as folder:
            reigns = policy(market, weeks, Path(folder))
        lost[name], renewals[name] = losses(market, seen, reigns, likely), float(reigns.renewals)
    found = []
    for first, last in spans:
        rows = np.flatnonzero(
            (seen.pairs.as_of >= market.week(shift + first - 1)) & (seen.pairs.as_of < market.week(shift + last))
        )
        means = {name: float(loss[rows].mean()) for name, loss in lost.items()}
        mine = means.pop("loop")
        found.append(Result(case, f"log_loss_weeks_{first}_{last}", "nats", mine, means, mine / min(means.values())))
        for name in means:
            gain = lost["loop"][rows] - lost[name][rows]
            low, high = metrics.bootstrap(_mean_of(gain), seen.person[rows], draws=400, seed=7)
            found.append(Result(case, f"less_than_{name}_weeks_{first}_{last}", "nats", float(gain.mean()),
                                {"low": low, "high": high}))  # fmt: skip
    mine = renewals.pop("loop")
    return [*found, Result(case, "renewals", "models", mine, renewals)]


def _mean_of(gain: Floats) -> Callable[[np.ndarray], float]:
    return lambda rows: float(gain[rows].mean())


def simulated(seed: int, leads: int) -> list[Result]:
    """A market whose prices rise; conversion halves."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        weeks = LAST_WEEK + 6
        calm = watched(where, seed=seed, weeks=weeks, leads_a_year=leads)
        for drift, market in disturbed(
            where, calm, [DRIFT], seed=seed, week=DRIFT_WEEK, weeks=weeks, leads_a_year=leads, true=True
        ):  # fmt: skip
            return lived(f"{drift}_{seed}", market, DRIFT_WEEK, LAST_WEEK, AFTER)
    return []


def together(case: str, markets: list[list[Result]]) -> list[Result]:
    """Means over markets, each counting once; of differences with their 95 % interval by Student's t."""
    found = []
    for lines in zip(*markets, strict=True):
        ours = np.array([line.ours for line in lines])
        first, peers = lines[0], {name: float(np.mean([line.peers[name] for line in lines])) for name in lines[0].peers}
        if first.metric.startswith("less_than"):
            half = float(t.ppf(0.975, len(ours) - 1) * ours.std(ddof=1) / np.sqrt(len(ours)))
            peers = {"low": float(ours.mean()) - half, "high": float(ours.mean()) + half}
        found.append(Result(case, first.metric, first.unit, float(ours.mean()), peers))
    return found


def olist() -> list[Result]:
    """The open log of a market place; nothing where it is not there."""
    one = next(log for log in LOGS if log.name == "olist")
    files = [(FOLDER / name, EXAMPLES / mapping) for name, mapping in one.files]
    if not all(path.exists() for path, _ in files):
        return []
    book = load_playbook(EXAMPLES / one.playbook)
    log, _ = ingested(book, files)
    snapshot = int(log.known.min()) + OLIST_LEARNED * MICROS_PER_DAY
    data = training_set(log, book, before=snapshot)
    champion = fit(data, book, before=snapshot, threads=1, interval=False)
    return lived("olist", Watched(log, book, champion, snapshot), 0, OLIST_WEEKS, ((1, OLIST_WEEKS),))


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.renewals", description=__doc__.partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=6, help="simulated markets, from seed 1 on")
    asked.add_argument("--leads", type=int, default=LEADS, help="new leads a year of each")
    asked.add_argument("--processes", type=int, default=2)
    given = asked.parse_args(arguments)
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        open_log = pool.submit(olist)
        markets = list(pool.map(simulated, range(1, given.seeds + 1), [given.leads] * given.seeds))
        results = [line for market in markets for line in market]
        results += together(f"{DRIFT}_{given.seeds}_markets", markets) if given.seeds > 1 else []
        results += open_log.result()
    table = Table(title="Log-loss with the loop, without, and with a new model every month")
    for heading in ("case", "metric", "loop", "never", "monthly", "95 %"):
        table.add_column(heading, justify="left" if heading in ("case", "metric") else "right")
    for line in results:
        shown = [f"{line.peers[name]:.4g}" if name in line.peers else "" for name in ("never", "monthly")]
        interval = f"{line.peers['low']:+.4f} to {line.peers['high']:+.4f}" if "low" in line.peers else ""
        table.add_row(line.case, line.metric, f"{line.ours:.4g}", *shown, interval)
    console.print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(line) for line in results], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
