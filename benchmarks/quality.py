"""How good survival curves are, ours against the peers: ``python -m benchmarks.quality [--sets NAMES] [--repeat N]``.

Ten public data sets (chosen by size alone: `benchmarks.survival_sets`), cross-validated over five folds that all
models share; no model is tuned for a set. Each learns from a fold's training rows and gives each other person a curve.

Horizons are the quarters and the ninth tenth of the event times of the training rows: what a firm would ask about.
Time ends for all at the last of them. The integrated Brier score (Graf et al. 1999, censoring weighted by Kaplan-Meier
of the training rows) is taken over fifty moments between the first and the ninth tenth. ``wins`` counts sets with a
lower mean score than the peer's; ``clear_wins`` and ``clear_losses`` those where the 95 % interval of the paired
difference excludes zero, its variance corrected for training rows that folds share (Nadeau and Bengio 2003).

Then two open logs of leads, forward in time (`benchmarks.open_logs`), where they are there; ``--no-logs`` leaves them.

CPU seconds are of one core. ``--keep FILE`` keeps each fold's figures as a line and takes those it finds from there.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats
from sklearn.model_selection import StratifiedKFold
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, integrated_brier_score
from sksurv.util import Surv

from benchmarks import open_logs
from benchmarks import survival_models as models
from benchmarks.features import Result
from benchmarks.survival_models import MODELS, OURS
from benchmarks.survival_sets import SurvivalSet, chosen, load
from data.log import Floats, Ints

RESULTS = Path(__file__).parent / "results" / "quality.json"
FOLDS, SEED, MOMENTS = 5, 7, 50
HORIZONS = (0.25, 0.5, 0.75, 0.9)
"""As quantiles of the times of events."""
EARLIEST = 0.1

BARS = {models.COX: 7, models.XGB_COX: 7, models.BOOSTED: 8, models.FOREST: 5, models.KAPLAN_MEIER: 10}
"""Of ten sets, on how many ours must have the lower integrated Brier score."""
FOREST_SHARE = 0.25
"""Of the forest's time to fit, over all sets, that ours may take."""

MEASURES = {
    "integrated_brier": "score",
    "harrell_c": "share",
    "uno_c": "share",
    "fit_cpu": "s",
    "predict_cpu": "s",
}

console = Console(width=None if sys.stdout.isatty() else 180)


@dataclass(frozen=True)
class Fold:
    """What one model was worth on one fold, and what it cost."""

    set: str
    model: str
    fold: int
    integrated_brier: float
    harrell_c: float
    uno_c: float
    fit_cpu: float
    predict_cpu: float


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.partition("\n")[0])
    asked.add_argument("--sets", help="names in SurvSet, such as GBSG2,colon; the ten of the rule otherwise")
    asked.add_argument("--models", default=",".join(MODELS), help="names, such as veraison,Cox")
    asked.add_argument("--repeat", type=int, default=1, help="times that the rows are dealt into five folds")
    asked.add_argument("--keep", type=Path, help="file of figures kept from an earlier run, one JSON a line")
    asked.add_argument("--logs", action=argparse.BooleanOptionalAction, default=True, help="the open logs of leads too")
    given = asked.parse_args(arguments)
    names = tuple(given.sets.split(",")) if given.sets else chosen()
    found = []
    for one in measured(names, given.models.split(","), given.repeat, given.keep):
        found.append(one)
        if one.fold == 0:
            print(one.set, one.model, file=sys.stderr)
    results = [line for name in names for line in _of_set(name, found)] + _over_all(names, found)
    show(results)
    backtests = dict(open_logs.looked_back()) if given.logs else {}
    open_logs.show(console, backtests)
    results += [line for name, one in backtests.items() for line in open_logs.results(name, one)]
    if not given.sets:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1))
    missed = bars(results, len(names))
    console.print("\n".join(missed) if missed else "every bar is met")
    return 1 if missed else 0


def measured(names: tuple[str, ...], wanted: list[str], repeat: int, keep: Path | None) -> Iterator[Fold]:
    """Every model on every fold of every set, those kept from an earlier run first looked up."""
    kept = {}
    if keep is not None and keep.exists():
        lines = [Fold(**json.loads(line)) for line in keep.read_text().splitlines()]
        kept = {(one.set, one.model, one.fold): one for one in lines}
    for name in names:
        data = load(name)
        for fold, (train, test) in enumerate(deal(data, repeat)):
            for model in wanted:
                one = kept.get((name, model, fold))
                if one is None:
                    one = judge(data, model, fold, train, test)
                    if keep is not None:
                        with keep.open("a") as out:
                            out.write(json.dumps(asdict(one)) + "\n")
                yield one


def deal(data: SurvivalSet, repeat: int) -> Iterator[tuple[Ints, Ints]]:
    """Training and test rows of each fold, the same for every model, events spread evenly."""
    for turn in range(repeat):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED + turn)
        yield from folds.split(data.features, data.event)


