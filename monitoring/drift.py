"""Do the inputs and the scores of the newest chunk look as they did in training?

Every column is cut into bins that the training reference defines, and its population stability index (PSI) is held
against what a chunk of this size and this firm usually has (monitoring.thresholds). Evidently's report shows the bins
and comes to the same figures, in twenty times the time.

Like is compared with like: the mix of landmark days differs between a short chunk and a long history by construction,
so the reference is resampled to the chunk's mix.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.events import MICROS_PER_DAY
from data.log import EventLog, Floats, Ints
from features import compute
from monitoring import psi
from monitoring.chance import WEEK
from monitoring.thresholds import Compared, Resampling, Sample, Thresholds, calibrate
from training.bundle import Bundle
from training.landmarks import Landmarks
from veraison.playbook import Monitoring

ROWS = 5_000
"""Rows compared at most on either side. With more, Evidently fills an empty bin with a millionth of the rarest one
instead of .0001, and one new value is enough for any PSI."""
REFERENCE_PER_DAY = 30
"""A landmark day with fewer rows than this in the reference cannot stand for what training saw; it is left out."""
PROBABILITY = "probability"

Labels = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Scored:
    """(n,) landmarks as the champion sees them.

    features    : (n, f) in the order of its feature set
    points      : (n, f) what each column adds to the score
    probability : (n,) of conversion within the primary horizon
    """

    pairs: Landmarks
    features: Floats
    points: Floats
    probability: Floats

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Scored":
        return Scored(self.pairs[rows], self.features[rows], self.points[rows], self.probability[rows])

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column of the chunk against the reference.

    psi             : population stability index over the reference's bins
    limit           : the index from which on it is news for a chunk of this size (monitoring.thresholds)
    missing, before : share of rows without a value, in the chunk and in the reference
    moved           : by how many points of score the column's average part moved
    """

    name: str
    psi: float
    limit: float
    missing: float
    before: float
    moved: float


@dataclass(frozen=True)
class Column:
    """(m,) values in the reference and (n,) in the chunk, NaN where there is none; codes if `categorical`."""

    reference: Floats
    chunk: Floats
    categorical: bool = False


@dataclass(frozen=True)
class Drift:
    """What was compared and what came of it.

    columns   : one entry a feature, the furthest drifted first
    score     : the same for the probability; `moved` is the shift of the average score
    scored    : landmarks of the chunk; `leads` different leads
    compared  : rows of the chunk that were compared, `reference` rows on the other side
    left_out  : landmark days that training saw too rarely to compare
    thresholds: what the limits rest on, None where nothing was compared
    """

    columns: list[ColumnDrift]
    score: ColumnDrift | None
    scored: int
    leads: int
    compared: int
    reference: int
    left_out: list[int]
    thresholds: Thresholds | None = None

    @property
    def drifted(self) -> list[ColumnDrift]:
        """The columns beyond their limits."""
        return [column for column in self.columns if column.psi > column.limit]


def score_pairs(log: EventLog, bundle: Bundle, pairs: Landmarks, threads: int = 2) -> Scored:
    """The champion's features, points and probabilities of landmarks."""
    features = compute.batch(log, bundle.feature_set, pairs.lead, pairs.as_of, pairs.started)
    prediction = bundle.predict(features, threads)
    _, points, _ = bundle.points(prediction)
    return Scored(pairs, features, points, prediction.probability[:, bundle.primary])


@dataclass(frozen=True)
class Reference:
    """What a bundle's training looked like, in bins.

    names  : of the columns that are compared; the score comes after them
    column : (c,) the place of each in the feature set
    values : (m, f) as they were
    cuts   : one a column, the score's last
    sample : the same in bins, by lead
    points : (m, f) what each column adds to the score
    """

    names: list[str]
    column: Ints
    values: Floats
    cuts: list[psi.Cut]
    sample: Sample
    points: Floats
    probability: Floats

    def places(self, features: Floats, probability: Floats) -> psi.Places:
        """(n, c + 1) bins of rows, the score's last."""
        found = np.empty((len(features), len(self.cuts)), dtype=np.uint8)
        for place, (column, one) in enumerate(zip(self.column, self.cuts[:-1], strict=True)):
            found[:, place] = one.places(features[:, column])
        found[:, -1] = self.cuts[-1].places(probability)
        return found


