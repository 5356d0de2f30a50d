"""The command line: what it does, and one clear line with the right exit code for whatever cannot be done."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from data import scorelog
from data.store import Store
from serving.card_links import CardLinks
from serving.evidence import Evidence, Missing
from serving.reasons import Reason
from serving.scorer import ExplainedScore
from serving.whatif import Comparison
from veraison.cli import common, main
from veraison.cli.cards import card, chance_words
from veraison.settings import Workspace

# MLflow and SQLAlchemy of today
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

WIDTH = 40
LEAST = '[journey]\nconverted = ["Deal Won"]\n'
GOOD = {"type": "track", "messageId": "m-1", "userId": "L1", "timestamp": "2026-03-01T09:12:00Z", "event": "Seen"}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def error(self):
        """The one line that says why it failed; steps said before it do not count."""
        lines = [line for line in self.err.splitlines() if not line.startswith(("·", "as of ", "note: "))]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")


@pytest.fixture
def veraison(monkeypatch, capsys):
    """Run a command as a user does, in a narrow terminal."""
    for console in (common.out, common.errors):
        monkeypatch.setattr(console, "_width", WIDTH)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["veraison", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(ended.value.code, *capsys.readouterr())

    return run


def events_file(folder, *messages, name="events.ndjson"):
    path = folder / name
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in messages))
    return path


def message(**changes):
    return {key: value for key, value in (GOOD | changes).items() if value is not None}


@pytest.fixture(scope="module")
def workspace(trained_workspace, tmp_path_factory):
    """A trained workspace to work in: scores may be logged, models promoted."""
    folder = tmp_path_factory.mktemp("cli") / "workspace"
    shutil.copytree(trained_workspace, folder)
    return folder


@pytest.fixture
def fresh(tmp_path, veraison):
    """A workspace with one event and the least playbook, without a model."""
    folder = tmp_path / "fresh"
    assert veraison("ingest", events_file(tmp_path, GOOD), "-w", folder).code == 0
    (folder / "playbook.toml").write_text(LEAST)
    return folder


def damaged(trained_workspace, folder, change):
    """A copy of a trained workspace after `change` of its champion's folder."""
    shutil.copytree(trained_workspace, folder)
    champion = folder / "champion"
    change(champion, champion / (champion / "CURRENT").read_text().strip())
    return folder


# Events in


def test_ingest_says_what_became_of_every_record(veraison, tmp_path):
    path = events_file(tmp_path, GOOD, message(messageId="m-2"), GOOD, "{")
    first = veraison("ingest", path, "-w", tmp_path / "w")
    assert (first.code, first.out) == (0, f"{path}: 2 new events, 1 known already, 1 in quarantine\n")
    again = veraison("ingest", path, "-w", tmp_path / "w")
    assert (again.code, again.out) == (0, f"{path}: 0 new events, 3 known already, 1 in quarantine\n")
    with Store(f"sqlite:///{tmp_path / 'w' / 'veraison.db'}") as store:
        assert store.counts() == {"events": 2, "traits": 0, "quarantine": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"type": "track", ', "not valid JSON: Expecting property name enclosed in double quotes at column 19"),
        (
            message(messageId=None),
            "messageId is missing; without it the same message could not be told from a second one",
        ),
        (
            message(messageId="m-2", timestamp="2026-03-01T09:12:00"),
            "timestamp: the date '2026-03-01T09:12:00' has no zone; write it as 2026-03-01T09:12:00Z",
        ),
        (
            message(messageId="m-2", type="trick"),
            "type 'trick' is not one of track, page, screen, identify, group, alias",
        ),
        ("[1]", "a line should be an object, not a list"),
    ],
)
def test_a_bad_record_is_one_line_and_the_rest_is_taken(veraison, tmp_path, bad, reason):
    path = events_file(tmp_path, GOOD, bad)
    ran = veraison("ingest", path, "-w", tmp_path / "w")
    assert (ran.code, ran.err) == (0, f"  {path} line 2: {reason}\n")
    alone = veraison("ingest", events_file(tmp_path, bad, name="alone.ndjson"), "-w", tmp_path / "w")
    assert alone.code == 1
    assert alone.err.splitlines()[-1] == f"error: nothing in {tmp_path / 'alone.ndjson'} could be used"


