"""Tuning: the shipped settings come first, a study goes on where it was, and what comes later is not looked at."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from data.store import Store
from tests import market
from tests.histories import at, log_of
from training import tuning
from training.tuning import tune
from veraison.errors import TrainingError
from veraison.playbook import Playbook

BEFORE = at(190)


@pytest.fixture(scope="module")
def book():
    return market.BOOK.model_copy(
        update={"training": market.BOOK.training.model_copy(update={"min_conversions": 10, "landmark_days": (0, 14)})}
    )


@pytest.fixture
def quick(monkeypatch):
    """One fold, and little to fit."""
    monkeypatch.setattr(tuning, "FOLDS", 1)
    monkeypatch.setattr(tuning, "space", lambda trial: {"rounds": trial.suggest_int("rounds", 2, 40), "num_leaves": 3})


def test_the_shipped_settings_come_first_and_a_study_goes_on(book, quick, tmp_path):
    told = []
    words = {"before": BEFORE, "budget": 60.0, "storage": tmp_path / "t.db", "threads": 1}
    first = tune(market.log(), book, trials=2, record=lambda *one: told.append(one), **words)
    assert [number for number, *_ in told] == [0, 1]
    assert told[0][1] == {}
    assert first.trials == 2
    second = tune(market.log(), book, trials=4, record=lambda *one: told.append(one), **words)
    assert second.trials == 4
    assert [number for number, *_ in told][:2] == [0, 1]
    assert sorted({number for number, *_ in told}) == [number for number, *_ in told]
    best = min(told, key=lambda one: one[2]["log_loss"])
    assert second.settings == best[1]
    gap, low, high = second.difference
    assert gap == pytest.approx(second.loss - second.shipped, abs=1e-12)
    assert low <= gap <= high
    again = tune(market.log(), book, trials=4, **words)
    assert again == second


def test_a_study_that_goes_on_tries_what_it_has_not_tried(book, quick, tmp_path, monkeypatch):
    told = []
    space = {"rounds": 2, "num_leaves": 3}
    monkeypatch.setattr(tuning, "space", lambda trial: space | {"lambda_l2": trial.suggest_float("lambda_l2", 0.1, 9)})
    for trials in (3, 5):
        tune(
            market.log(), book, before=BEFORE, budget=60.0, trials=trials, storage=tmp_path / "t.db", threads=1,
            record=lambda _number, settings, _figures: told.append(settings.get("lambda_l2")),
        )  # fmt: skip
    assert len(told) == len(set(told)) == 5


def test_a_study_broken_off_in_its_first_trial_still_begins_with_the_shipped_settings(
    book, quick, tmp_path, monkeypatch
):
    words = {"before": BEFORE, "budget": 60.0, "trials": 2, "storage": tmp_path / "t.db", "threads": 1}
    with monkeypatch.context() as broken:
        broken.setattr(tuning, "_losses", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tune(market.log(), book, **words)
    told = []
    found = tune(market.log(), book, record=lambda *one: told.append(one), **words)
    assert told[0][1] == {}
    assert found.trials == 2


def test_directions_of_the_playbook_hold_while_it_is_tuned(book, quick, tmp_path, monkeypatch):
    asked, fit = [], tuning.HazardModel.fit
    training = book.training.model_copy(update={"monotone": {"age": "falling"}})
    declared = book.model_copy(update={"training": training})

    def spied(*given, **words):
        asked.append(words["monotone"])
        return fit(*given, **words)

    monkeypatch.setattr(tuning.HazardModel, "fit", spied)
    tune(market.log(), declared, before=BEFORE, budget=60.0, trials=1, storage=tmp_path / "t.db", threads=1)
    assert [sorted({*one}) for one in asked] == [[-1, 0]] * 2  # in the search, and to be judged


def test_what_comes_after_the_snapshot_changes_nothing(book, quick, tmp_path):
    events = [one for one in market.events() if one.known_at < BEFORE]
    with Store("sqlite://", ("email",)) as store:
        store.append(events)
        known = store.scan()
    found = [
        tune(log, book, before=BEFORE, budget=60.0, trials=2, storage=tmp_path / f"{n}.db", threads=1)
        for n, log in enumerate((market.log(), known))
    ]
    assert len(known.known) < len(market.log().known)
    assert found[0] == found[1]


def test_what_is_found_is_what_the_playbook_takes():
    found = tuning.Tuned({"rounds": 80, "learning_rate": 0.0312345}, 0.1, 0.2, (-0.1, -0.2, -0.05), 9, apart=True)
    assert found.better
    assert not replace(found, difference=(-0.1, -0.2, 0.01)).better
    assert not replace(found, settings={}).better
    read = Playbook.model_validate({"journey": {"converted": ["x"]}} | tomllib.loads(found.toml()))
    assert read.training.model.chosen == {"rounds": 80, "learning_rate": 0.03123}


def test_who_judges_took_no_part_in_the_choice(book, quick):
    """An oracle of its own: persons of both, and what the search could know."""
    log, said = log_of(*market.events.__wrapped__(leads=700, days=260), keys=("email",)), []
    chose, judged = tuning.search_and_judge(log, book, at(330), said.append)
    (exam,) = judged
    assert not {*exam.person} & {one for fold in chose for one in fold.person}
    for fold in chose:
        assert fold.origin < exam.origin
        assert (fold.outcomes.followed <= (exam.origin - fold.origin) / 86_400_000_000).all()
    born = {lead: log.known[log.offsets[lead]] for lead in range(len(log.leads))}
    assert min(born[one] for one in exam.person) >= exam.origin
    assert not any("too good" in line for line in said)


def test_of_a_history_too_short_for_both_the_same_leads_choose_and_judge(book, quick, tmp_path):
    said = []
    words = {"before": at(130), "budget": 60.0, "trials": 2, "storage": tmp_path / "t.db", "threads": 1}
    found = tune(market.log(), book, say=said.append, **words)
    assert not found.apart
    assert any("too good" in line for line in said)


def test_a_short_history_is_one_line(book, tmp_path):
    with pytest.raises(TrainingError, match="too short to tune on"):
        tune(market.log(), book, before=at(20), budget=1.0, storage=tmp_path / "t.db")


def test_every_setting_of_the_search_is_one_of_the_playbook():
    class All:
        def __getattr__(self, _name):
            return lambda name, low, high, **_: low if isinstance(low, int) else float(np.mean([low, high]))

    settings = tuning.space(All())
    read = Playbook.model_validate({"journey": {"converted": ["x"]}, "training": {"model": settings}})
    assert read.training.model.chosen == settings
