"""Everything that a store holds of one person, found by whatever names it: for erasure and for export alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from data.identity import fold
from data.mentions import may_name, mentions
from data.schema import events, outbox, pushed, quarantine, scores, traits
from data.snapshot import Snapshot, parts

HELD: tuple[sa.Column[str], ...] = tuple(table.c.lead_id for table in (events, traits, scores, outbox, pushed))
"""Columns whose rows are of the lead they name: they are erased with it. A new table that names leads belongs here."""

_ROWS = 10_000


@dataclass(frozen=True)
class Person:
    """One person as it is known now.

    ids  : every id under which something came that counts as this person's
    keys : (trait, text, folded text) of the identity keys it carries
    """

    ids: tuple[str, ...]
    keys: tuple[tuple[str, str, str], ...]

    @staticmethod
    def of(connection: sa.Connection, lead_id: str, identity_keys: Sequence[str]) -> "Person":
        """The person behind an id, whichever of its ids that is; of an unknown id it is the id alone."""
        ids = Snapshot(connection, tuple(identity_keys)).person(lead_id)
        t = traits.c
        found: set[tuple[str, str, str]] = set()
        for part in parts(ids) if identity_keys else ():
            query = sa.select(t.name, t.text, t.folded).where(t.lead_id.in_(part), t.name.in_(identity_keys))
            found.update((row[0], row[1], row[2]) for row in connection.execute(query.distinct()))
        return Person(tuple(ids), tuple(sorted(found)))

    def quarantined(self, connection: sa.Connection) -> list[Any]:
        """The rows of the quarantine that name this person, in the order of their keys."""
        ids, values = set(self.ids), {folded for _, _, folded in self.keys}
        words = frozenset(fold(text) for text in (*self.ids, *(text for _, text, _ in self.keys)))
        found = []
        for row in _quarantine(connection):
            if may_name(row.raw, words):
                named = mentions(row.raw)
                if not (ids.isdisjoint(named.ids) and values.isdisjoint(named.values)):
                    found.append(row)
        return found


def _quarantine(connection: sa.Connection) -> Iterator[Any]:
    key, last = quarantine.c.quarantine_id, ""
    q = quarantine.c
    query = sa.select(key, q.source, q.line, q.reason, q.raw, q.known_at).order_by(key).limit(_ROWS)
    while rows := connection.execute(query.where(key > last)).fetchall():
        last = rows[-1].quarantine_id
        yield from rows
