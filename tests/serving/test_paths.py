"""Leads whose ids hold slashes and percent signs: every id has pages of its own, and no other's."""

import doctest
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from serving import paths
from serving.metrics import Nameless, named
from serving.pages import lead_path
from serving.paths import coded, decoded
from tests.reading import BROWSER, Text
from tests.service import Door, door, market

PARTS = ["card", "waterfall.svg", "history.svg", "readiness.svg", "feedback"]
CALLS = ["export", "card-link", "feedback"]
IDS = [*(f"x/{one}" for one in dict.fromkeys([*PARTS, *CALLS])), "a/b", "/", "x//", "100%", "a%2Fb", "%252F", "é/ü"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    with door(market().copy(tmp_path_factory.mktemp("paths"))) as opened:
        at = "2025-03-01T09:12:00Z"
        for place, lead in enumerate(["x", "a", *IDS]):
            message = {"type": "track", "messageId": f"path-{place}", "userId": lead, "event": "Lead Created"}
            opened.post("/v1/batch", {"batch": [message | {"timestamp": at, "receivedAt": at}]})
        yield opened


def test_the_examples_of_the_docstrings_hold():
    found = doctest.testmod(paths)
    assert found.failed == 0
    assert found.attempted > 0


@given(st.text(min_size=1))
def test_an_id_comes_out_as_it_went_in(lead: str):
    whole = coded(f"/leads/{quote(lead, safe='')}/card".encode())
    assert decoded(whole.removeprefix("/leads/").removesuffix("/card")) == lead
    assert whole.count("/") == 3


@pytest.mark.parametrize("lead", IDS)
def test_every_id_has_its_pages(service: Door, lead: str):
    path = quote(lead, safe="")
    assert service.get(f"/v1/leads/{path}").json()["lead_id"] == lead
    assert service.get(f"/v1/leads/{path}/export", "admin").json()["lead_id"] == lead
    link = service.post(f"/v1/leads/{path}/card-link", {}, "read").json()
    assert link["lead_id"] == lead
    for address in (lead_path(lead), link["url"]):
        answer = service.client.get(address, headers=BROWSER)
        assert answer.status_code == 200
        assert lead in "".join(Text(answer.text).text)
    page = Text(service.client.get(lead_path(lead), headers=BROWSER).text)
    other = next(one for one in page.all("a", "href") if "lang=fr" in one)
    assert lead in "".join(Text(service.client.get(other, headers=BROWSER).text).text)
    for address in page.all("img", "src"):
        assert service.client.get(address).status_code == 200


def test_a_plain_slash_is_of_the_id_where_no_page_is_meant(service: Door):
    assert service.get("/v1/leads/a/b").json()["lead_id"] == "a/b"
    assert service.get("/v1/leads/a/b/export", "admin").json()["lead_id"] == "a/b"
    assert service.get("/v1/leads/x/export", "admin").json()["lead_id"] == "x"
    assert service.client.get("/leads/x/card", headers=BROWSER).status_code == 403  # the card of x, without a token


def test_a_login_leads_to_the_page_that_was_asked_for(tmp_path):
    with door(market().copy(tmp_path), open_pages=False) as here:
        answer = here.client.get("/leads/x%2Fcard?lang=fr", headers=BROWSER)
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (answer.status_code, asked["next"]) == (303, ["/leads/x%2Fcard?lang=fr"])


def test_it_holds_behind_the_mount_of_the_service_too(service: Door):
    """As serving.service mounts the app: its address hidden outside, given back inside."""

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await service.app(named(scope), receive, send)

    client = TestClient(Nameless(mounted), headers=service.key("read"))
    assert client.get("/v1/leads/x%2Fexport").json()["lead_id"] == "x/export"
    assert client.get("/v1/leads/a%252Fb").json()["lead_id"] == "a%2Fb"
