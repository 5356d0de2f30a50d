"""The pages in the reader's language: whole sentences from a catalogue, numbers and dates by Babel.

A language is a member of features.words.LANGUAGES; a test holds the catalogues to the same keys and placeholders.
"""

from dataclasses import dataclass

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent

from data.events import instant
from features.words import LANGUAGES, Language

MINUS = "\N{MINUS SIGN}"

CATALOGUE: dict[Language, dict[str, str]] = {
    "en": {
        "product_line": "How mature is this lead, why, and when will it be ready?",
        "skip": "Skip to the content",
        "leads": "Leads",
        "leads_title": "Leads, the ripest first",
        "leads_lede": "{scored} of {total} leads are open and scored. 50 is the typical lead; every 10 points double "
        "the odds of a win.",
        "label": "{label}: ",
        "rank": "Rank",
        "lead": "Lead",
        "score": "Score",
        "grade": "Grade",
        "chance_within": "Win within {days} days",
        "ready": "Ready",
        "first_reason": "What weighs most",
        "last_activity": "Last activity",
        "none_scored": "No open lead yet. Leads appear here as soon as their events arrive.",
        "show_more": "Show {count} leads",
        "ready_about": "ready in about {days} ({from} to {to})",
        "ready_soon": "ready within a day",
        "ready_since": "accepted by sales on {date}",
        "days_one": "1 day",
        "days_other": "{count} days",
        "all_leads": "All leads",
        "score_is": "Score {score} of 100",
        "grade_is": "Grade {grade}",
        "why": "Why this score",
        "why_lede": "Every lead starts at {base} points. What is known of this one moves it to {score}.",
        "chart_alt": "Waterfall chart: from {base} points at the start to a score of {score}. The table beside it "
        "holds the same figures.",
        "points": "Points",
        "reason": "Reason",
        "start": "Where every lead starts",
        "limit": "Limit of the scale",
        "axis": "score",
        "when": "How soon",
        "within_days": "Won within {days} days",
        "primary": "the score's own horizon",
        "chance_between": "8 in 10 such leads: {low} to {high}",
        "ready_explained": "Of the leads like this one that get ready within {longest} days, half are so within "
        "{half}, and 8 in 10 between {from} and {to}.",
        "timeline": "What happened",
        "known": "What is known",
        "known_none": "Nothing is known of this lead yet but what it did.",
        "since": "since {date}",
        "earlier": "Earlier: {count} events",
        "times": "{count} times",
        "learned": "learned: {names}",
        "known_late": "known to us on {date}",
        "identify": "Profile completed",
        "group": "Company completed",
        "alias": "Two histories joined",
        "as_of": "As of {moment} UTC",
        "model": "Model {version}, trained on what was known before {date}",
        "is_not_started": "Not scored: this lead's journey has not begun.",
        "is_merged": "This history goes on under another id:",
        "is_converted": "Not scored: this lead was won.",
        "is_lost": "Not scored: this lead was lost.",
        "is_opted_out": "Not scored: this person does not want it.",
        "is_too_early": "No score yet: too little is known.",
        "not_known": "Not known yet: {names}.",
        "no_act": "It has not acted itself yet.",
        "moved": "{before} → {now} in {days} days ({points} points)",
        "moved_why": "What changed",
        "unmoved": "as {days} days ago",
        "new_score": "no score {days} days ago",
        "compared": "Leads like this one",
        "compared_lede": "A comparison with what the model has seen, not a promise of what would follow.",
        "problem_title": "That did not work",
        "login": "Log in",
        "login_name": "Name or e-mail address",
        "login_password": "Password",
        "login_wrong": "Name and password do not belong together.",
        "login_oidc": "Log in with your organisation",
        "login_or": "Or with a password of this service:",
        "logout": "Log out",
        "problem_403": "You may not do this, or the form was too old. Load the page again, or log in anew.",
        "problem_429": "Too many attempts. Wait a moment and try again.",
        "problem_404": "There is no such lead, or nothing at this address.",
        "problem_401": "A login is needed to see this page.",
        "problem_503": "No model serves yet. Train one with: veraison train",
        "problem_other": "The request could not be answered.",
        "other_language": "Français",
    },
    "fr": {
        "product_line": "Ce prospect est-il mûr, pourquoi, et quand sera-t-il prêt ?",
        "skip": "Aller au contenu",
        "leads": "Prospects",
        "leads_title": "Les prospects, du plus mûr au moins mûr",
        "leads_lede": "{scored} prospects sur {total} sont ouverts et notés. 50 est le prospect type ; 10 points de "
        "plus doublent la cote d’une vente.",
        "label": "{label} : ",
        "rank": "Rang",
        "lead": "Prospect",
        "score": "Score",
        "grade": "Classe",
        "chance_within": "Vente sous {days} jours",
        "ready": "Prêt",
        "first_reason": "Ce qui pèse le plus",
        "last_activity": "Dernière activité",
        "none_scored": "Aucun prospect ouvert. Ils apparaissent ici dès que leurs événements arrivent.",
        "show_more": "Afficher {count} prospects",
        "ready_about": "prêt dans environ {days} ({from} à {to})",
        "ready_soon": "prêt sous un jour",
        "ready_since": "accepté par les ventes le {date}",
        "days_one": "1 jour",
        "days_other": "{count} jours",
        "all_leads": "Tous les prospects",
        "score_is": "Score {score} sur 100",
        "grade_is": "Classe {grade}",
        "why": "Pourquoi ce score",
        "why_lede": "Tout prospect part de {base} points. Ce que l’on sait de celui-ci le mène à {score}.",
        "chart_alt": "Graphique en cascade : de {base} points au départ à un score de {score}. Le tableau à côté donne "
        "les mêmes chiffres.",
        "points": "Points",
        "reason": "Raison",
        "start": "Point de départ de tout prospect",
        "limit": "Limite de l’échelle",
        "axis": "score",
        "when": "Dans combien de temps",
        "within_days": "Vente sous {days} jours",
        "primary": "l’horizon du score",
        "chance_between": "8 prospects semblables sur 10 : de {low} à {high}",
        "ready_explained": "Parmi les prospects semblables qui deviennent prêts sous {longest} jours, la moitié le "
        "sont sous {half}, et 8 sur 10 entre {from} et {to}.",
        "timeline": "Ce qui s’est passé",
        "known": "Ce que l’on sait",
        "known_none": "De ce prospect, on ne sait encore que ce qu’il a fait.",
        "since": "depuis le {date}",
        "earlier": "Plus tôt : {count} événements",
        "times": "{count} fois",
        "learned": "appris : {names}",
        "known_late": "connu de nous le {date}",
        "identify": "Profil complété",
        "group": "Entreprise complétée",
        "alias": "Deux historiques réunis",
        "as_of": "Situation au {moment} UTC",
        "model": "Modèle {version}, appris sur ce qui était connu avant le {date}",
        "is_not_started": "Pas de score : le parcours de ce prospect n’a pas commencé.",
        "is_merged": "Cet historique se poursuit sous un autre identifiant :",
        "is_converted": "Pas de score : ce prospect est gagné.",
        "is_lost": "Pas de score : ce prospect est perdu.",
        "is_opted_out": "Pas de score : cette personne ne le souhaite pas.",
        "is_too_early": "Pas encore de score : on en sait trop peu.",
        "not_known": "Pas encore connu : {names}.",
        "no_act": "Il n’a encore rien fait de lui-même.",
        "moved": "{before} → {now} en {days} jours ({points} points)",
        "moved_why": "Ce qui a changé",
        "unmoved": "comme il y a {days} jours",
        "new_score": "pas de score il y a {days} jours",
        "compared": "Les prospects semblables",
        "compared_lede": "Une comparaison avec ce que le modèle a vu, non une promesse de ce qui suivrait.",
        "problem_title": "Cela n’a pas abouti",
        "login": "Se connecter",
        "login_name": "Nom ou adresse e-mail",
        "login_password": "Mot de passe",
        "login_wrong": "Ce nom et ce mot de passe ne vont pas ensemble.",
        "login_oidc": "Se connecter avec votre organisation",
        "login_or": "Ou avec un mot de passe de ce service :",
        "logout": "Se déconnecter",
        "problem_403": "Cela ne vous est pas permis, ou le formulaire était trop ancien. Rechargez la page, ou "
        "reconnectez-vous.",
        "problem_429": "Trop de tentatives. Attendez un instant, puis réessayez.",
        "problem_404": "Ce prospect n’existe pas, ou il n’y a rien à cette adresse.",
        "problem_401": "Il faut se connecter pour voir cette page.",
        "problem_503": "Aucun modèle n’est encore en service. Pour en entraîner un : veraison train",
        "problem_other": "La demande n’a pas pu aboutir.",
        "other_language": "English",
    },
}


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences, numbers and dates of one language.

    >>> words = Words("fr")
    >>> words("lead"), words.points(-3), words.number(2.5)
    ('Prospect', '−3', '2,5')
    """

    language: Language

    def __call__(self, key: str, **values: str) -> str:
        """A sentence of the catalogue with its placeholders filled."""
        return CATALOGUE[self.language][key].format_map(values)

    @property
    def other(self) -> Language:
        """The language the page can be switched to."""
        return next(one for one in LANGUAGES if one != self.language)

    @property
    def _locale(self) -> Locale:
        return Locale.parse("fr_FR" if self.language == "fr" else "en_GB")

    def number(self, value: float) -> str:
        """At most one decimal, none for whole numbers; thousands grouped."""
        return str(format_decimal(round(value, 1), locale=self._locale))

    def points(self, value: int) -> str:
        """With its sign: +12, −3, 0."""
        return f"+{value}" if value > 0 else f"{MINUS}{-value}" if value < 0 else "0"

    def percent(self, share: float) -> str:
        """Whole percents; one decimal below ten of a hundred, where it tells leads apart."""
        rounded = round(share, 3 if share < 0.0995 else 2)
        return str(format_percent(rounded, locale=self._locale, decimal_quantization=False))

    def days(self, value: float) -> str:
        """A number of days, at least one, rounded to whole days."""
        count = max(1, round(value))
        return self("days_one") if count == 1 else self("days_other", count=self.number(count))

    def date(self, micros: int) -> str:
        return str(format_date(instant(micros).date(), format="medium", locale=self._locale))

    def long_date(self, micros: int) -> str:
        return str(format_date(instant(micros).date(), format="full", locale=self._locale))

    def time(self, micros: int) -> str:
        return str(format_time(instant(micros), format="HH:mm", locale=self._locale))

    def moment(self, micros: int) -> str:
        return str(format_datetime(instant(micros), format="medium", locale=self._locale))


def sentence(text: str) -> str:
    """A phrase that stands alone begins with a capital.

    >>> sentence("age of the lead not known")
    'Age of the lead not known'
    """
    return text[:1].upper() + text[1:]


def preferred(accept_language: str) -> Language:
    """The language a browser asks for first, of those there are; English where it asks for none of them.

    >>> preferred("de, fr-CH;q=0.8, en;q=0.7"), preferred("de"), preferred("en;q=0.1, fr;q=x")
    ('fr', 'en', 'en')
    """
    wishes: list[tuple[float, int, Language]] = []
    for place, wish in enumerate(accept_language[:500].split(",")):
        tag, _, quality = wish.partition(";")
        language = next((one for one in LANGUAGES if tag.strip().lower().split("-")[0] == one), None)
        if language is None:
            continue
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            wishes.append((-weight, place, language))
    return min(wishes)[2] if wishes else "en"
