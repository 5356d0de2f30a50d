"""The prediction log: every score that was served, with the feature vector it was made of.

A logged score can be made again from its own row and the bundle of its ``model_version``, whatever reaches the
store later. One score a (lead, moment, model): logging it again changes nothing.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.events import MICROS_PER_DAY
from data.exploration import week_number
from data.log import Floats
from data.schema import scores
from data.snapshot import parts
from data.store import Store
from data.tombstones import Tombstones

_KEY = ("lead_id", "as_of", "model_version")
_VECTOR = np.dtype("<f8")
_CHUNK = 1_000
LATE = MICROS_PER_DAY
"""A score that was asked for so long after its moment was not served then: it is a look back."""
_IS_LATE = scores.c.logged_at - scores.c.as_of > LATE


@dataclass(frozen=True, slots=True, eq=False)
class LoggedScore:
    """One served score.

    as_of, logged_at : microseconds UTC
    feature_set      : fingerprint of the set that orders `vector`
    vector           : (features,) float64, None where the answer was made of none
    answer           : what was served
    """

    lead_id: str
    as_of: int
    logged_at: int
    status: str
    score: float | None
    probability: float | None
    model_version: str
    feature_set: str
    vector: Floats | None
    answer: dict[str, Any]


def append(store: Store, served: Iterable[LoggedScore]) -> None:
    """Write served scores in one transaction; of two for one (lead, moment, model) the first stays.

    Those of somebody who was erased since they were made are left out.
    """
    rows = [_row(one) for one in served]
    if not rows:
        return
    with store.writing() as connection:
        gone = Tombstones.erased_leads(connection, (row["lead_id"] for row in rows))
        rows = [row for row in rows if row["lead_id"] not in gone]
        if rows:
            dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(scores).on_conflict_do_nothing(index_elements=_KEY), rows)


def read(
    store: Store, *, since: int | None = None, before: int | None = None, lead_id: str | None = None
) -> Iterator[LoggedScore]:
    """Logged scores with ``since <= as_of < before``, of everyone or of one lead, in the order of moment and lead.

    Read in chunks: the log of years does not stand in memory.
    """
    query = sa.select(scores).order_by(scores.c.as_of, scores.c.lead_id, scores.c.model_version)
    if since is not None:
        query = query.where(scores.c.as_of >= since)
    if before is not None:
        query = query.where(scores.c.as_of < before)
    if lead_id is not None:
        query = query.where(scores.c.lead_id == lead_id)
    with store.engine.connect() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(query):
            yield _logged(row, row.vector)


def first_of_each_band(
    store: Store, edges: Sequence[float], *, before: int, since: int | None = None
) -> Iterator[LoggedScore]:
    """Of each lead and model the first score in each band, ``since <= as_of < before``; without the vectors.

    edges : where one band ends and the next begins, ascending

    Scores that were asked for more than `LATE` after their moment are passed over: by then, more was known.
    """
    band = sa.case(*((scores.c.score >= edge, place) for place, edge in reversed([*enumerate(edges, 1)])), else_=0)
    turn = sa.func.row_number().over(
        partition_by=(scores.c.lead_id, scores.c.model_version, band), order_by=scores.c.as_of
    )
    kept = [column for column in scores.c if column.name != "vector"]
    timely = scores.c.score.is_not(None) & (scores.c.as_of < before) & ~_IS_LATE
    if since is not None:
        timely &= scores.c.as_of >= since
    turns = sa.select(*kept, turn.label("turn")).where(timely).subquery()
    query = sa.select(turns).where(turns.c.turn == 1).order_by(turns.c.as_of, turns.c.lead_id, turns.c.model_version)
    with store.engine.connect() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(query):
            yield _logged(row, None)


def first_of_each_week(store: Store, *, before: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Of each lead the first score of each ISO week that says with what propensity it was handed over, oldest first.

    Each is a lead, a moment and what was served; what is logged at `before` or later is left out, and so are scores
    that were asked for more than `LATE` after their moment.
    """
    turn = sa.func.row_number().over(
        partition_by=(scores.c.lead_id, week_number(scores.c.as_of)), order_by=(scores.c.as_of, scores.c.score_id)
    )
    timely = scores.c.score.is_not(None) & (scores.c.as_of < before) & (scores.c.logged_at < before) & ~_IS_LATE
    told = scores.c.answer.contains('"propensity"')
    kept = scores.c.lead_id, scores.c.as_of, scores.c.answer
    turns = sa.select(*kept, turn.label("turn")).where(timely & told).subquery()
    query = sa.select(turns).where(turns.c.turn == 1).order_by(turns.c.as_of, turns.c.lead_id)
    with store.engine.connect() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(query):
            yield row.lead_id, row.as_of, json.loads(row.answer)


