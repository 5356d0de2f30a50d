"""The last steps of a renewal, once it is judged: shadow, promotion, a person who is asked; what is given up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data.events import isoformat, parse_instant
from monitoring import renewal
from monitoring.journal import Journal
from monitoring.progress import Begun, Work, begin, renewals, unfinished
from monitoring.shadow import Shadow
from tests.histories import at
from training.registry import CHAMPION
from veraison.errors import ModelError, RegistryError
from veraison.playbook import Playbook

GATE = {
    "pairs": 90, "leads": 40, "converted": 12, "difference": -0.02, "low": -0.03, "high": -0.01, "ece": 0.0,
    "passed": True,
}  # fmt: skip
CHAMPION_BUNDLE: Any = SimpleNamespace(version="old")


class Shelf:
    """A registry of which only what a renewal's end needs is there; it remembers what was asked of it."""

    def __init__(self, problem: ModelError | None = None) -> None:
        self.assigned: list[tuple[str, int]] = []
        self.problem = problem

    def load(self, number: int) -> str:
        if self.problem is not None:
            raise self.problem
        return "bundle"

    def assign(self, alias: str, number: int) -> None:
        self.load(number)
        self.assigned.append((alias, number))


def work(folder: Path, shelf: Shelf, **rules: Any) -> Work:
    book = Playbook.model_validate({"journey": {"converted": ["Deal Won"]}, "monitoring": rules})
    others: Any = {"log": None, "registry": shelf}
    return Work(playbook=book, reports=folder, journal=Journal(folder / "log.jsonl"), **others)


def judged(here: Work, *, passed: bool = True) -> Begun:
    """A renewal that is registered; its steps stand in the journal."""
    begun = begin(here, CHAMPION_BUNDLE, as_of=at(100), before=at(40), onset=None, causes=[])
    for name, numbers in {
        "window": {"name": "all history", "since": None},
        "trained": {"version": "new"},
        "judged": {"gate": GATE | {"passed": passed}},
        "registered": {"number": 2, "version": "new"},
    }.items():
        begun = renewal.done(here, begun, name, at(100), numbers)
    return begun


@pytest.fixture
def shadows(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was scored in the shadow; the scores themselves are shadow's own business."""
    asked: list[Any] = []

    def scored(_log: Any, _book: Any, _bundle: Any, served: Any, _threads: int) -> Shadow:
        asked.append(served)
        return Shadow(3, regraded=0.25, rank=0.9, moved=1.5, furthest=9.0)

    monkeypatch.setattr(renewal, "score_beside", scored)
    return asked


def test_what_passed_is_promoted_and_told(tmp_path: Path, shadows: list[Any]):
    shelf = Shelf()
    here = work(tmp_path, shelf)
    found = renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(100))
    assert (found.action, found.promoted, found.failed, found.challenger) == ("promoted", True, False, "new")
    assert shelf.assigned == [(CHAMPION, 2)]
    assert "25% would have another grade (+1.5 points on average" in found.sentence
    assert found.sentence.endswith("Version 2 (new) is the champion now.")


def test_what_did_not_pass_is_kept(tmp_path: Path, shadows: list[Any]):
    shelf = Shelf()
    here = work(tmp_path, shelf)
    found = renewal.carry_on(here, judged(here, passed=False), CHAMPION_BUNDLE, as_of=at(100))
    assert (found.action, found.promoted, shelf.assigned, shadows) == (None, False, [], [])
    assert "waits as challenger; the champion stays" in found.sentence


def test_a_person_is_asked(tmp_path: Path, shadows: list[Any]):
    shelf = Shelf()
    here = work(tmp_path, shelf, promote="ask")
    found = renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(100))
    assert (found.action, found.promoted, shelf.assigned) == ("asks", False, [])
    assert "veraison models promote 2" in found.sentence


