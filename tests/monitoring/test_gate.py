"""The gate between challenger and champion, on constructed predictions, and the moment a challenger may know up to."""

import numpy as np

from data.log import Floats, Ints
from monitoring.gate import Gate, compare, snapshot_for
from monitoring.performance import Matured
from tests.histories import at
from training.landmarks import Bools, Landmarks
from veraison.playbook import Monitoring

RULES = Monitoring()


def market(leads: int = 400, seed: int = 3) -> tuple[Floats, Bools, Ints]:
    """True chances of three landmarks a lead, what came of them, and whose they are."""
    rng = np.random.default_rng(seed)
    chance = np.repeat(rng.beta(1, 12, leads), 3)
    return chance, np.repeat(rng.random(leads), 3) < chance, np.repeat(np.arange(leads), 3)


def gate(champion: Floats, challenger: Floats, happened: Bools, person: Ints) -> Gate:
    return compare(happened, person, champion, challenger, RULES, seed=7)


def test_a_challenger_as_good_as_the_champion_passes():
    chance, happened, person = market()
    found = gate(chance, chance, happened, person)
    assert (found.difference, found.low, found.high, found.ece, found.passed) == (0, 0, 0, 0, True)
    assert (found.pairs, found.leads) == (1_200, 400)


def test_a_better_one_passes():
    chance, happened, person = market()
    found = gate(np.full_like(chance, 0.3), chance, happened, person)
    assert found.passed
    assert found.high < 0


def test_a_worse_one_does_not():
    chance, happened, person = market()
    noise = np.random.default_rng(1).normal(0, 1.5, len(chance))
    worse = 1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + noise)))
    found = gate(chance, worse, happened, person)
    assert not found.passed
    assert found.difference > 0


def test_one_that_is_better_on_average_but_may_be_worse_does_not():
    chance, happened, person = market(leads=40, seed=8)
    swing = np.where(person % 2 == 0, 3.0, -3.0)
    bold = 1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + swing)))
    found = gate(chance, bold, happened, person)
    assert found.high > RULES.gate_margin
    assert not found.passed


def test_calibration_alone_can_fail_it():
    chance, happened, person = market()
    strict = RULES.model_copy(update={"gate_margin": 1.0})
    shifted = np.clip(chance * 2.0, 0, 1)
    found = compare(happened, person, chance, shifted, strict, seed=7)
    assert found.ece > strict.gate_ece
    assert not found.passed


def test_the_same_pairs_give_the_same_gate():
    chance, happened, person = market()
    assert gate(chance, chance * 0.9, happened, person) == gate(chance, chance * 0.9, happened, person)


def seen(*born: float, happened: bool = True) -> Matured:
    """One matured landmark a lead, of leads created on these days."""
    count, days = len(born), np.array([at(day) for day in born], dtype=np.int64)
    nothing = np.zeros(count, dtype=np.int64)
    pairs = Landmarks(np.arange(count), days, days, nothing, days, np.zeros(count, dtype=np.bool_))
    return Matured(pairs, np.full(count, happened), np.arange(count))


def snapshot(found: Matured, champion: float = 0) -> int | None:
    rules = RULES.model_copy(update={"gate_outcomes": 5})
    return snapshot_for(found, rules, champion=at(champion), primary=30, at=at(200))


def test_the_challenger_knows_up_to_the_midnight_that_leaves_enough_unseen():
    assert snapshot(seen(10.5, 60.5, 70.5, 80.5, 90.5, 95.5)) == at(60)


def test_at_least_one_chunk_stays_unseen():
    assert snapshot(seen(*np.linspace(150, 160, 20))) == at(200 - 30 - 28)


def test_too_few_conversions_leave_no_such_moment():
    assert snapshot(seen(60, 70, 80, 90)) is None
    assert snapshot(seen(*range(60, 90), happened=False)) is None
    assert snapshot(seen()) is None


def test_a_challenger_that_knows_no_more_than_the_champion_is_none():
    assert snapshot(seen(10.5, 60.5, 70.5, 80.5, 90.5, 95.5), champion=60) is None
