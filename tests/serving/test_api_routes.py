"""Where the leads on the list go, over HTTP and on the page of today: what routing says, as far as one may see."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from data.identity import fold
from data.journey import Status
from data.parse import parse_event
from serving import keys
from serving.decisions import least_score
from serving.routing import route, to_seller
from tests.reading import Text
from tests.service import Door, door, firm
from veraison.playbook import Playbook

BROWSER = {"Accept": "text/html", "Accept-Language": "en"}
TEAMS = {"mid": ["Amira", "Bruno"], "rest": ["Claire"]}


def routed_book(book: Playbook) -> Playbook:
    return Playbook.model_validate(
        book.model_dump()
        | {
            "features": book.features.model_dump() | {"traits": {**book.features.traits, "firm": "account"}},
            "routes": [
                {"name": "mid", "when": {"employees": "50..<500"}, "to": "mid"},
                {"name": "rest", "when": {"employees": {"not": "50..<500"}}, "to": "rest"},
            ],
            "routing": {"teams": TEAMS},
        }
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    market = firm(1_000, 250).copy(tmp_path_factory.mktemp("routes"))
    with door(replace(market, playbook=routed_book(market.playbook))) as opened:
        for name in ("Amira", "Claire"):
            opened.keys[name] = keys.create(opened.store, name, ["read"], now=1, seller=name)
        yield opened


def listed(service: Door, scope: str = "read", lang: str = "en") -> list[dict[str, object]]:
    answer = service.get(f"/v1/routes?lang={lang}", scope)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["leads"]
    return found


def test_it_says_what_routing_says_of_the_leads_on_the_list_the_best_first(service: Door):
    told = listed(service)
    every = service.get("/v1/leads?limit=1000").json()["leads"]
    least = least_score(service.market.playbook)
    on_the_list = [one["lead_id"] for one in every if one["score"] >= least]
    to_call = [one for one in on_the_list if service.get(f"/v1/leads/{one}").json()["family"]["name"] == "hot"]
    assert 10 < len(to_call) < len(on_the_list)  # some are with sales
    assert [one["lead_id"] for one in told if one["lead_id"] in on_the_list] == to_call
    assert {one["status"] for one in told} <= {"routed", "exception", "account_won"}
    for one in told:
        assert one["why"]  # every routed lead says why
        if one["status"] == "routed":
            assert one["seller"] in TEAMS[str(one["to"])]


def test_the_same_alone_as_among_all(service: Door):
    log, now = service.log(), service.clock[0]
    ids = [str(one["lead_id"]) for one in listed(service)]
    alone = route(service.market.playbook, log, ids, now)
    told = {one["lead_id"]: one for one in listed(service)}
    assert [told[one.lead_id]["to"] for one in alone] == [one.to for one in alone]


def test_why_is_said_in_the_language_that_is_asked_for(service: Door):
    english, french = listed(service), listed(service, lang="fr")
    assert [one["lead_id"] for one in english] == [one["lead_id"] for one in french]
    assert [one["seller"] for one in english] == [one["seller"] for one in french]
    assert any("It is the turn of" in str(one["why"]) or "has it already" in str(one["why"]) for one in english)
    assert not any("It is the turn of" in str(one["why"]) or "has it already" in str(one["why"]) for one in french)


def test_a_seller_hears_of_nobody_elses_leads(service: Door):
    for name in ("Amira", "Claire"):
        mine = listed(service, name)
        assert {fold(str(one["seller"])) for one in mine if one["seller"]} <= {fold(name)}
        seen = {one["lead_id"] for one in service.get("/v1/leads?limit=1000", name).json()["leads"]}
        assert {one["lead_id"] for one in mine} <= seen


def test_what_a_seller_hears_of_a_company_that_was_won_names_nobody(service: Door):
    whole = route(service.market.playbook, service.log(), ["L00001"], service.clock[0])[0]
    won = replace(whole, status="account_won", seller=None, why="Its company, acme.fr, was won with L9 on 3 March.")
    others = replace(whole, lead_id="L2", seller="Bruno", why="Bruno has L9 of the same company, acme.fr.")
    goes = {"en": {"L1": won, "L2": others, "L3": won}}
    assert to_seller(goes, ["L1", "L2"], "amira") == {"en": {"L1": replace(won, why="")}}
    assert set(to_seller(goes, ["L1", "L2"], "BRUNO")["en"]) == {"L1", "L2"}


def test_today_says_where_each_call_goes(service: Door):
    html = service.client.get("/today", headers=BROWSER).text
    text = " ".join(" ".join(Text(html).text).split())
    goes = {str(one["lead_id"]): one for one in listed(service)}
    shown = [lead for lead in goes if f"/leads/{lead}#found" in html]
    assert shown
    for lead in shown:
        assert f"Goes to {goes[lead]['to']}, {goes[lead]['seller']}" in text
        assert " ".join(str(goes[lead]["why"]).split()) in text


def test_nobody_is_called_whose_company_was_won_with_a_colleague(service: Door):
    """A lead that is called today has a colleague who is won: from then on it is not."""
    now = service.clock[0]
    called = service.client.get("/today", headers=BROWSER).text
    lead = next(str(one["lead_id"]) for one in listed(service) if f"/leads/{one['lead_id']}#found" in called)
    won = "won-colleague"
    at = (np.datetime64("1970-01-01T00:00:00", "us") + np.timedelta64(now - 60_000_000, "us")).item()
    when = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    events = [
        {"type": "identify", "messageId": f"firm-{one}", "userId": one, "timestamp": when, "traits": {"firm": "one.fr"}}
        for one in (lead, won)
    ]
    events += [
        {"type": "track", "messageId": f"{kind}-{won}", "userId": won, "timestamp": when, "event": kind}
        for kind in (service.market.playbook.journey.created[0], service.market.playbook.journey.converted[0])
    ]
    service.store.append(parse_event(one, now=2**60) for one in events)
    assert f"/leads/{lead}#found" not in service.client.get("/today", headers=BROWSER).text
    told = next(one for one in listed(service) if one["lead_id"] == lead)
    assert (told["status"], told["to"]) == ("account_won", None)
    assert won in str(told["why"])
    assert service.get(f"/v1/leads/{lead}").json()["status"] == Status.scored.name


def test_without_routes_it_says_so(tmp_path_factory: pytest.TempPathFactory):
    with door(firm(1_000, 250).copy(tmp_path_factory.mktemp("none"))) as here:
        answer = here.get("/v1/routes")
        assert (answer.status_code, answer.json()["detail"]) == (404, "the playbook has no [[routes]]")
        assert "Goes to" not in here.client.get("/today", headers=BROWSER).text
