"""The catalogues: every sentence that is said has its French, with its placeholders and plurals, and nothing else."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import example, given
from hypothesis import strategies as st

from features.words import LANGUAGES
from serving.translations import CATALOGUES, SOURCE, Words, catalogue, preferred

HOUSE = Path(__file__).parents[2]
SAID_IN = ("serving", "veraison")
KEYWORDS = DEFAULT_KEYWORDS | {"words": None, "many": (1, 2), "deferred": None}
TRANSLATED = tuple(one for one in LANGUAGES if one != SOURCE)

Key = str | tuple[str, ...]


def said() -> dict[Key, str]:
    """The sentences of code and templates, each with a file that says it."""
    mappings = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    options = {one["pattern"]: {k: v for k, v in one.items() if k not in ("pattern", "method")} for one in mappings}
    found: dict[Key, str] = {}
    for folder in SAID_IN:
        for name, _, key, _, _ in extract_from_dir(HOUSE / folder, methods, options, keywords=KEYWORDS):
            found[key] = name
    return found


def written(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "veraison.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """(English, translated) of each form of a message; of a plural, the forms in their order."""
    if isinstance(message.id, str):
        yield message.id, message.string
    else:
        yield from zip(message.id, message.string, strict=True)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_has_its_translation_and_no_translation_is_left_over(language: str):
    known = {message.id: message for message in written(language) if message.id}
    wanted = said()
    assert [key for key in wanted if key not in known] == [], "run: make texts"
    assert [key for key in known if key not in wanted] == [], "run: make texts"
    assert [key for key, message in known.items() if not all(text for _, text in forms(message))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_holds_no_guess_and_nothing_put_aside(language: str):
    found = written(language)
    assert [message.id for message in found if message.fuzzy and message.id] == []
    assert found.obsolete == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_placeholders_and_plurals_agree(language: str):
    found = written(language)
    assert [error for message, errors in found.check() for error in errors] == []
    for message in found:
        for english, translated in forms(message) if message.id else ():
            if isinstance(message.id, str):
                assert placeholders(english) == placeholders(translated), english
            else:
                assert placeholders(translated) <= placeholders(message.id[1]), english
                assert placeholders(translated) >= placeholders(message.id[0]) - {"count"}, english
            left = re.sub(r"%\(\w+\)s|%%", "", english + translated)
            assert "%" not in left, english


def test_a_plural_is_chosen_by_the_language():
    forms_of = {language: [Words(language).days(count) for count in (0.4, 1, 1.6, 1_200)] for language in LANGUAGES}
    assert forms_of == {
        "en": ["1 day", "1 day", "2 days", "1,200 days"],
        "fr": ["1 jour", "1 jour", "2 jours", "1\N{NARROW NO-BREAK SPACE}200 jours"],
    }
    none = [Words(language).many("%(count)s lead scored", "%(count)s leads scored", 0) for language in LANGUAGES]
    assert none == ["0 leads scored", "0 prospect noté"]


@given(st.text(), st.text())
def test_a_sentence_that_no_catalogue_knows_stays_as_it_is(text: str, value: str):
    text = f"\N{SNOWMAN}{text}".replace("%", "")
    for language in LANGUAGES:
        assert Words(language)(text + "%(value)s", value=value) == text + value


def test_templates_hold_no_words_of_their_own():
    """What a template says goes through the catalogue; only the product's name and signs stand in it.

    The reference of the API is for those who write programs, in English, as the description it is made from.
    """
    for template in {*(HOUSE / "serving" / "templates").glob("*.html")} - {HOUSE / "serving/templates/reference.html"}:
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\bt\(", text), f"{template.name}: sentences are looked up by _ and ngettext"
        bare = re.sub(r"\{% trans .*?\{% endtrans %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", " ", text, flags=re.DOTALL)
        for name in ("alt", "title", "placeholder", "aria-label", "data-label", "content"):
            shown = re.findall(rf'\b{name}="([^"]*)"', bare)
            assert [one for one in shown if one.strip() and name != "content"] == [], template.name
        bare = re.sub(r"<[^>]*>|[\w-]+=\"[^\"]*\"", " ", bare).replace("Véraison", "")
        assert not [sign for sign in bare if sign.isalnum()], f"{template.name}: {' '.join(bare.split())}"


def test_the_source_language_needs_no_catalogue():
    assert not (CATALOGUES / SOURCE).exists()
    assert catalogue(SOURCE).gettext("any text") == "any text"


# --- which language ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("", "en"), ("fr", "fr"), ("FR-ca", "fr"), ("fr-Latn-CA;q=0.1", "fr"), ("de,es;q=0.9", "en"),
        ("en;q=0.8,fr;q=0.9", "fr"), ("en;q=0.8 , fr ; q=0.9", "fr"), ("fr;q=0.8,en;q=0.9", "en"),
        ("fr,en", "fr"), ("en,fr", "en"), ("en-GB;q=0.2,fr;q=0.5,en;q=0.9", "en"),
        ("fr;q=0", "en"), ("en;q=0,*;q=0.1", "fr"), ("*", "en"), ("*;q=0", "en"), ("fr;q=0.001", "fr"),
        ("fr;q=2", "en"), ("fr;q=-1", "en"), ("fr;q=nan", "en"), ("fr;q=inf", "en"), ("fr;q=0.1234", "en"),
        ("fr;q=", "en"), ("fr;level=1", "en"), ("french", "en"), ("fr;q=1.000,en;q=1", "fr"), (",,fr,", "fr"),
    ],
)  # fmt: skip
def test_the_language_that_a_browser_prefers(wish: str, language: str):
    assert preferred(wish) == language


@given(st.text())
@example("fr" * 10_000)
def test_any_wish_of_a_browser_gives_a_language(wish: str):
    assert preferred(wish) in LANGUAGES


@given(st.dictionaries(st.sampled_from(["en", "fr", "de"]), st.integers(0, 1000), min_size=1))
def test_the_greatest_weight_wins(weights: dict[Any, int]):
    wish = ", ".join(f"{language};q={weight / 1000:.3f}" for language, weight in weights.items())
    best = max(weights.get(one, 0) for one in LANGUAGES)
    chosen = preferred(wish)
    assert weights.get(chosen, 0) == best or (best == 0 and chosen == "en")
