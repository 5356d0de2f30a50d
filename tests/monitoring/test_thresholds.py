"""Thresholds: what chance makes at a chunk's size, by lead, and what a firm does by itself."""

import numpy as np
import pytest

from data.log import Floats, Ints
from monitoring import psi
from monitoring.psi import WIDTH
from monitoring.thresholds import Compared, Resampling, Sample, Thresholds, calibrate

DAYS = np.array([0, 1, 3, 7])
COLUMNS = 12


def sample(rng: np.random.Generator, leads: int = 400, *, alike: bool = True) -> Sample:
    """Four landmarks of each lead in five bins; `alike` where a lead's are all in the same."""
    lead, day = np.repeat(np.arange(leads), len(DAYS)), np.tile(DAYS, leads)
    drawn = rng.integers(5, size=(leads if alike else len(lead), COLUMNS)).astype(np.uint8)
    return Sample(drawn[lead] if alike else drawn, lead, day)


def index(reference: Sample, chunk: Sample) -> Floats:
    return psi.index(psi.counts(reference.places), psi.counts(chunk.places))


def chance(reference: Sample, day: Ints, draws: int = 50) -> Floats:
    """The index of each column that sampling alone makes on average."""
    return Resampling(reference, 28, draws=draws, seed=1).indices(day).mean(axis=0)


def thresholds(
    reference: Sample, day: Ints, recent: int, past: list[Compared], *, alpha: float = 0.01, draws: int = 50
) -> Thresholds:
    return calibrate(Resampling(reference, recent, draws=draws, seed=1), day, past, alpha=alpha)


def test_landmarks_of_one_lead_are_not_independent():
    rng = np.random.default_rng(1)
    day = np.repeat(DAYS, 60)
    drawn = (Resampling(sample(rng, alike=one), 28, draws=60, seed=1) for one in (True, False))
    alike, apart = (one.indices(day).mean() for one in drawn)
    one = (5 - 1) * (1 / len(day) + 1 / 1_600)
    assert apart == pytest.approx(one, rel=0.2)
    assert alike > 2 * one


@pytest.mark.parametrize("leads", [40, 150])
def test_undisturbed_chunks_exceed_them_as_seldom_as_asked_for(leads: int):
    rng = np.random.default_rng(leads)
    exceeded = []
    for _ in range(60):
        reference, chunk = sample(rng), sample(rng, leads)
        found = thresholds(reference, chunk.day, 365, [], alpha=0.1, draws=100)
        standard = index(reference, chunk) / found.usual
        exceeded.append((standard[:-1].max() > found.column, standard[-1] > found.score))
    assert 0.01 <= np.mean(exceeded) <= 0.22  # of 120: beyond 3 standard errors of .1 on either side


def test_a_column_that_wanders_by_itself_is_no_news():
    rng = np.random.default_rng(3)
    reference = sample(rng)
    day = np.repeat(DAYS, 100)
    calm = thresholds(reference, day, 28, [])
    wild = chance(reference, day) * np.array([9.0] + [1.0] * (COLUMNS - 1))
    past = [Compared(wild * factor, len(day), len(reference.lead)) for factor in np.linspace(0.5, 1.5, 20)]
    taught = thresholds(reference, day, 28, past)
    assert taught.usual[0] == pytest.approx(9 * calm.usual[0], rel=0.01)
    assert taught.usual[1:] == pytest.approx(calm.usual[1:], rel=0.01)
    assert taught.column >= calm.column
    assert taught.past == 20


def test_past_chunks_of_another_size_count_at_this_one():
    reference = sample(np.random.default_rng(4))
    small, large = np.repeat(DAYS, 20), np.repeat(DAYS, 400)
    unit = chance(reference, small, draws=200)
    past = [Compared(unit * f, len(small), len(reference.lead)) for f in np.linspace(0.8, 1.2, 20)]
    found = thresholds(reference, large, 28, past, draws=200)
    assert found.usual == pytest.approx(thresholds(reference, large, 28, [], draws=200).usual, rel=0.5)


def test_chunks_of_like_size_share_what_was_drawn_and_differ_by_what_their_size_makes():
    reference = sample(np.random.default_rng(6))
    shared = Resampling(reference, 28, draws=100, seed=1)
    for rows in (100, 104, 130):
        alone = Resampling(reference, 28, draws=400, seed=2).indices(np.repeat(DAYS, rows)).mean()
        assert shared.indices(np.repeat(DAYS, rows)).mean() == pytest.approx(alone, rel=0.06)
    mixed = shared.indices(np.repeat(DAYS, [300, 50, 25, 25])).mean()
    assert mixed > shared.indices(np.repeat(DAYS, 100)).mean()  # fewer leads stand for as many rows


def test_a_column_that_never_varied_has_a_limit():
    places = np.zeros((400, 2), dtype=np.uint8)
    found = thresholds(Sample(places, np.arange(400), np.zeros(400, dtype=np.int64)), days(100), 28, [], draws=20)
    assert np.all(found.limits() >= 0)
    moved = psi.index(np.eye(WIDTH)[[0]] * 400, np.eye(WIDTH)[[1]] * 100)
    assert moved[0] > found.usual[0]


def days(count: int) -> Ints:
    return np.zeros(count, dtype=np.int64)
