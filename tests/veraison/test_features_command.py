"""`veraison features`: the file, its words, the table, and one clear line for whatever cannot be done."""

import csv
import shutil
import sys
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data.events import EVENT_SCHEMA, isoformat
from data.store import Store
from data.stream import COLUMNS
from data.units import export
from tests import market
from tests.histories import at
from training.fit import training_set
from training.sets import Labelled, Moment, Pairs, completed, piece
from veraison.cli import common, histories, main
from veraison.errors import VeraisonError

BOOK = """
[journey]
created = ["Lead Created"]
ready = ["Accepted"]
converted = ["Deal Won"]
lost = ["Deal Lost"]
returned = ["Returned"]
opted_out = ["Stop"]
[horizons]
days = [7, 30, 60]
[features]
windows_days = [1, 7, 30]
outbound = ["Mail Sent"]
[features.traits]
country = "category"
size = "number"
[training]
landmark_days = [0, 3, 7, 14, 30]
[identity]
keys = ["email"]
"""
SNAPSHOT = isoformat(market.SNAPSHOT)
SET = market.data().feature_set


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def error(self):
        """The last line, which says why it failed."""
        return self.err.splitlines()[-1].removeprefix("error: ")


@pytest.fixture
def veraison(monkeypatch, capsys):
    for console in (common.out, common.errors):
        monkeypatch.setattr(console, "_width", 200)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["veraison", "features", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A workspace with the market's events and no model: look, do not touch."""
    root = tmp_path_factory.mktemp("fresh") / "workspace"
    root.mkdir()
    (root / "playbook.toml").write_text(BOOK)
    with Store(f"sqlite:///{root / 'veraison.db'}", ("email",)) as store:
        store.append(market.events())
    return root


@pytest.fixture(scope="module")
def workspace(fresh, tmp_path_factory):
    """The same with a champion."""
    root = tmp_path_factory.mktemp("trained") / "workspace"
    shutil.copytree(fresh, root)
    market.bundle().save(root / "champion" / "one")
    (root / "champion" / "CURRENT").write_text("one")
    return root


@pytest.fixture(params=["whole", "parts", "elsewhere"])
def place_of(request, monkeypatch, tmp_path, workspace):
    """Options for the same events: in memory, part by part, and as history tables outside the workspace."""
    if request.param == "elsewhere":
        with Store(f"sqlite:///{workspace / 'veraison.db'}", ("email",)) as store:
            assert export(store, tmp_path / "tables", (), 1_000) > 3
        monkeypatch.setattr("data.units.split.__defaults__", (700,))
        return ["-w", workspace, "--events", tmp_path / "tables"]
    if request.param == "parts":
        monkeypatch.setattr(histories, "IN_MEMORY", 100)
        monkeypatch.setattr("data.units.export.__defaults__", ((), 1_000))
    return ["-w", workspace]


def made(asked):
    found = completed(piece(market.log(), SET, market.BOOK, asked), SET, market.BOOK, asked)
    return found if isinstance(asked, Pairs) else in_order(found)


def in_order(table):
    return table.sort_by([("lead_id", "ascending"), ("as_of", "ascending")])


def pairs_file(folder, pairs):
    path = folder / "pairs.csv"
    path.write_text("\n".join(["lead_id,as_of", *(f"{lead},{isoformat(moment)}" for lead, moment in pairs)]))
    return path


# What comes out


def test_a_moment(veraison, place_of, tmp_path):
    out = tmp_path / "made" / "f.parquet"
    ran = veraison(*place_of, "--as-of", SNAPSHOT, "--out", out)
    assert ran.code == 0, ran.err
    found = pq.read_table(out)
    expected = made(Moment(market.SNAPSHOT))
    assert in_order(found).equals(expected, check_metadata=True)
    told = f"{len(expected):,} rows of {len(expected):,} leads: {out}\ncolumns: {tmp_path / 'made' / 'f.columns.csv'}\n"
    assert ran.err.endswith(told)
    assert sorted(path.name for path in out.parent.iterdir()) == ["f.columns.csv", "f.parquet"]


def test_given_pairs_in_the_order_asked(veraison, place_of, tmp_path):
    pairs = [("L0007", at(149)), ("nobody", at(60)), ("L0003", at(60)), ("L0007", at(149)), ("L0003", at(0))]
    out = tmp_path / "f.parquet"
    ran = veraison(*place_of, "--at", pairs_file(tmp_path, pairs), "--out", out)
    assert ran.code == 0, ran.err
    assert pq.read_table(out).equals(made(Pairs(*zip(*pairs, strict=True))), check_metadata=True)


def test_the_training_set(veraison, place_of, tmp_path):
    """With the champion's columns, since those learned from one part need not be those of all."""
    out = tmp_path / "f.parquet"
    words = *place_of, "--as-of", SNAPSHOT, "--set", "champion", "--out", out
    for landmarks, asked in (
        ("playbook", Labelled(market.SNAPSHOT)),
        ("0,7", Labelled(market.SNAPSHOT, (0, 7))),
        ("7,0,7", Labelled(market.SNAPSHOT, (0, 7))),
    ):
        ran = veraison(*words, "--landmarks", landmarks)
        assert ran.code == 0, ran.err
        assert in_order(pq.read_table(out)).equals(made(asked), check_metadata=True)
    rows = pq.read_table(out).slice(0, 50)
    pairs = [*zip(rows["lead_id"].to_pylist(), rows["as_of"].cast(pa.int64()).to_pylist(), strict=True)]
    ran = veraison(*words, "--landmarks", pairs_file(tmp_path, [*pairs, pairs[0], ("nobody", at(3))]))
    assert in_order(pq.read_table(out)).equals(in_order(rows))
    assert "· 1 of the pairs are no landmarks: the lead was not open then, or not followed since\n" in ran.err


def test_the_columns_that_training_would_learn(veraison, fresh, workspace, tmp_path):
    for root in (fresh, workspace):
        ran = veraison("-w", root, "--landmarks", "playbook", "--as-of", SNAPSHOT, "--out", tmp_path / "f.parquet")
        assert ran.code == 0, ran.err
        assert f"· {len(SET.names)} features, learned from all leads\n" in ran.err
        data = training_set(market.log(), market.BOOK, before=market.SNAPSHOT)
        found = pq.read_table(tmp_path / "f.parquet")
        assert found.num_rows == len(data.pairs)
        assert found.column_names[-len(SET.names) :] == data.feature_set.names


def test_columns_learned_from_a_part(veraison, fresh, tmp_path, monkeypatch):
    """The store in parts, and the same tables elsewhere: the same columns and rows."""
    monkeypatch.setattr(histories, "IN_MEMORY", 100)
    monkeypatch.setattr("data.units.export.__defaults__", ((), 4_000))
    monkeypatch.setattr("data.units.split.__defaults__", (4_000,))
    with Store(f"sqlite:///{fresh / 'veraison.db'}", ("email",)) as store:
        parts = export(store, tmp_path / "tables", (), 100_000)
    assert parts == 1
    found = []
    for words in ((), ("--events", tmp_path / "tables")):
        out = tmp_path / "f.parquet"
        ran = veraison("-w", fresh, "--landmarks", "0,7", "--as-of", SNAPSHOT, "--out", out, *words)
        assert ran.code == 0, ran.err
        assert "th of the leads, chosen by chance\n" in ran.err
        found.append(in_order(pq.read_table(out)))
    assert found[0].equals(found[1], check_metadata=True)
    assert not list(fresh.glob("histories-*"))


def test_a_plain_file_is_read_at_once_and_gives_what_its_parts_give(veraison, workspace, tmp_path, monkeypatch):
    told = {(one.lead_id, one.kind, one.occurred_at, one.known_at, one.value) for one in market.events() if one.kind}
    fields = [EVENT_SCHEMA.field(name) for name in COLUMNS]
    events = pa.Table.from_pylist([dict(zip(COLUMNS, one, strict=True)) for one in sorted(told)], pa.schema(fields))
    pq.write_table(events, tmp_path / "plain.parquet")
    pq.write_table(events.append_column("actor", pa.nulls(len(events), pa.string())), tmp_path / "more.parquet")
    found = []
    for name in ("plain", "more"):
        words = "--events", tmp_path / f"{name}.parquet", "--as-of", SNAPSHOT, "--out", tmp_path / "f.parquet"
        ran = veraison("-w", workspace, *words)
        assert ran.code == 0, ran.err
        assert ("dividing" in ran.err) == (name == "more")
        found.append(in_order(pq.read_table(tmp_path / "f.parquet")))
    assert found[0].num_rows > 100
    assert found[0].equals(found[1], check_metadata=True)
    late = pc.add(events["known_at"], 1)
    pq.write_table(events.set_column(2, EVENT_SCHEMA.field("occurred_at"), late), tmp_path / "plain.parquet")
    ran = veraison("-w", workspace, "--events", tmp_path / "plain.parquet")
    assert ran.error == f"{tmp_path / 'plain.parquet'}: a row is known before it happened (known_at < occurred_at)"


def test_csv_says_the_same(veraison, workspace, tmp_path):
    for name in ("f.parquet", "f.csv"):
        words = "--landmarks", "playbook", "--as-of", SNAPSHOT, "--set", "champion", "--out", tmp_path / name
        assert veraison("-w", workspace, *words).code == 0
    table = pl.read_parquet(tmp_path / "f.parquet")
    moment = pl.col("as_of").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC")
    back = pl.read_csv(tmp_path / "f.csv", schema_overrides=table.schema | {"as_of": pl.String}).with_columns(moment)
    assert back.equals(table)
    with (tmp_path / "f.columns.csv").open(newline="") as handle:
        rows = [*csv.DictReader(handle)]
    assert [row["name"] for row in rows] == table.columns
    assert {row["family"] for row in rows} >= {"key", "outcome", "activity", "profile"}


def test_without_out_a_person_can_look(veraison, workspace):
    ran = veraison("-w", workspace, "--as-of", SNAPSHOT)
    assert ran.code == 0
    rows = len(made(Moment(market.SNAPSHOT)))
    assert f"{len(SET.names)} features; {rows} rows of {rows} leads" in ran.out
    for name in ("age", "trait__country"):
        assert name in ran.out
    assert "days since the journey started" in ran.out
    assert f"columns and playbook of the champion, {market.bundle().version}" in ran.err


def test_the_moment_by_default_is_just_after_the_newest_event(veraison, fresh):
    ran = veraison("-w", fresh)
    assert ran.code == 0, ran.err
    assert ran.err.startswith("· no champion yet: the columns are learned\n")
    assert f"as of {isoformat(market.log().newest + 1)} (just after the newest event)\n" in ran.err


# What cannot be done


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--as-of", "2026-01-01", "--at", "x.csv"], "give --as-of or --at, not both"),
        (["--landmarks", "0", "--at", "x.csv"], "give --landmarks or --at, not both"),
        *(
            (
                ["--landmarks", text],
                f"--landmarks {text!r}: write playbook, days in [0; 3650] such as 0,7,14, or a PAIRS.csv",
            )
            for text in ("never", "0,,7", "-1", "4000", "0;7", "", "99999999999999")
        ),
        (["--out", "f.json"], "--out f.json: write to a .parquet or .csv file"),
        (["--as-of", "yesterday"], "--as-of: "),
        (["--master", "yarn"], "--master needs --engine spark"),
    ],
)
def test_misuse_is_one_line(veraison, tmp_path, words, sentence):
    ran = veraison("-w", tmp_path / "none", *words)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert ran.error.startswith(sentence)
    assert not (tmp_path / "none").exists()


