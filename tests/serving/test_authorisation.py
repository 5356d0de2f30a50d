"""Every route x {no key, unknown, revoked, ended, wrong scope, other seller's lead}, as one table.

The routes are read from the app: one that is not in the table fails.
"""

import base64
import re
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import polars as pl
import pytest

from serving import keys, people
from tests.journals import story, write_journal
from tests.reports import write_reports
from tests.service import Door, door, log_scores, market
from veraison.playbook_routes import Route

TRACK = {"type": "track", "messageId": "t", "userId": "T1", "event": "Pricing Page Viewed"}
KINDS = ("track", "identify", "page", "screen", "group", "alias")
PARTS_OF_MONITORING = ("conversions.svg", "scores.svg", "events.svg", "drift.html")
TABLE: dict[tuple[str, str], str] = {
    **{("POST", f"/v1/{path}"): "ingest" for path in ("batch", "import", "hooks/{mapping}", *KINDS)},
    ("POST", "/v1/score"): "read",
    ("GET", "/v1/leads"): "read",
    ("GET", "/v1/leads/{lead_id:path}"): "read",
    ("POST", "/v1/leads/{lead_id:path}/feedback"): "judge",
    ("GET", "/v1/leads/{lead_id:path}/export"): "admin",
    ("DELETE", "/v1/leads/{lead_id:path}"): "admin",
    ("GET", "/v1/qualify"): "read",
    ("GET", "/v1/record"): "read",
    ("GET", "/v1/monitoring"): "read",
    ("GET", "/v1/routes"): "read",
    ("GET", "/v1/reports"): "read",
    ("GET", "/v1/reports/{name}"): "read",
    ("POST", "/v1/leads/{lead_id:path}/card-link"): "read",
    ("GET", "/leads/{lead_id:path}/card"): "signed",
    ("GET", "/v1/status"): "read",
    ("GET", "/"): "page",
    ("GET", "/today"): "page",
    ("GET", "/leads"): "page",
    ("GET", "/leads/{lead_id:path}"): "page",
    ("GET", "/leads/{lead_id:path}/history.svg"): "page",
    ("GET", "/leads/{lead_id:path}/readiness.svg"): "page",
    ("POST", "/leads/{lead_id:path}/feedback"): "page form",
    ("GET", "/leads/{lead_id:path}/waterfall.svg"): "page",
    ("GET", "/record"): "page",
    ("GET", "/record/chart.svg"): "page",
    ("GET", "/reports"): "page",
    ("GET", "/contract"): "page",
    **{("GET", f"/contract/{name}.svg"): "page" for name in ("volume", "bound")},
    ("GET", "/journey"): "page",
    **{("GET", f"/journey/{name}.svg"): "page" for name in ("flow", "time")},
    ("GET", "/families"): "page",
    ("GET", "/families/leads.svg"): "page",
    ("GET", "/families/forgotten"): "page",
    ("GET", "/maturity"): "page",
    **{("GET", f"/maturity/{name}.svg"): "page" for name in ("share", "weeks")},
    ("GET", "/money"): "page",
    **{("GET", f"/money/{name}.svg"): "page" for name in ("sources", "touches")},
    ("GET", "/forecast"): "page",
    **{("GET", f"/forecast/{name}.svg"): "page" for name in ("sales", "ready")},
    ("GET", "/monitoring"): "page",
    **{("GET", f"/monitoring/{name}"): "page" for name in PARTS_OF_MONITORING},
    ("GET", "/login"): "open",
    ("POST", "/login"): "form",
    ("POST", "/logout"): "form",
    ("GET", "/login/oidc"): "open",
    ("GET", "/login/oidc/back"): "form",
    ("GET", "/openapi.json"): "open",
    ("GET", "/docs"): "open",
}
"""Who may use a route: a scope; ``page``: that of reading, or a login; ``judge``: that of sending events in, or a
seller; ``form``: who comes from a page of ours; ``page form``: both, of somebody who may judge."""
ALLOWED = {
    "ingest": ("ingest", "admin"), "read": ("read", "admin"), "page": ("read", "admin"), "admin": ("admin",),
    "judge": ("ingest", "admin"),
}  # fmt: skip
SELLERS = ("read", "page", "judge")
"""Rules that let a seller's own key in."""
"""Scopes of the keys that a rule lets in."""
FEEDBACK, SENT_BACK = "/v1/leads/{lead_id:path}/feedback", {"outcome": "returned", "reason": "other"}
WHOLE = sorted(route for route, rule in TABLE.items() if "{" not in route[1] and rule in ("read", "page"))
OF_LEAD = sorted(
    route for route, rule in TABLE.items() if "{lead_id" in route[1] and rule not in ("admin", "page form", "signed")
)
ADMINS = sorted(route for route, rule in TABLE.items() if rule == "admin")
_PASSING = count()
PASSWORD = "a long enough password"
OIDC = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "us", "oidc_client_secret": "secret"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    """A service whose pages are not open, with keys of every kind, and leads of two sellers."""
    where = market().copy(tmp_path_factory.mktemp("access"))
    routes = where.playbook.model_copy(update={"routes": (Route(name="all", to="sales"),)})
    with door(replace(where, playbook=routes), open_pages=False, **OIDC) as opened:
        store = opened.store
        write_journal(opened.market.workspace.reports, story(opened.clock[0]))
        write_reports(opened)
        opened.keys["revoked"] = keys.create(store, "revoked", ["admin"], now=1)
        keys.revoke(store, "revoked", now=2)
        opened.keys["ended"] = keys.create(store, "ended", ["admin"], now=1, until=3)
        opened.keys["unknown"] = keys.PREFIX + "A" * 43
        opened.keys["anne"] = keys.create(store, "anne", ["read"], now=1, seller=" ANNE")
        people.add(store, "anne", PASSWORD, now=1, seller="Anne")
        opened.post("/v1/batch", {"batch": [owned(MINE, "Anne"), owned(THEIRS, "Bob"), owned(EMPTY, "")]})
        opened.post("/v1/batch", {"batch": [joined("a-bob", THEIRS), joined("a-anne", MINE)]})
        log_scores(opened, [MINE, THEIRS, EMPTY, NOBODYS], days=7)
        yield opened


