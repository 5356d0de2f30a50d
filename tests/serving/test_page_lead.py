"""The page of one lead beyond its score: the form and what is wrong in it, the past, marked events, questions."""

import math
import re
from collections.abc import Callable
from contextlib import ExitStack
from html import unescape
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.words import LANGUAGES
from serving import keys, people
from serving.history import MOST
from serving.page_lead import moved
from serving.reasons import Reason, Trend
from serving.scorer import ExplainedScore
from serving.translations import Words, sentence
from tests.service import Door, Market, door, log_scores, market

BROWSER = {"Accept": "text/html"}
BACK = {"outcome": "returned"}
Opener = Callable[..., Any]


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("lead")), ticks=True) as opened:
        yield opened


class Window:
    """A browser that keeps its cookies, and reads no script."""

    def __init__(self, service: Door, **how: Any) -> None:
        self.client = httpx.Client(base_url=service.client.base_url, headers=BROWSER, timeout=30, **how)

    def text(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(re.sub(r"\s+", " ", answer.text))

    def send(self, lead: str, fields: dict[str, str], query: str = "") -> httpx.Response:
        token = re.search(r'name="csrf" value="([^"]+)"', self.client.get(f"/leads/{lead}").text)
        assert token
        return self.client.post(f"/leads/{lead}/feedback{query}", data={"csrf": token[1]} | fields)


def best(service: Door) -> str:
    return next(
        str(one["lead_id"])
        for one in service.get("/v1/leads?limit=50").json()["leads"]
        if one["ready_at"] is None
    )  # fmt: skip


@pytest.fixture
def windows():
    """Opens windows on a service; all are closed in the end."""
    with ExitStack() as opened:

        def window(service: Door, **how: Any) -> Window:
            found = Window(service, **how)
            opened.enter_context(found.client)
            return found

        yield window


# --- what sales found --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outcome": "accepted"}, "accepted"),
        (BACK | {"reason": "no_budget"}, "sent back: no budget"),
        (BACK | {"reason": "postponed", "until": "2025-06-20"}, "sent back: postponed until 20 Jun 2025"),
        (BACK | {"reason": "other", "note": " asked for <Anne> "}, "sent back: other reason (asked for <Anne>)"),
        (BACK | {"reason": "not_mature", "until": "", "note": ""}, "sent back: not mature"),
    ],
)
def test_what_is_said_is_kept_and_shown(service: Door, fields: dict[str, str], said: str, windows: Opener):
    lead, window = best(service), windows(service)
    answer = window.send(lead, fields, "?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/leads/{lead}?lang=en#found")
    text = window.text(f"/leads/{lead}")
    assert re.search(rf'class="said" id="said">25 May 2025: {re.escape(said)}<', text)
    event = service.get(f"/v1/leads/{lead}").json()["timeline"][0]
    assert event["kind"] == ("Sales Accepted" if fields["outcome"] == "accepted" else "Lead Returned")
    assert re.search(rf'{event["kind"]} <small class="note">{re.escape(said)}', text)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        (BACK, "reason", "Choisissez la raison du renvoi."),
        (BACK | {"reason": "bored"}, "reason", "Choisissez la raison du renvoi."),
        (BACK | {"reason": "postponed"}, "until", "Indiquez une date entre le 26 mai 2025 et le 26 mai 2027."),
        (BACK | {"reason": "postponed", "until": "2025-05-25"}, "until", "Indiquez une date entre le 26 mai"),
        (BACK | {"reason": "postponed", "until": "tomorrow"}, "until", "Indiquez une date entre le 26 mai"),
        (BACK | {"reason": "other", "until": "2025-06-20"}, "until", "Seul un prospect reporté a une date de rappel."),
        (BACK | {"reason": "other", "note": "x" * 1001}, "note", "Au plus 1 000 caractères."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    service: Door, fields: dict[str, str], field: str, sentence: str, windows: Opener
):
    lead, window = best(service), windows(service)
    count = service.store.counts()["events"]
    answer = window.send(lead, fields, "?lang=fr")
    assert answer.status_code == 422
    text = unescape(re.sub(r"\s+", " ", answer.text))
    assert f'<span class="alert" id="{field}-wrong" role="alert">{sentence}' in text
    assert text.count('role="alert"') == 1
    assert f'aria-describedby="{field}-wrong"' in text
    if "reason" in fields and fields["reason"] != "bored":
        assert f'<option value="{fields["reason"]}" selected>' in text  # what was filled in is not lost
    assert f'href="/leads/{lead}?lang=en"' in text  # the other language of the page, not of what was sent
    assert service.store.counts()["events"] == count


