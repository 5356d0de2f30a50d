"""Fixtures and settings of all tests."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from tests.support import postgres_database, require

# The machine's own set-up stays outside: tests are told where things are, one thread each, and nothing phones home.
for name in [name for name in os.environ if name.startswith("VERAISON_")]:
    if name not in ("VERAISON_REQUIRE", "VERAISON_TEST_POSTGRES", "VERAISON_FAULT_ROUNDS"):
        del os.environ[name]
os.environ |= {"VERAISON_THREADS": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
os.environ |= {"DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}

# numba's cache of a function does not see changes in what it calls in another module.
for package in ("features", "training"):
    folder = Path(__file__).parent.parent / package
    changed = max(file.stat().st_mtime for file in folder.glob("*.py"))
    for cached in folder.glob("__pycache__/*.nbi"):
        if cached.stat().st_mtime < changed:
            cached.unlink(missing_ok=True)

# Few examples, the same ones each time; HYPOTHESIS_PROFILE=deep looks for new ones.
_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("default", max_examples=50, derandomize=True, **_CALM)
settings.register_profile("ci", settings.get_profile("default"))
settings.register_profile("deep", max_examples=2_000, derandomize=False, **_CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_MAKE_WORKSPACE = """
import json, shutil, sys
from veraison.cli import app
folder, leads, days = sys.argv[1:]
for words in (
    f"simulate --out {folder}/market.ndjson --leads {leads} --days {days} --seed 7",
    f"ingest {folder}/market.ndjson -w {folder}/workspace",
    f"train -w {folder}/workspace -p {folder}/market.playbook.toml",
):
    app(words.split(), standalone_mode=False)
shutil.move(f"{folder}/market.playbook.toml", f"{folder}/workspace/playbook.toml")
"""


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 600 simulated leads over 200 days, with events, playbook and champion; beside it market.ndjson.

    It is made once for all workers: look, do not touch (a test that changes it works on a copy).
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made.json").exists():
            shutil.rmtree(folder / "workspace", ignore_errors=True)
            command = [sys.executable, "-c", _MAKE_WORKSPACE, str(folder), "600", "200"]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.fail(f"no workspace could be made: {made.stdout}{made.stderr}")
            (folder / "made.json").write_text(json.dumps({"said": made.stdout, "steps": made.stderr}))
    return folder / "workspace"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """SQLAlchemy address of a PostgreSQL database of this session alone; what stands in it, other tests left."""
    require("postgres")
    with postgres_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty store: each test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("postgres")
    empty_postgres(url)
    return url


def empty_postgres(url: str) -> None:
    """Take everything out of a database of `postgres_database`."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    engine.dispose()
