"""`veraison report maturity`: the page, the file that the service shows, what the terminal says, what is a mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.events import MICROS_PER_DAY, isoformat
from data.maturity_report import MaturityReport
from monitoring import maturity_scores
from monitoring.maturity import maturity
from serving.maturity_words import told
from serving.translations import Words
from tests.reading import Text
from tests.service import Market
from tests.service import firm as simulated
from veraison.cli import app, common
from veraison.errors import PlaybookError, VeraisonError
from veraison.playbook_file import load_playbook

TABLE = """
[maturity]
acts = ["Demo Requested"]
[[maturity.rules]]
name = "prices twice"
any = ["Viewed Pricing Page"]
at_least = 2
within_days = 14
[[maturity.off_topic]]
name = "fax"
events = ["Fax Sent"]
"""


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    monkeypatch.setattr(maturity_scores, "ENOUGH", 1)
    found = simulated(300, 150, since=60).copy(tmp_path)
    found.workspace.playbook.write_text(found.workspace.playbook.read_text(encoding="utf-8") + TABLE, encoding="utf-8")
    return found


def ran(*words: str) -> None:
    app(["report", "maturity", *words], standalone_mode=False)


def test_it_writes_the_page_and_what_the_service_shows_and_says_what_matters_first(firm: Market, capsys: Any):
    ran()
    said = capsys.readouterr()
    book = load_playbook(firm.workspace.playbook)
    with firm.store() as store:
        log = store.scan()
    wanted = maturity(log, book, log.newest + 1, least=50.0, champion=firm.bundle)
    assert MaturityReport.read(firm.workspace.reports) == wanted
    assert wanted.model == firm.bundle.version
    lines = said.out.splitlines()
    assert lines[0] == told(wanted, Words("en"))
    assert "Off topic, fax: 0 leads taken out, 0 of them won all the same." in lines
    assert lines[-1] == str(firm.workspace.reports / "maturity.html")
    assert "rule: prices twice" in said.out
    assert "maturity.off_topic.0.events: no event 'Fax Sent' has occurred so far" in said.err
    text = " ".join(Text((firm.workspace.reports / "maturity.html").read_text(encoding="utf-8")).text)
    assert "Rules and score" in text


def test_of_a_moment_of_the_past_it_says_what_was_known_and_leaves_the_page_of_now(firm: Market, capsys: Any):
    ran("--lang", "fr", "--json")
    report = MaturityReport.model_validate(json.loads(capsys.readouterr().out))
    assert report == MaturityReport.read(firm.workspace.reports)
    now = (firm.workspace.reports / MaturityReport.FILE).read_bytes()
    moment = report.moment - 10 * MICROS_PER_DAY
    ran("--as-of", isoformat(moment), "--json")
    before = MaturityReport.model_validate(json.loads(capsys.readouterr().out))
    assert (before.moment, before.leads >= before.won) == (moment, True)
    assert (firm.workspace.reports / MaturityReport.FILE).read_bytes() == now
    assert (firm.workspace.reports / f"maturity-{isoformat(moment)[:10]}.html").is_file()


def test_without_a_model_acts_and_rules_are_told_alone(firm: Market, capsys: Any):
    for path in sorted((firm.workspace.root / "champion").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    ran("--json")
    said = capsys.readouterr()
    report = MaturityReport.model_validate(json.loads(said.out))
    assert (report.model, report.way("score")) == (None, None)
    assert "no scores to compare: " in said.err


def test_mistakes_are_one_line(firm: Market, tmp_path: Path):
    bare = tmp_path / "bare.toml"
    bare.write_text(firm.workspace.playbook.read_text(encoding="utf-8").replace(TABLE, ""), encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"^the playbook has no \[maturity\]: [^\n]+ docs/maturity.md$"):
        ran("--playbook", str(bare))
    with pytest.raises(VeraisonError, match=r"^[^\n]*no events there; bring some in"):
        ran("--workspace", str(tmp_path / "nowhere"), "--playbook", str(bare))
