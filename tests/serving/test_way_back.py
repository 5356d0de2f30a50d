"""The way back: a return sets what follows, on the page today and among the families, and is told in reasons later."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from data.events import MICROS_PER_DAY
from data.families import Heard
from data.log import NEVER
from serving.details import rests_on
from serving.evidence import Evidence
from serving.feedback import Feedback
from serving.reasons import Reason
from serving.returns import heard, silent_until, was_agreed
from serving.scorer import ExplainedScore
from serving.today import calls
from serving.translations import Words
from serving.way_back import with_returns
from tests.histories import at, playbook
from tests.service import door, market
from tests.serving.test_today import lead, ranking, returned
from veraison.playbook_returns import Return

UTC = ZoneInfo("UTC")
JOURNEY = {"ready": ["Sales Accepted"], "returned": ["Lead Returned"]}
BOOK = playbook(
    journey=JOURNEY,
    returns={"not_mature": {"days": 42}, "no_budget": {"days": "always"}, "other": {"days": 0, "on_date": True}},
)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        (returned(5, "not_mature"), at(47)),
        (returned(5, "no_budget"), NEVER),
        (returned(5, "wrong_contact"), NEVER),
        (returned(5, "postponed", date(2026, 2, 1)), at(31)),
        (returned(5, "postponed"), at(35)),
        (returned(5, "other"), at(5)),
        (returned(5, "other", date(2026, 2, 1)), at(31)),
        (returned(5, "as they call it"), at(35)),
        (returned(5, "not_mature", date(2026, 2, 1)), at(47)),  # a day is agreed for some reasons only
    ],
)
def test_what_follows_a_reason_is_what_the_playbook_says(said: Feedback, until: int):
    assert silent_until(said, UTC, BOOK.returns) == until
    if until != NEVER:
        for moment, rests in ((until - 1, True), (until, False)):
            found = heard(said, BOOK, moment)
            assert (found.rests, found.reason) == (rests, said.reason if rests else None)
        wanted = "agreed" if was_agreed(said, BOOK.returns) else "active"
        acted = (until - at(0)) / MICROS_PER_DAY
        (call,) = calls(ranking(lead(acted=acted, said=said), as_of=until), BOOK)
        assert call.why == wanted
        assert calls(ranking(lead(acted=acted, said=said), as_of=until - 1), BOOK) == []


def test_an_agreed_day_is_heard_for_a_fortnight():
    said = returned(5, "postponed", date(2026, 2, 1))
    assert [heard(said, BOOK, at(day)).agreed for day in (30.9, 31, 44.9, 45)] == [False, True, True, False]
    assert heard(Feedback("m", "accepted", at(1)), BOOK, at(40)) == Heard(None, False, True)
    assert heard(Feedback("m", "returned", at(1)), BOOK, at(4)).reason == "other"
    assert Return().days == 30


def test_a_lead_that_sales_give_back_is_of_the_family_of_its_reason(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        ids = [one["lead_id"] for one in here.get("/v1/leads?limit=3").json()["leads"]]
        day = (date(2000, 1, 1) + timedelta(here.clock[0] // MICROS_PER_DAY - 10_957 + 20)).isoformat()
        said: list[dict[str, Any]] = [
            {"outcome": "returned", "reason": "postponed", "until": day},
            {"outcome": "returned", "reason": "wrong_contact"},
            {"outcome": "returned", "reason": "not_mature"},
        ]
        for lead_id, one in zip(ids, said, strict=True):
            assert here.post(f"/v1/leads/{lead_id}/feedback", one).status_code == 200
        here.clock[0] += 1
        found = [here.get(f"/v1/leads/{lead_id}").json()["family"] for lead_id in ids]
        assert [one["name"] for one in found] == ["postponed", "wrong_contact", "nurture"]
        assert found[2]["next"] == "Nurture it: sales found it not mature yet."
        here.clock[0] += 21 * MICROS_PER_DAY
        assert here.get(f"/v1/leads/{ids[0]}").json()["family"]["name"] == "hot"
        mine = [
            event for event in here.get(f"/v1/leads/{ids[0]}").json()["timeline"] if event["kind"] == "Lead Returned"
        ]
        back = Evidence("Lead Returned", here.clock[0], mine[0]["event_id"])
        act = Evidence("Visited", here.clock[0], "m-1")
        reason = Reason("count__lead_returned__90d", 1.0, -3.0, "Lead Returned: 1 in 90 days", evidence=(back, act))
        row = ExplainedScore(ids[0], here.clock[0], "scored", "v1", reasons=(reason,))
        (told,) = with_returns(row, here.store, here.market.playbook.journey, "en").reasons
        words = Words("en")
        until, on = words.day(date.fromisoformat(day)), words.date(back.at)
        assert rests_on(told, words) == f"came back on {on}: postponed until {until}, Visited {on}"
        assert told.evidence is not None
        assert told.evidence[0].to_dict()["text"] == f"came back on {on}: postponed until {until}"
        assert "text" not in told.evidence[1].to_dict()
        (french,) = with_returns(row, here.store, here.market.playbook.journey, "fr").reasons
        assert french.evidence is not None
        assert french.evidence[0].said.startswith("revenu le ")
