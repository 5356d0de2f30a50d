"""A seller's morning in a real Chromium: today, a lead, sent back, gone from today and in its story. With and without
scripts, in both languages, on a desk and on a phone.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.windows import CONTRASTS, DESK, PHONE, no_overflow
from tests.service import Door, door, log_scores, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("day")), ticks=True) as opened:
        leads = [one["lead_id"] for one in opened.get("/v1/leads?limit=60").json()["leads"]]
        for days in (21, 14, 7):
            log_scores(opened, leads, days=days)
        yield opened


ENGLISH = {
    "locale": "en-GB", "title": "Call these today", "found": "What I found", "reason": "Why it is sent back",
    "until": "Postponed until", "note": "Note (optional)", "send": "Send back", "accept": "Accept", "today": "Today",
    "budget": "No budget", "no reason": "Choose why the lead is sent back.",
    "said": "sent back: no budget (in January)",
    "accepted": "accepted",
}  # fmt: skip
FRENCH = {
    "locale": "fr-FR", "title": "À appeler aujourd’hui", "found": "Ce que j’ai constaté", "reason": "Raison du renvoi",
    "until": "Reporté jusqu’au", "note": "Note (facultative)", "send": "Renvoyer", "accept": "Accepter",
    "today": "Aujourd’hui", "budget": "Pas de budget", "no reason": "Choisissez la raison du renvoi.",
    "said": "renvoyé : pas de budget (in January)", "accepted": "accepté",
}  # fmt: skip


@pytest.mark.parametrize(
    ("size", "words", "scripts"),
    [
        pytest.param(DESK, ENGLISH, False, id="desk, English, without scripts"),
        pytest.param(DESK, FRENCH, True, id="desk, French"),
        pytest.param(PHONE, ENGLISH, True, id="phone, English"),
        pytest.param(PHONE, FRENCH, False, id="phone, French, without scripts"),
    ],
)
def test_a_lead_is_called_sent_back_and_gone_from_today(
    visit: Any, service: Door, size: dict[str, int], words: dict[str, str], scripts: bool
):
    page = visit(size, words["locale"], scripts=scripts)
    page.goto("/today")
    assert page.inner_text("h1") == words["title"]
    assert no_overflow(page)
    calls = page.locator(".calls h2 a").all_inner_texts()
    first = page.locator(".calls h2 a").first
    lead = first.inner_text()
    score = page.locator(".calls .figure").first.inner_text()
    first.click()
    assert page.inner_text("h1") == lead
    assert page.inner_text(".big .figure") == score
    assert page.get_by_role("heading", name=words["found"]).is_visible()
    assert no_overflow(page)
    assert page.evaluate(CONTRASTS) == []

    page.get_by_role("button", name=words["send"]).click()  # with nothing filled in
    alert = page.get_by_role("alert")
    assert alert.inner_text() == words["no reason"]
    assert page.get_by_label(words["reason"]).get_attribute("aria-describedby") == alert.get_attribute("id")
    assert no_overflow(page)
    assert page.evaluate(CONTRASTS) == []
    assert f"422: {page.url}" in visit.complaints
    assert [one for one in visit.complaints if "422" not in one] == []  # the console says it too
    visit.complaints.clear()

    page.get_by_label(words["reason"]).select_option(label=words["budget"])
    page.get_by_label(words["note"]).fill("in January")
    page.get_by_role("button", name=words["send"]).click()
    page.wait_for_url("**/leads/*#found")
    assert page.inner_text("#said").endswith(words["said"])
    assert "Lead Returned" in page.inner_text(".timeline li >> nth=0")
    assert words["said"] in page.inner_text(".timeline li >> nth=0")
    page.reload()  # of the page, not of what was sent
    assert page.locator(".timeline", has_text="in January").count() == 1
    assert no_overflow(page)

    page.get_by_role("link", name=words["today"], exact=True).click()
    assert page.inner_text("h1") == words["title"]
    left = page.locator(".calls h2 a").all_inner_texts()
    assert lead not in left
    assert left[: len(calls) - 1] == calls[1:]
    timeline = service.get(f"/v1/leads/{lead}").json()["timeline"]
    assert timeline[0]["properties"] == {"reason": "no_budget", "note": "in January"}


def test_a_postponed_lead_takes_its_date_and_an_accepted_one_is_ready(visit: Any, service: Door):
    page = visit(PHONE, "en-GB", scripts=False)
    page.goto("/today")
    lead = page.locator(".calls h2 a").first.inner_text()
    page.locator(".say").first.click()
    page.get_by_label(ENGLISH["reason"]).select_option("postponed")
    page.get_by_label(ENGLISH["until"]).fill("2025-07-01")
    page.get_by_role("button", name=ENGLISH["send"]).click()
    assert page.inner_text("#said").endswith("sent back: postponed until 1 Jul 2025")
    page.get_by_role("button", name=ENGLISH["accept"]).click()  # on second thoughts
    assert page.inner_text("#said").endswith(ENGLISH["accepted"])
    assert "accepted by sales on" in page.inner_text(".when")
    assert service.get(f"/v1/leads/{lead}").json()["ready_at"] is not None


def test_the_form_is_reached_and_sent_by_keyboard(visit: Any):
    page = visit(DESK, "en-GB", scripts=True)
    page.goto("/today")
    page.locator(".calls h2 a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name=ENGLISH["accept"]).focus()
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.name || document.activeElement.innerText"))
    assert list(dict.fromkeys(names))[:3] == ["reason", "until", "note"]
    page.get_by_label(ENGLISH["reason"]).focus()
    page.keyboard.type("Wrong")
    page.get_by_role("button", name=ENGLISH["send"]).press("Enter")
    page.wait_for_url("**/leads/*#found")
    assert page.inner_text("#said").endswith("sent back: wrong contact")


def test_the_curves_are_drawn(visit: Any):
    for size, narrow in ((DESK, False), (PHONE, True)):
        page = visit(size, "en-GB", scripts=True)
        page.goto("/today")
        page.locator(".calls h2 a").first.click()
        pictures = page.locator(".line img")
        assert pictures.count() == 2
        for place in range(2):
            picture = pictures.nth(place)
            picture.scroll_into_view_if_needed()
            page.wait_for_function("(one) => one.complete && one.naturalWidth > 200", arg=picture.element_handle())
            drawn = picture.evaluate("(one) => [one.currentSrc.includes('size=narrow'), one.clientHeight]")
            assert drawn[0] == narrow
            assert drawn[1] > 120
        assert no_overflow(page)
