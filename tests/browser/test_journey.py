"""The page of the journey, and the report that stands alone, in a real Chromium, on desk and phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.page_journey import JOURNEY
from serving.translations import Words
from tests.browser.test_accessible import broken
from tests.browser.windows import CONTRASTS, DESK, PHONE, no_overflow
from tests.reports import write_journey
from tests.service import Door, door, firm


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(firm(1_000, 250).copy(tmp_path_factory.mktemp("journey"))) as opened:
        write_journey(opened)
        yield opened


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_leak_the_charts_and_tables_without_a_script(visit: Any, size: dict[str, int], locale: str):
    page = visit(size, locale, scripts=False)
    page.goto("/journey")
    leak = "The funnel leaks most" if locale == "en-GB" else "L’entonnoir fuit"
    assert page.locator("main p.lede").inner_text().startswith(leak)
    page = visit(size, locale)
    page.goto("/journey")
    drawn = page.evaluate("[...document.querySelectorAll('.chart img')].map((one) => one.naturalWidth)")
    assert len(drawn) == 2
    assert min(drawn) > 200
    assert no_overflow(page)
    assert page.evaluate(CONTRASTS) == []


def test_a_wide_table_is_reached_by_the_keyboard_and_scrolls_by_itself(visit: Any):
    page = visit(PHONE)
    page.goto("/journey")
    wide = page.locator(".scroll", has=page.locator("table", has_text="Paid Search")).last
    assert wide.evaluate("(one) => one.scrollWidth > one.clientWidth")
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(one) => one.scrollLeft > 0", arg=wide.element_handle())


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_report_that_stands_alone(chromium: Any, service: Door, tmp_path: Path, size: dict[str, int]):
    path = tmp_path / "journey.html"
    path.write_text(JOURNEY.alone(write_journey(service), Words("fr")), encoding="utf-8")
    context = chromium.new_context(viewport=size, bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    assert no_overflow(page)
    assert broken(page) == []
    assert page.locator("svg").count() == 2
    context.close()
