"""Whom to call: the rule on rankings made by hand, and the page that shows it, to each seller the own leads."""

import doctest
import re
from dataclasses import replace
from datetime import date
from html import unescape
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.journey import Status
from features.words import LANGUAGES
from serving import page_today, people, today
from serving.decisions import least_score
from serving.evidence import Evidence
from serving.feedback import Feedback
from serving.leads import Leads
from serving.models import ModelHolder
from serving.qualify import near
from serving.questions import Question
from serving.ranking import Ranking
from serving.reasons import Trend
from serving.scorer import ExplainedScore
from serving.today import ACTIVE_DAYS, FEW, REST_DAYS, Call, calls, explorations
from serving.translations import Words
from tests.histories import at, playbook
from tests.service import Door, door, market
from veraison.playbook_maturity import Maturity

BOOK = playbook(
    journey={"ready": ["Sales Accepted"], "returned": ["Lead Returned"]}, features={"time_zone": "Asia/Tokyo"}
)
NOW = at(40)  # 10 February 2026, 9 in the morning in Tokyo
BROWSER = {"Accept": "text/html"}


def lead(
    score: float = 70.0, acted: float = 39.0, said: Feedback | None = None, status: Status = Status.scored
) -> dict[str, Any]:  # fmt: skip
    return {"score": score, "acted": acted, "said": said, "status": status}


def returned(day: float, reason: str = "not_mature", until: date | None = None) -> Feedback:
    return Feedback("m", "returned", at(day), reason, until)


def ranking(*leads: dict[str, Any], as_of: int = NOW, least: float = 50.0) -> Ranking:
    signs = {
        name: np.array([one.get(name, False) for one in leads], dtype=np.bool_) for name in ("speaks", "off_topic")
    }
    acted = np.array([at(one["acted"]) for one in leads], dtype=np.int64)
    score = np.array([one["score"] for one in leads], dtype=np.float64)
    return Ranking(
        as_of, [f"L{place}" for place in range(len(leads))],
        np.array([one["status"] for one in leads], dtype=np.int64),
        score, score / 100, acted, acted, acted, [None] * len(leads), [one["said"] for one in leads], "v1", least,
        **signs,
    )  # fmt: skip


def why(one: dict[str, Any], *, day: float = 40) -> str | None:
    found = calls(ranking(one, as_of=at(day)), BOOK)
    return found[0].why if found else None


def test_the_best_that_have_just_acted_are_called():
    assert why(lead()) == "active"
    assert why(lead(score=50)) == "active"  # the least score of the second of four grades
    assert why(lead(score=49.9)) is None
    assert why(lead(acted=40 - ACTIVE_DAYS)) == "active"
    assert why(lead(acted=40 - ACTIVE_DAYS - 0.01)) is None


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.scored])
def test_who_is_closed_or_not_scored_is_not_called(status: Status):
    assert why(lead(status=status)) is None
    assert why(lead(status=status, said=returned(1, "postponed", date(2026, 2, 1)))) is None


def test_who_is_accepted_or_whose_contact_is_wrong_is_not_called_again():
    for day in (40, 400):
        assert why(lead(acted=day - 1, said=Feedback("m", "accepted", at(0))), day=day) is None
        assert why(lead(acted=day - 1, said=returned(0, "wrong_contact")), day=day) is None


@pytest.mark.parametrize(
    "reason", ["not_mature", "no_budget", "other", "postponed", "as another system calls it", None]
)
def test_who_was_sent_back_rests_and_comes_back(reason: Any):
    said = returned(5, reason)
    assert why(lead(said=said), day=5 + REST_DAYS - 0.01) is None
    assert why(lead(said=said), day=5 + REST_DAYS) == "active"
    assert why(lead(said=said, acted=1), day=5 + REST_DAYS) is None  # it must have acted itself


def test_who_was_postponed_comes_back_on_the_day_whatever_the_score():
    """The day begins where the firm is: in Tokyo nine hours before it does in Greenwich."""
    said = returned(5, "postponed", date(2026, 2, 10))  # day 40 begins in Greenwich
    quiet = lead(score=10, acted=1, said=said)
    begins = 40 - 9 / 24
    assert why(quiet, day=begins - 0.001) is None
    assert why(lead(said=said), day=begins - 0.001) is None
    assert why(quiet, day=begins) == "agreed"
    assert why(quiet, day=begins + ACTIVE_DAYS - 0.001) == "agreed"
    assert why(quiet, day=begins + ACTIVE_DAYS + 0.001) is None
    assert why(lead(said=said), day=begins + ACTIVE_DAYS - 0.001) == "agreed"
    assert why(lead(said=said, acted=50), day=begins + ACTIVE_DAYS + 0.001) == "active"