def test_a_shadow_lasts_its_days_and_scores_what_was_served_in_them(tmp_path: Path, shadows: list[Any]):
    shelf, asked = Shelf(), []

    def served(version: str, since: int, before: int) -> list[tuple[str, int, float]]:
        asked.append((version, since, before))
        return [("L1", since, 50.0)]

    here = work(tmp_path, shelf, shadow_days=7)
    here = Work(**{**here.__dict__, "served": served})
    begun = judged(here)
    for day in (100, 103, 106.9):
        again = unfinished(here.journal.read())
        assert again is not None
        waits = renewal.carry_on(here, again, CHAMPION_BUNDLE, as_of=at(day))
        assert (waits.action, waits.promoted, shelf.assigned) == ("waits", False, [])
    last = unfinished(here.journal.read())
    assert last is not None
    assert last.name == begun.name
    assert renewal.carry_on(here, last, CHAMPION_BUNDLE, as_of=at(109)).action == "promoted"
    assert asked == [("old", at(100), at(107))]
    assert shadows == [[("L1", at(100), 50.0)]]


def test_without_days_the_newest_chunk_before_the_renewal_is_scored_whoever_goes_on(tmp_path: Path, shadows: list[Any]):
    here = work(tmp_path, Shelf())
    asked: list[Any] = []
    here = Work(**{**here.__dict__, "served": lambda *what: asked.append(what) or []})
    renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(120))
    assert asked == [("old", at(72), at(100))]


def test_one_that_cannot_be_loaded_or_cannot_score_is_kept(
    tmp_path: Path, shadows: list[Any], monkeypatch: pytest.MonkeyPatch
):
    here = work(tmp_path / "a", Shelf(ModelError("conversion.txt is not as it was written")))
    found = renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(100))
    assert (found.action, found.promoted) == (None, False)
    assert "never serves: conversion.txt is not as it was written" in found.sentence
    monkeypatch.setattr(renewal, "score_beside", lambda *_: Shadow(5, failures=2))
    here = work(tmp_path / "b", Shelf())
    found = renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(100))
    assert not found.promoted
    assert "never serves. It could not score 2 of 7 leads" in found.sentence


def test_a_registry_that_does_not_answer_settles_nothing(tmp_path: Path, shadows: list[Any]):
    shelf = Shelf(RegistryError("the registry cannot be used"))
    here = work(tmp_path, shelf)
    with pytest.raises(RegistryError):
        renewal.carry_on(here, judged(here), CHAMPION_BUNDLE, as_of=at(100))
    shelf.problem = None
    again = unfinished(here.journal.read())
    assert again is not None
    assert again.fate is None
    assert renewal.carry_on(here, again, CHAMPION_BUNDLE, as_of=at(101)).promoted


def test_what_has_lost_its_ground_is_given_up(tmp_path: Path):
    here = work(tmp_path, Shelf())
    begun = judged(here)
    assert renewal.why_abandon(here, begun, "old") is None
    assert renewal.why_abandon(here, begun, "new") is None, "it died while it was promoted"
    assert "another is the champion now" in (renewal.why_abandon(here, begun, "another") or "")
    other = work(tmp_path, Shelf(), quiet_days=3)
    assert renewal.why_abandon(other, begun, "old") == "the playbook has changed since it began"
    trained = Begun(begun.name, {name: begun.steps[name] for name in ("started", "window", "trained")})
    assert "the challenger it had trained is gone" in (renewal.why_abandon(here, trained, "old") or "")
    renewal.abandon(here, begun, at(101), "for a test")
    assert unfinished(here.journal.read()) is None


def test_each_renewal_has_a_name_of_its_own_and_keeps_its_moments(tmp_path: Path):
    here = work(tmp_path, Shelf())
    odd = at(100) + 1
    names = [begin(here, CHAMPION_BUNDLE, as_of=odd, before=at(40), onset=at(50) + 7, causes=[]).name for _ in range(3)]
    assert len(set(names)) == 3
    [*_, last] = renewals(here.journal.read())
    assert (last.as_of, last.before, last.onset) == (odd, at(40), at(50) + 7)
    assert parse_instant(isoformat(odd)) == odd
