"""Look back over history: every model at every origin on the same later leads, and whether ours is better.

A worked example: origins 7, 16 and 24 November. At each, every model learns from what was known that day and is judged
on the leads created after it, so a lead of December is judged three times, by three different trainings. Comparisons
and slices pool the three folds, and draw that lead with all its rows or not at all.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import polars as pl

from data.events import instant, isoformat
from data.log import EventLog
from training.comparison import compare
from training.competing import CAUSES
from training.evaluate import OURS, Judged, judge, measure
from training.jobs import default_origins
from training.peers import EXTRA, FAST, PEERS, missing_library
from training.slices import SliceRows, measure_slices
from veraison.errors import TrainingError
from veraison.playbook import Playbook

Say = Callable[[str], None]
FOLDS = 3
WON = CAUSES[0]
_INCIDENCE = {
    "origin": pl.Int64, "horizon": pl.Int64, "cause": pl.String, "observed": pl.Float64, "before": pl.Float64,
    "predicted": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Backtest:
    """What a look back found.

    before : the snapshot up to which outcomes count, microseconds UTC
    folds  : one an origin, oldest first
    notes  : what must be said with the figures: peers left out, samples
    draws  : bootstrap draws behind each interval
    """

    before: int
    primary: int
    folds: tuple[Judged, ...]
    notes: tuple[str, ...]
    draws: int

    @cached_property
    def figures(self) -> pl.DataFrame:
        """The figures of training.evaluate.measure, one fold after the other."""
        return pl.concat([measure(fold, draws=self.draws) for fold in self.folds])

    @cached_property
    def by_day(self) -> pl.DataFrame:
        """The same for each landmark day alone."""
        return pl.concat([measure(fold, draws=self.draws, by_day=True) for fold in self.folds])

    @cached_property
    def incidence(self) -> pl.DataFrame:
        """How the leads of each fold ended, whichever way came first (training.competing).

        Columns: origin, horizon, cause ("converted", "lost", "opted_out"), observed, before (the share that the
        training rows had), predicted (mean probability of ours; of conversion alone, the one ending that is modelled)
        """
        rows = []
        for fold in self.folds:
            for place, days in enumerate(fold.horizons):
                told = float(fold.probability[OURS][:, place].mean())
                earlier = fold.ended_before.get(f"{days}d", {})
                rows += [
                    (fold.origin, days, cause, share, earlier.get(cause), told if cause == WON else None)
                    for cause, share in fold.ended[f"{days}d"].items()
                ]
        return pl.DataFrame(rows, schema=_INCIDENCE, orient="row").with_columns(
            pl.col("origin").cast(pl.Datetime("us", "UTC"))
        )

    @cached_property
    def comparison(self) -> pl.DataFrame:
        """Ours against every peer, all folds together: training.comparison.compare."""
        return compare(self.folds, OURS, draws=self.draws)

    @cached_property
    def slices(self) -> pl.DataFrame:
        """Ours for each kind of lead within the primary horizon, all folds together."""
        place = self.folds[0].horizons.index(self.primary)
        names = [name for name in self.folds[0].groups if all(name in fold.groups for fold in self.folds)]
        rows = SliceRows(
            {name: np.concatenate([fold.groups[name] for fold in self.folds]) for name in names},
            np.concatenate([fold.person for fold in self.folds]),
            np.concatenate([fold.outcomes.within(self.primary) for fold in self.folds]),
            np.concatenate([fold.probability[OURS][:, place] for fold in self.folds]),
        )
        return measure_slices(rows, draws=self.draws)


def backtest(
    log: EventLog,
    playbook: Playbook,
    *,
    before: int,
    origins: Sequence[int] = (),
    folds: int = FOLDS,
    peers: Collection[str] = FAST,
    threads: int = 2,
    draws: int = 200,
    say: Say = lambda _: None,
) -> Backtest:
    """Roll the origin through history.

    origins : moments, microseconds UTC; empty chooses up to `folds` of them
    peers   : names of training.peers.PEERS; those whose library is not installed are left out, with a note
    Raises  : TrainingError where history is too short
    """
    chosen = list(origins) or default_origins(log, playbook, before, folds=folds)
    if not chosen:
        raise TrainingError(
            f"history is too short to look back: before {isoformat(before)} no origin leaves "
            f"{playbook.training.min_conversions} conversions to learn from and leads followed for "
            f"{max(playbook.horizons.days)} days to judge on; use shorter horizons or ingest more history"
        )
    there, notes = installed(peers)
    judged = []
    for place, origin in enumerate(sorted(chosen), start=1):
        tell = partial(_of_fold, say, f"fold {place} of {len(chosen)}")
        tell(f"training on what was known before {isoformat(origin)}")
        judged.append(judge(log, playbook, origin, before, threads=threads, peers=there, say=tell))
        notes += [f"{instant(origin):%Y-%m-%d}, {note}" for note in judged[-1].notes]
    return Backtest(before, playbook.horizons.primary, tuple(judged), tuple(notes), draws)


def _of_fold(say: Say, fold: str, what: str) -> None:
    say(f"{fold}: {what}")


def installed(peers: Collection[str]) -> tuple[list[str], list[str]]:
    """Those peers that can be fitted here, and a line that names the others."""
    absent = [name for name in peers if missing_library(PEERS[name])]
    notes = (
        [f"left out, their libraries are not installed: {', '.join(absent)}; get them with: {EXTRA}"] if absent else []
    )
    return [name for name in peers if name not in absent], notes
