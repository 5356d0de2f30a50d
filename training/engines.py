"""Who makes a training set: one process with all histories, one with a part after the other, or Spark.

Each yields tables in the schema of `training.columns`; put together and sorted they are the same to the last bit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.log import EventLog
from data.parts import file_of
from data.units import read_part
from features import spark
from features.catalogue import FeatureSet
from training.columns import schema
from training.sets import Asked, Labelled, Pairs, completed, piece, pieces
from veraison.playbook import Playbook

Report = Callable[[int, int], None]
"""Told how much of how much is done."""


@dataclass(frozen=True)
class Whole:
    """All histories in memory: rows by lead and moment, given pairs as asked."""

    log: EventLog
    threads: int = 1

    def tables(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked, report: Report) -> Iterator[pa.Table]:
        """The set, piece by piece."""
        if isinstance(asked, Pairs):
            found = piece(self.log, feature_set, playbook, asked, self.threads)
            yield completed(found, feature_set, playbook, asked)
        else:
            yield from pieces(self.log, feature_set, playbook, asked, self.threads, report)


@dataclass(frozen=True)
class Parts:
    """History tables (data.units), one part in memory at a time: rows part by part, given pairs as asked.

    count : of parts
    """

    folder: Path
    count: int
    threads: int = 1

    def tables(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked, report: Report) -> Iterator[pa.Table]:
        """The set, piece by piece; of given pairs at once, since their order runs through all parts."""
        if isinstance(asked, Pairs):
            found = pa.concat_tables(self._by_part(feature_set, playbook, asked, report))
            yield completed(found, feature_set, playbook, asked)
        else:
            yield from self._by_part(feature_set, playbook, asked, report)

    def _by_part(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked, report: Report) -> Iterator[pa.Table]:
        for part in range(self.count):
            report(part, self.count)
            if isinstance(asked, Pairs):
                yield piece(read_part(self.folder, part), feature_set, playbook, asked, self.threads)
            else:
                yield from pieces(read_part(self.folder, part), feature_set, playbook, asked, self.threads)
        report(self.count, self.count)

    def newest(self) -> int | None:
        """The newest ``known_at`` of the events, None where there are none."""
        files = (file_of(self.folder, "events", part) for part in range(self.count))
        found = (pc.max(pq.read_table(file, columns=["known_at"])["known_at"]).as_py() for file in files)
        return max((one for one in found if one is not None), default=None)


@dataclass(frozen=True)
class Cluster:
    """Histories that Spark reads.

    source : as for `features.spark.run`
    """

    source: str | Path
    master: str
    say: spark.Say

    def tables(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked, report: Report) -> Iterator[pa.Table]:
        """The whole set at once, by lead and moment, given pairs as asked."""
        function, wanted = self._work(feature_set, playbook, asked)
        found = spark.run(self.source, function, wanted, master=self.master, say=self.say)
        yield completed(found, feature_set, playbook, asked)

    def write(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked, out: str) -> int:
        """Parquet files that the executors write into a folder or an address; returns how many rows."""
        function, wanted = self._work(feature_set, playbook, asked)
        return spark.write(self.source, function, wanted, out, master=self.master, say=self.say)

    def _work(self, feature_set: FeatureSet, playbook: Playbook, asked: Asked) -> tuple[spark.Function, pa.Schema]:
        function = partial(piece, feature_set=feature_set, playbook=playbook, asked=asked)
        return function, function(spark.nobody()).schema


Engine = Whole | Parts | Cluster


def schema_of(feature_set: FeatureSet, playbook: Playbook, asked: Asked) -> pa.Schema:
    """Of the tables of all engines."""
    return schema(feature_set, playbook, labelled=isinstance(asked, Labelled))
