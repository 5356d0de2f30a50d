"""One Chromium for the tests of a file, and its windows on the `service` that the file opens."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.windows import browser, listen
from tests.service import Door
from tests.support import require


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    require("chromium")
    with browser() as opened:
        yield opened


@pytest.fixture
def visit(chromium: Any, service: Door) -> Iterator[Any]:
    """Opens a window on the service; at its end nothing must have been complained of, but what a test took away."""
    complaints: list[str] = []
    contexts = []

    def opened(size: dict[str, int], locale: str = "en-GB", *, scripts: bool = True) -> Any:
        address = str(service.client.base_url)
        context = chromium.new_context(viewport=size, locale=locale, base_url=address, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        listen(page, complaints)
        return page

    opened.complaints = complaints  # type: ignore[attr-defined]  # a function is the shortest way to say "visit(DESK)"
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