def test_agreed_days_come_first_then_the_score_as_shown_then_the_newest_act():
    agreed = returned(5, "postponed", date(2026, 2, 9))
    found = calls(
        ranking(lead(60), lead(70.4, 38), lead(69.6, 39), lead(90), lead(20, said=agreed), lead(90)), BOOK
    )  # fmt: skip
    assert [call.place for call in found] == [4, 3, 5, 2, 1, 0]
    assert found[0] == Call(4, "agreed")


def test_there_are_few():
    assert len(calls(ranking(*[lead()] * 30), BOOK)) == FEW
    assert calls(ranking(), BOOK) == []


SAID = st.none() | st.builds(
    Feedback,
    st.just("m"),
    st.sampled_from(["accepted", "returned"]),
    st.integers(at(0), at(40)),
    st.sampled_from([None, "postponed", "no_budget", "wrong_contact", "bored"]),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 3, 1)),
)
LEADS = st.lists(st.builds(lead, st.floats(0, 100), st.floats(0, 40), SAID, st.sampled_from(list(Status))), max_size=15)


@given(LEADS, st.randoms())
def test_one_lead_does_not_decide_about_another(leads: list[dict[str, Any]], chance: Any):
    """Whoever is called is called alone too; the order of the ranking decides between equals only."""
    alone = [bool(calls(ranking(one), BOOK)) for one in leads]
    found = calls(ranking(*leads), BOOK, limit=100)
    assert sorted(call.place for call in found) == [place for place, called in enumerate(alone) if called]
    assert calls(ranking(*leads), BOOK, limit=3) == found[:3]
    places = list(range(len(leads)))
    chance.shuffle(places)
    again = calls(ranking(*(leads[place] for place in places)), BOOK, limit=100)
    assert {places[call.place] for call in again} == {call.place for call in found}


@pytest.mark.parametrize(("grades", "least"), [({"all": 0.0}, 0), ({"hot": 60.0, "cold": 0.0}, 60)])
def test_the_upper_half_of_the_grades_is_called(grades: dict[str, float], least: float):
    book = BOOK.model_copy(update={"scoring": BOOK.scoring.model_copy(update={"grades": grades})})
    assert least_score(book) == least


def test_the_bound_of_the_week_is_the_lists():
    assert [one.place for one in calls(ranking(lead(score=60), lead(score=71), least=70.0), BOOK)] == [1]


def test_nobody_is_called_drawn_or_asked_whose_company_was_won_with_or_without_routes():
    book = BOOK.model_copy(update={"exploration": BOOK.exploration.model_copy(update={"share": 0.2})})
    everybody = ranking(*(lead(score=30) for _ in range(40)), *(lead(score=60) for _ in range(4)))
    won = np.arange(44) % 2 == 0
    mine = replace(everybody, company_won=won)
    for chosen in (calls, explorations):
        before = {one.place for one in chosen(everybody, book, limit=44)}
        assert {one.place for one in chosen(mine, book, limit=44)} == {one for one in before if not won[one]} < before
    assert set(near(mine, book, 50.0)) == set(np.flatnonzero(~won).tolist())


def test_no_answer_changes_what_an_act_has_decided():
    found = ranking(lead(score=49) | {"speaks": True}, lead(score=49))
    assert near(found, BOOK, 50.0) == [1]
    silent = BOOK.model_copy(update={"maturity": Maturity.model_validate({"acts": ["Demo"], "score": False})})
    assert near(found, silent, 50.0) == []


@pytest.mark.parametrize("module", [today, page_today])
def test_what_the_docstrings_show(module: Any):
    assert doctest.testmod(module).failed == 0


# --- the page ----------------------------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("today"))) as opened:
        yield opened


def listed(html: str) -> list[str]:
    return re.findall(r'<h2><a href="/leads/([^"?]+)', html)


def cards(html: str) -> list[tuple[str, str]]:
    return list(zip(listed(html), html.split('<li> <p class="points">')[1:], strict=True))


