"""The page of sources and money: what it says of a report, and of none."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from data.costs import Cost
from data.money_report import MoneyReport
from monitoring.money import money
from serving.money_charts import drawing, there
from serving.money_words import amount, headline, outlook, shown
from serving.page_money import MONEY
from serving.translations import Words
from tests.histories import at, identify, log_of, playbook, track
from tests.journals import HOSTILE
from tests.monitoring.test_money import BOOK, COSTS, JANUARY, STORY
from tests.reading import BROWSER, Text
from tests.reports import write_money
from tests.service import Door, door, market

SVG = "{http://www.w3.org/2000/svg}"
NOTHING = money(log_of(), playbook(), (), None, at(1))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("money"))) as opened:
        write_money(opened)
        yield opened


def page(service: Door, language: str = "en") -> str:
    answer = service.client.get("/money", headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return flat(" ".join(Text(answer.text).text))


def flat(text: str) -> str:
    return " ".join(text.split())


def known(service: Door) -> MoneyReport:
    found = MoneyReport.read(service.market.workspace.reports)
    assert found is not None
    return found


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_figures_are_those_of_the_report(service: Door, language: Any):
    report, words, text = known(service), Words(language), page(service, language)
    assert report.by_model is not None
    assert flat(headline(report, words)) in text
    assert flat(outlook(report, words)) in text
    for one in report.sources:
        assert one.name is not None
        cost = "–" if one.amounts.cost is None else words.number(round(one.amounts.cost))
        assert flat(f"{one.name} {cost} ") in text
    for one in report.by_model.methods[0].credits:
        assert flat(amount(one.revenue, "EUR", words)) in text
    model = words(
        "By the model: what it would have said just before the sale without these touches, not what would have "
        "happened. No experiment was made; a touch can be a sign of interest rather than its cause."
    )
    assert flat(model) in text


def test_the_list_of_reports_leads_to_it(service: Door):
    assert '<a href="/money' in service.client.get("/reports", headers=BROWSER).text


def test_without_a_report_it_says_what_to_run(tmp_path: Path):
    with door(market().emptied(tmp_path)) as here:
        assert "Nobody has measured it yet. Run: veraison report money" in page(here)
        NOTHING.write(here.market.workspace.reports)
        text = page(here)
        assert "Nothing has been sold yet." in text
        assert "No costs are known. Bring them in with: veraison costs import FILE.csv" in text
        assert here.client.get("/money/sources.svg").status_code == 404


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_charts_name_every_source_and_channel(service: Door, size: Any, language: Any):
    report, words = known(service), Words(language)
    assert there(report) == ["sources", "touches"]
    for name in there(report):
        answer = service.client.get(f"/money/{name}.svg?size={size}&lang={language}")
        assert answer.text == drawing(name, report, words, size)
        root = ElementTree.fromstring(answer.text)
        told = " ".join("".join(one.itertext()) for one in root.iter(f"{SVG}text"))
        assert words("revenue" if name == "sources" else "by the model") in told
        assert "Referral" in told if name == "sources" else words("no touch") in told
        assert float(root.attrib["width"]) <= (420 if size == "narrow" else 940)


def test_what_stands_out_is_one_sentence():
    report = money(log_of(*STORY), BOOK, COSTS, None, at(100))
    assert headline(report, Words("en")) == "Leads of Fair brought most: 900 EUR from 1 sale."
    won = []
    for n in range(12):
        won += [identify(f"M{n}", 1, source=("A", "B")[n % 2]), track(f"M{n}", "Lead Created", 1)]
        won.append(track(f"M{n}", "Deal Won", 2))
    paid = [Cost("A", *JANUARY, 600_000_000), Cost("B", *JANUARY, 6_000_000_000)]
    report = money(log_of(*won), BOOK, paid, None, at(40))
    assert headline(report, Words("en")) == "A sale from B costs 1,000 EUR, one from A 100 EUR."
    assert headline(report, Words("fr")) == "Une vente issue de B coûte 1\u202f000 EUR, une vente issue de A 100 EUR."
    assert shown(report, Words("en"))["unpriced"] == "No sale has an amount, so nothing is said of revenue."
    assert headline(NOTHING, Words("en")) == "Nothing has been sold yet."
    assert outlook(NOTHING, Words("en")) == ""


def test_names_are_text_wherever_they_stand():
    events = [identify("L", 0, source=HOSTILE), track("L", "Lead Created", 0), track("L", HOSTILE, 1)]
    events.append(track("L", "Deal Won", 2, value=5))
    report = money(log_of(*events), playbook(), [Cost(HOSTILE, *JANUARY, 5_000_000)], None, at(9))
    html = MONEY.alone(report, Words("en"))
    assert HOSTILE not in html.split("</style>")[1]
    assert "<script" not in html
