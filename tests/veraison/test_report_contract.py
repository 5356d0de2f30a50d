"""`veraison report contract`: the bound that is written, the page, what the terminal says, what is a mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.contract_lines import FILE, Bound, read
from data.contract_report import ContractReport
from data.events import MICROS_PER_DAY, isoformat
from serving.contract_words import bound_sentence
from serving.translations import Words
from tests.reading import Text
from tests.service import Market, market
from veraison.cli import app, common
from veraison.errors import VeraisonError

CONTRACT = "\n[contract]\nsellers = 2\nleads_per_week = 3\nprecision = 0.05\n"


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    found = market().copy(tmp_path)
    with found.workspace.playbook.open("a", encoding="utf-8") as stream:
        stream.write(CONTRACT)
    return found


def ran(*words: str) -> None:
    app(["report", "contract", *words], standalone_mode=False)


def test_it_writes_the_bound_once_and_says_it_first(firm: Market, capsys: Any):
    ran()
    lines = capsys.readouterr().out.splitlines()
    report = ContractReport.read(firm.workspace.reports)
    assert report is not None
    assert lines[0] == bound_sentence(report, Words("en"))
    assert lines[-1] == str(firm.workspace.reports / "contract.html")
    written = (firm.workspace.reports / FILE).read_bytes()
    bounds = [one for _, one in read(firm.workspace.reports) if isinstance(one, Bound)]
    assert bounds == [one.bound for one in report.weeks]
    ran()
    assert (firm.workspace.reports / FILE).read_bytes() == written
    text = " ".join(Text((firm.workspace.reports / "contract.html").read_text(encoding="utf-8")).text)
    assert "The contract between marketing and sales" in text


def test_in_french_elsewhere_as_json_and_of_a_moment_of_the_past_nothing_is_written(firm: Market, capsys: Any):
    path = firm.workspace.root / "new" / "october.html"
    ran("--lang", "fr", "--out", str(path), "--json", "--as-of", isoformat(firm.now - MICROS_PER_DAY))
    report = ContractReport.model_validate(json.loads(capsys.readouterr().out))
    assert report.terms.leads == 6
    assert "Le contrat entre le marketing et les commerciaux" in path.read_text(encoding="utf-8")
    assert not (firm.workspace.reports / FILE).exists()
    assert not (firm.workspace.reports / ContractReport.FILE).exists()


def test_without_a_contract_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    market().copy(tmp_path)
    with pytest.raises(VeraisonError, match=r"playbook.toml: the playbook has no \[contract\]"):
        ran()
