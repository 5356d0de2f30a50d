"""Which settings of the hazard do best on what came later: Optuna on folds that roll through the past.

Each fold trains on what was known at its origin and is judged on leads created after it, as `veraison backtest` does.
The newest fold takes no part in the search: among many trials the best is partly luck, so what it is worth beside the
shipped settings is measured there, on leads that did not choose it. Nothing after the snapshot is looked at.
The first trial that is completed is always the shipped settings, so that the answer can be "leave them".

A study is named after its data, playbook and snapshot and kept in a database: broken off, it goes on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from data.events import isoformat
from data.log import EventLog, Floats, Ints
from features import compute
from training import metrics, provenance
from training.evaluate import later_pairs
from training.fit import TrainingSet, directions, training_set
from training.hazard import HazardModel
from training.jobs import default_origins
from training.landmarks import Outcomes, conversions
from veraison.errors import TrainingError
from veraison.playbook import Playbook

FOLDS = 3
ROWS = 20_000
"""Landmarks a fold is judged on at most, chosen by chance."""
_DRAWS = 200

Space = Callable[[optuna.Trial], dict[str, Any]]
Record = Callable[[int, Mapping[str, Any], Mapping[str, float]], None]


@dataclass(frozen=True)
class Fold:
    """What one origin trains on, and what it is judged by.

    features, outcomes, person : (n, f), n and (n,) of later leads; all settled for every horizon
    """

    origin: int
    data: TrainingSet
    features: Floats
    outcomes: Outcomes
    person: Ints


@dataclass(frozen=True)
class Tuned:
    """What was found.

    settings   : the best, as the playbook's ``[training.model]`` takes them; empty where the shipped ones were best
    loss       : mean log-loss over horizons of the leads it is judged on; `shipped` that of the shipped settings
    difference : ``loss - shipped`` with its 95 % interval, paired by person
    trials     : how many are done, those of earlier runs too
    apart      : whether those leads are others than those that chose; else the difference is rosier than the truth
    """

    settings: dict[str, Any]
    loss: float
    shipped: float
    difference: tuple[float, float, float]
    trials: int
    apart: bool

    @property
    def better(self) -> bool:
        """Whether the best settings can be told from the shipped ones."""
        return bool(self.settings) and self.difference[2] < 0

    def toml(self) -> str:
        """For the playbook."""
        lines = [f"{name} = {_rounded(value)}" for name, value in self.settings.items()]
        return "\n".join(["[training.model]", *lines]) + "\n"


def space(trial: optuna.Trial) -> dict[str, Any]:
    """Where to look: slow learners of few leaves, from hardly to strongly held back."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.15, log=True),
        "rounds": trial.suggest_int("rounds", 60, 600, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 3, 31, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 10, 400, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 1_000.0, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
        "bins": trial.suggest_int("bins", 4, 20),
    }


