"""OpenID Connect against a provider of our own on this machine, which signs real tokens, right ones and wrong ones."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from pydantic import ValidationError
from starlette.responses import JSONResponse, RedirectResponse

from serving import people
from serving.settings import AccessSettings, ServiceSettings
from tests.service import in_thread
from tests.serving.test_login import LET_IN, LOGIN, Gate, opened
from veraison.errors import VeraisonError
from veraison.settings import from_environment

KEY, FOREIGN = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "1"})
CLIENT, SECRET = "veraison", "between the two of us"


@dataclass
class Issuer:
    """A provider. `claims` and the like are what the next token says instead of the truth."""

    address: str = ""
    calls_itself: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    key: Any = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    refuses: bool = False
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.get("/.well-known/openid-configuration")(self.configuration)
        app.get("/jwks")(lambda: JSONResponse({"keys": [KEY.as_dict(private=False)]}))
        app.get("/authorize")(self.authorize)
        app.post("/token")(self.token)
        return app

    def configuration(self) -> Any:
        return JSONResponse(
            {
                "issuer": self.calls_itself or self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
        )

    def authorize(self, request: Request) -> Any:
        """Somebody logs in here, and goes back with a code."""
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        if self.refuses:
            back = {"error": "access_denied", "state": asked["state"]}
        else:
            code = f"code-{len(self.asked)}"
            self.asked[code] = asked
            back = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    async def token(self, request: Request) -> Any:
        form = await request.form()
        secret = base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "+").encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        assert request.headers["authorization"] in (f"Basic {secret}", f"Basic {plain}")
        asked = self.asked.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).decode()
        if asked is None or asked["code_challenge"] != challenge.rstrip("="):
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        told = {
            "iss": self.address, "sub": "7", "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"],
            "email": "Anne@firm.example",
        }  # fmt: skip
        told = {name: value for name, value in (told | self.claims).items() if name not in self.without}
        if self.algorithm == "none":
            parts = (json.dumps(part).encode() for part in ({"alg": "none"}, told))
            signed = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        else:
            algorithms = JWSRegistry(algorithms=[self.algorithm])
            signed = jwt.encode({"alg": self.algorithm, "kid": "1"}, told, self.key, registry=algorithms)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    with in_thread(found.app()) as address:
        found.address = address
        yield found


@pytest.fixture
def gate(tmp_path: Path, issuer: Issuer) -> Iterator[Gate]:
    with opened(tmp_path, **known(issuer)) as found:
        people.add(found.store, "anne@firm.example", None, now=1, seller="Anne")
        yield found


def known(issuer: Issuer) -> dict[str, str]:
    return {"oidc_issuer": issuer.address, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}


def follow(client: httpx.Client, path: str = "/login/oidc") -> httpx.Response:
    """From the link on the page of the login to the answer when the issuer has sent the browser back."""
    answer = client.get(path)
    while answer.status_code == 303 and "/login/oidc/back" not in str(answer.request.url):
        answer = client.get(answer.headers["location"])
    return answer


def test_who_is_known_and_listed_is_let_in(gate: Gate):
    browser = gate.browser()
    assert 'href="/login/oidc?next=%2Fleads%2FL1"' in browser.client.get("/login?next=/leads/L1").text
    answer = follow(browser.client, "/login/oidc?next=%2Fleads%2FL1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/L1")
    (session,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("veraison=")]
    assert "SameSite=lax" in session
    assert "HttpOnly" in session
    assert browser.sees() == "/today"  # a seller begins there
    assert "anne@firm.example" in browser.client.get("/today").text
    people.remove(gate.store, "anne@firm.example")
    assert browser.sees() == LOGIN


@pytest.mark.parametrize(
    ("said", "without"),
    [
        ({"nonce": "another"}, ()),
        ({}, ("nonce",)),
        ({"iss": "https://evil.example"}, ()),
        ({}, ("iss",)),
        ({"aud": "another"}, ()),
        ({"aud": "another", "azp": CLIENT}, ()),
        ({"aud": [CLIENT, "another"], "azp": "another"}, ()),
        ({}, ("aud",)),
        ({"exp": 1_000_000_000}, ()),
        ({}, ("exp",)),
        ({"email_verified": False}, ()),
        ({"email_verified": False, "preferred_username": "anne@firm.example"}, ()),
        ({"email": ""}, ()),
        ({"email": 7}, ()),
        ({}, ("email",)),
        ({"email": "luc@firm.example"}, ()),
    ],
)
def test_a_token_that_is_not_right_lets_nobody_in(
    gate: Gate, issuer: Issuer, said: dict[str, Any], without: tuple[str, ...]
):
    issuer.claims, issuer.without = said, without
    browser = gate.browser()
    answer = follow(browser.client)
    assert answer.status_code == 403
    assert "firm.example" not in answer.text
    assert browser.sees() == LOGIN


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(FOREIGN, "RS256"), (OctKey.import_key(SECRET.encode()), "HS256"), (None, "none")],
)
def test_a_signature_of_somebody_else_lets_nobody_in(gate: Gate, issuer: Issuer, key: Any, algorithm: str):
    issuer.key, issuer.algorithm = key, algorithm
    browser = gate.browser()
    assert follow(browser.client).status_code == 403
    assert browser.sees() == LOGIN


def test_without_an_address_the_user_name_counts(gate: Gate, issuer: Issuer):
    issuer.claims, issuer.without = {"preferred_username": "ANNE@firm.example"}, ("email",)
    browser = gate.browser()
    assert follow(browser.client).status_code == 303
    assert browser.sees() == "/today"


def test_everyone_whom_the_issuer_knows_if_it_is_open(tmp_path: Path, issuer: Issuer):
    issuer.claims = {"email": "luc@firm.example"}
    with opened(tmp_path, **known(issuer), oidc_open=True) as gate:
        browser = gate.browser()
        assert follow(browser.client).status_code == 303
        assert browser.sees() == LET_IN
        people.add(gate.store, "luc@firm.example", None, now=1, seller="Luc")
        assert browser.sees() == LOGIN  # as a seller from now on
        kept = dict(browser.client.cookies)
    with opened(tmp_path, **known(issuer)) as shut:
        browser = shut.browser()
        browser.client.cookies.update(kept)
        assert browser.sees() == LOGIN


def test_a_login_is_brought_back_by_the_browser_that_began_it(gate: Gate):
    victim, thief = gate.browser(), gate.browser()
    away = thief.client.get("/login/oidc").headers["location"]
    back = thief.client.get(away).headers["location"]
    assert victim.client.get(back).status_code == 403  # nothing was begun here
    victim.client.get("/login/oidc")
    assert victim.client.get(back).status_code == 403  # something else was
    assert victim.sees() == LOGIN
    assert thief.client.get(back).status_code == 303
    assert thief.client.get(back).status_code == 403  # and once only


def test_every_login_has_its_own_state_nonce_and_challenge(gate: Gate):
    asked = [parse_qs(urlsplit(gate.browser().client.get("/login/oidc").headers["location"]).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
        assert len(asked[0][name][0]) >= 20


@pytest.mark.parametrize("how", ["refuses", "calls itself otherwise", "is gone"])
def test_an_issuer_that_does_not_help(tmp_path: Path, issuer: Issuer, how: str):
    issuer.refuses = how == "refuses"
    issuer.calls_itself = "https://evil.example" if how == "calls itself otherwise" else None
    settings = known(issuer) | ({"oidc_issuer": "http://127.0.0.1:9"} if how == "is gone" else {})
    with opened(tmp_path, **settings) as gate:
        answer = follow(gate.browser().client)
        assert answer.status_code == (403 if how == "refuses" else 503)
        assert "Traceback" not in answer.text


def test_behind_a_proxy_the_public_address_is_come_back_to(tmp_path: Path, issuer: Issuer):
    with opened(tmp_path, **known(issuer), public_url="https://leads.example/") as gate:
        answer = gate.browser().client.get("/login/oidc")
        (back,) = parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"]
        assert back == "https://leads.example/login/oidc/back"
        assert answer.headers["set-cookie"].startswith("__Host-veraison-oidc=")
        assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"oidc_issuer": "https://a.example"}, "belong together"),
        ({"oidc_client_id": "a", "oidc_client_secret": "b"}, "belong together"),
        (
            {"oidc_issuer": "http://a.example", "oidc_client_id": "a", "oidc_client_secret": "b"},
            "must begin with https",
        ),
        ({"public_url": "leads.example"}, "is not an address"),
        ({"public_url": "https://leads.example/crm"}, "a host name of its own"),
        ({"rate_per_key": -1}, "greater than or equal to 0"),
        ({"frame_ancestors": "https://crm.example; script-src *"}, "holds what is no site"),
        ({"frame_ancestors": "*"}, "holds what is no site"),
        ({"frame_ancestors": "http://crm.example"}, "holds what is no site"),
        ({"frame_ancestors": "https://crm.example/path"}, "holds what is no site"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValidationError, match=sentence):
        AccessSettings(**settings)
    for name, value in settings.items():
        monkeypatch.setenv(f"VERAISON_{name.upper()}", str(value))
    with pytest.raises(VeraisonError, match=sentence) as caught:
        from_environment(ServiceSettings)
    assert "\n" not in str(caught.value)
