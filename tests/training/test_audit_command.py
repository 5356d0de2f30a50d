"""`veraison audit`: what it prints and writes, its exit codes, and `veraison train` after a finding."""

import csv
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from data.store import Store
from tests import market
from tests.histories import at, identify
from veraison.cli import app
from veraison.cli.common import errors
from veraison.errors import TrainingError, VeraisonError
from veraison.settings import Workspace

pytestmark = pytest.mark.filterwarnings(  # MLflow's own, at each look into its tables
    "ignore:The ``noload`` loader strategy is deprecated", "ignore:.*type hint:UserWarning"
)

PLAYBOOK = """
[journey]
created = ["Lead Created"]
converted = ["Deal Won"]
lost = ["Deal Lost"]
[horizons]
days = [7, 30, 60]
[features.traits]
country = "category"
contract = "category"
[training]
landmark_days = [0, 3, 7, 14, 30]
"""
DAY = at(1) - at(0)


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    won = rng.random(1_000) < 0.3
    frame = pl.DataFrame(
        {
            "n": range(1_000),
            "converted": np.where(won, "yes", "no"),
            "contract": np.where(won, "C", ""),
            "q": rng.random(1_000),
        }
    )
    path = tmp_path / "leads.csv"
    frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A workspace in which the winners have contracts from the beginning."""
    folder = tmp_path_factory.mktemp("leaking")
    born = {one.lead_id: one.occurred_at for one in market.events() if one.kind == "Lead Created"}
    won = sorted({one.lead_id for one in market.events() if one.kind == "Deal Won"})
    told = (identify(lead, (born[lead] - at(0)) / DAY, contract="signed") for lead in won)
    workspace = Workspace(folder)
    workspace.create()
    with Store(workspace.store_url) as store:
        store.append([*market.events(), *(replace(one, event_id=f"contract {one.lead_id}") for one in told)])
    (folder / "playbook.toml").write_text(PLAYBOOK)
    return folder


def test_a_leak_of_a_table_is_printed_with_exit_code_one(table):
    done = run("audit", "--table", table, "--target", "converted", "--id", "n")
    assert done.exit_code == 1
    assert "contract" in done.stdout
    assert "leaks in contract; " in done.stdout


def test_a_table_without_a_leak_ends_well(table):
    frame = pl.read_csv(table).drop("contract")
    frame.write_parquet(table.with_suffix(".parquet"))
    done = run("audit", "--table", table.with_suffix(".parquet"), "--target", "converted")
    assert (done.exit_code, done.stdout) == (0, "no leak found; 0 notices\n")


def test_findings_are_written_as_json_and_as_csv_alike(table, tmp_path):
    words = ("audit", "--table", table, "--target", "converted", "--out")
    assert run(*words, tmp_path / "f.json").exit_code == run(*words, tmp_path / "f.csv").exit_code == 1
    found = json.loads((tmp_path / "f.json").read_text())
    with (tmp_path / "f.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [one["finding"] for one in found] == [row["finding"] for row in rows]
    assert {one["column"] for one in found if one["severity"] == "leak"} == {"contract"}
    assert not any(one["allowed"] for one in found)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--table", "x.csv"), "--table needs --target"),
        (("--target", "won"), "--target and --id are of a --table"),
        (("--id", "n"), "--target and --id are of a --table"),
        (("--table", "x.csv", "--target", "won", "--as-of", "2026-01-01"), "has no dates"),
        (("--out", "f.xlsx"), "write to a .json or .csv file"),
        (("--table", "x.csv", "--target", "won", "--id", "won"), "that is the --target"),
    ],
)
def test_misuse_is_one_line_with_exit_code_two(words, told):
    with errors.capture() as said:
        done = run("audit", *words)
    assert done.exit_code == 2
    assert told in said.get()
    assert said.get().count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.csv", None, "no such file"),
        ("leads.docx", b"x", "give a .csv"),
        ("broken.parquet", b"PAR1", "cannot be read as a table"),
        ("empty.csv", b"", "cannot be read as a table"),
        ("broken.csv.gz", b"no gzip", "damaged or cut off"),
        ("one.csv", b"won,n\n1,2\n0,3\n", "20 of each are needed"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VeraisonError, match=told) as caught:
        app(["audit", "--table", str(tmp_path / name), "--target", "won"], standalone_mode=False)
    assert "\n" not in str(caught.value)


def test_help_shows_an_example():
    told = run("audit", "--help").stdout
    assert "Examples: veraison audit" in told
    assert "Exit code 1" in told


def test_a_leak_of_a_store_is_printed_and_stops_the_training(leaking):
    done = run("audit", "-w", leaking)
    assert done.exit_code == 1
    assert "leaks in contract; " in done.stdout
    with pytest.raises(TrainingError, match="leak: 'contract'"):
        app(["train", "-w", str(leaking)], standalone_mode=False)


def test_what_the_playbook_allows_is_shown_as_allowed(leaking, tmp_path):
    book = tmp_path / "playbook.toml"
    book.write_text(PLAYBOOK + 'allow_leaks = ["contract"]\n')
    done = run("audit", "-w", leaking, "-p", book, "--out", tmp_path / "f.json")
    assert done.exit_code == 0
    assert "no leak found" in done.stdout
    found = json.loads((tmp_path / "f.json").read_text())
    assert {one["column"] for one in found if one["allowed"]} == {"contract"}
