"""The pages in the reader's language: sentences from a Babel catalogue, numbers and dates by Babel.

The English sentence is written where it is used and is its own key. `make texts` collects the sentences into
``locale/<language>/LC_MESSAGES/veraison.po``, which is read as it is when the first one is wanted: there is no compiled
file that could be missing or out of date. Tests hold the catalogues to every sentence, to its placeholders and plurals,
and to no sentence that nothing says any more. A language is a member of features.words.LANGUAGES.
"""

import datetime
import gettext
import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from data.events import instant
from features.words import LANGUAGES, Language

MINUS = "\N{MINUS SIGN}"
SOURCE: Language = "en"
"""The language that the sentences are written in."""
CATALOGUES = Path(__file__).parent / "locale"

_WISH = re.compile(r"\s*([a-z]{1,8}|\*)(?:-[a-z0-9-]+)?\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.I)


@cache
def catalogue(language: Language) -> gettext.NullTranslations:
    """The sentences of a language, in the form that ``gettext`` and Jinja look them up."""
    if language == SOURCE:
        return gettext.NullTranslations()
    compiled = BytesIO()
    with (CATALOGUES / language / "LC_MESSAGES" / "veraison.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def deferred(text: str) -> str:
    """A sentence that is looked up later: marked here, where it stands, for the catalogue."""
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences, numbers and dates of one language.

    >>> words = Words("fr")
    >>> words("Lead"), words.points(-3), words.number(2.5)
    ('Prospect', '−3', '2,5')
    """

    language: Language

    def __call__(self, text: str, **values: str) -> str:
        """An English sentence in this language, with its placeholders ``%(name)s`` filled."""
        return catalogue(self.language).gettext(text) % values

    def many(self, one: str, several: str, count: float, **values: str) -> str:
        """The form that goes with a number: which counts as one, the language decides. ``%(count)s`` is the number.

        A number is told with at most one decimal: 1.4 is several in English, and one in French.

        >>> [Words("fr").many("%(count)s day", "%(count)s days", count) for count in (0, 1, 1.4, 2)]
        ['0 jour', '1 jour', '1,4 jour', '2 jours']
        >>> [Words("en").many("%(count)s day", "%(count)s days", count) for count in (0, 1, 1.4, 2)]
        ['0 days', '1 day', '1.4 days', '2 days']
        """
        form = 1 if self._locale.plural_form(round(count, 1)) == "one" else 2
        return catalogue(self.language).ngettext(one, several, form) % {"count": self.number(count), **values}

    @property
    def other(self) -> Language:
        """The language the page can be switched to."""
        return next(one for one in LANGUAGES if one != self.language)

    @property
    def other_name(self) -> str:
        """Its name, in itself."""
        return sentence(str(Locale.parse(self.other).get_display_name()))

    @property
    def _locale(self) -> Locale:
        return Locale.parse("fr_FR" if self.language == "fr" else "en_GB")

    def number(self, value: float) -> str:
        """At most one decimal, none for whole numbers; thousands grouped."""
        return str(format_decimal(round(value, 1), locale=self._locale))

    def decimal(self, value: float, digits: int) -> str:
        """With at most so many decimals.

        >>> Words("fr").decimal(0.1234, 3)
        '0,123'
        """
        return str(format_decimal(round(value, digits), locale=self._locale, decimal_quantization=False))

    def points(self, value: int) -> str:
        """With its sign: +12, −3, 0."""
        return f"+{value}" if value > 0 else f"{MINUS}{-value}" if value < 0 else "0"

    def percent(self, share: float) -> str:
        """Whole percents; one decimal below ten of a hundred, where it tells leads apart."""
        rounded = round(share, 3 if share < 0.0995 else 2)
        return str(format_percent(rounded, locale=self._locale, decimal_quantization=False))

    def days(self, value: float) -> str:
        """A number of days, at least one, rounded to whole days."""
        return self.many("%(count)s day", "%(count)s days", max(1, round(value)))

    def date(self, micros: int) -> str:
        return str(format_date(instant(micros).date(), format="medium", locale=self._locale))

    def day(self, day: datetime.date) -> str:
        """A date that is of no zone."""
        return str(format_date(day, format="medium", locale=self._locale))

    def day_and_month(self, micros: int) -> str:
        """A date of these weeks, where the year goes without saying."""
        return str(format_skeleton("MMMd", instant(micros), locale=self._locale))

    def month_and_year(self, micros: int) -> str:
        """A month by its short name."""
        return str(format_skeleton("yMMM", instant(micros), locale=self._locale))

    def month(self, micros: int) -> str:
        """A month by its name, with its year."""
        return str(format_skeleton("yMMMM", instant(micros), locale=self._locale))

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

    Source : RFC 9110, 12.5.4: weights from 0 (not wanted) to 1, ``*`` for what is not named. What is not written so is
    passed over.

    >>> preferred("de, fr-CH;q=0.8, en;q=0.7"), preferred("de"), preferred("en;q=0.1, fr;q=x")
    ('fr', 'en', 'en')
    >>> preferred("en;q=0.2, *"), preferred("fr;q=0, *;q=0.1")
    ('fr', 'en')
    """
    wishes: dict[str, tuple[float, int]] = {}
    for place, wish in enumerate(accept_language[:500].split(",")):
        if read := _WISH.fullmatch(wish):
            tag, weight = read[1].lower(), 1.0 if read[2] is None else float(read[2])
            wishes[tag] = max(wishes.get(tag, (0.0, 0)), (weight, -place))
    weights = {one: wishes.get(one, wishes.get("*", (0.0, 0))) for one in LANGUAGES}
    best = max(LANGUAGES, key=weights.__getitem__)
    return best if weights[best][0] > 0 else SOURCE
