"""Every peer learns what is there to learn, keeps the protocol, and is what its library or an oracle says."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import CategoricalNB

from training import peers
from training.landmarks import Outcomes
from training.peers import FAST, PEERS
from training.peers.boosting import breslow, spread
from training.peers.classifiers import NaiveBayes
from training.peers.protocol import given_columns, learning_rows
from training.peers.survival import Cox, on_grid
from training.peers.tables import KaplanMeier

HORIZONS = (7, 30)
CODES = [2]
old_pandas = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # lifelines calls it the old way
CURVES = [name for name, peer in PEERS.items() if peer.curve]


def market(count=1_500, seed=0, entry=0.0):
    """Leads whose hazard is known: exponential times, two of four features matter, some gaps, some left early."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 4))
    features[:, 2] = rng.integers(0, 3, count)
    rate = 0.01 * np.exp(features[:, 0] + 0.8 * (features[:, 2] == 1))
    features[rng.random(count) < 0.1, 1] = np.nan
    days = rng.exponential(1 / rate) + 1e-3
    followed = rng.choice([20.0, 60.0, 90.0], count)
    event = days <= followed
    outcomes = Outcomes(np.full(count, entry), np.minimum(days, followed), event, followed)
    return features, outcomes, rate


@pytest.fixture(scope="module")
def fitted():
    features, outcomes, _ = market()
    return {name: peer.fit(features, outcomes, HORIZONS, CODES) for name, peer in PEERS.items()}


@pytest.mark.parametrize("module", ["", ".protocol", ".tables", ".survival", ".boosting"])
def test_the_examples_of_the_docstrings_hold(module):
    assert doctest.testmod(importlib.import_module(f"training.peers{module}")).failed == 0


# --- the protocol ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEERS)
def test_probabilities_never_fall_along_the_horizons(fitted, name):
    asked, _, _ = market(300, seed=1)
    found = fitted[name].predict(asked)
    assert found.shape == (300, 2)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[:, 1] >= found[:, 0]).all()
    strange = np.array([[np.nan] * 4, [1e9, -1e9, 77, 0], [-1e9, 1e9, np.nan, 0]])
    assert np.isfinite(fitted[name].predict(strange)).all()


@pytest.mark.parametrize("name", CURVES)
def test_curves_start_at_one_never_rise_and_agree_with_the_horizons(fitted, name):
    asked, _, _ = market(200, seed=2)
    days = np.array([0.0, 0.5, 3.0, 7.0, 20.0, 30.0])
    left = fitted[name].survival(asked, days)
    assert left[:, 0] == pytest.approx(1, abs=1e-6)
    assert (np.diff(left, axis=1) <= 1e-12).all()
    np.testing.assert_allclose(1 - left[:, [3, 5]], fitted[name].predict(asked), atol=1e-12)


@pytest.mark.parametrize("name", [name for name in PEERS if name not in {"base rate", "Kaplan-Meier"}])
def test_it_learns_what_is_there_to_learn(fitted, name):
    asked, _, rate = market(2_000, seed=3)
    chance = -np.expm1(-30 * rate)
    happened = np.random.default_rng(4).random(2_000) < chance
    found = fitted[name].predict(asked)[:, 1]
    print(f"{name}: AUC {roc_auc_score(happened, found):.3f} of {roc_auc_score(happened, chance):.3f}, "
          f"mean {found.mean():.3f} of {chance.mean():.3f}")  # fmt: skip
    assert roc_auc_score(happened, found) > roc_auc_score(happened, chance) - 0.03
    assert found.mean() == pytest.approx(chance.mean(), rel=0.15)  # times are not spread as AFT supposes


@pytest.mark.parametrize("name", PEERS)
def test_without_any_event_everyone_stays(name):
    features, outcomes, _ = market(200)
    nothing = Outcomes(outcomes.entry, outcomes.followed, np.zeros(200, dtype=bool), outcomes.followed)
    assert PEERS[name].fit(features, nothing, HORIZONS, CODES).predict(features).max() < 1e-3


@pytest.mark.parametrize("name", [name for name in PEERS if name not in FAST])
def test_late_entries_are_left_out_where_a_library_knows_none(name, fitted):
    features, outcomes, _ = market()
    late, later, _ = market(500, seed=9, entry=5.0)
    later = Outcomes(later.entry, later.duration + 5, later.event, later.followed + 5)
    both = Outcomes(*(np.concatenate([getattr(one, part) for one in (outcomes, later)])
                      for part in ("entry", "duration", "event", "followed")))  # fmt: skip
    asked, _, _ = market(100, seed=5)
    again = PEERS[name].fit(np.concatenate([features, late]), both, HORIZONS, CODES)
    np.testing.assert_array_equal(again.predict(asked), fitted[name].predict(asked))


