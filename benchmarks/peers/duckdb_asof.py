"""DuckDB, cumulative sums and ASOF joins: a change log per window edge, cumulated, read at each snapshot.

An event counts in a window of w days at the moments ``known < as_of < occurred + w``: it enters at ``known``, and
leaves at the later of ``known`` and ``occurred + w - 1 us``; so late events come out right. Ties need no order: a RANGE
frame gives all rows of one moment the same sum. A calendar day counts from its first known event until the window has
left its newest one; an event known so late that the window had left the day already begins it anew.
"""

from itertools import pairwise
from pathlib import Path

import duckdb

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
    YEAR_START,
)

_FLAG = {
    "all": "true",
    "inbound": "not outbound",
    "outbound": "outbound",
    "pricing_page_viewed": "pricing",
    "quote_requested": "quote",
}


def run(events: Path, out: Path) -> None:
    """Read `events`, write the table into the folder `out`."""
    base = duckdb.connect()
    base.execute("SET preserve_insertion_order = false")
    base.execute("SET enable_progress_bar = false")
    base.execute(f"""
        CREATE TEMP TABLE leads AS
        SELECT lead_id, (row_number() OVER ())::INTEGER AS lead FROM (SELECT DISTINCT lead_id FROM '{events}')
    """)
    base.execute(f"""
        CREATE TEMP TABLE events AS
        SELECT lead, occurred_at AS occurred, known_at AS known, kind IN {OUTBOUND} AS outbound,
               kind = '{PRICING}' AS pricing, kind = '{QUOTE}' AS quote,
               CASE WHEN kind = '{QUOTE}' THEN value END AS worth
        FROM '{events}' JOIN leads USING (lead_id)
    """)
    base.execute(f"""
        CREATE TEMP TABLE pairs AS
        SELECT lead, as_of FROM (SELECT lead, min(known) AS known FROM events GROUP BY lead)
        JOIN (SELECT unnest({list(SNAPSHOTS)}) AS as_of) ON as_of > known
    """)
    _join(base, _entered())
    for window in WINDOWS:
        _join(base, _left(window))
    base.execute(f"CREATE TEMP TABLE days AS {_DAYS}")
    base.execute("DROP TABLE events")
    for window in WINDOWS:
        _join(base, _active(window))
    base.execute("DROP TABLE days")
    base.execute(f"""
        COPY ({_table()}) TO '{out}/part-0.parquet'
        (FORMAT parquet, COMPRESSION {COMPRESSION}_raw, ROW_GROUP_SIZE {ROW_GROUP}, DICTIONARY_SIZE_LIMIT 1)
    """)


def _join(base: duckdb.DuckDBPyConnection, log: str) -> None:
    """Read a log at each pair: one join at a time, so that memory holds one sorted log, not seven."""
    base.execute(f"""
        CREATE TEMP TABLE wider AS
        SELECT pairs.*, log.* EXCLUDE (lead, t) FROM pairs
        ASOF LEFT JOIN ({log}) AS log ON pairs.lead = log.lead AND pairs.as_of > log.t
    """)
    base.execute("DROP TABLE pairs")
    base.execute("ALTER TABLE wider RENAME TO pairs")


def _entered() -> str:
    columns = ["lead", "known AS t", "min(occurred) OVER run AS first"]
    for subject, flag in _FLAG.items():
        columns += [
            f"(count(*) FILTER ({flag}) OVER run)::INTEGER AS n_{subject}",
            f"max(occurred) FILTER ({flag}) OVER run AS last_{subject}",
        ]
    columns += ["(sum(worth) OVER run)::BIGINT AS worth", "(count(worth) OVER run)::INTEGER AS worths"]
    for half in HALF_LIVES:
        columns.append(f"sum(pow(2.0::DOUBLE, (occurred - {YEAR_START}) / {half * DAY})) OVER run AS decay_{half}")
    return f"SELECT {', '.join(columns)} FROM events WINDOW run AS (PARTITION BY lead ORDER BY known)"


def _left(window: int) -> str:
    columns = ["lead", "t"]
    for subject, flag in _FLAG.items():
        columns.append(f"(count(*) FILTER ({flag}) OVER run)::INTEGER AS left_{window}_n_{subject}")
    if window > WINDOWS[0]:
        columns.append(f"(sum(worth) OVER run)::BIGINT AS left_{window}_worth")
        columns.append(f"(count(worth) OVER run)::INTEGER AS left_{window}_worths")
    return f"""
        SELECT {", ".join(columns)}
        FROM (SELECT *, greatest(known, occurred + {window * DAY - 1}) AS t FROM events)
        WHERE t < {SNAPSHOTS[-1]}
        WINDOW run AS (PARTITION BY lead ORDER BY t)
    """


_DAYS = f"""
    SELECT lead, known, lag(known) OVER run AS known_before, lead(known) OVER run IS NULL AS closes,
           max(occurred) OVER (run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest_before,
           max(occurred) OVER (run ROWS UNBOUNDED PRECEDING) AS newest
    FROM events WINDOW run AS (PARTITION BY lead, occurred // {DAY} ORDER BY known)
"""
"""Each event within its lead's calendar day: what was known of that day before it."""


def _active(window: int) -> str:
    edge = window * DAY - 1
    begins = f"(newest_before IS NULL OR known >= newest_before + {edge})"
    return f"""
        SELECT lead, t, (sum(change) OVER (PARTITION BY lead ORDER BY t))::INTEGER AS active_{window}
        FROM (
            SELECT lead, known AS t, 1 AS change FROM days WHERE {begins}
            UNION ALL
            SELECT lead, greatest(known_before, newest_before + {edge}), -1 FROM days
            WHERE {begins} AND newest_before IS NOT NULL
            UNION ALL
            SELECT lead, greatest(known, newest + {edge}), -1 FROM days WHERE closes
        )
    """


def _table() -> str:
    made = {"lead_id": "lead_id", "as_of": "as_of", "age": f"(as_of - first) / {DAY}::DOUBLE"}
    for subject in SUBJECTS:
        for window in WINDOWS:
            made[f"count__{subject}__{window}d"] = _still(f"n_{subject}", window)
        made[f"count__{subject}__ever"] = f"n_{subject}"
        made[f"since__{subject}"] = f"(as_of - last_{subject}) / {DAY}::DOUBLE"
    for window in WINDOWS:
        made[f"active_days__all__{window}d"] = f"coalesce(active_{window}, 0)"
    for window in WINDOWS[1:]:
        worth, worths = _still("worth", window), _still("worths", window)
        made[f"sum__quote_requested__{window}d"] = f"CASE WHEN {worths} > 0 THEN {worth} / 1e6::DOUBLE END"
    made["sum__quote_requested__ever"] = "CASE WHEN worths > 0 THEN worth / 1e6::DOUBLE END"
    for short, long in pairwise(WINDOWS):
        within, longer = (_still("n_inbound", window) for window in (short, long))
        made[f"trend__inbound__{short}d_{long}d"] = f"{within} * ({long} / {short}::DOUBLE) / nullif({longer}, 0)"
    for half in HALF_LIVES:
        made[f"decay__all__{half}d"] = f"decay_{half} * pow(2.0::DOUBLE, -(as_of - {YEAR_START}) / {half * DAY})"
    columns = ", ".join(f"({made[name]}){'::INTEGER' if name in WHOLE else ''} AS {name}" for name in COLUMNS)
    return f"SELECT {columns} FROM pairs JOIN leads USING (lead)"


def _still(column: str, window: int) -> str:
    """What entered and has not left the window."""
    return f"(coalesce({column}, 0) - coalesce(left_{window}_{column}, 0))"
