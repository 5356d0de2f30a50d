"""Features in a seller's words, French or English: what the column says about this lead, with its number.

Sentences are complete in each language, never glued from translated parts.
"""

import math
from collections.abc import Callable
from typing import Literal

from features import custom
from features.catalogue import FeatureSet
from features.ops import Feature, Op

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")
OTHER = "other"

_SUBJECTS = {
    "en": {
        "all": "contact", "inbound": "act of the lead", "outbound": "touch by us", "other": "other event",
        "actor": "person in charge",
    },
    "fr": {
        "all": "contact", "inbound": "acte du prospect", "outbound": "relance de notre part", "other": "autre fait",
        "actor": "personne en charge",
    },
}  # fmt: skip
_DOMAINS_FR = {"free": "messagerie personnelle", "education": "enseignement", "company": "entreprise", "other": "autre"}
_DOMAINS_EN = {"free": "a personal mailbox", "education": "a school", "company": "a company", "other": "other"}


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
    subject = feature.subject
    if feature.op is not Op.trait:
        subject = _SUBJECTS[language].get(subject, subject)
    if feature.op is Op.custom:
        spec = next(spec for spec in feature_set.custom if spec.name == feature.subject)
        subject = custom.load(spec).words[language]
    shown = shown_value(feature_set, place, value)
    told = {"en": _PHRASES_EN, "fr": _PHRASES_FR}[language]
    return told[feature.op](_Said(feature, subject, feature_set, value, shown))


def meaning(feature_set: FeatureSet, place: int, language: Language = "en") -> str:
    """What a column holds, for whoever works with the matrix.

    >>> from features.catalogue import FeatureSet
    >>> one = FeatureSet((7,), ("Quote Requested",), (), (), (), ())
    >>> meaning(one, one.names.index("count__quote_requested__7d"))
    'how many times "Quote Requested" happened in the last 7 days'
    """
    feature = feature_set.features[place]
    subject = feature.subject
    group = {
        "en": {
            "all": "anything (acts and touches)", "inbound": "an act of the lead", "outbound": "a touch by the firm",
            "other": "an event without columns of its own",
        },
        "fr": {
            "all": "un fait quelconque (acte ou relance)", "inbound": "un acte du prospect",
            "outbound": "une relance de l'entreprise", "other": "un fait sans colonne propre",
        },
    }[language]  # fmt: skip
    if feature.op in _OF_TRAITS:
        what = _SUBJECTS[language].get(subject, subject)
    elif feature.op is Op.custom:
        spec = next(spec for spec in feature_set.custom if spec.name == subject)
        what = custom.load(spec).words[language]
    else:
        what = group.get(subject, f'"{subject}"' if language == "en" else f"« {subject} »")
    then = f'"{feature.then}"' if language == "en" else f"« {feature.then} »"
    window = (
        (f"in the last {_days_en(feature.short)}" if feature.short else "so far")
        if language == "en"
        else (f"ces {feature.short} derniers jours" if feature.short > 1 else "ce dernier jour")
        if feature.short
        else "à ce jour"
    )
    many = f"{len(feature_set.traits)}"
    template = (_MEANINGS_EN if language == "en" else _MEANINGS_FR)[feature.op]
    return template.format(what=what, then=then, window=window, short=feature.short, long=feature.long, many=many)


def shown_value(feature_set: FeatureSet, place: int, value: float) -> float | str | None:
    """The value as people know it: a category's own name, a number, None where it is not known."""
    if math.isnan(value):
        return None
    feature = feature_set.features[place]
    if feature_set.type_of(feature) == "category":
        return OTHER if value < 1 else feature_set.categories(feature)[int(value) - 1]
    return float(value)


class _Said:
    """What a phrase is made of; the same names in every template."""

    def __init__(
        self, feature: Feature, subject: str, feature_set: FeatureSet, value: float, shown: float | str | None
    ) -> None:
        self.f, self.s, self.set, self.v, self.shown = feature, subject, feature_set, value, shown

    @property
    def missing(self) -> bool:
        return math.isnan(self.v)

    @property
    def en(self) -> str:
        return f"in {_days_en(self.f.short)}" if self.f.short else "so far"

    @property
    def fr(self) -> str:
        return f"en {_days_fr(self.f.short)}" if self.f.short else "à ce jour"

    def number(self, point: str = ".") -> str:
        return _number(self.v, point)


