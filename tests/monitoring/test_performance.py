"""Which landmarks the champion is measured on, and how."""

import numpy as np
import pytest

from data.events import MICROS_PER_DAY
from monitoring.performance import chances, conversions_known, figures, matured, ratio
from tests import market
from tests.histories import at, log_of, playbook, track
from training.landmarks import landmarks
from training.metrics import auc, ece, logarithmic_loss

PRIMARY = market.BOOK.horizons.primary


def test_only_leads_created_since_the_snapshot_and_horizons_that_are_over_count():
    log, now = market.log(), at(150)
    pairs = landmarks(log, market.BOOK, before=now)
    found = matured(log, market.BOOK, pairs, born_after=at(60), at=now)
    assert len(found) > 100
    assert found.pairs.born.min() >= at(60)
    assert found.pairs.as_of.max() + PRIMARY * MICROS_PER_DAY <= now
    assert np.all(np.diff(found.pairs.born) >= 0)
    assert found.converted == len(set(found.person[found.happened].tolist()))


def test_figures_are_those_of_training_with_an_interval_around_them():
    log, bundle, now = market.log(), market.bundle(), at(150)
    pairs = landmarks(log, market.BOOK, before=now)
    found = matured(log, market.BOOK, pairs, born_after=at(60), at=now)
    chance = chances(log, bundle, found, PRIMARY, threads=1)
    told = figures(found, chance, seed=7)
    for name, measure in (("auc", auc), ("ece", ece), ("log_loss", logarithmic_loss), ("observed_to_expected", ratio)):
        assert told[name]["value"] == pytest.approx(measure(found.happened, chance), abs=1e-5)
        assert told[name]["low"] < told[name]["high"]
    assert told == figures(found, chance, seed=7)


def test_nothing_matured_is_no_figure():
    log = market.log()
    pairs = landmarks(log, market.BOOK, before=at(10))
    nothing = matured(log, market.BOOK, pairs, born_after=at(0), at=at(10))
    assert figures(nothing, np.empty(0), seed=7) == {
        "pairs": 0, "leads": 0, "converted": 0, "observed": 0, "expected": 0.0,
    }  # fmt: skip
    one = matured(log, market.BOOK, landmarks(log, market.BOOK, before=at(40)), born_after=at(0), at=at(40))[:1]
    assert figures(one, np.array([0.1]), seed=7)["auc"]["value"] is None


def test_a_conversion_counts_from_when_it_is_known():
    book = playbook()
    log = log_of(track("L1", "Lead Created", 1), track("L1", "Deal Won", 5, known=9), track("L2", "Lead Created", 2))
    assert [conversions_known(log, book, at(day)) for day in (4, 8, 10)] == [0, 0, 1]
