"""How near the model comes to the truth of a simulated market: ``python -m benchmarks.oracle [--leads N]``.

The oracle says the true chance of each lead (`data.simulator.truth`). It is trained on nothing; the model learns from
what was known before the origin that `veraison train` would choose, and both are judged on the leads created after it.

Two markets without drift: ``year``, the default one, has a season that the oracle knows and that a year of history
cannot tell; in ``steady`` the weeks are alike, so that the oracle knows nothing that history could not tell.

auc          : on what happened, ours and the oracle's; what happened is a matter of luck,
expected_auc : so this is their mean over all that might have happened (`expected_auc`)
ece          : on what happened
to_truth     : mean probability over mean true chance

Then each drift, on a steady market: a backtest of two folds as of the day before which nothing had changed, and one of
a fold that stands on that day. ``predicted_to_observed`` must not be told apart from 1 there, and must here.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from benchmarks.logs import ingested
from data.events import MICROS_PER_DAY
from data.log import EventLog, Floats
from data.simulator import simulate
from data.simulator.market import START
from training.backtest import Backtest, backtest
from training.evaluate import BASE, OURS, Judged, judge
from training.jobs import default_origins
from training.landmarks import Landmarks
from training.metrics import auc, ece, expected_auc
from veraison.errors import TrainingError
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

RESULTS = Path(__file__).parent / "results" / "oracle.json"
ORACLE = "oracle"
LEADS, DAYS, SEED = 20_000, 365, 7
AUC_GAP, LARGEST_ECE = 0.02, 0.015
"""The bars: how far below the oracle's the AUC may lie, and how large the calibration error may be."""
DRIFTS = ("price", "source")
EARLIER, DRIFT_DAY, DRIFT_DAYS = (100, 130), 250, 400
"""Market days: the origins of the folds before a drift, the day of it, and the end."""

console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class World:
    """A simulated market as a firm has it, known up to the moment `before`, and where its truth is kept."""

    log: EventLog
    book: Playbook
    before: int
    truth: Path


def world(folder: Path, **asked: Any) -> World:
    """Simulate (`data.simulator.simulate` says what can be asked for) and ingest."""
    made = simulate(folder / "market.ndjson", **asked)
    book = load_playbook(made.playbook_path)
    log, before = ingested(book, [(made.events_path, None)])
    return World(log, book, before, made.truth_path)


def true_chances(path: Path, leads: Sequence[str], pairs: Landmarks, horizons: tuple[int, ...]) -> Floats:
    """(n, h) true chances of landmarks to convert within each horizon, 0 for bots.

    path   : the truth file that `veraison simulate` wrote
    leads  : ids, by code of the log
    Raises : ValueError where a landmark has no truth: it has to lie on a day of `data.simulator.run.LANDMARKS`
    """
    moments = pl.Series(pairs.as_of).cast(pl.Datetime("us", "UTC"))
    asked = pl.DataFrame({"lead_id": [leads[code] for code in pairs.lead.tolist()], "as_of": moments})
    found = asked.join(pl.read_parquet(path), on=["lead_id", "as_of"], how="left", maintain_order="left")
    chances: Floats = found.select(f"p_{days}d" for days in horizons).to_numpy()
    if without := int(np.isnan(chances.astype(np.float64)).any(axis=1).sum()):
        raise ValueError(f"{path}: {without:,} of {len(pairs):,} landmarks are not among its moments")
    return chances


def beside_the_oracle(case: str, judged: Judged, truth: Floats) -> list[Result]:
    """What the model and the oracle are worth on the same landmarks, by horizon."""
    found = []
    for place, days in enumerate(judged.horizons):
        happened, ours, true = judged.outcomes.within(days), judged.probability[OURS][:, place], truth[:, place]
        for metric, unit, mine, theirs in (
            ("auc", "share", auc(happened, ours), auc(happened, true)),
            ("expected_auc", "share", expected_auc(ours, true), expected_auc(true, true)),
            ("ece", "share", ece(happened, ours), ece(happened, true)),
            ("to_truth", "ratio", float(ours.mean() / true.mean()), 1.0),
            ("observed_to_truth", "ratio", float(happened.mean() / true.mean()), 1.0),
        ):
            found.append(Result(case, f"{metric}_{days}d", unit, mine, {ORACLE: theirs}))
    return found


def missed(results: list[Result]) -> list[str]:
    """A line for each bar that is missed."""
    lines = []
    for one in results:
        if one.ours is None:
            continue
        if one.metric.startswith("auc_") and one.peers[ORACLE] - one.ours > AUC_GAP:
            gap = one.peers[ORACLE] - one.ours
            lines.append(f"missed: {one.case}, {one.metric} is {gap:.4f} below the oracle's, {AUC_GAP} are allowed")
        if one.metric.startswith("ece_") and one.ours > LARGEST_ECE:
            lines.append(f"missed: {one.case}, {one.metric} is {one.ours:.4f}, {LARGEST_ECE} is allowed")
    return lines