def _trait_en(one: _Said) -> str:
    if one.shown is None:
        return f"{one.s}: not known"
    if one.set.trait(one.f.subject).kind == "email":
        return f"address of {_DOMAINS_EN[str(one.shown)]}"
    return f"{one.s}: {_text(one.shown)}"


def _trait_fr(one: _Said) -> str:
    if one.shown is None:
        return f"{one.s} : inconnu"
    if one.set.trait(one.f.subject).kind == "email":
        return f"adresse : {_DOMAINS_FR[str(one.shown)]}"
    shown = "autre" if one.shown == OTHER and one.v < 1 else one.shown
    return f"{one.s} : {_text(shown, ',')}"


def _trend_en(one: _Said) -> str:
    pace = "no pace yet" if one.missing else f"{one.number()} times the pace of {_days_en(one.f.long)}"
    return f"{one.s}: {pace} in the last {'day' if one.f.short == 1 else _days_en(one.f.short)}"


def _trend_fr(one: _Said) -> str:
    pace = "pas encore de rythme" if one.missing else f"{one.number(',')} fois le rythme de {_days_fr(one.f.long)}"
    return f"{one.s} : {pace} {'ce dernier jour' if one.f.short == 1 else f'ces {one.f.short} derniers jours'}"


def _burst_en(value: float) -> str:
    return "regular" if value < -0.3 else "in bursts" if value > 0.3 else "at random"


def _burst_fr(value: float) -> str:
    return "réguliers" if value < -0.3 else "par à-coups" if value > 0.3 else "au hasard"


_ORDINALS_EN = {1: "last event", 2: "last event but one", 3: "last event but two"}
_ORDINALS_FR = {1: "dernier fait", 2: "avant-dernier fait", 3: "antépénultième fait"}