def shown(service: Door, query: str = "", **headers: str) -> str:
    answer = service.client.get(f"/today{query}", headers=BROWSER | headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


def test_each_lead_says_why_how_and_when(service: Door):
    html = shown(service)
    places = listed(html)
    assert 3 <= len(places) <= FEW
    for one, card in cards(html):
        told = service.get(f"/v1/leads/{one}").json()
        assert f"Score {round(told['score'])} of 100" in card
        assert "ready in about" in card
        assert ("7 days" in card) == (told["trend"]["points"] is not None or "no score" in card)
        assert re.search(r'class="to-do">(Call[^<]+)<', card)
    french = shown(service, "?lang=fr")
    assert [one.split("?")[0] for one in listed(french)] == places
    assert "À appeler aujourd’hui" in french
    assert "Parce que" in french


def test_the_same_moment_gives_the_same_page(service: Door):
    moment = isoformat(service.clock[0] - 3 * MICROS_PER_DAY)
    before = shown(service, f"?as_of={moment}")
    service.post(f"/v1/leads/{listed(before)[0]}/feedback", {"outcome": "accepted"})
    service.clock[0] += MICROS_PER_DAY
    assert shown(service, f"?as_of={moment}") == before


def test_what_is_answered_goes_and_what_is_postponed_comes_back(service: Door):
    first, second, third = listed(shown(service))[:3]
    for one, body in (
        (first, {"outcome": "accepted"}),
        (second, {"outcome": "returned", "reason": "postponed", "until": "2025-06-20"}),
        (third, {"outcome": "returned", "reason": "wrong_contact"}),
    ):
        assert service.post(f"/v1/leads/{one}/feedback", body).status_code == 200
    service.clock[0] += 60_000_000
    assert not {first, second, third} & set(listed(shown(service)))
    service.clock[0] += 26 * MICROS_PER_DAY  # 20 June
    still_open = {one["lead_id"] for one in service.get("/v1/leads?limit=1000").json()["leads"]}
    assert second in still_open
    html = shown(service)
    assert listed(html)[0] == second
    assert "Call again, as agreed for 20 Jun 2025." in html
    assert not {first, third} & set(listed(html))


def test_a_seller_begins_the_day_with_the_own_leads(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("sellers")), open_pages=False) as service:
        basic = {"headers": BROWSER, "auth": (service.keys["read"], "")}
        everyone = listed(re.sub(r"\s+", " ", service.client.get("/today", **basic).text))
        mine, theirs = everyone[:2]
        owned = [
            {"type": "identify", "messageId": f"o-{one}", "userId": one, "traits": {"owner": seller},
             "timestamp": "2025-01-02T00:00:00Z", "receivedAt": "2025-01-02T00:00:00Z"}
            for one, seller in ((mine, "Anne"), (theirs, "Bob"))
        ]  # fmt: skip
        assert service.post("/v1/batch", {"batch": owned}).json()["accepted"] == 2
        people.add(service.store, "anne", "a long enough password", now=1, seller="Anne")
        with httpx.Client(base_url=service.client.base_url, headers=BROWSER, follow_redirects=True) as browser:
            token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
            assert token
            form = {"csrf": token[1], "name": "anne", "password": "a long enough password", "next": "/"}
            landed = browser.post("/login", data=form)
            assert landed.url.path == "/today"
            assert mine in listed(re.sub(r"\s+", " ", landed.text))
            assert theirs not in landed.text
            assert browser.get("/?lang=fr").url == browser.base_url.join("/today?lang=fr")
            assert mine in browser.get("/leads?limit=1000").text
            assert theirs not in browser.get("/leads?limit=1000").text


def test_what_counts_is_the_leads_own_act(service: Door):
    """Not what the firm did, nor what was learned of it: from the event log, lead by lead."""
    made, log, now = service.market, service.log(), service.clock[0]
    ranking = Leads(service.store, ModelHolder(made.workspace), made.playbook, lambda: now).ranking()
    firms = {*made.playbook.features.outbound, "identify", "group", "alias"}
    steps = {name for key in ("created", "ready", "returned", "converted", "lost", "opted_out")
             for name in getattr(made.playbook.journey, key)}  # fmt: skip
    differ = 0
    for code in range(len(log.leads)):
        seen = log.visible(code, now)
        acts = [int(log.occurred[row]) for row in range(seen.start, seen.stop)
                if log.kinds[log.kind[row]] not in firms | steps]  # fmt: skip
        assert ranking.last_act[code] == max(acts, default=np.iinfo(np.int64).min)
        differ += bool(acts) and ranking.last_act[code] < ranking.last_activity[code]
    assert differ > 20


def test_nobody_to_call_is_said(service: Door):
    service.clock[0] += 300 * MICROS_PER_DAY
    assert "Nobody to call right now" in shown(service)


