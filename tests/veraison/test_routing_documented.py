"""docs/routing.md: its example is run as it stands, and its grammar means what it says."""

import re
import sys
import tomllib

import pytest

from tests.support import ROOT
from veraison.cli import common, main
from veraison.playbook import Playbook

TEXT = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture
def veraison(monkeypatch, capsys, tmp_path):
    for console in (common.out, common.errors):
        monkeypatch.setattr(console, "_width", 200)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["veraison", *words, "-w", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return run


def test_the_worked_example_is_what_the_commands_say(veraison, tmp_path):
    book, queue = blocks("toml")
    (events,) = blocks("json")
    mistakes, well = blocks("text")
    (tmp_path / "playbook.toml").write_text(book, encoding="utf-8")
    assert veraison("routes", "check") == (1, mistakes)
    (tmp_path / "playbook.toml").write_text(book.replace('"<=500"', '"<500"') + queue, encoding="utf-8")
    assert veraison("routes", "check") == (0, well)
    (tmp_path / "events.ndjson").write_text(events, encoding="utf-8")
    assert veraison("ingest", str(tmp_path / "events.ndjson"))[0] == 0
    code, said = veraison("routes", "leads")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│ L")]
    told = re.findall(r"^\| (L\d) \| (\S+) \| (\w*) ?\| (.+) \|$", TEXT, re.MULTILINE)
    assert code == 0
    assert len(told) == 5
    assert rows == [list(row) for row in told]


def test_every_condition_of_the_table_can_be_written():
    table = TEXT[TEXT.index("| condition |") : TEXT.index("- Categories are open")]
    shown = re.findall(r"`([^`]+)`", "\n".join(row.split("|")[1] for row in table.splitlines()[2:] if "|" in row))
    assert len(shown) > 12
    for condition in shown:
        known = tomllib.loads(f"x = {condition}")["x"]
        takes = [word for word, kind in (("employees", "number"), ("country", "category")) if fits(word, kind, known)]
        assert takes, condition


def fits(word, kind, condition):
    tables = {
        "journey": {"converted": ["Deal Won"]},
        "features": {"traits": {word: kind}},
        "routes": [{"name": "r", "to": "x", "when": {word: condition}}],
    }
    try:
        Playbook.model_validate(tables)
    except ValueError:
        return False
    return True


def test_every_key_of_the_tables_is_told():
    for name in ("exceptions", "goal", "teams", "capacity", "sticky", "amount_trait", "amount_events", "amount_else",
                 "price", "price_share", "currency", "first", "when"):  # fmt: skip
        assert re.search(rf"`(?:routing\.|\[routing\.)?{name}\b|^{name} =|\[routing\.{name}\]", TEXT, re.MULTILINE), (
            name
        )
