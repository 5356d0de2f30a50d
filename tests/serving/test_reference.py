"""What the API says of itself is complete, and its page shows all of it and can be typed."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from serving import reference
from tests.reports import write_journey
from tests.service import Door, door, market
from veraison import answers
from veraison.playbook_routes import Route


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    where = market().copy(tmp_path_factory.mktemp("reference"))
    routes = where.playbook.model_copy(update={"routes": (Route(name="all", to="sales"),)})
    with door(replace(where, playbook=routes)) as opened:
        write_journey(opened)
        yield opened


@pytest.fixture(scope="module")
def document(service: Door) -> dict[str, Any]:
    return dict(service.client.get("/openapi.json").json())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield f"{method} {path}", said


def test_every_operation_says_what_it_is(document: dict[str, Any]):
    tags, names = {tag["name"] for tag in document["tags"]}, []
    for name, said in operations(document):
        assert said["summary"], name
        assert len(said["description"]) > 20, name
        assert set(said["tags"]) <= tags, name
        assert said["security"], name
        names.append(said["operationId"])
        for one in said.get("parameters", []):
            assert one["schema"]["description"], (name, one)
            assert one["schema"]["examples"], (name, one)
        assert ("requestBody" in said) == name.startswith("post"), name
        if "requestBody" in said:
            assert said["requestBody"]["content"]["application/json"]["example"], name
        for status, answer in said["responses"].items():
            assert answer["description"], (name, status)
            (media, *_) = answer["content"]
            expected = "application/json" if status == "200" else "application/problem+json"
            assert media == expected, (name, status)
            assert "schema" in answer["content"][media], (name, status)
            for header in answer.get("headers", {}).values():
                assert header["description"], (name, status)
        assert said["responses"]["200"]["content"]["application/json"]["example"], name
    assert len(names) == len(set(names))


def test_every_field_says_what_it_is(document: dict[str, Any]):
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, said in (*schema["properties"].items(), *schema.get("patternProperties", {}).items()):
            assert said.get("description"), (name, field)
            records = "$ref" in json.dumps(said)
            assert "examples" in said or records, (name, field)


def test_every_example_of_an_answer_is_one(document: dict[str, Any]):
    for name, said in operations(document):
        content = said["responses"]["200"]["content"]["application/json"]
        kind = getattr(answers, content["schema"]["$ref"].rpartition("/")[2])
        made = kind.model_validate_json(json.dumps(content["example"]))
        assert {*made.model_dump(mode="json", by_alias=True)} == {*content["example"]}, name


@pytest.fixture(scope="module")
def page(service: Door) -> str:
    answer = service.client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


def test_the_page_shows_every_operation_and_field(document: dict[str, Any], page: str):
    text = unescape(re.sub(r"<[^>]+>", "", page))
    for name, said in operations(document):
        method, path = name.split(" ")
        assert f"{method.upper()} {path}" in text
        assert said["summary"] in text
    for name, schema in document["components"]["schemas"].items():
        assert f'id="record-{name}"' in page
        for field in schema["properties"]:
            assert f"<code>{field}</code>" in page, (name, field)
    assert "<script" not in page
    assert "style=" not in page
    assert set(re.findall(r'(?:href|src)="(https?:[^"]*)"', page)) == set()
    assert not re.search(r"\bNone\b(?! of the forms)", text)


def test_every_link_of_the_page_leads_somewhere(page: str):
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {one.removeprefix("#") for one in re.findall(r'href="(#[^"]+)"', page)} <= set(ids)


def lines(page: str) -> list[str]:
    return [unescape(line) for line in re.findall(r"<code>(curl [^<]*?)</code></pre>", page)]


def test_every_line_can_be_typed(service: Door, document: dict[str, Any], page: str):
    """Each by curl as it stands; what the examples speak of is there, but a webhook's contact."""
    for message in document["paths"]["/v1/batch"]["post"]["requestBody"]["content"]["application/json"]["example"][
        "batch"
    ]:
        told = message | {
            "timestamp": "2025-03-01T09:12:00Z",
            "messageId": "there",
            "receivedAt": "2025-03-01T09:12:00Z",
        }
        service.post("/v1/batch", {"batch": [told]})
    found = lines(page)
    assert len(found) == len(list(operations(document)))
    for line in sorted(found, key=lambda line: "DELETE" in line):
        typed = line.replace("http://localhost:3000", str(service.client.base_url)).replace(
            "$KEY", service.keys["admin"]
        )
        ran = subprocess.run(
            [*shlex.split(typed.replace("\\\n", " ")), "-w", "\n%{http_code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        body, _, status = ran.stdout.rpartition("\n")
        assert status in ("200", "409", "422") if "feedback" in line else status == "200", (line, body)


def test_where_a_proxy_stands_before_it_the_lines_say_so(document: dict[str, Any]):
    found = list(reference.operations(document, "https://leads.example"))
    assert all("https://leads.example/v1/" in one.curl for one in found)
    (lead,) = [one for one in found if one.name == "lead"]
    assert lead.curl == 'curl -s https://leads.example/v1/leads/L42 \\\n     -H "Authorization: Bearer $KEY"'