def test_what_to_do_follows_from_what_is_known():
    words, active = Words("en"), Call(0, "active")
    row = ExplainedScore("L", NOW, "scored", "v", score=70.0, ready=(2.0, 20.0, 60.0))
    rising = replace(row, trend=Trend(0, "scored", 60.0, 10.0))
    said = returned(3, "postponed", date(2026, 2, 9))

    def told(row: ExplainedScore, call: Call = active, said: Feedback | None = None, **worth: float) -> str:
        asked = [Question(trait, points, -points, points) for trait, points in worth.items()]
        return page_today.to_do(row, call, said, asked, words)

    assert told(rising, Call(0, "agreed"), said) == "Call again, as agreed for 9 Feb 2026."
    assert told(rising) == "Call while it is warm: its score is rising."
    assert told(replace(row, ready=(1.0, 7.0, 9.0))) == "Call this week: it will soon be ready."
    assert told(row) == "Call while it remembers you."
    assert told(row, sector=0.5) == "Call, and ask what is not known yet: sector."
    assert told(row, sector=0.49) == "Call while it remembers you."
    assert told(row, role=4.0, sector=3.0, source=2.0) == "Call, and ask what is not known yet: role, sector."


def test_what_is_most_worth_asking_is_asked_and_no_more(service: Door):
    """As the page of the lead has it, in the order of what an answer is worth."""
    asked = 0
    for one, card in cards(shown(service)):
        told = re.search(r"ask what is not known yet: ([^<]+)\.<", card)
        if told is None:
            continue
        page = service.client.get(f"/leads/{one}", headers=BROWSER).text
        worth = re.findall(r"<dt>([^<]+)</dt><dd>typically", page)
        names = told[1].split(", ")
        assert len(names) <= 2
        assert names[: len(worth)] == worth[: len(names)]
        asked += 1
    assert asked


def test_an_address_stands_once(service: Door):
    moment = isoformat(service.clock[0] - MICROS_PER_DAY)
    first, second, third = listed(shown(service))[:3]
    mails = [service.get(f"/v1/leads/{one}").json()["traits"]["email"]["value"] for one in (first, second)]
    named = {"type": "identify", "messageId": "named", "userId": second, "traits": {"name": "Anne Petit"}}
    odd = {"type": "identify", "messageId": "odd", "userId": third, "traits": {"email": "a@b?bcc=all"}}
    batch = [one | {"timestamp": moment, "receivedAt": moment} for one in (named, odd)]
    assert service.post("/v1/batch", {"batch": batch}).json()["accepted"] == 2
    plain = {one: re.sub(r"<[^>]+>", "\n", card) for one, card in cards(shown(service))}
    assert [plain[one].count(mail) for one, mail in zip((first, second), mails, strict=True)] == [1, 1]
    assert "Anne Petit" in plain[second]
    assert plain[third].count("a@b?bcc=all") == 1  # not an address to write to, and yet what is known


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reason_says_what_was_done(service: Door, language: Any):
    """From the timeline: acts of the reason's evidence, how often and since when in the last 14 days."""
    words, said = Words(language), 0
    since = service.clock[0] - ACTIVE_DAYS * MICROS_PER_DAY
    for one, card in cards(shown(service, f"?lang={language}")):
        told = service.get(f"/v1/leads/{one}?lang={language}").json()
        best = max(told["reasons"], key=lambda reason: reason["points"])
        acts = re.search(r'<span class="rise">[^<]+</span> ([^<]+)<', card)
        assert acts
        text = unescape(acts[1])
        newest = [seen for seen in best["evidence"] if "event_id" in seen]
        if not newest or parse_instant(newest[0]["occurred_at"]) < since or newest[0]["kind"] == "Lead Created":
            assert text.lower() == best["text"].lower()
            continue
        kinds = text.split("), ")
        assert 1 <= len(kinds) <= 2
        assert text.startswith(newest[0]["kind"])
        for kind in kinds:
            name, _, often = kind.rstrip(")").rpartition(" (")
            mine = [
                parse_instant(seen["occurred_at"])
                for seen in told["timeline"]
                if seen["kind"] == name and parse_instant(seen["occurred_at"]) >= since
            ]
            assert words.day_and_month(min(mine)) in often
            assert (f"{len(mine)} " in often) == (len(mine) > 1)
        said += 1
    assert said >= 3


def test_of_many_acts_two_kinds_are_told():
    def act(kind: str, day: float) -> Evidence:
        return Evidence(kind, at(day), f"{kind}-{day}")

    acts = [act("Quote", 39), act("Visited", 38.5), act("Visited", 38.1), act("Demo", 38), act("Quote", 30)]
    told = page_today.what_was_done
    assert told(acts, Words("en")) == "Quote (2 times since 31 Jan), Visited (2 times on 8 Feb)"
    assert told(acts, Words("fr")) == "Quote (2 fois depuis le 31 janv.), Visited (2 fois le 8 févr.)"
    assert told(acts[3:4], Words("en")) == "Demo (8 Feb)"
    assert told([], Words("en")) == ""
