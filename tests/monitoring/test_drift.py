"""The comparison of columns: Evidently's figure, on bins that make every column comparable."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.log import Floats
from monitoring import psi
from monitoring.drift import REFERENCE_PER_DAY, ROWS, Column, compare, matched, score_pairs, stability
from tests import market
from training.landmarks import landmarks

NAN = float("nan")
RULES = market.BOOK.monitoring


def normal(mean: float = 0.0, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(mean, 1.0, 1_200)


def some(*values: float) -> Floats:
    return np.resize(np.array(values), 1_200)


def difficult() -> dict[str, Column]:
    """Columns of every difficult kind."""
    many = np.random.default_rng(1).integers(1, 200, (2, 1_200)) * 1.0
    return {
        "same": Column(normal(), normal(seed=2)),
        "moved": Column(normal(), normal(mean=1.0, seed=2)),
        "constant": Column(some(3), some(3)),
        "constant that rose": Column(some(3), some(4)),
        "constant that fell": Column(some(3), some(2)),
        "all null": Column(some(NAN), some(NAN)),
        "null before": Column(some(NAN), some(1)),
        "null now": Column(normal(), some(NAN)),
        "null more often": Column(some(1, 2, 3, NAN), some(1, NAN)),
        "boolean": Column(some(0, 1), some(0, 1)),
        "boolean turned": Column(some(0, 0, 0, 1), some(0, 1, 1, 1)),
        "infinite": Column(np.append(normal()[2:], [np.inf, -np.inf]), np.append(normal()[2:], [np.inf, np.inf])),
        "mostly zero": Column(some(*[0] * 38, 1, 2), some(*[0] * 37, 1, 1, 2)),
        "category": Column(some(1, 1, 2), some(1, 2), categorical=True),
        "category unknown": Column(some(1, 2), some(1, 2, 0), categorical=True),
        "category all null": Column(some(NAN), some(NAN), categorical=True),
        "categories by the hundred": Column(many[0], many[1], categorical=True),
        "one in twenty thousand": Column(np.append(np.zeros(20_000), 1.0), np.array([0.0, 1.0, 2.0])),
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """One run of Evidently over them; it takes seconds to load."""
    html = tmp_path_factory.mktemp("drift") / "reports" / "drift.html"
    figures = alike(difficult(), html)
    assert "moved" in html.read_text(encoding="utf-8")
    return figures


def alike(columns: dict[str, Column], html: Path) -> dict[str, float]:
    """Evidently's figures; Evidently wants columns of one length, so each length has a run of its own."""
    found: dict[str, float] = {}
    for size in sorted({(len(one.reference), len(one.chunk)) for one in columns.values()}):
        same = {name: one for name, one in columns.items() if (len(one.reference), len(one.chunk)) == size}
        found |= stability(same, html if "moved" in same else html.with_name("other.html"))
    return found


def ours(column: Column) -> float:
    one = psi.cut(column.reference, categorical=column.categorical)
    before, now = (psi.counts(one.places(side)[:, None]) for side in (column.reference, column.chunk))
    return float(psi.index(before, now)[0])


def test_our_index_is_evidentlys(found: dict[str, float]):
    assert {name: ours(column) for name, column in difficult().items()} == pytest.approx(found, abs=1e-6)
    assert found["one in twenty thousand"] > 1


def test_what_did_not_change_has_not_drifted(found: dict[str, float]):
    for name in ("constant", "all null", "boolean", "category all null"):
        assert found[name] == 0, name
    for name in ("same", "infinite", "mostly zero", "categories by the hundred"):
        assert found[name] < 0.1, name


def test_what_changed_has(found: dict[str, float]):
    changed = ["moved", "constant that rose", "constant that fell", "boolean turned", "category unknown"]
    for name in [*changed, "null before", "null now", "null more often"]:
        assert found[name] > 0.25, name
    assert 0 < found["category"] < 0.25


