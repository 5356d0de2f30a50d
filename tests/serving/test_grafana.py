"""The dashboard for Grafana asks for nothing that the service does not have, and leaves nothing out."""

import json
import re
from typing import Any

import pytest
from prometheus_client import REGISTRY

from serving import meters  # noqa: F401 (its metrics are registered by the import)
from tests.support import ROOT

FOLDER = ROOT / "docs" / "operate"
NAME = re.compile(r"\b(?:veraison|bentoml)_[a-z_]+")
SUFFIXES = ("_bucket", "_total", "_count", "_sum")


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "grafana-veraison.json").read_text(encoding="utf-8"))
    return found


def base(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def asked(dashboard: dict[str, Any]) -> set[str]:
    return {
        base(name)
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
        for name in NAME.findall(target["expr"])
    }


def documented() -> set[str]:
    rows = [line for line in (FOLDER / "metrics.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {base(name) for row in rows for name in NAME.findall(row.split("|")[1])}


def own() -> set[str]:
    return {one.name for one in REGISTRY.collect() if one.name.startswith("veraison_")}


def test_every_metric_of_the_dashboard_is_documented_and_there(dashboard: dict[str, Any]):
    assert asked(dashboard) - documented() == set()
    assert {name for name in asked(dashboard) if name.startswith("veraison_")} - own() == set()


def test_every_metric_of_ours_is_documented_and_on_the_dashboard(dashboard: dict[str, Any]):
    assert own() - documented() == set()
    assert own() - asked(dashboard) == set()


def test_labels_of_the_dashboard_are_labels_of_the_metrics(dashboard: dict[str, Any]):
    known = {
        one.name: set(sample.labels) for one in REGISTRY.collect() for sample in one.samples if sample.labels
    } | {"bentoml_service_request": {"endpoint", "http_response_code"}}  # fmt: skip
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            for name in (base(one) for one in NAME.findall(target["expr"]) if one.startswith("veraison_")):
                assert labels <= known.get(name, set()), target["expr"]


def test_panels_do_not_overlap(dashboard: dict[str, Any]):
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
