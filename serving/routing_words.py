"""Why a lead goes where it goes, in words of the reader's language.

What the playbook says stays as it is written there, with air around the signs: ``employees 1,200 >= 500``.
"""

import re
from collections.abc import Mapping, Sequence

from data.routes import Clause, Rule, Value
from features.words import Language
from serving.companies import AccountWon
from serving.decisions import grade
from serving.translations import Words, deferred
from veraison.playbook import Playbook
from veraison.playbook_conditions import KNOWN, MISSING, terms

_SIGN = re.compile(r"(>=|>|<=|<)\s*")
_SCORER = {
    "probability": deferred("probability"),
    "score": deferred("score"),
    "grade": deferred("grade"),
    "expected_value": deferred("expected value"),
}
_CLOSED = {
    "not_started": deferred("Its journey has not begun."),
    "merged": deferred("It goes on under another id."),
    "converted": deferred("It is won."),
    "lost": deferred("It is lost."),
    "opted_out": deferred("It asked to be left alone."),
    "unknown": deferred("Nothing is known of it."),
}


class Said:
    """The sentences of one playbook in one language."""

    def __init__(self, playbook: Playbook, language: Language) -> None:
        self._playbook, self._words = playbook, Words(language)

    def route(self, rule: Rule, values: Mapping[str, Value]) -> str:
        """Why a route takes a lead.

        >>> from data.routes import rules_of
        >>> book = Playbook.model_validate({
        ...     "journey": {"converted": ["Deal Won"]}, "features": {"traits": {"employees": "number"}},
        ...     "routes": [{"name": "big", "when": {"employees": ">=500"}, "to": "key-accounts"}]})
        >>> Said(book, "en").route(rules_of(book)[0], {"employees": 1200.0})
        'employees 1,200 >= 500: route big'
        """
        words = self._words
        reasons = [self._met(clause, values.get(clause.axis)) for clause in rule.clauses]
        told = words(" and ").join(reasons) or words("every lead")
        return words("%(reasons)s: route %(route)s", reasons=told, route=rule.name)

    def several(self, rules: Sequence[Rule]) -> str:
        """Why a lead is an exception that more than one route takes."""
        words = self._words
        names = ", ".join(rule.name for rule in rules)
        return words("Several routes take it: %(routes)s.", routes=names)

    def no_route(self, rules: Sequence[Rule], values: Mapping[str, Value]) -> str:
        """Why a lead is an exception that no route takes: all that they ask for."""
        words = self._words
        clauses = {clause.word: clause for rule in rules for clause in rule.clauses}
        told = ", ".join(self._valued(clause, values.get(clause.axis)) for clause in clauses.values())
        return words("No route takes it: %(values)s.", values=told)

    def already(self, seller: str) -> str:
        words = self._words
        return words("%(seller)s has it already.", seller=seller)

    def sticky(self, seller: str, colleague: str, company: str) -> str:
        words = self._words
        return words(
            "%(seller)s has %(lead)s of the same company, %(company)s.", seller=seller, lead=colleague, company=company
        )

    def turn(self, seller: str, team: str, leads: int) -> str:
        """Why it is a seller's turn, who has so many leads of this week."""
        words = self._words
        most = self._playbook.routing.capacity_of(seller, team)
        if most is None:
            return words.many(
                "It is the turn of %(seller)s in %(team)s, with %(count)s lead this week.",
                "It is the turn of %(seller)s in %(team)s, with %(count)s leads this week.",
                leads,
                seller=seller,
                team=team,
            )
        return words.many(
            "It is the turn of %(seller)s in %(team)s, with %(count)s lead of %(most)s this week.",
            "It is the turn of %(seller)s in %(team)s, with %(count)s leads of %(most)s this week.",
            leads,
            seller=seller,
            team=team,
            most=words.number(most),
        )

    def full(self, team: str) -> str:
        words = self._words
        return words("Nobody in %(team)s can take another lead this week.", team=team)

    def closed(self, status: str) -> str:
        """Why a lead that is not open is not routed."""
        words = self._words
        return words(_CLOSED[status])

    def no_consent(self) -> str:
        """Why an open lead goes nowhere that may not be contacted."""
        words = self._words
        return words("It may not be contacted: no consent.")

    def account_won(self, won: AccountWon) -> str:
        words = self._words
        return words(
            "Its company, %(company)s, was won with %(lead)s on %(day)s.",
            company=won.company,
            lead=won.lead_id,
            day=words.date(won.at),
        )

    def _met(self, clause: Clause, value: Value) -> str:
        """A condition that a lead meets: ``employees 1,200 >= 500``, ``country FR``, ``country DE, not FR or BE``."""
        words = self._words
        part, told = clause.reason(value), self._valued(clause, value)
        if value is None or part == KNOWN:
            return told
        if isinstance(part, dict):
            others = words(" or ").join(self._written(one) for one in terms(part["not"]))
            return words("%(value)s, not %(others)s", value=told, others=others)
        text = str(part).strip()
        if _SIGN.match(text):
            return f"{told} {_spaced(text)}"
        if isinstance(value, float) and ".." in text and clause.word != "grade":
            return words("%(value)s in %(range)s", value=told, range=text)
        return told

    def _valued(self, clause: Clause, value: Value) -> str:
        words = self._words
        what = words(_SCORER[clause.word]) if clause.word in _SCORER else clause.word
        if value is None:
            return words("%(what)s missing", what=what)
        if clause.word == "grade" and isinstance(value, float):
            return f"{what} {grade(value, self._playbook.scoring.grades)}"
        return f"{what} {words.decimal(value, 3) if isinstance(value, float) else value}"

    def _written(self, part: object) -> str:
        words = self._words
        if part == MISSING:
            return words("missing")
        return words("known") if part == KNOWN else _spaced(str(part).removeprefix("="))


def _spaced(text: str) -> str:
    return _SIGN.sub(r"\1 ", text)
