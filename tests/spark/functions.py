"""What tests run on executors: there, code is found by its module's name."""

import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.journey import standing
from data.log import EventLog
from features import compute
from features.catalogue import FeatureSet
from tests.data.logs import told
from tests.histories import at
from veraison.errors import SourceError
from veraison.playbook import Playbook

TOLD = pa.schema([("lead_id", pa.string()), ("told", pa.string())])
VECTORS = pa.schema([("lead_id", pa.string()), ("as_of", pa.int64()), ("vector", pa.binary()), ("first", pa.float64())])
DAYS = (20.0, 60.5, 100.0, 149.0)
LONE = pa.schema([("lead_id", pa.string()), ("events", pa.int64()), ("newest", pa.int64())])


def everything(log: EventLog) -> pa.Table:
    """All that is known of each lead, in words."""
    return pa.table([log.leads, [repr(told(log, lead)) for lead in log.leads]], schema=TOLD)


def vectors(log: EventLog, feature_set: FeatureSet, playbook: Playbook) -> pa.Table:
    """The features of each lead at some moments, to the last bit."""
    lead = np.repeat(np.arange(len(log.leads)), len(DAYS))
    as_of = np.tile([at(day) for day in DAYS], len(log.leads))
    started = standing(log, playbook.journey, lead, as_of).started
    found = compute.batch(log, feature_set, lead, as_of, started)
    rows = [log.leads[code] for code in lead], as_of, [row.tobytes() for row in found], found[:, 0]
    return pa.table(list(rows), schema=VECTORS)


def counted(log: EventLog) -> pa.Table:
    """How many events each lead has, and the newest of them."""
    return pa.table([log.leads, np.diff(log.offsets), log.known[log.offsets[1:] - 1]], schema=LONE)


def patient(log: EventLog, folder: str) -> pa.Table:
    """The same, but not before somebody has lost patience with one of the executors."""
    here = Path(folder)
    (here / f"{os.getppid()}.busy").touch()
    while not (here / "killed").exists():
        time.sleep(0.05)
    return everything(log)


def mistaken(log: EventLog) -> pa.Table:
    """Something a person gave us is wrong, and only an executor sees it."""
    raise SourceError(f"these {len(log.leads) and 'leads'} cannot be used [by anyone]: write others")


def defective(log: EventLog) -> pa.Table:
    """A defect of ours."""
    return pa.table({"n": [1 // 0 for _ in log.leads]})


def bits(table: pa.Table) -> list[str]:
    """The rows of a table in one order, NaN equal to itself."""
    return sorted(repr(tuple(row.values())) for row in table.to_pylist())


def waiting(folder: Path) -> partial[pa.Table]:
    return partial(patient, folder=str(folder))
