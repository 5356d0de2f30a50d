"""The one artefact that training makes and serving loads: models, feature set, playbook, and what they were made from.

A bundle is a folder of plain files (JSON, LightGBM text, Parquet), nothing pickled. Its `version` is derived from its
content, so equal inputs give equal versions. A list of digests stands beside the files: one that was cut short or
changed is refused before anything reads it.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl

from data.events import parse_instant
from data.log import Floats
from features.catalogue import FeatureSet
from training import curve
from training.distil import ExplainedModel
from training.hazard import HazardModel
from training.interval import IntervalModel
from training.levels import Level, Levels
from veraison.errors import ModelError
from veraison.playbook import OF_NO_MODEL, REMOVED, Playbook

FORMAT = 3
"""1: hazards whose clocks stand still (training.hazard); 2: without levels (training.levels). Both are still read; a
bundle without levels is still written as 2."""
MANIFEST = "manifest.json"
_INTERVAL = "interval.txt"
READY_LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Prediction:
    """(n, ...) what a bundle says of n feature rows.

    log_odds      : (n,) of conversion within the primary horizon
    base          : the same for the average lead of the training set
    contributions : (n, f) each feature's part; ``log_odds == base + contributions.sum()``
    probability   : (n, h) at each horizon of the playbook, never falling along h
    interval      : (n, 2) bounds of the probability at the primary horizon, an 80 % interval; NaN from a bundle that
                    was trained before there were any
    ready         : (n, 3) days by which 10, 50 and 90 % of those ready within the longest horizon are
    """

    log_odds: Floats
    base: float
    contributions: Floats
    probability: Floats
    interval: Floats
    ready: Floats


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything that scoring needs.

    base_odds : odds of the typical lead, which score 50; inherited from version to version
    facts     : when, on what and how well it was trained (JSON)
    reference : training landmarks as they looked, for drift: features, ``probability``
    saved_as  : the version it was saved under, None for one just trained: a later Véraison whose playbook knows more
                keys, and would write other bytes, must go on calling it by its name
    levels    : how many times as many outcomes come as the trees say, where that was found out later
    """

    playbook: Playbook
    feature_set: FeatureSet
    conversion: HazardModel
    readiness: HazardModel | None
    explained: ExplainedModel
    base_odds: float
    facts: dict[str, Any] = field(default_factory=dict)
    reference: pl.DataFrame = field(default_factory=pl.DataFrame)
    saved_as: str | None = None
    interval: IntervalModel | None = None
    levels: tuple[Level, ...] = ()

    @cached_property
    def version(self) -> str:
        """Date of the training snapshot and ten digits of the content."""
        if self.saved_as is not None:
            return self.saved_as
        content = hashlib.sha256()
        for name, text in sorted(self._files().items()):
            content.update(f"{name}\x00{text}\x00".encode())
        return f"{str(self.facts.get('as_of', 'undated'))[:10]}-{content.hexdigest()[:10]}"

    @property
    def known_until(self) -> int:
        """The moment, microseconds UTC, from which on outcomes are news to it: of its training snapshot, or later, that
        since which its levels hold.
        """
        return max([parse_instant(self.facts["as_of"]), *(one.onset for one in self.levels)])

    @property
    def horizon_names(self) -> list[str]:
        """Columns of the probabilities: ``p_7d``, ``p_30d`` ..."""
        return [f"p_{days}d" for days in self.playbook.horizons.days]

    @property
    def primary(self) -> int:
        """Place of the primary horizon among the horizons."""
        return self.playbook.horizons.days.index(self.playbook.horizons.primary)

    def predict(self, features: Floats, threads: int = 1) -> Prediction:
        """Everything at once, for (n, f) rows in the order of the feature set; a row's bits do not depend on n."""
        features = np.ascontiguousarray(features, dtype=np.float64)
        count = len(features)
        if not count:
            width = len(self.feature_set.names)
            shapes = (0, width), (0, len(self.playbook.horizons.days)), (0, 2), (0, 3)
            return Prediction(np.empty(0), 0.0, *(np.empty(shape) for shape in shapes))
        log_odds, contributions, base = self._levels.contributions(self.explained, features, threads)
        probability, bent = self._bent(features, log_odds, threads)
        edges, ripening = self._ripening(features, bent, threads)
        ready = np.empty((count, len(READY_LEVELS)))
        curve.quantiles(edges, ripening, np.array(READY_LEVELS), ready)
        interval = np.full((count, 2), np.nan)
        if self.interval is not None:
            interval = self.interval.bounds(features, log_odds, threads)
        return Prediction(log_odds, base, contributions, probability, interval, ready)

    def readiness_curve(self, features: Floats, threads: int = 1) -> tuple[Floats, Floats]:
        """(g,) days and (n, g) the chance to be ready by then, never falling: the curve that `ready` is read from.

        It ends with the longest horizon; readiness is conversion where the playbook names no event for it.
        """
        features = np.ascontiguousarray(features, dtype=np.float64)
        _, bent = self._bent(features, self._levels.log_odds(self.explained, features, threads), threads)
        edges, ripening = self._ripening(features, bent, threads)
        return edges, -np.expm1(-ripening)

    def hazards(self, features: Floats, threads: int = 1) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Of conversion, then of readiness: (g,) days and the (n, g) cumulative hazard at each, linear in between.

        ``-expm1(-H)`` is the chance by then; at a horizon it is that of `predict`.
        """
        features = np.ascontiguousarray(features, dtype=np.float64)
        _, bent = self._bent(features, self._levels.log_odds(self.explained, features, threads), threads)
        return (self.conversion.edges, bent), self._ripening(features, bent, threads)

    def log_odds(self, features: Floats, threads: int = 1) -> Floats:
        """(n,) log-odds of conversion within the primary horizon, without the reasons: what a score is made of."""
        return self._levels.log_odds(self.explained, np.ascontiguousarray(features, dtype=np.float64), threads)

    @cached_property
    def _levels(self) -> Levels:
        return Levels(self.levels, self.feature_set)

    def _bent(self, features: Floats, log_odds: Floats, threads: int) -> tuple[Floats, Floats]:
        """(n, h) chances of conversion, and (n, edges) the cumulative hazard that goes through the explained one."""
        horizons = np.array(self.playbook.horizons.days, dtype=np.float64)
        cumulative = self.conversion.cumulative(features, threads)
        probability = np.empty((len(features), len(horizons)))
        bent = np.empty_like(cumulative)
        curve.bend(self.conversion.edges, cumulative, log_odds, horizons, self.primary, probability, bent)
        return probability, bent

    def _ripening(self, features: Floats, bent: Floats, threads: int) -> tuple[Floats, Floats]:
        """Days, and the (n, days) cumulative hazard of readiness at each."""
        if self.readiness is None:
            return self.conversion.edges, bent
        edges = np.union1d(self.conversion.edges, self.readiness.edges)
        ripening = np.empty((len(features), len(edges)))
        own = self.readiness.cumulative(features, threads)
        self._levels.raise_hazard(features, own)
        curve.no_later_than(self.readiness.edges, own, self.conversion.edges, bent, edges, ripening)
        return edges, ripening

    def points(self, prediction: Prediction) -> tuple[float, Floats, Floats]:
        """The base, (n, f) points of each feature and (n,) score: 10 points double the odds, 50 is the typical lead.

        ``score == clip(base + points.sum(), 0, 100)``
        """
        per_unit = 10.0 / float(np.log(2.0))
        shift = float(np.log(self.base_odds))
        base = 50.0 + per_unit * (prediction.base - shift)
        score = np.clip(50.0 + per_unit * (prediction.log_odds - shift), 0.0, 100.0)
        return base, per_unit * prediction.contributions, score

    def score_of(self, probability: Floats) -> Floats:
        """(n,) scores of probabilities at the primary horizon, in ]0, 1[, on this bundle's scale."""
        log_odds = np.log(probability) - np.log1p(-probability)
        found: Floats = np.clip(50.0 + 10.0 * (log_odds - np.log(self.base_odds)) / np.log(2.0), 0.0, 100.0)
        return found

    def save(self, folder: Path) -> None:
        """Write the bundle's files into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self._files().items():
            (folder / name).write_text(text, encoding="utf-8")
        self.reference.write_parquet(folder / "reference.parquet")
        (folder / "facts.json").write_text(json.dumps(self.facts, indent=1, ensure_ascii=False), encoding="utf-8")
        digests = {name: _digest(folder / name) for name in (*self._files(), "reference.parquet", "facts.json")}
        manifest = {"version": self.version, "files": digests}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "Bundle":
        """Read a bundle; ModelError where it is missing, broken, or of a newer format."""
        try:
            core = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
            if core["format"] > FORMAT:
                raise ModelError(
                    f"the model in {folder.name} was written by a newer Véraison (format {core['format']}, this one "
                    f"reads up to {FORMAT}); upgrade with: pip install --upgrade veraison"
                )
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            for name, digest in manifest["files"].items():
                if _digest(folder / name) != digest:
                    raise ValueError(f"{name} is not as it was written")
            found = Bundle(
                playbook=Playbook.model_validate(_as_now(core["playbook"])),
                feature_set=FeatureSet.from_json(core["feature_set"]),
                conversion=_load_hazard(folder, "conversion", core),
                readiness=_load_hazard(folder, "readiness", core) if core["readiness"] else None,
                explained=ExplainedModel(lgb.Booster(model_file=str(folder / "explained.txt"))),
                base_odds=core["base_odds"],
                facts=json.loads((folder / "facts.json").read_text(encoding="utf-8")),
                reference=pl.read_parquet(folder / "reference.parquet"),
                saved_as=str(manifest["version"]),
                interval=_load_interval(folder, manifest["files"]),
                levels=tuple(Level(**one) for one in core.get("levels", ())),
            )
            _ = found._levels  # a level that means nothing to this model is found out now
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ModelError(
                f"the model in {folder} cannot be read ({reason}); train again with: veraison train"
            ) from error
        return found

    def _files(self) -> dict[str, str]:
        core = {
            "format": FORMAT if self.levels else 2,
            "playbook": json.loads(self.playbook.model_dump_json(exclude=OF_NO_MODEL)),
            "feature_set": self.feature_set.to_json(),
            "base_odds": self.base_odds,
            "conversion": _hazard_json(self.conversion),
            "readiness": _hazard_json(self.readiness),
        }
        if self.levels:
            core["levels"] = [one.to_dict() for one in self.levels]
        files = {
            "bundle.json": json.dumps(core, indent=1, ensure_ascii=False),
            "conversion.txt": _booster_text(self.conversion.booster),
            "explained.txt": _booster_text(self.explained.booster),
        }
        if self.readiness is not None:
            files["readiness.txt"] = _booster_text(self.readiness.booster)
        if self.interval is not None:
            files[_INTERVAL] = _booster_text(self.interval.booster)
        return files


def _as_now(tables: dict[str, Any]) -> dict[str, Any]:
    """A playbook's tables as an older version wrote them, without the keys that are no more."""
    return {
        name: {key: value for key, value in table.items() if key not in REMOVED.get(name, ())}
        for name, table in tables.items()
    }


_UNREADABLE = (
    OSError, KeyError, ValueError, TypeError, AttributeError, lgb.basic.LightGBMError, pl.exceptions.PolarsError,
)  # fmt: skip


def _booster_text(booster: lgb.Booster) -> str:
    """LightGBM's text without the number of threads it was trained with: that changes no prediction."""
    text: str = booster.model_to_string()
    return re.sub(r"^\[num_threads: -?\d+\]$", "[num_threads: 1]", text, flags=re.MULTILINE)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hazard_json(model: HazardModel | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {"edges": model.edges.tolist(), "rates": model.rates.tolist(), "clocks": list(model.clocks)}


def _load_interval(folder: Path, files: dict[str, str]) -> IntervalModel | None:
    """None where the bundle is older than intervals."""
    return IntervalModel(lgb.Booster(model_file=str(folder / _INTERVAL))) if _INTERVAL in files else None


def _load_hazard(folder: Path, name: str, core: dict[str, Any]) -> HazardModel:
    return HazardModel(
        edges=np.array(core[name]["edges"]),
        rates=np.array(core[name]["rates"]),
        booster=lgb.Booster(model_file=str(folder / f"{name}.txt")),
        clocks=tuple(core[name].get("clocks", ())),
    )
