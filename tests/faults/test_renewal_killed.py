"""A renewal that dies in any of its steps, a full disk, a registry that is not there, a challenger that does not load,
two watchers at once: real processes of `veraison monitor`, made by tests.faults.renewing.

The service keeps a champion it can load, nothing of the journal is lost, and the next run comes to the same end.

==================================  ===================================================================================
killed before and after each line   `test_killed_at_every_step_it_comes_to_the_same_end`, a service beside it
killed within a step                `test_killed_between_two_calls_it_comes_to_the_same_end`
disk full                           `test_a_full_disk_is_one_line_and_the_next_run_goes_on`
registry unreachable                `test_a_registry_that_does_not_answer_is_one_line`
a challenger that does not load     `test_a_challenger_that_does_not_load_never_serves`
a champion that does not load       `test_a_champion_that_does_not_load_is_mended_or_makes_room_for_its_predecessor`
two watchers at once                `test_of_two_watchers_the_second_takes_over`
==================================  ===================================================================================
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.faults.world import STEPS
from tests.support import ROOT, require

KILLED = -9
SAME = ("serves", "champions", "versions", "steps", "bytes")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("renewing")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.renewing", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return told


@pytest.fixture
def first(found: dict[str, Any]) -> str:
    """The champion before the renewal."""
    return str(found["calm"]["state"]["verdicts"][0]["champion"])


@pytest.fixture
def promoted(found: dict[str, Any]) -> str:
    """The champion after it."""
    return str(found["calm"]["state"]["serves"])


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def is_as_if_nothing_had_happened(found: dict[str, Any], seen: dict[str, Any]) -> None:
    """The same model, bytes, registry and steps, and the same verdict of the renewal as the run left in peace."""
    calm = found["calm"]["state"]
    for part in SAME:
        assert seen["state"][part] == calm[part], part
    assert seen["state"]["verdicts"][0] == calm["verdicts"][0]


def is_one_line(ended: dict[str, Any], *words: str) -> None:
    """The command failed, and said why in one line."""
    assert ended["code"] == 1
    assert "Traceback" not in ended["err"]
    [line] = [one for one in ended["err"].splitlines() if not one.startswith("·")]
    assert line.startswith("error: ")
    for one in words:
        assert one in line
    assert len(line) < 300


def test_left_in_peace_it_promotes(found: dict[str, Any], first: str, promoted: str):
    calm = found["calm"]
    assert calm["last"]["code"] == 0
    assert json.loads(calm["last"]["out"].splitlines()[-1]) == calm["state"]["verdicts"][0]
    assert calm["state"]["verdicts"][0]["action"] == "promoted"
    assert calm["state"]["verdicts"][0]["challenger"] == promoted != first
    assert calm["state"]["lines"] == [*STEPS, "verdict"]


def test_killed_at_every_step_it_comes_to_the_same_end(found: dict[str, Any], first: str, promoted: str):
    seen = found["every_step"]
    assert seen["codes"] == [KILLED] * 2 * (len(STEPS) + 1)
    assert seen["last"]["code"] == 0
    is_as_if_nothing_had_happened(found, seen)
    assert set(seen["state"]["runs"]) == {"FINISHED"}
    assert [name for name in seen["state"]["lines"] if name != "verdict"] == list(STEPS), "each step stands once"
    before = 2 * STEPS.index("settled")
    assert seen["serving"] == [first] * before + [promoted] * (len(seen["serving"]) - before)


def test_a_service_answers_with_its_champion_all_the_while(found: dict[str, Any], first: str, promoted: str):
    answers = found["every_step"]["answers"]
    before = 2 * STEPS.index("settled")
    assert set(answers[:before]) == {first}
    assert set(answers) == {first, promoted}
    assert answers[-1] == promoted


def test_killed_between_two_calls_it_comes_to_the_same_end(found: dict[str, Any], first: str):
    seen = found["within"]
    assert seen["codes"] == [KILLED] * 4
    assert seen["last"]["code"] == 0
    is_as_if_nothing_had_happened(found, seen)
    assert seen["serving"][:3] == [first] * 3


def test_a_report_that_was_half_made_takes_no_place(found: dict[str, Any]):
    seen = found["within"]
    assert seen["report"] == "the report before"
    assert seen["reports"] == ["drift.html", "monitor.json", "monitor.log.jsonl"]


def test_a_run_of_mlflow_that_was_killed_does_not_run_for_ever(found: dict[str, Any]):
    assert found["within"]["state"]["runs"] == ["FINISHED", "FINISHED", "KILLED"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("store", ["veraison.db"]),
        ("report", ["reports"]),
        ("bundle", ["reports"]),
        ("registry", ["mlflow.db"]),
        ("journal", ["monitor.log.jsonl: the journal cannot be written"]),
        ("verdict", ["monitor.json: cannot be written"]),
    ],
)
def test_a_full_disk_is_one_line(found: dict[str, Any], what: str, words: list[str]):
    is_one_line(found["full_disk"]["ended"][what], *words)


def test_after_a_full_disk_the_next_run_goes_on(found: dict[str, Any], first: str, promoted: str):
    seen = found["full_disk"]
    assert seen["serving"] == [first] * 4 + [promoted] * 2
    assert seen["last"]["code"] == 0
    is_as_if_nothing_had_happened(found, seen)


def test_a_challenger_that_does_not_load_never_serves(found: dict[str, Any], first: str):
    seen = found["unloadable"]
    verdict = json.loads(seen["last"]["out"].splitlines()[-1])
    assert (verdict["decision"], verdict["promoted"], verdict["action"]) == ("retrain", False, None)
    assert "never serves" in verdict["message"]
    assert seen["serving"] == first


def test_the_same_model_trained_again_replaces_the_copy_that_does_not_load(found: dict[str, Any], promoted: str):
    again = json.loads(found["unloadable"]["again"]["out"].splitlines()[-1])
    assert (again["challenger"], again["action"]) == (promoted, "promoted")
    assert found["unloadable"]["state"]["serves"] == promoted
    assert len(found["unloadable"]["state"]["versions"]) == 2


@pytest.mark.parametrize(
    ("what", "words"), [("refused", "connection refused"), ("hangs", "no answer within 1 s, asked 2 times")]
)
def test_a_registry_that_does_not_answer_is_one_line(found: dict[str, Any], first: str, what: str, words: str):
    is_one_line(found["unreachable"][what], "the registry http://127.0.0.1:", words, "VERAISON_TRACKING_URI")
    assert found["unreachable"]["serving"] == first


def test_a_champion_that_does_not_load_is_mended_or_makes_room_for_its_predecessor(
    found: dict[str, Any], first: str, promoted: str
):
    """One damaged copy is written again from the other; where both are damaged the predecessor serves again."""
    seen = found["back"]
    assert (seen["first"], seen["promoted"]) == (first, promoted)
    assert seen["mended"]["code"] == 0
    assert f"the registry's copy of {promoted} is written again" in seen["mended"]["err"]
    assert (seen["whole"], seen["kept"]) == (promoted, promoted)
    assert seen["killed"] == KILLED
    assert seen["serving"] == seen["state"]["serves"] == first
    assert [one["action"] for one in seen["state"]["verdicts"]] == ["promoted", None, "rolled_back"]
    assert "cannot be loaded" in seen["state"]["verdicts"][-1]["message"]
    assert seen["state"]["champions"] == [1], "the way back that was broken off ends where one left in peace does"


def test_sigterm_ends_a_watcher_between_two_steps(found: dict[str, Any], first: str):
    seen = found["stopped"]
    assert seen["begun"]
    assert seen["ended"]["code"] == 0
    said = [line.removeprefix("· ") for line in seen["ended"]["err"].splitlines()]
    assert (said[0], said[-1]) == ("watching", "stopped")
    assert seen["ended"]["out"] == ""
    assert seen["steps"] == ["started", "window", "trained"], "the step under way is done, the next not begun"
    assert seen["serving"] == first


@pytest.mark.parametrize("where", ["on_sqlite", "on_postgres"])
def test_of_two_watchers_the_second_takes_over(found: dict[str, Any], promoted: str, where: str):
    if where == "on_postgres":
        require("postgres")
    seen = found[where]
    assert (seen["alone"], seen["beside"], seen["at_work"], seen["quiet"], seen["taken"]) == (True,) * 5
    assert seen["killed"]["code"] == KILLED
    assert seen["ended"]["code"] == 0
    assert "the other watcher has gone; watching" in seen["ended"]["err"]
    assert seen["steps"] == [*STEPS, "verdict"], "nothing is decided, and no step done, twice"
    [line] = seen["ended"]["out"].splitlines()
    assert json.loads(line) == seen["state"]["verdicts"][0]
    assert seen["state"]["serves"] == promoted
    assert seen["leases"] == [None, None]
