"""Every page for everybody: the rules of axe-core and the Tab key, in a real Chromium, on desk and phone."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from starlette.responses import HTMLResponse

from serving import people
from tests.browser.windows import DESK, PHONE, no_overflow
from tests.journals import story, write_journal
from tests.service import Door, door, in_thread, log_scores, market, write_forecast, write_journey

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PASSWORD = "a long enough password"
SCORED = "L00010"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(market().copy(tmp_path_factory.mktemp("axe"))) as opened:
        leads = [one["lead_id"] for one in opened.get("/v1/leads?limit=250").json()["leads"]]
        for days in (60, 45, 14, 7):
            log_scores(opened, leads, days=days)
        write_journal(opened.market.workspace.reports, story(opened.clock[0]))
        write_journey(opened)
        write_forecast(opened)
        yield opened


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service that asks people to log in."""
    with door(market().copy(tmp_path_factory.mktemp("closed")), open_pages=False) as opened:
        people.add(opened.store, "anne", PASSWORD, now=1, seller="Anne")
        yield opened


def addresses(service: Door) -> dict[str, str]:
    """Every kind of page, by what it is."""

    def of_status(status: str) -> str:
        return str(service.get(f"/v1/leads?status={status}&limit=1").json()["leads"][0]["lead_id"])

    link = service.post(f"/v1/leads/{SCORED}/card-link", {}, "read").json()["url"]
    return {
        "leads": "/leads",
        "today": "/today",
        "a lead": f"/leads/{SCORED}",
        "a lead that was won": f"/leads/{of_status('converted')}",
        "a lead that was merged": f"/leads/{of_status('merged')}",
        "the record": "/record",
        "a model's record": f"/record?model_version={service.market.bundle.version}",
        "monitoring": "/monitoring",
        "the reports": "/reports",
        "the journey": "/journey",
        "the forecast": "/forecast",
        "the card": link.removeprefix(str(service.client.base_url).rstrip("/")),
        "no card": "/leads/never/card",
        "a problem": "/leads/never",
        "the login": "/login",
        "the reference": "/docs",
    }


PAGES = (
    "leads", "today", "a lead", "a lead that was won", "a lead that was merged", "the record", "a model's record",
    "monitoring", "the reports", "the journey", "the forecast", "the card", "no card", "a problem", "the login",
    "the reference",
)  # fmt: skip


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_rule_of_axe_is_broken(chromium: Any, service: Door, size: dict[str, int], locale: str):
    known = addresses(service)
    assert set(known) == set(PAGES)
    context = chromium.new_context(
        viewport=size, locale=locale, base_url=str(service.client.base_url), bypass_csp=True
    )  # fmt: skip  # axe itself is a script, which our policy rightly keeps out
    page = context.new_page()
    for name, path in known.items():
        page.goto(path)
        assert broken(page) == [], name
        if page.locator("details").count():
            page.locator("summary").first.click()
            assert broken(page) == [], f"{name}, unfolded"
        assert no_overflow(page), name
    context.close()


def test_the_login_and_what_is_behind_it(chromium: Any, closed: Door):
    context = chromium.new_context(viewport=PHONE, base_url=str(closed.client.base_url), bypass_csp=True)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Name").fill("anne")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert broken(page) == []
    page.get_by_label("Name").fill("anne")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    for path in ("/today", "/leads", f"/leads/{SCORED}", "/record"):
        page.goto(path)
        assert page.get_by_role("button", name="Log out").is_visible()
        assert broken(page) == [], path
    context.close()


def broken(page: Any) -> list[str]:
    """The rules that a page breaks, each with the first place."""
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response
    assert len(found["passes"]) > 10, "axe has looked at nothing"
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_goes_through_a_page_as_it_is_read(chromium: Any, service: Door, name: str, size: dict[str, int]):
    """Each link and field is reached once, in the order of the page, and is seen to have the focus."""
    context = chromium.new_context(viewport=size, locale="en-GB", base_url=str(service.client.base_url))
    page = context.new_page()
    page.goto(addresses(service)[name])
    wanted = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
            .filter((one) => one.type !== 'hidden' && one.checkVisibility())
            .filter((one) => one.type !== 'radio')
            .map((one, place) => { one.dataset.place = place; return place; })"""
    )
    reached = []
    for _ in range(len(wanted) + 12):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
                const box = one.getBoundingClientRect();
                const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
                const own = one.type === 'date' && !one.matches(':focus-visible');  // the browser's button in a date
                return [one.dataset.place ?? null, outlined || own, box.width > 0 && box.left >= 0,
                        one.type ?? '']; }"""
        )
        if seen[0] is None and seen[3] != "radio":
            break
        if seen[0] is not None and int(seen[0]) not in reached[-1:]:  # a date has parts, each reached by itself
            reached.append(int(seen[0]))
        assert seen[1], f"{name}: the focus is not seen at {reached}"
        assert seen[2], f"{name}: what has the focus is not seen at {reached}"
    assert reached == wanted
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_headings_landmarks_and_names(chromium: Any, service: Door, name: str):
    """One main part and one first heading, no level left out, each picture and table with a name, ids once."""
    context = chromium.new_context(viewport=DESK, locale="en-GB", base_url=str(service.client.base_url))
    page = context.new_page()
    page.goto(addresses(service)[name])
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert page.locator("main").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    nameless = page.evaluate(
        """() => [
            ...[...document.querySelectorAll('img')].filter((one) => !one.alt),
            ...[...document.querySelectorAll('section')].filter((one) => !one.getAttribute('aria-labelledby')),
            ...[...document.querySelectorAll('th')].filter((one) => !one.scope),
        ].map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    context.close()


def test_the_card_works_in_a_frame_of_another_site(chromium: Any, tmp_path: Path):
    """A CRM on another origin shows the card, without cookies; the page of the lead it cannot show."""
    crm = FastAPI()
    with in_thread(crm) as address:
        site = address.replace("127.0.0.1", "localhost")
        with door(market().copy(tmp_path), frame_ancestors=site) as here:
            link = here.post(f"/v1/leads/{SCORED}/card-link", {}, "read").json()["url"]
            page_of_lead = link.partition("/card")[0]
            frames = "".join(
                f'<iframe title="{name}" width="380" height="400" src="{source}"></iframe>'
                for name, source in (("card", link), ("lead", page_of_lead))
            )
            crm.get("/")(lambda: HTMLResponse(frames))
            context = chromium.new_context(viewport=DESK)
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(site)
            assert page.frame_locator("iframe[title=card]").locator(".big .figure").inner_text().isdigit()
            assert [one.url for one in page.frames if one.url.endswith(f"/leads/{SCORED}")] == []  # but an error page
            assert len([text for text in said if "frame-ancestors 'none'" in text]) == 1, said
            assert context.cookies() == []
            context.close()
