"""One Spark for all tests of this folder: a real cluster of two executors, each a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store import Store
from data.units import export
from features.cluster import session
from tests import market
from tests.histories import alias, identify, named, track
from tests.support import require

MASTER = "local-cluster[2,1,1024]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is slow: a Spark session alone takes seconds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A hundred leads of the market, with merges, shared addresses and signs among them."""
    mine = [event for event in market.events() if event.lead_id < "L0100"]
    for n in range(0, 90, 9):
        who = f"L{n:04d}"
        mine += [
            track(f"v{n}", "Visited", 12.0 + n / 3),
            track(f"v{n}", "Lead Created", 13.0),
            alias(f"v{n}", who, 40.0 + n),
            identify(f"d{n}", 30.0 + n, email=f" {who}@X.FR", size=7.0),
            track(f"d{n}", "Quote", 31.0, value=3.0),
        ]
    mine += [
        track("é ☂", "Lead Created", 5.0),
        identify("é ☂", 6.0, country="F\x00R"),
        identify("silent", 3.0, size=2.0),
    ]
    with Store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}", ("email",)) as filled:
        filled.append(named(mine))
        yield filled


@pytest.fixture(scope="session")
def tables(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its histories as Parquet, in several parts, in a folder whose name looks like a pattern."""
    folder = tmp_path_factory.mktemp("tables") / "a [0] *"
    export(store, folder, (), 1_000)
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The master of an open session."""
    require("java")
    require("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPARK_HOME", raising=False)
        # What fails for good is tried twice only. This is also how a user gives Spark settings of his own.
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.task.maxFailures=2 pyspark-shell")
        with session(MASTER):
            yield MASTER
