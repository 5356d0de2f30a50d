"""Compiled code reads nothing beyond its arrays: every feature of a random world with the bounds checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_EVERYTHING = """
import numpy as np
from features import compute
from tests.features import worlds
from tests.histories import at, identify, log_of, track

events = [track(lead, kind, day / 3, known=day / 3 + day % 5, value=day - 9.0)
          for day in range(60) for lead in "ab" for kind in ("Lead Created", "Quote", "Called", "Never Seen", "page")]
events += [identify("a", 3.0, email="a@acme.fr", source="fair"), identify("c", 2.0, size="many")]
log = log_of(*events)
everything = worlds.everything()
for moments in ([5.0], [0.0, 1.5, 5.0, 19.0, 40.0]):
    lead = np.repeat(np.arange(len(log.leads)), len(moments))
    as_of = np.tile([at(day) for day in moments], len(log.leads))
    print(compute.batch(log, everything, lead, as_of, np.full(len(lead), at(0))).shape)
"""


@pytest.mark.slow
def test_every_feature_stays_within_its_arrays(tmp_path):
    beside = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _EVERYTHING], cwd=Path(__file__).parents[2], env=os.environ | beside,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
