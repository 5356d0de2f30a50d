"""From a training set to a bundle: what must be refused, what is measured, and directions that hold everywhere."""

import numpy as np
import pytest

from tests import market
from training.checks import check_monotone
from training.fit import _some, fidelity, fit
from training.hazard import log_odds
from training.landmarks import Outcomes, weights
from veraison.errors import PlaybookError, TrainingError

ACTS = "decayed__visited__half_7d"


def book_with(**training):
    return market.BOOK.model_copy(update={"training": market.BOOK.training.model_copy(update=training)})


def test_fidelity_is_told_at_every_horizon_and_is_high():
    facts = market.bundle().facts["fidelity"]
    for days in market.BOOK.horizons.days:
        assert facts[f"r2_{days}d"] > 0.9
        assert 0 < facts[f"mean_gap_{days}d"] < 0.02
        assert abs(facts[f"auc_gap_{days}d"]) < 0.02
    assert facts["r2"] == facts[f"r2_{market.BOOK.horizons.primary}d"]


def settled(count):
    won = np.arange(count) % 2 == 0
    return Outcomes(np.zeros(count), np.where(won, 3.0, 100.0), won, np.full(count, 100.0))


def test_an_explanation_of_another_model_is_refused_with_what_to_do():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-2, 1, size=(500, 3))
    other = 1 / (1 + np.exp(-rng.normal(-2, 1, size=(500, 3))))
    with pytest.raises(
        TrainingError, match=r"too poorly at 7 days: R2 -\d.*training.min_fidelity asks for 0.9"
    ) as told:
        fidelity(log_odds, other, settled(500), market.BOOK)
    assert "\n" not in str(told.value)


def test_a_perfect_repetition_has_no_gap():
    log_odds = np.random.default_rng(0).normal(-2, 1, size=(500, 3))
    found = fidelity(log_odds, 1 / (1 + np.exp(-log_odds)), settled(500), market.BOOK)
    assert found["r2"] == pytest.approx(1)
    assert found["largest_gap"] == pytest.approx(0, abs=1e-12)
    assert found["auc_gap"] == pytest.approx(0, abs=1e-12)


def test_leads_that_nothing_tells_apart_are_no_failure():
    """All chances within a tenth of a thousandth: R2 is of noise and means nothing."""
    rng = np.random.default_rng(0)
    log_odds = -4 + rng.normal(0, 0.001, size=(500, 3))
    served = np.full((500, 3), 1 / (1 + np.exp(4.0)))
    assert fidelity(log_odds, served, settled(500), market.BOOK)["r2"] < 0.9


def test_log_odds_of_a_hazard():
    np.testing.assert_allclose(log_odds(-np.log1p(-np.array([0.5, 0.01]))), [0, np.log(0.01 / 0.99)], atol=1e-12)
    assert np.isfinite(log_odds(np.array([0.0, 1e300]))).all()


def test_a_random_part_is_ascending_and_all_where_there_are_few():
    assert _some(5, 10, 7).tolist() == [0, 1, 2, 3, 4]
    part = _some(100, 10, 7)
    assert len({*part.tolist()}) == 10
    assert (np.diff(part) > 0).all()


@pytest.mark.parametrize(("word", "sign"), [("rising", 1), ("falling", -1)])
def test_a_declared_direction_holds_for_every_lead_and_value(word, sign):
    data, book = market.data(), book_with(monotone={ACTS: word})
    bundle = fit(data, book, before=market.SNAPSHOT, threads=1)
    column = data.feature_set.names.index(ACTS)
    rows = np.repeat(data.features[:60], 12, axis=0)
    rows[:, column] = np.tile(np.arange(12.0), 60)
    served = bundle.predict(rows).log_odds.reshape(60, 12)
    hazard = bundle.conversion.cumulative(rows).reshape(60, 12, -1)
    assert (sign * np.diff(served, axis=1) >= -1e-9).all()
    assert (sign * np.diff(hazard, axis=1) >= -1e-12).all()


def test_without_a_declaration_directions_are_free():
    """Else the test above would prove nothing of "falling": acts of a lead make it likelier to convert."""
    data = market.data()
    column = data.feature_set.names.index(ACTS)
    rows = np.repeat(data.features[:60], 12, axis=0)
    rows[:, column] = np.tile(np.arange(12.0), 60)
    served = market.bundle().predict(rows).log_odds.reshape(60, 12)
    assert (np.diff(served, axis=1) > 1e-3).any()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("count__inbuond__30d", "no feature 'count__inbuond__30d'; did you mean 'count__inbound__30d'?"),
        ("xyz", "no feature 'xyz'; `veraison features` lists their names"),
        ("trait__country", "'trait__country' is a category"),
    ],
)
def test_a_direction_of_what_is_no_number_is_one_clear_line(name, said):
    with pytest.raises(PlaybookError, match=r"^training\.monotone: ") as told:
        check_monotone(book_with(monotone={name: "rising"}), market.data().feature_set)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_known_beforehand_decides_a_landmarks_weight():
    """Landmarks added later change no earlier one's weight against another's, and all count one on average."""
    data = market.data()
    early = data.pairs.day <= 7
    whole, part = weights(data.pairs, data.person, 0.7), weights(data.pairs[early], data.person[early], 0.7)
    np.testing.assert_allclose(whole[early] / whole[early][0], part / part[0])
    assert whole.mean() == pytest.approx(1)
    np.testing.assert_array_equal(weights(data.pairs, data.person, 0.0), 1.0)


def test_the_shares_that_ended_stand_in_the_facts():
    found = market.bundle().facts["incidence"]
    assert set(found) == {"7d", "30d", "60d"}
    assert 0 < found["7d"]["converted"] < found["60d"]["converted"] < 1
    assert set(found["7d"]) == {"converted", "lost", "opted_out"}