def test_the_figure_is_the_population_stability_index(found: dict[str, float]):
    before, now = np.array([2 / 3, 1 / 3]), np.array([1 / 2, 1 / 2])
    assert found["category"] == pytest.approx(float(((before - now) * np.log(before / now)).sum()), abs=1e-6)
    before, now = np.array([3 / 4, 1 / 4]), np.array([1 / 4, 3 / 4])
    assert found["boolean turned"] == pytest.approx(float(((before - now) * np.log(before / now)).sum()), abs=1e-6)


def test_one_row_can_be_compared(tmp_path: Path):
    found = stability({"one": Column(normal()[:50], np.array([0.0]))}, tmp_path / "one.html")
    assert found["one"] > 1


def test_the_reference_takes_the_chunks_mix_of_landmark_days():
    chunk, reference = np.repeat([0, 7, 90], [60, 20, 5]), np.repeat([0, 7, 30], [100, 300, 200])
    now, before, left_out = matched(chunk, reference, seed=1)
    assert left_out == [90]
    assert set(chunk[now]) == {0, 7}
    shares = [float((reference[before] == day).mean()) for day in (0, 7)]
    assert shares == pytest.approx([0.75, 0.25], abs=0.01)
    again = matched(chunk, reference, seed=1)
    assert np.array_equal(before, again[1])


def test_large_sides_are_sampled_and_days_that_training_hardly_saw_are_left_out():
    now, before, left_out = matched(np.zeros(3 * ROWS, dtype=np.int64), np.zeros(2 * ROWS, dtype=np.int64), seed=1)
    assert len(now) == len(before) == ROWS
    assert left_out == []
    rare = matched(np.zeros(50, dtype=np.int64), np.zeros(REFERENCE_PER_DAY - 1, dtype=np.int64), seed=1)
    assert [len(rows) for rows in rare[:2]] == [0, 0]
    assert rare[2] == [0]


def test_a_chunk_of_the_training_time_has_not_drifted_and_a_changed_trait_shows(tmp_path: Path):
    log, bundle = market.log(), market.bundle()
    pairs = landmarks(log, market.BOOK, before=market.SNAPSHOT)
    chunk = score_pairs(log, bundle, pairs, threads=1)
    calm = compare(bundle, chunk, tmp_path / "calm.html", rules=RULES, seed=7)
    assert calm.score is not None
    assert calm.scored == len(pairs)
    assert calm.drifted == []
    assert calm.score.psi < calm.score.limit
    assert len(calm.columns) == len(bundle.feature_set.names)

    features = chunk.features.copy()
    country = bundle.feature_set.names.index("trait__country")
    features[:, country] = NAN
    drifted = compare(bundle, replace(chunk, features=features), tmp_path / "drifted.html", rules=RULES, seed=7)
    first = drifted.drifted[0]
    assert first.name == "trait__country"
    assert (first.psi > 1, first.missing, first.before < 0.5) == (True, 1.0, True)


def test_a_reference_that_lacks_columns_is_compared_in_the_others(tmp_path: Path):
    log, bundle = market.log(), market.bundle()
    chunk = score_pairs(log, bundle, landmarks(log, market.BOOK, before=market.SNAPSHOT)[:300], threads=1)
    without = replace(bundle, reference=bundle.reference.drop("age"))
    assert "age" not in [column.name for column in compare(without, chunk, None, rules=RULES, seed=7).columns]
    empty = compare(replace(bundle, reference=pl.DataFrame()), chunk, tmp_path / "b.html", rules=RULES, seed=7)
    assert (empty.columns, empty.score, empty.compared) == ([], None, 0)
    assert not (tmp_path / "b.html").exists()


def test_an_empty_chunk_is_no_comparison(tmp_path: Path):
    log, bundle = market.log(), market.bundle()
    nobody = landmarks(log, market.BOOK, before=market.SNAPSHOT)[np.zeros(0, dtype=np.int64)]
    drift = compare(bundle, score_pairs(log, bundle, nobody, threads=1), None, rules=RULES, seed=7)
    assert (drift.columns, drift.score, drift.scored, drift.left_out) == ([], None, 0, [])
