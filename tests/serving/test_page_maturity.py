"""The page of maturity and the report that stands alone: what they say of a report, and of none."""

import re
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from data.maturity_report import Aside, MaturityReport
from serving.charts import Size
from serving.maturity_charts import Chart, drawing, there
from serving.maturity_words import as_many, bounded, told, way_name
from serving.page_maturity import MATURITY
from serving.translations import Words
from tests.journals import HOSTILE
from tests.maturities import REPORT, handed
from tests.reading import BROWSER, Text
from tests.service import Door, door, market

SVG = "{http://www.w3.org/2000/svg}"
EMPTY = MaturityReport(as_of="2026-03-20T08:00:00Z", days=30, since=None, leads=0, won=0)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("maturity"))) as opened:
        REPORT.write(opened.market.workspace.reports)
        yield opened


def page(service: Door, language: str = "en", path: str = "/maturity", status: int = 200) -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == status, answer.text
    return flat(" ".join(Text(answer.text).text))


def flat(text: str) -> str:
    """As `page` reads it: any space is one."""
    return " ".join(text.split())


def test_acts_and_rules_beside_the_score_come_first_and_the_figures_are_those_of_the_report(service: Door):
    for language in ("en", "fr"):
        words, text = Words(language), page(service, language)
        assert 0 < text.index(flat(told(REPORT, words))) < text.index(words("What each would have handed over"))
        assert flat(as_many(REPORT, words)) in text
        for one in REPORT.ways:
            assert flat(f"{way_name(one, words)} {words.number(one.leads)}") in text
            assert flat(bounded(one.share, one.seen, words)) in text
        assert flat(f"students {words.number(97)} {words.number(12)} {words.number(7)}") in text
        assert flat(words("As of %(moment)s UTC", moment=words.moment(REPORT.moment))) in text
    english = page(service)
    assert "Of 1,234 leads, acts and rules would have handed over 150, of whom 12% bought within 30 days" in english
    assert "; the score 700, of whom 7.1% did." in english
    assert "Of as many leads with the highest scores, 67 or more, 20% bought." in english
    assert "guide and webinar 19 too few to say anything" in english
    assert "Their scores are those of a twin of the model" in english
    assert "no event 'Quote Requested' has occurred so far" in english
    assert "does not let the score" not in english


def test_what_is_not_there_is_not_shown(tmp_path: Path):
    with door(market().emptied(tmp_path)) as here:
        assert "Nobody has measured it yet. Run: veraison report maturity" in page(here)
        page(here, path="/maturity/share.svg", status=404)
        EMPTY.write(here.market.workspace.reports)
        for language, sentence in (("en", "No leads could be followed yet."), ("fr", "Aucun prospect n’a encore pu")):
            text = page(here, language)
            assert sentence in text
            assert "None" not in text
        for name in get_args(Chart):
            page(here, path=f"/maturity/{name}.svg", status=404)
        bare = REPORT.model_copy(
            update={"ways": REPORT.ways[:4], "model": None, "overlap": (), "off_topic": (), "counts": False}
        )
        bare.write(here.market.workspace.reports)
        text = page(here)
        assert "Acts and rules would have handed over 150 of 1,234 leads, and 12% of them bought" in text
        assert "No scores: there is no model that has not seen these leads." in text
        assert "does not let the score make a lead mature" in text
        assert "Who agrees with whom" not in text


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_charts_say_what_the_tables_say(service: Door, size: Any, language: Any):
    words = Words(language)
    for name in get_args(Chart):
        answer = service.client.get(f"/maturity/{name}.svg?size={size}&lang={language}")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.text == drawing(name, REPORT, words, size)
        root = ElementTree.fromstring(answer.text)
        assert float(root.attrib["width"]) <= (380 if size == "narrow" else 940)
        texts = {flat("".join(one.itertext())) for one in root.iter(f"{SVG}text")}
        if name == "share":
            shares = [one for one in REPORT.ways if one.seen >= 20]
            assert {flat(words.percent(one.share.share)) for one in shares if one.share} <= texts
            if size == "wide":
                assert {flat(way_name(one, words)) for one in shares} <= texts
        else:
            assert {words("acts and rules"), words("score")} <= texts


def test_it_stands_alone_without_a_script():
    for language in ("en", "fr"):
        html = MATURITY.alone(REPORT, Words(language))
        assert f'<html lang="{language}"' in html
        assert html.count("<svg") == 2
        assert not re.search(r"<script|javascript:|https?://(?!www\.w3\.org)", html)


def test_names_of_events_and_rules_stay_text():
    report = REPORT.model_copy(
        update={
            "ways": (handed("act", name=HOSTILE), handed("rule", name=f"2{HOSTILE}"), *REPORT.ways[3:]),
            "off_topic": (Aside(name=f"3{HOSTILE}", leads=1, accepted=None, won=0),),
            "notes": (f"4{HOSTILE}",),
        }
    )
    html = MATURITY.alone(report, Words("en"))
    assert "<script" not in html
    text = " ".join(Text(html.split("</style>")[1]).text)
    for number in ("act: ", "2", "3", "4"):
        assert number + HOSTILE.split("&", maxsplit=1)[0] in text
    sizes: tuple[Size, ...] = ("wide", "narrow")
    for size in sizes:
        ElementTree.fromstring(drawing("share", report, Words("en"), size))


def test_there_is_nothing_to_draw_of_nobody():
    assert [there(name, EMPTY) for name in get_args(Chart)] == [False, False]
    assert [there(name, REPORT) for name in get_args(Chart)] == [True, True]
