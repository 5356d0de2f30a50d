"""Which windows are tried, which is taken, and that no later knowledge chooses."""

import json
from pathlib import Path

import pytest

from data.events import MICROS_PER_DAY, parse_instant
from data.simulator import simulate
from data.simulator.market import START as MARKET
from data.store import Store
from monitoring.window import ALL, ONSET, Candidate, Tried, best, candidates, choose
from tests.histories import at, ingest
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook


def test_months_that_hold_all_of_the_history_are_not_tried():
    assert candidates(first=at(0), split=at(100), before=at(200), onset=None) == [Candidate(ALL, None, None)]
    names = [one.name for one in candidates(first=at(0), split=at(183), before=at(200), onset=None)]
    assert names == [ALL, "6 months"]
    names = [one.name for one in candidates(first=at(0), split=at(400), before=at(430), onset=None)]
    assert names == [ALL, "12 months", "6 months"]


def test_a_twin_looks_back_as_far_as_the_challenger_will():
    months = candidates(first=at(0), split=at(400), before=at(430), onset=None)[2]
    assert (months.twin, months.since) == (at(400 - 182), at(430 - 182))


def test_the_onset_is_a_window_only_where_the_twin_knows_something_of_it():
    at_once = candidates(first=at(0), split=at(100), before=at(200), onset=at(60))
    assert at_once[-1] == Candidate(ONSET, at(60), at(60))
    for onset in (at(100), at(150), at(0)):
        assert [one.name for one in candidates(first=at(0), split=at(100), before=at(200), onset=onset)] == [ALL]


@pytest.mark.parametrize(
    ("behind", "error", "taken"),
    [(-0.02, 0.005, "6 months"), (-0.02, 0.03, ALL), (0.01, 0.001, ALL), (0.0, 0.0, ALL)],
)
def test_a_shorter_window_must_be_better_by_more_than_its_error(behind: float, error: float, taken: str):
    tried = [Tried(ALL, None, 0.3, 0.0, 0.0), Tried("6 months", "x", 0.3 + behind, behind, error)]
    assert best(tried)[0] == taken


def test_one_that_could_not_be_trained_is_never_taken():
    assert best([Tried(ALL, None, 0.3, 0.0, 0.0), Tried(ONSET, "x", problem="too few conversions")])[0] == ALL
    assert best([Tried(ALL, None, problem="too few conversions")])[0] == ALL


@pytest.mark.slow
def test_what_becomes_known_later_chooses_nothing(tmp_path: Path):
    """The same choice from a log that ends at the snapshot and from one that goes on for two months."""
    made = simulate(tmp_path / "market.ndjson", leads=4_000, days=360, seed=102)
    book = load_playbook(made.playbook_path)
    small = {
        "journey": {**book.journey.model_dump(), "ready": (), "returned": ()},
        "horizons": {"days": (30,), "primary": 30},
        "features": {**book.features.model_dump(), "windows_days": (30,), "traits": {"source": "category"}},
        "training": {**book.training.model_dump(), "landmark_days": (0, 7, 30), "model": {"rounds": 30}},
    }
    book = Playbook.model_validate(book.model_dump() | small)
    before = MARKET + 300 * MICROS_PER_DAY
    early = tmp_path / "early.ndjson"
    lines = made.events_path.read_text(encoding="utf-8").splitlines(keepends=True)
    known = [line for line in lines if _known(line) < before]
    early.write_text("".join(known), encoding="utf-8")
    assert len(known) < len(lines)
    found = []
    for path in (early, made.events_path):
        with Store("sqlite://", book.identity.keys) as store:
            ingest(store, path)
            found.append(choose(store.scan(), book, before=before, onset=before - 150 * MICROS_PER_DAY, threads=1))
    assert found[0] == found[1]
    assert [one.name for one in found[0].tried] == [ALL, "6 months", ONSET]
    assert found[0].converted >= 30
    assert found[0].name in {one.name for one in found[0].tried}


def _known(line: str) -> int:
    message = json.loads(line)
    happened = parse_instant(message["timestamp"])
    return max(parse_instant(message.get("receivedAt", message["timestamp"])), happened)