def test_mistakes_are_one_line(veraison, fresh, workspace, tmp_path, monkeypatch):
    def refused(*words, root=workspace):
        ran = veraison("-w", root, *words)
        assert ran.code == 1, ran.err
        return ran.error

    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "file").touch()
    none = pairs_file(tmp_path, [])
    assert refused("--at", none) == refused("--landmarks", none) == f"{none}: holds no pairs"
    assert refused("--landmarks", tmp_path / "gone.csv") == f"{tmp_path / 'gone.csv'}: no such file"
    assert refused("--set", "champion", root=fresh) == "no model yet; train one with: veraison train"
    assert refused("--events", tmp_path / "gone") == f"{tmp_path / 'gone'}: no such file or folder"
    assert refused("--events", "s3a://events") == (
        "s3a://events: the local engine works on files of this machine only; give --engine spark"
    )
    for out in (tmp_path / "folder.parquet", tmp_path / "file" / "f.csv"):
        assert refused("--out", out).startswith(f"{out}: cannot be written (")
    assert "no lead to learn" in refused("--landmarks", "0", "--as-of", "2020-01-01")
    with Store(f"sqlite:///{tmp_path / 'veraison.db'}"):
        (tmp_path / "playbook.toml").write_text(BOOK)
    assert refused(root=tmp_path) == "there are no events; bring some in with: veraison ingest FILE"
    assert "no events there; bring some in with" in refused(
        "--set", "learn", "-p", tmp_path / "playbook.toml", root=tmp_path / "w"
    )
    (tmp_path / "playbook.toml").write_text(BOOK.replace("Deal Won", "Deal Wom"))
    assert "did you mean 'Deal Won'?" in refused("--landmarks", "0", "-p", tmp_path / "playbook.toml")


def test_a_file_is_there_whole_or_not_at_all(veraison, workspace, tmp_path, monkeypatch):
    out = tmp_path / "f.parquet"
    out.write_text("as it was")

    def breaks(*_):
        raise VeraisonError("half way")

    monkeypatch.setattr("training.sets.arrow.columns", breaks)
    ran = veraison("-w", workspace, "--out", out)
    assert (ran.code, ran.error) == (1, "half way")
    assert out.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]
