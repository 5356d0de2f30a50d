"""`veraison features --engine spark` gives what one machine gives: every column, every row, every bit."""

import shutil
import sys

import pyarrow.parquet as pq
import pytest

from data.events import isoformat
from data.units import export
from tests import market
from tests.histories import at
from veraison.cli import main

BOOK = """
[journey]
created = ["Lead Created"]
ready = ["Accepted"]
converted = ["Deal Won"]
lost = ["Deal Lost"]
[features.traits]
country = "category"
size = "number"
email = "email"
email_domain = "account"
[training]
landmark_days = [0, 3, 7]
[identity]
keys = ["email"]
"""


@pytest.fixture(scope="module")
def workspace(store, tmp_path_factory):
    """A workspace with these events and a champion: look, do not touch."""
    root = tmp_path_factory.mktemp("features") / "workspace"
    market.bundle().save(root / "champion" / "one")
    (root / "champion" / "CURRENT").write_text("one")
    (root / "playbook.toml").write_text(BOOK)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(store.engine.url.database, root / "veraison.db")
    return root


@pytest.fixture(scope="module")
def events(store, tmp_path_factory):
    """Their history tables, colleagues together as the playbook needs them."""
    folder = tmp_path_factory.mktemp("events")
    export(store, folder, ("email_domain",), 1_000)
    return folder


@pytest.fixture
def veraison(monkeypatch, capsys, workspace):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["veraison", "features", "-w", str(workspace), *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().err

    return run


def in_order(path):
    return pq.read_table(path).sort_by([("lead_id", "ascending"), ("as_of", "ascending")])


@pytest.mark.parametrize(
    "words",
    [
        ["--as-of", "2026-03-02"],
        ["--as-of", "2026-03-02", "--set", "learn"],
        ["--landmarks", "playbook"],
        ["--landmarks", "0,30", "--set", "champion", "--as-of", "2026-04-01"],
    ],
    ids=" ".join,
)
def test_both_engines_write_the_same_file(cluster, veraison, workspace, tmp_path, words):
    """The same rows to the bit, and the same words beside them."""
    for name, engine in (("one", ["local"]), ("many", ["spark", "--master", cluster])):
        veraison(*words, "--out", tmp_path / name / "f.parquet", "--engine", *engine)
    one, many = in_order(tmp_path / "one" / "f.parquet"), in_order(tmp_path / "many" / "f.parquet")
    assert one.num_rows > 50
    assert many.equals(one, check_metadata=True)
    told = [(tmp_path / name / "f.columns.csv").read_bytes() for name in ("one", "many")]
    assert told[0] == told[1]
    assert not list(workspace.glob("histories-*"))


def test_given_pairs_in_the_order_asked(cluster, veraison, tmp_path):
    pairs = [("L0003", 120.5), ("nobody", 60.5), ("v0", 149.0), ("L0003", 120.5), ("é ☂", 20.0), ("L0001", 1.0)]
    lines = [f"{lead},{isoformat(at(day))}" for lead, day in pairs]
    (tmp_path / "pairs.csv").write_text("\n".join(["lead_id,as_of", *lines]))
    for option in ("--at", "--landmarks"):
        for name, engine in (("one", ["local"]), ("many", ["spark", "--master", cluster])):
            veraison(option, tmp_path / "pairs.csv", "--out", tmp_path / f"{name}.csv", "--engine", *engine)
        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "many.csv").read_bytes()
        assert len((tmp_path / "one.csv").read_text().splitlines()) > 1


@pytest.mark.parametrize("chosen", ["champion", "learn"])
def test_events_that_lie_elsewhere(cluster, veraison, workspace, events, tmp_path, chosen):
    """The executors write the rows themselves."""
    words = "--landmarks", "0,7", "--as-of", "2026-04-01", "--set", chosen, "--events", events
    said = veraison(*words, "--out", tmp_path / "one.parquet")
    rows = in_order(tmp_path / "one.parquet")
    assert f"{rows.num_rows:,} rows of " in said
    said = veraison(*words, "--out", tmp_path / "many.parquet", "--engine", "spark", "--master", cluster)
    assert f"{rows.num_rows:,} rows: {tmp_path / 'many.parquet'}\n" in said
    assert in_order(tmp_path / "many.parquet").equals(rows)
    one, many = (tmp_path / f"{name}.columns.csv" for name in ("one", "many"))
    assert one.read_bytes() == many.read_bytes()
    assert not list(workspace.glob("histories-*"))
