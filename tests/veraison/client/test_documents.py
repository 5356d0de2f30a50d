"""The examples of docs/client.md run as they stand, against the real app."""

import re
from pathlib import Path

import pytest

from tests.service import door, market
from tests.support import ROOT
from veraison.client import Client, errors

TEXT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with door(market().copy(tmp_path)) as service:
        monkeypatch.setenv("VERAISON_URL", str(service.client.base_url))
        monkeypatch.setenv("VERAISON_KEY", service.keys["admin"])
        for text in EXAMPLES:
            exec(compile(text, "docs/client.md", "exec"), {})
    assert len(EXAMPLES) == 3
    printed = capsys.readouterr().out
    assert "L42" in printed
    assert market().bundle.version in printed


def test_every_error_and_call_stands_there():
    kinds = [name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)]
    calls = [name for name in vars(Client) if not name.startswith("_") and name != "close"]
    ours = [name for name in kinds if name != "ValidationError"]
    assert len(ours) == 11
    assert [name for name in [*ours, *calls] if name not in TEXT] == []
