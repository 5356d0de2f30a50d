"""Who was erased and must not come back by a replay: keyed hashes of ids, and of values that name one person.

A hash says nothing to who has the table alone; who has the whole store, with the secret in ``meta``, can only ask it
about a name that he knows already. A store in which nobody was ever erased pays one look at ``meta`` for a batch.
"""

import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from data.events import Event, Rejection
from data.mentions import mentions
from data.rows import readings
from data.schema import meta, tombstones
from data.snapshot import parts

ERASED = "erased: this person's data was erased, and nothing is taken under such an id or address again"
"""Why a message is refused."""

Name = tuple[str, str]
"""A trait of the identity keys and its folded value; of an id the trait is ``""``."""

_META = "erasure"


class Tombstones:
    """The tombstones of a store, in one transaction.

    secret : of this store alone
    keys   : traits that named a person when somebody was erased
    """

    def __init__(self, connection: sa.Connection, secret: bytes, keys: Sequence[str]) -> None:
        self._connection = connection
        self._secret = secret
        self._keys = tuple(keys)

    @staticmethod
    def of(connection: sa.Connection) -> "Tombstones | None":
        """Those of a store, None where nobody was ever erased."""
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == _META)).scalar()
        if found is None:
            return None
        said = json.loads(found)
        return Tombstones(connection, bytes.fromhex(said["secret"]), said["keys"])

    @staticmethod
    def opened(connection: sa.Connection, keys: Iterable[str]) -> "Tombstones":
        """The same, made where there are none; from now on these traits name people too."""
        known = Tombstones.of(connection)
        secret, before = (secrets.token_bytes(32), ()) if known is None else (known._secret, known._keys)
        found = Tombstones(connection, secret, sorted({*before, *keys}))
        value = json.dumps({"secret": secret.hex(), "keys": found._keys})
        dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
        put = dialect.insert(meta).values(name=_META, value=value)
        connection.execute(put.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
        return found

    def lay(self, names: Iterable[Name], *, now: int) -> None:
        """Tombstones of one person under all its names.

        now : microseconds UTC
        """
        person = secrets.token_hex(16)
        rows = [{"token": self._token(name), "person": person, "erased_at": now} for name in sorted(set(names))]
        dialect: Any = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        self._connection.execute(dialect.insert(tombstones).on_conflict_do_nothing(), rows)

    def lift(self, lead_id: str) -> int:
        """Take the tombstones of a person away, by any of its ids; how many there were, 0 where it was not erased."""
        t = tombstones.c
        person = sa.select(t.person).where(t.token == self._token(("", lead_id))).scalar_subquery()
        return self._connection.execute(sa.delete(tombstones).where(t.person == person)).rowcount

    def refused(self, batch: Sequence[Event | Rejection]) -> set[int]:
        """The places of those that are of, or name, somebody who was erased."""
        named = [self._of_event(one) if isinstance(one, Event) else self._of_raw(one.raw) for one in batch]
        erased = self.erased({name for names in named for name in names})
        return {place for place, names in enumerate(named) if not erased.isdisjoint(names)} if erased else set()

    def erased(self, names: Iterable[Name]) -> set[Name]:
        """Those of these names that have a tombstone."""
        asked = {self._token(name): name for name in names}
        found: set[Name] = set()
        for part in parts(list(asked)):
            query = sa.select(tombstones.c.token).where(tombstones.c.token.in_(part))
            found.update(asked[token] for token in self._connection.scalars(query))
        return found

    @staticmethod
    def erased_leads(connection: sa.Connection, lead_ids: Iterable[str]) -> set[str]:
        """Those of these leads that were erased: nothing may be written of them."""
        known = Tombstones.of(connection)
        return set() if known is None else {one for _, one in known.erased({("", lead_id) for lead_id in lead_ids})}

    def _of_event(self, event: Event) -> list[Name]:
        names = [("", event.lead_id)]
        if event.previous_id is not None:
            names.append(("", event.previous_id))
        if event.traits:
            said = ((key, event.traits[key]) for key in self._keys if key in event.traits)
            names += [(key, readings(value)["folded"]) for key, value in said]
        return names

    def _of_raw(self, raw: str) -> list[Name]:
        found = mentions(raw)
        return [("", one) for one in found.ids] + [(key, one) for key in self._keys for one in found.values]

    def _token(self, name: Name) -> str:
        text = f"{name[0]}\x00{name[1]}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, text, "sha256").hex()