def test_many_bad_records_are_a_few_lines(veraison, tmp_path):
    ran = veraison("ingest", events_file(tmp_path, GOOD, *["{"] * 9), "-w", tmp_path / "w")
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 6
    assert ran.err.splitlines()[-1] == "  and 4 more; all are kept in the store's quarantine"


def test_an_empty_file_is_one_line(veraison, tmp_path):
    path = events_file(tmp_path)
    ran = veraison("ingest", path, "-w", tmp_path / "w")
    assert (ran.code, ran.error) == (1, f"nothing in {path} could be used")


def test_names_are_printed_as_they_are(veraison, tmp_path):
    folder = tmp_path / "[red]a:smile:[bold]"
    folder.mkdir()
    ran = veraison("ingest", events_file(folder, GOOD, "{"), "-w", folder / "w")
    assert ran.out.startswith(f"{folder}/events.ndjson: 1 new events")
    assert ran.err.startswith(f"  {folder}/events.ndjson line 2: ")
    assert veraison("ingest", folder / "none.ndjson").error.startswith(f"{folder}/none.ndjson: ")


def test_a_workspace_may_be_called_anything(veraison, tmp_path):
    folder = tmp_path / "a%20b? #é"
    assert veraison("ingest", events_file(tmp_path, GOOD), "-w", folder).code == 0
    assert [path.name for path in folder.iterdir()] == ["veraison.db"]
    for url, path in (("store_url", "database"), ("tracking_uri", "tracking")):
        assert Path(sa.make_url(getattr(Workspace(folder), url)).database) == getattr(Workspace(folder), path)


def test_a_card_prints_names_and_reasons_as_they_are(veraison):
    reason = Reason("f", 1.0, 50.0, "[/] :smile: [bold]Deal[/bold]")
    one = ExplainedScore(
        "[/L1]:smile:", 0, "scored", "v1", score=100.0, grade="A", base=50.0, probability=0.5, reasons=(reason,)
    )
    with common.out.capture() as said:
        common.out.width = 96
        common.out.print(card(one, 30, "en"))
    assert "[/L1]:smile: · 100/100 · A · 50% chance" in said.get()
    assert "[/] :smile: [bold]Deal[/bold]" in said.get()


def test_a_card_says_what_a_score_rests_on_and_what_is_missing(veraison):
    quotes = (Evidence("Quote", 1_767_225_600_000_000, "m-1"), Evidence("Quote", 1_767_139_200_000_000, "m-2"))
    reason = Reason("f", 1.0, 10.0, "Quote: 2 so far", "event:Quote", "Quote", quotes)
    lack, beside = (Missing("size", "size: not known"),), (Comparison("Call", 3.0, "Like leads score 3 more."),)
    one = ExplainedScore(
        "L1", 0, "scored", "v1", score=60.0, grade="B", base=50.0, probability=0.5, reasons=(reason,), missing=lack,
        comparisons=beside,
    )  # fmt: skip
    lines = printed(card(one, 30, "en"))
    place = next(place for place, line in enumerate(lines) if "Quote: 2 so far" in line)
    assert lines[place + 1] == "1 Jan 2026, 31 Dec 2025"
    assert {"Like leads score 3 more.", "missing: size: not known"} <= {*lines}


def test_a_card_of_a_lead_that_is_too_early_says_its_chance_and_what_is_missing(veraison):
    lack = (Missing("size", "size : inconnu"), Missing(None, "encore aucun acte de sa part"))
    lines = printed(card(ExplainedScore("L1", 0, "too_early", "v1", probability=0.25, missing=lack), 30, "fr"))
    assert lines[1:-1] == [
        "too_early",
        "25\N{NO-BREAK SPACE}% de chances de conversion en 30 jours",
        "size : inconnu, encore aucun acte de sa part",
    ]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "30% (22% to 41%) chance to convert within 30 days"),
        ("fr", "30_% (22_% à 41_%) de chances de conversion en 30 jours"),
    ],
)
def test_a_chance_is_told_with_its_interval(language, said):
    one = ExplainedScore("L1", 0, "scored", "v1", probability=0.3, interval=(0.221, 0.409))
    assert chance_words(one, 30, language) == said.replace("_", "\N{NO-BREAK SPACE}")


