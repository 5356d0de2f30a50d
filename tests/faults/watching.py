"""Watchers by the clock, `veraison monitor --watch`, as processes: stopped, killed, and taken over from."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import psycopg

from data import leases
from data.journal import JOURNAL
from data.store import Store
from monitoring import watch
from monitoring.journal import Journal
from tests.faults.world import NOW, Firm, Hook, day, plainly, told
from tests.histories import ingest
from tests.support import postgres_database

LEASE = 6.0
"""Seconds, instead of twenty: what is tested is who works, not how long one waits."""
PATIENCE = 120


def eventually(what: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.1)
    return False


def by_the_clock(*, store: str | None = None, holds: str | None = None) -> Hook:
    """A watcher whose clock stands at the end of the simulated market and goes on from there.

    store : its address, where it is not the workspace's own
    holds : the step after whose line this process does nothing any more, as if the next one took for ever
    """

    def hook() -> None:
        from veraison.cli import monitor  # noqa: PLC0415 (see Firm.begin)

        plainly()
        begun = time.time_ns()
        monitor.clock = lambda: day(NOW) + (time.time_ns() - begun) // 1_000
        watch.Alone = partial(watch.Alone, lease=LEASE)  # type: ignore[assignment,misc]
        if store is not None:
            os.environ["VERAISON_STORE_URL"] = store
        if holds is not None:
            add = Journal.add

            def adding(journal: Journal, line: dict[str, Any]) -> None:
                add(journal, line)
                if line.get("step") == holds:
                    time.sleep(PATIENCE)

            Journal.add = adding  # type: ignore[method-assign]

    return hook


def steps(here: Firm) -> list[str]:
    """The journal's lines, by their names."""
    path = here.workspace.reports / JOURNAL
    return [getattr(line, "name", "verdict") for line in Journal(path).read().lines]


def stopped(here: Firm) -> dict[str, Any]:
    """SIGTERM while a step of a renewal is under way: that step is done, the next is not begun."""
    process = here.begin("--watch", "--every", "1h", hook=by_the_clock())
    begun = eventually(lambda: "training a challenger" in here.printed(process, 2))
    os.kill(process, signal.SIGTERM)
    ended = here.ended(process)
    return {"begun": begun, "ended": asdict(ended), "steps": steps(here), "serving": told(here.serves)}


def on_sqlite(here: Firm) -> dict[str, Any]:
    """Two watchers on the workspace's own store."""
    return _taken_over(here, None)


def on_postgres(here: Firm) -> dict[str, Any]:
    """Two watchers on PostgreSQL; nothing where there is none."""

    def filled(url: str) -> int:
        with Store(url, ("email",)) as store:
            return ingest(store, here.base / "market.ndjson")

    try:
        with postgres_database() as url:
            told(lambda: filled(url))
            return _taken_over(here, url)
    except psycopg.OperationalError:
        return {}


def _taken_over(here: Firm, store: str | None) -> dict[str, Any]:
    words = ("--watch", "--every", "1h")
    first = here.begin(*words, hook=by_the_clock(store=store, holds="trained"))
    alone = eventually(lambda: "watching" in here.printed(first, 2))
    second = here.begin(*words, hook=by_the_clock(store=store))
    beside = eventually(lambda: "standing by" in here.printed(second, 2))
    at_work = eventually(lambda: "trained" in steps(here))
    quiet = "verdict" not in here.printed(second)
    os.kill(first, signal.SIGKILL)
    killed = here.ended(first)
    taken = eventually(lambda: "verdict" in steps(here) and here.printed(second).endswith("\n"))
    os.kill(second, signal.SIGTERM)
    ended = here.ended(second)

    def free() -> list[str | None]:
        with Store(store or here.workspace.store_url, ("email",)) as opened:
            return [leases.holder_of(opened, name) for name in (watch.WATCHING, watch.RUNNING)]

    return {
        "alone": alone, "beside": beside, "at_work": at_work, "quiet": quiet, "taken": taken, "leases": told(free),
        "killed": asdict(killed), "ended": asdict(ended), "steps": steps(here), "state": told(here.state),
    }  # fmt: skip
