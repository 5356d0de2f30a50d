"""`veraison report families` and `veraison qualify`: what they write and say, and what is a mistake, in one line."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from data import contract_lines
from data.events import MICROS_PER_DAY, Event, isoformat
from data.families_report import FamiliesReport
from serving.families_words import headline
from serving.leads import Leads
from serving.models import FOLDER, ModelHolder
from serving.qualify import to_qualify
from serving.translations import Words
from tests.reading import Text
from tests.reports import contracted
from tests.service import Market, market
from veraison.cli import app, common

NOW = market().now


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Market:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 250)
    return market().copy(tmp_path)


def ran(*words: str) -> Any:
    return app([*words], standalone_mode=False)


def as_of(days: float = 0) -> tuple[str, str]:
    return "--as-of", isoformat(NOW - round(days * MICROS_PER_DAY))


def test_it_writes_the_page_and_every_open_lead_once(firm: Market, capsys: Any):
    path = firm.workspace.root / "leads.csv"
    ran("report", "families", "--leads", str(path))
    said = capsys.readouterr()
    report = FamiliesReport.read(firm.workspace.reports)
    assert report is not None
    assert said.out.splitlines()[0] == headline(report, Words("en"))
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert len({one["lead_id"] for one in rows}) == len(rows) == sum(one.leads for one in report.families)
    for one in report.families:
        mine = [row for row in rows if row["family"] == one.name]
        assert len(mine) == one.leads
        assert sum(row["untouched"] == "true" for row in mine) == one.untouched
        assert one.expected == pytest.approx(sum(float(row["probability"]) for row in mine), abs=1e-6)
    assert report.scored
    assert "Families of leads" in " ".join(Text((firm.workspace.reports / "families.html").read_text("utf-8")).text)


def test_untouched_for_d_days_are_those_and_no_others(firm: Market, capsys: Any):
    path = firm.workspace.root / "leads.json"
    ran("report", "families", *as_of(), "--leads", str(path), "--json")
    every = json.loads(path.read_text("utf-8"))
    report = FamiliesReport.model_validate(json.loads(capsys.readouterr().out))
    assert report.as_of == isoformat(NOW)
    assert FamiliesReport.read(firm.workspace.reports) is None  # not of now
    ran("report", "families", *as_of(), "--leads", str(path), "--untouched", "5")
    few = json.loads(path.read_text("utf-8"))
    assert 0 < len(few) < len(every)
    assert few == [one for one in every if one["idle_days"] > 5]


def test_of_the_past_it_says_what_was_known_then(firm: Market, capsys: Any):
    ran("report", "families", *as_of(40), "--json")
    before = capsys.readouterr().out
    with firm.store() as store:
        at = NOW - 41 * MICROS_PER_DAY
        store.append(
            Event(f"late{n}", f"L{n:05d}", "track", kind, at, NOW, properties={"reason": "postponed"})
            for n, kind in enumerate(["Deal Won", "Sales Accepted", "Lead Returned", "Demo Requested"] * 10, 1)
        )
    ran("report", "families", *as_of(40), "--json")
    assert capsys.readouterr().out == before


def test_without_a_model_nobody_is_hot_and_it_says_so(firm: Market, capsys: Any):
    (firm.workspace.root / FOLDER / "CURRENT").unlink()
    ran("report", "families", "--json")
    said = capsys.readouterr()
    report = FamiliesReport.model_validate(json.loads(said.out))
    assert "note: no model says who is hot: " in said.err
    assert (report.scored, report.families[2].leads) == (False, 0)
    assert sum(one.leads for one in report.families) > 10


def test_whom_to_qualify_is_what_the_service_says(firm: Market, capsys: Any):
    path = firm.workspace.root / "calls.csv"
    ran("qualify", *as_of(), "--limit", "5", "--json")
    told = json.loads(capsys.readouterr().out)
    with firm.store() as store:
        leads = Leads(store, ModelHolder(firm.workspace), firm.playbook, lambda: NOW)
        assert told == [one.to_dict() for one in to_qualify(leads, leads.ranking(NOW), 5)]
    assert 0 < len(told) <= 5
    ran("qualify", *as_of(), "--limit", "5", "--out", str(path))
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [one["lead_id"] for one in rows] == [one["lead_id"] for one in told]
    capsys.readouterr()
    ran("qualify", *as_of(), "--limit", "3", "--lang", "fr")
    shown = capsys.readouterr().out
    assert "À appeler pour qualifier" in shown
    assert told[0]["lead_id"] in shown


@pytest.mark.parametrize(
    "words",
    [
        ("report", "families", "--leads", "x.txt"),
        ("report", "families", "--untouched", "5"),
        ("report", "families", "--lang", "de"),
        ("qualify", "--out", "x.parquet"),
        ("qualify", "--as-of", "soon"),
    ],
)
def test_misuse_is_one_line(firm: Market, words: tuple[str, ...], capsys: Any):
    assert ran(*words) == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)


def test_whom_to_qualify_goes_by_the_bound_of_the_week(firm: Market, capsys: Any):
    """The command and the service ask of the same leads: those near the contract's bound, not near the grades'."""
    book = contracted(firm.playbook)
    text = firm.workspace.playbook.read_text(encoding="utf-8")
    firm.workspace.playbook.write_text(
        text + "\n[contract]\nsellers = 2\nleads_per_week = 3\nprecision = 0.05\n", encoding="utf-8"
    )
    assert book.contract is not None
    terms = book.contract.terms(book.routing, book.horizons.primary)
    bound = contract_lines.Bound(
        week="2025-W01", starts=isoformat(NOW - 7 * MICROS_PER_DAY), terms=terms, model_version="v1", score=70.0,
        binds="capacity", promised=6, leads=6.0, flow=3.0, promised_precision=0.05, precision=0.1, possible=None,
        factor=1.0, flow_factor=1.0,
    )  # fmt: skip
    contract_lines.append(firm.workspace.reports, [bound])
    ran("qualify", "--json", *as_of())
    told = json.loads(capsys.readouterr().out)
    with firm.store() as store:
        leads = Leads(store, ModelHolder(firm.workspace), book, lambda: NOW, firm.workspace.reports)
        ranking = leads.ranking(NOW)
        assert ranking.least == 70.0
        wanted = [one.to_dict() for one in to_qualify(leads, ranking, 20)]
    assert told == wanted
