"""The monitor by the clock: one run at a time, whoever of several watchers and on whichever machine.

Two leases in the store see to it (data.leases). ``monitor-watch`` is held by the watcher that works, as long as it
lives; others stand by and take over when it dies. ``monitor`` is held for one run, also for one that a person starts
by hand while a watcher watches. A run that died gives its lease free by not renewing it; the next run goes on with the
renewal it had begun (monitoring.renewal).

APScheduler keeps the time: runs that were missed, because the machine slept or one run took longer than a period, are
made up for by one run.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from data import leases
from data.store import Store
from monitoring.report import Verdict
from veraison.errors import VeraisonError

WATCHING, RUNNING = "monitor-watch", "monitor"
LEASE_SECONDS = 20.0
"""After a watcher or a run has died, so long passes until another takes over."""
_JOB = "monitor"
_log = logging.getLogger("veraison.monitor")
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it tells of runs that were missed, which are made up for

Say = Callable[[str], None]
Run = Callable[[Callable[[str], None]], Verdict]
"""One run of the monitor; takes what it is to call between two steps."""


class Stopped(VeraisonError):  # noqa: N818 (not a mistake of anybody's: the process was asked to end)
    """The run ended between two steps; the next one goes on from there."""


class Busy(VeraisonError):  # noqa: N818 (as above: somebody else is at it)
    """Another run is under way."""


@dataclass(frozen=True)
class Alone:
    """How one run at a time is kept.

    clock : microseconds UTC
    lease : seconds after which the work of a process that died is free again
    """

    store: Store
    clock: Callable[[], int]
    lease: float = LEASE_SECONDS

    def run(self, run: Run, stop: threading.Event | None = None) -> Verdict:
        """Run once, if nobody else does; a run that died is waited for, one that lives is not.

        stop   : set where the process is asked to end; the run does, before its next step
        Raises : Busy; Stopped
        """
        stop, me = stop or threading.Event(), leases.this_process()
        waited_until = self.clock() + round(self.lease * 1_250_000)
        while True:
            with leases.holding(self.store, RUNNING, me, clock=self.clock, seconds=self.lease) as lost:
                if lost is not None:
                    return run(_between(stop, lost))
            if self.clock() >= waited_until:
                who = leases.holder_of(self.store, RUNNING)
                raise Busy(
                    f"another run of the monitor is under way (host and process: {who}); try again when it ended"
                )
            if stop.wait(self.lease / 10):
                raise Stopped("stopped before the run began")


def watch(
    alone: Alone, trigger: BaseTrigger, run: Run, *, told: Callable[[Verdict], None], stop: threading.Event,
    say: Say = lambda _: None, failed: Say = lambda _: None,
) -> None:  # fmt: skip
    """Run at the times of a trigger, beginning now, until it is to stop.

    The first run is at once: who watched before may have died within a renewal. A run that fails is told in one line
    and tried again at the next time.

    told   : called with each verdict
    failed : called with why a run failed
    """
    me, standing_by = leases.this_process(), False
    while not stop.is_set():
        with leases.holding(alone.store, WATCHING, me, clock=alone.clock, seconds=alone.lease) as lost:
            if lost is not None:
                say("watching" if not standing_by else "the other watcher has gone; watching")
                standing_by = False
                _lead(alone, trigger, run, told=told, stop=stop, lost=lost, failed=failed)
        if lost is None and not standing_by:
            say(f"another watcher works (host and process: {leases.holder_of(alone.store, WATCHING)}); standing by")
            standing_by = True
        stop.wait(alone.lease / 3)


def period(seconds: float) -> BaseTrigger:
    """Every so many seconds."""
    return IntervalTrigger(seconds=max(round(seconds), 1), timezone=UTC)


def cron(text: str) -> BaseTrigger:
    """The times of five fields of cron, UTC; ValueError where they are none.

    >>> str(cron("0 6 * * mon"))
    "cron[month='*', day='*', day_of_week='mon', hour='6', minute='0']"
    """
    return CronTrigger.from_crontab(text, timezone=UTC)


def _lead(
    alone: Alone, trigger: BaseTrigger, run: Run, *, told: Callable[[Verdict], None], stop: threading.Event,
    lost: threading.Event, failed: Say,
) -> None:  # fmt: skip
    """Run at the times of the trigger until the process is to stop or the lease is lost; a run ends before that."""
    ending = threading.Event()

    def once() -> None:
        try:
            told(alone.run(run, ending))
        except Stopped:
            pass
        except (VeraisonError, OSError) as problem:
            failed(" ".join(str(problem).split()))
        except Exception:  # a defect of one run must not end the watch: logged whole, and tried again
            _log.exception("a defect in a run of the monitor; it is tried again next time")

    scheduler = BackgroundScheduler(timezone=UTC)
    now = datetime.now(UTC)
    scheduler.add_job(
        once, trigger, id=_JOB, next_run_time=now, coalesce=True, max_instances=1, misfire_grace_time=None
    )  # fmt: skip
    scheduler.start()
    try:
        while not stop.wait(min(alone.lease / 10, timedelta(seconds=1).total_seconds())) and not lost.is_set():
            pass
    finally:
        ending.set()
        scheduler.shutdown(wait=True)


def _between(stop: threading.Event, lost: threading.Event) -> Callable[[str], None]:
    """What a run calls between two steps."""

    def go_on(step: str) -> None:
        if stop.is_set():
            raise Stopped(f"stopped before the step {step!r}; the next run goes on from there")
        if lost.is_set():
            raise Stopped(f"the lease was lost before the step {step!r}; whoever has it goes on from there")

    return go_on
