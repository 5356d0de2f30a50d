"""The API's reference page in a real Chromium: nothing blocked, no complaint, nothing asked of elsewhere."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.windows import DESK, PHONE, no_overflow
from tests.service import Door, door, market


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("reference"))) as opened:
        yield opened


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_reference(visit: Any, service: Door, size: dict[str, int], scripts: bool):
    asked: list[str] = []
    page = visit(size, scripts=scripts)
    page.on("request", lambda one: asked.append(one.url))
    page.goto("/docs")
    assert page.inner_text("h1") == "The HTTP API"
    assert page.locator("section h2").count() == len(page.locator(".operations li").all())
    page.click("text=POST /v1/score")
    assert page.url.endswith("/docs#score")
    assert page.locator("#score").is_visible()
    page.locator("section[aria-labelledby=score] a", has_text="ScoreRequest").first.click()
    assert page.url.endswith("#record-ScoreRequest")
    assert "lead_ids" in page.inner_text("section[aria-labelledby=record-ScoreRequest]")
    assert page.locator("pre").first.evaluate("one => getComputedStyle(one).overflowX") == "auto"
    assert no_overflow(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") in ("A", "PRE")
    heads = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1])")
    assert heads[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(heads))
    assert asked
    assert all(url.startswith(str(service.client.base_url)) for url in asked)
