"""The commands about who is told: what they show, and what they refuse in one line."""

import re
from pathlib import Path

import pytest

from data import outbox, subscriptions
from data.outbox import OutMessage
from data.store import Store
from tests.receivers import receiver
from tests.service import free_port, market
from veraison.cli import app, common
from veraison.errors import VeraisonError
from veraison.settings import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("VERAISON_PUSH_PRIVATE", "1")
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(common.out, "width", 200)
    return market().copy(tmp_path).workspace


def call(*words: str) -> None:
    app(["subscriptions", *words], standalone_mode=False)


def test_from_adding_to_removing(workspace: Workspace, capsys: pytest.CaptureFixture[str]):
    with receiver() as there, Store(workspace.store_url) as store:
        call("add", "crm", there.url, "--points", "7.5", "--shape", "crm", "--grade", "A", "--grade", "B")
        shown = capsys.readouterr()
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", shown.out)
        assert "not shown again" in shown.err
        [one] = subscriptions.listed(store)
        assert (one.min_points, one.shape, one.grades, one.first) == (7.5, "crm", ("A", "B"), "all")
        assert one.secret == shown.out.strip()

        with store.writing() as connection:
            outbox.put(connection, [OutMessage("m1", "crm", "L1", "{}", 1)], [])
            outbox.failed(connection, OutMessage("m1", "crm", "L1", "{}", 1, 14), "HTTP 500", next_at=9, dead_at=5)
        call("list")
        shown = capsys.readouterr()
        assert one.secret not in shown.out
        assert re.search(r"crm .*7\.5.*│ 0 +│ 0 +│ 1 +│ dead messages", shown.out)
        assert "HTTP 500" in shown.out.replace("\n", " ")
        call("retry", "crm")
        assert "1 messages to 'crm' are tried again" in capsys.readouterr().out
        assert [due.message_id for due in outbox.due(store, now=2**60)] == ["m1"]

        call("test", "crm")
        assert there.posts[0].json()["test"] is True
        call("remove", "crm")
        assert subscriptions.standings(store) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "crm", "ftp://x"), "must begin with https"),
        (("add", "crm", "http://u:p@127.0.0.1/"), "user or password"),
        (("add", "crm", "http://name.invalid/"), "leads nowhere"),
        (("add", "crm", "http://127.0.0.1/", "--shape", "soap"), "allowed are cloudevents, dynamics, crm"),
        (("add", "crm", "http://127.0.0.1/", "--first", "some"), "allowed are best, all, none"),
        (("add", "crm", "http://127.0.0.1/", "--points", "101"), "allowed are 0 to 100"),
        (("add", "crm", "http://127.0.0.1/", "--grade", "Z"), "grade 'Z': the playbook's are A, B, C, D"),
        (("remove", "nobody"), "no subscription named 'nobody'; see: veraison subscriptions list"),
        (("test", "nobody"), "no subscription named 'nobody'"),
        (("retry", "nobody"), "no subscription named 'nobody'"),
    ],
)
def test_what_is_refused(workspace: Workspace, words: tuple[str, ...], why: str):
    with pytest.raises(VeraisonError, match=re.escape(why)) as refused:
        call(*words)
    assert "\n" not in str(refused.value)


def test_an_inner_address_is_refused_unless_the_operator_allows_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("VERAISON_PUSH_PRIVATE")
    with pytest.raises(VeraisonError, match="not a public address; VERAISON_PUSH_PRIVATE=1 allows that"):
        call("add", "crm", "http://localhost:1/")
    with Store(workspace.store_url) as store:
        assert subscriptions.listed(store) == []


def test_a_receiver_that_is_not_there_fails_the_test_in_one_line(workspace: Workspace):
    url = f"http://127.0.0.1:{free_port()}/"
    call("add", "crm", url)
    with pytest.raises(VeraisonError, match="did not take the test message: ") as failed:
        call("test", "crm")
    assert "\n" not in str(failed.value)
