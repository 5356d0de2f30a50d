"""One run at a time: leases that are renewed, taken over, lost; a watch that survives what fails."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data import leases
from data.store import Store
from monitoring.watch import RUNNING, WATCHING, Alone, Busy, Stopped, cron, period, watch
from tests.receivers import eventually
from tests.support import ROOT
from veraison.errors import ModelError

LEASE = 1.0
VERDICT: Any = "a verdict"


def clock() -> int:
    return time.time_ns() // 1_000


@pytest.fixture
def alone(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Alone(store, clock, LEASE)


def held(alone: Alone, name: str, seconds: float) -> None:
    """Another process took a lease, and has died or lives."""
    assert leases.take(alone.store, name, "elsewhere 7 abc", now=clock(), seconds=seconds)


def test_a_run_gives_its_lease_back_also_where_it_fails(alone: Alone):
    assert alone.run(lambda _: VERDICT) == VERDICT

    def failing(_: Callable[[str], None]) -> Any:
        raise ModelError("no model yet")

    with pytest.raises(ModelError):
        alone.run(failing)
    assert leases.holder_of(alone.store, RUNNING) is None


def test_a_run_that_lives_is_not_waited_for_and_named(alone: Alone):
    held(alone, RUNNING, 600)
    with pytest.raises(Busy, match=r"another run of the monitor is under way .*elsewhere 7"):
        alone.run(lambda _: VERDICT)


def test_a_run_that_died_is_taken_over_from(alone: Alone):
    held(alone, RUNNING, LEASE / 2)
    assert alone.run(lambda _: VERDICT) == VERDICT


def test_a_run_longer_than_its_lease_keeps_it(alone: Alone):
    def long(go_on: Callable[[str], None]) -> Any:
        until = clock() + round(2.5 * LEASE * 1_000_000)
        while clock() < until:
            assert not leases.take(alone.store, RUNNING, "another", now=clock(), seconds=1)
            time.sleep(0.1)
        go_on("trained")
        return VERDICT

    assert alone.run(long) == VERDICT


def test_a_run_that_is_to_stop_or_lost_its_lease_ends_before_its_next_step(alone: Alone):
    stop, done = threading.Event(), []

    def stopped(go_on: Callable[[str], None]) -> Any:
        go_on("window")
        done.append("window")
        stop.set()
        go_on("trained")
        done.append("trained")

    with pytest.raises(Stopped, match="before the step 'trained'"):
        alone.run(stopped, stop)

    def robbed(go_on: Callable[[str], None]) -> Any:
        leases.give_back(alone.store, RUNNING, leases.holder_of(alone.store, RUNNING) or "")
        held(alone, RUNNING, 600)
        eventually(lambda: _raises(go_on))
        go_on("trained")

    with pytest.raises(Stopped, match="lease was lost before the step 'trained'"):
        alone.run(robbed)
    assert done == ["window"]


def _raises(go_on: Callable[[str], None]) -> bool:
    try:
        go_on("x")
    except Stopped:
        return True
    return False


def test_a_run_that_fails_is_told_in_one_line_and_tried_again(alone: Alone):
    stop, said, runs = threading.Event(), [], []

    def run(_: Callable[[str], None]) -> Any:
        runs.append(len(runs))
        if len(runs) == 1:
            raise ModelError("no model yet;\n train one")
        if len(runs) == 2:
            raise OSError(28, "No space left on device")
        return VERDICT

    told: list[Any] = []

    def enough(verdict: Any) -> None:
        told.append(verdict)
        stop.set()

    watch(alone, period(1), run, told=enough, stop=stop, failed=said.append)
    assert said[0] == "no model yet; train one"
    assert "No space left" in said[1]
    assert told == [VERDICT]
    assert leases.holder_of(alone.store, WATCHING) is None


def test_the_second_watcher_stands_by_and_says_so_once(alone: Alone):
    stop, said, told = threading.Event(), [], []
    held(alone, WATCHING, 3 * LEASE)

    def enough(verdict: Any) -> None:
        told.append(verdict)
        stop.set()

    watch(alone, period(600), lambda _: VERDICT, told=enough, stop=stop, say=said.append)
    assert said == [
        "another watcher works (host and process: elsewhere 7 abc); standing by",
        "the other watcher has gone; watching",
    ]
    assert told == [VERDICT]


_WATCHER = """
import signal, sys, threading, time
from pathlib import Path
from data.store import Store
from monitoring.watch import Alone, period, watch
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
def run(go_on):
    with open(sys.argv[2], "a") as file:
        file.write(f"{sys.argv[3]} begins\\n")
    for step in range(40):
        go_on(f"step {step}")
        time.sleep(0.05)
    with open(sys.argv[2], "a") as file:
        file.write(f"{sys.argv[3]} ends\\n")
with Store(sys.argv[1]) as store:
    alone = Alone(store, lambda: time.time_ns() // 1000, 1.0)
    watch(alone, period(1), run, told=lambda _: None, stop=stop, say=lambda text: print(text, flush=True))
print("ended", flush=True)
"""


def test_of_two_watchers_one_works_and_the_other_takes_over_when_it_is_killed(tmp_path: Path):
    url, diary = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "diary"
    Store(url).close()

    def start(name: str) -> "subprocess.Popen[str]":
        words = [sys.executable, "-c", _WATCHER, url, str(diary), name]
        return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(start("first"))
        stack.callback(first.kill)
        assert first.stdout is not None
        assert first.stdout.readline() == "watching\n"
        second = stack.enter_context(start("second"))
        stack.callback(second.kill)
        assert second.stdout is not None
        assert "standing by" in second.stdout.readline()
        eventually(lambda: diary.exists() and "first begins" in diary.read_text())
        assert "second" not in diary.read_text()
        first.send_signal(signal.SIGKILL)
        assert second.stdout.readline() == "the other watcher has gone; watching\n"
        eventually(lambda: "second ends" in diary.read_text())
        second.terminate()
        assert second.wait(30) == 0, "SIGTERM ends cleanly"
        assert second.stdout.readline() == "ended\n"
    words = [line.split() for line in diary.read_text().splitlines()]
    assert [who for who, _ in words] == sorted(who for who, _ in words), "never two at once"


def test_cron_and_periods():
    assert str(cron("0 6 * * mon")) == str(cron("0 6 * * mon"))
    with pytest.raises(ValueError, match="62"):
        cron("62 6 * * mon")
    assert str(period(21_600)) == "interval[6:00:00]"
