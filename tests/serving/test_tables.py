"""The fast table is the slow one, byte for byte: one object a row and a reason, and ``json.dumps``."""

import doctest
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.journey import Status
from data.log import NEVER
from features.words import LANGUAGES
from serving import tables
from serving.decisions import grade
from serving.scorer import Scores, score
from tests import market
from tests.histories import at

NOW = at(149)


def slow_table(scores: Scores, language: str) -> pl.DataFrame:
    """As it was made before it was made fast."""
    rows = []
    for one in scores.rows(language):
        row = one.to_dict() | {"as_of": one.as_of, "ready_at": one.ready_at}
        row["reasons"] = json.dumps(row["reasons"], ensure_ascii=False)
        rows.append(row)
    number = pl.Float64
    columns = {
        "lead_id": pl.String, "as_of": pl.Int64, "status": pl.String, "score": number, "grade": pl.String,
        "probability": number, "probability_low": number, "probability_high": number,
        **dict.fromkeys(scores.bundle.horizon_names, number),
        "ready_p10": number, "ready_p50": number, "ready_p90": number, "ready_at": pl.Int64, "base": number,
        "reasons": pl.String, "model_version": pl.String,
    }  # fmt: skip
    moments = [pl.col(name).cast(pl.Datetime("us", "UTC")) for name in ("as_of", "ready_at")]
    return pl.DataFrame(rows, schema=columns).with_columns(moments)


def assert_same(scores: Scores, language: str) -> None:
    fast, slow = scores.table(language), slow_table(scores, language)
    assert fast.schema == slow.schema
    assert fast["reasons"].to_list() == slow["reasons"].to_list()
    assert fast.equals(slow)


def scores_of(features: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Scores:
    """What the bundle of the market might have said; every third pair is not scored, some are too early, some ready."""
    count = len(features)
    pairs = count + count // 2
    scored = np.full(pairs, -1)
    scored[rng.permutation(pairs)[:count]] = rng.permutation(count)
    status = [
        Status(int(rng.random() < 0.2)) if place >= 0 else Status(int(rng.integers(2, len(Status)))) for place in scored
    ]
    return Scores(
        bundle=market.bundle(),
        lead_ids=[f"lead « {n} »" for n in range(pairs)],
        as_of=rng.integers(0, 2**50, pairs),
        status=status,
        ready_at=np.where(rng.random(pairs) < 0.3, rng.integers(0, 2**50, pairs), NEVER),
        scored=scored,
        features=features,
        base=float(rng.normal()),
        points=points,
        score=rng.choice([0.0, 100.0, 64.9, 65.0, 12.345, 50.0], count),
        probability=np.sort(rng.random((count, 3)), axis=1),
        interval=np.full((count, 2), np.nan) if rng.random() < 0.3 else np.sort(rng.random((count, 2)), axis=1),
        ready=np.sort(rng.exponential(10, (count, 3)), axis=1),
    )


def strange_features(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of the market's columns: any number, every category, and what is not known."""
    feature_set = market.bundle().feature_set
    found = rng.choice([0.0, -0.0, 1.0, 2.5, -3.25, 1e17, 1e-9, 1 / 3, np.nan], (count, len(feature_set.names)))
    for place in feature_set.categorical:
        codes = len(feature_set.categories(feature_set.features[place])) + 1
        found[:, place] = rng.choice([*range(codes), np.nan], count)
    return found


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(tables).failed == 0


@pytest.fixture(scope="module")
def scores():
    return score(market.bundle(), market.log(), [*market.log().leads, "nobody"], [NOW] * 401)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_market_has_the_same_table(scores, language):
    assert {*scores.status} >= {Status.scored, Status.converted, Status.lost, Status.unknown}
    assert_same(scores, language)


def test_nobody_has_the_same_table():
    assert_same(score(market.bundle(), market.log(), [], []), "en")
    assert_same(score(market.bundle(), market.log(), ["nobody"], [NOW]), "en")


@given(st.integers(0, 10_000), st.integers(0, 40), st.sampled_from(LANGUAGES))
def test_strange_rows_have_the_same_table(seed, count, language):
    """Points that weigh the same, that are nothing, fewer than are shown, and sums that cancel out."""
    rng = np.random.default_rng(seed)
    features = strange_features(count, rng)
    points = rng.choice([0.0, -0.0, 1.5, -1.5, 0.1, 0.2, 1e-17, 1e16, 5e-324], features.shape)
    points[rng.random(features.shape) < rng.choice([0.0, 0.9, 0.99])] = 0.0
    assert_same(scores_of(features, points, rng), language)


def test_many_rows_and_texts_have_the_same_table(monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 16)
    monkeypatch.setattr(tables, "_TEXTS_KEPT", 50)
    rng = np.random.default_rng(1)
    features = strange_features(100, rng)
    assert_same(scores_of(features, rng.normal(size=features.shape), rng), "fr")


@pytest.mark.parametrize("shown", [0, 1, 3, 200])
def test_any_number_of_reasons_may_be_shown(scores, shown):
    told = [json.dumps([r.to_dict() for r in one.reasons], ensure_ascii=False) for one in scores.rows(shown=shown)]
    assert scores.table(shown=shown)["reasons"].to_list() == told


@given(st.lists(st.floats(0, 100), max_size=20))
def test_grades_of_many_are_the_grades_of_each(drawn):
    bounds = {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0}
    assert tables.grades_of(np.array(drawn), bounds) == [grade(one, bounds) for one in drawn]


def test_grades_of_a_table_are_the_playbooks(scores):
    scoring = market.BOOK.scoring.model_copy(update={"grades": {"hot": 52.0, "cold": 0.0}})
    bundle = replace(market.bundle(), playbook=market.BOOK.model_copy(update={"scoring": scoring}))
    other = replace(scores, bundle=bundle)
    assert {"hot", "cold"} <= {*other.table()["grade"]}
    assert_same(other, "en")
