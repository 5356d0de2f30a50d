"""The table that every engine makes: its moments, its 36 features, its types, how it is written.

A row for each (lead, snapshot) at which at least one event of the lead is visible (``known_at < as_of``). Windows count
by ``occurred_at``: an event lies in one of w days if ``as_of - occurred_at < w`` days. What never happened is missing.
"""

from datetime import UTC, datetime
from typing import Final

DAY = 86_400 * 1_000_000
WEEK = 7 * DAY
YEAR_START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
YEAR_DAYS = 365
SNAPSHOTS = tuple(YEAR_START + week * WEEK for week in range(1, 53))
"""52 weekly midnights, microseconds UTC; the first a week after the year begins, the last on its last day."""

KINDS = (
    "Page Viewed", "Mail Sent", "Mail Opened", "Pricing Page Viewed", "Search Made", "Call Made", "Video Watched",
    "Brochure Downloaded", "Quote Requested", "Webinar Joined", "Chat Opened", "Meeting Held",
)  # fmt: skip
OUTBOUND = ("Mail Sent", "Call Made")
PRICING, QUOTE = "Pricing Page Viewed", "Quote Requested"

WINDOWS = (7, 30, 90)
HALF_LIVES = (7, 30)
SUBJECTS = ("all", "inbound", "outbound", "pricing_page_viewed", "quote_requested")

COUNTS = tuple(f"count__{s}__{w}" for s in SUBJECTS for w in ("7d", "30d", "90d", "ever"))
SINCE = tuple(f"since__{s}" for s in SUBJECTS)
ACTIVE = tuple(f"active_days__all__{w}d" for w in WINDOWS)
SUMS = tuple(f"sum__quote_requested__{w}" for w in ("30d", "90d", "ever"))
TRENDS = ("trend__inbound__7d_30d", "trend__inbound__30d_90d")
DECAYED = tuple(f"decay__all__{h}d" for h in HALF_LIVES)

FEATURES = ("age", *COUNTS, *SINCE, *ACTIVE, *SUMS, *TRENDS, *DECAYED)
WHOLE = frozenset({*COUNTS, *ACTIVE})
"""Features that are int32; the others are float64, missing where there is nothing to say."""

KEYS = ("lead_id", "as_of")
COLUMNS = (*KEYS, *FEATURES)

COMPRESSION: Final = "lz4"
ROW_GROUP = 250_000
