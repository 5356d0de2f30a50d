"""A renewal that dies in any of its steps, a full disk, a registry that is not there, a challenger that does not load.

The service keeps a champion it can load, nothing of the journal is lost, and the next run comes to the same end.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.faults.renewing import STEPS
from tests.support import ROOT

KILLED, CALM = -9, 0
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


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_left_in_peace_it_promotes(found: dict[str, Any]):
    calm = found["calm"]
    assert calm["verdict"]["action"] == "promoted"
    assert calm["state"]["serves"] == calm["verdict"]["challenger"] != calm["verdict"]["champion"]
    assert tuple(calm["state"]["steps"]) == STEPS


@pytest.mark.parametrize("scenario", ["every_step", "within_the_registry"])
def test_killed_at_every_step_it_comes_to_the_same_end(found: dict[str, Any], scenario: str):
    calm, seen = found["calm"], found[scenario]
    assert set(seen["codes"]) == {KILLED}
    assert seen["code"] == CALM
    first, promoted = calm["verdict"]["champion"], calm["verdict"]["challenger"]
    assert set(seen["serving"]) <= {first, promoted}, "there is always a model that a service can load"
    assert seen["verdict"] == calm["verdict"]
    for part in SAME:
        assert seen["state"][part] == calm["state"][part], part
    assert seen["state"]["verdicts"] == calm["state"]["verdicts"]


def test_the_champion_stays_until_the_last_step(found: dict[str, Any]):
    before_settling = found["every_step"]["serving"][: STEPS.index("settled")]
    assert set(before_settling) == {found["calm"]["verdict"]["champion"]}


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(found: dict[str, Any]):
    seen = found["full_disk"]
    assert set(seen["said"]) == {"error", "kind"}, seen["said"]
    assert "File too large" in seen["said"]["error"]
    assert seen["serving"] == [found["calm"]["verdict"]["champion"]]
    assert seen["verdict"] == found["calm"]["verdict"]
    for part in SAME:
        assert seen["state"][part] == found["calm"]["state"][part], part


def test_a_challenger_that_does_not_load_never_serves(found: dict[str, Any]):
    seen = found["unloadable"]
    assert (seen["verdict"]["decision"], seen["verdict"]["promoted"], seen["verdict"]["action"]) == (
        "retrain",
        False,
        None,
    )
    assert "never serves" in seen["verdict"]["message"]
    assert seen["serving"] == [found["calm"]["verdict"]["champion"]]


def test_a_registry_that_does_not_answer_is_one_line(found: dict[str, Any]):
    seen = found["unreachable"]
    assert seen["said"]["kind"] == "RegistryError"
    assert seen["said"]["error"].startswith("the registry http://127.0.0.1:9 cannot be used: ")
    assert "\n" not in seen["said"]["error"]
    assert seen["serving"] == [found["calm"]["verdict"]["champion"]]


def test_a_champion_that_does_not_load_makes_room_for_its_predecessor(found: dict[str, Any]):
    seen = found["back"]
    assert seen["codes"] == [KILLED]
    assert seen["promoted"] != seen["first"] == seen["verdict"]["champion"]
    assert seen["verdict"]["action"] == "rolled_back"
    assert "cannot be loaded" in seen["verdict"]["message"]
    assert seen["serving"] == [seen["first"]]
    assert [one[3] for one in seen["state"]["verdicts"]] == ["promoted", "rolled_back"]
