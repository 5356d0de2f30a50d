"""Whom to call to qualify, and what to ask next, in words."""

from typing import Any

from serving.families import InFamily
from serving.families_words import family_name, next_step
from serving.leads import Leads, known_traits
from serving.pages import who
from serving.qualify import Ask, to_qualify
from serving.questions import LEAST, Question
from serving.ranking import Ranking
from serving.translations import Words, sentence
from veraison.playbook import Playbook

FEW = 5
"""So many leads to qualify stand below those to call."""


def rows(leads: Leads, ranking: Ranking, called: set[int], words: Words) -> list[dict[str, Any]]:
    """The leads to qualify that are not to be called anyway.

    called : their places in the ranking
    """
    found = [one for one in to_qualify(leads, ranking, FEW + len(called)) if one.place not in called][:FEW]
    if not found:
        return []
    _, log = leads.scored([one.row.lead_id for one in found], ranking.as_of)
    return [
        {
            "lead_id": one.row.lead_id,
            "who": who(known_traits(log, one.row.lead_id, ranking.as_of, leads.playbook)),
            "score": round(one.row.score or 0.0),
            "trait": one.trait,
            "told": told(one, words),
        }
        for one in found
    ]


def told(one: Ask, words: Words) -> str:
    """What the answer may change, in one sentence."""
    chance = words.percent(one.chance)
    if one.listed:
        return words("In %(chance)s of the cases it leaves the list.", chance=chance)
    return words("In %(chance)s of the cases it comes onto the list.", chance=chance)


def ask_next(asked: tuple[Question, ...], words: Words) -> str:
    """What to ask a lead next, in one sentence; empty where no answer would be seen in its score."""
    if not asked or asked[0].points < LEAST:
        return ""
    return words.many(
        "Ask next: %(name)s; it would move the score by about %(count)s point.",
        "Ask next: %(name)s; it would move the score by about %(count)s points.",
        max(1, round(asked[0].points)),
        name=asked[0].trait,
    )


def what_next(family: InFamily | None, asked: Question | None, playbook: Playbook, words: Words) -> list[str]:
    """What to do with a lead and what to ask it, a line each; of a lead that is not open there is nothing to say."""
    if family is None:
        return []
    name = sentence(family_name(family.name, words))
    line = words("%(family)s: %(next)s", family=name, next=next_step(family.name, playbook, words, family.reason))
    question = ask_next(() if asked is None else (asked,), words)
    return [line, question] if question else [line]