_Phrase = Callable[[_Said], str]
_PHRASES_EN: dict[Op, _Phrase] = {
    Op.count: lambda o: f"no {o.s} {o.en}" if o.v == 0 else f"{o.s}: {o.number()} {o.en}",
    Op.since: lambda o: f"{o.s}: never" if o.missing else f"{o.s}: {_ago_en(o.v)}",
    Op.first: lambda o: f"{o.s}: never" if o.missing else f"{o.s}: first {_ago_en(o.v)}",
    Op.active_days: lambda o: (
        f"{o.s}: active on {_days_en(o.v)}" + (f" out of {o.f.short}" if o.f.short else " so far")
    ),
    Op.trend: _trend_en,
    Op.decayed: lambda o: (
        f"no {o.s} lately"
        if o.v < 0.05
        else f"{o.s}: {_rounded(o.v)} lately (one of {_days_en(o.f.short)} ago counts half)"
    ),
    Op.age: lambda o: "age of the lead not known" if o.missing else f"lead created {_ago_en(o.v)}",
    Op.gap_mean: lambda o: f"{o.s}: no rhythm yet" if o.missing else f"{o.s}: every {_span_en(o.v)} on average",
    Op.gap_longest: lambda o: f"{o.s}: no pause yet" if o.missing else f"{o.s}: longest pause {_span_en(o.v)}",
    Op.burstiness: lambda o: f"{o.s}: no rhythm yet" if o.missing else f"{o.s}: comes {_burst_en(o.v)}",
    Op.overdue: lambda o: (
        f"{o.s}: no rhythm yet" if o.missing else f"{o.s}: silent for {o.number()} times the usual pause"
    ),
    Op.busiest_day: lambda o: f"{o.s}: none yet" if o.v == 0 else f"{o.s}: {o.number()} on the busiest day",
    Op.office_hours: lambda o: f"{o.s}: none yet" if o.missing else f"{o.s}: {_percent(o.v)}% in office hours",
    Op.sum: lambda o: f"{o.s}: no amount {o.en}" if o.missing else f"{o.s}: amount {o.number()} {o.en}",
    Op.highest: lambda o: f"{o.s}: no amount yet" if o.missing else f"{o.s}: highest amount {o.number()}",
    Op.latest: lambda o: f"{o.s}: no amount yet" if o.missing else f"{o.s}: latest amount {o.number()}",
    Op.recent_kind: lambda o: f"{_ORDINALS_EN[o.f.short]}: {'none' if o.shown is None else o.shown}",
    Op.stage: lambda o: f"{o.number()} different kinds of event so far",
    Op.in_stage: lambda o: "no step yet" if o.missing else f"last new step {_ago_en(o.v)}",
    Op.actors: lambda o: f"{o.number()} of our people involved",
    Op.last_actor: lambda o: "nobody in charge" if o.missing else "somebody in charge",
    Op.sequence: lambda o: f"{o.s}, then {o.f.then} within {_days_en(o.f.short)}: {'yes' if o.v else 'no'}",
    Op.trait: _trait_en,
    Op.missing: lambda o: f"{o.s}: {'not known' if o.v else 'known'}",
    Op.learned: lambda o: f"{o.s}: not known" if o.missing else f"{o.s}: known since {_span_en(o.v)}",
    Op.profile: lambda o: f"{o.number()} of {len(o.set.traits)} facts known about the lead",
    Op.rate: lambda o: f"{o.s}: not known" if o.missing else f"{o.s}: {_percent(o.v)}% of such leads convert",
    Op.colleagues: lambda o: "company not known" if o.missing else f"{o.number()} other contacts in the company",
    Op.active_colleagues: lambda o: (
        "company not known" if o.missing else f"{o.number()} other contacts of the company active {o.en}"
    ),
    Op.colleague_acts: lambda o: "company not known" if o.missing else f"{o.number()} acts of colleagues {o.en}",
    Op.since_colleague: lambda o: "no act of a colleague" if o.missing else f"a colleague acted {_ago_en(o.v)}",
    Op.won_colleagues: lambda o: "company not known" if o.missing else f"{o.number()} colleagues already customers",
    Op.custom: lambda o: f"{o.s}: {'not known' if o.missing else o.number()}",
}
_PHRASES_FR: dict[Op, _Phrase] = {
    Op.count: lambda o: f"aucun « {o.s} » {o.fr}" if o.v == 0 else f"{o.s} : {o.number(',')} {o.fr}",
    Op.since: lambda o: f"{o.s} : jamais" if o.missing else f"{o.s} : {_ago_fr(o.v)}",
    Op.first: lambda o: f"{o.s} : jamais" if o.missing else f"{o.s} : première fois {_ago_fr(o.v)}",
    Op.active_days: lambda o: f"{o.s} : actif {_days_fr(o.v)}" + (f" sur {o.f.short}" if o.f.short else " à ce jour"),
    Op.trend: _trend_fr,
    Op.decayed: lambda o: (
        f"aucun « {o.s} » ces derniers temps"
        if o.v < 0.05
        else f"{o.s} : {_rounded(o.v, ',')} ces derniers temps (après {_days_fr(o.f.short)}, moitié moins)"
    ),
    Op.age: lambda o: "ancienneté inconnue" if o.missing else f"prospect créé {_ago_fr(o.v)}",
    Op.gap_mean: lambda o: (
        f"{o.s} : pas encore de rythme" if o.missing else f"{o.s} : tous les {_span_fr(o.v)} en moyenne"
    ),
    Op.gap_longest: lambda o: (
        f"{o.s} : pas encore de pause" if o.missing else f"{o.s} : plus longue pause {_span_fr(o.v)}"
    ),
    Op.burstiness: lambda o: f"{o.s} : pas encore de rythme" if o.missing else f"{o.s} : contacts {_burst_fr(o.v)}",
    Op.overdue: lambda o: (
        f"{o.s} : pas encore de rythme" if o.missing else f"{o.s} : silence de {o.number(',')} fois la pause habituelle"
    ),
    Op.busiest_day: lambda o: f"{o.s} : aucun" if o.v == 0 else f"{o.s} : {o.number(',')} le jour le plus actif",
    Op.office_hours: lambda o: f"{o.s} : aucun" if o.missing else f"{o.s} : {_percent(o.v)} % aux heures de bureau",
    Op.sum: lambda o: f"{o.s} : aucun montant {o.fr}" if o.missing else f"{o.s} : montant {o.number(',')} {o.fr}",
    Op.highest: lambda o: f"{o.s} : aucun montant" if o.missing else f"{o.s} : montant le plus haut {o.number(',')}",
    Op.latest: lambda o: f"{o.s} : aucun montant" if o.missing else f"{o.s} : dernier montant {o.number(',')}",
    Op.recent_kind: lambda o: (
        f"{_ORDINALS_FR[o.f.short]} : " + ("aucun" if o.shown is None else "autre" if o.v < 1 else str(o.shown))
    ),
    Op.stage: lambda o: f"{o.number(',')} sortes de faits à ce jour",
    Op.in_stage: lambda o: "pas encore d'étape" if o.missing else f"dernière étape nouvelle {_ago_fr(o.v)}",
    Op.actors: lambda o: f"{o.number(',')} de nos collaborateurs impliqués",
    Op.last_actor: lambda o: "personne en charge : aucune" if o.missing else "une personne en charge",
    Op.sequence: lambda o: f"{o.s}, puis {o.f.then} en {_days_fr(o.f.short)} : {'oui' if o.v else 'non'}",
    Op.trait: _trait_fr,
    Op.missing: lambda o: f"{o.s} : {'inconnu' if o.v else 'connu'}",
    Op.learned: lambda o: f"{o.s} : inconnu" if o.missing else f"{o.s} : connu depuis {_span_fr(o.v)}",
    Op.profile: lambda o: f"{o.number(',')} information(s) connue(s) sur {len(o.set.traits)}",
    Op.rate: lambda o: (
        f"{o.s} : inconnu" if o.missing else f"{o.s} : {_percent(o.v, ',')} % de ces prospects convertis"
    ),
    Op.colleagues: lambda o: (
        "entreprise inconnue" if o.missing else f"{o.number(',')} autre(s) contact(s) dans l'entreprise"
    ),
    Op.active_colleagues: lambda o: (
        "entreprise inconnue" if o.missing else f"{o.number(',')} autre(s) contact(s) de l'entreprise actif(s) {o.fr}"
    ),
    Op.colleague_acts: lambda o: "entreprise inconnue" if o.missing else f"{o.number(',')} acte(s) de collègues {o.fr}",
    Op.since_colleague: lambda o: "aucun acte d'un collègue" if o.missing else f"un collègue a agi {_ago_fr(o.v)}",
    Op.won_colleagues: lambda o: "entreprise inconnue" if o.missing else f"{o.number(',')} collègue(s) déjà client(s)",
    Op.custom: lambda o: f"{o.s} : {'inconnu' if o.missing else o.number(',')}",
}

