"""The page of the contract, and the bound by which the service hands leads over."""

import doctest
import os
from dataclasses import replace
from pathlib import Path

import pytest

from data.contract_lines import FILE, append
from data.contract_report import ContractReport
from serving import bounds as bounds_module
from serving.bounds import Bounds
from serving.contract_charts import drawing, there
from serving.contract_tables import breaches, marketing
from serving.contract_words import bound_sentence, why_sentence
from serving.decisions import least_score
from serving.journey_words import Grid
from serving.page_contract import CONTRACT
from serving.translations import Words
from tests.data.test_contract_lines import ONE, TWO
from tests.reading import BROWSER, Text
from tests.reports import contracted, write_contract
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    made = market().copy(tmp_path_factory.mktemp("contract"))
    with door(replace(made, playbook=contracted(made.playbook, report=("valid",)))) as opened:
        write_contract(opened, report=("valid",))
        yield opened


def page(service: Door, language: str = "en", path: str = "/contract") -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return flat(" ".join(Text(answer.text).text))


def flat(text: str) -> str:
    return " ".join(text.split())


def known(service: Door) -> ContractReport:
    found = ContractReport.read(service.market.workspace.reports)
    assert found is not None
    return found


def cells(grid: Grid) -> list[str]:
    return [flat(cell) for _, row in grid.rows for cell in row]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_bound_comes_first_and_every_figure_of_the_report_is_there(service: Door, language: str):
    report, words, text = known(service), Words(language), page(service, language)  # type: ignore[arg-type]
    assert 0 < text.index(flat(bound_sentence(report, words))) < text.index(flat(why_sentence(report, words)))
    for grid in (marketing(report, words), breaches(report, words)):
        assert grid.rows
        for one in cells(grid):
            assert one in text
    for one in report.sellers:
        assert one.name is None or one.name in text


def test_each_chart_is_a_picture_with_its_words(service: Door):
    report = known(service)
    assert there(report)
    for name in CONTRACT.charts:
        for size in ("wide", "narrow"):
            answer = service.client.get(f"/contract/{name}.svg?size={size}", headers=BROWSER)
            assert answer.headers["content-type"].startswith("image/svg+xml")
    assert drawing("volume", report, Words("fr")) != drawing("bound", report, Words("fr"))
    assert CONTRACT.alone(report, Words("en")).count("<svg") == 2


def test_sentences_of_each_case(service: Door):
    report, words = known(service), Words("en")
    week = report.weeks[-1]
    strict = week.bound.model_copy(update={"binds": "precision", "possible": 0.04, "promised_precision": 0.05})
    bound = report.model_copy(update={"weeks": (week.model_copy(update={"bound": strict}),)})
    assert "With as many leads as aimed at, 4% would be won within 30" in why_sentence(bound, words).replace(
        "\xa0", " "
    )
    for more, sentence in (
        (11.5, "The weeks before fell short: 12 leads of that are made up this week."),
        (1.0, "The weeks before fell short: 1 lead of that is made up this week."),
        (-7.0, "The weeks before brought too many: this week aims at 7 leads fewer."),
        (0.4, "a lower one would bring more."),
    ):
        owed = week.bound.model_copy(update={"binds": "capacity", "made_up": more})
        repaid = report.model_copy(update={"weeks": (week.model_copy(update={"bound": owed}),)})
        assert why_sentence(repaid, words).replace("\xa0", " ").endswith(sentence)
    nobody = strict.model_copy(update={"precision": None, "possible": None})
    none = report.model_copy(update={"weeks": (week.model_copy(update={"bound": nobody}),)})
    assert bound_sentence(none, words).endswith("2 sellers take.")
    assert bound_sentence(report.model_copy(update={"weeks": ()}), words).startswith("The model has learned")


def test_today_goes_by_the_bound_and_says_so(service: Door):
    bound = known(service).bound
    assert bound is not None
    text = page(service, path="/today")
    assert f"{bound.score:.1f} or more this week" in text
    listed = service.get("/v1/leads?limit=250").json()["leads"]
    shown = [one["lead_id"] for one in listed if one["lead_id"] in text.split()]
    for one in listed:
        if one["lead_id"] in shown:
            assert one["score"] >= bound.score


def test_bounds_are_those_of_the_week_and_of_the_terms(tmp_path: Path):
    book = contracted(market().playbook, sellers=6, leads_per_week=10, precision=0.2)
    assert book.contract is not None
    terms = book.contract.terms(book.routing, book.horizons.primary)
    mine = [one.model_copy(update={"terms": terms}) for one in (ONE, TWO)]
    found, grades = Bounds(tmp_path, book), least_score(book)
    assert found.at(TWO.start) is None  # nothing is written yet
    append(tmp_path, [mine[0]])
    assert (found.least(ONE.start - 1), found.least(ONE.start), found.least(TWO.start)) == (grades, 61.5, 61.5)
    append(tmp_path, [mine[1]])
    os.utime(tmp_path / FILE, ns=(1, 1))
    assert (found.least(TWO.start - 1), found.least(TWO.start)) == (61.5, 63.0)
    other = contracted(market().playbook, sellers=7, leads_per_week=10, precision=0.2)
    assert Bounds(tmp_path, other).least(TWO.start) == grades
    assert Bounds(tmp_path, market().playbook).least(TWO.start) == grades
    assert Bounds(None, book).at(TWO.start) is None


def test_what_the_docstrings_show():
    assert doctest.testmod(bounds_module).failed == 0
