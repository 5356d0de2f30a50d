"""How much of the past a challenger learns from: chosen by backtest, not by habit.

Old outcomes are many and may be of another world; new ones are of this world and few. Which wins is measured: a twin
of each candidate stands at an earlier moment, learns from its window, and is judged on the newest matured leads that a
challenger may know of. The leads of the gate come later and never choose the window they judge.

A worked example: the challenger's snapshot is 20 September. Thirty converted leads were created since 10 June and have
matured by 20 September, so each twin learns from what was known before 10 June: one from everything, one from the
twelve months before, one from the six, one from the onset of the drift where there is enough since.

The longest window is taken unless a shorter one is better by more than the standard error of the paired difference
(Breiman et al. 1984, the one-standard-error rule): thirty conversions tell windows apart poorly, and more data is the
safer guess.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog, Floats, Ints
from monitoring import gate, performance
from training import metrics
from training.fit import fit, training_set
from training.propensity import moments
from veraison.errors import TrainingError
from veraison.playbook import Playbook

ALL, ONSET = "all history", "since the onset"
MONTHS = {"12 months": 365, "6 months": 182}
OUTCOMES = 30
"""Converted leads on which windows are compared; with fewer, all history is learned from."""
DRAWS = 200

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one candidate.

    since    : its first moment at the challenger's snapshot, ISO 8601; None for all history
    log_loss : of its twin on the judging pairs; None where it could not be trained
    behind   : mean log-loss more than the longest window's, and the standard error of that difference
    problem  : why it could not be tried
    """

    name: str
    since: str | None
    log_loss: float | None = None
    behind: float | None = None
    error: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The chosen window.

    since     : first moment of the landmarks that are learned from, microseconds UTC; None for all history
    tried     : every candidate with its figures, the longest first
    converted : leads of the judging pairs that converted
    reason    : in words, why this one
    """

    name: str
    since: int | None
    tried: tuple[Tried, ...]
    judged_on: int
    converted: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "since": None if self.since is None else isoformat(self.since),
            "landmarks": self.judged_on,
            "converted": self.converted,
            "tried": [asdict(one) for one in self.tried],
            "reason": self.reason,
        }


def choose(
    log: EventLog, playbook: Playbook, *, before: int, onset: int | None, threads: int = 2,
    say: Say = lambda _: None,
) -> Window:  # fmt: skip
    """The window from which a challenger of this snapshot learns.

    before : the challenger's snapshot, microseconds UTC; nothing known later is looked at
    onset  : since when the world is another one, microseconds UTC
    """
    primary, seed = playbook.horizons.primary, playbook.training.seed
    pairs = moments(log, playbook, before=before)
    first = int(pairs.as_of.min()) if len(pairs) else before
    seen = performance.matured(log, playbook, pairs, born_after=first, at=before)
    split = gate.snapshot_for(
        seen, playbook.monitoring, champion=first, primary=primary, at=before, outcomes=OUTCOMES
    )  # fmt: skip
    if split is None:
        few = f"{seen.converted} conversions had matured, {OUTCOMES} are needed to compare windows"
        return Window(ALL, None, (), len(seen), seen.converted, few)
    judge = seen[seen.pairs.born >= split]
    windows = candidates(first=first, split=split, before=before, onset=onset)
    if len(windows) == 1:
        return Window(ALL, None, (), len(judge), judge.converted, "the history holds no shorter window to compare")
    losses: dict[str, Floats] = {}
    problems = {}
    for one in windows:
        say(f"trying what a model learns from {one.name}")
        try:
            data = training_set(log, playbook, before=split, since=one.twin)
            twin = fit(data, playbook, before=split, threads=threads, interval=False)
        except TrainingError as problem:
            problems[one.name] = str(problem)
        else:
            losses[one.name] = gate.losses(judge.happened, performance.chances(log, twin, judge, primary, threads))
    tried = []
    for one in windows:
        start = None if one.since is None else isoformat(one.since)
        if one.name in problems:
            tried.append(Tried(one.name, start, problem=problems[one.name]))
            continue
        loss = losses[one.name]
        gap = loss - losses.get(ALL, loss)
        figures = float(loss.mean()), float(gap.mean()), _standard_error(gap, judge.person, seed)
        behind, error = round(figures[1], 6), round(figures[2], 6)
        tried.append(Tried(one.name, start, round(figures[0], 6), behind, error))
    name, reason = best(tried)
    since = next(one.since for one in windows if one.name == name)
    return Window(name, since, tuple(tried), len(judge), judge.converted, reason)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a window begins, microseconds UTC: for the twin, and for the challenger; None with the history."""

    name: str
    twin: int | None
    since: int | None


def candidates(*, first: int, split: int, before: int, onset: int | None) -> list[Candidate]:
    """The windows to try, the longest first.

    Months that would hold all of the history are left out, and so is an onset of which the twin knew nothing.

    first, split, before, onset : microseconds UTC; the history's beginning, the twins' snapshot, the challenger's
    """
    spans = {name: days * MICROS_PER_DAY for name, days in MONTHS.items() if split - days * MICROS_PER_DAY > first}
    months = [Candidate(name, split - span, before - span) for name, span in spans.items()]
    since_onset = [Candidate(ONSET, onset, onset)] if onset is not None and first < onset < split else []
    return [Candidate(ALL, None, None), *months, *since_onset]


def best(tried: list[Tried]) -> tuple[str, str]:
    """The name of the window to take, and why.

    >>> best([Tried(ALL, None, 0.31, 0.0, 0.0), Tried("6 months", "2026-01-01", 0.29, -0.02, 0.005)])
    ('6 months', 'its log-loss was lower by 0.0200, the standard error of that is 0.0050')
    >>> best([Tried(ALL, None, 0.31, 0.0, 0.0), Tried("6 months", "2026-01-01", 0.30, -0.01, 0.012)])[0]
    'all history'
    """
    better = [one for one in tried if one.behind is not None and one.error is not None and one.behind < -one.error]
    if not better:
        return ALL, "no shorter window was better by more than the standard error of the difference"
    found = min(better, key=lambda one: one.behind or 0.0)
    gain = -(found.behind or 0.0)
    return found.name, f"its log-loss was lower by {gain:.4f}, the standard error of that is {found.error:.4f}"


def _standard_error(gap: Floats, person: Ints, seed: int) -> float:
    """Of a mean over pairs, drawing whole persons: the 95 % interval of a bootstrap is 3.92 of them wide."""
    low, high = metrics.bootstrap(lambda rows: float(gap[rows].mean()), person, draws=DRAWS, seed=seed)
    return (high - low) / 3.92
