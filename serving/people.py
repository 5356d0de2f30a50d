"""People who log in to the pages: their names, their passwords as Argon2id, and whose leads they see."""

import secrets
import threading
import unicodedata
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from data.identity import fold
from data.schema import people
from data.store import Store
from veraison.errors import VeraisonError

LOCAL = "local"
"""Who looks at pages that are open to this machine; nobody can be called so."""
MIN_PASSWORD = 12
MAX_PASSWORD = 1_000
_MAX_NAME = 200
_hasher = PasswordHasher()
_hashing = threading.BoundedSemaphore(2)  # each takes 64 MB for as long as it lasts


@dataclass(frozen=True, slots=True)
class Person:
    """Who may log in.

    seller       : whose leads are seen, beside those of nobody; None for everyone's
    stamp        : what a session must carry to hold; empty for who is let in without being listed
    has_password : else only OpenID Connect lets in
    """

    name: str
    seller: str | None = None
    stamp: str = ""
    has_password: bool = False
    created_at: int = 0


def add(store: Store, name: str, password: str | None, *, now: int, seller: str | None = None) -> None:
    """List a person, with a password or without one; VeraisonError, one line, where that cannot be."""
    name = fold(name)
    if not name or len(name) > _MAX_NAME or not name.isprintable() or name == LOCAL:
        raise VeraisonError(f"a person needs a name of 1 to {_MAX_NAME} printable characters, and not: {LOCAL}")
    if seller is not None and not (seller := seller.strip()):
        raise VeraisonError("a seller has a name, as leads carry it")
    row = {"name": name, "password_hash": _made(password), "seller": seller, "stamp": _stamp(), "created_at": now}
    with store.engine.begin() as connection:
        if connection.execute(sa.select(people.c.name).where(people.c.name == name)).first():
            raise VeraisonError(f"there is a person named {name!r}; see: veraison people list")
        connection.execute(sa.insert(people).values(row))


def listed(store: Store) -> list[Person]:
    """Everyone who may log in, by name."""
    with store.engine.connect() as connection:
        return [_person(row) for row in connection.execute(sa.select(people).order_by(people.c.name))]


def find(store: Store, name: str) -> Person | None:
    """The person of this name, None where nobody is listed under it."""
    with store.engine.connect() as connection:
        row = connection.execute(sa.select(people).where(_called(name))).first()
    return None if row is None else _person(row)


def remove(store: Store, name: str) -> None:
    """Let a person in no longer; sessions end with it. VeraisonError where there is none of that name."""
    with store.engine.begin() as connection:
        if not connection.execute(sa.delete(people).where(people.c.name == fold(name))).rowcount:
            raise _nobody(name)


def set_password(store: Store, name: str, password: str) -> None:
    """Give a person another password; sessions end. VeraisonError where there is none of that name."""
    values = {"password_hash": _made(password), "stamp": _stamp()}
    with store.engine.begin() as connection:
        if not connection.execute(sa.update(people).where(people.c.name == fold(name)).values(values)).rowcount:
            raise _nobody(name)


def check(store: Store, name: str, password: str) -> Person | None:
    """The person, where name and password belong together; it takes as long where the name is not known."""
    with store.engine.connect() as connection:
        row = connection.execute(sa.select(people).where(_called(name))).first()
    kept = None if row is None else row.password_hash
    with _hashing:
        try:
            _hasher.verify(kept or _nobodys(), _normal(password[: MAX_PASSWORD + 1]))
        except VerifyMismatchError:
            return None
    return None if row is None or kept is None else _person(row)


def _called(name: str) -> "sa.ColumnElement[bool]":
    """Who is called so; what no name can hold is nobody's, and never reaches a database that would choke on it."""
    folded = fold(name)
    return people.c.name == (folded if folded.isprintable() else "")


def _made(password: str | None) -> str | None:
    if password is None:
        return None
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise VeraisonError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a few words are best")
    return _hasher.hash(_normal(password))


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_bytes(32))


def _stamp() -> str:
    return secrets.token_urlsafe(12)


def _nobody(name: str) -> VeraisonError:
    return VeraisonError(f"there is no person named {name!r}; see: veraison people list")


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    return Person(row.name, row.seller, row.stamp, row.password_hash is not None, row.created_at)
