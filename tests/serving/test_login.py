"""The way in and out of the pages: passwords, sessions, forms, and what slows those who guess."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schema import meta
from data.store import Store
from serving import people, sessions
from serving.app import create_app
from serving.hosts import own_path
from serving.limits import Limiter, neighbourhood
from serving.models import ModelHolder
from serving.sessions import IDLE, LONGEST
from serving.settings import AccessSettings
from tests.service import in_thread
from veraison.errors import VeraisonError
from veraison.playbook import Playbook
from veraison.settings import Workspace

PASSWORD, OTHER = "correct horse battery", "another long password"
PLAYBOOK = Playbook.model_validate({"journey": {"converted": ["Won"]}})
LET_IN = 503  # there is no model: who is let in is told so
LOGIN = "/login?next=%2F"


class Gate:
    """An app without a model, and browsers that visit it."""

    def __init__(self, address: str, store: Store, clock: list[int]) -> None:
        self.address, self.store, self.clock = address, store, clock
        self.open = ExitStack()

    def browser(self, **headers: str) -> "Browser":
        client = httpx.Client(base_url=self.address, headers={"Accept": "text/html"} | headers)
        return Browser(self, self.open.enter_context(client))


class Browser:
    """One person's browser: it keeps cookies, and sends the forms it was shown."""

    def __init__(self, gate: Gate, client: httpx.Client) -> None:
        self.gate, self.client = gate, client

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/login").text)
        assert found
        return found[1]

    def enter(self, name: str = "anne", password: str = PASSWORD, **more: str) -> httpx.Response:
        form = {"csrf": self.token(), "name": name, "password": password, "next": "/"} | more
        return self.client.post("/login", data=form)

    def sees(self) -> Any:
        """The status of the list, or where the login is."""
        answer = self.client.get("/")
        return answer.headers.get("location", answer.status_code)


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Gate]:
    clock = [1_700_000_000_000_000]
    with Store(f"sqlite:///{folder / 'v.db'}") as store:
        app = create_app(
            store, ModelHolder(Workspace(folder)), PLAYBOOK, lambda: clock[0], settings=AccessSettings(**settings)
        )
        with in_thread(app) as address:
            gate = Gate(address, store, clock)
            with gate.open:
                yield gate


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as weak as it can be: what it costs is its own matter, not ours."""
    monkeypatch.setattr(people, "_hasher", people.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people._nobodys.cache_clear()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with opened(tmp_path) as found:
        people.add(found.store, "anne", PASSWORD, now=1)
        yield found


# --- people ------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_argon2_only(gate: Gate, tmp_path: Path):
    with gate.store.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM people").all()
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("v.db*"))


def test_a_name_is_the_same_however_it_is_typed(gate: Gate):
    people.add(gate.store, "Zoé@Firm.FR", None, now=1)
    assert people.find(gate.store, " zoe\u0301@firm.fr").name == "zoé@firm.fr"
    with pytest.raises(VeraisonError, match="there is a person named"):
        people.add(gate.store, "ANNE", PASSWORD, now=2)


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("", PASSWORD, "a person needs a name"),
        ("local", PASSWORD, "and not: local"),
        ("a\nb", PASSWORD, "printable"),
        ("luc", "short", "12 to 1000 characters"),
        ("luc", "x" * 1_001, "12 to 1000 characters"),
    ],
)
def test_who_cannot_be_listed_is_one_line(gate: Gate, name: str, password: str, sentence: str):
    with pytest.raises(VeraisonError, match=sentence):
        people.add(gate.store, name, password, now=1)


def test_who_is_not_listed_can_neither_go_nor_get_a_password(gate: Gate):
    for ask in (lambda: people.remove(gate.store, "luc"), lambda: people.set_password(gate.store, "luc", PASSWORD)):
        with pytest.raises(VeraisonError, match="no person named 'luc'"):
            ask()


# --- in and out --------------------------------------------------------------------------------------------------


def test_a_login_leads_to_where_it_was_asked_for_and_a_logout_ends_it(gate: Gate):
    browser = gate.browser()
    asked = browser.client.get("/leads/Zo%C3%A9?as_of=2025-01-01&lang=fr")
    assert asked.status_code == 303
    form = browser.client.get(asked.headers["location"])
    wished = re.search(r'name="next" value="([^"]+)"', form.text)[1].replace("&amp;", "&")
    answer = browser.enter(next=wished)
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/Zo%C3%A9?as_of=2025-01-01&lang=fr")
    page = browser.client.get("/")
    assert page.status_code == LET_IN
    assert "anne" in page.text
    copy = dict(browser.client.cookies)
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    assert browser.client.post("/logout", data={"csrf": token}).headers["location"] == "/login"
    assert browser.sees() == LOGIN
    thief = gate.browser()
    thief.client.cookies.update(copy)
    assert thief.sees() == LOGIN


def test_the_cookies_are_closed_to_scripts_and_to_other_sites(gate: Gate):
    browser = gate.browser()
    answer = browser.enter()
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2  # the session begins, the form's own cookie goes
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie  # http on this very machine


@pytest.mark.parametrize("headers", [{"Host": "leads.example"}, {"X-Forwarded-Proto": "https"}])
def test_elsewhere_cookies_travel_encrypted_only(gate: Gate, headers: dict[str, str]):
    answer = gate.browser(**headers).client.get("/login")
    assert answer.headers["set-cookie"].startswith("__Host-veraison-form=")
    assert "; Secure" in answer.headers["set-cookie"]
    assert ("strict-transport-security" in answer.headers) == ("X-Forwarded-Proto" in headers)


@pytest.mark.parametrize(
    ("name", "password"),
    [("anne", OTHER), ("luc", PASSWORD), ("anne", ""), ("", ""), ("nobody", "\ud800"), ("anne", "x" * 2_000)],
)
def test_what_was_wrong_is_not_told(gate: Gate, name: str, password: str):
    people.add(gate.store, "luc", None, now=1)  # only through OpenID Connect
    browser = gate.browser()
    form = {"csrf": browser.token(), "next": "/"}
    answers = [
        browser.client.post("/login", data=form | {"name": one, "password": other})
        for one, other in ((name, password.encode("utf-8", "surrogatepass")), ("never was", PASSWORD))
    ]
    assert answers[0].status_code == answers[1].status_code == 403
    assert answers[0].text == answers[1].text
    assert browser.sees() == LOGIN


def test_a_name_that_is_not_known_costs_a_hash_too(gate: Gate, monkeypatch: pytest.MonkeyPatch):
    hashed: list[str] = []
    verify = people.PasswordHasher.verify
    monkeypatch.setattr(people.PasswordHasher, "verify", lambda *given: hashed.append(given[1]) or verify(*given))
    for name in ("anne", "never was"):
        assert people.check(gate.store, name, OTHER) is None
    assert len(hashed) == 2


@pytest.mark.parametrize("how", ["idle", "absolute"])
def test_a_session_has_two_ends(gate: Gate, how: str):
    browser = gate.browser()
    browser.enter()
    begun = gate.clock[0]
    step = IDLE - 1
    while gate.clock[0] + step < begun + LONGEST:
        gate.clock[0] += step
        assert browser.sees() == LET_IN  # each look puts the idle end off
    gate.clock[0] = gate.clock[0] + IDLE if how == "idle" else begun + LONGEST
    assert browser.sees() == LOGIN


@pytest.mark.parametrize("how", ["removed", "password", "removed and added"])
def test_a_session_ends_with_the_password_or_the_person(gate: Gate, how: str):
    browser = gate.browser()
    browser.enter()
    assert browser.sees() == LET_IN
    if how == "password":
        people.set_password(gate.store, "anne", OTHER)
    else:
        people.remove(gate.store, "anne")
        if how == "removed and added":
            people.add(gate.store, "anne", PASSWORD, now=2)
    assert browser.sees() == LOGIN


def test_a_cookie_that_was_touched_is_none(gate: Gate):
    browser = gate.browser()
    browser.enter()
    (kept,) = [cookie for cookie in browser.client.cookies.jar if cookie.name == "veraison"]
    body, _, signature = kept.value.rpartition(".")
    for forged in (
        f"{body}.{signature[::-1]}",
        f"{body[:-2]}AA.{signature}",
        body,
        "",
        "x.y",
        "é".encode().decode("latin1"),
    ):
        headers = {"Accept": "text/html", "Cookie": f"veraison={forged}".encode()}
        answer = httpx.get(f"{gate.address}/", headers=headers)
        assert answer.status_code == 303, forged
    whole = httpx.get(f"{gate.address}/", headers={"Accept": "text/html", "Cookie": f"veraison={kept.value}"})
    assert whole.status_code == LET_IN


def test_what_is_sealed_for_one_purpose_is_nothing_for_another(gate: Gate):
    found = sessions.Sessions(gate.store, lambda: gate.clock[0], same_site="strict")
    assert found.opened(found.sealed({"a": 1}, "one"), "one") == {"a": 1}
    assert found.opened(found.sealed({"a": 1}, "one"), "session") is None


def test_workers_agree_on_the_secret_and_it_is_made_once(gate: Gate):
    with Store(gate.store.engine.url.render_as_string()) as beside:
        one, other = (
            sessions.Sessions(store, lambda: gate.clock[0], same_site="strict") for store in (gate.store, beside)
        )
        sealed = one.sealed("x", "y")
        assert other.opened(sealed, "y") == "x"
        beside.remember("session_secret", "another")
        later = sessions.Sessions(beside, lambda: gate.clock[0], same_site="strict")
        assert later.opened(sealed, "y") == "x"
    with gate.store.engine.connect() as connection:
        rows = connection.execute(meta.select().where(meta.c.name == "session_secret")).all()
    assert len(rows) == 1
    assert len(rows[0].value) >= 64


def test_who_is_local_needs_no_login_but_may_have_one(tmp_path: Path):
    with opened(tmp_path, open_pages=True) as gate:
        people.add(gate.store, "anne", PASSWORD, now=1)
        browser = gate.browser()
        assert browser.sees() == LET_IN
        browser.enter()
        assert "anne" in browser.client.get("/").text


# --- forms -------------------------------------------------------------------------------------------------------


def test_a_form_needs_the_token_of_this_browser(gate: Gate):
    browser, other = gate.browser(), gate.browser()
    token, theirs = browser.token(), other.token()
    right = {"name": "anne", "password": PASSWORD}
    for sent in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": token + "x"}, {"csrf": "é"}):
        assert browser.client.post("/login", data=right | sent).status_code == 403
    assert gate.browser().client.post("/login", data=right | {"csrf": token}).status_code == 403
    assert browser.client.post("/login", data=right | {"csrf": token}).status_code == 303
    assert browser.client.post("/logout", data={"csrf": token}).status_code == 403  # of before the login
    assert browser.sees() == LET_IN


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 303),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
def test_a_form_comes_from_a_page_of_ours(gate: Gate, headers: dict[str, str], status: int):
    browser = gate.browser()
    form = {"csrf": browser.token(), "name": "anne", "password": PASSWORD}
    assert browser.client.post("/login", data=form, headers=headers).status_code == status
    api = httpx.post(f"{gate.address}/v1/batch", json={"batch": []}, headers=headers)
    assert api.status_code == 401  # a key is asked for first


def test_a_form_is_small(gate: Gate):
    browser = gate.browser()
    form = {"csrf": browser.token(), "name": "anne", "password": "x" * 100_000}
    assert browser.client.post("/login", data=form).status_code == 413
    chunks = (b"name=" for _ in range(3))
    assert browser.client.post("/login", content=chunks).status_code == 413


def test_a_page_that_posts_is_guarded_without_asking_for_it(tmp_path: Path):
    """Whoever adds a form to the pages need not think of its token: the dependency of all pages demands it."""
    from fastapi import Depends, FastAPI  # noqa: PLC0415

    from serving.access import Access, Viewer  # noqa: PLC0415
    from serving.problems import Problem  # noqa: PLC0415

    with Store(f"sqlite:///{tmp_path / 'v.db'}") as store:
        access = Access(store, lambda: 1, AccessSettings(open_pages=True))
        app = FastAPI()

        @app.post("/opinion")
        async def opinion(viewer: Viewer = Depends(access.page)) -> str:  # noqa: B008
            return viewer.name

        @app.exception_handler(Problem)
        async def told(_: Any, error: Problem) -> Any:
            from serving.problems import answer  # noqa: PLC0415

            return answer(error)

        with in_thread(app) as address:
            assert httpx.post(f"{address}/opinion", data={"a": "b"}).status_code == 403


# --- where a login leads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wished",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "evil.example", "javascript:alert(1)", " //evil.example", "/\n//evil.example", "", "/login",
        "/logout", "/" + "x" * 3_000,
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(gate: Gate, wished: str):
    answer = gate.browser().enter(next=wished)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@given(
    st.one_of(st.text(), st.text(alphabet="/\\.:@?#%\t\n\r abz"), st.text(alphabet="/\\").map(lambda one: f"/{one}"))
)
def test_any_wish_stays_on_this_site(wished: str):
    path = own_path(wished)
    assert path.startswith("/")
    assert not path.startswith("//")
    assert path.isascii()
    assert "\\" not in path
    assert urlsplit(urljoin("https://leads.example/login", path)).netloc == "leads.example"


# --- who guesses -------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_alike_for_names_that_are_and_that_are_not(tmp_path: Path):
    asked = {}
    for name in ("anne", "never was"):
        folder = tmp_path / name
        folder.mkdir()
        with opened(folder) as gate:
            people.add(gate.store, "anne", PASSWORD, now=1)
            browser = gate.browser()
            form = {"csrf": browser.token(), "name": name, "password": OTHER}
            answers = [browser.client.post("/login", data=form) for _ in range(12)]
            asked[name] = [answer.status_code for answer in answers]
            assert int(answers[-1].headers["retry-after"]) > 0
            assert browser.client.post("/login", data=form | {"name": "luc"}).status_code == 403
    assert asked["anne"] == asked["never was"] == [403] * 10 + [429] * 2


def test_who_is_right_is_not_slowed(gate: Gate):
    assert [gate.browser().enter().status_code for _ in range(15)] == [303] * 15


def test_a_bucket_fills_again():
    now = [0.0]
    limiter = Limiter(rate=0.5, burst=2, clock=lambda: now[0])
    assert [limiter.take("a") for _ in range(3)] == [0.0, 0.0, 2.0]
    now[0] = 1.0
    assert limiter.take("a") == 1.0
    now[0] = 2.0
    assert [limiter.take("a"), limiter.take("a")] == [0.0, 2.0]
    limiter.give_back("a")
    assert limiter.take("a") == 0.0
    now[0] = 1_000.0
    assert [limiter.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_many_addresses_do_not_fill_the_memory():
    limiter = Limiter(rate=0.001, burst=1, clock=lambda: 0.0)
    for number in range(25_000):
        limiter.take(number)
    assert len(limiter._buckets) <= 10_000
    assert limiter.take(24_999) > 0  # who asked last is not forgotten


def test_one_customer_is_one_neighbourhood():
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:0:1::1")


def test_the_login_has_a_limit_of_its_own(gate: Gate):
    browser = gate.browser()
    statuses = [browser.client.get("/login").status_code for _ in range(120)]
    assert statuses[:50] == [200] * 50
    assert 429 in statuses
