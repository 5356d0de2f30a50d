"""`veraison monitor` from the outside: usage, and the log as people and machines read it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monitoring.journal import Journal, Step
from tests.service import market
from tests.support import ROOT
from veraison.cli import common, main

CAUSE = {"kind": "score", "name": "probability", "acts": True, "psi": 0.31, "moved": 4.2}
VERDICT: dict[str, Any] = {
    "decision": "retrain", "causes": [CAUSE], "as_of": "2026-03-01T00:00:00Z", "champion": "2026-01-01-aaaaaaaaaa",
    "challenger": "2026-02-01-bbbbbbbbbb", "promoted": True, "action": "promoted", "renewal": "2026-03-01-12345678",
    "message": "Seen: the scores have drifted. The challenger is not worse.",
}  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    for console in (common.out, common.errors):
        monkeypatch.setattr(console, "_width", 200)
    monkeypatch.setattr(sys, "argv", ["veraison", "monitor", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "reports" / "monitor.log.jsonl")
    made.add(Step("2026-03-01-12345678", "window", "2026-03-01T00:00:00Z", {"name": "all history"}).to_dict())
    made.add(VERDICT)
    made.add(VERDICT | {"decision": "none", "causes": [], "action": None, "challenger": None, "message": "Calm."})
    return made


def test_the_log_tells_what_was_decided_and_why(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, "log", "-w", tmp_path) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("2026-03-01T00:00", "retrain", "the scores have", "→", "promoted", "Calm.", "calls for a new"):
        assert words in said, words
    assert run(monkeypatch, "-w", tmp_path, "log", "--limit", 1) == 0
    assert "retrain" not in capsys.readouterr().out


def test_the_log_as_json_has_every_line_whole(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with (tmp_path / "reports" / "monitor.log.jsonl").open("a") as file:
        file.write('{"decision": "no')
    assert run(monkeypatch, "log", "--json", "-w", tmp_path) == 0
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [line.get("step") for line in lines] == ["window", None, None]
    assert lines[1] == VERDICT
    assert "that are left out: 1" in told.err


def test_a_cause_of_another_version_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    odd = VERDICT | {"causes": [{"kind": "moon", "name": "full", "acts": True}]}
    Journal(tmp_path / "reports" / "monitor.log.jsonl").add(odd)
    assert run(monkeypatch, "log", "-w", tmp_path) == 0
    assert "moon full" in capsys.readouterr().out


@pytest.mark.slow
def test_a_watch_goes_on_where_a_run_fails_and_ends_with_sigterm(tmp_path: Path):
    """The command as it is started by systemd, on a workspace without a model."""
    shutil.copytree(market().workspace.root, tmp_path / "w", ignore=shutil.ignore_patterns("champion"))
    words = [sys.executable, "-c", "from veraison.cli import main; main()", "monitor", "--watch", "-w", tmp_path / "w"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        process.terminate()
        assert process.wait(60) == 0
        said += process.stderr.read().splitlines(keepends=True)
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert said == [
        "· watching\n",
        "error: no model yet; train one with: veraison train; tried again next time\n",
        "· stopped\n",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--every", "1d"], "--every is for --watch"),
        (["--watch", "--as-of", "2026-03-01"], "--watch goes by the clock"),
        (["--watch", "--every", "soon"], "--every soon: write a time such as"),
        (["--watch", "--every", "0 99 * * *"], "--every 0 99 * * *: "),
        (["--watch", "log"], "are of the monitor itself"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, *words) == 2
    assert said in capsys.readouterr().err


def test_nothing_decided_yet_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, "log", "-w", tmp_path) == 1
    assert "nothing was decided yet; begin with: veraison monitor" in capsys.readouterr().err
