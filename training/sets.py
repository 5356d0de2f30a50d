"""Training sets as a product: which rows are asked for, and the table that histories make of them.

Whoever holds histories calls the same function, :func:`piece`: one process with the whole log, one with a part of it
after the other (out of core), and an executor of Spark. So the columns, their order and every bit are the same, and
the landmarks of a set are the very rows that `veraison train` learns from (:func:`examples`).

Worked example: two leads, landmarks of days 0 and 7, snapshot T. A lead created three days before T has the row of
day 0 only; one that was won on its fifth day too, since on the seventh there was nothing left to learn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data.journey import Status, standing
from data.log import Codes, EventLog, Ints
from features import arrow, compute
from features.catalogue import FeatureSet
from features.learning import learn
from training.columns import PLACE, schema
from training.landmarks import Bools, Landmarks, Outcomes, conversions, landmarks, opened, ripenings
from veraison.playbook import Playbook

_CHUNK = 1 << 15
"""So many rows at a time are a matrix of 64-bit floats."""


@dataclass(frozen=True)
class Examples:
    """Landmarks that can be learned from, and what became of them as known at a snapshot.

    person   : (n,) code in the log of the person each lead is, as known at the snapshot; what splits group by
    outcomes : (n,) conversions
    ripening : (n,) readiness; `ripens` says which rows can be used for it
    """

    pairs: Landmarks
    person: Codes
    outcomes: Outcomes
    ripening: Outcomes
    ripens: Bools

    def __getitem__(self, rows: Bools) -> "Examples":
        return Examples(
            self.pairs[rows], self.person[rows], self.outcomes[rows], self.ripening[rows], self.ripens[rows]
        )


def examples(
    log: EventLog, playbook: Playbook, *, before: int, days: tuple[int, ...] | None = None,
    pairs: tuple[Sequence[str], Sequence[int]] | None = None,
) -> Examples:  # fmt: skip
    """The rows a model may learn from, of what was known before a snapshot.

    before : the snapshot, microseconds UTC
    days   : landmarks so many days after creation; None stands for the playbook's
    pairs  : leads and moments instead; those at which nothing could be learned are left out
    """
    if pairs is None:
        chosen = landmarks(log, playbook, before=before, days=days)
    else:
        chosen = opened(log, playbook, log.codes(list(pairs[0])), np.array(pairs[1], dtype=np.int64), before)
    return examples_of(log, playbook, chosen, before)


def examples_of(log: EventLog, playbook: Playbook, chosen: Landmarks, before: int) -> Examples:
    """What became of landmarks, as known at a snapshot; those of which nothing can be learned are left out."""
    outcomes, usable = conversions(log, playbook, chosen, before)
    chosen, outcomes = chosen[usable], outcomes[usable]
    ripening, ripens = ripenings(log, playbook, chosen, before)
    return Examples(chosen, log.persons(before)[chosen.lead], outcomes, ripening, ripens)


def learned(log: EventLog, playbook: Playbook, *, before: int) -> FeatureSet:
    """The feature set that training at a snapshot would choose; TrainingError where there is nothing to learn from."""
    pairs = examples(log, playbook, before=before).pairs
    return learn(log, playbook, pairs.lead, pairs.as_of, before=before)


@dataclass(frozen=True)
class Moment:
    """Every lead of which anything is visible at one moment, microseconds UTC."""

    as_of: int

    def rows(self, log: EventLog, playbook: Playbook) -> "_Rows":
        first, there = log.offsets[:-1], np.diff(log.offsets) > 0
        there[there] = log.known[first[there]] < self.as_of
        lead = np.flatnonzero(there).astype(np.int64)
        return _standing_rows(log, playbook, lead, np.full(len(lead), self.as_of), {})


@dataclass(frozen=True)
class Pairs:
    """Given leads at given moments, microseconds UTC; each is a row, in the order asked."""

    lead_ids: tuple[str, ...]
    moments: tuple[int, ...]

    def rows(self, log: EventLog, playbook: Playbook) -> "_Rows":
        lead = log.codes(list(self.lead_ids))
        place = np.flatnonzero(lead >= 0).astype(np.int64)
        as_of = np.array(self.moments, dtype=np.int64)[place]
        return _standing_rows(log, playbook, lead[place], as_of, {PLACE: pa.array(place)})


@dataclass(frozen=True)
class Labelled:
    """Landmarks with what became of them, as known before a snapshot.

    before : microseconds UTC
    days   : after creation; empty for the playbook's own
    pairs  : leads and moments (microseconds UTC) instead of days
    """

    before: int
    days: tuple[int, ...] = ()
    pairs: tuple[tuple[str, ...], tuple[int, ...]] | None = None

    def rows(self, log: EventLog, playbook: Playbook) -> "_Rows":
        found = examples(log, playbook, before=self.before, days=self.days or None, pairs=self.pairs)
        pairs, outcomes, ripening, unripe = found.pairs, found.outcomes, found.ripening, ~found.ripens
        columns = {
            "landmark_day": pa.array(pairs.day.astype(np.int32)),
            "person": _texts(log, found.person),
            "entry_days": pa.array(outcomes.entry),
            "duration_days": pa.array(outcomes.duration),
            "converted": pa.array(outcomes.event),
            "followed_days": pa.array(outcomes.followed),
        }
        if playbook.has_readiness:
            columns |= {
                "ready_duration_days": pa.array(ripening.duration, mask=unripe),
                "ready": pa.array(ripening.event, mask=unripe),
                "ready_usable": pa.array(found.ripens),
            }
        known = np.ones(len(pairs), dtype=np.bool_)
        return _Rows(pairs.lead, pairs.as_of, pairs.started, known, _keyed(log, pairs.lead, pairs.as_of, columns))


Asked = Moment | Pairs | Labelled
"""What a set is to hold; it travels to executors as it is."""


@dataclass(frozen=True)
class _Rows:
    """Rows before their features: whose, when, started when, whether anything is known; and their first columns."""

    lead: Ints
    as_of: Ints
    started: Ints
    known: Bools
    columns: dict[str, pa.Array]


def piece(log: EventLog, feature_set: FeatureSet, playbook: Playbook, asked: Asked, threads: int = 1) -> pa.Table:
    """The rows of those leads of whom `log` holds anything, in the schema of `columns.schema`.

    log     : histories of whole units (data.units)
    threads : changes no bit

    Rows of given pairs have a first column ``place``; :func:`completed` needs it.
    """
    wanted = _schema(feature_set, playbook, asked)
    return pa.concat_tables([wanted.empty_table(), *pieces(log, feature_set, playbook, asked, threads)])


def pieces(
    log: EventLog,
    feature_set: FeatureSet,
    playbook: Playbook,
    asked: Asked,
    threads: int = 1,
    report: Callable[[int, int], None] = lambda _done, _rows: None,
) -> Iterator[pa.Table]:
    """The same, some thousand rows at a time.

    report : told how many of how many rows are made
    """
    wanted = _schema(feature_set, playbook, asked)
    rows = asked.rows(log, playbook)
    first = pa.table(rows.columns)
    for start in range(0, len(rows.lead), _CHUNK):
        part = slice(start, start + _CHUNK)
        known = rows.known[part]
        lead, as_of, started = (column[part][known] for column in (rows.lead, rows.as_of, rows.started))
        matrix = compute.batch(log, feature_set, lead, as_of, started, threads=threads, order="F")
        yield _table(wanted, first.slice(start, len(known)), known, arrow.columns(matrix, feature_set))
        report(start + len(known), len(rows.lead))


def completed(found: pa.Table, feature_set: FeatureSet, playbook: Playbook, asked: Asked) -> pa.Table:
    """Pieces together in one order: given pairs as asked, those of nobody among them; else by lead and moment."""
    if not isinstance(asked, Pairs):
        return found.sort_by([("lead_id", "ascending"), ("as_of", "ascending")])
    left = np.setdiff1d(np.arange(len(asked.lead_ids)), found[PLACE].to_numpy())
    first = {
        PLACE: pa.array(left),
        "lead_id": pa.array([asked.lead_ids[place] for place in left], pa.string()),
        "as_of": _moments(np.array([asked.moments[place] for place in left], dtype=np.int64)),
        "status": pa.array([Status.unknown.name] * len(left), pa.string()),
    }
    nothing = [pa.nulls(0, kind) for kind in arrow.types(feature_set)]
    nobody = _table(found.schema, pa.table(first), np.zeros(len(left), dtype=np.bool_), nothing)
    everyone = pa.concat_tables([found, nobody]).sort_by(PLACE).drop_columns(PLACE)
    return everyone.cast(schema(feature_set, playbook, labelled=False))


def _schema(feature_set: FeatureSet, playbook: Playbook, asked: Asked) -> pa.Schema:
    found = schema(feature_set, playbook, labelled=isinstance(asked, Labelled))
    return found.insert(0, pa.field(PLACE, pa.int64())) if isinstance(asked, Pairs) else found


def _standing_rows(log: EventLog, playbook: Playbook, lead: Ints, as_of: Ints, first: dict[str, pa.Array]) -> _Rows:
    where = standing(log, playbook.journey, lead, as_of)
    names = pa.array([Status(code).name for code in range(len(Status))])
    status = {"status": names.take(pa.array(where.status))}
    # who opted out has a row that says so, and nothing that describes him
    described = ~np.isin(where.status, (Status.unknown, Status.opted_out))
    return _Rows(lead, as_of, where.started, described, first | _keyed(log, lead, as_of, status))


def _keyed(log: EventLog, lead: Ints, as_of: Ints, others: dict[str, pa.Array]) -> dict[str, pa.Array]:
    return {"lead_id": _texts(log, lead), "as_of": _moments(as_of), **others}


def _texts(log: EventLog, lead: Ints | Codes) -> pa.Array:
    return pa.array(log.leads, pa.string()).take(pa.array(lead))


def _moments(as_of: Ints) -> pa.Array:
    return pa.array(as_of).cast(pa.timestamp("us", "UTC"))


def _table(wanted: pa.Schema, first: pa.Table, known: Bools, features: list[pa.Array]) -> pa.Table:
    """Rows in their schema. features : of the known rows alone; the others have none."""
    if not known.all():
        row = pa.array(np.cumsum(known) - 1, mask=~known)
        features = [column.take(row) for column in features]
    return pa.Table.from_arrays([*first.columns, *features], schema=wanted)
