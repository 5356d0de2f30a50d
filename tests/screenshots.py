"""A picture of every page, of a simulated market at a moment that stands still: ``make screenshots``."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image

from tests.browser.windows import DESK, PHONE, browser
from tests.journals import story, write_journal
from tests.service import Door, door, firm, log_scores
from tests.support import ROOT
from veraison.cli import costs, report
from veraison.playbook_file import load_playbook

FOLDER = ROOT / "docs" / "images"
EXAMPLE = ROOT / "docs" / "example"
MOST = 150_000
"""Bytes of a picture at most; a page that is longer is cut where the window ends."""
TALL = {"width": DESK["width"], "height": 1_250}
FRAME = {"width": 420, "height": 460}
SCREENS = {
    "today": ("/today", DESK, "en-GB"),
    "leads": ("/leads?limit=12", DESK, "en-GB"),
    "lead": ("/leads/{lead}", TALL, "en-GB"),
    "record": ("/record", TALL, "en-GB"),
    "monitoring": ("/monitoring", TALL, "en-GB"),
    "monitoring-phone": ("/monitoring", PHONE, "fr-FR"),
    "journey": ("/journey", TALL, "en-GB"),
    "journey-phone": ("/journey", PHONE, "fr-FR"),
    "report_alone": ("{journey}", TALL, "fr-FR"),
    "reports": ("/reports", DESK, "en-GB"),
    "forecast": ("/forecast", TALL, "en-GB"),
    "maturity": ("/maturity", TALL, "en-GB"),
    "contract": ("/contract", TALL, "en-GB"),
    "families": ("/families", TALL, "en-GB"),
    "forgotten": ("/families/forgotten", DESK, "en-GB"),
    "money": ("/money", TALL, "en-GB"),
    "month": ("{month}", TALL, "en-GB"),
    "card": ("{card}", FRAME, "en-GB"),
    "login": ("/login", DESK, "en-GB"),
    "problem": ("/leads/nobody", DESK, "en-GB"),
    "reference": ("/docs", DESK, "en-GB"),
    "today-phone": ("/today", PHONE, "fr-FR"),
    "lead-phone": ("/leads/{lead}", PHONE, "fr-FR"),
}
"""File -> page, window and language; a test holds the files to it."""


def main() -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as service:
        for name, picture in taken(service):
            (FOLDER / f"{name}.png").write_bytes(picture)
            print(f"{FOLDER.name}/{name}.png {len(picture):,} bytes")


@contextmanager
def stage(folder: Path) -> Iterator[Door]:
    """A service that has served scores for some weeks, of a model that knows nothing of these weeks."""
    market = firm(2_500, 330, since=110, open_days=1).copy(folder)
    shutil.copy(EXAMPLE / "playbook.toml", market.workspace.playbook)
    root = market.workspace.root
    with door(replace(market, playbook=load_playbook(market.workspace.playbook))) as service:
        for days in (100, 90, 80, 70, 60, 50, 40, 32, 21, 14, 7):
            log_scores(service, service.log().leads, days=days)
        write_journal(market.workspace.reports, story(service.clock[0]))
        costs.import_costs(EXAMPLE / "costs.csv", workspace=root)
        for measure in report.MEASURED.values():
            measure(workspace=root)
        yield service


def taken(service: Door) -> Iterator[tuple[str, bytes]]:
    """Each screen as PNG, in few colours."""
    leads = service.get("/v1/leads?limit=200").json()["leads"]
    best = next(one["lead_id"] for one in leads if one["score"] < 85 and one["ready_at"] is None)
    card = service.post(f"/v1/leads/{best}/card-link", {}, "read").json()["url"].split("/leads/")[1]
    month = service.market.workspace.root / "month.html"
    report.model(out_file=month, lang="en", workspace=service.market.workspace.root)
    journey = service.market.workspace.root / "journey.html"
    report.journey(out_file=journey, lang="fr", workspace=service.market.workspace.root)
    known = {"lead": best, "card": f"/leads/{card}", "month": month.as_uri(), "journey": journey.as_uri()}
    with browser() as chromium:
        for name, (path, size, locale) in SCREENS.items():
            context = chromium.new_context(viewport=size, locale=locale, base_url=str(service.client.base_url))
            page = context.new_page()
            page.goto(path.format(**known))
            page.wait_for_load_state("networkidle")
            yield name, small(page.screenshot())
            context.close()


def small(picture: bytes) -> bytes:
    """A picture in 256 colours, which pages of text and lines do with; ValueError where that is not small enough."""
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    found = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    held = io.BytesIO()
    found.save(held, "PNG", optimize=True)
    if len(held.getvalue()) > MOST:
        raise ValueError(f"a picture has {len(held.getvalue()):,} bytes; at most {MOST:,} are kept")
    return held.getvalue()


if __name__ == "__main__":
    main()
