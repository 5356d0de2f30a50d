"""Groups of features in a seller's words: what a reason is about, before the sentence that says what it is."""

from features import custom
from features.catalogue import FeatureSet
from features.words import Language

_TITLES: dict[Language, dict[str, str]] = {
    "en": {
        "activity": "What the lead does",
        "touches": "What we do",
        "other_events": "Other events",
        "journey": "Where it stands in its journey",
        "people": "Who handles it",
        "sequences": "What follows on what",
        "profile": "How much is known",
        "company": "Its company",
    },
    "fr": {
        "activity": "Ce que fait le prospect",
        "touches": "Ce que nous faisons",
        "other_events": "Autres faits",
        "journey": "Où il en est de son parcours",
        "people": "Qui s'en occupe",
        "sequences": "Ce qui suit quoi",
        "profile": "Ce que l'on sait de lui",
        "company": "Son entreprise",
    },
}


def title(feature_set: FeatureSet, group: str, language: Language = "en") -> str:
    """What a group of `feature_set.groups` is about: a kind's or a trait's own name, or a few words.

    >>> one = FeatureSet((7,), ("Quote",), (), (), (), ())
    >>> title(one, "event:Quote"), title(one, "journey", "fr")
    ('Quote', 'Où il en est de son parcours')
    """
    what, _, name = group.partition(":")
    if what == "custom":
        spec = next(spec for spec in feature_set.custom if spec.name == name)
        return custom.load(spec).words[language]
    return name or _TITLES[language][group]
