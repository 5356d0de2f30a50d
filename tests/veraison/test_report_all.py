"""`veraison report all`: every report is tried, whatever becomes of the others, and the exit code tells."""

from pathlib import Path
from typing import Any

import pytest
import typer

from serving.report_pages import REPORTS
from veraison.cli import report, report_all
from veraison.errors import ModelError, PlaybookError, VeraisonError


def all_of(made: list[tuple[str, Any]], **problems: VeraisonError) -> Any:
    """The command, of reports that note how they were asked for, or fail so."""

    def command(name: str) -> Any:
        def run(**how: Any) -> None:
            if name in problems:
                raise problems[name]
            made.append((name, how))

        return run

    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    report_all.register(app, {name: command(name) for name in ("first", "second", "third")})
    return lambda *words: app(["all", *words], standalone_mode=False)


@pytest.fixture(autouse=True)
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    path = tmp_path / "playbook.toml"
    path.write_text('[journey]\nconverted = ["Deal Won"]\n', encoding="utf-8")
    return path


def test_a_playbook_that_cannot_be_read_ends_it_at_once(firm: Path):
    made: list[tuple[str, Any]] = []
    firm.write_text("[journey]\nwon = 3\n", encoding="utf-8")
    with pytest.raises(PlaybookError, match="journey"):
        all_of(made)()
    assert made == []


def test_each_is_asked_for_in_the_same_words_and_place(tmp_path: Path):
    made: list[tuple[str, Any]] = []
    all_of(made)("--lang", "fr", "--workspace", str(tmp_path))
    assert [name for name, _ in made] == ["first", "second", "third"]
    assert {tuple(how.items()) for _, how in made} == {(("lang", "fr"), ("workspace", tmp_path), ("playbook", None))}


def test_what_the_playbook_says_nothing_of_is_left_out_and_what_fails_is_told_after_the_others(capsys: Any):
    made: list[tuple[str, Any]] = []
    ask = all_of(made, first=PlaybookError("no [contract] there"), second=ModelError("no model serves yet"))
    with pytest.raises(VeraisonError, match=r"^not made: second$"):
        ask()
    assert [name for name, _ in made] == ["third"]
    told = capsys.readouterr().err
    assert "note: first: no [contract] there" in told
    assert "second: no model serves yet" in told


def test_every_report_of_the_pages_is_among_them():
    assert set(report.MEASURED) == {one.name for one in REPORTS}
    for one in REPORTS:
        assert f"veraison report {one.name}" == one.report.COMMAND