def test_slow_ones_learn_from_a_sample():
    _, outcomes, _ = market(6_000)
    slow = [name for name, peer in PEERS.items() if len(learning_rows(peer, outcomes)) == 5_000]
    assert slow == ["random survival forest", "gradient-boosted survival"]
    assert all(len(learning_rows(PEERS[name], outcomes)) == 6_000 for name in PEERS if name not in slow)
    rows = learning_rows(PEERS["random survival forest"], outcomes)
    assert len(np.unique(rows)) == 5_000


def test_peers_whose_library_is_absent_say_which(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    missing = {name: peers.missing_library(peer) for name, peer in PEERS.items()}
    assert {name for name in PEERS if missing[name] is None} == set(FAST)
    assert missing["Cox"] == "sksurv"
    assert missing["XGBoost AFT"] == "xgboost"


def test_naive_bayes_is_given_traits_and_the_stage():
    names = ["age", "count__all__7d", "trait__origin", "missing__origin", "stage"]
    assert given_columns(NaiveBayes, names) == [0, 2, 4]
    assert given_columns(NaiveBayes, ["a", "b"]) == [0, 1]  # a table without either
    assert given_columns(Cox, names) == [0, 1, 2, 3, 4]


# --- oracles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [0.0, 6.0])
def test_kaplan_meier_is_that_of_lifelines(entry):
    features, outcomes, _ = market(400, entry=entry)
    keep = outcomes.duration > entry
    outcomes = outcomes[keep]
    mine = KaplanMeier.fit(features[keep], outcomes, HORIZONS, CODES)
    theirs = KaplanMeierFitter().fit(outcomes.duration, outcomes.event, entry=outcomes.entry if entry else None)
    days = np.array([7.0, 11.5, 30.0, 60.0])  # earlier, where nobody has entered, lifelines says nothing
    np.testing.assert_allclose(mine.survival(features[:1], days)[0], theirs.predict(days), atol=1e-12)


@old_pandas
def test_cox_is_nearly_that_of_lifelines():
    features, outcomes, _ = market(1_000)
    features = np.nan_to_num(features[:, :2])
    table = pd.DataFrame(features, columns=["a", "b"]).assign(
        days=np.minimum(outcomes.duration, 30), event=outcomes.within(30)
    )
    theirs = CoxPHFitter().fit(table, "days", "event").predict_survival_function(table[["a", "b"]], times=[7, 30])
    mine = Cox.fit(features, outcomes, HORIZONS, []).survival(features, np.array([7.0, 30.0]))
    np.testing.assert_allclose(mine, theirs.to_numpy().T, atol=0.03)  # a ridge, and times on a grid


def test_naive_bayes_is_that_of_scikit_learn_but_for_its_smoothing():
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 3, (4_000, 2)).astype(float)
    event = rng.random(4_000) < 0.1 + 0.2 * (codes[:, 0] == 1) + 0.1 * (codes[:, 1] == 2)
    outcomes = Outcomes(np.zeros(4_000), np.where(event, 3.0, 40.0), event, np.full(4_000, 40.0))
    mine = NaiveBayes.fit(codes, outcomes, (30,), [0, 1]).predict(codes)[:, 0]
    theirs = CategoricalNB(alpha=1e-9).fit(codes.astype(int), event).predict_proba(codes.astype(int))[:, 1]
    np.testing.assert_allclose(mine, theirs, atol=0.01)


@old_pandas
def test_breslow_is_the_baseline_of_lifelines():
    features, outcomes, _ = market(500)
    table = pd.DataFrame({"a": features[:, 0], "days": outcomes.duration, "event": outcomes.event})
    model = CoxPHFitter().fit(table, "days", "event")
    times, hazard = breslow(outcomes.event, outcomes.duration, np.log(model.predict_partial_hazard(table).to_numpy()))
    np.testing.assert_allclose(hazard, model.baseline_cumulative_hazard_.loc[times, "baseline cumulative hazard"])


def test_the_spread_of_log_times_is_found_among_the_censored():
    rng = np.random.default_rng(8)
    days = np.exp(2.0 + 1.5 * rng.normal(size=5_000))
    name, centre, scale = spread(days < 20, np.minimum(days, 20.0))
    assert (name, round(centre, 1), round(scale, 1)) == ("normal", 2.0, 1.5)
    weibull = 10.0 * rng.exponential(size=5_000) ** 0.7
    name, centre, scale = spread(weibull < 25, np.minimum(weibull, 25.0))
    assert (name, round(np.exp(centre)), round(scale, 1)) == ("extreme", 10, 0.7)


def test_the_grid_changes_no_outcome_at_a_horizon():
    _, outcomes, _ = market(800)
    event, days = on_grid(outcomes, HORIZONS)
    for horizon in HORIZONS:
        np.testing.assert_array_equal(event & (days <= horizon), outcomes.within(horizon))
    assert (days[event] >= outcomes.duration[event]).all()
    assert len(np.unique(days[event])) <= 102
