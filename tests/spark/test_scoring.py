"""`veraison score --engine spark` gives what `veraison score` gives: every row, every bit, and the same log."""

import shutil
import sys
from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data import scorelog
from data.journey import Status
from data.store import Store
from serving import bulk
from serving.scorer import score
from tests import market
from tests.histories import at
from veraison.cli import main

PAIRS = [
    ("L0003", 60.5),
    ("nobody", 60.5),
    ("v0", 149.0),
    ("L0003", 60.5),
    ("silent", 9.0),
    ("é ☂", 20.0),
    ("L0001", 1.0),
]


@pytest.fixture(scope="module")
def workspace(store, tmp_path_factory):
    """A workspace with these events and a champion: look, do not touch."""
    root = tmp_path_factory.mktemp("scoring") / "workspace"
    market.bundle().save(root / "champion" / "one")
    (root / "champion" / "CURRENT").write_text("one")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(store.engine.url.database, root / "veraison.db")
    return root


@pytest.fixture
def veraison(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["veraison", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def logged(root):
    with Store(f"sqlite:///{root / 'veraison.db'}") as opened:
        return [
            (repr(replace(one, logged_at=0, vector=None)), None if one.vector is None else one.vector.tobytes())
            for one in scorelog.read(opened)
        ]


def test_all_leads_at_a_moment_and_what_is_logged(cluster, veraison, workspace, tmp_path):
    seen = []
    for engine in (["local"], ["spark", "--master", cluster]):
        root = tmp_path / engine[0]
        shutil.copytree(workspace, root)
        out = root / "scores.parquet"
        code, _, said = veraison("score", "-w", root, "--as-of", "2026-03-02", "--out", out, "--engine", *engine)
        assert code == 0, said
        seen.append((out.read_bytes(), logged(root)))
        assert not list(root.glob("histories-*"))
    (file, log), (other_file, other_log) = seen
    assert log
    assert other_log == log
    assert other_file == file


def test_given_pairs_in_the_order_asked(cluster, veraison, workspace, tmp_path):
    pairs = tmp_path / "pairs.csv"
    lines = [
        f"{lead},{pl.Series([at(day)]).cast(pl.Datetime('us')).dt.to_string('iso:strict')[0]}Z" for lead, day in PAIRS
    ]
    pairs.write_text("\n".join(["lead_id,as_of", *lines]))
    files = []
    for engine in (["local"], ["spark", "--master", cluster]):
        out = tmp_path / f"{engine[0]}.json"
        code, _, said = veraison(
            "score", "-w", workspace, "--at", pairs, "--out", out, "--lang", "fr", "--engine", *engine
        )
        assert code == 0, said
        files.append(out.read_text())
    assert files[0] == files[1]
    assert logged(workspace) == []
    assert [row["status"] for row in pl.read_json(out).iter_rows(named=True)][1] == "unknown"


def test_events_that_lie_elsewhere(cluster, veraison, workspace, store, tables, tmp_path):
    out = tmp_path / "scores.parquet"
    words = "score", "-w", workspace, "--engine", "spark", "--master", cluster, "--events", tables
    code, _, said = veraison(*words, "--out", out)
    assert code == 0, said
    log = store.scan()
    asked = bulk.Asked(log.newest + 1)
    here = score(market.bundle(), log, *asked.everyone(log)).table()
    assert f"{len(here):,} rows: " in said
    assert "just after the newest event" in said
    assert_frame_equal(pl.read_parquet(out / "*.parquet").sort("lead_id"), here, check_exact=True)
    assert logged(workspace) == []


def test_scores_in_pieces_are_the_scores(store):
    """Without Spark: there and back through Arrow, also where nobody is scored."""
    log = store.scan()
    for asked in (bulk.Asked(at(60)), bulk.Asked(at(0)), bulk.Asked(pairs=([name for name, _ in PAIRS], [at(1)] * 7))):
        whole = score(market.bundle(), log, *asked.everyone(log))
        place, lead_ids, moments = asked.here(log)
        part = score(market.bundle(), log, lead_ids, moments)
        back = bulk._from_arrow(market.bundle(), bulk._to_arrow(part, place))
        known = [n for n, lead in enumerate(whole.lead_ids) if lead in log.leads]
        assert [repr(back.row(n)) for n in range(len(back))] == [repr(whole.row(n)) for n in known]
        assert back.features.tobytes() == whole.features.tobytes()
        assert {status for n, status in enumerate(whole.status) if n not in known} <= {Status.unknown}


def test_a_bundle_travels_without_drifts_reference():
    packed = bulk.Packed.of(market.bundle())
    there = packed.bundle()
    assert there is packed.bundle()
    assert there.version == packed.version == market.bundle().version
    assert there.reference.is_empty()


@pytest.mark.parametrize("option", ["--master", "--events"])
def test_options_of_spark_without_it(veraison, workspace, option):
    code, _, said = veraison("score", "-w", workspace, option, "x")
    assert (code, said) == (2, f"error: {option} needs --engine spark\n")


def test_the_master_is_checked_before_anything_is_read(veraison, workspace):
    code, _, said = veraison("score", "-w", workspace, "--engine", "spark", "--master", "spark://127.0.0.1:1")
    assert code == 1
    assert said.splitlines()[-1].startswith("error: the Spark master spark://127.0.0.1:1 cannot be reached (")
