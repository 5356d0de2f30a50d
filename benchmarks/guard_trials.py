"""How often the guard takes back a promoted model over a whole trial: ``python -m benchmarks.guard_trials``.

On simulated paired losses. The two models miss the log-odds of the truth by independent errors, so that neither is
better; the second is then moved away by a constant. A trial has sixteen looks, a week apart. Beside the guard's own
interval (`monitoring.guard.boundary`) stand the same 1.96 standard errors at each look, and the mixture of Robbins
(1970), which holds for trials without an end.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from data.log import Floats, Ints
from monitoring.guard import LEVEL, boundary

LOOKS, MARGIN = 16, 0.01
WORSE = {"as good": 0.0, "worse": -1.5, "far worse": 2.0}
"""By how much the log-odds of the second model are moved."""
MIXED = 8.0
"""Of the mixture, what has been learned by the middle of the trial; it is narrowest about there."""


def mixture(share: float) -> float:
    """Standard errors of Robbins' mixture at a share of the trial, one-sided."""
    known = 2 * MIXED * share
    return float(np.sqrt((known + 1) / known * 2 * np.log(np.sqrt(known + 1) / (2 * LEVEL) + 1)))


RULES: dict[str, Callable[[float], float]] = {
    "95 % at each look": lambda _: 1.96,
    "the guard's": boundary,
    "mixture": mixture,
}


def trials(weekly: int, count: int, moved: float, rng: np.random.Generator) -> tuple[Floats, Floats, Ints]:
    """(count, looks) mean difference in log-loss so far, its standard error, and conversions.

    weekly : leads a week, each with one to four landmarks that share its outcome
    """
    leads = weekly * LOOKS
    chance = rng.beta(1, 18, (count, leads))
    odds, happened = np.log(chance / (1 - chance)), rng.random((count, leads)) < chance
    first, second = (odds + rng.normal(0, 0.3, odds.shape) for _ in range(2))
    sign = np.where(happened, -1.0, 1.0)
    marks = rng.integers(1, 5, odds.shape)
    worse = marks * (np.logaddexp(0, sign * (second + moved)) - np.logaddexp(0, sign * first))
    looks = np.arange(weekly, leads + 1, weekly) - 1
    total, counted, square, product, squares = (
        np.cumsum(one, axis=1)[:, looks] for one in (worse, marks, worse**2, worse * marks, marks**2)
    )
    mean = total / counted
    error = np.sqrt(square - 2 * mean * product + mean**2 * squares) / counted
    return mean, error, np.cumsum(happened, axis=1)[:, looks]


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.guard_trials", description=__doc__.partition("\n")[0])
    asked.add_argument("--trials", type=int, default=2_000)
    asked.add_argument("--outcomes", type=int, default=10, help="conversions before the guard speaks")
    given = asked.parse_args(arguments)
    rng = np.random.default_rng(1)
    table = Table("leads a week", "second model", "log-loss", "guard", *RULES, title="taken back, % (median week)")
    for weekly in (20, 58, 385):
        count = min(given.trials, given.trials * 100 // weekly)  # of large firms fewer: their trials vary less
        for name, moved in WORSE.items():
            mean, error, converted = trials(weekly, count, moved, rng)
            for margin in (0.0, MARGIN) if name == "as good" else (MARGIN,):
                cells = []
                for rule in RULES.values():
                    wide = np.array([rule((look + 1) / LOOKS) for look in range(LOOKS)])
                    fell = (mean - wide * error > margin) & (converted >= given.outcomes)
                    week = 1 + fell.argmax(axis=1)[fell.any(axis=1)]
                    when = f" ({np.median(week):.0f})" if len(week) else ""
                    cells.append(f"{100 * len(week) / len(mean):.1f}{when}")
                table.add_row(f"{weekly}", name, f"{mean[:, -1].mean():+.3f}", f"{margin}", *cells)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