MINE, THEIRS, EMPTY, NOBODYS = "L00001", "L00002", "L00005", "L00010"  # all are scored


def owned(lead: str, seller: str) -> dict[str, Any]:
    return {
        "type": "identify", "messageId": f"owner-{lead}", "userId": lead, "traits": {"owner": seller},
        "timestamp": "2025-01-02T00:00:00Z", "receivedAt": "2025-01-02T00:00:00Z",
    }  # fmt: skip


def joined(anonymous: str, lead: str) -> dict[str, Any]:
    return {
        "type": "alias", "messageId": f"alias-{anonymous}", "previousId": anonymous, "userId": lead,
        "timestamp": "2025-01-03T00:00:00Z", "receivedAt": "2025-01-03T00:00:00Z",
    }  # fmt: skip


def passing(service: Door) -> str:
    """A lead that is there to be erased."""
    lead = f"P{next(_PASSING)}"
    assert service.post("/v1/batch", {"batch": [TRACK | {"messageId": lead, "userId": lead}]}).json()["accepted"] == 1
    return lead


def authorization(key: str, *, basic: bool = False) -> dict[str, str]:
    encoded = base64.b64encode(f"{key}:".encode()).decode()
    return {"Authorization": f"Basic {encoded}" if basic else f"Bearer {key}"}


def ask(service: Door, method: str, path: str, lead: str = MINE, headers: dict[str, str] | None = None) -> Any:
    address = path.replace("{lead_id:path}", lead).replace("{mapping}", "hubspot").replace("{name}", "journey")
    bodies: dict[str, Any] = {"/v1/score": {"lead_ids": [lead]}, "/v1/hooks/{mapping}": [], FEEDBACK: SENT_BACK}
    bodies["/v1/leads/{lead_id:path}/card-link"] = {}
    body = bodies.get(path, {"batch": []})
    more = {"json": body} if path.startswith("/v1/") and method == "POST" else {}
    return service.client.request(method, address, headers=headers, follow_redirects=True, **more)


def routes(service: Door) -> set[tuple[str, str]]:
    """Every method and path that the app answers."""
    found: set[tuple[str, str]] = set()
    for route in service.app.routes:
        inner = route.original_router.routes if hasattr(route, "original_router") else [route]
        found |= {(method, one.path) for one in inner for method in getattr(one, "methods", None) or ("MOUNT",)}
    return found


def test_every_route_has_a_rule(guarded: Door):
    assert routes(guarded) - {("HEAD", "/openapi.json"), ("MOUNT", "/static")} == set(TABLE)


