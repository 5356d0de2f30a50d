"""Inverse propensity weighting against worlds whose truth is known: the bias is there without it, and gone with it."""

import doctest
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import scorelog
from data.events import MICROS_PER_DAY
from data.exploration import chosen, hand_over
from data.handovers import with_hand_overs
from data.log import EventLog
from data.scorelog import LoggedScore
from data.store import Store
from features import compute
from tests.histories import at, identify, named, playbook, track
from training import fit as fitting
from training import propensity
from training.fit import TrainingSet, fit, training_set
from training.landmarks import MINUTE
from training.propensity import LARGEST, effective, inverse, moments
from veraison.errors import TrainingError
from veraison.playbook import Playbook

LEADS, SHARE, SEED = 4_000, 0.2, 7
LIST = 0.2
"""Part of the leads that is on the list."""
WORKED = {True: 0.40, False: 0.10}
"""Chance to win within 30 days where handed over: on the list, and below."""
ALONE = 0.01
"""The same of who is not."""
TRUTH = LIST * WORKED[True] + (1 - LIST) * WORKED[False]
SNAPSHOT = at(200)


def book(weight_by: str = "exploration", **training: object) -> Playbook:
    rules = {"landmark_days": [1], "weight_by": weight_by, "min_fidelity": 0.0} | training
    return playbook(training=rules, features={"traits": {"size": "number"}}, horizons={"days": [30], "primary": 30})


# --- the estimator -----------------------------------------------------------------------------------------------


def test_the_weighted_mean_is_that_of_all_were_they_handed_over():
    """A hundred draws of one population, by the very function that decides in the service."""
    random = np.random.default_rng(1)
    quality = random.random(2_000)
    won = random.random(2_000) < 0.05 + 0.4 * quality  # what would be, were each handed over
    listed, alone = quality > 0.8, won & (random.random(2_000) < 0.1)
    found: dict[str, list[float]] = {"all as they are": [], "the handed over": [], "weighted": []}
    for week in range(100):
        drawn = np.array([chosen(f"L{n}", f"2026-W{week}", SHARE, SEED) for n in range(2_000)])
        handed = listed | drawn
        weight = inverse(np.where(listed, 1.0, SHARE)[handed])
        found["all as they are"].append(float(np.where(handed, won, alone).mean()))
        found["the handed over"].append(float(won[handed].mean()))
        found["weighted"].append(float(np.average(won[handed], weights=weight)))
    off = {name: np.mean(of) - won.mean() for name, of in found.items()}
    noise = np.std(found["weighted"]) / np.sqrt(100)
    assert abs(off["weighted"]) < 3.5 * noise
    assert off["all as they are"] < -0.05
    assert off["the handed over"] > 0.05


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=50))
def test_weights_are_one_on_average_and_in_the_ratio_of_the_propensities(chances: list[float]):
    given_ = np.array(chances)
    found = inverse(given_)
    assert found.mean() == pytest.approx(1.0)
    assert found.max() / found.min() <= LARGEST * (1 + 1e-9)
    whole = inverse(given_, largest=np.inf) * given_
    assert whole == pytest.approx(np.full(len(given_), whole[0]))
    assert 1.0 - 1e-9 <= effective(found) <= len(given_) + 1e-9


# --- the model ---------------------------------------------------------------------------------------------------


@cache
def world(share: float = SHARE) -> Store:
    """Leads whose only trait tells nothing; who is on the list, and wins more, nobody can see in the features."""
    random = np.random.default_rng(2)
    store, events, scores = Store("sqlite://"), [], []
    for number in range(LEADS):
        lead, born, good = f"L{number:05d}", 1 + 150 * number / LEADS, bool(random.random() < LIST)
        events += [identify(lead, born, size=float(random.random())), track(lead, "Lead Created", born)]
        moment = at(born) + MICROS_PER_DAY + MINUTE
        how = hand_over(lead, moment, listed=good, share=share, seed=SEED)
        told = {} if how is None else {"propensity": how.propensity, "exploration": how.explored}
        score = 80.0 if good else 20.0
        scores.append(LoggedScore(lead, moment, moment, "scored", score, 0.1, "v1", "f", None, told))
        if random.random() < (WORKED[good] if good or (how and how.handed_over) else ALONE):
            events.append(track(lead, "Deal Won", born + 1.01 + 29 * random.random()))
    store.append(named(events))
    scorelog.append(store, scores)
    return store


def log(share: float = SHARE, before: int = SNAPSHOT) -> EventLog:
    return with_hand_overs(world(share).scan(), world(share), before)


def mean_chance(data: TrainingSet, rules: Playbook) -> float:
    """What the model says on average of all leads, a day after they came."""
    bundle = fit(data, rules, before=SNAPSHOT, threads=1, interval=False)
    everyone = moments(data.log, book("none"), before=SNAPSHOT)
    features = compute.batch(data.log, data.feature_set, everyone.lead, everyone.as_of, everyone.started)
    return float(bundle.predict(features, 1).probability[:, 0].mean())