def reference_of(bundle: Bundle, threads: int = 2) -> Reference | None:
    """The bundle's reference; None where it has no landmarks. Columns that it lacks are not compared."""
    table, names = bundle.reference, bundle.feature_set.names
    if "landmark_day" not in table.columns or not len(table):
        return None
    old = table.select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(pl.Float64).alias(name) for name in names
    ).to_numpy()
    prediction = bundle.predict(old, threads)
    probability = prediction.probability[:, bundle.primary]
    column = np.array([place for place, name in enumerate(names) if name in table.columns], dtype=np.int64)
    coded = set(bundle.feature_set.categorical)
    cuts = [psi.cut(old[:, place], categorical=place in coded) for place in column.tolist()] + [psi.cut(probability)]
    # A bundle older than this column has rows of random leads, few of each: each stands for itself.
    lead = table["landmark_lead"].to_numpy() if "landmark_lead" in table.columns else np.arange(len(table))
    day = table["landmark_day"].to_numpy()
    empty = Sample(np.empty((0, 0), dtype=np.uint8), lead, day)
    found = Reference(
        [names[place] for place in column], column, old, cuts, empty, bundle.points(prediction)[1], probability
    )
    return replace(found, sample=replace(empty, places=found.places(old, probability)))


def compare(
    bundle: Bundle,
    chunk: Scored,
    html: Path | None,
    *,
    rules: Monitoring,
    seed: int,
    past: Sequence[Compared] = (),
    reference: Reference | None = None,
    drawn: Resampling | None = None,
    threads: int = 2,
) -> Drift:
    """Compare a chunk with the bundle's reference and write Evidently's report.

    chunk     : landmarks of the newest days; where nothing is comparable the comparison is empty and there is no report
    html      : the report, replaced; None for none
    past      : what the chunks before the champion's snapshot came to, of `history`
    reference : the bundle's, where the caller has it already; drawn : the same, resampled
    """
    reference = reference_of(bundle, threads) if reference is None else reference
    leads = len(np.unique(chunk.pairs.lead))
    days = np.empty(0, dtype=np.int64) if reference is None else reference.sample.day
    now, before, left_out = matched(chunk.pairs.day, days, seed)
    if not len(now) or reference is None:
        return Drift([], None, len(chunk), leads, 0, 0, left_out, None)
    recent = chunk[now]
    places = reference.places(recent.features, recent.probability)
    index = psi.index(psi.counts(reference.sample.places[before]), psi.counts(places))
    drawn = Resampling(reference.sample, rules.recent_days, seed=seed) if drawn is None else drawn
    limits = calibrate(drawn, recent.pairs.day, past, alpha=rules.false_alarms)
    limit = limits.limits()
    moved = recent.points.mean(axis=0) - reference.points[before].mean(axis=0)
    if html is not None:
        both = {
            name: Column(reference.values[before, place], recent.features[:, place], place in coded)
            for coded in [set(bundle.feature_set.categorical)]
            for name, place in zip(reference.names, reference.column.tolist(), strict=True)
        }
        stability(both | {PROBABILITY: Column(reference.probability[before], recent.probability)}, html)
    found = [
        ColumnDrift(
            name,
            round(float(index[turn]), 6),
            round(float(limit[turn]), 6),
            missing=_share_missing(recent.features[:, place]),
            before=_share_missing(reference.values[before, place]),
            moved=round(float(moved[place]), 3),
        )
        for turn, (name, place) in enumerate(zip(reference.names, reference.column.tolist(), strict=True))
    ]
    score = round(float(index[-1]), 6), round(float(limit[-1]), 6)
    return Drift(
        columns=sorted(found, key=lambda column: (-column.psi / column.limit, column.name)),
        score=ColumnDrift(PROBABILITY, *score, 0.0, 0.0, round(float(moved.sum()), 3)),
        scored=len(chunk),
        leads=leads,
        compared=len(now),
        reference=len(before),
        left_out=left_out,
        thresholds=limits,
    )


