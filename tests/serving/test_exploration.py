"""Leads that chance hands over: on the page today, in answers and in the prediction log; and nothing of it when off."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from data import scorelog
from data.events import MICROS_PER_DAY
from data.exploration import chosen, draw, week_of
from data.journey import Status
from serving.decisions import EXPLORED, hand_over, least_score
from serving.feedback import Feedback
from serving.today import FEW, REST_DAYS, calls, explorations
from serving.translations import Words
from tests.service import Door, door, market
from tests.serving.test_today import BOOK, NOW, lead, listed, ranking, returned, shown
from veraison.answers import LeadsPage, Score
from veraison.playbook import Exploration, Playbook

SHARE = 0.2


def exploring(book: Playbook, share: float = SHARE) -> Playbook:
    return book.model_copy(update={"exploration": Exploration(share=share)})


def drawn(*leads: dict[str, Any], as_of: int = NOW, share: float = 1.0) -> list[int]:
    """Places of the leads that are explored; by default chance chooses everyone."""
    every = Exploration.model_construct(share=share, seed=7)
    book = BOOK.model_copy(update={"exploration": every})
    return [call.place for call in explorations(ranking(*leads, as_of=as_of), book, limit=100)]


# --- the rule ----------------------------------------------------------------------------------------------------


def test_who_is_below_the_list_and_drawn_is_explored_in_the_order_of_the_draw():
    leads = [lead(score) for score in [10.0, 49.9, 50.0, 90.0] * 30]
    week, book = week_of(NOW), exploring(BOOK)
    found = [call.place for call in explorations(ranking(*leads), book, limit=100)]
    expected = [place for place, one in enumerate(leads) if one["score"] < 50 and chosen(f"L{place}", week, SHARE, 7)]
    assert sorted(found) == expected
    assert found == sorted(found, key=lambda place: draw(f"L{place}", week, 7))
    assert 0 < len(found) < 60
    assert explorations(ranking(*leads), BOOK) == []
    assert len(explorations(ranking(*[lead(10)] * 300), book)) == FEW


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.scored])
def test_who_is_closed_or_not_scored_is_not_explored(status: Status):
    assert drawn(lead(10), lead(10, status=status), lead(float("nan"), status=status)) == [0]


def test_what_sales_have_said_is_heeded():
    agreed = returned(5, "postponed", date(2026, 2, 1))
    assert drawn(lead(10, said=Feedback("m", "accepted", NOW - MICROS_PER_DAY))) == []
    assert drawn(lead(10, said=returned(5, "wrong_contact"))) == []
    assert drawn(lead(10, said=returned(40 - REST_DAYS + 0.1))) == []
    assert drawn(lead(10, said=returned(40 - REST_DAYS))) == [0]
    assert drawn(lead(10, said=agreed)) == []
    book = exploring(BOOK)
    assert [one.why for one in calls(ranking(lead(10, said=agreed)), book)] == ["agreed"]


@pytest.mark.parametrize(("score", "accepted", "chance"), [(49.9, False, SHARE), (50.0, False, 1.0), (0.0, True, 1.0)])
def test_the_propensity_of_a_hand_over(score: float, accepted: bool, chance: float):
    found = hand_over("L1", NOW, score, accepted, exploring(BOOK))
    assert found is not None
    assert found.propensity == chance
    assert found.explored == (chance < 1 and chosen("L1", week_of(NOW), SHARE, 7))
    assert hand_over("L1", NOW, score, accepted, BOOK) is None


# --- the service -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    made = market().copy(tmp_path_factory.mktemp("exploring"))
    with door(replace(made, playbook=exploring(made.playbook))) as opened:
        yield opened


def answers(service: Door, **more: Any) -> list[dict[str, Any]]:
    told = service.post("/v1/score", {"lead_ids": [f"L{n:05d}" for n in range(1, 251)]} | more, "read")
    assert told.status_code == 200
    rows: list[dict[str, Any]] = told.json()["scores"]
    return rows


def test_answers_say_who_is_chosen_and_with_what_chance(service: Door):
    week, least, counted = week_of(service.clock[0]), least_score(service.market.playbook), dict[str, int]()
    for one in answers(service):
        Score.model_validate(one, strict=False)
        if one["score"] is None:
            assert "propensity" not in one
            continue
        on_list = one["score"] >= least or one["ready_at"] is not None
        expected = not on_list and chosen(one["lead_id"], week, SHARE, 7)
        assert (one["exploration"], one["propensity"]) == (expected, 1.0 if on_list else SHARE)
        assert one.get("exploration_text") == (EXPLORED if expected else None)
        counted[f"{on_list} {expected}"] = counted.get(f"{on_list} {expected}", 0) + 1
    assert len(counted) == 3
    assert min(counted.values()) >= 3
    french = {one.get("exploration_text") for one in answers(service, lang="fr")}
    assert french == {None, Words("fr")(EXPLORED)}


def test_the_prediction_log_keeps_what_was_answered(service: Door):
    told = {one["lead_id"]: one for one in answers(service)}
    now = service.clock[0]
    logged = {one.lead_id: one for one in scorelog.read(service.store) if one.as_of == now and one.score is not None}
    assert len(logged) > 50
    for lead_id, one in logged.items():
        for name in ("exploration", "propensity"):
            assert one.answer[name] == told[lead_id][name]


def test_lists_and_a_lead_alone_say_the_same(service: Door):
    told = {one["lead_id"]: one for one in answers(service)}
    page = service.get("/v1/leads?limit=1000").json()
    LeadsPage.model_validate(page, strict=False)
    for one in page["leads"]:
        assert [one[name] for name in ("exploration", "propensity")] == [
            told[one["lead_id"]][name] for name in ("exploration", "propensity")
        ]
    some = next(one for one in page["leads"] if one["exploration"])
    alone = service.get(f"/v1/leads/{some['lead_id']}").json()
    assert (alone["exploration"], alone["exploration_text"]) == (True, EXPLORED)
    for language in ("en", "fr"):
        html = service.client.get(f"/leads/{some['lead_id']}?lang={language}", headers={"Accept": "text/html"}).text
        assert Words(language)(EXPLORED).replace("'", "&#39;") in html  # type: ignore[arg-type]


def test_the_page_today_shows_them_after_the_best_and_says_so(service: Door):
    html, told = shown(service), {one["lead_id"]: one for one in answers(service)}
    places = listed(html)
    explored = [one for one in places if told[one]["exploration"]]
    assert 1 <= len(explored) <= FEW
    assert places[-len(explored) :] == explored
    assert html.count(EXPLORED) == len(explored)
    week = week_of(service.clock[0])
    assert [draw(one, week, 7) for one in explored] == sorted(draw(one, week, 7) for one in explored)
    assert shown(service, "?lang=fr").count(Words("fr")(EXPLORED)) == len(explored)


def test_off_it_leaves_no_trace(tmp_path: Any):
    with door(market().copy(tmp_path)) as plain:
        assert not [one for one in answers(plain) if {"exploration", "propensity", "exploration_text"} & one.keys()]
        assert EXPLORED not in shown(plain)
        assert not [one for one in scorelog.read(plain.store) if "propensity" in one.answer]


def test_accepted_by_sales_it_is_handed_over_anyhow(tmp_path: Any):
    made = market().copy(tmp_path)
    with door(replace(made, playbook=exploring(made.playbook))) as here:
        some = next(one["lead_id"] for one in answers(here) if one.get("exploration"))
        assert here.post(f"/v1/leads/{some}/feedback", {"outcome": "accepted"}).status_code == 200
        here.clock[0] += 60_000_000
        again = here.get(f"/v1/leads/{some}").json()
        assert (again["exploration"], again["propensity"]) == (False, 1.0)
        assert again["ready_at"] is not None
        assert some not in listed(shown(here))
