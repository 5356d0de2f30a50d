"""Work that one process at a time may do, whoever of several it is.

A lease is a row with an end: who holds it renews it, and where a process dies, another takes over soon after.
Whatever is written under it is written together with a look at it, so that who was late writes nothing.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from data.schema import leases
from data.store import Store
from veraison.errors import StoreError


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


def this_process() -> str:
    """Names one process among all on all machines, as a holder."""
    return f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"


def holder_of(store: Store, name: str) -> str | None:
    """Who holds a lease, or held it last and did not give it back."""
    with store.reading() as connection:
        found: str | None = connection.execute(sa.select(leases.c.holder).where(leases.c.name == name)).scalar()
        return found


@contextmanager
def holding(
    store: Store, name: str, holder: str, *, clock: Callable[[], int], seconds: float
) -> Iterator[threading.Event | None]:
    """Hold a lease for as long as the work takes: a thread renews it at every third of its time.

    clock  : microseconds UTC
    Yields : an event that is set once the lease is lost (the machine slept, the store does not answer); None where
             another holds it
    """
    if not take(store, name, holder, now=clock(), seconds=seconds):
        yield None
        return
    lost, over = threading.Event(), threading.Event()

    def renew() -> None:
        until = clock() + round(seconds * 1_000_000)
        while not over.wait(seconds / 3):
            now = clock()
            try:
                if not take(store, name, holder, now=now, seconds=seconds):
                    lost.set()
                    return
                until = now + round(seconds * 1_000_000)
            except StoreError:
                if now >= until:
                    lost.set()

    thread = threading.Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()
        with suppress(StoreError):  # it runs out by itself; why the work failed is not to be hidden by this
            give_back(store, name, holder)
