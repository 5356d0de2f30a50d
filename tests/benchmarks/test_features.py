"""The benchmark is worth what its engines agree on: all against a slow and obvious reference, on nasty events."""

from importlib import import_module

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import compare, market, measure
from benchmarks.engine import ENGINES
from benchmarks.features import Result
from benchmarks.table import COLUMNS, DAY, FEATURES, KINDS, OUTBOUND, PRICING, QUOTE, SNAPSHOTS, WHOLE, YEAR_START


def reference(events: list[dict]) -> pl.DataFrame:
    """The table, by looping over everything."""
    rows = []
    for lead in sorted({event["lead_id"] for event in events}):
        for as_of in SNAPSHOTS:
            seen = [e for e in events if e["lead_id"] == lead and e["known_at"] < as_of]
            if seen:
                rows.append({"lead_id": lead, "as_of": as_of} | row(seen, as_of))
    types = {"lead_id": pl.String, "as_of": pl.Int64}
    types |= {name: pl.Int32 if name in WHOLE else pl.Float64 for name in FEATURES}
    return pl.DataFrame(rows, schema=types).select(COLUMNS)


def row(seen: list[dict], as_of: int) -> dict:
    def within(days: int, some: list[dict]) -> list[dict]:
        return [e for e in some if as_of - e["occurred_at"] < days * DAY]

    mine = {
        "all": seen,
        "inbound": [e for e in seen if e["kind"] not in OUTBOUND],
        "outbound": [e for e in seen if e["kind"] in OUTBOUND],
        "pricing_page_viewed": [e for e in seen if e["kind"] == PRICING],
        "quote_requested": [e for e in seen if e["kind"] == QUOTE],
    }
    spans = {"7d": 7, "30d": 30, "90d": 90, "ever": 100_000}
    found = {"age": (as_of - min(e["occurred_at"] for e in seen)) / DAY}
    for subject, some in mine.items():
        for span, days in spans.items():
            found[f"count__{subject}__{span}"] = len(within(days, some))
        found[f"since__{subject}"] = (as_of - max(e["occurred_at"] for e in some)) / DAY if some else None
    for span in ("7d", "30d", "90d"):
        found[f"active_days__all__{span}"] = len({e["occurred_at"] // DAY for e in within(spans[span], seen)})
    for span in ("30d", "90d", "ever"):
        worth = [e["value"] for e in within(spans[span], mine["quote_requested"]) if e["value"] is not None]
        found[f"sum__quote_requested__{span}"] = sum(worth) / 1e6 if worth else None
    for short, long in ((7, 30), (30, 90)):
        longer = len(within(long, mine["inbound"]))
        pace = len(within(short, mine["inbound"])) * long / short
        found[f"trend__inbound__{short}d_{long}d"] = pace / longer if longer else None
    for half in (7, 30):
        found[f"decay__all__{half}d"] = sum(2 ** -((as_of - e["occurred_at"]) / (half * DAY)) for e in seen)
    return found


def nasty(seed: int) -> list[dict]:
    """Few leads, coarse moments: ties, the very edges of days and windows, delays as long as the windows."""
    random = np.random.default_rng(seed)
    hour = DAY // 24
    delays = [0, 0, 0, 1, hour, 7 * DAY - 5 * hour, 7 * DAY - hour, 7 * DAY - 1, 7 * DAY, 8 * DAY, 30 * DAY, 95 * DAY]
    made = []
    for _ in range(300):
        on_an_edge = 7 * random.integers(0, 8) * DAY + random.choice([0, 0, 6, 23]) * hour
        occurred = YEAR_START + int(random.choice([on_an_edge, random.integers(0, 365 * 24) * hour]))
        late = int(random.choice(delays))
        made.append(
            {
                "lead_id": f"L{random.integers(0, 8):07d}",
                "kind": KINDS[random.integers(len(KINDS))],
                "occurred_at": occurred,
                "known_at": occurred + late,
                "value": int(random.integers(-5, 10**12)) if random.random() < 0.5 else None,
            }
        )
    return sorted(made, key=lambda event: event["known_at"])


@pytest.mark.parametrize("engine", ["polars", "polars grid", "duckdb", "pandas", "ours"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_engine_makes_the_same_table(engine, seed, tmp_path):
    happened = nasty(seed)
    pq.write_table(pa.Table.from_pylist(happened, schema=market.SCHEMA), tmp_path / "events.parquet")
    (tmp_path / "expected").mkdir()
    reference(happened).write_parquet(tmp_path / "expected" / "part-0.parquet")
    (tmp_path / "made").mkdir()
    module, function = ENGINES[engine]
    getattr(import_module(module), function)(tmp_path / "events.parquet", tmp_path / "made")
    assert compare.schema_problems(tmp_path / "made") == []
    assert compare.differences(tmp_path / "made", tmp_path / "expected") == []


def test_a_difference_is_found_in_each_shape_it_can_take(tmp_path):
    table = reference(nasty(3))
    wrong = {
        "count__all__7d": pl.col("count__all__7d") + (pl.int_range(pl.len()) == 5).cast(pl.Int32),
        "age": pl.col("age") * (1 + 1e-8),
        "sum__quote_requested__ever": pl.col("sum__quote_requested__ever").fill_null(0.0),
        "since__outbound": pl.col("since__outbound").replace(pl.col("since__outbound").max(), None),
    }
    for name, frame in {
        "right": table.sample(fraction=1.0, shuffle=True, seed=1),
        "wrong": table.with_columns(**wrong),
        "short": table[1:],
        "wide": table.with_columns(pl.col("count__all__7d").cast(pl.Int64)),
    }.items():
        (tmp_path / name).mkdir()
        frame.write_parquet(tmp_path / name / "part-0.parquet")
    found = compare.differences(tmp_path / "wrong", tmp_path / "right")
    assert sorted(line.partition(":")[0] for line in found) == sorted(wrong)
    assert compare.differences(tmp_path / "right", tmp_path / "right") == []
    assert compare.differences(tmp_path / "short", tmp_path / "right")[0].startswith("rows: 1 missing, 0 too many")
    assert compare.schema_problems(tmp_path / "wide") == ["count__all__7d: Int64 instead of Int32"]


def test_a_market_is_a_log_as_it_grows_and_the_same_each_time(tmp_path):
    for name in ("one.parquet", "same.parquet"):
        market.write(tmp_path / name, 300_001)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "same.parquet").read_bytes()
    events = pl.read_parquet(tmp_path / "one.parquet")
    late = (events["known_at"] > events["occurred_at"]).mean()
    per_lead = events.group_by("lead_id").len()["len"]
    assert events.height == 300_001
    assert events["known_at"].is_sorted()
    assert (events["known_at"] >= events["occurred_at"]).all()
    assert 0.028 < late < 0.032
    assert 0.29 < 1 - events["value"].null_count() / events.height < 0.31
    assert set(events["kind"]) == {*KINDS}
    assert per_lead.min() <= 2
    assert per_lead.max() > 2_000
    assert pl.Series(SNAPSHOTS).is_between(YEAR_START, YEAR_START + 365 * DAY).all()


def test_an_engine_that_fails_says_so_in_one_line(tmp_path):
    with pytest.raises(measure.EngineFailedError, match=r"^polars scan ended with 1: FileNotFoundError.*$"):
        measure.run("polars scan", tmp_path / "nowhere.parquet", tmp_path)


def test_the_ratio_is_against_the_cheapest_peer():
    assert Result.of("1e7", "wall", "s", 2.0, {"polars": 16.0, "duckdb": 40.0}).ratio_to_best_peer == 0.125
    assert Result.of("5e7", "wall", "s", 2.0).ratio_to_best_peer is None
    assert Result.of("1e7", "wall", "s", None, {"polars": 16.0}).ratio_to_best_peer is None
