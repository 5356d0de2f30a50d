"""What sales are asked on the page of a lead: the fields of the form, and what is wrong with them, in words."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any

from data.parse import MAX_TEXT
from serving.desk import Desk
from serving.feedback import FARTHEST, REASONS
from serving.timeline import REASONS as REASON_WORDS
from serving.translations import Words, sentence


def form(desk: Desk, words: Words, sent: Mapping[str, str], wrong: AbstractSet[str]) -> dict[str, Any]:
    """What the template needs.

    sent  : what was filled in before
    wrong : names of the fields that were not right
    """
    first, last = desk.today + timedelta(1), desk.today + FARTHEST
    told = {
        "outcome": words("Say whether the lead is accepted or sent back."),
        "reason": words("Choose why the lead is sent back."),
        "until": words("Only a postponed lead has a day to call again.")
        if sent.get("reason", "postponed") != "postponed"
        else words("Give a day from %(first)s to %(last)s.", first=words.day(first), last=words.day(last)),
        "note": words.many("At most %(count)s character.", "At most %(count)s characters.", MAX_TEXT),
    }
    return {
        "outcomes": desk.outcomes,
        "reasons": [(one, sentence(words(REASON_WORDS[one]))) for one in REASONS],
        "sent": {name: sent.get(name, "") for name in ("reason", "until", "note")},
        "wrong": {name: told.get(name, told["outcome"]) for name in wrong},
        "first": first.isoformat(),
        "last": last.isoformat(),
        "most": MAX_TEXT,
    }
