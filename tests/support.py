"""What several tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


def require_data(name: str) -> Path:
    """A file of the open development data, which is not part of the project.

    Where it is absent the test is skipped, with the reason; with ``VERAISON_REQUIRE=data`` it fails.
    """
    path = SHARED_DATA / name
    if not path.exists():
        reason = f"no open data at {path}"
        if "data" in os.environ.get("VERAISON_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
