"""`veraison report journey`: the page, the file that the service shows, what the terminal says, what is a mistake."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from data.events import MICROS_PER_DAY, Event, isoformat
from data.journey_report import JourneyReport
from monitoring.journey import journey
from serving.journey_words import leak_sentence
from serving.translations import Words
from tests.reading import Text
from tests.service import Market, market
from veraison.cli import app, common
from veraison.errors import VeraisonError

NOW = market().now


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    return market().copy(tmp_path)


def ran(*words: str) -> None:
    app(["report", "journey", *words], standalone_mode=False)


def test_it_writes_the_page_and_what_the_service_shows_and_says_the_leak_first(firm: Market, capsys: Any):
    ran()
    said = capsys.readouterr()
    with firm.store() as store:
        log = store.scan()
    wanted = journey(log, firm.playbook, log.newest + 1)
    assert JourneyReport.read(firm.workspace.reports) == wanted
    lines = said.out.splitlines()
    assert lines[0] == leak_sentence(wanted, Words("en"))
    assert lines[-1] == str(firm.workspace.reports / "journey.html")
    assert re.search(rf"MQL +│ {wanted.stages[1].now} +│ {wanted.stages[1].stays} ", said.out)
    assert f"as of {isoformat(log.newest + 1)}" in said.err
    text = " ".join(Text((firm.workspace.reports / "journey.html").read_text(encoding="utf-8")).text)
    assert "The journey of leads" in text
    assert leak_sentence(wanted, Words("en")) in text


def test_in_french_elsewhere_and_as_json(firm: Market, capsys: Any):
    path = firm.workspace.root / "new" / "october.html"
    ran("--lang", "fr", "--out", str(path), "--json")
    report = JourneyReport.model_validate(json.loads(capsys.readouterr().out))
    assert "Le parcours des prospects" in path.read_text(encoding="utf-8")
    assert report == JourneyReport.read(firm.workspace.reports)


def test_of_a_moment_of_the_past_it_says_what_was_known_and_leaves_the_page_of_now(firm: Market, capsys: Any):
    ran()
    now = (firm.workspace.reports / JourneyReport.FILE).read_bytes()
    capsys.readouterr()
    at = NOW - 40 * MICROS_PER_DAY
    ran("--as-of", isoformat(at), "--json")
    before = capsys.readouterr().out
    assert (firm.workspace.reports / JourneyReport.FILE).read_bytes() == now
    assert (firm.workspace.reports / f"journey-{isoformat(at)[:10]}.html").is_file()
    with firm.store() as store:
        store.append([Event("late", "L00001", "track", "Deal Won", at - MICROS_PER_DAY, NOW, properties={})])
    ran("--as-of", isoformat(at), "--json")
    assert capsys.readouterr().out == before


def test_names_that_nobody_sent_are_one_line_each(firm: Market, capsys: Any):
    text = firm.workspace.playbook.read_text(encoding="utf-8")
    stages = '\n[stages.mql]\nrequires = ["shoe size"]\n[stages.hot]\nevents = ["Demo [b]Asked"]\n[stages.customer]\n'
    firm.workspace.playbook.write_text(text + stages, encoding="utf-8")
    ran("--json")
    said = capsys.readouterr()
    assert "note: stages.hot.events: no event 'Demo [b]Asked' has occurred so far\n" in said.err
    assert "note: stages.mql.requires: no lead has the trait 'shoe size' so far\n" in said.err
    report = JourneyReport.model_validate(json.loads(said.out))
    assert len(report.notes) == 2
    mql = report.stages[0]
    assert (mql.lacking, mql.missing[0].leads) == (mql.now, mql.now)


@pytest.mark.parametrize("words", [("--lang", "de"), ("--as-of", "soon"), ("--as-of", "2025-13-01")])
def test_misuse_is_one_line(firm: Market, words: tuple[str, ...], capsys: Any):
    assert app(["report", "journey", *words], standalone_mode=False) == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)


def test_what_cannot_be_done_is_one_line(firm: Market):
    (firm.workspace.root / "file").write_text("")
    with pytest.raises(VeraisonError, match=r"^[^\n]*file/page.html: cannot be written \([^\n]*\)$"):
        ran("--out", str(firm.workspace.root / "file" / "page.html"))
    firm.workspace.playbook.write_text('[journey]\nconverted = ["Deal Won"]\n[stages.mql]\n', encoding="utf-8")
    with pytest.raises(
        VeraisonError, match=r"^[^\n]*: stages: the last one is not entered by journey.converted;[^\n]*$"
    ):
        ran()


def test_an_empty_store_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    market().emptied(tmp_path)
    with pytest.raises(
        VeraisonError, match=r"^[^\n]*no events there; bring some in with: veraison ingest FILE [^\n]*$"
    ):
        ran()
