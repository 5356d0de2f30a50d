"""What several tests share."""

import importlib.util
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
POSTGRES = os.environ.get("VERAISON_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
"""A server on which tests may make databases of their own; this one is left as it is."""

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def require(thing: str) -> None:
    """Skip the test where the machine lacks ``data``, ``chromium``, ``java``, ``spark`` or ``postgres``, and say so.

    With ``VERAISON_REQUIRE=data,postgres`` and so on, as in CI, the test fails instead.
    """
    lack = _LACKS[thing]()
    if lack is not None:
        _go_without(thing, lack)


def require_data(name: str) -> Path:
    """A file of the open development data, which is not part of the project."""
    path = SHARED_DATA / name
    if not path.exists():
        _go_without("data", f"no open data at {path}")
    return path


@contextmanager
def postgres_database() -> Iterator[str]:
    """SQLAlchemy address of an empty PostgreSQL database, dropped at the end."""
    name = f"veraison_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"create database {name}")
        try:
            yield f"postgresql+psycopg{POSTGRES.removeprefix('postgresql').rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"drop database {name} with (force)")


def _go_without(thing: str, lack: str) -> None:
    if thing in os.environ.get("VERAISON_REQUIRE", "").split(","):
        pytest.fail(lack)
    pytest.skip(lack)


def _lacks_data() -> str | None:
    return None if SHARED_DATA.is_dir() else f"no open data at {SHARED_DATA}"


def _lacks_chromium() -> str | None:
    return None if any(map(shutil.which, _CHROMIUM)) else "no Chromium on this machine"


def _lacks_java() -> str | None:
    return None if shutil.which("java") else "no Java on this machine"


def _lacks_spark() -> str | None:
    return None if importlib.util.find_spec("pyspark") else "no pyspark in this environment"


def _lacks_postgres() -> str | None:
    try:
        psycopg.connect(POSTGRES, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return f"no PostgreSQL at {POSTGRES}: {str(error).splitlines()[0]}"
    return None


_LACKS = {
    "data": _lacks_data,
    "chromium": _lacks_chromium,
    "java": _lacks_java,
    "spark": _lacks_spark,
    "postgres": _lacks_postgres,
}
