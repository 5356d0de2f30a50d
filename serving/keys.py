"""API keys: made once, shown once, kept as a SHA-256; with scopes, an end, perhaps a seller, and a successor.

A key is 32 random bytes, so its plain SHA-256 is as hard to turn round as the key is to guess; the slow hashes that
passwords need would only cost time here.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import sqlalchemy as sa

from data.schema import key_sellers, keys
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
    seller     : whose leads it sees, beside those of nobody; None for everyone's
    """

    name: str
    scopes: frozenset[Scope]
    created_at: int
    revoked_at: int | None
    seller: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do this; ``admin`` may do everything."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def may_judge(self) -> bool:
        """Whether the key may say what became of the leads it sees: who sends events in may, and a seller."""
        return self.allows("ingest") or self.seller is not None

    def holds(self, now: int) -> bool:
        """Whether its end has not come."""
        return self.revoked_at is None or self.revoked_at > now


def create(
    store: Store, name: str, scopes: Iterable[str], *, now: int, until: int | None = None, seller: str | None = None
) -> str:
    """Make a key and return it: this is the only time it can be seen.

    name   : who uses it, unique among the keys that hold
    scopes : of `SCOPES`, at least one
    until  : microseconds UTC from which it is refused, None for no end
    seller : whose leads alone it sees; such a key only reads, and says what became of these leads, since who sends
             events in can make any lead its own
    Raises VeraisonError, one line, for anything else.
    """
    name, wanted = name.strip(), sorted(set(scopes))
    if not _is_name(name):
        raise VeraisonError(f"a key needs a name of 1 to {_MAX_NAME} printable characters, such as: site")
    if not wanted or not set(wanted) <= set(SCOPES):
        raise VeraisonError(f"scopes {', '.join(wanted) or 'are missing'}: allowed are {', '.join(SCOPES)}")
    if until is not None and until <= now:
        raise VeraisonError("the end of a key must lie in the future")
    if seller is not None and not _is_name(seller.strip()):
        raise VeraisonError(f"a seller has a name of 1 to {_MAX_NAME} printable characters, as leads carry it")
    if seller is not None and wanted != ["read"]:
        raise VeraisonError("a seller's key reads and nothing else; give it --scope read alone")
    with store.engine.begin() as connection:
        if connection.execute(sa.select(keys.c.name).where(keys.c.name == name, _holds(now))).first():
            raise VeraisonError(
                f"a key named {name!r} holds already; revoke it first, rotate it, or choose another name"
            )
        return _insert(connection, Key(name, _scopes(wanted), now, until, None if seller is None else seller.strip()))


def rotate(store: Store, name: str, *, now: int, overlap: int) -> str:
    """Make the successor of a key, with its name, scopes, seller and end; the old one is refused after `overlap`.

    overlap : microseconds for which both hold, >= 0
    Returns the new key: this is the only time it can be seen. VeraisonError where none of that name holds.
    """
    if overlap < 0:
        raise VeraisonError("the overlap of two keys cannot be negative")
    with store.engine.begin() as connection:
        mine = (keys.c.name == name, _holds(now))
        newest = connection.execute(_KEYS.where(*mine).order_by(keys.c.created_at.desc())).first()
        if newest is None:
            raise _none_holds(name)
        later = sa.or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > now + overlap)
        connection.execute(sa.update(keys).where(*mine, later).values(revoked_at=now + overlap))
        return _insert(connection, replace(_key(newest), created_at=now))


def listed(store: Store) -> list[Key]:
    """Every key that was ever made, oldest first."""
    with store.engine.connect() as connection:
        return [_key(row) for row in connection.execute(_KEYS.order_by(keys.c.created_at, keys.c.name))]


def revoke(store: Store, name: str, *, now: int) -> None:
    """Refuse the key of this name from now on; VeraisonError where none of that name holds."""
    with store.engine.begin() as connection:
        found = connection.execute(sa.update(keys).where(keys.c.name == name, _holds(now)).values(revoked_at=now))
    if not found.rowcount:
        raise _none_holds(name)


def check(store: Store, key: str, *, now: int) -> Key | None:
    """The key behind what a client sent, None where it is unknown or no longer holds."""
    found = by_hash(store, hashed(key))
    return found if found is not None and found.holds(now) else None


def by_hash(store: Store, digest: str) -> Key | None:
    """The key of this SHA-256, whether it holds or not; None where there is none."""
    with store.engine.connect() as connection:
        row = connection.execute(_KEYS.where(keys.c.key_hash == digest)).first()
    return _key(row) if row is not None and hmac.compare_digest(row.key_hash, digest) else None


def hashed(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


_KEYS = sa.select(keys, key_sellers.c.seller).join_from(
    keys, key_sellers, keys.c.key_hash == key_sellers.c.key_hash, isouter=True
)


def _insert(connection: sa.Connection, made: Key) -> str:
    key = PREFIX + secrets.token_urlsafe(32)
    digest = hashed(key)
    row = {
        "key_hash": digest,
        "name": made.name,
        "scopes": " ".join(sorted(made.scopes)),
        "created_at": made.created_at,
        "revoked_at": made.revoked_at,
    }
    connection.execute(sa.insert(keys).values(row))
    if made.seller is not None:
        connection.execute(sa.insert(key_sellers).values(key_hash=digest, seller=made.seller))
    return key


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME and text.isprintable()


def _none_holds(name: str) -> VeraisonError:
    return VeraisonError(f"no key named {name!r} holds; see: veraison keys list")


def _holds(now: int) -> sa.ColumnElement[bool]:
    return keys.c.revoked_at.is_(None) | (keys.c.revoked_at > now)


def _scopes(words: Iterable[str]) -> frozenset[Scope]:
    return frozenset(scope for scope in SCOPES if scope in words)


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    return Key(row.name, _scopes(row.scopes.split()), row.created_at, row.revoked_at, row.seller)
