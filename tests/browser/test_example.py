"""The worked firm of docs/example, made as its README says; every report of it looked at in a real Chromium."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.report_pages import REPORTS
from tests.browser.test_accessible import broken
from tests.browser.windows import CONTRASTS, DESK, PHONE, browser, listen, no_overflow
from tests.support import ROOT, require
from veraison.playbook import Playbook
from veraison.playbook_file import load_playbook

EXAMPLE = ROOT / "docs" / "example"
MAKE = runpy.run_path(str(EXAMPLE / "make.py"))
FEW = {"--leads": "1500", "--days": "400"}
"""A smaller market for tests than the README's."""
OF_ITS_OWN = {"drift.html"}
"""Evidently's, made of scripts."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked firm, smaller: the same commands, the same playbook."""
    folder = tmp_path_factory.mktemp("example")
    small = folder / "README.md"
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for option, value in FEW.items():
        text, found = re.subn(rf"{option} \d+", f"{option} {value}", text)
        assert found == 1, option
    small.write_text(text, encoding="utf-8")
    made: Path = MAKE["make"](folder / "build", small)
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    require("chromium")
    with browser() as opened:
        yield opened


def test_every_report_there_is_is_made_by_the_readme():
    told = {tuple(command[1:3]) for command in MAKE["commands"]()}
    assert {tuple(one.report.COMMAND.split()[1:3]) for one in REPORTS} <= told
    assert {("report", "model"), ("routes", "check"), ("routes", "leads")} <= told


def test_its_playbook_has_every_table_that_there_is():
    book = load_playbook(EXAMPLE / "playbook.toml")
    left = set(Playbook.model_fields) - book.model_fields_set
    assert left <= {"training", "scoring", "exploration", "monitoring", "pages", "after_sale"}  # its market buys once


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_page_is_whole_on_desk_and_phone(chromium: Any, reports: Path):
    pages = sorted(path for path in reports.glob("*.html") if path.name not in OF_ITS_OWN)
    assert {one.name for one in REPORTS} <= {path.stem for path in pages}
    for size in (DESK, PHONE):
        for path in pages:
            complaints: list[str] = []
            context = chromium.new_context(viewport=size, locale="en-GB", bypass_csp=True)
            asked: list[str] = []
            page = context.new_page()
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            listen(page, complaints)
            page.goto(path.as_uri())
            assert asked == [path.as_uri()], path.name  # it stands alone
            assert page.locator("h1").count() == 1, path.name
            text = page.locator("main").inner_text()
            assert re.search(r"\d", text), path.name
            assert "Nobody has measured it yet" not in text
            assert not re.search(r"\b(nan|None|inf)\b", text), path.name
            assert no_overflow(page), path.name
            assert page.evaluate(CONTRASTS) == [], path.name
            assert broken(page) == [], path.name
            assert complaints == [], path.name
            for chart in page.locator("figure svg").all():
                box = chart.bounding_box()
                assert box is not None, path.name
                assert box["width"] > 200, path.name
            context.close()
