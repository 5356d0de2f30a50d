"""The page of the journey and the report that stands alone: what they say of a report, and of none."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.journey_report import JourneyReport, Leak, Stage, Time, Velocity
from monitoring.journey import journey
from serving.journey_charts import drawing, there
from serving.journey_words import duration, leak_sentence, shown
from serving.page_journey import JOURNEY
from serving.translations import Words
from tests.histories import at, log_of, playbook, track
from tests.journals import HOSTILE
from tests.reading import BROWSER, Text
from tests.reports import write_journey
from tests.service import Door, door, firm, market
from veraison.errors import VeraisonError

SVG = "{http://www.w3.org/2000/svg}"
EMPTY = journey(log_of(), playbook(), at(1))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(firm(1_000, 250).copy(tmp_path_factory.mktemp("journey"))) as opened:
        write_journey(opened)
        yield opened


def page(service: Door, language: str = "en", path: str = "/journey", status: int = 200) -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == status, answer.text
    return " ".join(" ".join(Text(answer.text).text).split())


def flat(text: str) -> str:
    """As `page` reads it: any space is one."""
    return " ".join(text.split())


def known(service: Door) -> JourneyReport:
    found = JourneyReport.read(service.market.workspace.reports)
    assert found is not None
    return found


def test_the_leak_comes_first_and_the_figures_are_those_of_the_report(service: Door):
    report = known(service)
    assert report.enough
    assert report.leaks
    for language in ("en", "fr"):
        words, text = Words(language), page(service, language)
        sentence = flat(leak_sentence(report, words))
        assert 0 < text.index(sentence) < text.index(words("From stage to stage"))
        for one in report.stages:
            assert flat(f"{words.number(one.now)} {words.number(one.stays)}") in text
        for one in report.stages[:-1]:
            assert one.passage is not None
            assert one.passage.on is not None
            low, high = words.percent(one.passage.on.low), words.percent(one.passage.on.high)
            share = words.percent(one.passage.on.share)
            assert flat(words("%(share)s (%(low)s to %(high)s)", share=share, low=low, high=high)) in text
            assert duration(one.time.median, words) in text
        assert flat(words("As of %(moment)s UTC", moment=words.moment(report.moment))) in text


def test_the_navigation_leads_to_it(service: Door):
    html = service.client.get("/leads", headers=BROWSER).text
    assert re.search(r'<a href="/reports[^"]*">Reports</a>', html)
    reports = service.client.get("/reports", headers=BROWSER).text
    assert re.search(r'<a href="/reports[^"]*" aria-current="page">Reports</a>', reports)
    assert re.search(r'<a href="/journey[^"]*">The journey of leads</a>', reports)
    moment = Words("en").moment(known(service).moment)
    assert f"As of {moment} UTC" in reports
    here = service.client.get("/journey", headers=BROWSER).text
    assert re.search(r'<a href="/reports[^"]*" aria-current="true">Reports</a>', here)


def test_without_a_report_it_says_what_to_run_and_with_a_broken_one_too(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        assert "Nobody has measured it yet. Run: veraison report journey" in page(here)
        assert "Lancez : veraison report journey" in page(here, "fr")
        assert "Nobody has measured it yet. Run: veraison report journey" in page(here, path="/reports")
        page(here, path="/journey/flow.svg", status=404)
        here.market.workspace.reports.mkdir(exist_ok=True)
        for text in ("{", '{"as_of": "never", "days": 90, "since": null, "leads": 0, "stages": []}', "[]"):
            (here.market.workspace.reports / JourneyReport.FILE).write_text(text)
            assert "cannot be read. Write it anew with: veraison report journey" in page(here)
            page(here, path="/journey/time.svg", status=404)
            with pytest.raises(
                VeraisonError, match=r"^[^\n]*journey.json: cannot be read; write it anew with: [^\n]*$"
            ):
                JourneyReport.read(here.market.workspace.reports)


def test_with_too_little_to_tell_it_says_so(tmp_path: Path):
    with door(market().emptied(tmp_path)) as here:
        for report in (EMPTY, journey(log_of(track("L1", "Lead Created", 0)), playbook(), at(3))):
            report.write(here.market.workspace.reports)
            text = page(here)
            assert "Too few leads have come far enough to say where the funnel leaks." in text
            assert "too few to say anything" in text
            assert "Trop peu de prospects" in page(here, "fr")
            page(here, path="/journey/time.svg", status=404)
        page(here, path="/journey/flow.svg")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_charts_name_every_stage(service: Door, size: Any, language: Any):
    report, words = known(service), Words(language)
    assert there(report) == ["flow", "time"]
    for name in there(report):
        answer = service.client.get(f"/journey/{name}.svg?size={size}&lang={language}")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.text == drawing(name, report, words, size)
        root = ElementTree.fromstring(answer.text)
        told = {"".join(one.itertext()) for one in root.iter(f"{SVG}text")}
        names = {words("anonymous"), "MQL", "SQL"}
        assert names <= told
        assert float(root.attrib["width"]) <= (380 if size == "narrow" else 940)
    assert {words.number(one.stays) for one in report.stages} <= {
        "".join(one.itertext())
        for one in ElementTree.fromstring(drawing("flow", report, words, size)).iter(f"{SVG}text")
    }


def test_the_ribbons_are_as_wide_as_what_flows(service: Door):
    """Each ribbon ends where its column begins to be filled, and is as wide at its end as at its beginning."""
    from serving.journey_charts import _ribbons  # noqa: PLC0415 (the one place that needs to look inside)

    report = known(service)
    names = [one.name for one in report.stages]
    ribbons: dict[int, list[dict[str, float]]] = {}
    for point in _ribbons(report, names):
        ribbons.setdefault(int(point["ribbon"]), []).append(point)
    flows = {(one.origin, one.target): one.stays for one in report.flows if one.way == "next" and one.origin}
    assert len(ribbons) == len(flows)
    for number, points in ribbons.items():
        origin, target = divmod(number, len(names))
        stays = flows[names[origin], names[target]]
        assert [one["y2"] - one["y"] for one in points] == pytest.approx([stays] * len(points))
        assert points[-1]["y2"] <= report.stages[target].stays


def test_the_report_stands_alone(service: Door):
    html = JOURNEY.alone(known(service), Words("fr"))
    found = Text(html)
    assert "<script" not in html
    assert [
        one for tag in ("link", "img", "a", "source") for one in found.all(tag, "href") + found.all(tag, "src")
    ] == []
    assert "default-src 'none'" in html
    assert html.count("<svg") == 2
    assert leak_sentence(known(service), Words("fr")) in html


def test_names_with_markup_are_text(tmp_path: Path):
    book = playbook(stages={"mql": {"by": ["created"]}, HOSTILE: {"events": ["Demo"]}, "customer": {}})
    events = [track(f"L{n}", kind, n + day) for n in range(30) for kind, day in (("Lead Created", 0), ("Demo", 2))]
    report = journey(log_of(*events), book, at(200))
    html = JOURNEY.alone(report, Words("en"))
    assert "<script" not in html
    assert HOSTILE.split("&", maxsplit=1)[0] in " ".join(Text(html.split("</style>")[1]).text)
    for size in ("wide", "narrow"):
        for name in there(report):
            ElementTree.fromstring(drawing(name, report, Words("en"), size))  # type: ignore[arg-type]


# --- sentences ---------------------------------------------------------------------------------------------------


def told(leak: Leak | None, language: Any = "en") -> str:
    stages = tuple(
        Stage(
            name=name, now=0, stays=0, next=0, back=0, lost=0, opted_out=0,
            time=Time(stays=0, still=0, lower=None, median=None, upper=None, low=None, high=None),
            velocity=Velocity(direction="unknown", p=None),
        )
        for name in ("anonymous", "mql", "sql", "customer")
    )  # fmt: skip
    report = JourneyReport(
        as_of="2026-03-01T00:00:00Z", days=90, since=None, leads=0, stages=stages, leaks=(leak,) if leak else ()
    )
    return leak_sentence(report, Words(language))


LEAK = Leak(
    kind="source", stage="mql", target="sql", source="Bought List", stays=300, passed=45, others=0.5, leads=105.0
)


@pytest.mark.parametrize(
    ("leak", "english"),
    [
        (None, "Too few leads have come far enough to say where the funnel leaks."),
        (
            LEAK,
            "The funnel leaks most from MQL to SQL, among leads of Bought List: at the rate of the other sources 105 "
            "more of 300 would have gone on within 90 days.",
        ),
        (
            LEAK.model_copy(update={"customers": 37.3}),
            "The funnel leaks most from MQL to SQL, among leads of Bought List: at the rate of the other sources 105 "
            "more of 300 would have gone on within 90 days, and about 37 of them would have bought.",
        ),
        (
            LEAK.model_copy(update={"customers": 37.3, "value": 111_900.0}),
            "The funnel leaks most from MQL to SQL, among leads of Bought List: at the rate of the other sources 105 "
            "more of 300 would have gone on within 90 days, and about 37 of them would have bought, for 111,900.",
        ),
        (
            LEAK.model_copy(update={"stage": "sql", "target": "customer", "customers": 105.0, "value": 315_000.0}),
            "The funnel leaks most from SQL to customer, among leads of Bought List: at the rate of the other sources "
            "105 more of 300 would have gone on within 90 days, for 315,000.",
        ),
        (
            LEAK.model_copy(update={"kind": "stage", "others": None, "leads": 120.0}),
            "Most leads are lost in MQL, 120 of 300, and most of these came from Bought List; no source does worse "
            "than the others beyond chance.",
        ),
        (
            LEAK.model_copy(update={"kind": "stage", "others": None, "leads": 120.0, "source": None}),
            "Most leads are lost in MQL, 120 of 300; no source does worse than the others beyond chance.",
        ),
    ],
)
def test_the_leak_is_one_sentence(leak: Leak | None, english: str):
    assert told(leak) == english
    french = told(leak, "fr")
    assert french.endswith(".")
    assert french.count(". ") == 0
    assert french != english


@pytest.mark.parametrize(
    ("days", "english", "french"),
    [
        (None, "not reached", "pas atteint"),
        (0.01, "1 hour", "1 heure"),
        (0.5, "12 hours", "12 heures"),
        (1.0, "1 day", "1 jour"),
        (7.25, "7.2 days", "7,2 jours"),
        (123.4, "123 days", "123 jours"),
    ],
)
def test_a_duration_in_words(days: float | None, english: str, french: str):
    assert (duration(days, Words("en")), duration(days, Words("fr"))) == (english, french)


@given(seed=st.integers(0, 10_000), language=st.sampled_from(["en", "fr"]))
def test_any_report_has_words(seed: int, language: Any):
    """Of few leads with any acts, whatever is missing."""
    kinds = ("Lead Created", "Deal Won", "Deal Lost", "Visited")
    events = [track(f"L{seed // 7**n % 5}", kinds[seed // 3**n % 4], seed // 2**n % 40) for n in range(8)]
    report = journey(log_of(*events), playbook(), at(100))
    assert shown(report, Words(language))["leak"]
    assert "None" not in str(shown(report, Words(language))["stages"])
