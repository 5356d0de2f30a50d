"""Polars, filter and group per snapshot: 52 lazy queries over one prepared frame, each run by the streaming engine.

What a good user does first: leads and kinds become integers and flags once; windows nest, so that the queries of the
longest window never look at older events; days are counted on (lead, day) groups; ``when`` instead of filters inside
groups, which the streaming engine sums without gathering rows.
"""

from itertools import pairwise
from pathlib import Path

import polars as pl

from benchmarks.table import (
    COLUMNS,
    COMPRESSION,
    DAY,
    HALF_LIVES,
    OUTBOUND,
    PRICING,
    QUOTE,
    ROW_GROUP,
    SNAPSHOTS,
    SUBJECTS,
    WHOLE,
    WINDOWS,
)

_FLAG = {
    "all": pl.lit(True),
    "inbound": ~pl.col("outbound"),
    "outbound": pl.col("outbound"),
    "pricing_page_viewed": pl.col("pricing"),
    "quote_requested": pl.col("quote"),
}
_LONGEST = WINDOWS[-1]


def run(events: Path, out: Path) -> None:
    """Read `events`, write the table into the folder `out`, a file a snapshot."""
    rows = (
        pl.scan_parquet(events)
        .select(
            pl.col("lead_id").cast(pl.Categorical),
            pl.col("occurred_at").alias("occurred"),
            pl.col("known_at").alias("known"),
            outbound=pl.col("kind").is_in(OUTBOUND),
            pricing=pl.col("kind") == PRICING,
            quote=pl.col("kind") == QUOTE,
            worth=pl.when(pl.col("kind") == QUOTE).then("value"),
            day=(pl.col("occurred_at") // DAY).cast(pl.Int32),
        )
        .collect()
    )
    known = rows["known"]  # ascending, as a log grows: what is visible is a slice, not a filter
    for number, as_of in enumerate(SNAPSHOTS):
        visible = rows[: known.search_sorted(as_of, side="left")].lazy()
        _table(visible, as_of).sink_parquet(
            out / f"part-{number}.parquet", compression=COMPRESSION, row_group_size=ROW_GROUP, engine="streaming"
        )


def _table(visible: pl.LazyFrame, as_of: int) -> pl.LazyFrame:
    ago = as_of - pl.col("occurred")
    recent = visible.filter(ago < _LONGEST * DAY)
    days = recent.group_by("lead_id", "day").agg(newest=pl.col("occurred").max())
    newest_ago = as_of - pl.col("newest")
    active = days.group_by("lead_id").agg(
        (newest_ago < window * DAY).sum().alias(f"active_days__all__{window}d") for window in WINDOWS
    )
    table = (
        visible.group_by("lead_id")
        .agg(_ever(ago))
        .join(recent.group_by("lead_id").agg(_windows(ago)), on="lead_id", how="left")
        .join(active, on="lead_id", how="left")
        .with_columns(pl.col(*_COUNTED).fill_null(0))
        .with_columns(_derived(as_of))
    )
    return table.select(
        pl.col("lead_id").cast(pl.String),
        pl.lit(as_of).alias("as_of"),
        *(pl.col(name).cast(pl.Int32 if name in WHOLE else pl.Float64) for name in COLUMNS[2:]),
    )


def _ever(ago: pl.Expr) -> list[pl.Expr]:
    made = [pl.col("occurred").min().alias("first")]
    for subject, flag in _FLAG.items():
        made += [
            flag.sum().alias(f"count__{subject}__ever") if subject != "all" else pl.len().alias("count__all__ever"),
            pl.when(flag).then("occurred").max().alias(f"last__{subject}"),
        ]
    made += [pl.col("worth").sum().alias("worth__ever"), pl.col("worth").count().alias("worths__ever")]
    return made + [(2.0 ** (-ago / (half * DAY))).sum().alias(f"decay__all__{half}d") for half in HALF_LIVES]


def _windows(ago: pl.Expr) -> list[pl.Expr]:
    made = []
    for window in WINDOWS:
        inside = ago < window * DAY
        made += [(inside & flag).sum().alias(f"count__{subject}__{window}d") for subject, flag in _FLAG.items()]
    for window in WINDOWS[1:]:
        worth = pl.when(ago < window * DAY).then("worth")
        made += [worth.sum().alias(f"worth__{window}d"), worth.count().alias(f"worths__{window}d")]
    return made


def _derived(as_of: int) -> list[pl.Expr]:
    made = [((as_of - pl.col("first")) / DAY).alias("age")]
    made += [((as_of - pl.col(f"last__{subject}")) / DAY).alias(f"since__{subject}") for subject in SUBJECTS]
    for span in (*(f"{window}d" for window in WINDOWS[1:]), "ever"):
        worth = pl.when(pl.col(f"worths__{span}") > 0).then(pl.col(f"worth__{span}") / 1e6)
        made.append(worth.alias(f"sum__quote_requested__{span}"))
    for short, long in pairwise(WINDOWS):
        within, longer = (pl.col(f"count__inbound__{window}d") for window in (short, long))
        trend = pl.when(longer > 0).then(within * (long / short) / longer)
        made.append(trend.alias(f"trend__inbound__{short}d_{long}d"))
    return made


_COUNTED = [
    *(f"count__{subject}__{window}d" for subject in SUBJECTS for window in WINDOWS),
    *(f"active_days__all__{window}d" for window in WINDOWS),
    *(f"worths__{window}d" for window in WINDOWS[1:]),
]
