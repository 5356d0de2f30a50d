"""Stores that an older version made, brought to the present schema where they stand.

One transaction under the writers' lock: who opens at the same time waits and finds it done, and what breaks off
half-way has not begun.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.parse import ACTORS, actor_of
from data.rows import EMAIL, EMAIL_DOMAIN, email_domain, readings
from data.schema import SCHEMA_VERSION, events, meta, quarantine, traits

_ROWS = 10_000


def upgrade(connection: sa.Connection) -> None:
    """From whatever version it is to the present one.

    connection : in a transaction of one who writes, on a store that has all tables
    """
    found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one()
    for version, step in ((2, _to_2), (3, _to_3)):
        if int(found) < version:
            step(connection)
    connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=str(SCHEMA_VERSION)))


def _to_2(connection: sa.Connection) -> None:
    """Who acted, from the bodies; companies, from e-mail addresses; the new indexes."""
    _add(connection, events.c.actor, "TEXT")
    acted = sa.update(events).where(events.c.event_id == sa.bindparam("of")).values(actor=sa.bindparam("by"))
    for found in _in_parts(_actors(connection)):
        connection.execute(acted, found)
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    for found in _in_parts(_domains(connection)):
        connection.execute(dialect.insert(traits).on_conflict_do_nothing(), found)
    for table in (events, traits):
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    if connection.dialect.name == "sqlite":  # the new ones begin like these
        for name in ("events_of_lead", "traits_of_lead"):
            connection.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))


def _to_3(connection: sa.Connection) -> None:
    """When something was refused: of what is there already nobody knows."""
    _add(connection, quarantine.c.known_at, "BIGINT")
    for index in quarantine.indexes:
        index.create(connection, checkfirst=True)


def _add(connection: sa.Connection, column: "sa.Column[Any]", kind: str) -> None:
    there = {one["name"] for one in sa.inspect(connection).get_columns(column.table.name)}
    if column.name not in there:
        connection.execute(sa.text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}"))


def _actors(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    e = events.c
    named = sa.or_(*(e.body.contains(f'"{name}"') for name in ACTORS))
    last = ""
    while rows := connection.execute(
        sa.select(e.event_id, e.body).where(named, e.event_id > last).order_by(e.event_id).limit(_ROWS)
    ).fetchall():
        last = rows[-1].event_id
        for event_id, body in rows:
            actor = actor_of(json.loads(body)["properties"])
            if actor is not None:
                yield {"of": event_id, "by": actor}


def _domains(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    t = traits.c
    last = ""
    while rows := connection.execute(
        sa.select(t.event_id, t.lead_id, t.occurred_at, t.known_at, t.text)
        .where(t.name == EMAIL, t.event_id > last)
        .order_by(t.event_id)
        .limit(_ROWS)
    ).fetchall():
        last = rows[-1].event_id
        for row in rows:
            domain = email_domain(row.text)
            if domain is not None:
                told = {"event_id": row.event_id, "lead_id": row.lead_id, "name": EMAIL_DOMAIN}
                yield told | {"occurred_at": row.occurred_at, "known_at": row.known_at} | readings(domain)


def _in_parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS:
            yield part
            part = []
    if part:
        yield part
