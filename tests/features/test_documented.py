"""docs/features.md tells each op of the catalogue, in the family it belongs to, and shows an example that runs."""

import re

import pytest

from features.custom import registered
from features.ops import FAMILY, Op
from tests.support import ROOT

TEXT = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
TOLD = re.findall(r"^\| (\w+) \| `(\w+)` \| ([^|]+) \|", TEXT, re.MULTILINE)


@pytest.mark.parametrize("op", Op, ids=lambda op: op.name)
def test_every_op_is_told_in_its_family(op):
    assert [(family, bool(meaning.strip())) for family, name, meaning in TOLD if name == op.name] == [
        (FAMILY[op], True)
    ]


def test_nothing_else_is_told():
    assert {name for _, name, _ in TOLD} == {op.name for op in Op}


def test_the_example_of_a_custom_feature_runs(tmp_path, monkeypatch):
    source = re.search(r"```python\n# our_features\.py\n(.+?)```", TEXT, re.DOTALL)
    (tmp_path / "features_of_the_docs.py").write_text(source[1])
    monkeypatch.syspath_prepend(tmp_path)
    (one,) = registered("features_of_the_docs")
    assert one.compiled
    assert one.spec.name == "pricing_at_night"
    assert one.words == {"en": "pricing pages seen at night", "fr": "pages de prix vues la nuit"}


@pytest.mark.parametrize("key", ["windows_days", "half_lives_days", "time_zone", "traits", "custom", "outbound"])
def test_the_playbook_s_keys_are_told(key):
    assert re.search(rf"\*{key}\*|features\.{key}\b|^{key} =", TEXT, re.MULTILINE)
    assert re.search(rf"^{key} |^\[features\.{key}\]", (ROOT / "docs" / "playbook.md").read_text(), re.MULTILINE)
