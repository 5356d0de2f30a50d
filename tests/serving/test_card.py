"""The card of a lead: who may frame it, for whom a link is good, and until when."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, isoformat
from data.store import Store
from serving import keys
from serving.card_links import CardLinks, Link
from tests.reading import BROWSER, Text
from tests.service import Door, door, market
from veraison.answers import CardLink

CRM = "https://crm.example https://*.force.com"
MINE, THEIRS, NOBODYS = "L00001", "L00002", "L00010"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """Pages that ask for a login, a CRM that may frame cards, and leads of two sellers."""
    with door(market().copy(tmp_path_factory.mktemp("card")), open_pages=False, frame_ancestors=CRM) as opened:
        opened.keys["anne"] = keys.create(opened.store, "anne", ["read"], now=1, seller="Anne")
        opened.post("/v1/batch", {"batch": [owned(MINE, "Anne", 2), owned(THEIRS, "Bob", 2)]})
        yield opened


def owned(lead: str, seller: str, day: int) -> dict[str, Any]:
    at = f"2025-01-{day:02}T00:00:00Z"
    name = f"owner-{lead}-{seller}-{day}"
    return {
        "type": "identify",
        "messageId": name,
        "userId": lead,
        "traits": {"owner": seller},
        "timestamp": at,
        "receivedAt": at,
    }


def link(service: Door, lead: str = NOBODYS, scope: str = "read", **asked: Any) -> str:
    """The path and query of a fresh link."""
    answer = service.post(f"/v1/leads/{lead}/card-link", asked, scope)
    assert answer.status_code == 200, answer.text
    told = CardLink.model_validate_json(answer.content)
    assert told.lead_id == lead
    whole = urlsplit(told.url)
    assert f"{whole.scheme}://{whole.netloc}" == str(service.client.base_url).rstrip("/")
    return f"{whole.path}?{whole.query}"


def look(service: Door, address: str, **headers: str) -> Any:
    return service.client.get(address, headers=BROWSER | headers)


def text_of(answer: Any) -> str:
    return " ".join("".join(Text(answer.text).text).split())


def test_a_link_shows_the_lead_without_login_or_cookie(service: Door):
    answer = look(service, link(service))
    one = service.get(f"/v1/leads/{NOBODYS}?reasons=3").json()
    assert answer.status_code == 200
    text = text_of(answer)
    assert f"Score {round(one['score'])} of 100" in text
    for reason in one["reasons"][:3]:
        assert reason["text"][1:] in text
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    french = look(service, link(service), **{"Accept-Language": "fr"})
    assert f"Score {round(one['score'])} sur 100" in text_of(french)


def test_only_the_card_may_be_framed_and_only_by_those_who_may(service: Door):
    address = link(service)
    for path in (address, "/leads/never/card", f"{address}x"):
        policy = look(service, path).headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors {CRM}")
        assert "unsafe" not in policy
    admin = {"Authorization": service.key("admin")["Authorization"]}
    others = [
        "/",
        "/leads",
        "/record",
        "/record/chart.svg",
        f"/leads/{MINE}",
        f"/leads/{MINE}/waterfall.svg",
        "/login",
        "/nothing",
    ]
    for path in (*others, "/v1/status", "/static/veraison.css", "/openapi.json"):
        policy = look(service, path, **admin).headers["content-security-policy"]
        assert ("frame-ancestors 'none'" in policy) or path.endswith(".svg"), path
        assert "crm.example" not in policy


def test_without_a_setting_nobody_may_frame_it(tmp_path: Path):
    with door(market().emptied(tmp_path)) as here:
        assert look(here, "/leads/x/card").headers["content-security-policy"].endswith("frame-ancestors 'none'")


def test_a_link_is_good_for_its_lead_alone(service: Door):
    token = parse_qs(urlsplit(link(service)).query)["token"][0]
    assert look(service, f"/leads/{NOBODYS}/card?token={token}").status_code == 200
    for other in (MINE, THEIRS, "never", f"{NOBODYS} ", NOBODYS.lower(), f"card {NOBODYS}"):
        answer = look(service, f"/leads/{other}/card?token={token}")
        assert answer.status_code == 403
        assert "This link has ended, or is not for this lead." in text_of(answer)


def test_a_link_that_somebody_changed_is_refused(service: Door):
    token = parse_qs(urlsplit(link(service)).query)["token"][0]
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        if place == len(token) - 1:
            continue  # the last letter's lowest bits are not of the signature
        changed = f"{token[:place]}{other}{token[place + 1 :]}"
        assert look(service, f"/leads/{NOBODYS}/card?token={changed}").status_code == 403
    for wrong in ("", "x", token[:-5], token + token, "%00", "é", "." * 50):
        assert look(service, f"/leads/{NOBODYS}/card?token={wrong}").status_code == 403
    assert look(service, f"/leads/{NOBODYS}/card?token={'x' * 2001}").status_code == 422
    assert look(service, f"/leads/{NOBODYS}/card").status_code == 403
    problem = service.client.get(f"/leads/{NOBODYS}/card?token=x")
    assert (problem.status_code, problem.headers["content-type"]) == (403, "application/problem+json")


def test_a_link_ends(service: Door):
    answer = service.post(f"/v1/leads/{NOBODYS}/card-link", {"days": 2}, "read").json()
    assert answer["until"] == isoformat(service.clock[0] + 2 * MICROS_PER_DAY)
    address = answer["url"].removeprefix(str(service.client.base_url).rstrip("/"))
    service.clock[0] += 2 * MICROS_PER_DAY - 1
    assert look(service, address).status_code == 200
    service.clock[0] += 1
    assert look(service, address).status_code == 403
    service.clock[0] -= 2 * MICROS_PER_DAY


def test_a_link_sees_with_its_sellers_eyes(service: Door):
    mine, theirs = link(service, MINE, "anne"), link(service, THEIRS, seller="bob")
    assert look(service, mine).status_code == look(service, theirs).status_code == 200
    refused = service.post(f"/v1/leads/{THEIRS}/card-link", {}, "anne")
    never = service.post("/v1/leads/never/card-link", {}, "anne")
    assert (refused.status_code, refused.text.replace(THEIRS, "never")) == (404, never.text)
    assert service.post(f"/v1/leads/{MINE}/card-link", {"seller": "Bob"}, "anne").status_code == 403
    assert service.post(f"/v1/leads/{MINE}/card-link", {"seller": " ANNE "}, "anne").status_code == 200
    assert service.post(f"/v1/leads/{MINE}/card-link", {"seller": "Bob"}, "read").status_code == 404
    service.post("/v1/batch", {"batch": [owned(MINE, "Bob", 3)]})
    gone = look(service, mine)
    assert gone.status_code == 404
    assert "Nothing is known of this lead any more." in text_of(gone)
    service.post("/v1/batch", {"batch": [owned(MINE, "Anne", 4)]})
    assert look(service, mine).status_code == 200


@pytest.mark.parametrize(
    "body", [{"days": 0}, {"days": 366}, {"days": 1.5}, {"days": True}, {"seller": ""}, {"until": "2026"}]
)
def test_what_cannot_be_asked_for(service: Door, body: dict[str, Any]):
    answer = service.post(f"/v1/leads/{NOBODYS}/card-link", body, "read")
    assert (answer.status_code, answer.json()["status"]) == (422, 422)


def test_an_erased_lead_and_one_that_opted_out_get_a_polite_card(tmp_path: Path):
    with door(market().copy(tmp_path)) as here:
        stop = here.market.playbook.journey.opted_out
        one, other = link(here, MINE), link(here, NOBODYS)
        email = here.get(f"/v1/leads/{MINE}").json()["traits"]["email"]["value"]
        assert here.client.request("DELETE", f"/v1/leads/{NOBODYS}", headers=here.key("admin")).status_code == 200
        gone = look(here, other)
        assert (gone.status_code, NOBODYS in gone.text) == (404, False)
        assert "On ne sait plus rien de ce prospect." in text_of(look(here, other, **{"Accept-Language": "fr"}))
        if not stop:
            pytest.fail("the market's playbook names no opt-out")
        at = isoformat(here.clock[0] - 1_000_000)
        message = {
            "type": "track",
            "messageId": "stop",
            "userId": MINE,
            "event": stop[0],
            "timestamp": at,
            "receivedAt": at,
        }
        assert here.post("/v1/batch", {"batch": [message]}).json()["accepted"] == 1
        opted_out = look(here, one)
        assert opted_out.status_code == 200
        assert "this person does not want it" in opted_out.text
        assert not {email, MINE} & set(re.findall(r"[\w.@-]+", opted_out.text))


def test_a_lead_that_goes_on_under_another_id_shows_that_one(service: Door):
    merged = service.get("/v1/leads?status=merged&limit=1").json()["leads"][0]["lead_id"]
    target = service.get(f"/v1/leads/{merged}").json()["merged_into"]
    text = look(service, link(service, merged)).text
    assert f"/leads/{target}" in text


def test_a_rotation_keeps_the_links_of_the_secret_before(store_url: str):
    with Store(store_url) as store:
        links, made = CardLinks(store), Link("L1", "Anne", 100)
        tokens = [links.token(made)]
        links.rotate()
        tokens.append(links.token(made))
        assert [CardLinks(store).read("L1", token, 99) for token in tokens] == [made, made]
        links.rotate()
        tokens.append(links.token(made))
        assert [links.read("L1", token, 99) for token in tokens] == [None, made, made]
        links.rotate(end_all=True)
        assert [links.read("L1", token, 99) for token in tokens] == [None, None, None]
        assert links.read("L1", links.token(made), 99) == made


@given(lead=st.text(min_size=1), seller=st.none() | st.text(), until=st.integers(0, 2**62), other=st.text())
def test_what_a_token_proves_is_what_was_signed(lead: str, seller: str | None, until: int, other: str):
    with Store("sqlite://") as store:
        links = CardLinks(store)
        token = links.token(Link(lead, seller, until))
        assert links.read(lead, token, until - 1) == Link(lead, seller, until)
        assert links.read(lead, token, until) is None
        assert other == lead or links.read(other, token, until - 1) is None
        assert links.read(lead, other, 0) is None


def test_sessions_and_links_have_secrets_of_their_own(service: Door):
    look(service, "/login")
    link(service)
    with service.store.engine.connect() as connection:
        told = dict(connection.exec_driver_sql("SELECT name, value FROM meta").all())
    assert told["session_secret"] not in told["card_secrets"]