_OF_TRAITS = {Op.trait, Op.missing, Op.learned, Op.rate}
_MEANINGS_EN: dict[Op, str] = {
    Op.count: "how many times {what} happened {window}",
    Op.since: "days since {what} happened last; missing: never",
    Op.first: "days since {what} happened first; missing: never",
    Op.active_days: "different days with {what} {window}",
    Op.trend: "pace of {what} in {short} days against that in {long} days; missing: none in {long} days",
    Op.decayed: "count of {what} in which each weighs half as much every {short} days",
    Op.age: "days since the journey started",
    Op.gap_mean: "days between two of {what} on average; missing: fewer than two",
    Op.gap_longest: "days of the longest pause between two of {what}; missing: fewer than two",
    Op.burstiness: "burstiness of {what}: -1 a clock, 0 chance, 1 bursts; missing: fewer than three",
    Op.overdue: "silence since {what} happened last, in average pauses; missing: no pause yet",
    Op.busiest_day: "most events on one day, of {what}",
    Op.office_hours: "share of {what} from Monday to Friday, 9 to 18 h; missing: none",
    Op.sum: "sum of the values of {what} {window}; missing: none with a value",
    Op.highest: "highest value of {what} so far; missing: none with a value",
    Op.latest: "latest value of {what}; missing: none with a value",
    Op.recent_kind: "kind of the newest event, counted back from 1: number {short}; missing: none",
    Op.stage: "how many different kinds of event happened so far",
    Op.in_stage: "days since a kind of event happened for the first time; missing: never",
    Op.actors: "how many different people at the firm acted",
    Op.last_actor: "who at the firm acted last",
    Op.sequence: "1 where {what} was followed by {then} within {short} days",
    Op.trait: "{what}, as known at the moment; missing: not known",
    Op.missing: "1 where {what} is not known",
    Op.learned: "days since {what} is what it is; missing: not known",
    Op.profile: "how many of {many} traits are known",
    Op.rate: "share of leads with the same {what} that converted, of those old enough at the moment",
    Op.colleagues: "other leads of the same company; missing: company not known",
    Op.active_colleagues: "other leads of the same company that acted {window}; missing: company not known",
    Op.colleague_acts: "acts of other leads of the same company {window}; missing: company not known",
    Op.since_colleague: "days since another lead of the same company acted; missing: never",
    Op.won_colleagues: "other leads of the same company that converted; missing: company not known",
    Op.custom: "{what}",
}
_MEANINGS_FR: dict[Op, str] = {
    Op.count: "nombre de fois où s'est produit {what} {window}",
    Op.since: "jours depuis la dernière fois : {what} ; vide : jamais",
    Op.first: "jours depuis la première fois : {what} ; vide : jamais",
    Op.active_days: "jours distincts avec {what} {window}",
    Op.trend: "rythme de {what} sur {short} jours rapporté à celui sur {long} jours ; vide : rien sur {long} jours",
    Op.decayed: "nombre de fois : {what}, chacune pesant moitié moins tous les {short} jours",
    Op.age: "jours depuis le début du parcours",
    Op.gap_mean: "jours en moyenne entre deux fois : {what} ; vide : moins de deux",
    Op.gap_longest: "jours de la plus longue pause : {what} ; vide : moins de deux",
    Op.burstiness: "irrégularité : {what} ; -1 une horloge, 0 le hasard, 1 des à-coups ; vide : moins de trois",
    Op.overdue: "silence depuis la dernière fois, en pauses moyennes : {what} ; vide : pas encore de pause",
    Op.busiest_day: "plus grand nombre en un jour : {what}",
    Op.office_hours: "part du lundi au vendredi, de 9 h à 18 h : {what} ; vide : jamais",
    Op.sum: "somme des valeurs : {what} {window} ; vide : aucune valeur",
    Op.highest: "plus haute valeur à ce jour : {what} ; vide : aucune valeur",
    Op.latest: "dernière valeur : {what} ; vide : aucune valeur",
    Op.recent_kind: "sorte du fait le plus récent, rang {short} ; vide : aucun",
    Op.stage: "nombre de sortes de faits différentes à ce jour",
    Op.in_stage: "jours depuis qu'une sorte de fait s'est produite pour la première fois ; vide : jamais",
    Op.actors: "nombre de collaborateurs différents impliqués",
    Op.last_actor: "dernier collaborateur impliqué",
    Op.sequence: "1 si {what} a été suivi de {then} en moins de {short} jours",
    Op.trait: "{what}, tel que connu au moment ; vide : inconnu",
    Op.missing: "1 si {what} est inconnu",
    Op.learned: "jours depuis que {what} a cette valeur ; vide : inconnu",
    Op.profile: "nombre d'informations connues sur {many}",
    Op.rate: "part des prospects de même {what} convertis, parmi ceux assez anciens au moment",
    Op.colleagues: "autres prospects de la même entreprise ; vide : entreprise inconnue",
    Op.active_colleagues: "autres prospects de la même entreprise actifs {window} ; vide : entreprise inconnue",
    Op.colleague_acts: "actes d'autres prospects de la même entreprise {window} ; vide : entreprise inconnue",
    Op.since_colleague: "jours depuis l'acte d'un autre prospect de la même entreprise ; vide : jamais",
    Op.won_colleagues: "autres prospects de la même entreprise convertis ; vide : entreprise inconnue",
    Op.custom: "{what}",
}


