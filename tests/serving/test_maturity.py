"""Whether a lead is mature and by what: the decision, in answers, on pages, on the list of today; else nothing."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data import scorelog
from data.events import MICROS_PER_DAY, Event, isoformat
from data.journey import Status
from data.maturity import on_list
from serving.decisions import hand_over, least_score
from serving.maturity import Decision, Way, decisions
from serving.today import calls, explorations, listed
from serving.translations import Words
from tests.histories import at, identify, log_of, playbook, track
from tests.reading import BROWSER, Text
from tests.service import Door, Market, door, market
from tests.serving.test_today import BOOK, lead, ranking
from veraison.answers import Lead, LeadsPage, Scores
from veraison.cli import app, common
from veraison.playbook import Exploration, Playbook
from veraison.playbook_maturity import Maturity

RULES: dict[str, Any] = {
    "acts": ["Demo"],
    "rules": [{"name": "prices twice", "any": ["Pricing"], "at_least": 2, "within_days": 5}],
    "off_topic": [{"name": "students", "when": {"role": "student"}}],
}
OWN = playbook(features={"traits": {"role": "category"}}, maturity=RULES)


def decided(book: Playbook, score: float, *events: Event, is_open: bool = True) -> Decision | None:
    log = log_of(track("L1", "Lead Created", 0), *events)
    told = decisions(
        log, book, log.codes(["L1"]), np.array([at(60)]), np.array([is_open]), np.array([score]), np.array([50.0])
    )  # fmt: skip
    assert told is not None
    return told[0]


def words_of(found: Decision | None, language: Any = "en") -> str:
    assert found is not None
    return found.told(Words(language)).text


# --- the decision --------------------------------------------------------------------------------------------------


def test_each_way_is_named_with_its_day():
    every = decided(OWN, 71.4, track("L1", "Demo", 55), *(track("L1", "Pricing", day) for day in (50, 52)))
    assert every is not None
    assert every.ways == (Way("act", "Demo", at(55)), Way("rule", "prices twice", at(52)), Way("score"))
    assert every.mature
    assert words_of(every) == (
        "Mature: Demo on 25 Feb 2026; rule prices twice on 22 Feb 2026; score 71, from 50 on."
    )  # fmt: skip
    assert every.told(Words("en")).to_dict() == {
        "mature": True,
        "ways": [
            {"way": "act", "name": "Demo", "at": isoformat(at(55)), "text": "Demo on 25 Feb 2026"},
            {
                "way": "rule",
                "name": "prices twice",
                "at": isoformat(at(52)),
                "text": "rule prices twice on 22 Feb 2026",
            },
            {"way": "score", "name": None, "at": None, "text": "score 71, from 50 on"},
        ],
        "off_topic": None,
        "text": words_of(every),
    }


def test_what_does_not_speak_makes_nobody_mature():
    assert words_of(decided(OWN, 49.9, track("L1", "Demo", 29))) == "Not mature yet."
    assert words_of(decided(OWN, float("nan"), track("L1", "Demo", 31))) == "Mature: Demo on 1 Feb 2026."
    assert decided(OWN, 80, is_open=False) is None
    silent = playbook(maturity={"acts": ["Demo"], "score": False})
    assert words_of(decided(silent, 99.0)) == "Not mature yet."


def test_who_is_off_topic_is_not_mature_whatever_speaks():
    found = decided(OWN, 90.0, track("L1", "Demo", 55), identify("L1", 1, role="Student"))
    assert found is not None
    assert (found.mature, [one.way for one in found.ways], found.off_topic) == (False, ["act", "score"], "students")
    assert words_of(found) == "Off topic: students."


def test_without_the_table_nothing_is_decided():
    log = log_of(track("L1", "Lead Created", 0))
    one = np.zeros(1, dtype=np.int64)
    assert decisions(log, playbook(), one, one + at(1), one == 0, one + 60.0, one + 50.0) is None


def test_the_list_is_of_the_mature():
    score, speaks = np.array([60, 40, 60, 40, np.nan, 60]), np.array([False, True, True, False, True, False])
    off = np.array([False, False, True, False, False, False])
    assert on_list(OWN, score, 50.0, speaks, off).tolist() == [True, True, False, False, True, True]
    assert on_list(playbook(), score, 50.0, speaks, off).tolist() == [True, False, True, False, False, True]
    silent = playbook(maturity={"acts": ["Demo"], "score": False})
    assert on_list(silent, score, 50.0, speaks, off).tolist() == [False, True, False, False, True, False]


def test_today_calls_who_is_mature_and_nobody_off_topic():
    book = BOOK.model_copy(update={"maturity": Maturity(acts=("Demo",))})
    leads = [lead(40), lead(40) | {"speaks": True}, lead(90) | {"off_topic": True}, lead(70)]
    assert [call.place for call in calls(ranking(*leads), book)] == [3, 1]
    assert [call.place for call in calls(ranking(*leads), BOOK)] == [2, 3]
    assert listed(ranking(*leads), book).tolist() == [False, True, False, True]
    exploring = book.model_copy(update={"exploration": Exploration.model_construct(share=1.0, seed=7)})
    leads.append(lead(10) | {"off_topic": True})
    assert [call.place for call in explorations(ranking(*leads), exploring)] == [0]


def test_who_is_mature_is_handed_over_whatever_the_score():
    book = BOOK.model_copy(update={"exploration": Exploration(share=0.1)})

    def propensity(score: float, *, accepted: bool = False, mature: bool | None = None) -> float:
        found = hand_over("L1", at(3), score, accepted, book, mature)
        assert found is not None
        return found.propensity

    assert (propensity(40), propensity(40, mature=True), propensity(60)) == (0.1, 1.0, 1.0)
    assert (propensity(60, mature=False), propensity(60, mature=False, accepted=True)) == (0.1, 1.0)


# --- the service ---------------------------------------------------------------------------------------------------

SIMULATED: dict[str, Any] = {
    "acts": ["Demo Requested", "Quote Requested"],
    "rules": [{"name": "prices twice", "any": ["Viewed Pricing Page"], "at_least": 2, "within_days": 14}],
    "off_topic": [{"name": "career seekers", "events": ["Viewed Careers Page"]}],
}


def ruled(folder: Any) -> Market:
    made = market().copy(folder)
    book = made.playbook.model_copy(
        update={"maturity": Maturity.model_validate(SIMULATED), "exploration": Exploration(share=0.1)}
    )
    return replace(made, playbook=book)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(ruled(tmp_path_factory.mktemp("maturity"))) as opened:
        yield opened


def told(service: Door) -> list[dict[str, Any]]:
    """All open leads, as the list has them."""
    found: list[dict[str, Any]] = service.get("/v1/leads?limit=1000").json()["leads"]
    return found


def test_every_answer_says_it_in_the_same_way(service: Door):
    every = told(service)
    kinds = {(bool(one["maturity"]["ways"]), one["maturity"]["off_topic"]) for one in every}
    assert {(True, None), (False, None), (True, "career seekers")} <= kinds
    assert {way["way"] for one in every for way in one["maturity"]["ways"]} == {"act", "rule", "score"}
    least = least_score(service.market.playbook)
    for one in every:
        ways = [way["way"] for way in one["maturity"]["ways"]]
        assert ("score" in ways) == (one["score"] >= least)
        assert one["maturity"]["mature"] == (bool(ways) and one["maturity"]["off_topic"] is None)
        if one["maturity"]["off_topic"] and one["ready_at"] is None:
            assert "propensity" not in one
        else:
            mature = one["maturity"]["mature"] or one["ready_at"] is not None
            assert one["propensity"] == (1.0 if mature else 0.1)
    chosen = next(one for one in every if len(one["maturity"]["ways"]) > 1)
    name = chosen["lead_id"]
    scored = service.post("/v1/score", {"lead_ids": [name]}).json()["scores"][0]
    alone = service.get(f"/v1/leads/{name}").json()
    assert chosen["maturity"] == scored["maturity"] == alone["maturity"]
    french = service.post("/v1/score", {"lead_ids": [name], "lang": "fr"}).json()["scores"][0]["maturity"]
    assert french["text"].startswith("Mûr")
    assert (french["mature"], len(french["ways"])) == (True, len(chosen["maturity"]["ways"]))
    closed = service.get("/v1/leads?status=converted&limit=1").json()["leads"][0]
    assert "maturity" not in closed
    for model, path in ((LeadsPage, "/v1/leads?limit=5"), (Lead, f"/v1/leads/{name}")):
        found = model.model_validate(service.get(path).json())
        first = found.leads[0] if isinstance(found, LeadsPage) else found
        assert isinstance(first, Lead) or first.maturity is not None


def test_scores_from_a_body_alone_are_judged_too(service: Door):
    now = service.clock[0]
    events = [
        {
            "type": "track",
            "messageId": f"m-{n}",
            "userId": "X1",
            "event": kind,
            "timestamp": isoformat(now - MICROS_PER_DAY),
        }
        for n, kind in enumerate(("Lead Created", "Demo Requested"))
    ]
    answer = Scores.model_validate(service.post("/v1/score", {"events": events}).json()).scores[0]
    assert answer.maturity is not None
    assert [one.name for one in answer.maturity.ways if one.way == "act"] == ["Demo Requested"]


def test_the_log_keeps_what_was_decided(service: Door):
    name = next(one["lead_id"] for one in told(service) if one["maturity"]["mature"])
    service.post("/v1/score", {"lead_ids": [name]})
    with service.store.engine.connect() as connection:
        query = scorelog.scores.select().where(scorelog.scores.c.lead_id == name)
        rows = connection.execute(query).mappings().all()
    assert json.loads(rows[-1]["answer"])["maturity"]["mature"]


def page(service: Door, path: str, language: str = "en") -> str:
    answer = service.client.get(path, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 200
    return " ".join(" ".join(Text(answer.text).text).split())


def test_the_page_of_a_lead_says_it_and_today_too(service: Door):
    every = told(service)
    for one in (every[0], next(one for one in every if one["maturity"]["off_topic"])):
        text = page(service, f"/leads/{one['lead_id']}")
        assert " ".join(one["maturity"]["text"].split()) in text
    today = page(service, "/today")
    assert "Mature by" in today
    aside = sum(1 for one in every if one["maturity"]["off_topic"])
    assert f"{aside} open leads are off topic, and are not called." in today
    off = {one["lead_id"] for one in every if one["maturity"]["off_topic"]}
    assert not any(name in today for name in off)
    assert "hors sujet" in page(service, "/today", "fr")


def test_without_the_table_answers_are_what_they_were(tmp_path: Any):
    with door(market().copy(tmp_path)) as plain:
        first = plain.get("/v1/leads?limit=1").json()["leads"][0]
        assert "maturity" not in first
        assert "maturity" not in plain.get(f"/v1/leads/{first['lead_id']}").json()
        assert "off topic" not in page(plain, "/today")


def test_the_terminal_says_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    made = market().copy(tmp_path)
    table = '\n[maturity]\nacts = ["Demo Requested"]\nscore = false\n'
    made.workspace.playbook.write_text(made.workspace.playbook.read_text() + table)
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    with made.store() as store:
        log = store.scan()
    book = made.playbook.model_copy(update={"maturity": Maturity(acts=("Demo Requested",), score=False)})
    leads = np.arange(len(log.leads), dtype=np.int64)
    now = np.full(len(leads), made.now)
    states = decisions(log, book, leads, now, np.ones(len(leads), dtype=np.bool_), now * np.nan, now * 0 + 50.0)
    assert states is not None
    chosen = next(code for code, one in enumerate(states) if one is not None and one.mature)
    app(["explain", log.leads[chosen], "--as-of", isoformat(made.now)], standalone_mode=False)
    said = capsys.readouterr().out
    if Status.converted.name not in said and Status.lost.name not in said:
        assert "Mature: Demo Requested on" in said
