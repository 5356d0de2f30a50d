"""The prediction log: what goes in comes back bit for bit, and only once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from data import schema, scorelog
from data.scorelog import LoggedScore
from data.store import Store

ONE = LoggedScore(
    lead_id="L1",
    as_of=1_000,
    logged_at=1_001,
    status="scored",
    score=61.25,
    probability=0.1 + 0.2,
    model_version="2026-01-01-abc",
    feature_set="f00",
    vector=np.array([1.0, np.nan, -0.0, 1e-300, 2.0 / 3.0]),
    answer={"lead_id": "L1", "score": 61.25, "reasons": [{"text": "Devis demandé : il y a 2 jours"}]},
)


@pytest.fixture
def store(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path / 'v.db'}") as opened:
        yield opened


def same(one: LoggedScore, other: LoggedScore) -> bool:
    vectors = (one.vector, other.vector)
    if None in [vector if vector is None else 0 for vector in vectors]:
        equal = vectors == (None, None)
    else:
        equal = vectors[0].tobytes() == vectors[1].tobytes()
    return equal and all(
        getattr(one, name) == getattr(other, name) for name in LoggedScore.__slots__ if name != "vector"
    )


def test_a_logged_score_comes_back_bit_for_bit(store: Store):
    without = replace(ONE, lead_id="L2", status="lost", score=None, probability=None, vector=None, answer={})
    scorelog.append(store, [ONE, without])
    assert all(same(*pair) for pair in zip(scorelog.read(store), [ONE, without], strict=True))


def test_the_vector_is_little_endian_float64(store: Store):
    scorelog.append(store, [ONE])
    with store.engine.connect() as connection:
        kept = connection.execute(sa.select(schema.scores.c.vector)).scalar_one()
    assert kept == ONE.vector.astype("<f8").tobytes()


def test_one_score_a_lead_moment_and_model(store: Store):
    scorelog.append(store, [ONE])
    scorelog.append(store, [replace(ONE, score=1.0, logged_at=2_000), ONE])
    assert [one.score for one in scorelog.read(store)] == [61.25]
    scorelog.append(store, [replace(ONE, as_of=1_002), replace(ONE, model_version="next")])
    assert scorelog.count(store) == 3


def test_reading_a_span_and_one_lead(store: Store):
    scorelog.append(store, [replace(ONE, lead_id=lead, as_of=at) for at in (10, 20, 30) for lead in ("A", "B")])
    found = [(one.as_of, one.lead_id) for one in scorelog.read(store, since=20, before=30)]
    assert found == [(20, "A"), (20, "B")]
    assert [one.as_of for one in scorelog.read(store, lead_id="B")] == [10, 20, 30]


def test_nothing_to_log_is_nothing_logged(store: Store):
    scorelog.append(store, [])
    assert scorelog.count(store) == 0


def test_an_answer_that_is_not_json_is_refused_whole(store: Store):
    with pytest.raises(ValueError, match="JSON compliant"):
        scorelog.append(store, [ONE, replace(ONE, lead_id="L9", answer={"score": float("nan")})])
    assert scorelog.count(store) == 0
