"""Reasons and curves: ``python -m benchmarks.explain [--leads N] [--rows N] [--repeat N]``.

A market is simulated and a model is trained on it, as `veraison train` does (one target). Then, in one process with one
thread, ours and LightGBM's take turns on the same rows: Shapley values against ``pred_contrib``, the hazard's curve
against ``predict`` of each row once a bin. Each is timed in CPU seconds; of all rounds the median is taken. The last
case makes explained scores from a ready feature table: predictions, points, and the table that `veraison score` writes.

Rows are those of the training set, drawn again, with numbers that are not whole stretched by up to a tenth: texts that
were made for one row then serve another no more often than they do in life.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.features import Result
from data.journey import Status
from data.log import NEVER, Floats
from data.parse import judge
from data.simulator import simulate
from data.sources import open_source
from data.store import Store
from serving.scorer import Scores, of_features
from training import distil
from training.bundle import Bundle
from training.fit import TrainingSet, fit, training_set
from training.forest import forest_of
from training.hazard import LARGEST_LOG_RATIO, HazardModel, middles
from training.shapley import Explainer
from veraison.playbook_file import load_playbook

RESULTS = Path(__file__).parent / "results" / "explain.json"
PEER = "lightgbm"
_ONE_ROW_TIMES = 300
_PEER_ROWS = 20_000
"""LightGBM's curve repeats each row once a bin: more rows than these would not fit into memory at once."""
_LARGE_TREES = 31
_LATER = 2**60
"""A moment after all that is simulated."""

