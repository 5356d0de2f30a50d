"""Features in a seller's words, French or English: what the column says about this lead, with its number.

Sentences are complete in each language, never glued from translated parts.
"""

import math
from typing import Literal

from features.catalogue import Feature, FeatureSet, Op

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")
OTHER = "other"

_GROUPS = {
    "en": {"all": "contact", "inbound": "act of the lead", "outbound": "touch by us", "other": "other event"},
    "fr": {"all": "contact", "inbound": "acte du prospect", "outbound": "relance de notre part", "other": "autre fait"},
}


def describe(feature_set: FeatureSet, place: int, value: float, language: Language = "en") -> str:
    """One phrase for one column of one lead.

    value : the number in the matrix, NaN where it never happened or is not known

    >>> from features.catalogue import FeatureSet
    >>> one = FeatureSet((7,), ("Quote Requested",), (), (), (), ())
    >>> place = one.names.index("since__quote_requested")
    >>> describe(one, place, 2.0), describe(one, place, float("nan"), "fr")
    ('Quote Requested: 2 days ago', 'Quote Requested : jamais')
    """
    feature = feature_set.features[place]
    subject = feature.subject if feature.op is Op.trait else _GROUPS[language].get(feature.subject, feature.subject)
    return (
        _phrase_fr(feature, subject, feature_set, value)
        if language == "fr"
        else _phrase_en(feature, subject, feature_set, value)
    )


def shown_value(feature_set: FeatureSet, place: int, value: float) -> float | str | None:
    """The value as people know it: a category's own name, a number, None where it is not known."""
    if math.isnan(value):
        return None
    feature = feature_set.features[place]
    if feature.op is Op.trait:
        trait = next(trait for trait in feature_set.traits if trait.name == feature.subject)
        if trait.kind == "category":
            return OTHER if value < 1 else trait.categories[int(value) - 1]
    return float(value)


def _phrase_en(feature: Feature, subject: str, feature_set: FeatureSet, value: float) -> str:  # noqa: PLR0911
    missing = math.isnan(value)
    window = f"in {_days_en(feature.short)}" if feature.short else "so far"
    match feature.op:
        case Op.count:
            return f"no {subject} {window}" if value == 0 else f"{subject}: {_number(value)} {window}"
        case Op.since:
            return f"{subject}: never" if missing else f"{subject}: {_ago_en(value)}"
        case Op.active_days:
            return f"{subject}: active on {_days_en(value)} out of {feature.short}"
        case Op.sum:
            return f"{subject}: no amount {window}" if missing else f"{subject}: amount {_number(value)} {window}"
        case Op.trend:
            pace = "no pace yet" if missing else f"{_number(value)} times the pace of {_days_en(feature.long)}"
            return f"{subject}: {pace} in the last {'day' if feature.short == 1 else _days_en(feature.short)}"
        case Op.age:
            return "age of the lead not known" if missing else f"lead created {_ago_en(value)}"
        case Op.profile:
            return f"{_number(value)} of {len(feature_set.traits)} facts known about the lead"
        case Op.trait:
            place = feature_set.features.index(feature)
            shown = shown_value(feature_set, place, value)
            return f"{subject}: not known" if shown is None else f"{subject}: {_text(shown)}"


def _phrase_fr(feature: Feature, subject: str, feature_set: FeatureSet, value: float) -> str:  # noqa: PLR0911
    missing = math.isnan(value)
    window = f"en {_days_fr(feature.short)}" if feature.short else "à ce jour"
    match feature.op:
        case Op.count:
            return f"aucun « {subject} » {window}" if value == 0 else f"{subject} : {_number(value, ',')} {window}"
        case Op.since:
            return f"{subject} : jamais" if missing else f"{subject} : {_ago_fr(value)}"
        case Op.active_days:
            return f"{subject} : actif {_days_fr(value)} sur {feature.short}"
        case Op.sum:
            return (
                f"{subject} : aucun montant {window}"
                if missing
                else (f"{subject} : montant {_number(value, ',')} {window}")
            )
        case Op.trend:
            pace = (
                "pas encore de rythme"
                if missing
                else f"{_number(value, ',')} fois le rythme de {_days_fr(feature.long)}"
            )
            last = "ce dernier jour" if feature.short == 1 else f"ces {feature.short} derniers jours"
            return f"{subject} : {pace} {last}"
        case Op.age:
            return "ancienneté inconnue" if missing else f"prospect créé {_ago_fr(value)}"
        case Op.profile:
            return f"{_number(value, ',')} information(s) connue(s) sur {len(feature_set.traits)}"
        case Op.trait:
            place = feature_set.features.index(feature)
            shown = shown_value(feature_set, place, value)
            if shown == OTHER and value < 1:
                shown = "autre"
            return f"{subject} : inconnu" if shown is None else f"{subject} : {_text(shown, ',')}"


def _text(value: float | str, point: str = ".") -> str:
    return value if isinstance(value, str) else _number(value, point)


def _number(value: float, point: str = ".") -> str:
    if not math.isfinite(value):
        return "?"
    text = f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"
    return text.replace(".", point)


def _days_en(value: float) -> str:
    return "1 day" if value == 1 else f"{_number(value)} days"


def _days_fr(value: float) -> str:
    return f"{_number(value, ',')} jour" + ("" if value < 2 else "s")


def _ago_en(days: float) -> str:
    if days < 1 / 24:
        return "just now"
    return f"{_number(round(days * 24))} h ago" if days < 1 else f"{_days_en(round(days, 1))} ago"


def _ago_fr(days: float) -> str:
    if days < 1 / 24:
        return "à l'instant"
    return f"il y a {_number(round(days * 24))} h" if days < 1 else f"il y a {_days_fr(round(days, 1))}"