def tune(
    log: EventLog,
    playbook: Playbook,
    *,
    before: int,
    budget: float,
    storage: Path,
    trials: int | None = None,
    threads: int = 2,
    record: Record = lambda _number, _settings, _figures: None,
    say: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Search for so many seconds, or so many trials in all if they are fewer.

    before  : the snapshot, microseconds UTC
    budget  : seconds, of which making the folds takes its share
    storage : a SQLite file that keeps the study
    record  : told each trial's number, settings and figures
    Raises  : TrainingError where history is too short for a fold
    """
    until = monotonic() + budget
    made, judges = search_and_judge(log, playbook, before, say)
    apart = made is not judges
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{storage.absolute()}",
        study_name=f"{provenance.fingerprint(log, before)}-{playbook.fingerprint}-{isoformat(before)}"
        + ("" if apart else "-together"),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        load_if_exists=True,
    )
    # with the same seed again, a study that goes on would draw the settings that it has tried
    study.sampler = optuna.samplers.TPESampler(seed=playbook.training.seed + len(study.trials), multivariate=True)
    if there := _tried(study):
        say(f"{there} trials are there from before")

    def objective(trial: optuna.Trial) -> float:
        shipped = _shipped(study)
        settings = space(trial) if shipped else {}
        losses: list[float] = []
        for place, fold in enumerate(made):
            losses.append(float(_losses(fold, settings, playbook, threads).mean()))
            so_far = float(np.mean(losses))
            trial.report(so_far, place)
            if shipped and trial.should_prune():
                raise optuna.TrialPruned
        record(trial.number, settings, {"log_loss": so_far})
        return so_far

    def told(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if study.best_trial.number == trial.number:
            say(f"trial {trial.number}: log-loss {trial.value:.5f}" + ("" if trial.params else " (as shipped)"))

    left = None if trials is None else max(0, trials - there)
    if _shipped(study) is None:  # whatever the budget, there is something to compare with
        study.optimize(objective, n_trials=1, callbacks=[told])
        left = None if left is None else max(0, left - 1)
    if left != 0 and until > monotonic():
        study.optimize(objective, n_trials=left, timeout=until - monotonic(), callbacks=[told])
    best = dict(study.best_trial.params)
    say("judging what was found" + (" on leads that did not choose it" if apart else ""))
    shipped = [_losses(fold, {}, playbook, threads) for fold in judges]
    chosen = [_losses(fold, best, playbook, threads) for fold in judges] if best else shipped
    gap = np.concatenate(chosen) - np.concatenate(shipped)
    person = np.concatenate([fold.person for fold in judges])
    low, high = metrics.bootstrap(
        lambda rows: float(gap[rows].mean()), person, draws=_DRAWS, seed=playbook.training.seed
    )
    return Tuned(
        settings=best,
        loss=float(np.concatenate(chosen).mean()),
        shipped=float(np.concatenate(shipped).mean()),
        difference=(float(gap.mean()), low, high),
        trials=_tried(study),
        apart=apart,
    )


def _shipped(study: optuna.Study) -> optuna.trial.FrozenTrial | None:
    """The completed trial of the shipped settings, the one that suggests none; None where it is yet to come."""
    return next((one for one in study.trials if one.state is TrialState.COMPLETE and not one.params), None)


def _tried(study: optuna.Study) -> int:
    """How many trials came to an end; those that were broken off tell nothing."""
    return sum(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in study.trials)


def search_and_judge(
    log: EventLog, playbook: Playbook, before: int, say: Callable[[str], None]
) -> tuple[list[Fold], list[Fold]]:
    """The folds that choose and those that judge: the newest, where what was known at its origin holds older ones.

    Raises TrainingError where there is no fold at all. In a history too short for both the same list does both.
    """
    for origin in default_origins(log, playbook, before, folds=1):
        if earlier := default_origins(log, playbook, origin, FOLDS):
            return folds(log, playbook, earlier, origin, say), folds(log, playbook, [origin], before, say)
    origins = default_origins(log, playbook, before, FOLDS)
    if not origins:
        raise TrainingError(
            f"history before {isoformat(before)} is too short to tune on; the shipped settings are made for that"
        )
    say("history is too short to judge on other leads than those that choose: what is found will look too good")
    made = folds(log, playbook, origins, before, say)
    return made, made


def folds(log: EventLog, playbook: Playbook, origins: list[int], before: int, say: Callable[[str], None]) -> list[Fold]:
    """What each origin learns from, and is judged by as known at `before`."""
    random = np.random.default_rng(playbook.training.seed)
    found = []
    for origin in origins:
        say(f"a fold: what was known before {isoformat(origin)}, judged by the leads after it")
        data = training_set(log, playbook, before=origin)
        pairs = later_pairs(log, playbook, origin, before)
        outcomes, usable = conversions(log, playbook, pairs, before)
        usable &= outcomes.settled(max(playbook.horizons.days))
        rows = np.flatnonzero(usable)
        if len(rows) > ROWS:
            rows = np.sort(random.choice(rows, ROWS, replace=False))
        pairs, outcomes = pairs[rows], outcomes[rows]
        features = compute.batch(log, data.feature_set, pairs.lead, pairs.as_of, pairs.started)
        found.append(Fold(origin, data, features, outcomes, log.persons(before)[pairs.lead].astype(np.int64)))
    return found


def _losses(fold: Fold, settings: Mapping[str, Any], playbook: Playbook, threads: int) -> Floats:
    """(n,) log-loss of each later landmark, averaged over the horizons."""
    data, days = fold.data, playbook.horizons.days
    model = HazardModel.fit(
        data.features, data.outcomes, days, categorical=data.feature_set.categorical, clocks=data.feature_set.clocks,
        seed=playbook.training.seed, threads=threads, weight=data.weight,
        monotone=directions(data.feature_set, playbook), settings=settings,
    )  # fmt: skip
    at = np.searchsorted(model.edges, days)
    chance = np.clip(-np.expm1(-model.cumulative(fold.features, threads)[:, at]), 1e-12, 1 - 1e-12)
    happened = np.column_stack([fold.outcomes.within(horizon) for horizon in days])
    found: Floats = -np.log(np.where(happened, chance, 1 - chance)).mean(axis=1)
    return found


def _rounded(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
