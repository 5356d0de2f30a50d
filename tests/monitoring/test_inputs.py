"""One watch asked at many moments: what was known later changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.log import EventLog
from monitoring.inputs import PAST_DAYS, Inputs, Seen, gather, look
from tests import market
from tests.histories import at, identify, log_of, track
from training.landmarks import landmarks

NOW = 152


def watched(log: EventLog, until: float, *, moment: float = NOW) -> Inputs:
    return gather(
        log, market.BOOK, market.bundle(), landmarks(log, market.BOOK, before=at(until)),
        snapshot=market.SNAPSHOT, at=at(until), since=at(moment - 28), threads=1,
    )  # fmt: skip


def seen(log: EventLog, until: float = NOW, moment: float = NOW) -> Seen:
    """Without the arrays, which have no truth of their own to compare by."""
    found = look(watched(log, until), at(moment), None, threads=1)
    return replace(found, arrivals=None, drift=replace(found.drift, thresholds=None))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def calm() -> Seen:
    return seen(market.log())


def test_a_watch_that_goes_on_longer_says_the_same(calm: Seen):
    assert seen(market.log(), until=NOW + 15) == calm


def test_an_undisturbed_market_is_calm(calm: Seen):
    assert calm.drift.compared > 0
    assert (calm.changed.silent, calm.changed.appeared, calm.silent, calm.quality.faults) == ({}, {}, {}, {})


@settings(max_examples=3, deadline=None)
@given(st.floats(0, 20), st.integers(1, 30))
def test_what_is_known_later_changes_nothing(calm: Seen, after: float, many: int):
    later = [
        one
        for n in range(many)
        for one in (
            track(f"X{n}", "Lead Created", 151, known=NOW + after),
            identify(f"X{n}", 151, known=NOW + after, country="XX"),
            track("L0399", "Unheard Of", 151 + n / 100, known=NOW + after),
        )
    ]
    assert seen(log_of(*market.events(), *later, keys=("email",)), until=NOW) == calm


def test_the_past_is_before_the_snapshot():
    found = watched(market.log(), NOW)
    assert found.scored.pairs.as_of.min() >= at(NOW - 28)
    assert len(found.usual.past) <= PAST_DAYS / 7
    assert all(np.all(np.isfinite(one.psi)) for one in found.usual.past)
