"""The guard on constructed outcomes: what counts, when it falls, how long a trial lasts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.events import isoformat
from data.log import Floats
from monitoring import guard
from monitoring.gate import Paired
from monitoring.guard import Guard
from monitoring.journal import Journal, Read, Step
from monitoring.performance import Matured
from monitoring.progress import Begun, Work
from tests.histories import at
from training.landmarks import Landmarks
from training.registry import Registered
from veraison.errors import ModelError
from veraison.playbook import Playbook

BOOK = Playbook.model_validate({"journey": {"converted": ["Deal Won"]}})
CHANCE = np.random.default_rng(3).beta(1, 8, 400)


def steps(fate: str = "promoted", day: float = 100) -> list[Step]:
    numbers = {
        "started": {"as_of": isoformat(at(day)), "before": isoformat(at(40)), "onset": None, "champion": "old"},
        "trained": {"version": "new"},
        "settled": {"fate": fate},
    }
    return [Step("r", name, isoformat(at(day)), those) for name, those in numbers.items()]


def seen(first: float, last: float) -> Matured:
    """A landmark a lead, evenly from one day to another; what came of each follows `CHANCE`."""
    count = len(CHANCE)
    days = np.array([at(day) for day in np.linspace(first, last, count)], dtype=np.int64)
    nothing = np.zeros(count, dtype=np.int64)
    pairs = Landmarks(np.arange(count), days, days, nothing, days, np.zeros(count, dtype=np.bool_))
    return Matured(pairs, np.random.default_rng(5).random(count) < CHANCE, np.arange(count))


def work(monkeypatch: pytest.MonkeyPatch, old: Floats, new: Floats, versions: tuple[str, ...] = ("old", "new")) -> Work:
    """A firm whose models give these probabilities."""
    registered = [Registered(number, version, "") for number, version in enumerate(versions)]
    registry: Any = SimpleNamespace(versions=lambda: registered, load=lambda number: versions[number])
    of: dict[Any, Floats] = {"old": old, "new": new}

    def chances(_log: Any, bundle: Any, rows: Matured, *_: Any) -> Floats:
        return of[bundle][rows.pairs.lead]

    monkeypatch.setattr(guard.performance, "chances", chances)
    log: Any = None
    return Work(log, registry, BOOK, Path(), Journal(Path("unused")))


def begun() -> Begun:
    return Begun("r", {step.name: step.numbers for step in steps()})


def measured(here: Work, rows: Matured, day: float = 100 + 30 + 84) -> Guard:
    """At the end of the trial, unless told otherwise."""
    promoted: Any = "new"
    found = guard.measure(here, begun(), promoted, rows, as_of=at(day))
    assert found is not None
    return found


def test_a_promoted_model_that_is_worse_for_sure_falls(monkeypatch: pytest.MonkeyPatch):
    found = measured(work(monkeypatch, CHANCE, np.full(400, 0.5)), seen(71, 100))
    assert found.fell
    assert found.found is not None
    assert 0.01 < found.found.low < found.found.difference < found.found.high
    assert "worse than that of old" in found.sentence()


def test_the_same_model_and_a_better_one_stay(monkeypatch: pytest.MonkeyPatch):
    same = measured(work(monkeypatch, CHANCE, CHANCE), seen(71, 100))
    assert (same.fell, same.found) == (False, Paired(0.0, 0.0, 0.0))
    assert not measured(work(monkeypatch, np.full(400, 0.5), CHANCE), seen(71, 100)).fell


def test_only_what_matured_after_the_gate_counts(monkeypatch: pytest.MonkeyPatch):
    """The renewal is of day 100, the horizon 30 days: landmarks up to day 70 were the gate's to judge."""
    here = work(monkeypatch, CHANCE, np.full(400, 0.5))
    before = measured(here, seen(41, 70))
    assert (before.pairs, before.found, before.fell) == (0, None, False)
    assert "0 conversions have matured" in before.sentence()
    half = measured(here, seen(60, 80))
    assert 190 <= half.pairs <= 210


