"""The event store: append once, read as known at a moment.

SQLAlchemy Core on SQLite (WAL) or PostgreSQL. An event is identified by its ``event_id``; appending it again
changes nothing, so an interrupted import is simply run again.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.contacts import Contacts
from data.events import EVENT_SCHEMA, TRAIT_SCHEMA, Event, Rejection
from data.identity import Identity
from data.log import EventLog
from data.lone import LoneReader
from data.rows import event_row, quarantine_row, trait_rows
from data.schema import SCHEMA_VERSION, events, meta, metadata, quarantine, traits
from data.snapshot import Snapshot, parts
from data.tombstones import Tombstones
from data.upgrade import upgrade
from veraison.errors import StoreError

_PATIENCE = 30
"""Seconds to wait for who writes."""
_WRITER = 0x7E7A150  # names PostgreSQL's advisory lock of those who write


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    accepted    : ids of the events that are new
    duplicates  : how many events were there before
    quarantined : how many rejections the quarantine has
    erased      : places in the batch of what is of, or names, a person who was erased; nothing of it is kept
    """

    accepted: frozenset[str]
    duplicates: int
    quarantined: int
    erased: frozenset[int] = frozenset()


class Store:
    """One firm's events.

    url            : SQLAlchemy address; ``sqlite:///path`` creates the file
    identity_keys  : traits that name a person, from the playbook
    account_traits : traits that name a company, from the playbook; with them, histories bring those of colleagues
    contacts       : where a sale names the other people it was made with, from the playbook; None: nowhere
    """

    def __init__(
        self,
        url: str,
        identity_keys: Sequence[str] = (),
        account_traits: Sequence[str] = (),
        contacts: Contacts | None = None,
    ) -> None:
        self.identity_keys = tuple(identity_keys)
        self._contacts = contacts
        self.account_traits = tuple(account_traits)
        self._shown = _without_password(url)
        try:
            self.engine = sa.create_engine(url, hide_parameters=True)  # values of rows belong in no message
        except (sa.exc.SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
            raise StoreError(f"the store {self._shown} cannot be opened: {_one_line(error)}") from error
        self._driver: Any = self.engine.dialect.loaded_dbapi
        self._lone: LoneReader | None = None
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _sqlite_pragmas)
            self._lone = LoneReader(self.engine, self.identity_keys, self.account_traits)
        try:
            with self.reading() as connection:
                complete = self._is_complete(connection)
            if not complete:
                with self.writing() as connection:
                    self._complete(connection)
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Give the connections back; the store can be opened again."""
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, batch: Iterable[Event | Rejection]) -> Appended:
        """Write a batch in one transaction: durable when it returns, without effect when it raises.

        Of two events with one ``event_id`` the first stored stays. A rejection is kept once per source, line and text.
        Of who was erased (data.erasure) nothing is kept, in quarantine neither. The contacts that a sale names are won
        with it (data.contacts); the answer counts what was sent.
        """
        whole = list(batch)
        with self.writing() as connection:
            stones = Tombstones.of(connection)
            erased = frozenset() if stones is None else frozenset(stones.refused(whole))
            taken = [one for place, one in enumerate(whole) if place not in erased] if erased else whole
            refused = [one for one in taken if isinstance(one, Rejection)]
            fresh: dict[str, Event] = {}
            for one in taken:
                if isinstance(one, Event):
                    fresh.setdefault(one.event_id, one)
            sent = frozenset(fresh)
            for copy in self._copies(list(fresh.values()), stones):
                fresh.setdefault(copy.event_id, copy)
            for known in self._known_ids(connection, list(fresh)):
                del fresh[known]
            accepted = list(fresh.values())
            self._insert(connection, events, [event_row(event) for event in accepted])
            self._insert(connection, traits, [row for event in accepted for row in trait_rows(event)])
            self._insert(connection, quarantine, [quarantine_row(rejection) for rejection in refused])
        new = sent.intersection(fresh)
        return Appended(new, len(taken) - len(refused) - len(new), len(refused), erased)

    def _copies(self, taken: Sequence[Event], stones: Tombstones | None) -> list[Event]:
        """What sales say of the other contacts that they name, but of who was erased."""
        found = [] if self._contacts is None else [copy for one in taken for copy in self._contacts.copies(one)]
        gone = stones.refused(found) if stones is not None and found else set()
        return [one for place, one in enumerate(found) if place not in gone]

    def scan(self) -> EventLog:
        """Every lead's history, for training and batch scoring."""
        with self.snapshot() as seen:
            statements = seen.statements()
            event_rows, trait_rows = (list(map(_coded, rows)) for rows in (seen.events(), seen.traits()))
        return _log(event_rows, trait_rows, Identity(statements))

    def history(self, lead_ids: Sequence[str]) -> EventLog:
        """The histories of some leads, whatever ids their events came under, and of their colleagues.

        Colleagues are the leads that ever carried the same value of an account trait; theirs are not looked for.
        """
        if self._lone and len(lead_ids) == 1:
            with self._failing_in_one_line():
                alone = self._lone.history(lead_ids[0])
            if alone is not None:
                return alone
        with self.snapshot() as seen:
            statements, ids = seen.linked(lead_ids)
            together = seen.colleagues(ids)
            if len(together) > len(ids):
                statements, ids = seen.linked(together)
            event_rows, trait_rows = list(seen.events(ids)), list(seen.traits(ids))
        return _log(event_rows, trait_rows, Identity(statements))

    @contextmanager
    def snapshot(self, account_traits: Sequence[str] | None = None) -> Iterator[Snapshot]:
        """All that is read within is of one moment; `account_traits` where they are not the store's."""
        accounts = self.account_traits if account_traits is None else tuple(account_traits)
        with self.reading() as connection:
            yield Snapshot(connection, self.identity_keys, accounts)

    def timeline(self, lead_id: str, as_of: int, limit: int = 200) -> list[dict[str, Any]]:
        """The newest visible events of one lead with their properties, newest first, for people to read."""
        log = self.history([lead_id])
        visible = log.visible_event_ids(lead_id, as_of)
        visible = visible[max(0, len(visible) - limit) :]
        columns = (events.c.event_id, events.c.kind, events.c.occurred_at, events.c.known_at, events.c.body)
        rows = self._rows(columns, visible)
        return [
            {
                "event_id": one,
                "kind": rows[one].kind,
                "occurred_at": rows[one].occurred_at,
                "known_at": rows[one].known_at,
                **json.loads(rows[one].body),
            }
            for one in reversed(visible)
        ]

    def bodies(self, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of these events, those that are there, what else was said: ``properties`` and ``traits``."""
        rows = self._rows((events.c.event_id, events.c.body), event_ids)
        return {one: json.loads(row.body) for one, row in rows.items()}

    def _rows(self, columns: "Sequence[sa.Column[Any]]", event_ids: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with self.reading() as connection:
            for part in parts(event_ids):
                for row in connection.execute(sa.select(*columns).where(events.c.event_id.in_(part))):
                    found[row.event_id] = row
        return found

    def remember(self, name: str, value: str) -> None:
        """Keep a word about the store itself; what is kept under a name stays."""
        with self.writing() as connection:
            self._insert(connection, meta, [{"name": name, "value": value}])

    def newest(self) -> int | None:
        """The newest ``known_at`` in the store, None where it is empty."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(events.c.known_at))).scalar()

    def counts(self) -> dict[str, int]:
        """How many rows each table holds: events, traits, quarantine."""
        with self.reading() as connection:
            return {
                table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (events, traits, quarantine)
            }

    def kinds(self) -> dict[str, int]:
        """How often each kind of event occurs."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(events.c.kind, sa.func.count()).group_by(events.c.kind))
            return {row[0]: row[1] for row in rows}

    def quarantined(self, limit: int = 100) -> list[Rejection]:
        """What could not become an event, in the order of source and line."""
        query = sa.select(quarantine).order_by(quarantine.c.source, quarantine.c.line, quarantine.c.quarantine_id)
        query = query.limit(limit)
        with self.reading() as connection:
            return [
                Rejection(row.source, row.line, row.reason, row.raw, row.known_at) for row in connection.execute(query)
            ]

    def _is_complete(self, connection: sa.Connection) -> bool:
        """Whether all tables are there as they are now; StoreError where a newer version made them."""
        there = set(sa.inspect(connection).get_table_names())
        if meta.name not in there:
            return False
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
        if found is not None and not (found.isdecimal() and int(found) <= SCHEMA_VERSION):
            raise StoreError(
                f"this workspace was written by a newer Véraison (store version {found}, this one reads up to "
                f"{SCHEMA_VERSION}); upgrade with: pip install --upgrade veraison"
            )
        return found is not None and int(found) == SCHEMA_VERSION and there >= set(metadata.tables)

    def _complete(self, connection: sa.Connection) -> None:
        if not self._is_complete(connection):  # nobody else has made them, or brought them up to date, meanwhile
            metadata.create_all(connection)
            self._insert(connection, meta, [{"name": "schema_version", "value": str(SCHEMA_VERSION)}])
            if not self._is_complete(connection):
                upgrade(connection)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction; writers take turns, so what a batch finds is still so when it is written."""
        with self._failing_in_one_line(), self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER)))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """The store as it is at one moment, whatever is written meanwhile."""
        with self._failing_in_one_line(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def _failing_in_one_line(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DatabaseError, self._driver.DatabaseError) as error:
            if isinstance(error, sa.exc.ProgrammingError | sa.exc.IntegrityError | sa.exc.DataError):
                raise  # a defect of ours
            raise StoreError(f"the store {self._shown} cannot be used: {_one_line(error)}") from error

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)

    def _known_ids(self, connection: sa.Connection, ids: list[str]) -> list[str]:
        found: list[str] = []
        for part in parts(ids):
            found += connection.scalars(sa.select(events.c.event_id).where(events.c.event_id.in_(part)))
        return found


def _log(event_rows: list[pa.RecordBatch], trait_rows: list[pa.RecordBatch], identity: Identity) -> EventLog:
    events_seen = pa.Table.from_batches(event_rows, None if event_rows else EVENT_SCHEMA)
    traits_seen = pa.Table.from_batches(trait_rows, None if trait_rows else TRAIT_SCHEMA)
    return EventLog.build(events_seen, traits_seen, identity)


def _coded(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows, smaller: texts that come again and again as dictionaries."""
    for place, name in enumerate(rows.schema.names):
        if pa.types.is_string(rows.schema.field(place).type) and name != "event_id":
            rows = rows.set_column(place, name, rows.column(place).dictionary_encode())
    return rows


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}")
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:  # two that open a new file at once would wait for each other: SQLite refuses
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged event survives a power cut
    cursor.execute("PRAGMA secure_delete=ON")  # what is erased, or moved to another page, leaves no copy in the file
    cursor.close()


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "address"


def _one_line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