def last_of_each_day(store: Store, lead_ids: Sequence[str], *, before: int, days: int) -> list[LoggedScore]:
    """Of some ids together the last score of each day (UTC) with ``as_of < before``, oldest first.

    lead_ids : different ids, such as those of one person
    before   : what was made later is left out too: nobody could see it then
    days     : the newest so many that have a score, however often the lead was scored on them

    Those asked for more than `LATE` after their moment are passed over, as above.
    """
    turn = sa.func.row_number().over(
        partition_by=scores.c.as_of // MICROS_PER_DAY, order_by=(scores.c.as_of.desc(), scores.c.score_id.desc())
    )
    timely = scores.c.score.is_not(None) & (scores.c.as_of < before) & (scores.c.logged_at < before) & ~_IS_LATE
    last: dict[int, Any] = {}
    with store.engine.connect() as connection:
        for part in parts(lead_ids):
            turns = (
                sa.select(scores.c.score_id, turn.label("turn")).where(scores.c.lead_id.in_(part), timely).subquery()
            )
            query = sa.select(scores).join(turns, scores.c.score_id == turns.c.score_id).where(turns.c.turn == 1)
            for row in connection.execute(query.order_by(scores.c.as_of.desc()).limit(days)):
                rival = last.setdefault(row.as_of // MICROS_PER_DAY, row)
                if (row.as_of, row.score_id) > (rival.as_of, rival.score_id):
                    last[row.as_of // MICROS_PER_DAY] = row
    return [_logged(last[day], last[day].vector) for day in sorted(last)[-days:]]


def newest(store: Store, model_version: str, *, since: int, before: int, limit: int) -> list[tuple[str, int, float]]:
    """Lead, moment and score of the newest scores that a model served with ``since <= as_of < before``, oldest first.

    What was logged at `before` or later is left out: it was not served yet.
    """
    timely = scores.c.score.is_not(None) & (scores.c.as_of >= since) & (scores.c.as_of < before) & ~_IS_LATE
    mine = timely & (scores.c.model_version == model_version) & (scores.c.logged_at < before)
    query = sa.select(scores.c.lead_id, scores.c.as_of, scores.c.score).where(mine)
    query = query.order_by(scores.c.as_of.desc(), scores.c.lead_id).limit(limit)
    with store.reading() as connection:
        return [(row.lead_id, row.as_of, row.score) for row in connection.execute(query)][::-1]


def waiting_and_replayed(store: Store, *, since: int) -> tuple[int, int]:
    """How many leads have a score with ``as_of >= since``, and how many scores of all were asked for too late."""
    timely = scores.c.score.is_not(None) & (scores.c.as_of >= since) & ~_IS_LATE
    with store.engine.connect() as connection:
        waiting = connection.execute(sa.select(sa.func.count(scores.c.lead_id.distinct())).where(timely)).scalar_one()
        late = scores.c.score.is_not(None) & _IS_LATE
        return waiting, connection.execute(sa.select(sa.func.count()).select_from(scores).where(late)).scalar_one()


def count(store: Store) -> int:
    """How many scores the log holds."""
    with store.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(scores)).scalar_one()


def _logged(row: Any, vector: bytes | None) -> LoggedScore:
    return LoggedScore(
        lead_id=row.lead_id,
        as_of=row.as_of,
        logged_at=row.logged_at,
        status=row.status,
        score=row.score,
        probability=row.probability,
        model_version=row.model_version,
        feature_set=row.feature_set,
        vector=None if vector is None else np.frombuffer(vector, dtype=_VECTOR).astype(np.float64),
        answer=json.loads(row.answer),
    )


def _row(one: LoggedScore) -> dict[str, Any]:
    return {
        "lead_id": one.lead_id,
        "as_of": one.as_of,
        "logged_at": one.logged_at,
        "status": one.status,
        "score": one.score,
        "probability": one.probability,
        "model_version": one.model_version,
        "feature_set": one.feature_set,
        "vector": None if one.vector is None else np.ascontiguousarray(one.vector, dtype=_VECTOR).tobytes(),
        "answer": json.dumps(one.answer, allow_nan=False),
    }