def test_the_near_end_counts(monkeypatch: pytest.MonkeyPatch):
    paired = Guard("old", 100, 20, 10, 0.01, Paired(0.03, 0.009, 0.05))
    assert not paired.fell
    assert Guard("old", 100, 20, 10, 0.01, Paired(0.03, 0.011, 0.05)).fell


def test_without_its_predecessor_nothing_is_compared(monkeypatch: pytest.MonkeyPatch):
    promoted: Any = "new"
    alone = work(monkeypatch, CHANCE, CHANCE, ("new",))
    assert guard.measure(alone, begun(), promoted, seen(71, 100), as_of=at(200)) is None


def test_a_predecessor_that_cannot_be_loaded_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch):
    promoted: Any = SimpleNamespace(version="new")
    here = work(monkeypatch, CHANCE, CHANCE)

    def damaged(_: int) -> None:
        raise ModelError("conversion.txt is not as it was written")

    here.registry.load, here.registry.laid_down = damaged, lambda _: None  # type: ignore[method-assign]
    assert guard.measure(here, begun(), promoted, seen(71, 100), as_of=at(200)) is None


def test_early_in_a_trial_more_proof_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    """The interval at a quarter of the trial is twice as wide as at its end; by the boundary's own formula."""
    here, rows = work(monkeypatch, CHANCE, np.clip(CHANCE * 2.5, 0, 0.99)), seen(71, 100)
    early, late = (measured(here, rows, 100 + 114 * share).found for share in (0.25, 1.0))
    assert early is not None
    assert late is not None
    assert early.difference == late.difference
    assert early.high - early.low == pytest.approx(2 * (late.high - late.low), abs=1e-5)


@pytest.mark.parametrize(("looks", "growing"), [(16, False), (57, False), (16, True)])
def test_false_alarms_of_a_whole_trial_are_what_was_promised(looks: int, growing: bool):
    """Two models that miss the truth by as much: 250 trials of sixteen weeks, looked at weekly or each other
    day, with as many or ever more leads a week.
    """
    rng = np.random.default_rng(7)
    trials, leads = 250, 400
    fell = 0
    for _ in range(trials):
        when = np.sort(np.sqrt(rng.random(leads)) if growing else rng.random(leads))
        odds = np.log(1 / 18) + rng.normal(0, 1, leads)
        happened = rng.random(leads) < 1 / (1 + np.exp(-odds))
        first, second = (1 / (1 + np.exp(-odds - rng.normal(0, 0.5, leads))) for _ in range(2))
        for look in range(1, looks + 1):
            rows = slice(0, int(np.searchsorted(when, look / looks)))
            if happened[rows].sum() < 10:
                continue
            mine = happened[rows], np.arange(leads)[rows], first[rows], second[rows]
            if guard.over_trial(*mine, look / looks).low > 0:
                fell += 1
                break
    assert fell / trials < guard.LEVEL + 2 * np.sqrt(guard.LEVEL * (1 - guard.LEVEL) / trials)


def test_the_rows_of_a_person_are_one_piece_of_evidence():
    happened, chance = np.random.default_rng(5).random(400) < CHANCE, np.clip(CHANCE * 2, 0, 0.99)
    alone = guard.over_trial(happened, np.arange(400), CHANCE, chance, 1.0)
    again = [np.repeat(one, 4) for one in (happened, np.arange(400), CHANCE, chance)]
    assert guard.over_trial(again[0], again[1], again[2], again[3], 1.0) == alone


def test_a_trial_lasts_as_long_as_outcomes_take_and_are_watched(monkeypatch: pytest.MonkeyPatch):
    here, read = work(monkeypatch, CHANCE, CHANCE), Read(steps())
    assert guard.on_trial(here, read, "new", at(100)) is not None
    assert guard.on_trial(here, read, "new", at(100 + 30 + 84)) is not None
    assert guard.on_trial(here, read, "new", at(100 + 30 + 84.1)) is None
    assert guard.on_trial(here, read, "new", at(99)) is None, "nobody knows of it yet"
    assert guard.on_trial(here, read, "other", at(101)) is None
    assert guard.on_trial(here, Read(steps("kept")), "new", at(101)) is None, "a person promoted what the gate refused"
    assert guard.on_trial(here, Read(steps("asks")), "new", at(101)) is not None
