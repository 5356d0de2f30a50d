"""`veraison keys` and `veraison people` as they are typed."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from data.store import Store
from serving import keys, people
from veraison.cli import app

PASSWORD = "a long enough password"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    with Store(f"sqlite:///{tmp_path / 'veraison.db'}"):
        return tmp_path


def run(workspace: Path, *words: str, told: str = "") -> Result:
    return CliRunner().invoke(app, [*words, "--workspace", str(workspace)], input=told)


def known(workspace: Path, key: str, after: float = 0.0) -> keys.Key | None:
    with Store(f"sqlite:///{workspace / 'veraison.db'}") as store:
        return keys.check(store, key, now=time.time_ns() // 1_000 + round(after * 1e6))


def test_a_key_is_made_rotated_and_revoked(workspace: Path):
    old = run(workspace, "keys", "create", "anne", "--scope", "read", "--seller", "Anne").stdout.strip()
    new = run(workspace, "keys", "rotate", "anne", "--overlap", "2h").stdout.strip()
    assert known(workspace, old, 7_100) is not None
    assert known(workspace, old, 7_200) is None
    assert known(workspace, new, 1e9).seller == "Anne"
    table = run(workspace, "keys", "list").stdout
    assert table.count("Anne") == 2
    assert new not in table
    assert run(workspace, "keys", "revoke", "anne").exit_code == 0
    assert known(workspace, old) is known(workspace, new) is None


@pytest.mark.parametrize("overlap", ["", "1", "-1h", "1 day", "h"])
def test_an_overlap_that_is_none_is_a_mistake_of_usage(workspace: Path, overlap: str):
    run(workspace, "keys", "create", "site", "--scope", "ingest")
    assert run(workspace, "keys", "rotate", "site", f"--overlap={overlap}").exit_code == 2


def test_a_person_comes_gets_another_password_and_goes(workspace: Path):
    def is_right(password: str) -> bool:
        with Store(f"sqlite:///{workspace / 'veraison.db'}") as store:
            return people.check(store, "anne@firm.example", password) is not None

    added = run(workspace, "people", "add", "Anne@Firm.example", "--seller", "Anne", told=PASSWORD + "\n")
    assert added.exit_code == 0
    assert PASSWORD not in added.output
    assert run(workspace, "people", "add", "luc", "--no-password").exit_code == 0
    assert is_right(PASSWORD)
    assert run(workspace, "people", "password", "anne@firm.example", told="another password\r\n").exit_code == 0
    assert is_right("another password")
    assert not is_right(PASSWORD)
    listed = run(workspace, "people", "list").stdout
    assert [name in listed for name in ("anne@firm.example", "luc", "Anne")] == [True, True, True]
    assert run(workspace, "people", "remove", "anne@firm.example").exit_code == 0
    assert not is_right("another password")