def judge(data: SurvivalSet, model: str, fold: int, train: Ints, test: Ints) -> Fold:
    """Fit one model on the training rows and measure its curves of the test rows."""
    events = data.duration[train][data.event[train]]
    horizons = tuple(float(day) for day in np.unique(np.quantile(events, HORIZONS)))
    times = np.linspace(max(np.quantile(events, EARLIEST), data.duration[test].min()), horizons[-1], MOMENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' solvers: what they come to is measured
        begun = time.process_time()
        fitted = models.fit(model, data.features[train], data.outcomes[train], horizons, data.categorical)
        between = time.process_time()
        left = np.asarray(fitted.survival(data.features[test], times))
        ended = time.process_time()
    brier, harrell, uno = _worth(data, train, test, times, np.clip(left, 0.0, 1.0))
    return Fold(data.name, model, fold, brier, harrell, uno, between - begun, ended - between)


def _worth(data: SurvivalSet, train: Ints, test: Ints, times: Floats, left: Floats) -> tuple[float, float, float]:
    """Integrated Brier score, Harrell's and Uno's concordance, all up to the last of the times.

    Who is still followed then is censored just after it: no score up to it changes, and no weight is asked for beyond.
    """
    last = times[-1]
    known = data.event & (data.duration <= last)
    days = np.minimum(data.duration, last * (1 + 1e-6))
    learned, judged = (Surv.from_arrays(known[rows], days[rows]) for rows in (train, test))
    risk = (1 - left).mean(axis=1)
    return (
        float(integrated_brier_score(learned, judged, left, np.append(times[:-1], last))),
        float(concordance_index_censored(known[test], days[test], risk)[0]),
        float(concordance_index_ipcw(learned, judged, risk, tau=last)[0]),
    )


def _of_set(name: str, found: list[Fold]) -> list[Result]:
    of_set = [one for one in found if one.set == name]
    lines = []
    for measure, unit in MEASURES.items():
        mean = {
            model: float(np.mean([getattr(one, measure) for one in of_set if one.model == model]))
            for model in dict.fromkeys(one.model for one in of_set)
        }
        ours = mean.pop(OURS, None)
        best = max if measure.endswith("_c") else min
        ratio = ours / best(mean.values()) if ours is not None and mean else None
        lines.append(Result(name, measure, unit, ours, mean, ratio))
    return lines


def _over_all(names: tuple[str, ...], found: list[Fold]) -> list[Result]:
    others = [model for model in dict.fromkeys(one.model for one in found) if model != OURS]
    lower, clearly, clearly_not = (dict.fromkeys(others, 0.0) for _ in range(3))
    for name in names:
        ours = _scores(found, name, OURS)
        for peer in others:
            mean, low, high = paired(ours - _scores(found, name, peer))
            lower[peer] += mean < 0
            clearly[peer] += high < 0
            clearly_not[peer] += low > 0
    cpu = {model: sum(one.fit_cpu for one in found if one.model == model) for model in (OURS, *others)}
    share = {model: cpu[OURS] / seconds for model, seconds in cpu.items() if model != OURS and seconds > 0}
    return [
        Result("all", "wins", "sets", None, lower),
        Result("all", "clear_wins", "sets", None, clearly),
        Result("all", "clear_losses", "sets", None, clearly_not),
        Result("all", "fit_cpu_share", "ratio", None, share),
    ]


def _scores(found: list[Fold], name: str, model: str) -> Floats:
    return np.array([one.integrated_brier for one in found if (one.set, one.model) == (name, model)])


def paired(differences: Floats) -> tuple[float, float, float]:
    """Mean of the folds' differences and its 95 % interval.

    Folds share training rows, so the variance of their mean is larger than that of independent ones: it is multiplied
    by ``1 / folds + test rows / training rows`` instead of ``1 / folds``.

    Source : Nadeau and Bengio 2003

    >>> mean, low, high = paired(np.array([-1.0, -1.2, -0.8, -1.1, -0.9]))
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (-1.0, -1.294, -0.706)
    """
    count = len(differences)
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    half = float(stats.t.ppf(0.975, count - 1)) * spread * float(np.sqrt(1 / count + 1 / (FOLDS - 1)))
    return mean, mean - half, mean + half


def bars(results: list[Result], sets: int) -> list[str]:
    """A line for each target that is missed; the number of sets is scaled where there are not ten."""
    by_metric = {one.metric: one.peers for one in results if one.case == "all"}
    missed = []
    for peer, needed in BARS.items():
        won = by_metric["wins"].get(peer)
        if won is not None and won < needed * sets / 10:
            missed.append(f"missed: better than {peer} on {won:.0f} of {sets} sets, {needed} of 10 are asked for")
    share = by_metric["fit_cpu_share"].get(models.FOREST)
    if share is not None and share > FOREST_SHARE:
        missed.append(f"missed: fitting takes {share:.2f} of the forest's time, {FOREST_SHARE} are allowed")
    return missed


def show(results: list[Result]) -> None:
    """The table: integrated Brier score as a share of Kaplan-Meier's, concordance, and CPU seconds."""
    peers = list(dict.fromkeys(peer for one in results for peer in one.peers))
    table = Table("set", "measure", OURS, *peers, title="Quality: integrated Brier score and what it costs")
    for one in results:
        digits = 4 if one.metric == "integrated_brier" else 3 if one.metric.endswith("_c") else 2
        digits = 0 if one.unit == "sets" else digits
        values = [one.ours, *(one.peers.get(peer) for peer in peers)]
        table.add_row(one.case, one.metric, *("" if value is None else f"{value:.{digits}f}" for value in values))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
