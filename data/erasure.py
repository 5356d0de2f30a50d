"""The right to be forgotten: a person leaves the store whole, in one transaction, and does not come back by a replay.

What is erased: events, traits, logged scores, messages to subscriptions and what these were told, and what the
quarantine holds that names the person, of every id that is known now to be this person's. What stays is in
``docs/operate.md``: models that learned from it, files written from the store, backups.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from data.person import HELD, Person
from data.schema import events, quarantine
from data.snapshot import parts
from data.store import Store
from data.tombstones import Tombstones
from veraison.errors import UnknownLeadError

_PATIENCE = 2
"""Seconds to wait for readers before the file is left to be cleaned by a later checkpoint."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    ids   : how many ids the person had
    rows  : table -> how many of its rows are gone
    clean : whether the bytes have left the database's files too; where somebody was reading them, they leave with the
            next checkpoint. Of PostgreSQL it is always False: its vacuum decides.
    """

    ids: int
    rows: dict[str, int]
    clean: bool


def erase(store: Store, lead_id: str, *, now: int) -> Erased:
    """Erase the person behind an id, and refuse whatever comes of it from now on.

    now : microseconds UTC, told by the tombstones
    Raises UnknownLeadError where nothing is held of such a lead, as of one that was erased before.
    """
    with store.writing() as connection:
        person = Person.of(connection, lead_id, store.identity_keys)
        kept = [row.quarantine_id for row in person.quarantined(connection)]
        rows = {column.table.name: _delete(connection, column, person.ids) for column in HELD}
        rows["quarantine"] = _delete(connection, quarantine.c.quarantine_id, kept)
        if not any(rows.values()):
            raise UnknownLeadError(f"nothing is held of a lead {lead_id!r}")
        for part in parts(person.ids):  # a second user of the same device named it too; that did not count
            connection.execute(sa.update(events).where(events.c.previous_id.in_(part)).values(previous_id=None))
        names = [("", one) for one in person.ids] + [(trait, folded) for trait, _, folded in person.keys]
        Tombstones.opened(connection, store.identity_keys).lay(names, now=now)
    return Erased(len(person.ids), rows, _cleaned(store))


def readmit(store: Store, lead_id: str) -> None:
    """Let a person who was erased come back under its ids; what was erased does not come back by itself.

    Raises UnknownLeadError where no such id was erased.
    """
    with store.writing() as connection:
        stones = Tombstones.of(connection)
        if stones is None or not stones.lift(lead_id):
            raise UnknownLeadError(f"no lead {lead_id!r} was erased")


def _delete(connection: sa.Connection, column: "sa.Column[str]", values: "tuple[str, ...] | list[str]") -> int:
    gone = 0
    for part in parts(values):
        gone += connection.execute(sa.delete(column.table).where(column.in_(part))).rowcount
    return gone


def _cleaned(store: Store) -> bool:
    """Bring SQLite's write-ahead log into the database and empty it; whether nobody prevented that."""
    if store.engine.dialect.name != "sqlite":
        return False
    connection = store.engine.raw_connection()
    try:
        cursor = connection.cursor()
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_PATIENCE * 1_000}")
        try:
            busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            cursor.execute(f"PRAGMA busy_timeout={patience}")
    finally:
        connection.close()
    return busy == 0
