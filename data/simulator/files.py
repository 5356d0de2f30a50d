"""The two files beside the events: the truth, and the playbook of the simulated firm."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.simulator.market import OUTBOUND
from data.simulator.people import Person

HORIZONS = (7, 30, 90)
PRIMARY = 30
"""Days after ``as_of``, for the playbook and for the truth."""


def truth_columns() -> list[str]:
    """The columns of the truth file, in order."""
    return ["lead_id", "as_of", *(f"p_{days}d" for days in HORIZONS)]


def write_truth(
    path: Path, persons: list[Person], lead: NDArray[np.int64], day: NDArray[np.int64], chances: NDArray[np.float64]
) -> None:
    """One row per landmark, lead by lead.

    lead, day : (n,) places in `persons`, and market days
    chances   : (n, len(HORIZONS))
    """
    order = np.lexsort((day, lead))
    who = [persons[number] for number in lead[order].tolist()]
    born = np.array([person.born - person.day * MICROS_PER_DAY for person in who], dtype=np.int64)
    as_of = born + day[order] * MICROS_PER_DAY + 60 * MICROS_PER_SECOND
    columns = [
        pa.array([person.lead_id for person in who], pa.string()),
        pa.array(as_of, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        *(pa.array(column) for column in chances[order].T),
    ]
    pq.write_table(pa.table(columns, names=truth_columns()), path)


def playbook_text() -> str:
    """The definitions that fit the simulated events, as TOML.

    >>> import tomllib
    >>> tomllib.loads(playbook_text())["journey"]["converted"]
    ['Deal Won']
    """
    outbound = ", ".join(f'"{name}"' for name in OUTBOUND)
    return f"""\
# The playbook of the simulated firm: which of its events mean what.

[journey]
created = ["Lead Created"]                 # from here on a lead is scored
ready = ["Sales Accepted"]                 # a seller took it
converted = ["Deal Won"]
lost = ["Deal Lost", "Disqualified"]       # by sales, by marketing
returned = ["Lead Returned"]               # a seller gave it back, with a property "reason"
opted_out = ["Unsubscribed"]

[horizons]
days = {list(HORIZONS)}
primary = {PRIMARY}                               # the horizon of the score

[features]
windows_days = [1, 7, 30, 90]
# What the firm does to the lead; everything else is the lead's own act.
outbound = [{outbound}]

[features.traits]
industry = "category"
employees = "number"
country = "category"
source = "category"
role = "category"

[identity]
keys = ["email"]                           # one address, one person
"""
