"""Do the inputs and the scores of the newest chunk look as they did in training?

Every column is first cut into at most `BINS` bins that the training reference defines, and *missing* is a bin of its
own. What is compared is therefore always a category: no column is empty, constant, boolean or all-null in a way that
Evidently cannot compare, a trait that stops arriving shows, and the statistic does not change with the size of the
sample. Evidently then computes the population stability index (PSI) of each column, and its report shows the bins.

Like is compared with like: the mix of landmark days differs between a short chunk and a long history by construction,
so the reference is resampled to the chunk's mix.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.log import EventLog, Floats, Ints
from features import compute
from training.bundle import Bundle
from training.landmarks import Landmarks

BINS = 10
ROWS = 5_000
"""Rows compared at most on either side. With more, Evidently fills an empty bin with a millionth of the rarest one
instead of .0001, and one new value is enough for any PSI."""
REFERENCE_PER_DAY = 30
"""A landmark day with fewer rows than this in the reference cannot stand for what training saw; it is left out."""
PROBABILITY = "probability"
MISSING = "missing"

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
    missing, before : share of rows without a value, in the chunk and in the reference
    moved           : by how many points of score the column's average part moved
    """

    name: str
    psi: float
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
    """

    columns: list[ColumnDrift]
    score: ColumnDrift | None
    scored: int
    leads: int
    compared: int
    reference: int
    left_out: list[int]


def score_pairs(log: EventLog, bundle: Bundle, pairs: Landmarks, threads: int = 2) -> Scored:
    """The champion's features, points and probabilities of landmarks."""
    features = compute.batch(log, bundle.feature_set, pairs.lead, pairs.as_of, pairs.started)
    prediction = bundle.predict(features, threads)
    _, points, _ = bundle.points(prediction)
    return Scored(pairs, features, points, prediction.probability[:, bundle.primary])


def compare(bundle: Bundle, chunk: Scored, html: Path, *, seed: int, threads: int = 2) -> Drift:
    """Compare a chunk with the bundle's reference and write Evidently's report.

    Columns that the reference lacks are not compared.

    chunk : landmarks of the newest days; where nothing is comparable the comparison is empty and there is no report
    html  : the report, replaced
    """
    table, names = bundle.reference, bundle.feature_set.names
    days = table["landmark_day"].to_numpy() if "landmark_day" in table.columns else np.empty(0, dtype=np.int64)
    now, before, left_out = matched(chunk.pairs.day, days, seed)
    leads = len(np.unique(chunk.pairs.lead))
    if not len(now):
        return Drift([], None, len(chunk), leads, 0, 0, left_out)
    recent = chunk[now]
    reference = table[before].select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(pl.Float64).alias(name) for name in names
    )
    old = reference.to_numpy()
    prediction = bundle.predict(old, threads)
    _, points, _ = bundle.points(prediction)
    categorical = set(bundle.feature_set.categorical)
    columns = {
        name: Column(old[:, place], recent.features[:, place], place in categorical)
        for place, name in enumerate(names)
        if name in table.columns
    }
    chance = Column(prediction.probability[:, bundle.primary], recent.probability)
    psi = stability(columns | {PROBABILITY: chance}, html)
    moved = recent.points.mean(axis=0) - points.mean(axis=0)
    found = [
        ColumnDrift(
            name,
            psi[name],
            missing=_share_missing(recent.features[:, place]),
            before=_share_missing(old[:, place]),
            moved=round(float(moved[place]), 3),
        )
        for place, name in enumerate(names)
        if name in columns
    ]
    return Drift(
        columns=sorted(found, key=lambda column: (-column.psi, column.name)),
        score=ColumnDrift(PROBABILITY, psi[PROBABILITY], 0.0, 0.0, round(float(moved.sum()), 3)),
        scored=len(chunk),
        leads=leads,
        compared=len(now),
        reference=len(before),
        left_out=left_out,
    )


def stability(columns: Mapping[str, Column], html: Path) -> dict[str, float]:
    """Evidently's population stability index of each column, and its report.

    0 is no difference; .1 is called small and .25 large. Rounded, because the order in which Evidently adds up a
    column's categories, and with it the last bits of the sum, differs from process to process.

    columns : with at least one row on either side
    html    : the report, replaced
    """
    bins = {name: (_categories if one.categorical else _numbers)(one) for name, one in columns.items()}
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


def _numbers(column: Column) -> tuple[Labels, Labels]:
    """Bins at the reference's quantiles, or one bin a value where there are few; below and above are bins then."""
    reference, chunk = column.reference, column.chunk
    seen = reference[~np.isnan(reference)]
    values = np.unique(seen)
    if not len(values):
        edges, names = np.empty(0), ["a value"]
    elif len(values) <= BINS:
        edges = np.concatenate([[np.nextafter(values[0], -np.inf)], values])
        names = [f"below {values[0]:g}", *(f"{value:g}" for value in values), f"above {values[-1]:g}"]
    else:
        edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        ends = [f"{edge:.4g}" for edge in edges]
        names = [f"up to {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends)), f"above {ends[-1]}"]
    numbered = [f"{place:02d}: {name}" for place, name in enumerate(names)]
    before, now = (np.searchsorted(edges, side, side="left") for side in (reference, chunk))
    return _named(reference, before, numbered), _named(chunk, now, numbered)


def _categories(column: Column) -> tuple[Labels, Labels]:
    """The reference's most frequent codes, and the rest together; code 0 is any category training did not know."""
    reference, chunk = column.reference, column.chunk
    codes, counts = np.unique(reference[reference > 0], return_counts=True)
    own = np.sort(codes[np.argsort(-counts, kind="stable")][:BINS])
    names = ["unknown to training", "rare in training", *(f"category {code:g}" for code in own)]

    def places(values: Floats) -> Ints:
        frequent = 2 + np.searchsorted(own, np.nan_to_num(values))
        return np.where(values == 0, 0, np.where(np.isin(values, own), frequent, 1))

    return _named(reference, places(reference), names), _named(chunk, places(chunk), names)


def _named(values: Floats, bins: Ints, names: list[str]) -> Labels:
    """The name of each row's bin; a value that is missing is in the bin of the missing."""
    return np.array([*names, MISSING])[np.where(np.isnan(values), len(names), bins)]


def _share_missing(values: Floats) -> float:
    return round(float(np.isnan(values).mean()), 4)
