"""The page of monitoring in a real Chromium: its charts load, its report runs shut in, nothing asks for a script."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.windows import CONTRASTS, DESK, PHONE, no_overflow
from tests.journals import HOSTILE, story, verdict, write_journal
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("monitoring"))) as opened:
        write_journal(opened.market.workspace.reports, story(opened.clock[0]))
        yield opened


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_lights_and_charts_without_a_script(visit: Any, size: dict[str, int], locale: str):
    page = visit(size, locale, scripts=False)
    page.goto("/monitoring")
    assert page.locator(".lights > li").count() == 7
    labels = {one.split("\n")[0] for one in page.locator(".lights .light").all_inner_texts()}
    assert labels == ({"Well", "Watch", "Act"} if locale == "en-GB" else {"Bien", "À surveiller", "À traiter"})
    page = visit(size, locale)
    page.goto("/monitoring")
    drawn = page.evaluate("[...document.querySelectorAll('.charts img')].map((one) => one.naturalWidth)")
    assert len(drawn) == 3
    assert min(drawn) > 200
    assert no_overflow(page)
    assert page.evaluate(CONTRASTS) == []


def test_each_state_has_a_shape_of_its_own(visit: Any, service: Door):
    """Whoever sees no colours sees a circle, a triangle, a square."""
    page = visit(DESK)
    page.goto("/monitoring")
    shapes = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.lights > li')].map((one) =>
            [one.className, one.querySelector('svg').innerHTML.trim().split(' ')[0]]))"""
    )
    assert len(set(shapes.values())) == len(shapes) == 3


def test_a_report_runs_but_reaches_nothing(chromium: Any, service: Door):
    """Its script runs, in an origin of its own: no cookie, no answer of the service."""
    context = chromium.new_context(base_url=str(service.client.base_url))
    context.add_cookies([{"name": "secret", "value": "1", "url": str(service.client.base_url)}])
    page = context.new_page()
    page.goto("/monitoring")
    page.get_by_role("link", name="Evidently's report").click()
    page.wait_for_function("document.getElementById('said').textContent !== 'not run'")
    assert page.locator("#said").inner_text() == "null refused refused"
    context.close()


def test_names_with_markup_are_shown_as_they_are(visit: Any, tmp_path: Any):
    with door(market().copy(tmp_path)) as here:
        one = verdict(here.clock[0], decision="hold", causes=[{"kind": "source_new", "name": HOSTILE, "acts": True}])
        write_journal(here.market.workspace.reports, [one | {"champion": HOSTILE, "message": HOSTILE}])
        page = visit(PHONE)
        page.goto(f"{here.client.base_url}/monitoring")
        assert page.get_by_text(HOSTILE).first.is_visible()
        assert page.locator("main script").count() == 0
        assert no_overflow(page)