def test_nothing_is_said_without_the_token_of_the_page(service: Door):
    lead = best(service)
    for data in ({}, {"csrf": "x"}):
        answer = service.client.post(f"/leads/{lead}/feedback", data={"outcome": "accepted"} | data, headers=BROWSER)
        assert answer.status_code == 403
    bearer = service.client.post(f"/leads/{lead}/feedback", data={"outcome": "accepted"}, headers=service.key("admin"))
    assert bearer.status_code == 403  # programs have an address of their own


def test_who_only_reads_is_not_asked(tmp_path_factory: pytest.TempPathFactory, windows: Opener):
    with door(market().copy(tmp_path_factory.mktemp("readers")), open_pages=False) as service:
        service.keys["anne"] = keys.create(service.store, "anne", ["read"], now=1, seller="Anne")
        people.add(service.store, "luc", "a long enough password", now=1)
        lead = best(service)
        for key, asked in (("read", False), ("anne", True), ("admin", True)):
            window = windows(service, auth=(service.keys[key], ""))
            assert ("What I found" in window.text(f"/leads/{lead}")) == asked
            if asked:
                assert window.send(lead, BACK | {"reason": "other"}).status_code == 303
            else:
                token = window.client.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
                sent = window.client.post(f"/leads/{lead}/feedback", data={"csrf": token, "outcome": "accepted"})
                assert sent.status_code == 403


def test_of_a_closed_lead_and_of_the_past_nothing_is_asked(service: Door, windows: Opener):
    window, lead = windows(service), best(service)
    assert "What I found" in window.text(f"/leads/{lead}")
    assert "What I found" not in window.text(f"/leads/{lead}?as_of=2025-05-20T00:00:00Z")
    closed = service.get("/v1/leads?limit=1&status=lost").json()["leads"][0]["lead_id"]
    assert "What I found" not in window.text(f"/leads/{closed}")
    token = re.search(r'name="csrf" value="([^"]+)"', window.client.get(f"/leads/{lead}").text)
    assert token
    for one, status in ((closed, 409), ("nobody", 404)):
        sent = window.client.post(f"/leads/{one}/feedback", data={"csrf": token[1], "outcome": "accepted"})
        assert sent.status_code == status
        assert "text/html" in sent.headers["content-type"]


def test_only_what_the_playbook_has_a_name_for_is_asked(tmp_path_factory: pytest.TempPathFactory, windows: Opener):
    made = market().copy(tmp_path_factory.mktemp("unnamed"))
    for gone, left in (("returned", "Accept"), ("ready", "Send back")):
        journey = made.playbook.journey.model_copy(update={gone: ()})
        without = Market(made.workspace, made.playbook.model_copy(update={"journey": journey}), made.bundle, made.now)
        with door(without) as service:
            buttons = re.findall(r"<button class[^>]*>([^<]+)<", windows(service).text(f"/leads/{best(service)}"))
            assert buttons == [left]


