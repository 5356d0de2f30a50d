"""Which leads are off topic by the rules of `[maturity]`: enquiries that are no leads of the firm's.

Whoever an event takes out stays out from the moment it is known. A condition on traits is that of the moment: what is
learned later can bring a lead back.
"""

from collections.abc import Mapping

import numpy as np

from data.identity import fold
from data.known import traits_at
from data.log import EventLog, Ints
from data.routes import comparable
from data.signs import NOT_YET, Bools, Sign, firings
from veraison.playbook import Playbook
from veraison.playbook_conditions import Numbers, Values, domain_of, read
from veraison.playbook_maturity import OffTopic


class OffTopics:
    """The off-topic rules of a playbook on a log."""

    def __init__(self, log: EventLog, book: Playbook) -> None:
        rules = () if book.maturity is None else book.maturity.off_topic
        kinds = book.features.traits
        self._log = log
        self._asked = {word: kinds[word] for one in rules for word in one.when}
        self._conditions = [_conditions(one, self._asked) for one in rules]
        self._events = [firings(log, Sign("act", one.name, one.events, 1, False, 0)) for one in rules]

    @property
    def traits(self) -> list[str]:
        """The traits that are asked for."""
        return list(self._asked)

    def known(self) -> tuple[Ints, Ints]:
        """(lead, moment) of every row by which anyone could come to be off topic, or cease to be."""
        log = self._log
        names = [place for place, name in enumerate(log.trait_names) if name in self._asked]
        rows = np.flatnonzero(np.isin(log.trait_name, names))
        lead = np.searchsorted(log.trait_offsets, rows, side="right") - 1
        parts = [(lead, log.trait_known[rows]), *((one.lead, one.known) for one in self._events)]
        return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])

    def each(self, lead: Ints, as_of: Ints) -> Bools:
        """(rules, pairs) whether each rule takes each lead at a moment. lead: codes; -1 for one that is unknown."""
        found = np.zeros((len(self._conditions), len(lead)), dtype=np.bool_)
        there = np.flatnonzero(lead >= 0)
        traits = traits_at(self._log, self._asked, lead[there], as_of[there]) if self._asked else []
        values = [{word: comparable(value) for word, value in one.items()} for one in traits]
        for place, (conditions, events) in enumerate(zip(self._conditions, self._events, strict=True)):
            found[place] = events.newest(lead, as_of) != NOT_YET
            if conditions:
                found[place, there] = [
                    all(one.get(word) in wanted for word, wanted in conditions.items()) for one in values
                ]
        return found

    def first(self, lead: Ints, as_of: Ints) -> Ints:
        """(pairs,) the first rule that takes each lead at a moment, by its place; -1 where none does."""
        each = self.each(lead, as_of)
        found: Ints = np.where(each.any(axis=0), each.argmax(axis=0), -1) if len(each) else np.full(len(lead), -1)
        return found


def _conditions(rule: OffTopic, kinds: Mapping[str, str]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for word, condition in rule.when.items():
        values = read(condition, domain_of(kinds[word]))
        found[word] = values if isinstance(values, Numbers) else values.written(fold)
    return found
