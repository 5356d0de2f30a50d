"""One lead that stands alone, read in a seventh of a millisecond: no merge, no shared address, no colleague.

What serves one score a request. Few and short statements on the driver's own cursor, each answered by an index;
where any of them finds a link to another id, the general way takes over. Both give the same log.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from pydantic_core import from_json

from data.identity import Identity
from data.log import NEVER, NO_VALUE, Codes, EventIds, EventLog
from data.snapshot import names_company

_LINKED = """
    SELECT EXISTS (SELECT 1 FROM events WHERE previous_id = ?1)
        OR EXISTS (SELECT 1 FROM events WHERE lead_id = ?1 AND previous_id IS NOT NULL)
"""
# A column is one text: a cell each would cost twice as much. The index gives the rows in the order of a history.
_EVENTS = f"""
    SELECT json_group_array(known_at), json_group_array(occurred_at), json_group_array(ifnull(value, {NO_VALUE})),
        json_group_array(kind), json_group_array(actor), json_group_array(event_id)
    FROM events INDEXED BY events_read WHERE lead_id = ?
"""  # noqa: S608 (a number of our own)
_TRAITS = """
    SELECT known_at, occurred_at, name, text, number, folded FROM traits WHERE lead_id = ?
    ORDER BY known_at, occurred_at, event_id, name
"""


class LoneReader:
    """Histories of leads that stand alone, from SQLite."""

    def __init__(self, engine: sa.Engine, identity_keys: tuple[str, ...], account_traits: tuple[str, ...]) -> None:
        self._engine = engine
        self._keys = frozenset(identity_keys)
        self._accounts = frozenset(account_traits)
        linking = sorted(self._keys | self._accounts)
        marks = ", ".join(f"?{n}" for n in range(3, 3 + len(linking)))
        self._linking = tuple(linking)
        self._shared = f"SELECT 1 FROM traits WHERE folded = ?1 AND lead_id <> ?2 AND name IN ({marks}) LIMIT 1"  # noqa: S608 (marks, no values)

    def history(self, lead_id: str) -> EventLog | None:
        """The log of one lead, None where other ids have to do with it."""
        connection = self._engine.raw_connection()
        try:
            cursor: Any = connection.cursor()
            cursor.execute("BEGIN")
            if cursor.execute(_LINKED, (lead_id,)).fetchone()[0]:
                return None
            trait_rows = cursor.execute(_TRAITS, (lead_id,)).fetchall()
            for value in {row[5] for row in trait_rows if self._links(row[2], row[5])}:
                if cursor.execute(self._shared, (value, lead_id, *self._linking)).fetchone():
                    return None
            columns = cursor.execute(_EVENTS, (lead_id,)).fetchone()
        finally:
            connection.close()  # which ends the transaction
        return _log(lead_id, columns, trait_rows)

    def _links(self, name: str, value: str) -> bool:
        return name in self._keys or (name in self._accounts and names_company(value))


def _log(lead_id: str, columns: tuple[str, ...], trait_rows: list[tuple[Any, ...]]) -> EventLog:
    known, occurred, value, kind, actor = map(from_json, columns[:5])
    t_known, t_occurred, name, text, number, _ = zip(*trait_rows, strict=True) if trait_rows else ((),) * 6
    leads = [lead_id] if known or trait_rows else []
    kind_codes, kinds = _encode(kind)
    actor_codes, actors = _encode(actor)
    name_codes, names = _encode(name)
    text_codes, texts = _encode(text)
    return EventLog(
        leads=leads,
        offsets=np.array([0, len(known)][: len(leads) + 1]),
        known=np.array(known, dtype=np.int64),
        occurred=np.array(occurred, dtype=np.int64),
        kind=kind_codes,
        value=np.array(value, dtype=np.int64),
        actor=actor_codes if actors else actor_codes[:0],
        event_ids=EventIds(partial(_ids, columns[5]), np.arange(len(known))),
        kinds=kinds,
        actors=actors,
        trait_offsets=np.array([0, len(trait_rows)][: len(leads) + 1]),
        trait_known=np.array(t_known, dtype=np.int64),
        trait_occurred=np.array(t_occurred, dtype=np.int64),
        trait_name=name_codes,
        trait_text=text_codes,
        trait_number=np.array(number, dtype=np.float64),  # of None it makes NaN
        trait_names=names,
        trait_texts=texts,
        merged_at=np.array([NEVER][: len(leads)], dtype=np.int64),
        identity=Identity(),
    )


def _ids(column: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(from_json(column), pa.string())])


def _encode(texts: Sequence[str | None]) -> tuple[Codes, list[str]]:
    names = sorted({text for text in set(texts) if text is not None})
    place: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    place[None] = -1
    return np.fromiter(map(place.__getitem__, texts), np.int32, len(texts)), names