def printed(shown):
    with common.out.capture() as said:
        common.out.width = 96
        common.out.print(shown)
    return [line.strip("│ ") for line in said.get().splitlines()]


# Scores out


def test_scores_are_the_same_in_every_format(veraison, workspace, tmp_path):
    for suffix in ("parquet", "csv", "json"):
        ran = veraison("score", "-w", workspace, "--out", tmp_path / "made" / f"s.{suffix}")
        assert ran.code == 0, ran.err
        assert ran.err.splitlines()[-1].endswith(f" scored: {tmp_path / 'made' / f's.{suffix}'}")
    table = pl.read_parquet(tmp_path / "made" / "s.parquet")
    assert table.columns[:6] == ["lead_id", "as_of", "status", "score", "grade", "probability"]
    assert table.columns[6:9] == ["probability_low", "probability_high", "p_7d"]
    assert table["as_of"].dtype == pl.Datetime("us", "UTC")
    from_json = json.loads((tmp_path / "made" / "s.json").read_text())
    with (tmp_path / "made" / "s.csv").open(newline="") as handle:
        from_csv = list(csv.DictReader(handle))
    assert len(from_json) == len(from_csv) == len(table) > 600
    for row, json_row, csv_row in zip(table.iter_rows(named=True), from_json, from_csv, strict=True):
        assert json_row["lead_id"] == csv_row["lead_id"] == row["lead_id"]
        assert json_row["as_of"] == csv_row["as_of"] == f"{row['as_of']:%Y-%m-%dT%H:%M:%S.%fZ}"
        assert json_row["score"] == row["score"] == (float(csv_row["score"]) if csv_row["score"] else None)
        assert json_row["reasons"] == json.loads(row["reasons"])


def test_every_asked_pair_is_a_row_and_asking_leaves_no_trace(veraison, workspace, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "\ufeffas_of,lead_id,note\n2025-07-01,L00400,x\n2025-01-01T00:00:00Z,L00400,\n\n2025-07-01T02:00:00+02:00,nobody,\n"
    )
    with Store(f"sqlite:///{workspace / 'veraison.db'}") as store:
        before = scorelog.count(store)
        ran = veraison("score", "-w", workspace, "--at", pairs, "--out", tmp_path / "s.parquet")
        assert scorelog.count(store) == before
    assert ran.err == f"3 rows, 1 scored: {tmp_path / 's.parquet'}\n"
    table = pl.read_parquet(tmp_path / "s.parquet")
    assert table["lead_id"].to_list() == ["L00400", "L00400", "nobody"]
    assert table["status"].to_list() == ["scored", "unknown", "unknown"]


def test_scoring_everyone_is_logged_once(veraison, workspace):
    assert veraison("score", "-w", workspace, "--as-of", "2025-07-02", "--top", "3").code == 0
    with Store(f"sqlite:///{workspace / 'veraison.db'}") as store:
        logged = scorelog.count(store)
        assert logged > 300
        assert veraison("score", "-w", workspace, "--as-of", "2025-07-02T00:00:00Z", "--lang", "fr").code == 0
        assert scorelog.count(store) == logged


def test_a_lead_is_explained_in_two_languages(veraison, workspace):
    english = veraison("explain", "L00400", "-w", workspace, "--as-of", "2025-07-01")
    french = veraison("explain", "L00400", "-w", workspace, "--as-of", "2025-07-01", "--lang", "fr")
    assert (english.code, french.code) == (0, 0)
    assert "L00400" in english.out
    assert "L00400" in french.out
    assert english.out != french.out


