"""The command `backtest` from end to end: it prints, writes a page in the workspace, and leaves the store alone."""

import json
import re
import shutil
import sys

import polars as pl
import pytest
import typer

from veraison.cli import common, main
from veraison.cli.backtest import chosen_peers
from veraison.cli.common import errors


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command as a user does: its exit code, what it says, and what it says beside that."""

    def veraison(*words):
        for console in (common.out, common.errors):
            monkeypatch.setattr(console, "_width", 100)
        monkeypatch.setattr(sys, "argv", ["veraison", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return veraison


@pytest.fixture
def workspace(trained_workspace, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("veraison.db", "playbook.toml"):
        shutil.copy(trained_workspace / name, folder)
    book = (folder / "playbook.toml").read_text(encoding="utf-8")
    days = re.sub(r"(?m)^days\s*=.*$", "days = [7, 30]", book)
    assert "[training]" not in days
    (folder / "playbook.toml").write_text(f"{days}\n[training]\nmin_conversions = 10\n", encoding="utf-8")
    return folder


def test_it_prints_the_figures_and_writes_a_page(run, workspace, tmp_path):
    asked = ("--peers", "logistic regression", "--folds", "1", "--draws", "20", "--out", tmp_path / "f.parquet")
    code, out, error = run("backtest", *asked, "-w", workspace)
    assert code == 0, error
    for words in (
        "Origin 20",
        "within 7 days",
        "within 30 days",
        "veraison",
        "base rate",
        "logistic",
        "not to be told",
    ):
        assert words in out
    (page,) = (workspace / "reports" / "backtest").glob("*/index.html")
    assert str(page) in out.replace("\n", "")
    assert "fold 1 of 1: logistic regression learns" in error
    written = json.loads((page.parent / "backtest.json").read_text(encoding="utf-8"))
    figures = pl.read_parquet(tmp_path / "f.parquet")
    assert len(figures) == len(written["figures"]) + len(written["by_landmark_day"])
    contract = ("origin", "model", "horizon", "metric", "value", "low", "high", "pairs", "leads", "events")
    assert {*contract, "landmark_day"} == {*figures.columns}


def test_peers_are_chosen_by_name_and_the_base_rate_is_always_there():
    fast, known = ("base rate", "logistic regression"), ("base rate", "logistic regression", "Cox")
    assert chosen_peers("fast", fast, known) == fast
    assert chosen_peers("all", fast, known) == known
    assert chosen_peers(" cox ", fast, known) == ("base rate", "Cox")
    with errors.capture() as said, pytest.raises(typer.Exit):
        chosen_peers("none", fast, known)
    assert "no peer is called 'none'; allowed: all, fast, or some of base rate" in said.get()
