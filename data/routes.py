"""Which routes of the playbook take a lead of which these values are known.

A route takes a lead that meets every condition of its `when`. Routes that are ``first`` take their leads before all
others do. What is left has to be exactly one route: none, or several, is an exception (data.partition proves before any
lead comes that there are none).

Texts are compared in one form (data.identity.fold): ``"fr"`` and ``"FR "`` are one country. A grade is asked for as the
scores that it stands for, so that ``grade = "A"`` and ``score = "<65"`` are known to exclude each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from data.identity import fold
from veraison.playbook import Playbook
from veraison.playbook_conditions import Domain, Names, Numbers, Values, read, terms
from veraison.playbook_routes import domains

Value = float | str | None
"""What is known of a trait, or what the scorer says; None: missing."""


@dataclass(frozen=True)
class Clause:
    """One condition of a route.

    word      : as the playbook has it
    axis      : what it is a condition on: the word, but ``score`` for ``grade``
    condition : as the playbook has it
    values    : what it takes, texts folded
    terms     : its parts, any of which is enough, each as the playbook has it with what it takes
    """

    word: str
    axis: str
    condition: object
    values: Values
    terms: tuple[tuple[object, Values], ...]

    def reason(self, value: Value) -> object:
        """The part that takes a value, as the playbook has it: ``">=500"``."""
        return next(part for part, values in self.terms if comparable(value) in values)


@dataclass(frozen=True)
class Rule:
    """One route, its conditions read."""

    name: str
    to: str
    first: bool
    clauses: tuple[Clause, ...]

    def takes(self, values: Mapping[str, Value]) -> bool:
        """Whether it takes a lead by itself, whatever other routes do.

        values : as `comparable` has them; what is not in it is missing
        """
        return all(values.get(clause.axis) in clause.values for clause in self.clauses)


def rules_of(playbook: Playbook) -> tuple[Rule, ...]:
    """The routes of a playbook, in its order.

    >>> book = Playbook.model_validate({
    ...     "journey": {"converted": ["Deal Won"]}, "features": {"traits": {"employees": "number"}},
    ...     "routes": [{"name": "big", "when": {"employees": ">=500"}, "to": "key-accounts"}],
    ... })
    >>> [rule.takes({"employees": 1200.0}) for rule in rules_of(book)]
    [True]
    """
    grades = playbook.scoring.grades
    known = domains(playbook.features.traits, grades)
    return tuple(
        Rule(route.name, route.to, route.first, clauses(route.when, known, grades)) for route in playbook.routes
    )


def takers(rules: Sequence[Rule], values: Mapping[str, Value]) -> tuple[Rule, ...]:
    """The routes that a lead goes to: one where the rules partition; none, or several, where they do not."""
    known = {word: comparable(value) for word, value in values.items()}
    found = [rule for rule in rules if rule.takes(known)]
    return tuple([rule for rule in found if rule.first] or found)


def comparable(value: Value) -> Value:
    """A value as conditions compare it."""
    return fold(value) if isinstance(value, str) else value


def clauses(
    when: Mapping[str, object], known: Mapping[str, Domain], grades: Mapping[str, float]
) -> tuple[Clause, ...]:  # fmt: skip
    """The conditions of a `when`, read.

    known : what can be asked for
    """
    found = []
    for word, condition in when.items():

        def taken(part: object, domain: Domain = known[word], word: str = word) -> Values:
            values = read(part, domain)
            if isinstance(values, Numbers):
                return values
            return _scores(values, grades) if word == "grade" else values.written(fold)

        parts = tuple((part, taken(part)) for part in terms(condition))
        found.append(Clause(word, "score" if word == "grade" else word, condition, taken(condition), parts))
    return tuple(found)


def _scores(values: Names, grades: Mapping[str, float]) -> Numbers:
    """The scores of some grades."""
    cuts = [(100.0, True), *((float(bound), False) for bound in grades.values())]
    found = Numbers(missing=values.missing)
    for name, (high, low) in zip(grades, pairwise(cuts), strict=True):
        if name in values:
            found = found | Numbers(((low, high),))
    return found
