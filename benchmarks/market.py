"""A year of events of a made-up market, in Parquet, as an event log grows: in the order of ``known_at``.

Columns: lead_id (text), kind (text), occurred_at and known_at (int64, microseconds UTC), value (int64 millionths, or
null). On average a lead has 100 events, some have two and some thousands; it comes in bursts; 3 % of the events are
known only hours or days after they happened. The year is made week by week: memory hardly grows with its events.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.table import DAY, KINDS, YEAR_DAYS, YEAR_START

EVENTS_PER_LEAD = 100
SCHEMA = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("occurred_at", pa.int64(), nullable=False),
        pa.field("known_at", pa.int64(), nullable=False),
        pa.field("value", pa.int64()),
    ]
)

_WEEKS = 53
_HOUR = DAY // 24
_LATE, _VALUED, _IN_BURST = 0.03, 0.30, 0.60
_SPREAD = 1.4  # of the logarithm of a lead's events: half have fewer than 40, one in 10,000 more than 7,000
_ROW_GROUP = 250_000  # rows: a bench at 1e6 still has something to share between cores

Ints = npt.NDArray[np.int64]
Columns = dict[str, Ints]


def write(path: Path, events: int, seed: int = 7) -> None:
    """Write exactly `events` rows to `path`; the same seed gives the same rows."""
    leads = max(1, events // EVENTS_PER_LEAD)
    names = pa.array([f"L{number:07d}" for number in range(leads)])
    kinds = pa.array(KINDS)
    waiting: list[Columns] = []
    rows = 0

    def table(columns: Columns) -> pa.Table:
        arrays = [
            names.take(pa.array(columns["lead"])),
            kinds.take(pa.array(columns["kind"])),
            pa.array(columns["occurred"]),
            pa.array(columns["known"]),
            pa.array(columns["value"], mask=columns["value"] < 0),
        ]
        return pa.table(arrays, schema=SCHEMA)

    with pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=1) as writer:
        for week in _weeks(events, leads, np.random.default_rng(seed)):
            waiting.append(week)
            rows += len(week["lead"])
            if rows >= _ROW_GROUP:
                joined = table(_joined(waiting))
                whole = rows - rows % _ROW_GROUP
                writer.write_table(joined.slice(0, whole), row_group_size=_ROW_GROUP)
                waiting = [{name: column[whole:] for name, column in _joined(waiting).items()}]
                rows -= whole
        writer.write_table(table(_joined(waiting)), row_group_size=_ROW_GROUP)


def _weeks(events: int, leads: int, random: np.random.Generator) -> Iterator[Columns]:
    """The rows of the log as they become known, week after week; the last part holds what comes after the year."""
    weight = random.lognormal(0, _SPREAD, leads)
    start = random.random(leads) ** 2 * (YEAR_DAYS - 1) * DAY  # most leads are there early in the year
    rate = weight / (YEAR_DAYS * DAY - start)
    ends = np.minimum(np.arange(1, _WEEKS + 1) * 7, YEAR_DAYS) * DAY
    begins = np.arange(_WEEKS) * 7 * DAY
    intensity = np.array([(rate * np.clip(e - start, 0, e - b)).sum() for b, e in zip(begins, ends, strict=True)])
    sizes = random.multinomial(events, intensity / intensity.sum())
    popularity = 1 / np.arange(1, len(KINDS) + 1)
    late: list[Columns] = []
    for begin, end, size in zip(begins, ends, sizes, strict=True):
        present = np.clip(end - start, 0, end - begin)
        cumulated = np.cumsum(rate * present)
        lead = np.searchsorted(cumulated, random.random(size) * cumulated[-1], side="right").astype(np.int64)
        burst = random.random(leads)
        share = np.where(
            random.random(size) < _IN_BURST,
            burst[lead] + random.exponential(2 * _HOUR, size) / np.maximum(present[lead], 1),
            random.random(size),
        )
        occurred = (YEAR_START + end - present[lead] * (1 - share % 1)).astype(np.int64)
        delay = np.where(random.random(size) < _LATE, _HOUR * np.exp(random.uniform(0, 5.3, size)), 0).astype(np.int64)
        value = np.round(random.lognormal(7, 1, size), 2) * 1e6
        made = {
            "lead": lead,
            "kind": random.choice(len(KINDS), size, p=popularity / popularity.sum()),
            "occurred": occurred,
            "known": occurred + delay,
            "value": np.where(random.random(size) < _VALUED, value, -1).astype(np.int64),
        }
        known = _joined([*late, made])
        now = known["known"] < YEAR_START + end
        yield _in_order({name: column[now] for name, column in known.items()})
        late = [{name: column[~now] for name, column in known.items()}]
    yield _in_order(_joined(late))


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _in_order(columns: Columns) -> Columns:
    order = np.argsort(columns["known"], kind="stable")
    return {name: column[order] for name, column in columns.items()}
