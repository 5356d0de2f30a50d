"""Figures without labels equal those with labels, on average, where chances mean what they say."""

import numpy as np
import pytest

from monitoring.estimate import AT_THEIR_WORD, FIGURES, SPREAD, estimate, of_chances, recalibrated, worth
from tests import market
from tests.histories import at, log_of
from training.landmarks import landmarks
from training.metrics import auc, brier, expected_auc, logarithmic_loss


def test_the_estimate_is_the_mean_of_what_calibrated_chances_bring():
    rng = np.random.default_rng(2)
    chance, lead = rng.beta(1, 6, 400), np.arange(400)
    told = of_chances(chance, lead, seed=7)
    brought = rng.random((400, 400)) < chance
    for name, measure in (("auc", auc), ("brier", brier), ("log_loss", logarithmic_loss)):
        true = [measure(one, chance) for one in brought]
        assert told[name].estimated == pytest.approx(np.mean(true), abs=4 * np.std(true) / 20)
        covered = np.mean((np.array(true) > told[name].low) & (np.array(true) < told[name].high))
        assert 0.9 < covered < 0.99


def test_what_chances_are_worth_is_found_again_and_drawn_towards_their_word():
    rng = np.random.default_rng(2)
    chance, lead = rng.beta(1, 6, 40_000), np.arange(40_000)
    happened = rng.random(40_000) < recalibrated(chance, (0.3, 1.4))
    assert worth(chance, happened, lead) == pytest.approx((0.3, 1.4), abs=0.06)
    few = np.array(worth(chance[:60], happened[:60], lead[:60]))
    assert np.all(np.abs(few - AT_THEIR_WORD) < 2 * np.array(SPREAD)), "sixty leads are not believed all they say"
    assert worth(chance[:0], happened[:0], lead[:0]) == AT_THEIR_WORD


def test_rows_of_a_lead_are_no_more_evidence_than_one():
    rng = np.random.default_rng(3)
    chance, happened = rng.beta(1, 6, 200), rng.random(200) < 0.4
    once = worth(chance, happened, np.arange(200))
    often = worth(np.repeat(chance, 5), np.repeat(happened, 5), np.repeat(np.arange(200), 5))
    assert often == pytest.approx(once)


def test_timid_chances_are_estimated_by_what_they_mean():
    rng = np.random.default_rng(4)
    chance, lead, means = rng.beta(2, 12, 500), np.arange(500), (-0.4, 1.8)
    told = of_chances(chance, lead, means=means, seed=7)
    brought = rng.random((400, 500)) < recalibrated(chance, means)
    for name, measure in (("auc", auc), ("brier", brier), ("log_loss", logarithmic_loss)):
        true = [measure(one, chance) for one in brought]
        assert told[name].estimated == pytest.approx(np.mean(true), abs=4 * np.std(true) / 20)
    assert told["auc"].estimated > of_chances(chance, lead, seed=7)["auc"].estimated + 0.05


def test_the_expected_auc_is_the_sum_over_all_pairs():
    rng = np.random.default_rng(5)
    chance, truth = rng.random(30).round(1), rng.random(30)
    won = truth[:, None] * (1 - truth)[None, :] * (1 - np.eye(30))
    right = (chance[:, None] > chance[None, :]) + 0.5 * (chance[:, None] == chance[None, :])
    assert expected_auc(chance, truth) == pytest.approx((won * right).sum() / won.sum())


def test_the_truth_stands_beside_the_estimate_once_it_is_known_and_later_events_change_nothing():
    log, bundle, now = market.log(), market.bundle(), at(150)
    book = market.BOOK.model_copy(update={"monitoring": market.BOOK.monitoring.model_copy(update={"min_scored": 20})})
    pairs = landmarks(log, book, before=now)
    told = estimate(log, bundle, book, pairs, snapshot=at(30), as_of=now, threads=1)
    assert len(told.chunks) == 4
    assert told.chunks[0].figures["auc"].true is not None
    assert told.chunks[-1].figures["auc"].true is None
    for name in FIGURES:
        error = told.error[name]
        assert error is not None
        assert 0 <= error < 0.3
    early = [one for one in market.events() if one.known_at < now]
    assert len(early) < len(market.events())
    known = log_of(*early, keys=("email",))
    again = estimate(known, bundle, book, landmarks(known, book, before=now), snapshot=at(30), as_of=now, threads=1)
    assert again.to_dict() == told.to_dict()


def test_one_class_only_has_no_auc_to_be_held_against():
    told = of_chances(np.array([0.1, 0.2]), np.arange(2), np.array([False, False]), seed=1)
    assert told["auc"].true is None
    assert told["brier"].true == pytest.approx((0.01 + 0.04) / 2)
