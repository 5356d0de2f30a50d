"""Scores of many leads made on many machines: the scorer itself runs there, and its answers come back as Arrow.

A `Scores` in pieces, put together again, is the one that a single machine makes: everything after it (the file, the
prediction log, what a person is shown) is the same code on the same bits.
"""

import io
import tempfile
import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from data.journey import Status
from data.log import EventLog, Floats, Ints
from features import spark
from features.words import Language
from serving.scorer import Scores, score, visible_leads
from training.bundle import Bundle

_ROWS = ("features", "points", "probability", "interval", "ready")
_PIECE = pa.schema(
    [
        pa.field("place", pa.int64()),
        pa.field("lead_id", pa.string()),
        pa.field("as_of", pa.int64()),
        pa.field("status", pa.int32()),
        pa.field("ready_at", pa.int64()),
        pa.field("score", pa.float64()),
        *(pa.field(name, pa.binary()) for name in _ROWS),
    ]
)
"""One asked pair. ``place``: among the pairs asked for, 0 where all leads are; the bytes are little-endian float64."""


@dataclass(frozen=True)
class Asked:
    """Which (lead, moment) pairs are to be scored.

    pairs : leads and moments, None where it is every lead visible at `as_of`
    """

    as_of: int = 0
    pairs: tuple[list[str], list[int]] | None = None

    def everyone(self, log: EventLog) -> tuple[list[str], list[int]]:
        """The leads and the moments that are asked for, whether or not `log` knows them."""
        if self.pairs is not None:
            return self.pairs
        leads = visible_leads(log, self.as_of)
        return leads, [self.as_of] * len(leads)

    def here(self, log: EventLog) -> tuple[Ints, list[str], list[int]]:
        """Those of whom `log` holds anything: place among all that are asked (0 where all leads are), lead, moment."""
        lead_ids, moments = self.everyone(log)
        if self.pairs is None:
            return np.zeros(len(lead_ids), dtype=np.int64), lead_ids, moments
        places = np.flatnonzero(log.codes(lead_ids) >= 0)
        chosen = places.tolist()
        return places, [lead_ids[place] for place in chosen], [moments[place] for place in chosen]


@dataclass(frozen=True)
class Packed:
    """A bundle as bytes, to travel with the function that needs it."""

    version: str
    archive: bytes

    @staticmethod
    def of(bundle: Bundle) -> "Packed":
        """The bundle's own files, so that what arrives is checked as any bundle is; drift's reference stays here."""
        packed, bundle = io.BytesIO(), replace(bundle, reference=pl.DataFrame(), saved_as=bundle.version)
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            bundle.save(Path(folder))
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)
        return Packed(bundle.version, packed.getvalue())

    def bundle(self) -> Bundle:
        """The bundle, read once a process."""
        return _unpacked(self)


@lru_cache(maxsize=1)
def _unpacked(packed: Packed) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(packed.archive)).extractall(folder)
        return Bundle.load(Path(folder))


def score_by_spark(
    bundle: Bundle, source: str | Path, asked: Asked, *, master: str, partitions: int | None = None, say: spark.Say
) -> Scores:
    """The scores of histories that Spark reads: as `serving.scorer.score` gives them, in the order asked.

    source : as for `features.spark.run`; all leads come in ascending order
    """
    function = partial(_piece, packed=Packed.of(bundle), asked=asked)
    pieces = spark.run(source, function, _PIECE, master=master, partitions=partitions, say=say)
    if asked.pairs is not None:  # of whom no machine holds anything, this one can say so
        lead_ids, moments = asked.pairs
        left = np.setdiff1d(np.arange(len(lead_ids)), pieces["place"].to_numpy()).astype(np.int64)
        unknown = score(bundle, spark.nobody(), [lead_ids[n] for n in left], [moments[n] for n in left])
        pieces = pa.concat_tables([pieces, _to_arrow(unknown, left)])
    return _from_arrow(bundle, pieces.sort_by([("place", "ascending"), ("lead_id", "ascending")]))


def write_by_spark(
    bundle: Bundle,
    source: str | Path,
    asked: Asked,
    out: str | Path,
    language: Language,
    *,
    master: str,
    say: spark.Say,
) -> int:
    """Score, each executor writing its rows of `Scores.table`; returns how many. Pairs of nobody are left out."""
    made = score(bundle, spark.nobody(), [], []).table(language).to_arrow().schema
    plain = [field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field for field in made]
    function = partial(_rows, packed=Packed.of(bundle), asked=asked, language=language)
    return spark.write(source, function, pa.schema(plain), out, master=master, say=say)


def _piece(log: EventLog, packed: Packed, asked: Asked) -> pa.Table:
    place, lead_ids, moments = asked.here(log)
    return _to_arrow(score(packed.bundle(), log, lead_ids, moments), place)


def _rows(log: EventLog, packed: Packed, asked: Asked, language: Language) -> pa.Table:
    _, lead_ids, moments = asked.here(log)
    return score(packed.bundle(), log, lead_ids, moments).table(language).to_arrow()


def _to_arrow(scores: Scores, place: Ints) -> pa.Table:
    at = scores.scored

    def of_scored(values: Floats) -> list[bytes | None]:
        return [np.ascontiguousarray(values[row], dtype="<f8").tobytes() if row >= 0 else None for row in at]

    columns = {
        "place": place,
        "lead_id": scores.lead_ids,
        "as_of": scores.as_of,
        "status": [int(status) for status in scores.status],
        "ready_at": scores.ready_at,
        "score": [float(scores.score[row]) if row >= 0 else None for row in at],
        **{name: of_scored(getattr(scores, name)) for name in _ROWS},
    }
    return pa.table(columns, schema=_PIECE)


def _from_arrow(bundle: Bundle, pieces: pa.Table) -> Scores:
    rows = pieces.filter(pieces["score"].is_valid())
    scored = np.full(len(pieces), -1, dtype=np.int64)
    scored[pieces["score"].is_valid().to_numpy()] = np.arange(len(rows))
    # Widths and the base are the bundle's: one row of nothing known has them, whoever is asked for.
    width = len(bundle.feature_set.names)
    one = bundle.predict(np.full((1, width), np.nan))
    widths = {"features": width, "points": width}
    widths |= {name: getattr(one, name).shape[1] for name in ("probability", "interval", "ready")}

    def matrix(name: str) -> Floats:
        values = np.frombuffer(b"".join(rows[name].to_pylist()), dtype="<f8")
        return values.reshape(len(rows), widths[name]).astype(np.float64)

    return Scores(
        bundle=bundle,
        lead_ids=pieces["lead_id"].to_pylist(),
        as_of=pieces["as_of"].to_numpy(),
        status=[Status(code) for code in pieces["status"].to_pylist()],
        ready_at=pieces["ready_at"].to_numpy(),
        scored=scored,
        base=bundle.points(one)[0],
        score=rows["score"].to_numpy(),
        rules=None,
        mature=None,
        least=None,
        allowed=None,
        **{name: matrix(name) for name in _ROWS},
    )
