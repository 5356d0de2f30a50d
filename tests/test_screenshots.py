"""The pictures of the pages: one of each, small, and those that the texts point to are there."""

import re

import pytest

from serving.report_pages import REPORTS
from tests.screenshots import FOLDER, MOST, SCREENS
from tests.support import ROOT

# A template whose name starts with _ is a part of pages.
PAGES = {path.stem for path in (ROOT / "serving" / "templates").glob("[!_]*.html")} - {"base", "report"}
"""Each report has a picture of its own."""


def test_every_page_has_its_picture():
    assert set(SCREENS) >= PAGES | {one.name for one in REPORTS}
    assert {path.stem for path in FOLDER.glob("*.png")} == set(SCREENS), "run: make screenshots"


@pytest.mark.parametrize("name", SCREENS)
def test_a_picture_is_small(name: str):
    picture = (FOLDER / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= MOST


def test_the_pictures_of_the_texts_are_there():
    for text in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (text.parent / target).is_file(), f"{text.name}: {target}"
