"""Event logs for benchmarks, ingested as `veraison ingest` does it, into a store in memory."""

import time
from collections.abc import Sequence
from pathlib import Path

from data.log import EventLog
from data.mapping import load_mapping
from data.parse import judge
from data.sources import open_source
from data.store import Store
from veraison.playbook import Playbook

Files = Sequence[tuple[Path, Path | None]]
"""Files, each with its mapping where it needs one."""


def ingested(book: Playbook, files: Files, *, clock: int | None = None) -> tuple[EventLog, int]:
    """The log that some files make, and the moment just after the newest of what they tell, microseconds UTC.

    clock : what time it is, microseconds UTC; a simulated market may reach beyond today, and what lies in the future
            would be quarantined
    """
    with Store("sqlite://", book.identity.keys) as store:
        for path, mapping in files:
            rules, now = load_mapping(mapping) if mapping else None, clock or time.time_ns() // 1_000
            store.append(judge(record, now=now) for record in open_source(path, rules))
        newest = store.newest()
        if newest is None:
            raise ValueError(f"nothing in {', '.join(str(path) for path, _ in files)} could be used")
        return store.scan(), newest + 1