def test_models_are_listed_and_promoted(veraison, workspace, monkeypatch):
    monkeypatch.setattr(common.out, "_width", 100)
    assert "champion" in veraison("models", "-w", workspace).out
    assert veraison("models", "promote", 1, "-w", workspace).out == "version 1 is the champion\n"
    assert veraison("models", "-w", workspace, "promote", 1).out == "version 1 is the champion\n"
    ran = veraison("models", "promote", 99, "-w", workspace)
    assert (ran.code, ran.error) == (1, "version 99 of the model is not in the registry; there are: 1 (champion)")


@pytest.mark.filterwarnings("ignore:.*type hint:UserWarning", "ignore:The ``noload`` loader")  # MLflow's own
def test_versions_are_compared_promoted_by_the_gate_and_rolled_back(veraison, workspace, monkeypatch):
    monkeypatch.setattr(common.out, "_width", 120)
    assert veraison("train", "--as-of", "2025-07-14", "--challenger", "-w", workspace).code == 0
    ran = veraison("models", "compare", "-w", workspace)
    assert ran.code == 0, ran.err
    assert "as_of" in ran.out
    assert "data" in ran.out
    assert "no outcome of a lead created since" in ran.out
    ran = veraison("models", "promote", "challenger", "--gated", "-w", workspace)
    assert (ran.code, ran.error.split(":")[0]) == (1, "version 2 stays what it is")
    assert veraison("models", "promote", "challenger", "-w", workspace).out == "version 2 is the champion\n"
    assert veraison("models", "rollback", "-w", workspace).out == "version 1 is the champion again\n"
    ran = veraison("models", "rollback", "-w", workspace)
    assert (ran.code, "promote one with" in ran.error) == (1, True)
    ran = veraison("models", "compare", "champion", "next", "-w", workspace)
    assert ran.error == "'next' is not in the registry; there are: 2 (challenger), 1 (champion)"


# What cannot be done


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (
            LEAST + "[journeys]",
            "journeys: unknown key; allowed at the top level: "
            "after_sale, exploration, features, horizons, identity, journey, money, monitoring, pages, routes, "
            "routing, scoring, stages, training",
        ),
        (
            '[journey]\nconverted = ["Deal Wom"]',
            "journey.converted: no event 'Deal Wom' ever occurs; did you mean 'Deal Won'?",
        ),
        ('[journey]\nconverted = ["[/Zzz]"]', "journey.converted: no event '[/Zzz]' ever occurs; the store holds: "),
        (
            LEAST + "[training]\nmin_conversions = 5000",
            "too few conversions to train: 5000 leads that convert within 90 days are ",
        ),
    ],
)
def test_a_playbook_that_does_not_fit_is_one_line(veraison, trained_workspace, tmp_path, toml, reason):
    book = tmp_path / "book.toml"
    book.write_text(toml)
    ran = veraison("train", "-w", trained_workspace, "-p", book)
    assert ran.code == 1
    assert ran.error.removeprefix(f"{book}: ").startswith(reason)
    if "too few" in reason:
        assert " 55 " in ran.error or " there are " in ran.error


def test_an_odd_name_that_has_not_occurred_yet_is_noted_as_it_is(veraison, trained_workspace, tmp_path):
    book = tmp_path / "book.toml"
    book.write_text(LEAST + 'lost = ["[/Zzz]:smile:"]\n[training]\nmin_conversions = 5000')
    ran = veraison("train", "-w", trained_workspace, "-p", book)
    assert "note: journey.lost: no event '[/Zzz]:smile:' has occurred so far" in ran.err.splitlines()
    assert ran.error.startswith("too few conversions")


@pytest.mark.parametrize("words", [["explain", "nobody"], ["explain", "L00400", "--as-of", "2001-01-01"]])
def test_an_unknown_lead_is_one_line(veraison, trained_workspace, words):
    ran = veraison(*words, "-w", trained_workspace)
    assert (ran.code, ran.out) == (1, "")
    assert f"lead {words[1]!r}: no event of it is known before 20" in ran.error


@pytest.mark.parametrize("words", [["score"], ["explain", "L1"], ["models"], ["models", "promote", "1"]])
def test_without_a_model_it_says_how_to_get_one(veraison, fresh, words):
    there = sorted(fresh.iterdir())
    ran = veraison(*words, "-w", fresh)
    assert (ran.code, ran.error) == (1, "no model yet; train one with: veraison train")
    assert sorted(fresh.iterdir()) == there


