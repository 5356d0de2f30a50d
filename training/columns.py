"""The columns of a training set, documented where they go: in the schema of the file, and in a table beside it."""

import csv
import json
from dataclasses import dataclass, fields
from typing import TextIO

import pyarrow as pa

from features.catalogue import FeatureSet
from features.ops import Feature, Op
from features.words import meaning
from veraison.playbook import Playbook

PLACE = "place"
"""Where a row of given pairs stands among them; it never reaches a file."""

_LOOKS_BACK = {
    Op.count, Op.sum, Op.active_days, Op.active_colleagues, Op.colleague_acts, Op.trend, Op.decayed, Op.sequence,
}  # fmt: skip
_TYPES = {
    "text": pa.string(), "moment": pa.timestamp("us", "UTC"), "truth": pa.bool_(), "days": pa.float64(),
    "whole days": pa.int32(), "count": pa.int32(), "flag": pa.int32(), "category": pa.int32(), "number": pa.float64(),
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column in words.

    family     : of a feature, else ``key`` or ``outcome``
    type       : text, moment (UTC), days, whole days, truth; of features count, number, flag, category
    window     : days that it looks back on, as in its name; ``ever`` for all time, empty where that means nothing
    categories : what the codes 1, 2, ... stand for; 0 is any other
    """

    name: str
    family: str
    type: str
    window: str
    meaning: str
    meaning_fr: str
    categories: tuple[str, ...] = ()

    @property
    def field(self) -> pa.Field:
        """The column in a schema, with its words as metadata; null is "missing" everywhere."""
        words = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("name", "categories")}
        if self.type == "category":
            words["categories"] = json.dumps(self.categories, ensure_ascii=False)
        return pa.field(self.name, _TYPES[self.type], metadata=words)


_KEYS = (
    Column("lead_id", "key", "text", "", "the lead", "le prospect"),
    Column(
        "as_of", "key", "moment", "", "the moment: only what was known before it is in the features",
        "le moment : seul ce qui était connu avant lui est dans les variables",
    ),
)  # fmt: skip
_STATUS = Column(
    "status", "key", "text", "", "where the lead stands at the moment; unknown: nothing of it is visible",
    "où en est le prospect à ce moment ; unknown : rien n'est visible",
)  # fmt: skip
_OUTCOMES = (
    Column(
        "landmark_day", "key", "whole days", "", "whole days from the lead's creation to the moment",
        "jours entiers entre la création du prospect et le moment",
    ),
    Column(
        "person", "key", "text", "", "who the lead is, as known at the snapshot: split by it, never through it",
        "la personne, telle que connue à la date de l'extraction : ne jamais la couper en deux",
    ),
    Column(
        "entry_days", "outcome", "days", "", "days after the moment from which a conversion would have been recorded",
        "jours après le moment à partir desquels une conversion aurait été enregistrée",
    ),
    Column(
        "duration_days", "outcome", "days", "",
        "days from the moment to the conversion, or to the end of what is known",
        "jours du moment à la conversion, ou à la fin de ce qui est connu",
    ),
    Column(
        "converted", "outcome", "truth", "", "whether the conversion was seen before the snapshot",
        "si la conversion a été vue avant la date de l'extraction",
    ),
    Column(
        "followed_days", "outcome", "days", "", "days from the moment to the snapshot, whatever happened",
        "jours du moment à la date de l'extraction, quoi qu'il soit arrivé",
    ),
)  # fmt: skip
_READINESS = (
    Column(
        "ready_duration_days", "outcome", "days", "",
        "days from the moment to readiness, or to the end of what is known; missing: ready already",
        "jours du moment à la maturité, ou à la fin de ce qui est connu ; vide : déjà mûr",
    ),
    Column(
        "ready", "outcome", "truth", "", "whether readiness was seen before the snapshot; missing: ready already",
        "si la maturité a été vue avant la date de l'extraction ; vide : déjà mûr",
    ),
    Column(
        "ready_usable", "outcome", "truth", "", "whether readiness can be learned from this row",
        "si la maturité peut être apprise de cette ligne",
    ),
)  # fmt: skip


def columns(feature_set: FeatureSet, playbook: Playbook, *, labelled: bool) -> list[Column]:
    """All columns of a set, in order.

    labelled : landmarks with their outcomes; else a moment or given pairs, with a status
    """
    others = (*_OUTCOMES, *(_READINESS if playbook.has_readiness else ())) if labelled else (_STATUS,)
    return [*_KEYS, *others, *described(feature_set)]


def described(feature_set: FeatureSet) -> list[Column]:
    """The features of a set, in order."""
    found = []
    for place, (name, one) in enumerate(zip(feature_set.names, feature_set.features, strict=True)):
        kind = feature_set.type_of(one)
        words = meaning(feature_set, place, "en"), meaning(feature_set, place, "fr")
        categories = feature_set.categories(one) if kind == "category" else ()
        found.append(Column(name, one.family, kind, window(one), *words, categories))
    return found


def schema(feature_set: FeatureSet, playbook: Playbook, *, labelled: bool) -> pa.Schema:
    """The same as Arrow knows it."""
    return pa.schema([one.field for one in columns(feature_set, playbook, labelled=labelled)])


def window(feature: Feature) -> str:
    """The days a feature looks back on, as they stand in its name.

    >>> window(Feature(Op.count, "Quote", 7)), window(Feature(Op.count, "Quote")), window(Feature(Op.since, "all"))
    ('7d', 'ever', '')
    >>> window(Feature(Op.decayed, "all", 7)), window(Feature(Op.trend, "all", 7, 30))
    ('half_7d', '7d_30d')
    """
    return feature.name.rpartition("__")[2] if feature.op in _LOOKS_BACK else ""


def write_columns(found: list[Column], out: TextIO) -> None:
    """A table of columns as CSV; categories are a JSON list."""
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([one.name for one in fields(Column)])
    for one in found:
        categories = json.dumps(one.categories, ensure_ascii=False) if one.type == "category" else ""
        rows.writerow([*(getattr(one, part.name) for part in fields(Column)[:-1]), categories])
