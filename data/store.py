"""The event store: append once, read as known at a moment.

SQLAlchemy Core on SQLite (WAL) or PostgreSQL. An event is identified by its ``event_id``; appending it again
changes nothing, so an interrupted import is simply run again.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.events import EVENT_SCHEMA, TRAIT_SCHEMA, Event, Rejection
from data.identity import Identity, Statement, fold
from data.log import EventLog
from data.schema import SCHEMA_VERSION, events, meta, metadata, quarantine, traits
from veraison.errors import StoreError

_FOLDED_LENGTH = 256
_WRITER = 0x7E7A150  # names PostgreSQL's advisory lock of those who write
_CHUNK = 500  # bound parameters a statement; SQLite's limit is 32,766 and plans of short lists stay cheap


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch. ``accepted`` holds the ids that are new; the rest were there before."""

    accepted: frozenset[str]
    duplicates: int
    quarantined: int


class Store:
    """One firm's events.

    url           : SQLAlchemy address; ``sqlite:///path`` creates the file
    identity_keys : traits that name a person, from the playbook
    """

    def __init__(self, url: str, identity_keys: Sequence[str] = ()) -> None:
        self.identity_keys = tuple(identity_keys)
        self._shown = _without_password(url)
        try:
            self.engine = sa.create_engine(url)
        except (sa.exc.SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
            raise StoreError(f"the store {self._shown} cannot be opened: {_one_line(error)}") from error
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _sqlite_pragmas)
        try:
            with self._reading() as connection:
                complete = self._is_complete(connection)
            if not complete:
                with self._writing() as connection:
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
        """
        fresh: dict[str, Event] = {}
        refused: list[Rejection] = []
        seen = 0
        for one in batch:
            if isinstance(one, Rejection):
                refused.append(one)
            else:
                seen += 1
                fresh.setdefault(one.event_id, one)
        with self._writing() as connection:
            for known in self._known_ids(connection, list(fresh)):
                del fresh[known]
            accepted = list(fresh.values())
            self._insert(connection, events, [_event_row(event) for event in accepted])
            self._insert(connection, traits, [row for event in accepted for row in _trait_rows(event)])
            self._insert(connection, quarantine, [_quarantine_row(rejection) for rejection in refused])
        return Appended(frozenset(fresh), seen - len(fresh), len(refused))

    def scan(self) -> EventLog:
        """Every lead's history, for training and batch scoring."""
        with self._reading() as connection:
            statements = self._statements(connection)
            event_rows = connection.execute(_select_events()).fetchall()
            trait_rows = connection.execute(_select_traits()).fetchall()
        return EventLog.build(_frame(event_rows, EVENT_SCHEMA), _frame(trait_rows, TRAIT_SCHEMA), Identity(statements))

    def history(self, lead_ids: Sequence[str]) -> EventLog:
        """The histories of some leads, whatever ids their events came under."""
        with self._reading() as connection:
            statements, ids = self._linked(connection, lead_ids)
            event_rows: list[Any] = []
            trait_rows: list[Any] = []
            for part in _parts(ids):
                event_rows += connection.execute(_select_events().where(events.c.lead_id.in_(part))).fetchall()
                trait_rows += connection.execute(_select_traits().where(traits.c.lead_id.in_(part))).fetchall()
        return EventLog.build(_frame(event_rows, EVENT_SCHEMA), _frame(trait_rows, TRAIT_SCHEMA), Identity(statements))

    def timeline(self, lead_id: str, as_of: int, limit: int = 200) -> list[dict[str, Any]]:
        """The newest visible events of one lead with their properties, newest first, for people to read."""
        log = self.history([lead_id])
        visible = log.visible_event_ids(lead_id, as_of)
        visible = visible[max(0, len(visible) - limit) :]
        columns = (events.c.event_id, events.c.kind, events.c.occurred_at, events.c.known_at, events.c.body)
        rows: dict[str, Any] = {}
        with self._reading() as connection:
            for part in _parts(visible):
                for row in connection.execute(sa.select(*columns).where(events.c.event_id.in_(part))):
                    rows[row.event_id] = row
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

    def newest(self) -> int | None:
        """The newest ``known_at`` in the store, None where it is empty."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.max(events.c.known_at))).scalar()

    def counts(self) -> dict[str, int]:
        """How many rows each table holds: events, traits, quarantine."""
        with self._reading() as connection:
            return {
                table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (events, traits, quarantine)
            }

    def kinds(self) -> dict[str, int]:
        """How often each kind of event occurs."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(events.c.kind, sa.func.count()).group_by(events.c.kind))
            return {row[0]: row[1] for row in rows}

    def quarantined(self, limit: int = 100) -> list[Rejection]:
        """What could not become an event, in the order of source and line."""
        query = sa.select(quarantine).order_by(quarantine.c.source, quarantine.c.line, quarantine.c.quarantine_id)
        query = query.limit(limit)
        with self._reading() as connection:
            return [Rejection(row.source, row.line, row.reason, row.raw) for row in connection.execute(query)]

    def _is_complete(self, connection: sa.Connection) -> bool:
        """Whether all tables are there; StoreError where a newer version made them."""
        there = set(sa.inspect(connection).get_table_names())
        if meta.name not in there:
            return False
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
        if found is not None and not (found.isdecimal() and int(found) <= SCHEMA_VERSION):
            raise StoreError(
                f"this workspace was written by a newer Véraison (store version {found}, this one reads up to "
                f"{SCHEMA_VERSION}); upgrade with: pip install --upgrade veraison"
            )
        return found is not None and there >= set(metadata.tables)

    def _complete(self, connection: sa.Connection) -> None:
        if not self._is_complete(connection):  # nobody else has made them meanwhile
            metadata.create_all(connection)
            self._insert(connection, meta, [{"name": "schema_version", "value": str(SCHEMA_VERSION)}])

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction; writers take turns, so what a batch finds is still so when it is written."""
        with self._failing_in_one_line(), self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER)))
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
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
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            if isinstance(error, sa.exc.ProgrammingError | sa.exc.IntegrityError | sa.exc.DataError):
                raise  # a defect of ours
            raise StoreError(f"the store {self._shown} cannot be used: {_one_line(error)}") from error

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)

    def _known_ids(self, connection: sa.Connection, ids: list[str]) -> list[str]:
        found: list[str] = []
        for part in _parts(ids):
            found += connection.scalars(sa.select(events.c.event_id).where(events.c.event_id.in_(part)))
        return found

    def _statements(
        self, connection: sa.Connection, merges: sa.ColumnElement[bool] | None = None, keys: Any = None
    ) -> list[Statement]:
        e, t = events.c, traits.c
        query = sa.select(e.known_at, e.occurred_at, e.event_id, e.previous_id, e.lead_id).where(
            e.previous_id.is_not(None) if merges is None else merges
        )
        found = [Statement(*row) for row in connection.execute(query)]
        if self.identity_keys:
            query = sa.select(t.known_at, t.occurred_at, t.event_id, t.lead_id, t.name, t.folded).where(
                t.name.in_(self.identity_keys), *(() if keys is None else (keys,))
            )
            for row in connection.execute(query):
                found.append(Statement(row[0], row[1], row[2], row[3], key=f"{row[4]}\x00{row[5]}"))
        return found

    def _linked(self, connection: sa.Connection, lead_ids: Sequence[str]) -> tuple[list[Statement], list[str]]:
        """All statements, and all ids, that are connected with these leads by any link at all."""
        e, t = events.c, traits.c
        known: set[str] = set()
        found: set[Statement] = set()
        asked: set[str] = set()
        frontier = set(lead_ids)
        while frontier:
            known |= frontier
            step: list[Statement] = []
            for part in _parts(sorted(frontier)):
                linked = e.previous_id.is_not(None) & (e.previous_id.in_(part) | e.lead_id.in_(part))
                step += self._statements(connection, linked, t.lead_id.in_(part))
            values = {one.key.partition("\x00")[2] for one in step if one.key} - asked
            for part in _parts(sorted(values)):
                step += self._statements(connection, sa.false(), t.folded.in_(part))
            asked |= values
            found.update(step)
            frontier = ({one.source for one in step} | {one.target for one in step if one.key is None}) - known
        return sorted(found), sorted(known)


def _select_events() -> sa.Select[Any]:
    e = events.c
    return sa.select(*(e[name] for name in EVENT_SCHEMA.names))


def _select_traits() -> sa.Select[Any]:
    t = traits.c
    return sa.select(*(t[name] for name in TRAIT_SCHEMA.names))


def _frame(rows: Sequence[Any], schema: pa.Schema) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in rows], schema=pl.Schema(schema), orient="row")


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "lead_id": event.lead_id,
        "type": event.type,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "known_at": event.known_at,
        "value": event.value,
        "previous_id": event.previous_id,
        "body": _body(event),
    }


def _body(event: Event) -> str:
    """What else was said, as JSON that can be sent on: half of a surrogate pair becomes a question mark."""
    said = json.dumps({"properties": event.properties, "traits": event.traits}, ensure_ascii=False)
    return said.encode("utf-8", "replace").decode()


def _trait_rows(event: Event) -> list[dict[str, Any]]:
    return [
        {
            "event_id": event.event_id,
            "name": name,
            "lead_id": event.lead_id,
            "occurred_at": event.occurred_at,
            "known_at": event.known_at,
            **_both_readings(value),
        }
        for name, value in event.traits.items()
    ]


def _both_readings(value: str | float | bool) -> dict[str, Any]:
    """A trait as text and, where it is one, as a number: the playbook decides later which of them counts."""
    if isinstance(value, bool):
        text, number = str(value).lower(), float(value)
    elif isinstance(value, str):
        text = value
        try:
            number = float(value)
        except ValueError:
            number = None
        if number is not None and not abs(number) < float("inf"):
            number = None
    else:
        text, number = (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)), value
    folded = fold(text)
    if len(folded) > _FOLDED_LENGTH:  # PostgreSQL indexes no more than 2,704 bytes, and folding can make text longer
        folded = hashlib.sha256(folded.encode()).hexdigest()
    return {"text": text, "number": number, "folded": folded}


def _quarantine_row(rejection: Rejection) -> dict[str, Any]:
    what = f"{rejection.source}\x00{rejection.line}\x00{rejection.raw}"
    return {
        "quarantine_id": hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "source": _storable(rejection.source),
        "line": rejection.line,
        "reason": _storable(rejection.reason),
        "raw": _storable(rejection.raw),
    }


def _storable(text: str) -> str:
    """The same text, save what PostgreSQL cannot hold: NUL and half of a surrogate pair stay readable as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged event survives a power cut
    cursor.close()


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "address"


def _one_line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
