"""Slices of matured outcomes against the record's own rule, exact tails, and what can be known at the moment."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson_binom

from data.events import MICROS_PER_DAY
from data.record import ENOUGH, banded
from monitoring import slices
from monitoring.performance import Matured, matured, told
from tests import market
from tests.histories import at, identify, log_of, named, track
from training.landmarks import landmarks, ripenings

BOOK = market.BOOK.model_copy(
    update={"monitoring": market.BOOK.monitoring.model_copy(update={"source": "country"})}
)  # fmt: skip
NOW = at(170)


def judged(log=None, now: int = NOW):  # type: ignore[no-untyped-def]
    """Matured landmarks of the small market, with the champion's chances, scores and times."""
    log, bundle = market.log() if log is None else log, market.bundle()
    seen = matured(log, BOOK, landmarks(log, BOOK, before=now), born_after=at(20), at=now)
    chances, ready = told(log, bundle, seen, threads=1)
    return log, seen, chances[:, bundle.primary], bundle.score_of(chances[:, bundle.primary]), ready


def test_bands_are_those_of_the_record():
    log, seen, chance, score, _ = judged()
    found = {
        one.name: one for one in slices.slices(log, market.bundle(), BOOK, seen, chance, score) if one.by == "score"
    }
    record = banded(seen.person, seen.pairs.as_of, score, chance, seen.happened, BOOK.horizons.primary)
    wanted = {f"{band.low}-{band.high}": band for band in record.bands if band.leads >= ENOUGH}
    assert len(wanted) > 4
    assert set(found) == set(wanted)
    for name, band in wanted.items():
        one = found[name]
        assert (one.leads, one.observed, one.expected) == (band.leads, band.won, pytest.approx(band.expected))
        assert (one.low / one.leads, one.high / one.leads) == pytest.approx(band.interval)


def test_a_lead_counts_once_by_source_and_once_in_each_stage():
    log, seen, chance, score, _ = judged()
    found = slices.slices(log, market.bundle(), BOOK, seen, chance, score)
    leads = {one.name: one.leads for one in found}
    assert sum(one.leads for one in found if one.by == "source") == len(np.unique(seen.person))
    for accepted, name in enumerate(slices.STAGES):
        assert leads[name] == len(np.unique(seen.person[seen.pairs.ready == bool(accepted)]))
    first = seen.pairs.day == 0
    assert sum(one.observed for one in found if one.by == "source") == int(seen.happened[first].sum())


def test_the_source_is_what_was_known_at_the_landmark():
    events = []
    for number in range(30):
        lead = f"L{number}"
        events += [track(lead, "Lead Created", 1), identify(lead, 1, country="FR"), identify(lead, 60, country="DE")]
    log = log_of(*named(events))
    now = at(50)
    seen = matured(log, BOOK, landmarks(log, BOOK, before=now), born_after=at(0), at=now)
    half = np.full(len(seen), 0.5)
    found = slices.slices(log, market.bundle(), BOOK, seen, half, 100 * half)
    assert [one.name for one in found if one.by == "source"] == ["FR"]


@given(
    chances=st.lists(st.floats(0.001, 0.9), min_size=1, max_size=60),
    luck=st.integers(0, 2**32 - 1),
)
def test_the_tail_is_never_smaller_than_the_exact_one(chances: list[float], luck: int):
    p = np.array(chances)
    happened = np.random.default_rng(luck).random(len(p)) < np.random.default_rng(luck).random()
    one = slices.measured("score", "x", happened, p)
    count = int(happened.sum())
    if count > p.sum():
        exact = poisson_binom.sf(count - 1, np.clip(p * (1 + slices.TOLERANCE), 0, 1))
    else:
        exact = poisson_binom.cdf(count, p / (1 + slices.TOLERANCE))
    assert one.p >= min(2 * float(exact), 1.0) - 1e-9


def test_calm_slices_are_called_off_no_more_often_than_the_level_says():
    rng, level, alarms, runs = np.random.default_rng(3), 0.05, 0, 1_000
    for _ in range(runs):
        found = []
        for size in (40, 120, 400, 30, 200, 60):
            p = rng.beta(1, 9, size)
            found.append(slices.measured("source", "x", rng.random(size) < p, p))
        alarms += any(one.off for one in slices.judged(found, level))
    assert alarms <= level * runs + 3 * np.sqrt(level * (1 - level) * runs)


def test_a_slice_of_which_no_lead_converts_is_off_and_only_that_one():
    rng = np.random.default_rng(4)
    p = np.full(200, 0.15)
    fine = [slices.measured("source", f"s{n}", rng.random(200) < p, p) for n in range(11)]
    worked = slices.measured("source", "Webinar", np.arange(200) < 9, p)
    assert worked.p == pytest.approx(3e-5, rel=0.5)
    found = slices.judged([*fine, worked], 0.01)
    assert [one.name for one in found if one.off] == ["Webinar"]
    assert found[-1].p == pytest.approx(12 * worked.p)
    told = slices.misjudged(found)
    assert [(cause.kind, cause.name, cause.acts) for cause in told] == [("slice", "source=Webinar", False)]
    assert "of 200 leads of 'source=Webinar' 9 converted where 30 were expected" in told[0].sentence()


def test_times_are_those_of_the_backtest_on_landmarks_whose_longest_horizon_is_over():
    log, seen, _, _, ready = judged()
    found = slices.times(log, market.bundle(), BOOK, seen, ready, at=NOW)
    outcomes, usable = ripenings(log, BOOK, seen.pairs, NOW)
    over = seen.pairs.as_of + 60 * MICROS_PER_DAY <= NOW
    ripe = usable & over & outcomes.event & (outcomes.duration <= 60)
    days = outcomes.duration[ripe]
    assert ripe.sum() < (usable & outcomes.event & (outcomes.duration <= 60)).sum()
    assert found is not None
    assert found["pairs"] == ripe.sum() > 100
    assert found["timing_error_days"]["value"] == pytest.approx(np.abs(days - ready[ripe, 1]).mean(), abs=1e-5)
    inside = (days >= ready[ripe, 0]) & (days <= ready[ripe, 2])
    assert found["interval_coverage"]["value"] == pytest.approx(inside.mean(), abs=1e-5)
    assert found["interval_coverage"]["low"] < inside.mean() < found["interval_coverage"]["high"]
    assert found["promised_coverage"] == 0.8


def test_what_becomes_known_later_changes_nothing():
    early = [event for event in market.events() if event.known_at < NOW]
    assert len(early) < len(market.events())
    cut = log_of(*early, keys=("email",))
    both = []
    for given_log in (market.log(), cut):
        log, seen, chance, score, ready = judged(given_log)
        found = slices.slices(log, market.bundle(), BOOK, seen, chance, score)
        both.append((found, slices.times(log, market.bundle(), BOOK, seen, ready, at=NOW)))
    assert both[0] == both[1]


def test_nothing_matured_is_no_slice_and_no_time():
    log, seen, chance, score, ready = judged()
    none = np.zeros(len(seen), dtype=np.bool_)
    nothing: Matured = replace(seen[none])
    assert slices.slices(log, market.bundle(), BOOK, nothing, chance[none], score[none]) == []
    assert slices.times(log, market.bundle(), BOOK, nothing, ready[none], at=NOW) is None
