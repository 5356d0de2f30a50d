"""The unmodified Segment client pointed at a real server process: what it sends is stored, scored, and told."""

import sqlite3
from pathlib import Path

import httpx
import pytest
from segment.analytics.client import Client

from data.subscriptions import listed
from serving import keys
from tests.receivers import eventually, receiver
from tests.service import market, running
from veraison.cli import app


def test_segments_client_and_a_subscriber(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    where = market().copy(tmp_path)
    monkeypatch.setenv("VERAISON_PUSH_PRIVATE", "1")
    failures = []
    with where.store() as store:
        key = keys.create(store, "site", ["ingest", "read"], now=1)
    with receiver() as crm:
        app(f"subscriptions add crm {crm.url} --first all -w {tmp_path}".split(), standalone_mode=False)
        assert capsys.readouterr().out.startswith("whsec_")
        app(f"subscriptions test crm -w {tmp_path}".split(), standalone_mode=False)
        assert crm.posts[0].json()["type"] == "io.veraison.subscription.test.v1"
        with running(where.workspace) as service:
            for packed in (False, True):
                client = Client(
                    key, host=service.address, gzip=packed, on_error=lambda error, _: failures.append(error), timeout=10
                )
                lead = f"S{int(packed)}"
                client.identify(lead, traits={"industry": "retail", "employees": 120, "email": f"{lead}@acme.example"})
                client.track(lead, "Lead Created", {"source": "web"})
                client.page(lead, name="Pricing")
                client.screen(lead, name="Home")
                client.group(lead, "acme.example", {"country": "FR"})
                client.alias(f"anonymous-{lead}", lead)
                client.track(lead, "Pricing Page Viewed", {"value": 3})
                client.flush()
                client.join()
            assert failures == []
            headers = {"Authorization": f"Bearer {key}"}
            for lead in ("S0", "S1"):
                found = httpx.get(f"{service.address}/v1/leads/{lead}", headers=headers, timeout=30).json()
                kinds = {one["kind"] for one in found["timeline"]}
                assert kinds >= {"Lead Created", "Viewed Pricing Page", "Viewed Home Screen", "Pricing Page Viewed"}
                assert found["traits"]["industry"]["value"] == "retail"
                assert found["status"] == "scored"
            eventually(lambda: {"S0", "S1"} <= {post.json().get("subject") for post in crm.posts})
            bad = Client(
                "ver_wrong", host=service.address, on_error=lambda error, _: failures.append(error), max_retries=1
            )
            bad.track("S2", "Lead Created")
            bad.flush()
            bad.join()
            assert [error.status for error in failures] == [401]
    with sqlite3.connect(tmp_path / "veraison.db") as database:
        stored = database.execute("select count(*) from events where lead_id in ('S0', 'S1')").fetchone()
    database.close()
    assert stored == (14,)
    with where.store() as store:
        assert [one.name for one in listed(store)] == ["crm"]
