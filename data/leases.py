"""Work that one process at a time may do, whoever of several it is.

A lease is a row with an end: who holds it renews it, and where a process dies, another takes over soon after.
Whatever is written under it is written together with a look at it, so that who was late writes nothing.
"""

import sqlalchemy as sa

from data.schema import leases
from data.store import Store


class LostLeaseError(Exception):
    """Another process does the work now; the transaction is undone."""


def take(store: Store, name: str, holder: str, *, now: int, seconds: float) -> bool:
    """Take or renew a lease; False where another holds it.

    holder : names one process
    now    : microseconds UTC
    """
    row = {"holder": holder, "until": now + round(seconds * 1_000_000)}
    mine = (leases.c.name == name) & ((leases.c.holder == holder) | (leases.c.until <= now))
    with store.writing() as connection:
        if connection.execute(sa.update(leases).where(mine).values(row)).rowcount:
            return True
        if connection.execute(sa.select(leases.c.name).where(leases.c.name == name)).first():
            return False
        connection.execute(sa.insert(leases).values({"name": name, **row}))
        return True


def check(connection: sa.Connection, name: str, holder: str) -> None:
    """Raise LostLeaseError where the lease is no longer this holder's; within the transaction that rests on it."""
    found = connection.execute(sa.select(leases.c.holder).where(leases.c.name == name)).scalar()
    if found != holder:
        raise LostLeaseError(f"the lease {name!r} was taken over")


def give_back(store: Store, name: str, holder: str) -> None:
    """Let another process take the lease at once."""
    with store.writing() as connection:
        connection.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == holder))
