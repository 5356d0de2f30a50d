"""What acts, rules and off-topic rules of `[maturity]` say of a lead at a moment (data.signs, data.off_topic)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.log import EventLog, Floats, Ints
from data.off_topic import OffTopics
from data.signs import NOT_YET, Bools, firings, signs_of, speaking
from veraison.playbook import Playbook
from veraison.playbook_maturity import Maturity


@dataclass(frozen=True)
class Signalled:
    """What acts and rules say of (lead, as_of) pairs.

    newest    : (signs, pairs) when each sign fired last, microseconds UTC, `NOT_YET` where it has not
    speaks    : (signs, pairs) whether it still speaks
    off_topic : (pairs,) place of the first off-topic rule that takes the lead, -1 where none does
    """

    newest: Ints
    speaks: Bools
    off_topic: Ints

    @property
    def spoken(self) -> Bools:
        """(pairs,) whether any sign speaks."""
        found: Bools = np.logical_or.reduce(self.speaks, axis=0)
        return found

    @property
    def mature(self) -> Bools:
        """(pairs,) whether a sign speaks of a lead that is not off topic."""
        found: Bools = self.spoken & (self.off_topic < 0)
        return found


def signalled(log: EventLog, book: Playbook, lead: Ints, as_of: Ints) -> Signalled:
    """What acts and rules say of each pair; of a playbook without `[maturity]` nothing.

    lead  : (pairs,) codes of `log`; -1 for a lead that is unknown
    as_of : (pairs,) microseconds UTC; nothing known at it or later changes the answer
    """
    maturity = book.maturity or Maturity()
    signs = signs_of(maturity)
    newest = np.full((len(signs), len(lead)), NOT_YET, dtype=np.int64)
    for place, sign in enumerate(signs):
        newest[place] = firings(log, sign).newest(lead, as_of)
    return Signalled(newest, speaking(newest, as_of, maturity.for_days), OffTopics(log, book).first(lead, as_of))


def on_list(book: Playbook, score: Floats, least: float, speaks: Bools, off_topic: Bools) -> Bools:
    """(leads,) whether each is mature: by its score, where that counts, or by an act or rule; nobody off topic.

    speaks    : (leads,) whether an act or rule speaks of it
    off_topic : (leads,) whether it is
    """
    by_score = score >= least  # of NaN it is false
    if book.maturity is None:
        return by_score
    found: Bools = ((by_score & book.maturity.score) | speaks) & ~off_topic
    return found


def absent(log: EventLog, book: Playbook, as_of: int) -> list[str]:
    """One line for each event, and each trait, that `[maturity]` names and that has not occurred so far."""
    if book.maturity is None:
        return []
    kinds = {log.kinds[one] for one in np.unique(log.kind[log.known < as_of])}
    names = {log.trait_names[one] for one in np.unique(log.trait_name[log.trait_known < as_of])}
    asked: list[tuple[str, Sequence[str]]] = [("acts", book.maturity.acts)]
    for n, rule in enumerate(book.maturity.rules):
        asked.append((f"rules.{n}.{'all' if rule.all else 'any'}", rule.events))
    asked += [(f"off_topic.{n}.events", one.events) for n, one in enumerate(book.maturity.off_topic)]
    found = [
        f"maturity.{key}: no event {one!r} has occurred so far"
        for key, wanted in asked
        for one in wanted
        if one not in kinds
    ]
    return found + [
        f"maturity.off_topic.{n}.when: no lead has the trait {word!r} so far"
        for n, one in enumerate(book.maturity.off_topic)
        for word in one.when
        if word not in names
    ]
