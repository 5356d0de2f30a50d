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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.log import EventLog, Floats, Ints
from features import compute
from training.bundle import Bundle
from training.landmarks import Bools, Landmarks

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

    chunk : landmarks of the newest days; fewer than two make an empty comparison and no report
    html  : the report, replaced
    """
    now, before, left_out = matched(chunk.pairs.day, bundle.reference["landmark_day"].to_numpy(), seed)
    empty = Drift([], None, len(chunk), len(np.unique(chunk.pairs.lead)), 0, 0, left_out)
    if len(now) < 2 or len(before) < 2:
        return empty
    recent, names = chunk[now], bundle.feature_set.names
    reference = bundle.reference[before].select(names).to_numpy().astype(np.float64)
    _, points, score = bundle.points(bundle.predict(reference, threads))
    categorical = set(bundle.feature_set.categorical)
    table: dict[str, tuple[Labels, Labels]] = {}
    for place, name in enumerate(names):
        cut = _categories if place in categorical else _numbers
        table[name] = cut(reference[:, place], recent.features[:, place])
    old = bundle.reference[before][PROBABILITY].to_numpy()
    table[PROBABILITY] = _numbers(old, recent.probability)
    psi = _evidently(table, html)
    moved = recent.points.mean(axis=0) - points.mean(axis=0)
    columns = [
        ColumnDrift(
            name, psi[name], _share_missing(recent.features[:, place]), _share_missing(reference[:, place]),
            round(float(moved[place]), 3),
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    return Drift(
        columns=sorted(columns, key=lambda column: (-column.psi, column.name)),
        score=ColumnDrift(PROBABILITY, psi[PROBABILITY], 0.0, 0.0, round(float(moved.sum()), 3)),
        scored=len(chunk),
        leads=empty.leads,
        compared=len(now),
        reference=len(before),
        left_out=left_out,
    )


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


def _numbers(reference: Floats, chunk: Floats) -> tuple[Labels, Labels]:
    """Bins at the reference's quantiles, or one bin a value where there are few; below and above are bins then."""
    seen = reference[~np.isnan(reference)]
    values = np.unique(seen)
    if not len(values):
        return _named(reference, reference, ["a value"]), _named(chunk, np.zeros(len(chunk)), ["a value"])
    if len(values) <= BINS:
        edges = np.concatenate([[np.nextafter(values[0], -np.inf)], values])
        names = [f"below {values[0]:g}", *(f"{value:g}" for value in values), f"above {values[-1]:g}"]
    else:
        edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        ends = [f"{edge:.4g}" for edge in edges]
        between = [f"{low} to {high}" for low, high in zip(ends[:-1], ends[1:], strict=True)]
        names = [f"up to {ends[0]}", *between, f"above {ends[-1]}"]
    numbered = [f"{place:02d}: {name}" for place, name in enumerate(names)]
    before, now = (np.searchsorted(edges, side, side="left").astype(np.float64) for side in (reference, chunk))
    return _named(reference, before, numbered), _named(chunk, now, numbered)


def _categories(reference: Floats, chunk: Floats) -> tuple[Labels, Labels]:
    """The reference's most frequent codes, and the rest together; code 0 is any category training did not know."""
    codes, counts = np.unique(reference[reference > 0], return_counts=True)
    own = np.sort(codes[np.argsort(-counts, kind="stable")][:BINS])
    names = ["unknown to training", "rare in training", *(f"category {code:g}" for code in own)]

    def places(values: Floats) -> Floats:
        found = np.isin(values, own)
        return np.where(values == 0, 0, np.where(found, 2 + np.searchsorted(own, np.where(found, values, 0)), 1))

    return _named(reference, places(reference), names), _named(chunk, places(chunk), names)


def _named(values: Floats, bins: Floats, names: list[str]) -> Labels:
    """The name of each row's bin; a value that is missing is in the bin of the missing."""
    gone = np.isnan(values)
    return np.array([*names, MISSING])[np.where(gone, len(names), bins).astype(np.int64)]


def _share_missing(values: Floats) -> float:
    gone: Bools = np.isnan(values)
    return round(float(gone.mean()), 4)


def _evidently(table: dict[str, tuple[Labels, Labels]], html: Path) -> dict[str, float]:
    """Evidently's PSI of each column of labels, and its report.

    Rounded, because the order in which Evidently adds up a column's categories differs from process to process.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        # What Evidently and the web framework it loads still use is deprecated elsewhere; nothing of it is ours.
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 (six seconds)
        from evidently.metrics import ValueDrift  # noqa: PLC0415

        definition = DataDefinition(categorical_columns=list(table))
        reference = pl.DataFrame({name: before for name, (before, _) in table.items()}).to_pandas()
        chunk = pl.DataFrame({name: now for name, (_, now) in table.items()}).to_pandas()
        run: Any = Report([ValueDrift(column=name, method="psi") for name in table]).run(
            Dataset.from_pandas(chunk, data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
        )
        html.parent.mkdir(parents=True, exist_ok=True)
        run.save_html(str(html))
    found = {metric["config"]["column"]: metric["value"] for metric in run.dict()["metrics"]}
    return {name: round(float(found[name]), 6) for name in table}
