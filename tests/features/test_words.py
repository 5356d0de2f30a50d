"""Features in a seller's words: whole sentences in both languages, for every column and every kind of number."""

import doctest
import math
import re

import pytest

from features import words
from features.catalogue import FeatureSet, TraitSpec
from features.words import describe, shown_value

NEVER = float("nan")
SET = FeatureSet(
    windows=(1, 7, 30),
    kinds=("Quote Requested", "Mail Sent"),
    outbound=("Mail Sent",),
    neutral=(),
    valued=("Quote Requested",),
    traits=(
        TraitSpec("country", "category", ("FR", "other")),
        TraitSpec("employees", "number"),
        TraitSpec("all", "number"),
    ),
)


def said(name, value, language):
    return describe(SET, SET.names.index(name), value, language)


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("count__quote_requested__7d", 3, "Quote Requested: 3 in 7 days", "Quote Requested : 3 en 7 jours"),
        ("count__quote_requested__1d", 0, "no Quote Requested in 1 day", "aucun « Quote Requested » en 1 jour"),
        ("count__all__ever", 12, "contact: 12 so far", "contact : 12 à ce jour"),
        ("count__outbound__ever", 0, "no touch by us so far", "aucun « relance de notre part » à ce jour"),
        ("since__inbound", NEVER, "act of the lead: never", "acte du prospect : jamais"),
        ("since__inbound", 0.01, "act of the lead: just now", "acte du prospect : à l'instant"),
        ("since__inbound", 0.5, "act of the lead: 12 h ago", "acte du prospect : il y a 12 h"),
        ("since__inbound", 1.04, "act of the lead: 1 day ago", "acte du prospect : il y a 1 jour"),
        ("since__inbound", 2.25, "act of the lead: 2.2 days ago", "acte du prospect : il y a 2,2 jours"),
        ("active_days__all__7d", 1, "contact: active on 1 day out of 7", "contact : actif 1 jour sur 7"),
        ("active_days__all__7d", 3, "contact: active on 3 days out of 7", "contact : actif 3 jours sur 7"),
        ("sum__quote_requested__30d", 12.5, "Quote Requested: amount 12.5 in 30 days",
         "Quote Requested : montant 12,5 en 30 jours"),
        ("sum__quote_requested__ever", NEVER, "Quote Requested: no amount so far",
         "Quote Requested : aucun montant à ce jour"),
        ("trend__all__7d_30d", 1.5, "contact: 1.5 times the pace of 30 days in the last 7 days",
         "contact : 1,5 fois le rythme de 30 jours ces 7 derniers jours"),
        ("trend__all__1d_7d", NEVER, "contact: no pace yet in the last day",
         "contact : pas encore de rythme ce dernier jour"),
        ("age", 40, "lead created 40 days ago", "prospect créé il y a 40 jours"),
        ("age", NEVER, "age of the lead not known", "ancienneté inconnue"),
        ("profile", 2, "2 of 3 facts known about the lead", "2 information(s) connue(s) sur 3"),
        ("trait__country", 1, "country: FR", "country : FR"),
        ("trait__country", 0, "country: other", "country : autre"),
        ("trait__country", 2, "country: other", "country : other"),  # a category that is called so
        ("trait__employees", 1200.5, "employees: 1200", "employees : 1200"),
        ("trait__employees", NEVER, "employees: not known", "employees : inconnu"),
        ("trait__all", 1, "all: 1", "all : 1"),
    ],
)  # fmt: skip
def test_a_phrase_in_both_languages(name, value, english, french):
    assert said(name, value, "en") == english
    assert said(name, value, "fr") == french


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("value", [NEVER, 0.0, 1.0, 2.0, 1e15, math.inf])
def test_every_column_has_words_for_every_number(language, value):
    for place, feature in enumerate(SET.features):
        if SET.type_of(feature) == "category" and value > len(SET.categories(feature)):
            continue  # a code has no such number
        phrase = describe(SET, place, value, language)
        assert phrase
        assert not re.search(r"\bnan\b|\binf\b|None", phrase)


def test_values_are_shown_as_people_know_them():
    country, employees = SET.names.index("trait__country"), SET.names.index("trait__employees")
    assert [shown_value(SET, country, code) for code in (NEVER, 0, 1)] == [None, "other", "FR"]
    assert shown_value(SET, employees, 7.0) == 7.0
    assert shown_value(SET, SET.names.index("since__all"), NEVER) is None