def history(reference: Reference, early: Scored, until: int, rules: Monitoring, seed: int) -> list[Compared]:
    """What the chunks that ended in each week before `until` came to, the newest first.

    early : landmarks before `until`, microseconds UTC
    """
    if not len(early):
        return []
    found, places = [], reference.places(early.features, early.probability)
    length, first = rules.recent_days * MICROS_PER_DAY, int(early.pairs.as_of.min())
    for end in range(until, first + length - 1, -WEEK):
        mine = np.flatnonzero((early.pairs.as_of >= end - length) & (early.pairs.as_of < end))
        now, before, _ = matched(early.pairs.day[mine], reference.sample.day, seed)
        if len(now) >= rules.min_scored:
            index = psi.index(psi.counts(reference.sample.places[before]), psi.counts(places[mine[now]]))
            found.append(Compared(index, len(now), len(before)))
    return found


def stability(columns: Mapping[str, Column], html: Path) -> dict[str, float]:
    """Evidently's population stability index of each column, and its report.

    0 is no difference; .1 is called small and .25 large. Rounded, because the order in which Evidently adds up a
    column's categories, and with it the last bits of the sum, differs from process to process.

    columns : with at least one row on either side
    html    : the report, replaced
    """
    bins = {name: _labels(one) for name, one in columns.items()}
    reference = pl.DataFrame({name: before for name, (before, _) in bins.items()}).to_pandas()
    chunk = pl.DataFrame({name: now for name, (_, now) in bins.items()}).to_pandas()
    os.environ.setdefault("DO_NOT_TRACK", "true")
    with warnings.catch_warnings():
        # What Evidently, and the web framework that it loads, still use is deprecated elsewhere.
        warnings.simplefilter("ignore", DeprecationWarning)
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 (six seconds)
        from evidently.metrics import ValueDrift  # noqa: PLC0415

        definition = DataDefinition(categorical_columns=list(bins))
        run: Any = Report([ValueDrift(column=name, method="psi") for name in bins]).run(
            Dataset.from_pandas(chunk, data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
        )
        html.parent.mkdir(parents=True, exist_ok=True)
        run.save_html(str(html))
    found = {metric["config"]["column"]: metric["value"] for metric in run.dict()["metrics"]}
    return {name: round(float(found[name]), 6) for name in bins}


def _labels(column: Column) -> tuple[Labels, Labels]:
    one = psi.cut(column.reference, categorical=column.categorical)
    return one.labels(column.reference), one.labels(column.chunk)


def matched(chunk_day: Ints, reference_day: Ints, seed: int) -> tuple[Ints, Ints, list[int]]:
    """Rows of the chunk and of the reference with the same mix of landmark days, and the days left out.

    chunk_day, reference_day : (n,), (m,) landmark day of each row
    Returns : at most `ROWS` places on either side; a reference row may stand several times where its day is rarer in
              training than in the chunk

    >>> now, before, left_out = matched(np.array([0, 0, 0, 7]), np.repeat([0, 7], [30, 90]), seed=1)
    >>> len(before), float((np.repeat([0, 7], [30, 90])[before] == 0).mean()), left_out
    (120, 0.75, [])
    """
    rng = np.random.default_rng(seed)
    days, counts = np.unique(reference_day, return_counts=True)
    usable = days[counts >= REFERENCE_PER_DAY]
    now = np.flatnonzero(np.isin(chunk_day, usable))
    left_out = sorted({int(day) for day in chunk_day} - {int(day) for day in usable})
    if len(now) > ROWS:
        now = np.sort(rng.choice(now, ROWS, replace=False))
    wanted = min(ROWS, len(reference_day))
    parts = []
    for day, count in zip(*np.unique(chunk_day[now], return_counts=True), strict=True):
        rows = np.flatnonzero(reference_day == day)
        whole, rest = divmod(wanted * int(count) // len(now), len(rows))
        parts += [rows] * whole + [rng.choice(rows, rest, replace=False)]
    before = np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
    return now, before, left_out


def _share_missing(values: Floats) -> float:
    return round(float(np.isnan(values).mean()), 4)