@pytest.mark.parametrize(("method", "path"), sorted(TABLE))
def test_authorisation(guarded: Door, method: str, path: str):
    def status(key: str | None, *, basic: bool = False) -> int:
        headers = {} if key is None else authorization(guarded.keys[key], basic=basic)
        lead = passing(guarded) if method == "DELETE" else MINE
        answer = ask(guarded, method, path, lead, headers)
        if answer.status_code in (401, 403):
            assert answer.headers["content-type"] == "application/problem+json"
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
        return int(answer.status_code)

    rule = TABLE[method, path]
    if rule == "open":
        assert status(None) in (200, 503)  # the issuer of this test does not answer
        return
    if rule == "signed":
        assert {status(key) for key in (None, "unknown", "ingest", "read", "admin", "anne")} == {403}
        return
    if rule == "form":
        assert [status(key) for key in (None, "admin")] == [403, 403]
        return
    assert [status(key) for key in (None, "unknown", "revoked", "ended")] == [401, 401, 401, 401]
    if rule == "page form":
        assert [status(key) for key in ("admin", "read", "ingest", "anne")] == [403] * 4  # without the token of a page
        return
    allowed = ALLOWED[rule]
    assert {status(wrong) for wrong in ("ingest", "read") if wrong not in allowed} == {403}
    for right in allowed:
        assert status(right) == 200
        assert status(right, basic=True) == 200
    assert status("anne") == (200 if rule in SELLERS else 403)


def test_problems_of_access_are_described(guarded: Door):
    described = guarded.client.get("/openapi.json").json()["paths"]
    for _, path in TABLE:
        if path.startswith("/v1/"):
            for operation in described[path.replace(":path", "")].values():
                assert {"401", "403", "429"} <= set(operation["responses"]), path


# --- sellers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anne(guarded: Door):
    """A browser in which Anne has logged in."""
    with httpx.Client(base_url=guarded.client.base_url, headers={"Accept": "text/html"}, timeout=30) as browser:
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
        assert token
        form = {"csrf": token[1], "name": "Anne", "password": PASSWORD, "next": "/"}
        assert browser.post("/login", data=form).status_code == 303
        yield browser


@pytest.mark.parametrize(("method", "path"), OF_LEAD)
@pytest.mark.parametrize("theirs", [THEIRS, "a-bob"])
def test_another_sellers_lead_is_as_unknown_as_one_that_never_was(
    guarded: Door, anne: httpx.Client, method: str, path: str, theirs: str
):
    headers = authorization(guarded.keys["anne"])
    others = authorization(guarded.keys["admin"])
    assert ask(guarded, method, path, THEIRS, others).status_code == 200
    for mine in (MINE, EMPTY, NOBODYS):
        assert ask(guarded, method, path, mine, headers).status_code == 200
    hidden, never = (ask(guarded, method, path, lead, headers) for lead in (theirs, "never"))
    assert (hidden.status_code, hidden.text.replace(theirs, "never")) == (404, never.text)
    if TABLE[method, path] == "page":
        address = path.replace("{lead_id:path}", "{}")
        assert anne.get(address.format(MINE)).status_code == 200
        hidden, never = (anne.get(address.format(lead)) for lead in (theirs, "never"))
        assert (hidden.status_code, hidden.text.replace(theirs, "never")) == (404, never.text)


@pytest.mark.parametrize(("method", "path"), ADMINS)
def test_a_seller_erases_and_exports_nobody(guarded: Door, anne: httpx.Client, method: str, path: str):
    before = guarded.store.counts()
    for lead in (MINE, THEIRS, NOBODYS, "never"):
        assert ask(guarded, method, path, lead, authorization(guarded.keys["anne"])).status_code == 403
        assert anne.request(method, path.replace("{lead_id:path}", lead)).status_code == 401
    assert guarded.store.counts() == before


@pytest.mark.parametrize("form", ["application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"])
def test_tables_hold_the_own_leads_and_those_of_nobody(guarded: Door, form: str):
    headers = authorization(guarded.keys["anne"]) | {"Accept": form}
    listed = table(guarded.client.get("/v1/leads?limit=1000", headers=headers))["lead_id"].to_list()
    mine = guarded.client.get("/v1/leads?limit=1000", headers=authorization(guarded.keys["anne"])).json()["leads"]
    assert listed == [one["lead_id"] for one in mine]
    assert MINE in listed
    assert not {THEIRS, "a-bob"} & set(listed)
    ids = [THEIRS, MINE, "never", "a-bob"]
    found = table(guarded.client.post("/v1/score", json={"lead_ids": ids}, headers=headers))
    assert found["lead_id"].to_list() == ids
    assert found["status"].to_list() == ["unknown", "scored", "unknown", "unknown"]
    assert found[0].drop("lead_id").equals(found[2].drop("lead_id"))


def table(answer: httpx.Response) -> pl.DataFrame:
    if answer.content.startswith(b"PAR1"):
        return pl.read_parquet(answer.content)
    return pl.read_ipc_stream(answer.content)


