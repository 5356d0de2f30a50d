"""The prediction log: every score that was served, with the feature vector it was made of.

A logged score can be made again from its own row and the bundle of its ``model_version``, whatever reaches the
store later. One score a (lead, moment, model): logging it again changes nothing.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.log import Floats
from data.schema import scores
from data.store import Store
from data.tombstones import Tombstones

_KEY = ("lead_id", "as_of", "model_version")
_VECTOR = np.dtype("<f8")
_CHUNK = 1_000


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
            yield LoggedScore(
                lead_id=row.lead_id,
                as_of=row.as_of,
                logged_at=row.logged_at,
                status=row.status,
                score=row.score,
                probability=row.probability,
                model_version=row.model_version,
                feature_set=row.feature_set,
                vector=None if row.vector is None else np.frombuffer(row.vector, dtype=_VECTOR).astype(np.float64),
                answer=json.loads(row.answer),
            )


def count(store: Store) -> int:
    """How many scores the log holds."""
    with store.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(scores)).scalar_one()


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
