"""Who is who, and since when: anonymous ids, aliases and shared e-mail addresses become one person.

Two kinds of statement link ids. A *merge* (``alias``, or ``identify`` carrying both ids) says that one id
continues as another. A *key* (``[identity] keys``) says that a lead carries a value, such as an e-mail
address, that names one person; the first lead with it is that person.

Statements count in the order of a history, ``(known_at, occurred_at, event_id)``, and never twice: an id
continues as its first target only. So what is known at any moment is a prefix of what is known later, and
one pass over all statements answers every ``as_of``.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Statement(NamedTuple):
    """One link, sortable in the order of a history.

    source continues as target (``key`` None), or source carries `key`.
    """

    known_at: int
    occurred_at: int
    event_id: str
    source: str
    target: str = ""
    key: str | None = None


class Identity:
    """The merges that a set of statements amounts to.

    >>> who = Identity([Statement(10, 10, "m1", source="a-9", target="L42")])
    >>> who.person("a-9", as_of=10), who.person("a-9", as_of=11)
    ('a-9', 'L42')
    >>> who.chain("a-9")
    [('L42', 10)]
    """

    def __init__(self, statements: Iterable[Statement] = ()) -> None:
        self._next: dict[str, tuple[str, int]] = {}
        owner: dict[str, str] = {}
        for one in sorted(statements):
            if one.key is None:
                self._merge(one.source, one.target, one.known_at)
            else:
                first = owner.setdefault(one.key, one.source)
                self._merge(self._root(one.source), self._root(first), one.known_at)

    @staticmethod
    def of(merged: Mapping[str, tuple[str, int]]) -> "Identity":
        """The identity whose `merged` this was; a link that would close a circle is left out."""
        found = Identity()
        for source, (target, at) in merged.items():
            found._merge(source, target, at)
        return found

    def _root(self, lead_id: str) -> str:
        while lead_id in self._next:
            lead_id = self._next[lead_id][0]
        return lead_id

    def _merge(self, source: str, target: str, at: int) -> None:
        if source in self._next or self._root(target) == source:  # once only, and never in a circle
            return
        self._next[source] = (target, at)

    @property
    def merged(self) -> dict[str, tuple[str, int]]:
        """Each id that continues as another: the target and the moment (microseconds UTC)."""
        return dict(self._next)

    def chain(self, lead_id: str) -> list[tuple[str, int]]:
        """Every id this one continues as, nearest first, each with the moment from which its history shows there."""
        found, since = [], 0
        while lead_id in self._next:
            lead_id, at = self._next[lead_id]
            since = max(since, at)
            found.append((lead_id, since))
        return found

    def person(self, lead_id: str, as_of: int) -> str:
        """The id under which this one is known at `as_of` (merges with ``known_at < as_of`` count)."""
        while lead_id in self._next and self._next[lead_id][1] < as_of:
            lead_id = self._next[lead_id][0]
        return lead_id

    def ids(self, lead_id: str, as_of: int) -> list[str]:
        """Every id that is known at `as_of` to be the same person as this one, which is among them, in ascending order.

        >>> who = Identity([Statement(10, 10, "m1", source="a-9", target="L42")])
        >>> who.ids("L42", as_of=10), who.ids("L42", as_of=11), who.ids("a-9", as_of=11)
        (['L42'], ['L42', 'a-9'], ['L42', 'a-9'])
        """
        person = self.person(lead_id, as_of)
        return sorted({person, *(one for one in self if self.person(one, as_of) == person)})

    def __iter__(self) -> Iterator[str]:
        return iter(self._next)


def fold(text: str) -> str:
    """An identity key's normal form: compatibility letters, no case, no surrounding space.

    >>> fold("  Anne.Petit@ACME.fr ")
    'anne.petit@acme.fr'
    """
    return unicodedata.normalize("NFKC", text).strip().casefold()
