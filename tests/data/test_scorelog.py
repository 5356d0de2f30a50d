"""The prediction log: what goes in comes back bit for bit, and only once."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from data import schema, scorelog, snapshot
from data.events import MICROS_PER_DAY
from data.scorelog import LATE, LoggedScore
from data.store import Store
from tests.conftest import empty_postgres

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


# --- the last of each day ----------------------------------------------------------------------------------------

MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 4 * MICROS_PER_DAY),
        st.sampled_from([0, 1, LATE, LATE + 1]),
        st.sampled_from("ABC"),
        st.sampled_from(["old", "new"]),
        st.sampled_from([None, 12.5, 61.25]),
    ),
    unique_by=lambda one: (one[0], one[2], one[3]),
    max_size=12,
)


@settings(max_examples=25)
@given(MOMENTS, st.integers(0, 4 * MICROS_PER_DAY), st.integers(1, 4))
def test_the_last_of_each_day_is_that_of_plain_python(
    postgres: str, moments: list[tuple[int, int, str, str, float | None]], before: int, days: int
):
    rows = [
        replace(ONE, lead_id=lead, as_of=as_of, logged_at=as_of + late, model_version=model, score=score)
        for as_of, late, lead, model, score in moments
    ]
    last: dict[int, LoggedScore] = {}
    for _, one in sorted(enumerate(rows), key=lambda row: (row[1].as_of, row[0])):
        in_time = one.as_of < before and one.logged_at < before and one.logged_at - one.as_of <= LATE
        if one.lead_id in "AC" and one.score is not None and in_time:
            last[one.as_of // MICROS_PER_DAY] = one
    expected = list(last.values())[-days:]
    empty_postgres(postgres)
    for url in ("sqlite://", postgres):
        with Store(url) as store:
            scorelog.append(store, rows)
            found = scorelog.last_of_each_day(store, ["A", "C"], before=before, days=days)
            with patch.object(snapshot, "_CHUNK", 1):  # a statement for each id
                again = scorelog.last_of_each_day(store, ["A", "C"], before=before, days=days)
            assert [one.as_of for one in again] == [one.as_of for one in found]
        assert [one.as_of for one in found] == [one.as_of for one in expected]
        assert all(same(*pair) for pair in zip(found, expected, strict=True))


def test_the_newest_of_a_model_are_those_it_served_by_then(store: Store):
    served = [replace(ONE, lead_id=f"L{at}", as_of=at, logged_at=at + 1) for at in (10, 20, 30, 40)]
    others = [
        replace(ONE, lead_id="other", as_of=25, logged_at=26, model_version="next"),
        replace(ONE, lead_id="none", as_of=25, logged_at=26, score=None),
        replace(ONE, lead_id="late", as_of=25, logged_at=25 + LATE + 1),
        replace(ONE, lead_id="slow", as_of=39, logged_at=40),
    ]
    scorelog.append(store, [*served, *others])
    newest = scorelog.newest(store, ONE.model_version, since=10, before=40, limit=10)
    assert newest == [("L10", 10, 61.25), ("L20", 20, 61.25), ("L30", 30, 61.25)]
    assert scorelog.newest(store, ONE.model_version, since=11, before=40, limit=1) == [("L30", 30, 61.25)]