@pytest.mark.parametrize(
    "words", [["train"], ["backtest"], ["score"], ["explain", "L1"], ["models"], ["keys", "list"]], ids=" ".join
)
def test_a_folder_that_is_no_workspace_stays_untouched(veraison, tmp_path, words):
    (tmp_path / "playbook.toml").write_text(LEAST)
    for folder in (tmp_path, tmp_path / "none"):
        ran = veraison(
            *words, "-w", folder, *(["-p", tmp_path / "playbook.toml"] if words[0] in ("train", "backtest") else [])
        )
        assert ran.code == 1
        assert ran.error.endswith(("veraison train", f"veraison ingest FILE --workspace {folder}"))
    assert [path.name for path in tmp_path.iterdir()] == ["playbook.toml"]


@pytest.mark.parametrize("words", [["train"], ["score"], ["explain", "L1"], ["ingest"], ["backtest"]], ids=" ".join)
def test_a_workspace_of_a_newer_version_is_one_line(veraison, trained_workspace, tmp_path, words):
    folder = tmp_path / "newer"
    folder.mkdir()
    shutil.copytree(trained_workspace / "champion", folder / "champion")
    shutil.copy(trained_workspace / "playbook.toml", folder)
    with sqlite3.connect(folder / "veraison.db") as connection:
        connection.execute("create table meta (name text primary key, value text not null)")
        connection.execute("insert into meta values ('schema_version', '99')")
    connection.close()
    ran = veraison(*words, *([events_file(tmp_path, GOOD)] if words == ["ingest"] else []), "-w", folder)
    assert ran.code == 1
    assert ran.error.startswith("this workspace was written by a newer Véraison (store version 99, ")


@pytest.mark.parametrize("words", [["train"], ["score"], ["explain", "L1"], ["backtest"]], ids=" ".join)
def test_a_workspace_without_events_is_one_line(veraison, trained_workspace, tmp_path, words):
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copytree(trained_workspace / "champion", folder / "champion")
    shutil.copy(trained_workspace / "playbook.toml", folder)
    Store(f"sqlite:///{folder / 'veraison.db'}").close()
    ran = veraison(*words, "-w", folder)
    assert (ran.code, ran.error) == (1, "the store is empty; fill it with: veraison ingest FILE")


