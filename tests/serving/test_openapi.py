"""The API keeps to its own description: schemathesis asks every operation what is right and what is wrong.

HYPOTHESIS_PROFILE=deep asks forty times as much.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from serving import keys
from serving.formats import MEDIA
from tests.reports import write_journey
from tests.service import Door, door, market
from veraison.playbook_routes import Route

KINDS = ("track", "identify", "page", "screen", "group", "alias")
OPERATIONS = {
    ("get", "/v1/leads"),
    ("get", "/v1/leads/{lead_id}"),
    ("delete", "/v1/leads/{lead_id}"),
    ("get", "/v1/leads/{lead_id}/export"),
    ("post", "/v1/leads/{lead_id}/feedback"),
    ("post", "/v1/hooks/{mapping}"),
    ("post", "/v1/score"),
    ("get", "/v1/qualify"),
    ("get", "/v1/record"),
    ("get", "/v1/monitoring"),
    ("get", "/v1/routes"),
    ("get", "/v1/reports"),
    ("get", "/v1/reports/{name}"),
    ("post", "/v1/leads/{lead_id}/card-link"),
    ("get", "/v1/status"),
    *(("post", f"/v1/{name}") for name in ("batch", "import", *KINDS)),
}
"""All that the document describes."""
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, unsupported_method, allow_header_conformance, missing_required_header,
]  # fmt: skip
KNOWN = st.integers(1, 200).map("L{:05}".format)
ODD = [None, "never", "a/b", "..", "é 1"]
"""None: whatever schemathesis makes up."""
MAPPINGS = ["hubspot", "salesforce", "nothing"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    where = market().copy(tmp_path_factory.mktemp("openapi"))
    routes = where.playbook.model_copy(update={"routes": (Route(name="all", to="sales"),)})
    with door(replace(where, playbook=routes)) as opened:
        write_journey(opened)
        opened.keys["anne"] = keys.create(opened.store, "anne", ["read"], now=1, seller="Anne")
        opened.keys["unknown"] = keys.PREFIX + "A" * 43
        yield opened


@pytest.fixture(scope="module")
def described(service: Door) -> Any:
    return schemathesis.openapi.from_url(f"{service.client.base_url}/openapi.json")


def test_the_operations_of_this_table_are_those_of_the_document(service: Door):
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {(method, path) for path, said in paths.items() for method in said} == OPERATIONS


@pytest.mark.parametrize(
    ("method", "path"), sorted(OPERATIONS, reverse=True), ids=lambda part: part.removeprefix("/v1/")
)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_answer_is_one_that_is_described(
    service: Door, described: Any, method: str, path: str, mode: GenerationMode
):
    operation = described[path][method]
    seen: Counter[int] = Counter()

    @settings(max_examples=max(20, settings.default.max_examples // 3))
    @given(
        case=operation.as_strategy(generation_mode=mode),
        key=st.sampled_from([*["admin"] * 6, "ingest", "read", "anne", "unknown", ""]),
        accept=st.sampled_from(["*/*", *MEDIA.values()]),
        lead=st.integers(0, 9).flatmap(lambda die: st.sampled_from(ODD) if die == 9 else KNOWN),
        mapping=st.none() | st.sampled_from(MAPPINGS),
        report=st.none() | st.sampled_from(["journey", "nothing"]),
    )
    def ask(case: Any, key: str, accept: str, lead: str | None, mapping: str | None, report: str | None) -> None:
        for name, known in (("lead_id", lead), ("mapping", mapping), ("name", report)):
            if known is not None and name in (case.path_parameters or {}):
                case.path_parameters[name] = known
        if lead is not None and path == "/v1/score" and isinstance(case.body, dict):
            case.body["lead_ids"] = [lead]
        answer = case.call(headers={"Accept": accept} | (service.key(key) if key else {}))
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert mode is GenerationMode.NEGATIVE or seen[200], seen