# --- the past ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_past_is_what_was_served_with_what_changed(service: Door, language: str, windows: Opener):
    lead, words = best(service), Words(language)
    for days in (21, 14, 7):
        log_scores(service, [lead], days=days)
    path = f"/leads/{lead}?lang={language}"
    text = windows(service).text(path)
    table = text.partition('class="account past"')[2].partition("</table>")[0]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in table.split("<tr>")[2:]]
    assert len(rows) >= 3
    now = service.get(f"/v1/leads/{lead}?lang={language}").json()
    assert round(now["score"]) == int(rows[0][-2])
    for row, before in pairwise(rows):
        assert words.points(int(row[-2]) - int(before[-2] if before is not rows[-1] else before[-1])) == row[-1]
    trend = now["trend"]  # the step before this score was served seven days ago, to the second
    assert words.points(round(now["score"]) - round(trend["score"])) == rows[0][-1]
    plain = re.sub(r"<[^>]+>", "", table).lower()
    for change in trend["changes"]:
        assert abs(change["points"]) < 1 or change["text"].lower() in plain
    for size in ("wide", "narrow"):
        picture = service.client.get(f"/leads/{lead}/history.svg?size={size}&lang={language}", headers=BROWSER)
        assert picture.status_code == 200
        assert words.date(service.clock[0]) in "".join(ElementTree.fromstring(picture.content).itertext())


SCORES = st.floats(0, 100)


@given(SCORES, SCORES, st.lists(st.floats(-30, 30), max_size=4), st.booleans())
def test_what_changed_adds_up_to_the_move_that_is_shown(
    before: float, now: float, parts: list[float], cut_off: bool
):  # fmt: skip
    """Whatever the roundings, and where a limit of the scale cuts something off: that is a line of its own."""
    rest = [] if cut_off else [now - before - math.fsum(parts)]
    changes = tuple(Reason(f"f{place}", None, one, f"part {place}") for place, one in enumerate([*parts, *rest]))
    trend = Trend(0, "scored", before, now - before, changes)
    told = moved(ExplainedScore("L", 0, "scored", "v", score=now, trend=trend), Words("en"))
    assert told is not None
    points = [figure(one["points"]) for one in told["changes"]]
    if round(before) == round(now):
        assert told["sentence"] == "as 7 days ago"
        return
    assert f"({Words('en').points(round(now) - round(before))} point" in told["sentence"]
    assert sum(points) == round(now) - round(before)
    assert 0 not in points


def figure(points: str) -> int:
    return int(points.replace("−", "-"))


def test_the_history_shows_the_difference_of_the_scores_it_shows(service: Door, windows: Opener):
    """A newer model's part, the changes and the limit of the scale add up to it, and it is of the scores beside it."""
    window, steps = windows(service), 0
    leads = [one["lead_id"] for one in service.get("/v1/leads?limit=12").json()["leads"]]
    for days in (9, 6, 3):
        log_scores(service, leads, days=days)
    for lead in leads:
        table = window.text(f"/leads/{lead}").partition('class="account past"')[2].partition("</table>")[0]
        rows = [
            (re.findall(r'<td class="number">([^<]*)</td>', row), re.findall(r'"(?:rise|fall)">([^<]+)<', row))
            for row in table.split("<tr>")[2:]
        ]
        for ((score, points), parts), ((before, _), _) in pairwise(rows):
            assert figure(points) == int(score) - int(before) == sum(map(figure, parts))
            steps += 1
    assert steps > 20


def test_one_reason_has_one_figure_on_every_page(service: Door, windows: Opener):
    """That of the waterfall: on today, in the list, on the card, and where an event of the timeline counted."""
    window, figures = windows(service), 0
    rows = window.text("/leads?limit=20").partition("<tbody")[2].split("<tr ")[1:]
    cards = window.text("/today").split('<li> <p class="points">')[1:]
    for row in rows:
        lead = re.search(r'href="/leads/([^"?]+)"', row)[1]
        page = window.text(f"/leads/{lead}")
        account = dict(
            re.findall(
                r'<tr class="(?:rise|fall)"><th scope="row">(.+?)(?: <small>.*?)?</th><td class="number">(.+?)<', page
            )
        )
        told = service.get(f"/v1/leads/{lead}").json()["reasons"]
        points = {sentence(one["text"]): one["points"] for one in told}
        assert account.keys() == points.keys()
        (weightiest,) = re.findall(r'"(?:rise|fall)">([^<]+)</span> ([^<]+)<', row)
        assert account[weightiest[1].strip()] == weightiest[0]
        best = max(points, key=points.__getitem__)
        for card in cards:
            if f'<h2><a href="/leads/{lead}"' in card:
                assert re.search(r'"rise">([^<]+)<', card)[1] == account[best]
                figures += 1
        for one in told:
            for counted in re.findall(rf"{re.escape(one['about'][1:])} ([+−]\d+)", page):
                same = {account[sentence(one["text"])]}
                others = [other for other in told if other["about"] == one["about"]]
                assert len(others) > 1 or {counted} == same
        link = service.post(f"/v1/leads/{lead}/card-link", {}, "read").json()["url"]
        card = unescape(re.sub(r"\s+", " ", httpx.get(link, headers=BROWSER).text))
        shown = re.findall(r'"(?:rise|fall)">([^<]+)</span> ([^<]+)<', card)
        assert shown
        assert all(account[text.strip()] == points for points, text in shown)
    assert figures >= 3