def test_a_workspace_that_is_a_file_is_one_line(veraison, tmp_path):
    path = events_file(tmp_path, GOOD)
    ran = veraison("ingest", path, "-w", path)
    assert (ran.code, ran.error) == (1, f"{path}: no workspace can be made there (File exists)")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["ingest", "{}/none.ndjson"], "{}/none.ndjson: cannot be read (No such file or directory)"),
        (["ingest", "{}"], "{}: unknown format; known are "),
        (["ingest", "{}/events.doc"], "{}/events.doc: unknown format; known are "),
        (["ingest", "{}/events.ndjson", "--mapping", "{}/m.toml"], "{}/m.toml: "),
        (["ingest", "{}/table.csv"], "{}/table.csv: a .csv file needs --mapping M.toml"),
        (["score", "--at", "{}/none.csv"], "{}/none.csv: no such file"),
        (["score", "--at", "{}"], "{}: cannot be read ("),
        (["score", "-p", "{}/none.toml"], "{}/none.toml: no playbook there; "),
        (["explain", "L00400", "-p", "{}/none.toml"], "{}/none.toml: no playbook there; "),
        (["train", "-p", "{}/none.toml"], "{}/none.toml: no playbook there; "),
    ],
)
def test_a_file_that_is_not_there_or_not_of_use_is_one_line(veraison, trained_workspace, tmp_path, words, reason):
    events_file(tmp_path, GOOD)
    for name in ("events.doc", "table.csv"):
        (tmp_path / name).write_text("a,b\n")
    where = tmp_path / "w" if words[0] == "ingest" else trained_workspace
    ran = veraison(*(word.format(tmp_path) for word in words), "-w", where)
    assert ran.code == 1
    assert ran.error.startswith(reason.format(tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "needs the columns lead_id,as_of; as_of, lead_id is missing"),
        ("lead_id,when\nL1,2026-03-01T00:00:00Z\n", "needs the columns lead_id,as_of; as_of is missing"),
        (
            "lead_id,as_of\nL1,2026-03-01T00:00:00Z\nL1,soon\n",
            "line 3: as_of: 'soon' is not a date; write it as 2026-03-01T09:12:00Z",
        ),
        (
            "lead_id,as_of\nL1,2026-03-01T00:00\n",
            "line 2: as_of: the date '2026-03-01T00:00' has no zone; write it as 2026-03-01T00:00:00Z",
        ),
        ("lead_id,as_of\nL1,1969-12-31\n", "line 2: as_of: '1969-12-31' is outside 1970 to 9000"),
        ("lead_id,as_of\nL1\n", "line 2: as_of is empty"),
        ("lead_id,as_of\n,2026-03-01T00:00:00Z\n", "line 2: lead_id is empty"),
        (b"lead_id,as_of\n\xff,2026-03-01T00:00:00Z\n", "cannot be read ("),
    ],
)
def test_pairs_that_cannot_be_read_are_one_line(veraison, trained_workspace, tmp_path, content, reason):
    pairs = tmp_path / "pairs.csv"
    pairs.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = veraison("score", "-w", trained_workspace, "--at", pairs)
    assert ran.code == 1
    assert ran.error.removeprefix(str(pairs)).lstrip(": ").startswith(reason)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["score", "--as-of", "soon"], "--as-of: 'soon' is not a date; write it as 2026-03-01T09:12:00Z"),
        (
            ["train", "--as-of", "2026-03-01T00:00"],
            "--as-of: the date '2026-03-01T00:00' has no zone; write it as 2026-03-01T00:00:00Z",
        ),
        (
            ["explain", "L00400", "--as-of", "2026-13-01"],
            "--as-of: '2026-13-01T00:00:00Z' is not a date; write it as 2026-03-01T09:12:00Z",
        ),
        (
            ["backtest", "--origin", "1 January"],
            "--origin: '1 January' is not a date; write it as 2026-03-01T09:12:00Z",
        ),
        (["score", "--as-of", "2026-03-01", "--at", "p.csv"], "give --as-of or --at, not both"),
        (["score", "--out", "s.xlsx"], "--out s.xlsx: write to a .parquet, .csv or .json file"),
        (["backtest", "--out", "s.json"], "--out s.json: write to a .parquet or .csv file"),
        (
            ["backtest", "--peers", "cox,nobody"],
            "--peers: no peer is called 'nobody'; allowed: all, fast, or some of base rate, Kaplan-Meier, "
            "logistic regression, naive Bayes, Cox, random survival forest, gradient-boosted survival, XGBoost Cox, "
            "XGBoost AFT",
        ),
        (["score", "--lang", "de"], "--lang 'de': write one of en, fr"),
        (["explain", "L00400", "--lang", ""], "--lang '': write one of en, fr"),
    ],
)
def test_a_command_that_is_misused_is_one_line_and_code_2(veraison, trained_workspace, words, reason):
    ran = veraison(*words, "-w", trained_workspace)
    assert (ran.code, ran.error, ran.out) == (2, reason, "")


@pytest.mark.parametrize("words", [[], ["explain"], ["score", "--top", "0"], ["frobnicate"], ["score", "--none"]])
def test_a_command_that_does_not_exist_is_code_2(veraison, words):
    ran = veraison(*words)
    assert ran.code == 2
    assert "Usage: veraison" in ran.err + ran.out


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_a_place_that_cannot_be_written_is_one_line(veraison, trained_workspace, tmp_path, suffix):
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("lead_id,as_of\nL1,2026-03-01T00:00:00Z\n")
    for path in (folder, pairs / f"x{suffix}"):
        ran = veraison("score", "-w", trained_workspace, "--at", pairs, "--out", path)
        assert ran.code == 1
        assert ran.error.startswith(f"{path}: cannot be written (")


