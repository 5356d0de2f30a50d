"""Polars without a query per snapshot: the strongest way we found for one list of snapshots shared by all leads.

Every event is put down at the first snapshot that shows it, and at the first whose window no longer holds it; changes
are summed per (lead, snapshot), and one running sum along each lead's snapshots gives the table. It needs the moments
to be the same for all leads, a week apart: landmarks of training, which differ from lead to lead, cannot be made so.
It is not one of the peers that the targets name; it is here so that nobody has to wonder.
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
    WEEK,
    WHOLE,
    WINDOWS,
    YEAR_START,
)

_LAST = len(SNAPSHOTS)
_FLAG = {
    "all": pl.lit(True),
    "inbound": ~pl.col("outbound"),
    "outbound": pl.col("outbound"),
    "pricing_page_viewed": pl.col("pricing"),
    "quote_requested": pl.col("quote"),
}
_PLACES = 64
"""A key is ``lead * 64 + snapshot``: one integer joins faster than two columns."""


def run(events: Path, out: Path) -> None:
    """Read `events`, write the table into the folder `out`."""
    is_quote = pl.col("kind") == QUOTE
    rows = (
        pl.scan_parquet(events)
        .select(
            pl.col("lead_id").cast(pl.Categorical),
            pl.col("occurred_at").alias("occurred"),
            outbound=pl.col("kind").is_in(OUTBOUND),
            pricing=pl.col("kind") == PRICING,
            quote=is_quote,
            worth=pl.when(is_quote).then("value"),
            day=(pl.col("occurred_at") // DAY).cast(pl.Int32),
            enters=_shown(pl.col("known_at")),
        )
        .with_columns(
            pl.max_horizontal("enters", _gone("occurred", window)).alias(f"leaves_{window}") for window in WINDOWS
        )
        .collect(engine="streaming")
        .lazy()
    )
    entered = rows.group_by("lead_id", k="enters").agg(_entering()).filter(pl.col("k") < _LAST).collect()
    table = _pairs(entered)
    for changes in (entered.lazy(), *(_left(rows, window) for window in WINDOWS), *_active(rows)):
        table = table.join(_keyed(changes).collect(engine="streaming"), on="key", how="left", maintain_order="left")
    summed = [name for name in table.columns if name.startswith(("n_", "left_", "worth", "decay_", "active_"))]
    newest = [f"last_{subject}" for subject in SUBJECTS]
    table = table.with_columns(
        *(pl.col(name).fill_null(0).cum_sum().over("lead_id") for name in summed),
        *(pl.col(name).cum_max().forward_fill().over("lead_id") for name in newest),
        pl.col("first").cum_min().forward_fill().over("lead_id"),
    )
    table.lazy().select(_derived()).sink_parquet(
        out / "part-0.parquet", compression=COMPRESSION, row_group_size=ROW_GROUP, engine="streaming"
    )


def _shown(moment: pl.Expr) -> pl.Expr:
    """The first snapshot after a moment, counted from 0; as many as there are where none comes."""
    return ((moment - SNAPSHOTS[0] + WEEK).clip(0) // WEEK).clip(0, _LAST).cast(pl.UInt8)


def _gone(occurred: str, window: int) -> pl.Expr:
    """The first snapshot whose window no longer holds what happened then."""
    return _shown(pl.col(occurred) + (window * DAY - 1))


def _key() -> pl.Expr:
    return (pl.col("lead_id").to_physical().cast(pl.Int32) * _PLACES + pl.col("k")).alias("key")


def _keyed(changes: pl.LazyFrame) -> pl.LazyFrame:
    return changes.select(_key(), pl.exclude("lead_id", "k"))


def _pairs(entered: pl.DataFrame) -> pl.DataFrame:
    """Each lead from the first snapshot that shows anything of it, in the order of leads and snapshots."""
    return (
        entered.lazy()
        .group_by("lead_id")
        .agg(since=pl.col("k").min())
        .select("lead_id", k=pl.int_ranges("since", _LAST, dtype=pl.UInt8))
        .explode("k")
        .with_columns(_key(), as_of=pl.lit(SNAPSHOTS[0]) + pl.col("k").cast(pl.Int64) * WEEK)
        .sort("key")
        .collect()
    )


def _entering() -> list[pl.Expr]:
    made = [pl.col("occurred").min().alias("first")]
    for subject, flag in _FLAG.items():
        made += [_count(subject).alias(f"n_{subject}"), pl.when(flag).then("occurred").max().alias(f"last_{subject}")]
    made += [pl.col("worth").sum(), pl.col("worth").count().cast(pl.Int32).alias("worths")]
    since = pl.col("occurred") - YEAR_START
    return made + [(2.0 ** (since / (half * DAY))).sum().alias(f"decay_{half}") for half in HALF_LIVES]


def _left(rows: pl.LazyFrame, window: int) -> pl.LazyFrame:
    made = [_count(subject).alias(f"left_{window}_n_{subject}") for subject in SUBJECTS]
    if window > WINDOWS[0]:
        made.append(pl.col("worth").sum().alias(f"left_{window}_worth"))
        made.append(pl.col("worth").count().cast(pl.Int32).alias(f"left_{window}_worths"))
    gone = rows.filter(pl.col(f"leaves_{window}") < _LAST)
    return gone.group_by("lead_id", k=f"leaves_{window}").agg(made)


def _count(subject: str) -> pl.Expr:
    return (pl.len() if subject == "all" else _FLAG[subject].sum()).cast(pl.Int32)


def _active(rows: pl.LazyFrame) -> list[pl.LazyFrame]:
    """What a snapshot newly shows of a calendar day adds the snapshots that earlier rows of that day do not reach."""
    days = (
        rows.group_by("lead_id", "day", "enters")
        .agg(newest=pl.col("occurred").max())
        .with_columns(pl.col("lead_id").to_physical())
        .sort("lead_id", "day", "enters")
        .with_columns(several=pl.struct("lead_id", "day").rle_id())
        .collect(engine="streaming")
    )
    same = pl.col("several") == pl.col("several").shift()
    if days.select((same & same.shift()).any()).item():  # a day that came in three parts: the general way
        before = pl.col("newest").cum_max().shift().over("several")
    else:
        before = pl.when(same).then(pl.col("newest").shift())
    days = days.with_columns(before=before)
    return [_active_within(days.lazy(), window) for window in WINDOWS]


def _active_within(days: pl.LazyFrame, window: int) -> pl.LazyFrame:
    spans = days.select(
        "lead_id",
        begins=pl.max_horizontal("enters", _gone("before", window).fill_null(0)),
        ends=_gone("newest", window),
    ).filter(pl.col("begins") < pl.col("ends"))
    one = pl.lit(1, dtype=pl.Int32).alias("change")
    both = pl.concat([spans.select("lead_id", one, k="begins"), spans.select("lead_id", -one, k="ends")])
    changes = both.filter(pl.col("k") < _LAST).group_by("lead_id", "k")
    return changes.agg(pl.col("change").sum().alias(f"active_{window}"))


def _derived() -> list[pl.Expr]:
    as_of = pl.col("as_of")
    made = {"age": (as_of - pl.col("first")) / DAY}
    for subject in SUBJECTS:
        for window in WINDOWS:
            made[f"count__{subject}__{window}d"] = _still(f"n_{subject}", window)
        made[f"count__{subject}__ever"] = pl.col(f"n_{subject}")
        made[f"since__{subject}"] = (as_of - pl.col(f"last_{subject}")) / DAY
    for window in WINDOWS:
        made[f"active_days__all__{window}d"] = pl.col(f"active_{window}")
    for window in WINDOWS[1:]:
        worth = pl.when(_still("worths", window) > 0).then(_still("worth", window) / 1e6)
        made[f"sum__quote_requested__{window}d"] = worth
    made["sum__quote_requested__ever"] = pl.when(pl.col("worths") > 0).then(pl.col("worth") / 1e6)
    for short, long in pairwise(WINDOWS):
        within, longer = (_still("n_inbound", window) for window in (short, long))
        made[f"trend__inbound__{short}d_{long}d"] = pl.when(longer > 0).then(within * (long / short) / longer)
    for half in HALF_LIVES:
        made[f"decay__all__{half}d"] = pl.col(f"decay_{half}") * 2.0 ** (-(as_of - YEAR_START) / (half * DAY))
    columns = [made[name].cast(pl.Int32 if name in WHOLE else pl.Float64).alias(name) for name in COLUMNS[2:]]
    return [pl.col("lead_id").cast(pl.String), as_of, *columns]


def _still(column: str, window: int) -> pl.Expr:
    """What entered and has not left the window."""
    return pl.col(column) - pl.col(f"left_{window}_{column}")