@dataclass(frozen=True)
class Shown:
    """What one fold of a backtest says of a drift: probabilities over what was seen, with the 95 % interval."""

    drift: str
    origin: str
    changed: bool
    horizon: int
    value: float
    low: float
    high: float

    @property
    def right(self) -> bool:
        """Whether 1 lies outside the interval where something changed, and inside where nothing did."""
        return (self.low <= 1 <= self.high) != self.changed


def looks_back(market: World, drift_day: int, earlier: Sequence[int], draws: int = 200) -> tuple[Backtest, Backtest]:
    """As of the day of the drift, from earlier origins; and as of the end, from the day of the drift. Market days."""
    drifts, origins = START + drift_day * MICROS_PER_DAY, [START + day * MICROS_PER_DAY for day in earlier]
    asked: dict[str, Any] = {"peers": (BASE,), "draws": draws}
    before = backtest(market.log, market.book, before=drifts, origins=origins, **asked)
    return before, backtest(market.log, market.book, before=market.before, origins=[drifts], **asked)


def shown(drift: str, before: Backtest, after: Backtest) -> Iterator[Shown]:
    """Every fold and horizon, those before the drift first."""
    for changed, found in ((False, before), (True, after)):
        rows = found.figures.filter(model=OURS, metric="predicted_to_observed")
        for row in rows.iter_rows(named=True):
            yield Shown(
                drift, f"{row['origin']:%Y-%m-%d}", changed, row["horizon"], row["value"], row["low"], row["high"]
            )


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.oracle", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=LEADS)
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--drifts", default=",".join(DRIFTS), help="names, such as price,source; none for no drift")
    given = asked.parse_args(arguments)
    results: list[Result] = []
    drifted: list[Shown] = []
    lines_missed: list[str] = []
    for case, steady in (("year", False), ("steady", True)):
        with tempfile.TemporaryDirectory() as folder:
            market = world(Path(folder), leads=given.leads, days=DAYS, seed=given.seed, steady=steady)
            (origin,) = default_origins(market.log, market.book, market.before, folds=1)
            judged = judge(market.log, market.book, origin, market.before, peers=(BASE,))
            truth = true_chances(market.truth, market.log.leads, judged.pairs, judged.horizons)
        results += beside_the_oracle(case, judged, truth)
        print(f"{case}: {len(truth):,} landmarks judged", file=sys.stderr)
    for drift in given.drifts.split(",") if given.drifts != "none" else ():
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, Any] = {"drift": drift, "drift_day": DRIFT_DAY, "steady": True, "seed": given.seed}
            market = world(Path(folder), leads=given.leads, days=DRIFT_DAYS, **told)
            try:
                drifted += shown(drift, *looks_back(market, DRIFT_DAY, EARLIER))
            except TrainingError as error:
                lines_missed.append(f"not seen: {drift}, {given.leads:,} leads are too few ({error}); more --leads")
                continue
        print(f"{drift}: looked back", file=sys.stderr)
    show(results, drifted)
    RESULTS.parent.mkdir(exist_ok=True)
    lines = [asdict(one) for one in [*results, *(_as_result(one) for one in drifted)]]
    RESULTS.write_text(json.dumps(lines, indent=1))
    lines_missed += missed(results)
    lines_missed += [
        f"missed: {one.drift}, the fold of {one.origin} within {one.horizon} days" for one in drifted if not one.right
    ]
    console.print("\n".join(lines_missed) if lines_missed else "every bar is met")
    return 1 if lines_missed else 0


def _as_result(one: Shown) -> Result:
    metric = f"predicted_to_observed_{one.horizon}d"
    return Result(f"{one.drift}, {one.origin}", metric, "ratio", one.value, {"low": one.low, "high": one.high})


def show(results: list[Result], drifted: list[Shown]) -> None:
    """Two tables: beside the oracle, and what backtests say of drifts."""
    table = Table("market", "measure", OURS, ORACLE, "difference", title="Beside the truth")
    for one in results:
        ours, truth = one.ours or 0.0, one.peers[ORACLE]
        table.add_row(one.case, one.metric, f"{ours:.4f}", f"{truth:.4f}", f"{ours - truth:+.4f}")
    console.print(table)
    if drifted:
        table = Table("drift", "origin", "changed", "within", "predicted / observed", "as it must be", title="Drift")
        for fold in drifted:
            told = f"{fold.value:.2f} [{fold.low:.2f}; {fold.high:.2f}]"
            changed, right = ("yes" if flag else "no" for flag in (fold.changed, fold.right))
            table.add_row(fold.drift, fold.origin, changed, f"{fold.horizon} d", told.replace("[", "\\["), right)
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