def _text(value: float | str, point: str = ".") -> str:
    return value if isinstance(value, str) else _number(value, point)


def _number(value: float, point: str = ".") -> str:
    if not math.isfinite(value):
        return "?"
    text = f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"
    return text.replace(".", point)


def _rounded(value: float, point: str = ".") -> str:
    return f"{value:.1f}".replace(".", point)


def _percent(share: float, point: str = ".") -> str:
    return _number(round(share * 100, 1), point)


def _days_en(value: float) -> str:
    return "1 day" if value == 1 else f"{_number(value)} days"


def _days_fr(value: float) -> str:
    return f"{_number(value, ',')} jour" + ("" if value < 2 else "s")


def _whole_if_long(days: float) -> float:
    return round(days, 1 if days < 10 else 0)


def _span_en(days: float) -> str:
    if days < 1 / 24:
        return "less than an hour"
    return f"{_number(round(days * 24))} h" if days < 1 else _days_en(_whole_if_long(days))


def _span_fr(days: float) -> str:
    if days < 1 / 24:
        return "moins d'une heure"
    return f"{_number(round(days * 24))} h" if days < 1 else _days_fr(_whole_if_long(days))


def _ago_en(days: float) -> str:
    return "just now" if days < 1 / 24 else f"{_span_en(days)} ago"


def _ago_fr(days: float) -> str:
    return "à l'instant" if days < 1 / 24 else f"il y a {_span_fr(days)}"
