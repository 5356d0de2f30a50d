"""What is not known of a lead, and what it would be worth to ask: how far the score moves once an answer is there.

Each value that leads had in training is put in place of what is not known, and the model scores the lead with it, as
if it had been learned this very moment. The score moves one way for one answer and another for the next; typically by
the mean of how far, over the answers as often as training leads gave them. The model has learned what went together:
an answer does not make a lead riper, it shows how ripe the lead is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.identity import fold
from data.log import Floats
from features.catalogue import FeatureSet, TraitSpec
from features.ops import Feature, Op
from features.slots import DAY
from serving.scorer import Scores
from training.bundle import Bundle

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""A number is asked about at these quantiles of the training leads that have it, each as likely as the next."""
LEAST = 0.5
"""Points below which an answer would not be seen on the page."""
_JUST_NOW = 1.0 / DAY


@dataclass(frozen=True, slots=True)
class Question:
    """A trait to ask for.

    points    : typical distance by which the score moves, the mean over the answers; >= 0
    low, high : the furthest that an answer moves it down and up (``low <= high``; both can lie on one side)
    """

    trait: str
    points: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a score once a trait is known.

    trait  : not known yet
    points : (answers,) by which each answer moves the score
    weight : (answers,) how often training leads gave it; they add up to 1
    """

    trait: str
    points: Floats
    weight: Floats


def questions(bundle: Bundle, features: Floats, score: float, as_of: int) -> tuple[Question, ...]:
    """The traits that the model uses and this lead lacks, the one most worth asking for first.

    features : (f,) the lead's vector at `as_of` (microseconds UTC)
    score    : of that vector
    """
    found = [
        Question(one.trait, float(np.abs(one.points) @ one.weight), float(one.points.min()), float(one.points.max()))
        for one in moves(bundle, features[None, :], np.array([score]), as_of)[0]
    ]
    return tuple(sorted(found, key=lambda one: -one.points))


def moves(bundle: Bundle, features: Floats, score: Floats, as_of: int) -> list[list[Move]]:
    """(n,) of each lead the traits that it lacks, each with what every answer would do to its score.

    features : (n, f) vectors at `as_of` (microseconds UTC)
    score    : (n,) of these vectors
    """
    feature_set = bundle.feature_set
    answers = {trait.name: _answers(bundle, trait.name) for trait in feature_set.traits}
    asked = [
        (lead, trait.name)
        for lead in range(len(features))
        for trait in feature_set.traits
        if answers[trait.name][0] and _is_unknown(feature_set, features[lead], trait)
    ]
    found: list[list[Move]] = [[] for _ in range(len(features))]
    if not asked:
        return found
    rows = np.concatenate([vectors(feature_set, features[lead], name, answers[name][0], as_of) for lead, name in asked])
    points, start = bundle.points(bundle.predict(rows))[2], 0
    for lead, name in asked:
        values, weight = answers[name]
        found[lead].append(Move(name, points[start : start + len(values)] - score[lead], weight))
        start += len(values)
    return found


def next_question(scores: Scores, place: int = 0) -> Question | None:
    """The trait most worth asking a lead for; None where no answer would be seen in its score, or it has none."""
    at = int(scores.shown[place])
    if at < 0:
        return None
    asked = questions(scores.bundle, scores.features[at], float(scores.score[at]), int(scores.as_of[place]))
    return asked[0] if asked and asked[0].points >= LEAST else None


def _answers(bundle: Bundle, trait: str) -> tuple[tuple[float, ...], Floats]:
    """Values of the trait's column that training leads had, and how often; the codes of categories are values too."""
    column = f"trait__{trait}"
    known = np.empty(0)
    if column in bundle.feature_set.names and column in bundle.reference.columns:
        known = bundle.reference[column].drop_nulls().drop_nans().to_numpy()
    if not len(known):
        return (), np.empty(0)
    if bundle.feature_set.trait(trait).kind == "number":
        values = np.quantile(known, QUANTILES, method="inverted_cdf")
        return tuple(values.tolist()), np.full(len(values), 1 / len(values))
    codes, counts = np.unique(known, return_counts=True)
    return tuple(codes.tolist()), counts / counts.sum()


def _is_unknown(feature_set: FeatureSet, features: Floats, trait: TraitSpec) -> bool:
    return any(
        one.op is Op.missing and one.subject == trait.name and features[place] == 1
        for place, one in enumerate(feature_set.features)
    )


def vectors(feature_set: FeatureSet, features: Floats, trait: str, values: Sequence[float], as_of: int) -> Floats:
    """(values, f) a lead's vector, had it said so just now: bit for bit what a store with that answer would give.

    features : (f,) its own vector at `as_of` (microseconds UTC), in which the trait is not known
    values   : of the trait's column: numbers, or the codes of categories

    What a firm's own functions make of a trait is as in `features`.
    """
    rows: Floats = np.tile(features, (len(values), 1))
    for place, one in enumerate(feature_set.features):
        if one.op is Op.profile:
            rows[:, place] += 1
        elif one.subject == trait:
            match one.op:
                case Op.trait:
                    rows[:, place] = values
                case Op.missing:
                    rows[:, place] = 0
                case Op.learned:
                    rows[:, place] = _JUST_NOW
                case Op.rate:
                    rows[:, place] = _rates(feature_set, one, values, as_of)
    return rows


def _rates(feature_set: FeatureSet, feature: Feature, values: Sequence[float], as_of: int) -> Any:
    """(values,) the conversion rate that each category has at the moment."""
    history = next(one for one in feature_set.rates if one.subject == feature.subject)
    texts = ("", *feature_set.trait(feature.subject).categories)
    places = [history.places.get(fold(texts[int(code)]), 0) for code in values]
    return history.at(np.array(places, dtype=np.int32), np.full(len(values), as_of))
