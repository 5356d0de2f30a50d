"""API keys: made once, shown once, kept as a SHA-256; with scopes, an end, and a check in constant time.

A key is 32 random bytes, so its plain SHA-256 is as hard to turn round as the key is to guess; the slow hashes that
passwords need would only cost time here.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from data.schema import keys
from data.store import Store
from veraison.errors import VeraisonError

Scope = Literal["ingest", "read", "admin"]
SCOPES: tuple[Scope, ...] = ("ingest", "read", "admin")
PREFIX = "ver_"
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; never the key itself.

    created_at : microseconds UTC
    revoked_at : from when on it is refused (microseconds UTC), None where it has no end
    """

    name: str
    scopes: frozenset[Scope]
    created_at: int
    revoked_at: int | None

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do this; ``admin`` may do everything."""
        return scope in self.scopes or "admin" in self.scopes


def create(store: Store, name: str, scopes: Iterable[str], *, now: int, until: int | None = None) -> str:
    """Make a key and return it: this is the only time it can be seen.

    name   : who uses it, unique among the keys that hold
    scopes : of `SCOPES`, at least one
    until  : microseconds UTC from which it is refused, None for no end
    Raises VeraisonError, one line, for anything else.
    """
    name, wanted = name.strip(), sorted(set(scopes))
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise VeraisonError(f"a key needs a name of 1 to {_MAX_NAME} printable characters, such as: site")
    if not wanted or not set(wanted) <= set(SCOPES):
        raise VeraisonError(f"scopes {', '.join(wanted) or 'are missing'}: allowed are {', '.join(SCOPES)}")
    if until is not None and until <= now:
        raise VeraisonError("the end of a key must lie in the future")
    key = PREFIX + secrets.token_urlsafe(32)
    row = {
        "key_hash": _hash(key),
        "name": name,
        "scopes": " ".join(wanted),
        "created_at": now,
        "revoked_at": until,
    }
    with store.engine.begin() as connection:
        if connection.execute(sa.select(keys.c.name).where(keys.c.name == name, _holds(now))).first():
            raise VeraisonError(f"a key named {name!r} holds already; revoke it first, or choose another name")
        connection.execute(sa.insert(keys).values(row))
    return key


def listed(store: Store) -> list[Key]:
    """Every key that was ever made, oldest first."""
    with store.engine.connect() as connection:
        return [_key(row) for row in connection.execute(sa.select(keys).order_by(keys.c.created_at, keys.c.name))]


def revoke(store: Store, name: str, *, now: int) -> None:
    """Refuse the key of this name from now on; VeraisonError where none of that name holds."""
    with store.engine.begin() as connection:
        found = connection.execute(sa.update(keys).where(keys.c.name == name, _holds(now)).values(revoked_at=now))
    if not found.rowcount:
        raise VeraisonError(f"no key named {name!r} holds; see: veraison keys list")


def check(store: Store, key: str, *, now: int) -> Key | None:
    """The key behind what a client sent, None where it is unknown or no longer holds."""
    digest = _hash(key)
    with store.engine.connect() as connection:
        row = connection.execute(sa.select(keys).where(keys.c.key_hash == digest)).first()
    if row is None or not hmac.compare_digest(row.key_hash, digest):
        return None
    return None if row.revoked_at is not None and row.revoked_at <= now else _key(row)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _holds(now: int) -> sa.ColumnElement[bool]:
    return keys.c.revoked_at.is_(None) | (keys.c.revoked_at > now)


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    scopes = frozenset(scope for scope in SCOPES if scope in row.scopes.split())
    return Key(row.name, scopes, row.created_at, row.revoked_at)
