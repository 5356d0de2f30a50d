"""`veraison report forecast`: the page, the file that the service shows, what the terminal says, what is a mistake."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from data.events import MICROS_PER_DAY, isoformat
from data.forecast_report import ForecastReport
from serving.forecast_words import sentence_of, trust
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
    app(["report", "forecast", *words], standalone_mode=False)


def test_it_writes_the_page_and_what_the_service_shows_and_says_the_sum_first(firm: Market, capsys: Any):
    ran()
    said = capsys.readouterr()
    found = ForecastReport.read(firm.workspace.reports)
    assert found is not None
    assert (found.ahead, found.version) == (8, firm.bundle.version)
    lines, words = said.out.splitlines(), Words("en")
    assert lines[0] == sentence_of(found.outlooks[0], found, words)
    assert trust(found.outlooks[0].backtest, words) in lines
    assert lines[-1] == str(firm.workspace.reports / "forecast.html")
    first = found.outlooks[0].weeks[0].count
    assert re.search(rf"│ {words.number(first.mean)} +│ {first.low} to {first.high} ", said.out)
    assert "· summing the curves of all open leads, week by week" in said.err
    text = " ".join(Text((firm.workspace.reports / "forecast.html").read_text(encoding="utf-8")).text)
    assert lines[0] in text


def test_in_french_elsewhere_as_json_and_of_the_past(firm: Market, capsys: Any):
    at = NOW - 20 * MICROS_PER_DAY
    text = firm.workspace.playbook.read_text(encoding="utf-8") + "\n[training]\nmin_conversions = 10\n"
    firm.workspace.playbook.write_text(text, encoding="utf-8")
    path = firm.workspace.root / "new" / "quarter.html"
    ran("--weeks", "2", "--lang", "fr", "--out", str(path), "--json", "--as-of", isoformat(at))
    found = ForecastReport.model_validate(json.loads(capsys.readouterr().out))
    assert "Les semaines à venir" in path.read_text(encoding="utf-8")
    assert (found.ahead, found.moment) == (2, at)
    assert not (firm.workspace.reports / ForecastReport.FILE).exists()


@pytest.mark.parametrize("words", [("--weeks", "0"), ("--weeks", "27"), ("--lang", "de"), ("--as-of", "soon")])
def test_misuse_is_exit_code_2(firm: Market, words: tuple[str, ...]):
    try:
        code = app(["report", "forecast", *words], standalone_mode=False)
    except Exception as problem:  # typer's own parser raises its mistakes of usage
        code = getattr(problem, "exit_code", None)
    assert code == 2


def test_without_a_model_or_events_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path / "one"))
    where = market().copy(tmp_path / "one")
    (where.workspace.root / "champion" / "CURRENT").unlink()
    with pytest.raises(VeraisonError, match=r"^no model yet; train one with: veraison train$"):
        ran()
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path / "two"))
    market().emptied(tmp_path / "two")
    with pytest.raises(
        VeraisonError, match=r"^[^\n]*no events there; bring some in with: veraison ingest FILE [^\n]*$"
    ):
        ran()
