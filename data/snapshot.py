"""What one reader sees: the store as it is at one moment, whatever is written meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from data import bulk
from data.domains import domain_kind
from data.events import EVENT_SCHEMA, TRAIT_SCHEMA
from data.identity import Identity, Statement
from data.schema import events, traits

_CHUNK = 500  # bound parameters a statement; SQLite's limit is 32,766 and plans of short lists stay cheap
_EVER = 2**63 - 1
_ROWS = 65_536  # so many rows are Python objects at a time


class Snapshot:
    """Reads of one transaction.

    identity_keys  : traits that name a person, from the playbook
    account_traits : traits that name a company, from the playbook
    """

    def __init__(
        self, connection: sa.Connection, identity_keys: tuple[str, ...], account_traits: tuple[str, ...] = ()
    ) -> None:
        self._connection = connection
        self._keys = identity_keys
        self._accounts = account_traits

    def events(self, lead_ids: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The events of everyone, or of some ids, a batch of rows in memory at a time (data.events.EVENT_SCHEMA)."""
        return self._batches(events, EVENT_SCHEMA, lead_ids)

    def traits(self, lead_ids: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The same for traits (data.events.TRAIT_SCHEMA)."""
        return self._batches(traits, TRAIT_SCHEMA, lead_ids)

    def count(self) -> int:
        """How many events there are."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()

    def statements(self) -> list[Statement]:
        """What was said about who is who. A key that one lead alone carries links nothing, and is left out."""
        return self._merges() + self._keyed(_shared(self._keys))

    def _merges(self, *which: sa.ColumnElement[bool]) -> list[Statement]:
        e = events.c
        query = sa.select(e.known_at, e.occurred_at, e.event_id, e.previous_id, e.lead_id)
        rows = self._connection.execute(query.where(e.previous_id.is_not(None), *which))
        return [Statement(*row) for row in rows]

    def _keyed(self, which: sa.ColumnElement[bool]) -> list[Statement]:
        if not self._keys:
            return []
        t = traits.c
        query = sa.select(t.known_at, t.occurred_at, t.event_id, t.lead_id, t.name, t.folded)
        rows = self._connection.execute(query.where(t.name.in_(self._keys), which))
        return [Statement(*row[:4], key=f"{row[4]}\x00{row[5]}") for row in rows]

    def linked(self, lead_ids: Iterable[str]) -> tuple[list[Statement], list[str]]:
        """All statements, and all ids, that are connected with these leads by any link at all."""
        e, t = events.c, traits.c
        known: set[str] = set()
        found: set[Statement] = set()
        asked: set[str] = set()
        frontier = set(lead_ids)
        while frontier:
            known |= frontier
            step: list[Statement] = []
            for part in parts(sorted(frontier)):
                step += self._merges(e.previous_id.in_(part))  # two questions, so that each finds its own index
                step += self._merges(e.lead_id.in_(part))
                step += self._keyed(t.lead_id.in_(part))
            values = {one.key.partition("\x00")[2] for one in step if one.key} - asked
            for part in parts(sorted(values)):
                step += self._keyed(t.folded.in_(part))
            asked |= values
            found.update(step)
            frontier = ({one.source for one in step} | {one.target for one in step if one.key is None}) - known
        return sorted(found), sorted(known)

    def person(self, lead_id: str) -> list[str]:
        """All ids that are the same person as this one, as is known now; it is among them, in ascending order."""
        statements, ids = self.linked([lead_id])
        who = Identity(statements)
        found = who.person(lead_id, _EVER)
        return [one for one in ids if who.person(one, _EVER) == found]

    def colleagues(self, ids: Sequence[str]) -> set[str]:
        """The leads that ever carried a company's name that one of these ids ever carried, these among them."""
        t = traits.c
        carried: dict[str, set[str]] = {}
        found = set(ids)
        for part in parts(ids) if self._accounts else ():
            query = sa.select(t.name, t.folded).where(t.name.in_(self._accounts), t.lead_id.in_(part)).distinct()
            for name, value in self._connection.execute(query):
                if names_company(value):
                    carried.setdefault(name, set()).add(value)
        for name, values in carried.items():
            for part in parts(sorted(values)):
                found.update(
                    self._connection.scalars(sa.select(t.lead_id).where(t.folded.in_(part), t.name == name).distinct())
                )
        return found

    def carriers(self) -> Iterator[tuple[str, str, str]]:
        """Each lead with the account trait and folded value that it ever shared with another."""
        t = traits.c
        query = sa.select(t.lead_id, t.name, t.folded).distinct()
        query = query.where(t.name.in_(self._accounts), _shared(self._accounts))
        for row in self._connection.execute(query, execution_options={"yield_per": _ROWS}):
            if names_company(row[2]):
                yield row[0], row[1], row[2]

    def _batches(self, table: sa.Table, schema: pa.Schema, lead_ids: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        query = sa.select(*(table.c[name] for name in schema.names))
        if self._connection.dialect.name == "sqlite":
            driver: Any = self._connection.connection.driver_connection
            if lead_ids is None:
                yield from bulk.batches(driver.cursor(), table.name, schema)
            else:
                for part in parts(lead_ids):
                    yield bulk.of_leads(driver.cursor(), table.name, schema, part)
        elif lead_ids is None:
            yield from self._fetched(query, schema)
        else:
            for part in parts(lead_ids):
                yield from self._fetched(query.where(table.c.lead_id.in_(part)), schema)

    def _fetched(self, query: sa.Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._connection.execute(query, execution_options={"stream_results": True}) as result:
            while rows := result.fetchmany(_ROWS):
                columns = [
                    pa.array(cells, field.type) for cells, field in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _shared(names: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """Whether a row's name and value are those of several leads."""
    t = traits.c
    several = sa.select(t.name, t.folded).where(t.name.in_(names)).group_by(t.name, t.folded)
    return sa.tuple_(t.name, t.folded).in_(several.having(sa.func.min(t.lead_id) < sa.func.max(t.lead_id)))


def names_company(value: str) -> bool:
    """Whether an account value tells colleagues from strangers; the domain of a free mailbox does not.

    >>> names_company("acme.fr"), names_company("gmail.com"), names_company("ACME 12")
    (True, False, True)
    """
    return domain_kind(value) != "free"


def parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """Lists short enough for one statement."""
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
