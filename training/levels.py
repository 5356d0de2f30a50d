"""A trained model at another level: the same shape of chances, at so many times as many outcomes.

Prices rise, a budget year ends, a source sells its leads twice: what tells leads apart often stays, and how many of
them convert does not. A new model needs months of matured outcomes to learn that. A level needs the counts of a few
weeks (recalibration in the large: Steyerberg et al. 2004; Janssen et al. 2008).

A level of conversion adds the logarithm of its factor to the log-odds, for everyone to the base, for one category of a
trait to the part of that trait; so scores stay sums of points, and the curve is bent through them (training.curve). A
level of readiness multiplies its hazard.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data.events import parse_instant
from data.log import Floats
from features.catalogue import FeatureSet
from features.ops import Op
from training.distil import ExplainedModel, add_up

ALL = "all"
Event = Literal["converted", "ready"]
Rows = slice | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Level:
    """How many times as many outcomes come as the trees say.

    name      : `ALL`, or ``trait=category``
    event     : of which outcome
    factor    : hazard ratio, > 0
    low, high : its 95 % interval
    since     : when it began to hold, ISO 8601
    until     : it was learned from what was known before this moment, ISO 8601
    expected, observed : outcomes in between, by the model before and in truth
    """

    name: str
    event: Event
    factor: float
    low: float
    high: float
    since: str
    until: str
    expected: float
    observed: int

    @property
    def learned(self) -> int:
        """The moment `until`, microseconds UTC."""
        return parse_instant(self.until)

    @property
    def onset(self) -> int:
        """The moment `since`, microseconds UTC."""
        return parse_instant(self.since)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Part:
    """Where in the features a level applies.

    column : place of the trait's codes, -1 for everyone
    code   : of the category
    """

    column: int
    code: int


def part_of(name: str, features: FeatureSet) -> Part | None:
    """Whom a level of this name concerns; None where the model has no column to tell them by.

    >>> from features.catalogue import TraitSpec
    >>> one = FeatureSet((7,), (), (), (), (), (TraitSpec("source", "category", ("Ads", "Fair")),))
    >>> part_of("source=Fair", one).code, part_of("all", one).column, part_of("country=FR", one)
    (2, -1, None)
    """
    if name == ALL:
        return Part(-1, 0)
    trait, _, category = name.partition("=")
    for column, feature in enumerate(features.features):
        if feature.op is Op.trait and feature.subject == trait and features.type_of(feature) == "category":
            known = features.categories(feature)
            return Part(column, known.index(category) + 1) if category in known else None
    return None


@dataclass(frozen=True)
class Levels:
    """All levels of a bundle, ready to be applied to its features.

    >>> one = Level("all", "converted", 0.5, 0.4, 0.6, "2026-01-01", "2026-02-01", 40.0, 20)
    >>> from dataclasses import replace
    >>> hazard = np.ones((2, 1))
    >>> of_none = FeatureSet((7,), (), (), (), (), ())
    >>> Levels((replace(one, event="ready"),), of_none).raise_hazard(np.zeros((2, 9)), hazard)
    >>> hazard.tolist()
    [[0.5], [0.5]]
    """

    every: tuple[Level, ...]
    features: FeatureSet

    def __post_init__(self) -> None:
        if unknown := [one.name for one in self.every if part_of(one.name, self.features) is None]:
            raise ValueError(f"the model has no column for the level of {', '.join(map(repr, unknown))}")

    def contributions(self, model: ExplainedModel, features: Floats, threads: int) -> tuple[Floats, Floats, float]:
        """What the model says of (n, f) features, at these levels: see `ExplainedModel.contributions`."""
        log_odds, phi, base = model.contributions(features, threads)
        if self.every:
            for one, part in self._parts("converted"):
                if part.column < 0:
                    base += float(np.log(one.factor))
                else:
                    phi[features[:, part.column] == part.code, part.column] += np.log(one.factor)
            add_up(phi, base, log_odds)
        return log_odds, phi, base

    def log_odds(self, model: ExplainedModel, features: Floats, threads: int) -> Floats:
        """(n,) log-odds without the reasons; equal to the sum of the contributions up to rounding."""
        found = model.log_odds(features, threads)
        for one, rows in self._rows(features, "converted"):
            found[rows] += np.log(one.factor)
        return found

    def raise_hazard(self, features: Floats, cumulative: Floats) -> None:
        """Multiply (n, m) cumulative hazards of readiness, in place, by the levels of the rows of (n, f) features."""
        for one, rows in self._rows(features, "ready"):
            cumulative[rows] *= one.factor

    def _rows(self, features: Floats, event: Event) -> Iterator[tuple[Level, Rows]]:
        for one, part in self._parts(event):
            yield one, slice(None) if part.column < 0 else features[:, part.column] == part.code

    def _parts(self, event: Event) -> list[tuple[Level, Part]]:
        return [(one, part) for one in self.every if one.event == event and (part := part_of(one.name, self.features))]
