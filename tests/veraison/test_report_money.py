"""`veraison costs` and `veraison report money`: what they keep and write, what the terminal says, what is a mistake."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from data.events import MICROS_PER_DAY, Event, isoformat
from data.money_report import MoneyReport
from serving.models import FOLDER
from serving.money_words import headline
from serving.translations import Words
from tests.service import Market, market
from veraison.cli import app, common
from veraison.errors import VeraisonError

NOW = market().now
COSTS = "source,month,cost\nTrade Fair,2025-01,4000\nPaid Search,2025-01,x\nPaid Search,2025-02,1250.50\n"


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    return market().copy(tmp_path)


def ran(*words: str) -> Any:
    return app([*words], standalone_mode=False)


def test_costs_come_in_are_listed_and_go(firm: Market, capsys: Any):
    path = firm.workspace.root / "costs.csv"
    path.write_text(COSTS, encoding="utf-8")
    ran("costs", "import", str(path))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"note: {path} line 3: cost: 'x' is not a number; write it as 1250.50",
        f"{path}: 2 new, 0 changed, 0 known already, 1 refused",
    ]
    ran("costs", "list", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "currency": "EUR",
        "costs": [
            {"source": "Paid Search", "from": "2025-02-01", "to": "2025-02-28", "cost": 1250.5},
            {"source": "Trade Fair", "from": "2025-01-01", "to": "2025-01-31", "cost": 4000.0},
        ],
    }
    ran("costs", "import", str(path))
    assert "0 new, 0 changed, 2 known already, 1 refused" in capsys.readouterr().err
    ran("costs", "list")
    assert re.search(r"Trade Fair +│ 2025-01 │ +4,000.00", capsys.readouterr().out)
    ran("costs", "remove", "paid search")
    with pytest.raises(VeraisonError, match=r"^no cost of 'paid search' is stored; see: veraison costs list$"):
        ran("costs", "remove", "paid search")
    path.write_text("source,month,cost\nA,b,c\n", encoding="utf-8")
    with pytest.raises(VeraisonError, match=r"^[^\n]*costs.csv: no line is a cost$"):
        ran("costs", "import", str(path))


def test_it_writes_the_page_and_what_the_service_shows(firm: Market, capsys: Any):
    path = firm.workspace.root / "costs.csv"
    path.write_text(COSTS, encoding="utf-8")
    ran("costs", "import", str(path))
    ran("report", "money")
    said = capsys.readouterr()
    report = MoneyReport.read(firm.workspace.reports)
    assert report is not None
    assert report.whole.cost == 5250.5
    assert report.version == firm.bundle.version
    lines = said.out.splitlines()
    assert lines[0] == headline(report, Words("en"))
    assert lines[-1] == str(firm.workspace.reports / "money.html")
    assert re.search(rf"All +│ +5,250 +│ +{report.whole.leads} ", said.out)


def test_of_a_moment_of_the_past_it_says_what_was_known(firm: Market, capsys: Any):
    at = NOW - 40 * MICROS_PER_DAY
    out = firm.workspace.root / "new" / "then.html"
    ran("report", "money", "--as-of", isoformat(at), "--json", "--lang", "fr", "--out", str(out))
    before = capsys.readouterr().out
    assert MoneyReport.model_validate(json.loads(before)).moment == at
    assert "Sources et argent" in out.read_text(encoding="utf-8")
    assert MoneyReport.read(firm.workspace.reports) is None
    with firm.store() as store:
        store.append([Event("late", "L00001", "track", "Deal Won", at - MICROS_PER_DAY, NOW, properties={})])
    ran("report", "money", "--as-of", isoformat(at), "--json")
    assert capsys.readouterr().out == before


def test_without_a_model_it_says_so_and_tells_the_rest(firm: Market, capsys: Any):
    (firm.workspace.root / FOLDER / "CURRENT").unlink()
    ran("report", "money", "--json")
    said = capsys.readouterr()
    assert "note: no model yet, so nothing is said of open leads; train one with: veraison train\n" in said.err
    report = MoneyReport.model_validate(json.loads(said.out))
    assert (report.expected, report.by_model) == (None, None)
    assert report.by_rule is not None


@pytest.mark.parametrize("words", [("--lang", "de"), ("--as-of", "soon")])
def test_misuse_is_one_line(firm: Market, words: tuple[str, ...], capsys: Any):
    assert ran("report", "money", *words) == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)
