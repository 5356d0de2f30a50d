"""The page of the forecast and the report that stands alone: what they say of a report, and of none."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from data.forecast_report import ForecastReport
from serving.forecast_charts import drawing
from serving.forecast_words import sentence_of, trust
from serving.page_forecast import FORECAST
from serving.translations import Words
from tests.forecasts import backtest, outlook, report
from tests.journals import HOSTILE
from tests.reading import BROWSER, Text
from tests.reports import write_forecast
from tests.service import Door, door, market

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("forecast"))) as opened:
        yield opened


def page(service: Door, language: str = "en", path: str = "/forecast", status: int = 200) -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == status, answer.text
    return flat(" ".join(Text(answer.text).text))


def flat(text: str) -> str:
    """Any space is one."""
    return " ".join(text.split())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_says_every_figure_of_the_report(service: Door, language: Any):
    found, words = write_forecast(service), Words(language)
    text = page(service, language)
    for one in found.outlooks:
        assert flat(sentence_of(one, found, words)) in text
        assert flat(trust(one.backtest, words)) in text
        for week in one.weeks:
            cells = (words.number(value) for value in (week.stock, week.arrivals, week.unforeseen))
            bounds = words("%(low)s to %(high)s", low=str(week.count.low), high=str(week.count.high))
            assert flat(" ".join((words.number(week.count.mean), bounds, *cells))) in text
        for part in one.sources:
            assert flat(words.number(part.count.mean)) in text
    assert "Trade Fair" in text
    assert "Anne" in text
    assert words("all others") in text
    assert words("the mean of 4 weeks") in text


def test_without_a_report_it_says_what_to_run_and_with_a_broken_one_too(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        assert "Nobody has measured it yet. Run: veraison report forecast" in page(here)
        page(here, path="/forecast/sales.svg", status=404)
        here.market.workspace.reports.mkdir(exist_ok=True)
        (here.market.workspace.reports / ForecastReport.FILE).write_text("{")
        assert "cannot be read. Write it anew with: veraison report forecast" in page(here)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_charts_show_weeks_before_and_to_come(service: Door, size: Any, language: Any):
    found, words = write_forecast(service), Words(language)
    for name, event in (("sales", "converted"), ("ready", "ready")):
        answer = service.client.get(f"/forecast/{name}.svg?size={size}&lang={language}")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.text == drawing(event, found, words, size)  # type: ignore[arg-type]  # the names of events
        root = ElementTree.fromstring(answer.text)
        told = {"".join(one.itertext()) for one in root.iter(f"{SVG}text")}
        assert {words("came"), words("expected, with its range")} <= told
        assert float(root.attrib["width"]) <= (380 if size == "narrow" else 940)


def test_of_sales_alone_there_is_one_chart(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        report(outlook()).write(here.market.workspace.reports)
        page(here)
        page(here, path="/forecast/sales.svg")
        page(here, path="/forecast/ready.svg", status=404)
    with pytest.raises(ValueError, match="tells nothing of ready"):
        drawing("ready", report(outlook()), Words("en"))


def test_the_report_stands_alone_and_names_with_markup_are_text():
    html = FORECAST.alone(report(outlook(source=HOSTILE, look_back=backtest())), Words("fr"))
    found = Text(html)
    assert "<script" not in html
    assert found.all("img", "src") == []
    assert html.count("<svg") == 1
    assert HOSTILE.split("&", maxsplit=1)[0] in " ".join(Text(html.split("</style>")[1]).text)


def test_how_far_it_can_be_trusted_is_one_or_two_sentences():
    english, french = Words("en"), Words("fr")
    assert trust(backtest(), english) == (
        "Such forecasts, made in the past with what was known then: the range held 81% of 208 weeks (meant are 80%), "
        "and the forecast was off by 3.8 a week on average; the best simple rule, the mean of 4 weeks, by 4.2."
    )
    assert trust(backtest(3), english).endswith("That is from 3 forecasts only: too few to rely on.")
    assert trust(None, english).startswith("How good such a forecast is, is not known yet")
    assert trust(backtest(3), french).endswith("trop peu pour s’y fier.")