console = Console()


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.explain", description=__doc__.partition("\n")[0])
    asked.add_argument("--leads", type=int, default=2_000, help="of the market that the model is trained on")
    asked.add_argument("--rows", type=int, default=100_000, help="rows of a batch")
    asked.add_argument("--repeat", type=int, default=5, help="rounds; the median of each cost is taken")
    given = asked.parse_args(arguments)
    if (load := os.getloadavg()[0]) > 0.5:
        console.print(f"[yellow]this machine is busy (load {load:.1f}): CPU seconds are given, and they suffer too")
    bundle, data = _trained(given.leads)
    rows = _drawn(data, given.rows)
    console.print(
        f"{rows.shape[1]} features, {len(data.feature_set.categorical)} of them categories, "
        f"{np.isnan(rows).mean():.0%} missing; {len(bundle.conversion.rates)} bins"
    )
    large = _with_large_trees(data)
    results = [
        *_explain("served", bundle.explained.booster, rows, given.repeat),
        *_explain(f"{_LARGE_TREES}_leaves", large, rows[: given.rows // 10], given.repeat),
        *_curve(bundle.conversion, rows, given.repeat),
        *_scores(bundle, rows, given.repeat),
    ]
    _show(results)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
    return 0


def _trained(leads: int) -> tuple[Bundle, TrainingSet]:
    """A model of a simulated market, one target, and what it was trained on."""
    with tempfile.TemporaryDirectory() as folder, Store("sqlite://") as store:
        console.print(f"simulating {leads:,} leads and training", style="dim")
        events = Path(folder) / "market.ndjson"
        simulate(events, leads=leads)
        store.append(judge(record, now=_LATER) for record in open_source(events))
        log, playbook = store.scan(), load_playbook(events.with_suffix(".playbook.toml"))
    before = int(log.known.max()) + 1
    journey = playbook.journey.model_copy(update={"ready": (), "returned": ()})
    playbook = playbook.model_copy(update={"journey": journey})
    data = training_set(log, playbook, before=before)
    return fit(data, playbook, before=before, threads=1), data


def _drawn(data: TrainingSet, rows: int) -> Floats:
    rng = np.random.default_rng(7)
    found = data.features[rng.integers(0, len(data.features), rows)]
    stretched = found * rng.uniform(0.9, 1.1, found.shape)
    return np.ascontiguousarray(np.where(found == np.round(found), found, stretched))


def _with_large_trees(data: TrainingSet) -> lgb.Booster:
    """Too large for tables; it need not predict anything well."""
    label = np.nan_to_num(data.features).clip(-10, 10) @ np.random.default_rng(1).normal(size=data.features.shape[1])
    own = lgb.Dataset(data.features, label, categorical_feature=data.feature_set.categorical, params={"verbosity": -1})
    settings = distil.PARAMETERS | {"num_leaves": _LARGE_TREES, "num_threads": 1}
    return lgb.train(settings, own, distil.ROUNDS)


def _explain(case: str, booster: lgb.Booster, rows: Floats, rounds: int) -> list[Result]:
    """Shapley values in one batch and of one row, how far apart they are, and what our tables cost."""

    def theirs(some: Floats) -> Any:
        return booster.predict(some, pred_contrib=True, num_threads=1)

    explainer = Explainer(forest_of(booster))
    built = _least(lambda: Explainer(forest_of(booster)), rounds)
    batch = _paired(lambda: explainer(rows), lambda: theirs(rows), rounds, len(rows))
    single = _of_one_row(lambda: explainer(rows[:1]), lambda: theirs(rows[:1]), rounds)
    far = float(np.abs(explainer(rows) - theirs(rows)[:, :-1]).max())
    return [
        Result.of(f"explain_{case}_batch", "cpu_per_row", "us", batch[0], {PEER: batch[1]}),
        Result.of(f"explain_{case}_one_row", "cpu_per_row", "us", single[0], {PEER: single[1]}),
        Result(f"explain_{case}", "largest_difference", "log-odds", far),
        Result(f"explain_{case}", "tables", "MB", explainer.table_bytes / 1e6),
        Result(f"explain_{case}", "build", "ms", built * 1e3),
    ]


def _curve(model: HazardModel, rows: Floats, rounds: int) -> list[Result]:
    """Cumulative hazards of all bins, and LightGBM's predictions of the same; beside them one prediction alone."""
    bins = len(model.rates)

    def theirs(some: Floats) -> Floats:
        repeated = np.column_stack([np.repeat(some, bins, axis=0), np.tile(np.arange(float(bins)), len(some))])
        passed = np.tile(middles(model.edges), len(some))
        repeated[:, list(model.clocks)] += passed[:, None]  # days since something go on from bin to bin
        found = np.asarray(model.booster.predict(repeated, raw_score=True, num_threads=1)).reshape(-1, bins)
        hazard = model.rates * np.diff(model.edges) * np.exp(np.clip(found, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO))
        return np.cumsum(hazard, axis=1)

    some = rows[:_PEER_ROWS]
    alone = np.column_stack([some, np.zeros(len(some))])
    batch = _paired(lambda: model.cumulative(some), lambda: theirs(some), rounds, len(some))
    single = _of_one_row(lambda: model.cumulative(rows[:1]), lambda: theirs(rows[:1]), rounds)
    once = _least(lambda: model.booster.predict(alone, raw_score=True, num_threads=1), rounds) / len(some) * 1e6
    far = float(np.abs(model.cumulative(some)[:, 1:] - theirs(some)).max())
    return [
        Result.of("curve_batch", "cpu_per_row", "us", batch[0], {PEER: batch[1]}),
        Result.of("curve_one_row", "cpu_per_row", "us", single[0], {PEER: single[1]}),
        Result.of("curve_against_one_prediction", "cpu_per_row", "us", batch[0], {PEER: once}),
        Result("curve", "largest_difference", "hazard", far),
    ]


def _scores(bundle: Bundle, rows: Floats, rounds: int) -> list[Result]:
    """Explained scores from a ready feature table, on one core."""
    _explained(bundle, rows[:10]).table()
    predicted, told, whole = [], [], []
    for _ in range(rounds):
        begun = time.process_time()
        scores = _explained(bundle, rows)
        between = time.process_time()
        scores.table()
        ended = time.process_time()
        predicted.append(between - begun)
        told.append(ended - between)
        whole.append(ended - begun)
    micros = [statistics.median(times) / len(rows) * 1e6 for times in (predicted, told)]
    return [
        Result("scores_with_reasons", "predict", "us", micros[0]),
        Result("scores_with_reasons", "table", "us", micros[1]),
        Result("scores_with_reasons", "leads_per_second_and_core", "leads/s", len(rows) / statistics.median(whole)),
    ]


def _explained(bundle: Bundle, rows: Floats) -> Scores:
    """As serving.scorer.score makes them, the features being there."""
    count = len(rows)
    return of_features(
        bundle,
        rows,
        lead_ids=[f"L{number:07d}" for number in range(count)],
        as_of=np.full(count, 1_767_225_600_000_000),
        status=[Status.scored] * count,
        ready_at=np.full(count, NEVER),
        scored=np.arange(count),
    )


def _paired(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, rows: int) -> tuple[float, float]:
    """CPU microseconds a row of each, in turn, the first of a round being last in the next."""
    costs: dict[Callable[[], Any], list[float]] = {ours: [], theirs: []}
    ours()
    for number in range(rounds):
        for work in (ours, theirs) if number % 2 else (theirs, ours):
            costs[work].append(_cpu(work))
    mine, others = (statistics.median(times) / rows * 1e6 for times in costs.values())
    return mine, others


def _of_one_row(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """The same of many calls of one row each."""

    def often(work: Callable[[], Any]) -> None:
        for _ in range(_ONE_ROW_TIMES):
            work()

    return _paired(lambda: often(ours), lambda: often(theirs), rounds, _ONE_ROW_TIMES)


def _least(work: Callable[[], Any], rounds: int) -> float:
    return min(_cpu(work) for _ in range(rounds))


def _cpu(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _show(results: list[Result]) -> None:
    table = Table(title="Reasons and curves on one thread, CPU time")
    for heading in ("case", "metric", "unit", "ours", PEER, "times faster"):
        table.add_column(heading, justify="left" if heading in ("case", "metric", "unit") else "right")
    for one in results:
        faster = "" if one.ratio_to_best_peer is None else f"{1 / one.ratio_to_best_peer:.1f}"
        peer = f"{one.peers[PEER]:,.1f}" if PEER in one.peers else ""
        table.add_row(one.case, one.metric, one.unit, f"{one.ours:,.3g}", peer, faster)
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
