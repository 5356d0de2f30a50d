"""One lead with 200 events: ``python -m benchmarks.lead`` prints what the kernel and a whole vector cost, as JSON."""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.ours import feature_set
from benchmarks.table import DAY, KINDS, SNAPSHOTS, YEAR_START
from data.events import Event
from data.log import NEVER, EventLog
from data.store import Store
from features import compute
from features.kernel import sweep

EVENTS = 200
_LEADS = 300
_AS_OF = SNAPSHOTS[-1]
_LOOPS, _CALLS, _ROUNDS = 20_000, 1_000, 7


@numba.njit
def _again(times, arguments):  # type: ignore[no-untyped-def]  # numba infers
    for _ in range(times):
        sweep(*arguments)


def kernel(log: EventLog) -> float:
    """CPU microseconds of the kernel on one lead, in a compiled loop."""
    wanted = feature_set()
    program = compute.program_of(wanted)
    one = np.zeros(1, dtype=np.int64)
    asked = (one, np.array([_AS_OF]), np.array([NEVER]), one, np.empty((1, program.width)))
    arguments = (*program.arguments(log), *asked)
    _again(1, arguments)
    return _microseconds(lambda: _again(_LOOPS, arguments), _LOOPS)


def vector(store: Store, leads: list[str]) -> tuple[float, float]:
    """CPU microseconds of one lead's history from the store, and of that and its features."""
    wanted = feature_set()

    def fetch() -> None:
        for lead in leads:
            store.history([lead])

    def whole() -> None:
        for lead in leads:
            compute.vector(store.history([lead]), wanted, lead, _AS_OF, NEVER)

    whole()
    return _microseconds(fetch, len(leads)), _microseconds(whole, len(leads))


def _microseconds(work: Any, times: int) -> float:
    """CPU, the median of several rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        rounds.append((time.process_time() - begun) / times * 1e6)
    return statistics.median(rounds)


def _events() -> Iterator[Event]:
    """200 events for each lead of a small market, 3 % of them late."""
    random = np.random.default_rng(7)
    for lead in range(_LEADS):
        moments = np.sort(random.integers(0, 350 * DAY, EVENTS)) + YEAR_START
        for number, moment in enumerate(moments.tolist()):
            yield Event(
                event_id=f"{lead}-{number}",
                lead_id=f"L{lead:07d}",
                type="track",
                kind=KINDS[int(random.zipf(1.5)) % len(KINDS)],
                occurred_at=moment,
                known_at=moment + (DAY if random.random() < 0.03 else 0),
                value=int(random.integers(1, 10**10)) if random.random() < 0.3 else None,
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{Path(folder) / 'events.db'}") as store:
        store.append(_events())
        leads = [f"L{number % _LEADS:07d}" for number in range(_CALLS)]
        fetch, whole = vector(store, leads)
        print(json.dumps({"kernel": kernel(store.history(leads[:1])), "fetch": fetch, "fetch_and_vector": whole}))


if __name__ == "__main__":
    main()
