"""Rules on a watched market, week by week: ours, Evidently's plain preset, and an index above .2.

The market is scored once, not once a week.
"""

import os
import warnings
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.watched import WEEKS, Watched
from data.events import MICROS_PER_DAY
from monitoring import expected, policy
from monitoring.causes import Cause
from monitoring.drift import matched
from monitoring.expected import YEAR
from monitoring.inputs import Inputs, Usually, gather, look
from monitoring.weeks import WEEK, weekly
from training.landmarks import landmarks

RULE_OF_THUMB = 0.2


@dataclass(frozen=True)
class Week:
    """What each rule said of one week.

    causes : of ours, all that was seen; those that act are its alarm
    psi    : whether any column, and whether the score, has an index above `RULE_OF_THUMB`
    preset : whether Evidently's preset says that the data set has drifted; None where it was not asked
    """

    number: int
    causes: list[Cause]
    psi: tuple[bool, bool]
    preset: bool | None

    @property
    def alarm(self) -> list[tuple[str, str]]:
        """Kind and name of what acts."""
        return [(cause.kind, cause.name) for cause in self.causes if cause.acts]


def weeks(
    market: Watched, *, first: int = 1, last: int = WEEKS, preset_in: Container[int] = (), counting: bool = True,
    usual: Usually | None = None,
) -> tuple[list[Week], Usually]:  # fmt: skip
    """Each rule on weeks `first` to `last` of a market, and what is usual of it.

    preset_in : weeks in which the preset is asked
    counting  : whether conversions are held against the expected ones
    usual     : of a market that is the same before the snapshot
    """
    book, rules = market.book, market.book.monitoring
    since = market.week(first) - rules.recent_days * MICROS_PER_DAY
    at = market.week(last)
    seen = gather(
        market.log, book, market.champion, landmarks(market.log, book, before=at),
        snapshot=market.snapshot, at=at, since=since, usual=usual, threads=1,
    )  # fmt: skip
    counted = None
    if counting:
        year_before = market.snapshot - (YEAR + 1) * WEEK
        counted = weekly(market.log, market.champion, book, since=year_before, until=at, threads=1)
    found = []
    for number in range(first, last + 1):
        now, won = look(seen, market.week(number), None, threads=1), None
        if counted is not None:
            won = expected.judge(market.log, counted, book, snapshot=market.snapshot, as_of=market.week(number))
        causes = [
            *policy.structural(now.changed, market.champion, book),
            *policy.delivered(now.silent, now.volumes, now.quality.faults),
            *policy.distributional(now.drift, rules),
            *policy.unexpected(won),
        ]
        any_column = any(column.psi > RULE_OF_THUMB for column in now.drift.columns)
        score = now.drift.score is not None and now.drift.score.psi > RULE_OF_THUMB
        said = plain_preset(seen, market.week(number)) if number in preset_in else None
        found.append(Week(number, causes, (any_column, score), said))
    return found, seen.usual


def plain_preset(seen: Inputs, at: int) -> bool:
    """Whether Evidently's `DataDriftPreset`, with its own tests and thresholds, finds that half of the columns drift.

    Only the metric that says so is asked for: the drawings that the preset comes with take seven times as long.
    Columns that it cannot compare (constant or empty on either side) are left out, as its users must.
    """
    reference = seen.usual.reference
    if reference is None:
        return False
    pairs, length = seen.scored.pairs, seen.playbook.monitoring.recent_days * MICROS_PER_DAY
    mine = np.flatnonzero((pairs.as_of < at) & (pairs.as_of >= at - length))
    now, before, _ = matched(pairs.day[mine], reference.sample.day, seen.playbook.training.seed)
    chunk, reference = seen.scored.features[mine[now]], reference.values[before]
    names = seen.champion.feature_set.names
    usable = [
        place
        for place in range(len(names))
        if all(len(np.unique(side[~np.isnan(side[:, place]), place])) > 1 for side in (chunk, reference))
    ]
    os.environ.setdefault("DO_NOT_TRACK", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Evidently and SciPy, on columns of few values; the peer is taken as it is
        import pandas as pd  # noqa: PLC0415 (seconds)
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 (six seconds)
        from evidently.metrics import DriftedColumnsCount  # noqa: PLC0415 (comes with it)

        columns = [names[place] for place in usable]
        definition = DataDefinition(numerical_columns=columns)
        both = [
            Dataset.from_pandas(pd.DataFrame(side[:, usable], columns=columns), data_definition=definition)
            for side in (chunk, reference)
        ]
        run: Any = Report([DriftedColumnsCount()]).run(*both)
    share = run.dict()["metrics"][0]["value"]["share"]
    return bool(share >= 0.5)
