"""The pages as HTML and the waterfall as SVG: what they say, in which language, to whom; not how it looks."""

import doctest
import re
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from data.events import isoformat, parse_instant
from features.words import LANGUAGES
from serving import access, hosts, limits, metrics, points, translations
from serving.charts import steps, waterfall
from serving.hosts import is_local
from serving.page_lead import STATUSES
from serving.pages import ready_sentence, who
from serving.points import largest_remainder
from serving.reasons import Reason
from serving.scorer import ExplainedScore
from serving.translations import Words
from tests.reading import BROWSER, Text
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("pages"))) as opened:
        yield opened


def page(service: Door, path: str, status: int = 200, **headers: str) -> Text:
    answer = service.client.get(path, headers=BROWSER | headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Text(answer.text)


# --- the list and the lead ---------------------------------------------------------------------------------------


def test_the_list_shows_the_leads_of_the_api_in_the_same_order(service: Door):
    found = page(service, "/")
    ranked = service.get("/v1/leads?limit=50").json()["leads"]
    links = [unquote(link.removeprefix("/leads/")) for link in found.all("a", "href") if link.startswith("/leads/")]
    assert links == [one["lead_id"] for one in ranked]
    text = "".join(found.text)
    assert f"{round(ranked[0]['score'])}" in text
    assert ranked[0]["reasons"][0]["text"].lower() in text.lower()


@pytest.mark.parametrize(("lang", "sign"), [("en", "in 7 days"), ("fr", "en 7 jours")])
def test_a_lead_says_how_its_score_has_moved_and_why(service: Door, lang: str, sign: str):
    ids = [one["lead_id"] for one in service.get("/v1/leads?limit=50").json()["leads"]]
    told = [service.get(f"/v1/leads/{lead}?lang={lang}").json() for lead in ids]
    seen = 0
    for one in told:
        trend = one["trend"]
        text = "".join(page(service, f"/leads/{one['lead_id']}?lang={lang}").text)
        moved = trend["score"] is not None and round(trend["score"]) != round(one["score"])
        assert (sign in text) == moved
        if moved:
            seen += 1
            assert f"{round(trend['score'])} → {round(one['score'])} {sign}" in text
            weightiest = trend["changes"][0]
            assert abs(weightiest["points"]) < 0.5 or weightiest["text"].lower() in text.lower()
        if seen == 3:
            break
    assert seen == 3


def test_the_list_can_be_longer(service: Door):
    scored = service.get("/v1/leads?limit=1").json()["counts"]["scored"]
    assert f"/leads?limit={min(200, scored)}" in page(service, "/?limit=10").all("a", "href")
    assert len(page(service, "/?limit=10").all("th", "scope")) == 8 + 10


def test_a_lead_shows_its_score_its_reasons_and_what_happened(service: Door):
    best = service.get("/v1/leads?limit=1").json()["leads"][0]["lead_id"]
    one = service.get(f"/v1/leads/{best}").json()
    text = " ".join("".join(page(service, f"/leads/{best}").text).split())
    for reason in one["reasons"]:
        assert reason["text"][1:] in text
    assert f"Score {round(one['score'])} of 100" in text
    assert one["traits"]["email"]["value"] in text
    for kind in {event["kind"] for event in one["timeline"]} - {"identify", "group", "alias"}:
        assert kind in text
    assert "Won within 7 days" in text
    assert any(reason["evidence"] for reason in one["reasons"])
    words = Words("en")
    for reason in one["reasons"]:
        for seen in reason["evidence"]:
            assert words.date(parse_instant(seen["occurred_at"] if "kind" in seen else seen["since"])) in text
    assert one["comparisons"]
    assert all(compared["text"] in text for compared in one["comparisons"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lead_that_is_too_early_shows_its_chances_and_what_is_missing(service: Door, language: str):
    message = {"type": "track", "messageId": "e-1", "userId": "Early", "event": "Lead Created"}
    early = {"receivedAt": "2025-03-01T09:12:00Z", "timestamp": "2025-03-01T09:12:00Z"}
    service.post("/v1/batch", {"batch": [message | early]})
    found = page(service, f"/leads/Early?lang={language}")
    text = " ".join("".join(found.text).split())
    words = Words(language)
    assert words("No score yet: too little is known.") in text
    assert words("It has not acted itself yet.") in text
    traits = ", ".join(service.market.playbook.features.traits)
    assert words("Not known yet: %(names)s.", names=traits) in text
    assert words("How soon") in text
    one = service.get("/v1/leads/Early").json()
    low, high = (words.percent(one[f"probability_{side}"]) for side in ("low", "high"))
    assert " ".join(words("8 in 10 such leads: %(low)s to %(high)s", low=low, high=high).split()) in text
    assert all("/readiness.svg" in one for one in found.all("img", "src"))  # it has no score to account for


def test_the_figures_of_the_account_add_up(service: Door):
    for one in service.get("/v1/leads?limit=30").json()["leads"]:
        html = service.client.get(f"/leads/{one['lead_id']}", headers=BROWSER).text
        account = re.findall(r'<tr class="(\w+)">.*?<td class="number">(.*?)</td>', html)
        figures = [(kind, int(figure.replace("−", "-"))) for kind, figure in account]
        assert figures[0][0] == "start"
        assert figures[-1] == ("score", round(one["score"]))
        assert sum(figure for _, figure in figures[:-1]) == figures[-1][1]


@pytest.mark.parametrize("status", ["converted", "lost", "merged", "not_started"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lead_without_a_score_says_why(service: Door, status: str, language: str):
    lead = service.get(f"/v1/leads?status={status}&limit=1").json()["leads"][0]["lead_id"]
    found = page(service, f"/leads/{lead}?lang={language}")
    assert Words(language)(STATUSES[status]) in "".join(found.text)
    assert all("/readiness.svg" in one for one in found.all("img", "src"))  # it has no score to account for
    if status == "merged":
        target = service.get(f"/v1/leads/{lead}").json()["merged_into"]
        assert f"/leads/{target}?lang={language}" in found.all("a", "href")


def test_a_page_of_another_moment_keeps_it(service: Door):
    as_of = isoformat(service.market.now - 20 * 86_400_000_000)
    found = page(service, f"/?as_of={as_of}")
    links = [link for link in found.all("a", "href") if link.startswith("/leads/")]
    assert links
    assert all("as_of=" in link for link in links)
    page(service, links[0])


def test_an_empty_store_and_a_missing_model_are_pages_too(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        with here.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM events")
            connection.exec_driver_sql("DELETE FROM traits")
        assert "No open lead yet. Leads appear here as soon as their events arrive." in "".join(page(here, "/").text)
    (tmp_path / "champion" / "CURRENT").unlink()
    with door(here.market) as here:
        text = "".join(page(here, "/", 503).text)
    assert "veraison train" in text


# --- who may look ------------------------------------------------------------------------------------------------


def test_nobody_from_elsewhere_gets_in_without_a_key(service: Door):
    for headers in (
        {"Host": "leads.example"},  # a foreign name that points here
        {"X-Forwarded-For": "203.0.113.9"},  # a proxy on this machine
        {"Forwarded": "for=203.0.113.9"},
    ):
        answer = service.client.get("/?limit=5", headers=BROWSER | headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Flimit%3D5")
        answer = service.client.get("/", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        with_key = {"Authorization": service.key("read")["Authorization"]}
        assert service.client.get("/", headers=BROWSER | headers | with_key).status_code == 200
        wrong = {"Authorization": service.key("ingest")["Authorization"]}
        assert service.client.get("/", headers=BROWSER | headers | wrong).status_code == 403


@pytest.mark.parametrize(
    ("client", "host", "local"),
    [
        ("127.0.0.1", "localhost:3000", True),
        ("::1", "[::1]:3000", True),
        ("10.0.0.7", "localhost", False),
        ("127.0.0.1", "[", False),
        ("127.0.0.1", "", False),
    ],
)
def test_who_is_on_this_machine(client: str, host: str, local: bool):
    scope = {"type": "http", "client": (client, 1), "headers": [(b"host", host.encode())]}
    assert is_local(Request(scope)) == local


# --- what a page may hold ----------------------------------------------------------------------------------------


def test_what_senders_wrote_is_text_never_markup(service: Door):
    evil = "<script>alert(1)</script>&\"'"
    message = {
        "type": "identify", "messageId": "evil", "userId": evil, "timestamp": "2025-05-01T00:00:00Z",
        "receivedAt": "2025-05-01T00:00:00Z", "traits": {"name": evil, "<b>": evil},
    }  # fmt: skip
    created = message | {"type": "track", "messageId": "evil2", "event": "Lead Created"}
    acted = message | {"type": "track", "messageId": "evil3", "event": evil}
    assert service.post("/v1/batch", {"batch": [message, created, acted]}).json()["accepted"] == 3
    lead = "/leads/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26%22%27"
    for path in (lead, "/?limit=1000"):
        found = page(service, path)
        assert not [tag for tag, _ in found.tags if tag in ("script", "b")]
        assert evil in "".join(found.text)
    svg = service.client.get(f"{lead}/waterfall.svg").text
    ElementTree.fromstring(svg)
    assert "<script" not in svg


def test_pages_need_no_script_and_nothing_from_elsewhere(service: Door):
    for path in ("/", "/leads/L00001", "/leads/nobody"):
        answer = service.client.get(path, headers=BROWSER)
        found = Text(answer.text)
        assert not [given for tag, given in found.tags if tag == "script" or "style" in given or "onclick" in given]
        addresses = [*found.all("link", "href"), *found.all("img", "src"), *found.all("a", "href")]
        assert addresses
        assert all(address.startswith(("/", "#")) for address in addresses)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


# --- problems ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/leads/nobody", 404, "Ce prospect n’existe pas, ou il n’y a rien à cette adresse."),
        ("/nothing", 404, "Ce prospect n’existe pas, ou il n’y a rien à cette adresse."),
        ("/?limit=0", 422, "La demande n’a pas pu aboutir."),
    ],
)
def test_a_problem_is_a_page_for_a_person_and_a_document_for_a_program(
    service: Door, path: str, status: int, sentence: str
):
    assert sentence in "".join(page(service, path, status, **{"Accept-Language": "fr"}).text)
    answer = service.client.get(path, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


# --- languages ---------------------------------------------------------------------------------------------------


def test_the_language_is_what_is_asked_for_then_what_the_browser_prefers(service: Door):
    def language(path: str, accept: str) -> str:
        answer = service.client.get(path, headers=BROWSER | {"Accept-Language": accept})
        assert answer.headers["content-language"] == Text(answer.text).all("html", "lang")[0]
        return str(answer.headers["content-language"])

    assert language("/", "fr-CA,fr;q=0.9,en;q=0.8") == "fr"
    assert language("/?lang=en", "fr") == "en"
    assert language("/?lang=fr", "en") == "fr"
    assert language("/?lang=xx", "de") == "en"
    found = page(service, "/leads/L00001?lang=fr")
    assert {"/?lang=fr", "/leads/L00001?lang=en"} <= set(found.all("a", "href"))


def test_numbers_and_dates_are_those_of_the_language():
    french, english = Words("fr"), Words("en")
    assert "".join(french.percent(0.128).split()) == "13%" != french.percent(0.128)
    assert (english.percent(0.128), english.percent(0.0384), english.percent(0.0)) == ("13%", "3.8%", "0%")
    assert (french.number(2.54), english.number(2.54), english.number(3.0)) == ("2,5", "2.5", "3")
    noon = 1_741_000_000_000_000
    assert (french.date(noon), english.date(noon)) == ("3 mars 2025", "3 Mar 2025")
    assert (english.days(0.2), english.days(9.4), french.days(1), french.days(12)) == (
        "1 day",
        "9 days",
        "1 jour",
        "12 jours",
    )


@pytest.mark.parametrize("module", [access, points, hosts, limits, metrics, translations])
def test_what_the_docstrings_show(module: ModuleType):
    found = doctest.testmod(module)
    assert found.failed == 0
    assert found.attempted > 0


# --- an account of a score ---------------------------------------------------------------------------------------


def explained(base: float, points: list[float], score: float | None = None) -> ExplainedScore:
    total = base + sum(points)
    reasons = tuple(Reason(f"f{place}", None, value, f"reason {place}") for place, value in enumerate(points))
    return ExplainedScore(
        "L1",
        0,
        "scored",
        "v",
        score=min(max(total, 0.0), 100.0) if score is None else score,
        base=base,
        reasons=reasons,
    )


@given(
    base=st.floats(0, 100),
    points=st.lists(st.floats(-40, 40), max_size=10),
)
def test_the_whole_numbers_of_an_account_add_up(base: float, points: list[float]):
    row = explained(base, points)
    account = steps(row, Words("en"))
    assert account[-1].points == round(row.score)
    assert sum(step.points for step in account[:-1]) == account[-1].points
    limits = [step for step in account if step.kind == "limit"]
    if limits:
        assert row.score in (0.0, 100.0)
    for step, exact in zip(account[1:], points, strict=False):
        assert abs(step.points - exact) < 1 + 1e-6


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
def test_largest_remainder_is_near_and_exact(values: list[float]):
    total = round(sum(values))
    whole = largest_remainder(values, total)
    assert sum(whole) == total
    assert all(abs(one - value) < 1 + 1e-6 for one, value in zip(whole, values, strict=True))


def test_a_limit_is_a_line_of_its_own():
    account = steps(explained(60.0, [30.0, 25.4]), Words("en"))
    assert [(step.kind, step.points) for step in account] == [
        *(("start", 60), ("rise", 30), ("rise", 25)),
        *(("limit", -15), ("score", 100)),
    ]


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_waterfall_shows_every_line_in_words(size: Any, language: Any):
    words = Words(language)
    row = explained(48.2, [12.6, -7.4, 3.3])
    svg = waterfall(steps(row, words), words, size)
    root = ElementTree.fromstring(svg)
    text = [" ".join("".join(element.itertext()).split()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for shown in ("Reason 0", "Reason 1", "+13", "−7", "48", "57"):
        assert shown in text
    assert any(words("Where every lead starts").split()[0] in line for line in text)
    assert float(root.attrib["width"]) <= (360 if size == "narrow" else 780)
    assert "http" not in svg.replace("http://www.w3.org/", "")


def test_a_lead_is_called_by_its_name_and_firm():
    def known(**traits: str) -> dict[str, tuple[str, int]]:
        return {name.replace("__", "."): (value, 0) for name, value in traits.items()}

    assert (
        who(known(firstName="Anne", lastName="Petit", company__name="Acme", email="a@acme.fr")) == "Anne Petit · Acme"
    )
    assert who(known(email="a@acme.fr", group_id="acme.fr")) == "a@acme.fr · acme.fr"
    assert who({}) == ""


def test_when_a_lead_is_ready_in_one_phrase():
    words = Words("en")
    at = {"lead_id": "L", "as_of": 0, "status": "scored", "model_version": "v"}
    assert ready_sentence(ExplainedScore(**at, ready=(4.6, 9.2, 20.4)), words) == "ready in about 9 days (5 to 20)"
    assert ready_sentence(ExplainedScore(**at, ready=(0.1, 0.3, 0.8)), words) == "ready within a day"
    assert (
        ready_sentence(ExplainedScore(**at, ready_at=1_741_000_000_000_000), words) == "accepted by sales on 3 Mar 2025"
    )
    assert ready_sentence(ExplainedScore(**at), words) == ""
