"""The two threads by which a running service tells of scores and of monitoring: one looks for news, one delivers.

Of several processes on one store, the one that holds the lease does it; the others stand by.
"""

import asyncio
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from data import leases, subscriptions
from data.leases import LostLeaseError
from data.store import Store
from serving.leads import Leads
from serving.models import ModelHolder
from serving.push.alerts import Alerts
from serving.push.breaches import Breaches
from serving.push.courier import Courier, Sender
from serving.push.watcher import LEASE, Watcher
from serving.verdicts import Journal
from veraison.errors import VeraisonError

_log = logging.getLogger("veraison.push")

LOOK_EVERY = 2.0
LEASE_SECONDS = 15.0
_POLL = 0.5
_RESOLVERS = 64  # threads: a name server that never answers holds one for half a minute
_ENDING = 10.0


class Push:
    """Tells subscriptions of scores while it is started.

    sweep  : seconds between two looks at all leads
    sender : makes what posts; called in the thread that delivers
    journal : what monitoring decides
    look   : seconds between two looks at what is new
    lease  : seconds after which another process takes over from one that died
    """

    def __init__(
        self,
        store: Store,
        leads: Leads,
        models: ModelHolder,
        *,
        sweep: float,
        sender: Callable[[], Sender],
        journal: Journal | None = None,
        look: float = LOOK_EVERY,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._clock = leads.clock
        self._leads = leads
        self._holder = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        self._watcher = Watcher(store, leads, models, self._holder, sweep, leads.clock)
        journal = journal or Journal(None)
        self._alerts = Alerts(store, journal, self._holder)
        self._breaches = Breaches(store, journal.folder, self._holder)
        self._sender = sender
        self._look = look
        self._lease = lease
        self._stop = threading.Event()
        self._leading = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, name="push-watcher", daemon=True),
            threading.Thread(target=lambda: asyncio.run(self._send()), name="push-courier", daemon=True),
        ]

    def start(self) -> "Push":
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End both threads; what is under way will be tried again by whoever comes next."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_ENDING)
        self._survive(lambda: leases.give_back(self._store, LEASE, self._holder))

    def _watch(self) -> None:
        while not self._stop.wait(self._look):
            if self._leading.is_set():
                self._survive(self._watcher.look)
                self._survive(lambda: self._alerts.look(self._clock()))
                self._survive(lambda: self._breaches.look(self._clock()))

    async def _send(self) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_RESOLVERS, "push-names"))
        courier = Courier(
            self._store, self._sender(), self._holder, self._clock, self._leading.clear, self._leads.refused
        )
        asked = float("-inf")
        while not self._stop.is_set():
            now = asyncio.get_running_loop().time()
            if now - asked >= self._lease / 3:
                asked = now
                await asyncio.to_thread(self._survive, self._lead, otherwise=self._leading.clear)
            if self._leading.is_set():
                try:
                    await courier.round()
                except _PASSING as error:
                    _log.warning("messages wait: %s", error)
            await courier.wait(_POLL)
        await courier.close()

    def _lead(self) -> None:
        """Hold the lease, or stand by; where nobody is to be told anything there is nothing to lead."""
        if not subscriptions.listed(self._store, active=True):
            self._leading.clear()
            return
        held = leases.take(self._store, LEASE, self._holder, now=self._clock(), seconds=self._lease)
        (self._leading.set if held else self._leading.clear)()

    def _survive(self, step: Callable[[], object], otherwise: Callable[[], None] = lambda: None) -> None:
        """Do a step; whatever it meets, scoring and the next step go on."""
        try:
            step()
        except LostLeaseError:
            self._leading.clear()
        except _PASSING as error:
            otherwise()
            _log.warning("push waits: %s", error)
        except Exception:  # a defect of one message must not silence all others: logged whole, and tried again
            otherwise()
            _log.exception("a defect in push; it goes on with the next step")


_PASSING = (VeraisonError, sa.exc.SQLAlchemyError)
