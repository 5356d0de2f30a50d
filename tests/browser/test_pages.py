"""The pages in a real Chromium: from the list to a lead and back, in both languages, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import people
from tests.browser.windows import CONTRASTS, DESK, PHONE, no_overflow
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("browser"))) as opened:
        yield opened


ENGLISH = ("en-GB", "Leads, the ripest first", "Why this score")
FRENCH = ("fr-FR", "Les prospects, du plus mûr", "Pourquoi ce score")


@pytest.mark.parametrize(
    ("size", "said", "scripts"),
    [
        pytest.param(DESK, ENGLISH, True, id="desk, English"),
        pytest.param(DESK, FRENCH, False, id="desk, French, without scripts"),
        pytest.param(PHONE, FRENCH, True, id="phone, French"),
        pytest.param(PHONE, ENGLISH, False, id="phone, English, without scripts"),
    ],
)
def test_from_the_list_to_a_lead_and_back(visit: Any, size: dict[str, int], said: tuple[str, str, str], scripts: bool):
    locale, title, why = said
    page = visit(size, locale, scripts=scripts)
    page.goto("/")
    assert title in page.inner_text("h1")
    first = page.locator("tbody th a").first
    lead = first.inner_text()
    score = page.locator("tbody .score .figure").first.inner_text()
    assert no_overflow(page)

    first.click()
    page.wait_for_load_state("networkidle")
    assert page.inner_text("h1") == lead
    assert page.inner_text(".big .figure") == score
    assert page.get_by_role("heading", name=why).is_visible()
    picture = page.locator(".waterfall img")
    box = picture.bounding_box()
    assert picture.is_visible()
    assert box["width"] > 300
    assert box["height"] > 200
    assert score in picture.get_attribute("alt")
    assert page.locator(".account tbody tr").last.locator("td").inner_text() == score
    assert no_overflow(page)

    page.get_by_role("link", name="←").click()
    assert title in page.inner_text("h1")


def test_the_picture_is_drawn(chromium: Any, service: Door):
    context = chromium.new_context(viewport=PHONE, base_url=str(service.client.base_url))
    page = context.new_page()
    page.goto("/")
    page.locator("tbody th a").first.click()
    page.wait_for_load_state("networkidle")
    drawn = page.evaluate("""() => { const one = document.querySelector(".waterfall img");
        return [one.complete, one.naturalWidth, one.currentSrc]; }""")
    assert drawn[0] is True
    assert 300 < drawn[1] <= 360
    assert "size=narrow" in drawn[2]
    context.close()


def test_the_language_can_be_changed_and_stays(visit: Any):
    page = visit(DESK)
    page.goto("/")
    page.get_by_role("link", name="Français").click()
    assert page.locator("html").get_attribute("lang") == "fr"
    page.locator("tbody th a").first.click()
    assert page.get_by_role("heading", name="Pourquoi ce score").is_visible()
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", name="Why this score").is_visible()


def test_older_days_unfold(visit: Any, service: Door):
    lead = max(
        service.get("/v1/leads?limit=50").json()["leads"],
        key=lambda one: len(service.get(f"/v1/leads/{one['lead_id']}").json()["timeline"]),
    )
    page = visit(DESK, scripts=False)
    page.goto(f"/leads/{lead['lead_id']}")
    older = page.locator("details .timeline").first
    assert not older.is_visible()
    page.locator("summary").click()
    assert older.is_visible()


def test_the_keyboard_reaches_the_content_first(chromium: Any, service: Door):
    context = chromium.new_context(viewport=DESK, base_url=str(service.client.base_url))
    page = context.new_page()
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('tbody') !== null")
    context.close()


def test_text_and_lines_stand_out_from_the_paper(chromium: Any, service: Door):
    """Every text has the contrast of WCAG AA: 4.5 to 1, or 3 to 1 where it is large."""
    context = chromium.new_context(viewport=DESK, base_url=str(service.client.base_url))
    page = context.new_page()
    for path in ("/", "/leads/L00001"):
        page.goto(path)
        assert page.evaluate(CONTRASTS) == []
    context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_login_opens_the_pages_where_they_are_closed(chromium: Any, tmp_path: Path, size: dict[str, int]):
    """With the cookies and headers that a browser really sends."""
    with door(market().copy(tmp_path), open_pages=False) as service:
        people.add(service.store, "anne@firm.example", "a long enough password", now=1)
        address = str(service.client.base_url)
        context = chromium.new_context(viewport=size, base_url=address)
        page = context.new_page()
        page.goto("/leads/L00001?lang=fr")
        assert page.evaluate(CONTRASTS) == []
        assert no_overflow(page)
        page.get_by_label("Nom ou adresse").fill("anne@firm.example")
        page.get_by_label("Mot de passe").fill("a wrong password")
        page.get_by_role("button", name="Se connecter").click()
        assert page.get_by_role("alert").is_visible()
        assert page.evaluate(CONTRASTS) == []
        page.get_by_label("Nom ou adresse").fill("anne@firm.example")
        page.get_by_label("Mot de passe").fill("a long enough password")
        page.get_by_role("button", name="Se connecter").click()
        page.wait_for_url("**/leads/L00001?lang=fr")
        assert page.locator("h1").inner_text() == "L00001"
        assert page.evaluate(CONTRASTS) == []
        assert no_overflow(page)
        page.get_by_role("button", name="Se déconnecter").click()
        page.wait_for_url("**/login")
        assert page.goto("/").url.endswith("/login?next=%2F")
        context.close()
