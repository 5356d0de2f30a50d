"""What the people behind leads may ask for over HTTP, and that who opted out is scored by no route."""

import io
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pytest

from data import scorelog
from data.events import isoformat
from serving import scorer
from serving.formats import MEDIA
from serving.models import ModelHolder
from tests.service import door, market
from tests.serving.test_api import problem, track
from veraison.cli import app as command_line

ARROW, PARQUET = MEDIA["arrow"], MEDIA["parquet"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with door(market().copy(tmp_path_factory.mktemp("rights"))) as opened:
        yield opened


@pytest.fixture
def fresh(tmp_path: Path):
    """The same model on an empty store."""
    with door(market().emptied(tmp_path)) as opened:
        yield opened


def best(service, count=3, **query):
    return [one["lead_id"] for one in service.get("/v1/leads", params={"limit": count, **query}).json()["leads"]]


# Erasure and export


def test_a_lead_is_erased_and_everything_else_stays(service):
    lead, other = best(service, 2)
    service.post("/v1/score", {"lead_ids": [lead, other]})
    held = service.get(f"/v1/leads/{lead}/export", "admin").json()
    before = service.store.counts()
    gone = service.client.delete(f"/v1/leads/{lead}", headers=service.key("admin"))
    assert gone.status_code == 200
    told = gone.json()
    assert told["lead_id"] == lead
    assert told["clean"]
    assert told["rows"]["events"] == len(held["batch"]) > 5
    assert told["rows"]["traits"] >= len(held["traits"]) > 0
    assert told["rows"]["scores"] == len(held["scores"]) > 0
    after = service.store.counts()
    assert {name: before[name] - after[name] for name in after} == {name: told["rows"][name] for name in after}
    problem(service.get(f"/v1/leads/{lead}"), 404)
    problem(service.get(f"/v1/leads/{lead}/export", "admin"), 404)
    assert problem(service.client.delete(f"/v1/leads/{lead}", headers=service.key("admin")), 404)
    assert service.post("/v1/score", {"lead_ids": [lead]}).json()["scores"][0]["status"] == "unknown"
    assert lead not in best(service, 100)
    assert other in best(service, 100)
    again = service.post("/v1/batch", {"batch": [*held["batch"][:20], track("new")]}).json()
    assert (again["accepted"], again["duplicates"]) == (1, 0)
    assert [one["index"] for one in again["rejected"]] == [*range(len(held["batch"][:20]))]
    assert {one["reason"].partition(":")[0] for one in again["rejected"]} == {"erased"}
    broken = service.post("/v1/batch", {"batch": [track("broken", userId=lead, timestamp="?")]}).json()
    assert "not a date" in broken["rejected"][0]["reason"]
    assert service.store.counts()["quarantine"] == after["quarantine"]


def test_an_export_can_be_posted_elsewhere(service, fresh):
    lead = best(service, 1)[0]
    said = service.get(f"/v1/leads/{lead}/export", "admin").json()
    said["batch"] = by_now(service, said["batch"])
    assert fresh.post("/v1/batch", said).json()["rejected"] == []
    as_of = isoformat(service.market.now)
    asked = {"lead_ids": [lead], "as_of": as_of, "details": False}
    assert fresh.post("/v1/score", asked).json()["scores"][0]["status"] == "scored"
    there = fresh.get(f"/v1/leads/{lead}/export", "admin").json()
    assert there["batch"] == said["batch"]


def by_now(service, batch):
    """The messages that are not of the future: the market goes on for a while after its clock."""
    return [one for one in batch if one["receivedAt"] <= isoformat(service.clock[0])]


@pytest.mark.parametrize("scope", ["read", "ingest"])
def test_only_an_admin_erases_and_exports(service, scope):
    before = service.store.counts()
    problem(service.client.delete("/v1/leads/L00009", headers=service.key(scope)), 403)
    problem(service.client.delete("/v1/leads/L00009"), 401)
    problem(service.get("/v1/leads/L00009/export", scope), 403)
    assert service.store.counts() == before


@pytest.mark.parametrize("lead_id", ["a/b", "jean dupont@acme.fr", "é?#%", "..%2f"])
def test_any_id_can_be_erased(service, lead_id):
    service.post("/v1/batch", {"batch": [track(f"z-{lead_id}", userId=lead_id)]})
    path = "/v1/leads/" + quote(lead_id, safe="")
    assert service.get(f"{path}/export", "admin").json()["ids"] == [lead_id]
    assert service.client.delete(path, headers=service.key("admin")).json()["rows"]["events"] == 1


def test_the_command_line_exports_erases_and_readmits(tmp_path, capsys):
    where = market().copy(tmp_path / "w")
    lead, words = "L00007", ["-w", str(tmp_path / "w")]

    def run(*said):
        with pytest.raises(SystemExit) as ended:
            command_line([*said, *words])
        assert not ended.value.code
        return capsys.readouterr()

    assert str(tmp_path / "x.json") in run("export", lead, "--out", str(tmp_path / "x.json")).err
    held = json.loads((tmp_path / "x.json").read_text())
    assert json.loads(run("export", lead).out) == held
    assert f"erased {lead}" in run("erase", lead).out
    with where.store() as store:
        assert lead not in store.scan().leads
    line = tmp_path / "again.ndjson"
    line.write_text(json.dumps({"batch": held["batch"]}) + "\n")
    said = run("ingest", str(line))
    assert "0 new events, 0 known already, 0 in quarantine" in said.out
    assert f"{len(held['batch'])} of people who were erased are not taken" in said.err
    assert run("readmit", lead).out == f"{lead} is taken again\n"
    assert f"{len(held['batch'])} new events" in run("ingest", str(line)).out


# Opting out


@pytest.fixture(scope="module")
def opted_out(tmp_path_factory):
    """The service, and its best lead, who has just asked to be left alone."""
    with door(market().copy(tmp_path_factory.mktemp("opted"))) as opened:
        lead = best(opened, 1)[0]
        stop = opened.market.playbook.journey.opted_out[0]
        opened.post("/v1/track", track("stop", userId=lead, event=stop, timestamp=isoformat(opened.clock[0])))
        opened.clock[0] += 1_000_000
        yield opened, lead


NO_PROFILE = ("score", "grade", "probability", "p_7d", "p_30d", "p_90d", "ready_p10", "ready_p50", "ready_p90", "base")


def assert_no_profile(row):
    assert row["status"] == "opted_out"
    assert {row.get(name) for name in NO_PROFILE} == {None}
    assert row.get("reasons") in ([], "[]")
    assert not row.get("trend")
    assert not row.get("missing")
    assert not row.get("comparisons")


def test_who_opted_out_is_scored_by_no_answer(opted_out):
    service, lead = opted_out
    for more in ({}, {"details": True}, {"details": False, "trend": True}, {"lang": "fr", "reasons": 50}):
        for row in service.post("/v1/score", {"lead_ids": [lead, lead], **more}).json()["scores"]:
            assert_no_profile(row)
    assert_no_profile(service.get(f"/v1/leads/{lead}").json())
    held = service.get(f"/v1/leads/{lead}/export", "admin").json()
    for row in service.post("/v1/score", {"events": by_now(service, held["batch"]), "lead_ids": [lead]}).json()[
        "scores"
    ]:
        assert_no_profile(row)
    for form in (ARROW, PARQUET):
        assert_no_profile(read_table(ask(service, {"lead_ids": [lead]}, form)).to_dicts()[0])


def test_who_opted_out_is_in_no_list_of_scores_and_on_no_page(opted_out):
    service, lead = opted_out
    assert lead not in best(service, 1_000)
    (row,) = [
        one for one in service.get("/v1/leads?status=opted_out&limit=1000").json()["leads"] if one["lead_id"] == lead
    ]
    assert_no_profile(row)
    for bounds in ("min_score=0", "max_score=100", "grade=A"):
        assert service.get(f"/v1/leads?status=opted_out&{bounds}").json()["leads"] == []
    headers = service.key("read") | {"Accept": "text/html"}
    assert f"/leads/{lead}" not in service.client.get("/", headers=headers).text
    told = service.client.get(f"/leads/{lead}", headers=headers).text
    assert "this person does not want it" in told
    assert "waterfall" not in told
    assert service.client.get(f"/leads/{lead}/waterfall.svg", headers=headers).status_code == 404


def test_who_opted_out_is_in_no_log_of_scores(opted_out, capsys, tmp_path):
    service, lead = opted_out
    service.post("/v1/score", {"lead_ids": [lead]})
    as_of = isoformat(service.clock[0])
    for out in ("--out", "--top"):
        with pytest.raises(SystemExit):
            where = str(tmp_path / "s.json") if out == "--out" else "500"
            command_line(["score", "--as-of", as_of, "-w", str(service.market.workspace.root), out, where])
        assert f" {lead} " not in capsys.readouterr().out
    (row,) = [one for one in json.loads((tmp_path / "s.json").read_text()) if one["lead_id"] == lead]
    assert_no_profile(row)
    stopped = service.clock[0] - 1_000_000
    logged = list(scorelog.read(service.store))
    assert len(logged) > 100
    assert [one for one in logged if one.lead_id == lead and one.as_of > stopped] == []
    assert all(one.status != "opted_out" for one in logged)


def test_who_opted_out_is_not_profiled_of_an_earlier_moment_either(opted_out, tmp_path):
    """The command line, which audits, still tells what was known then."""
    service, lead = opted_out
    before = isoformat(service.market.now)
    body = {"lead_ids": [lead], "as_of": before, "details": False}
    assert_no_profile(service.post("/v1/score", body).json()["scores"][0])
    assert_no_profile(service.get(f"/v1/leads/{lead}?as_of={before}").json())
    headers = service.key("read") | {"Accept": "text/html"}
    for page in ("/today", "/leads?limit=1000"):
        told = service.client.get(page, params={"as_of": before}, headers=headers)
        assert told.status_code == 200
        assert f"/leads/{lead}" not in told.text
    for picture in ("waterfall", "history", "readiness"):
        found = service.client.get(f"/leads/{lead}/{picture}.svg", params={"as_of": before}, headers=headers)
        assert found.status_code == 404
    out = tmp_path / "then.json"
    with pytest.raises(SystemExit):
        command_line(["score", "--as-of", before, "-w", str(service.market.workspace.root), "--out", str(out)])
    (row,) = [one for one in json.loads(out.read_text()) if one["lead_id"] == lead]
    assert row["status"] == "scored"


# Forms


def ask(service, body, accept):
    answer = service.client.post("/v1/score", json=body, headers=service.key("read") | {"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == accept
    return answer.content


def read_table(content):
    if content.startswith(b"PAR1"):
        return pl.read_parquet(io.BytesIO(content))
    return pl.from_arrow(pa.ipc.open_stream(content).read_all())


@pytest.mark.parametrize("accept", [ARROW, PARQUET])
def test_scores_as_a_table_are_those_of_the_command_line(service, accept):
    ids, at = [*service.log().leads, "nobody"], service.clock[0]
    scores = scorer.score(service.market.bundle, service.log(), ids, [at] * len(ids))
    found = read_table(ask(service, {"lead_ids": ids, "as_of": isoformat(at), "lang": "fr"}, accept))
    assert found.equals(scores.table("fr"))
    assert found.schema == scores.table("fr").schema
    few = read_table(ask(service, {"lead_ids": ids, "as_of": isoformat(at), "reasons": 2}, accept))
    rows = [row.to_dict() for row in scores.rows("en", 2)]
    assert [json.loads(one) for one in few["reasons"]] == [row["reasons"] for row in rows]


def test_a_table_that_is_served_now_is_logged_too(service):
    service.clock[0] += 1_000_000
    ids = best(service, 4)
    ask(service, {"lead_ids": ids}, PARQUET)
    assert {one.lead_id for one in scorelog.read(service.store, since=service.clock[0])} == set(ids)


def test_a_list_as_a_table(service):
    headers = service.key("read") | {"Accept": ARROW}
    answer = service.client.get("/v1/leads?limit=7&lang=fr", headers=headers)
    found = read_table(answer.content)
    rows = service.get("/v1/leads?limit=7&lang=fr").json()
    assert found["lead_id"].to_list() == [one["lead_id"] for one in rows["leads"]]
    assert found["score"].to_list() == [one["score"] for one in rows["leads"]]
    when = found["last_activity"].dt.epoch("us").to_list()
    assert [isoformat(one) for one in when] == [one["last_activity"] for one in rows["leads"]]
    assert answer.links["next"]["url"] == f"/v1/leads?limit=7&lang=fr&cursor={rows['next']}"
    following = service.client.get(answer.links["next"]["url"], headers=headers)
    assert not set(read_table(following.content)["lead_id"]) & set(found["lead_id"])


@pytest.mark.parametrize("path", ["/v1/score", "/v1/leads"])
@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "image/*, text/html", "nonsense;q=x"])
def test_another_form_is_406(service, path, accept):
    method, body = ("POST", {"lead_ids": ["L00001"]}) if path == "/v1/score" else ("GET", None)
    answer = service.client.request(method, path, json=body, headers=service.key("read") | {"Accept": accept})
    assert ARROW in problem(answer, 406)


@pytest.mark.parametrize("more", [{"details": True}, {"trend": True}])
def test_what_is_no_column_is_not_in_a_table(service, more):
    headers = service.key("read") | {"Accept": ARROW}
    answer = service.client.post("/v1/score", json={"lead_ids": ["L00001"], **more}, headers=headers)
    assert "no columns" in problem(answer, 422)


# Lists


def pages(service, **query):
    found, answers = [], []
    while True:
        answer = service.get("/v1/leads", params=query).json()
        answers.append(answer)
        found += [one["lead_id"] for one in answer["leads"]]
        if answer["next"] is None:
            return found, answers
        query["cursor"] = answer["next"]


@pytest.mark.parametrize("sort", ["score", "-score", "probability", "last_activity", "-last_activity", "lead_id"])
def test_pages_are_the_whole_list(service, sort):
    whole = best(service, 1_000, sort=sort)
    assert len(whole) > 60
    found, answers = pages(service, sort=sort, limit=17)
    assert found == whole
    assert len({answer["as_of"] for answer in answers}) == 1
    rows = [row for answer in answers for row in answer["leads"]]
    name = sort.removeprefix("-")
    values = [row[name] for row in rows]
    assert values == sorted(values, reverse=(sort in ("score", "probability", "last_activity")))


def test_filters(service):
    rows = service.get("/v1/leads?limit=1000").json()["leads"]
    low, high = sorted(row["score"] for row in rows)[20:50:29]
    inside = [row["lead_id"] for row in rows if low <= row["score"] <= high]
    assert 0 < len(inside) < len(rows)
    assert best(service, 1_000, min_score=low, max_score=high) == inside
    assert pages(service, min_score=low, max_score=high, limit=4)[0] == inside
    graded = [row["lead_id"] for row in rows if row["grade"] == rows[0]["grade"]]
    assert best(service, 1_000, grade=rows[0]["grade"]) == graded
    newer = sorted(row["last_activity"] for row in rows)[-5]
    assert len(best(service, 1_000, changed_since=newer)) >= 5
    assert best(service, 1_000, owner="nobody") == []


def test_leads_of_a_seller(fresh):
    batch = [track(f"c{lead}", userId=lead, event="Lead Created", receivedAt="2025-03-01T09:12:00Z") for lead in "abc"]
    batch += [
        track(f"o{n}", userId=lead, type="identify", traits={"owner": owner}, receivedAt="2025-03-02T09:12:00Z")
        for n, (lead, owner) in enumerate([("a", "Petit"), ("b", "Roux"), ("c", "PETIT")])
    ]
    fresh.post("/v1/batch", {"batch": batch})
    for status in ("scored", "too_early"):
        found = best(fresh, owner="petit", status=status, sort="lead_id")
        if found:
            assert found == ["a", "c"]
            break
    else:
        pytest.fail("nobody is listed")


def test_a_list_goes_on_while_leads_come_in(fresh):
    def lead(number):
        return track(number, userId=f"N{number:02}", event="Lead Created", receivedAt="2025-03-01T09:12:00Z")

    fresh.post("/v1/batch", {"batch": [lead(number) for number in range(10, 20)]})
    query = {"limit": 4, "status": "too_early", "sort": "lead_id"}
    first = fresh.get("/v1/leads", params=query).json()
    fresh.post("/v1/batch", {"batch": [lead(number) | {"receivedAt": None} for number in (5, 12, 15, 99)]})
    fresh.clock[0] += 120_000_000
    rest = [*first["leads"]]
    while first["next"]:
        first = fresh.get("/v1/leads", params={**query, "cursor": first["next"]}).json()
        rest += first["leads"]
    assert [one["lead_id"] for one in rest] == [f"N{number}" for number in range(10, 20)]


def test_a_list_of_another_process_has_no_erased_lead_either(fresh):
    batch = [track(n, userId=f"N{n}", event="Lead Created", receivedAt="2025-03-01T09:12:00Z") for n in range(6)]
    fresh.post("/v1/batch", {"batch": batch})
    query = {"limit": 2, "status": "too_early", "sort": "lead_id"}
    first = fresh.get("/v1/leads", params=query).json()
    with fresh.market.store() as elsewhere:
        from data.erasure import erase  # noqa: PLC0415

        erase(elsewhere, "N2", now=1)
    second = fresh.get("/v1/leads", params={**query, "cursor": first["next"]}).json()
    assert [one["lead_id"] for one in second["leads"]] == ["N3"]
    third = fresh.get("/v1/leads", params={**query, "cursor": second["next"]}).json()
    assert [one["lead_id"] for one in third["leads"]] == ["N4", "N5"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cursor": "x"}, "cursor: write what"),
        ({"sort": "-score"}, "another list"),
        ({"grade": "A"}, "another list"),
        ({"status": "lost"}, "another list"),
        ({"as_of": "2025-03-01T00:00:00Z"}, "another list"),
        ({"min_score": "nan"}, "min_score"),
        ({"max_score": "101"}, "max_score"),
        ({"changed_since": "yesterday"}, "changed_since: 'yesterday' is not a date"),
        ({"sort": "name"}, "query.sort"),
        ({"cursor": "x" * 5_000}, "query.cursor"),
    ],
)
def test_a_page_of_nothing(service, change, sentence):
    cursor = service.get("/v1/leads?limit=5").json()["next"]
    asked = {"limit": 5, "cursor": cursor, **change}
    assert sentence in problem(service.get("/v1/leads", params=asked), 422)


def test_pages_are_of_one_model(service, monkeypatch):
    cursor = service.get("/v1/leads?limit=5").json()["next"]
    other = replace(service.market.bundle, saved_as="other")
    monkeypatch.setattr(ModelHolder, "current", lambda _: other)
    assert other.version != service.market.bundle.version
    assert "begin again" in problem(service.get("/v1/leads", params={"limit": 5, "cursor": cursor}), 409)
