"""Whether a lead is mature, and by what: a revealing act, a rule over several acts, its score; or why it is off topic.

A worked example, with a list that begins at 50. L1 asked for a demonstration on 3 March and scores 71: mature in two
ways. L2 scores 49 and has done nothing that reveals: not mature. L3 scores 80 and is a student, whom the playbook calls
off topic: not mature, whatever else it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

import numpy as np

from data.events import isoformat
from data.log import EventLog, Floats, Ints
from data.maturity import signalled
from data.signs import Bools, signs_of
from serving.translations import Words
from veraison.playbook import Playbook


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a lead is mature.

    name : of the act or rule; empty for the score
    at   : when it happened last, microseconds UTC; None for the score
    """

    way: Literal["act", "rule", "score"]
    name: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided of an open lead.

    ways      : in which it is mature, acts first, then rules, then the score; of a lead that is off topic, in which it
                would be
    off_topic : the name of the rule that takes it out, empty where none does
    score     : of 100, None where the lead has none
    least     : from which score on a lead is on the list
    """

    ways: tuple[Way, ...]
    off_topic: str
    score: float | None
    least: float

    @property
    def mature(self) -> bool:
        """Whether any way says so, of a lead that is not off topic."""
        return bool(self.ways) and not self.off_topic

    def told(self, words: Words) -> "Told":
        """The same in words."""
        ways = tuple((one, self._way(one, words)) for one in self.ways)
        if self.off_topic:
            text = words("Off topic: %(name)s.", name=self.off_topic)
        elif self.ways:
            text = words("Mature: %(ways)s.", ways="; ".join(text for _, text in ways))
        else:
            text = words("Not mature yet.")
        return Told(self, ways, text)

    def _way(self, one: Way, words: Words) -> str:
        if one.at is None:
            score = words.decimal(self.score or 0.0, 0)
            return words("score %(score)s, from %(least)s on", score=score, least=words.decimal(self.least, 0))
        if one.way == "act":
            return words("%(name)s on %(date)s", name=one.name, date=words.date(one.at))
        return words("rule %(name)s on %(date)s", name=one.name, date=words.date(one.at))


@dataclass(frozen=True, slots=True)
class Told:
    """A decision in the words of a language.

    ways : each with what is said of it
    text : one sentence
    """

    decision: Decision
    ways: tuple[tuple[Way, str], ...]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "mature": self.decision.mature,
            "ways": [
                {
                    "way": one.way,
                    "name": one.name or None,
                    "at": None if one.at is None else isoformat(one.at),
                    "text": text,
                }
                for one, text in self.ways
            ],
            "off_topic": self.decision.off_topic or None,
            "text": self.text,
        }


def decisions(
    log: EventLog, book: Playbook, lead: Ints, as_of: Ints, is_open: Bools, score: Floats, least: Floats
) -> tuple[Decision | None, ...] | None:
    """What is decided of each (lead, moment) pair; None of who is not open, and of all where there is no `[maturity]`.

    lead  : (pairs,) codes of `log`; -1 for a lead that is unknown
    score : (pairs,) NaN where a lead has none
    least : (pairs,) the score from which on a lead is on the list
    """
    if book.maturity is None:
        return None
    signs, found = signs_of(book.maturity), signalled(log, book, lead, as_of)
    names = [one.name for one in book.maturity.off_topic]
    told: list[Decision | None] = []
    for pair in range(len(lead)):
        if not is_open[pair]:
            told.append(None)
            continue
        spoken = np.flatnonzero(found.speaks[:, pair]).tolist()
        ways = [Way(signs[n].kind, signs[n].name, int(found.newest[n, pair])) for n in spoken]
        points = None if isnan(score[pair]) else float(score[pair])
        if book.maturity.score and points is not None and points >= least[pair]:
            ways.append(Way("score"))
        off = int(found.off_topic[pair])
        told.append(Decision(tuple(ways), names[off] if off >= 0 else "", points, float(least[pair])))
    return tuple(told)


def ways_told(told: Sequence[tuple[Way, str]]) -> list[str]:
    """What is said of the acts and rules, without the score, which stands elsewhere."""
    return [text for one, text in told if one.way != "score"]
