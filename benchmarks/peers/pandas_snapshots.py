"""pandas, filter and group per snapshot: flags made once, sums of flags per lead for each window.

What a good user does first: leads become codes, so that groups need no hashing; what is visible is a slice, as the log
is in the order of ``known``; each window filters the one around it.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

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


def run(events: Path, out: Path) -> None:
    """Read `events`, write the table into the folder `out`, a file a snapshot."""
    rows = pd.read_parquet(events, columns=["lead_id", "kind", "occurred_at", "known_at", "value"])
    codes, names = pd.factorize(rows["lead_id"])
    kind = rows["kind"]
    outbound = kind.isin(OUTBOUND)
    worth = rows["value"].where(kind == QUOTE)
    frame = pd.DataFrame(
        {
            "lead": codes,
            "occurred": rows["occurred_at"],
            "day": rows["occurred_at"] // DAY,
            "all": np.int32(1),
            "inbound": (~outbound).astype("int32"),
            "outbound": outbound.astype("int32"),
            "pricing_page_viewed": (kind == PRICING).astype("int32"),
            "quote_requested": (kind == QUOTE).astype("int32"),
            "worth": worth / 1e6,
        }
    )
    known = rows["known_at"].to_numpy()
    del rows
    for number, as_of in enumerate(SNAPSHOTS):
        visible = frame.iloc[: np.searchsorted(known, as_of, side="left")]
        table = _table(visible, as_of)
        table.insert(0, "lead_id", names[table.index])
        table.to_parquet(
            out / f"part-{number}.parquet",
            index=False,
            compression=COMPRESSION,
            use_dictionary=False,
            row_group_size=ROW_GROUP,
        )


def _table(visible: pd.DataFrame, as_of: int) -> pd.DataFrame:
    subjects = list(SUBJECTS)
    groups = visible.groupby("lead", sort=False)
    made = {"age": (as_of - groups["occurred"].min()) / DAY}
    ever = groups[subjects].sum()
    for subject in subjects:
        made[f"count__{subject}__ever"] = ever[subject]
        mine = visible if subject == "all" else visible[visible[subject] == 1]
        made[f"since__{subject}"] = (as_of - mine.groupby("lead", sort=False)["occurred"].max()) / DAY
    made["sum__quote_requested__ever"] = groups["worth"].sum(min_count=1)
    ago = as_of - visible["occurred"]
    for half in HALF_LIVES:
        made[f"decay__all__{half}d"] = np.exp2(-ago / (half * DAY)).groupby(visible["lead"], sort=False).sum()
    inside = visible
    for window in reversed(WINDOWS):
        inside = inside[as_of - inside["occurred"] < window * DAY]
        groups = inside.groupby("lead", sort=False)
        counts = groups[subjects].sum()
        for subject in subjects:
            made[f"count__{subject}__{window}d"] = counts[subject]
        days = inside[["lead", "day"]].drop_duplicates()
        made[f"active_days__all__{window}d"] = days.groupby("lead", sort=False).size()
        if window > WINDOWS[0]:
            made[f"sum__quote_requested__{window}d"] = groups["worth"].sum(min_count=1)
    table = pd.DataFrame(made).reindex(ever.index)
    whole = sorted(WHOLE)
    table[whole] = table[whole].fillna(0).astype("int32")
    for short, long in pairwise(WINDOWS):
        longer = table[f"count__inbound__{long}d"]
        trend = table[f"count__inbound__{short}d"] * (long / short) / longer.where(longer > 0)
        table[f"trend__inbound__{short}d_{long}d"] = trend
    table["as_of"] = np.int64(as_of)
    return table[list(COLUMNS[1:])]