def test_a_lead_without_a_past_has_no_curve_of_it(service: Door, windows: Opener):
    lead = best(service)
    assert "history.svg" not in windows(service).text(f"/leads/{lead}")
    assert service.client.get(f"/leads/{lead}/history.svg", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_curve_of_readiness_ends_with_the_chance_to_be_ready(service: Door, language: str, windows: Opener):
    lead = best(service)
    assert "readiness.svg" in windows(service).text(f"/leads/{lead}")
    for size in ("wide", "narrow"):
        picture = service.client.get(f"/leads/{lead}/readiness.svg?size={size}&lang={language}", headers=BROWSER)
        assert picture.headers["content-type"] == "image/svg+xml"
        text = "".join(ElementTree.fromstring(picture.content).itertext())
        assert re.search(r"\d+\s?%", text)
        assert Words(language)("days from now") in text
    window = windows(service)
    assert window.send(lead, {"outcome": "accepted"}).status_code == 303
    assert "readiness.svg" not in window.text(f"/leads/{lead}")
    assert service.client.get(f"/leads/{lead}/readiness.svg", headers=BROWSER).status_code == 404


# --- what counted, and what to ask -------------------------------------------------------------------------------


def test_the_events_that_reasons_rest_on_are_marked(service: Door, windows: Opener):
    lead = best(service)
    told = service.get(f"/v1/leads/{lead}").json()
    counted = {
        one["event_id"]
        for reason in told["reasons"]
        for one in reason["evidence"]
        if "event_id" in one and round(reason["points"])
    }
    assert counted
    text = windows(service).text(f"/leads/{lead}")
    assert text.count('<li class="counted">') == len(counted)
    for line in re.findall(r'<li class="counted">.*?</li>', text):
        kind = re.search(r"<span>([^<]+?) <small", line)
        assert kind
        assert kind[1] in {one["kind"] for one in told["timeline"]} | {"Profile completed", "Company completed"}
        assert re.search(r"counted in: .+ [+−]\d+", line)


def test_what_is_not_known_is_worth_points(service: Door, windows: Opener):
    window = windows(service)
    leads = [one["lead_id"] for one in service.get("/v1/leads?limit=60").json()["leads"]]
    seen = 0
    for lead in leads:
        text = window.text(f"/leads/{lead}")
        missing = {one["trait"] for one in service.get(f"/v1/leads/{lead}").json()["missing"]}
        asked = re.findall(r"<dt>([^<]+)</dt><dd>typically ±(\d+) points? \(from (\S+) to (\S+)\)", text)
        assert {name for name, *_ in asked} <= missing
        for _, points, low, high in asked:
            bounds = [int(one.replace("−", "-")) for one in (low, high)]
            assert 1 <= int(points) <= max(map(abs, bounds))
            seen += 1
    assert seen > 5


def test_of_a_long_past_the_newest_is_shown(service: Door, windows: Opener):
    lead = best(service)
    for days in range(1, MOST + 9):
        log_scores(service, [lead], days=days)
    text = windows(service).text(f"/leads/{lead}")
    assert text.partition('class="account past"')[2].partition("</table>")[0].count("<tr>") == 1 + MOST + 1