def test_a_model_says_what_becomes_of_leads_that_are_handed_over(monkeypatch: pytest.MonkeyPatch):
    rules = book()
    assert mean_chance(training_set(log(), rules, before=SNAPSHOT), rules) == pytest.approx(TRUTH, abs=0.03)
    monkeypatch.setattr(fitting, "inverse", np.ones_like)
    assert mean_chance(training_set(log(), rules, before=SNAPSHOT), rules) > TRUTH + 0.06


def test_without_weights_a_model_says_what_becomes_of_them_as_things_are():
    rules = book("none")
    as_things_are = LIST * WORKED[True] + (1 - LIST) * (SHARE * WORKED[False] + (1 - SHARE) * ALONE)
    found = mean_chance(training_set(log(), rules, before=SNAPSHOT), rules)
    assert found == pytest.approx(as_things_are, abs=0.02)
    assert found < TRUTH - 0.04


def test_only_those_handed_over_are_learned_from_and_a_bundle_says_so():
    rules = book()
    data = training_set(log(), rules, before=SNAPSHOT)
    every = log().hand_overs
    assert every is not None
    assert len(every) == LEADS
    assert len(data.pairs) == every.handed_over.sum()
    assert data.weight.mean() == pytest.approx(1.0)
    assert sorted(set(np.round(data.weight / data.weight.min(), 9))) == [1.0, 1 / SHARE]
    facts = fit(data, rules, before=SNAPSHOT, threads=1, interval=False)
    assert facts.facts["estimand"] == "handed over"
    assert facts.facts["effective_landmarks"] == pytest.approx(effective(data.weight), abs=0.1)
    assert len(facts.reference) > 0.99 * LEADS  # compared with later leads as they are looked at, not as handed over
    plain = fit(training_set(log(), book("none"), before=SNAPSHOT), book("none"), before=SNAPSHOT, threads=1)
    assert "estimand" not in plain.facts


def test_what_is_logged_later_changes_nothing():
    rules, early = book(), at(120)
    whole = log()
    one = training_set(whole, rules, before=early)
    other = training_set(log(before=early), rules, before=early)
    assert len(one.pairs) < (whole.hand_overs is not None and whole.hand_overs.handed_over.sum())
    for name in ("as_of", "lead"):
        assert np.array_equal(getattr(one.pairs, name), getattr(other.pairs, name))
    assert np.array_equal(one.weight, other.weight)


# --- what the data cannot bear -----------------------------------------------------------------------------------


def problem(history: EventLog, rules: Playbook, before: int = SNAPSHOT) -> str:
    with pytest.raises(TrainingError) as found:
        training_set(history, rules, before=before)
    text = str(found.value)
    assert "\n" not in text
    return text


def test_without_exploration_one_line_says_what_to_do():
    text = problem(log(share=0.0), book())
    assert "needs hand-overs with a known propensity, and the prediction log has none" in text
    assert "[exploration] share above 0" in text
    assert 'weight_by = "none"' in text


def test_too_few_by_chance_are_told_by_number():
    history = log()
    assert history.hand_overs is not None
    handed = history.hand_overs
    few = handed[(handed.propensity == 1.0) | (np.cumsum(handed.handed_over & (handed.propensity < 1)) <= 19)]
    text = problem(replace(history, hand_overs=few), book())
    assert "needs 20 leads handed over by chance" in text
    assert "there are 19" in text


def test_a_log_without_hand_overs_is_said():
    assert "hand-overs of the prediction log, which is not read here" in problem(world().scan(), book())


# --- the prediction log ------------------------------------------------------------------------------------------


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        opened.append(named([track(lead, "Lead Created", 0) for lead in ("L1", "L2")]))
        yield opened


def logged(lead: str, day: float, late: float = 0.0, **answer: object) -> LoggedScore:
    asked = at(day) + round(late * MICROS_PER_DAY)
    return LoggedScore(lead, at(day), asked, "scored", 30.0, 0.1, "v1", "f", None, answer)


def test_the_first_score_of_each_week_decides(store: Store):
    drawn = {"propensity": 0.05, "exploration": True}
    not_drawn = {"propensity": 0.05, "exploration": False}
    listed = {"propensity": 1.0, "exploration": False}
    scorelog.append(
        store,
        [
            logged("L1", 5, **not_drawn),  # 6 January 2026, a Tuesday
            logged("L1", 6, **listed),
            logged("L1", 10.999, **listed),  # Sunday
            logged("L1", 11, **listed),  # Monday
            logged("L2", 5),  # nothing was explored
            logged("L2", 6, **drawn),
            logged("L2", 12, late=1.01, **drawn),  # a look back
            logged("L9", 5, **drawn),  # erased since
        ],
    )
    found = with_hand_overs(store.scan(), store, at(30)).hand_overs
    assert found is not None
    told = [
        (store.scan().leads[lead], as_of, chance, handed)
        for lead, as_of, chance, handed in zip(
            found.lead, found.as_of, found.propensity, found.handed_over, strict=True
        )
    ]
    assert told == [("L1", at(5), 0.05, False), ("L2", at(6), 0.05, True), ("L1", at(11), 1.0, True)]
    early = with_hand_overs(store.scan(), store, at(6)).hand_overs
    assert early is not None
    assert early.as_of.tolist() == [at(5)]


def test_what_the_docstrings_show():
    assert doctest.testmod(propensity).failed == 0