def _cut(name):
    def change(champion, bundle):
        path = bundle / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def _bad_playbook(champion, bundle):
    core = json.loads((bundle / "bundle.json").read_text())
    core["playbook"]["journey"] = {"won": [], "converted": 3}
    (bundle / "bundle.json").write_text(json.dumps(core))


def _newer(champion, bundle):
    core = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(core | {"format": 99}))


BROKEN = {
    "CURRENT is empty": lambda champion, bundle: (champion / "CURRENT").write_text(""),
    "CURRENT leaves the folder": lambda champion, bundle: (champion / "CURRENT").write_text("../../etc"),
    "CURRENT names nothing": lambda champion, bundle: (champion / "CURRENT").write_text("none"),
    "no bundle.json": lambda champion, bundle: (bundle / "bundle.json").unlink(),
    "no facts.json": lambda champion, bundle: (bundle / "facts.json").unlink(),
    "half a bundle.json": _cut("bundle.json"),
    "half a conversion.txt": _cut("conversion.txt"),
    "half an explained.txt": _cut("explained.txt"),
    "half a reference.parquet": _cut("reference.parquet"),
    "a list for bundle.json": lambda champion, bundle: (bundle / "bundle.json").write_text("[]"),
    "another playbook": _bad_playbook,
    "a newer format": _newer,
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_model_is_one_line(veraison, trained_workspace, tmp_path, change):
    folder = damaged(trained_workspace, tmp_path / "w", change)
    ran = veraison("explain", "L00400", "-w", folder)
    assert (ran.code, ran.out) == (1, "")
    assert "veraison" in ran.error


def test_settings_of_the_machine_are_checked(veraison, trained_workspace, monkeypatch):
    for bad in ("two", "0"):
        monkeypatch.setenv("VERAISON_THREADS", bad)
        ran = veraison("explain", "L00400", "-w", trained_workspace)
        assert ran.code == 1
        assert ran.error.startswith("VERAISON_THREADS: ")
        assert ran.error.endswith(f"(got '{bad}')")


def test_the_environment_names_the_workspace(veraison, trained_workspace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERAISON_WORKSPACE", str(trained_workspace))
    assert veraison("explain", "L00400", "--as-of", "2025-07-01").code == 0
    monkeypatch.setenv("VERAISON_WORKSPACE", "")
    assert veraison("score").error == "no model yet; train one with: veraison train"
    assert list(tmp_path.iterdir()) == []


def test_in_a_real_and_narrow_terminal_too(tmp_path):
    command = Path(sys.executable).with_name("veraison")
    environment = os.environ | {"COLUMNS": "40", "TERM": "xterm-256color"}
    ran = subprocess.run(
        [command, "ingest", tmp_path / "none.ndjson"], capture_output=True, text=True, env=environment, check=False
    )
    line = f"error: {tmp_path / 'none.ndjson'}: cannot be read (No such file or directory)\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", line)


# Cards for a CRM


def test_a_link_to_a_card_is_made_rotated_and_ended(veraison, workspace, tmp_path):
    made = veraison("card", "L00042", "-w", workspace, "--days", "7", "--seller", "Anne")
    assert made.code == 0, made.err
    address, token = made.out.strip().split("?token=")
    assert address == "http://127.0.0.1:3000/leads/L00042/card"
    with common.place(workspace).store() as store:
        links, soon = CardLinks(store), time.time_ns() // 1_000 + 7 * 86_400_000_000
        link = links.read("L00042", token, 0)
        assert link is not None
        assert (link.seller, soon - link.until < 600_000_000) == ("Anne", True)
        assert veraison("card", "--rotate", "-w", workspace).code == 0
        assert links.read("L00042", token, 0) == link
        assert veraison("card", "--end-all", "-w", workspace).code == 0
        assert links.read("L00042", token, 0) is None
    unknown = veraison("card", "nobody", "-w", workspace)
    assert (unknown.code, len(unknown.err.splitlines())) == (1, 1)
    assert veraison("card", "-w", workspace).code == 2