def test_pages_of_a_list_are_the_sellers_own(guarded: Door):
    """Page by page, filtered by another seller, and with a cursor of somebody who sees more."""

    def ask(key: str, **query: Any) -> Any:
        return guarded.client.get("/v1/leads", params=query, headers=authorization(guarded.keys[key])).json()

    for sort in ("score", "lead_id"):
        mine = [one["lead_id"] for one in ask("anne", limit=1000, sort=sort)["leads"]]
        found, cursor = [], {}
        while cursor is not None:
            part = ask("anne", limit=7, sort=sort, **cursor)
            found += [one["lead_id"] for one in part["leads"]]
            cursor = part["next"] and {"cursor": part["next"]}
        assert found == mine
        whole = ask("read", limit=1, sort=sort)
        rest = ask("anne", limit=1000, sort=sort, cursor=whole["next"])["leads"]
        assert {one["lead_id"] for one in rest} == set(mine) - {one["lead_id"] for one in whole["leads"]}
    owned_by_bob = ask("read", owner="BOB", limit=1000)["leads"]
    assert THEIRS in {one["lead_id"] for one in owned_by_bob}
    assert ask("anne", owner="BOB", limit=1000)["leads"] == []
    assert MINE in {one["lead_id"] for one in ask("anne", owner="anne", limit=1000)["leads"]}


def test_of_scores_by_id_another_sellers_are_unknown(guarded: Door):
    ids = [THEIRS, MINE, "never", "a-bob", NOBODYS, THEIRS]
    for details in (False, True):
        body = {"lead_ids": ids, "details": details}
        seen = guarded.client.post("/v1/score", json=body, headers=authorization(guarded.keys["anne"])).json()["scores"]
        whole = guarded.post("/v1/score", body, "read").json()["scores"]
        assert [one["lead_id"] for one in seen] == ids
        never = whole[2]
        for place, lead in enumerate(ids):
            mine = lead not in (THEIRS, "a-bob")
            assert seen[place] == (whole[place] if mine else never | {"lead_id": lead})
    assert whole[0]["status"] != "unknown"
    with guarded.store.engine.connect() as connection:
        assert "" not in connection.exec_driver_sql("SELECT lead_id FROM scores").scalars().all()


@pytest.mark.parametrize(("method", "path"), WHOLE)
def test_lists_are_of_the_own_leads_and_of_nobodys(guarded: Door, anne: httpx.Client, method: str, path: str):
    sums = ("/v1/record", "/record", "/record/chart.svg", "/v1/monitoring", "/monitoring", "/families/leads.svg")
    sums += ("/v1/reports", "/reports", "/journey", "/maturity", "/contract", "/forecast", "/money")
    few = ("/", "/today", "/families", "/families/forgotten", "/v1/qualify", "/v1/routes")
    if path in ("/v1/status", "/v1/score", *few) or path.startswith((*sums, "/monitoring/")):
        return  # no list; the test above; sums, without names; few: test_today.py, test_families.py, test_api_routes.py
    address = f"{path}?limit=1000"
    of_key = guarded.client.request(method, address, headers=authorization(guarded.keys["anne"]))
    whole = guarded.client.request(method, address, headers=authorization(guarded.keys["read"])).text
    assert THEIRS in whole
    for text in (of_key.text, *([anne.get(address).text] if TABLE[method, path] == "page" else [])):
        assert MINE in text
        assert NOBODYS in text
        assert THEIRS not in text
        assert "a-bob" not in text
    if path == "/v1/leads":
        everyone = guarded.get("/v1/leads?limit=1000").json()
        mine = of_key.json()
        assert mine["leads"] == [one for one in everyone["leads"] if one["lead_id"] != THEIRS]
        assert mine["leads_in_all"] == everyone["leads_in_all"] - 2
        assert sum(mine["counts"].values()) == sum(everyone["counts"].values()) - 2


def test_a_lead_that_changes_hands_is_seen_by_the_new_seller_alone(guarded: Door):
    headers, lead = authorization(guarded.keys["anne"]), "L00013"
    for seller, day, status in (("Bob", 4, 404), ("Anne", 5, 200), ("Bob", 3, 200), ("Bob", 6, 404)):
        message = owned(lead, seller) | {"messageId": f"{seller}-{day}", "timestamp": f"2025-02-0{day}T00:00:00Z"}
        assert guarded.post("/v1/batch", {"batch": [message]}).json()["accepted"] == 1
        assert guarded.client.get(f"/v1/leads/{lead}", headers=headers).status_code == status
