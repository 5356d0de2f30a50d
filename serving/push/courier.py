"""Messages go to their receivers: signed, in order for each, many at once, and none waits for another's dead URL."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import httpx
import sqlalchemy as sa

from data import leases, outbox, subscriptions
from data.events import MICROS_PER_SECOND
from data.leases import LostLeaseError
from data.outbox import OutMessage
from data.store import Store
from data.subscriptions import Subscription
from serving import meters
from serving.push import addresses
from serving.push.addresses import RefusedURLError, Resolve
from serving.push.shapes import CONTENT_TYPES
from serving.push.signing import headers
from serving.push.watcher import LEASE
from veraison import __version__
from veraison.errors import VeraisonError

TIMEOUT = 5.0
"""Seconds for the whole of an attempt: name, connection, answer."""
AT_ONCE = 32
ATTEMPTS = 15
FIRST_DELAY, LONGEST_DELAY = 10.0, 6 * 3600.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts to note what became of a message in a store that does not answer."""

T = TypeVar("T")

_log = logging.getLogger("veraison.push")


def _nothing() -> None:
    """Whoever stands alone is told nothing."""


def _nobody(_: Sequence[str]) -> Set[str]:
    """Nobody refuses where nobody is asked."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    error : one sentence, None where the message has arrived
    gone  : the receiver said that it is gone for good (410)
    wait  : seconds it asked to be left alone
    """

    error: str | None = None
    gone: bool = False
    wait: float = 0.0


class Sender:
    """One attempt to deliver one body.

    private : addresses that are not public are allowed
    resolve : names to addresses
    timeout : seconds
    verify  : how certificates are checked
    """

    def __init__(
        self,
        *,
        private: bool,
        resolve: Resolve = addresses.resolve,
        timeout: float = TIMEOUT,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._private = private
        self._resolve = resolve
        self._timeout = timeout
        # A connection is for one name: kept alive, it would be found again by its address, whatever the name then.
        # Proxies of the environment would connect elsewhere than to the address that was judged.
        self._client = httpx.AsyncClient(
            verify=verify,
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"User-Agent": f"veraison/{__version__}"},
        )

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def send(self, to: Subscription, message_id: str, body: bytes, now: int) -> Outcome:
        """Post a body; never raises for what a receiver, or the network, does. ``now``: microseconds UTC."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(to, message_id, body, now)
        except RefusedURLError as refused:
            return Outcome(str(refused))
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Outcome(_one_line(error))

    async def _post(self, to: Subscription, message_id: str, body: bytes, now: int) -> Outcome:
        target = await addresses.target(to.url, self._resolve, private=self._private)
        sent = headers(to.secret, message_id, now // MICROS_PER_SECOND, body)
        sent |= {"Host": target.host, "Content-Type": CONTENT_TYPES[to.shape]}
        *others, last = target.addresses
        for address in others:
            try:
                return await self._to(target, address, sent, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # such as IPv6 where there is no way to it
                continue
        return await self._to(target, last, sent, body)

    async def _to(self, target: addresses.Target, address: str, sent: dict[str, str], body: bytes) -> Outcome:
        name = {"sni_hostname": target.url.raw_host.decode("ascii")}
        request = self._client.build_request("POST", target.at(address), headers=sent, content=body, extensions=name)
        response = await self._client.send(request, stream=True)
        try:
            return _judged(response)  # what it says besides is nobody's business, and could be endless
        finally:
            await response.aclose()


class Courier:
    """Takes what is due out of the outbox and notes what became of it.

    holder : names this process among those that hold the lease
    clock  : microseconds UTC
    lost   : told when another process holds the lease
    refused : those of some leads that may not be contacted any more; what waits for them is not sent
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        holder: str,
        clock: Callable[[], int],
        lost: Callable[[], None] = _nothing,
        refused: Callable[[Sequence[str]], Set[str]] = _nobody,
    ) -> None:
        self._store = store
        self._sender = sender
        self._holder = holder
        self._clock = clock
        self._lost = lost
        self._refused = refused
        self._busy: dict[str, asyncio.Task[None]] = {}
        # Of its own: names are resolved in the loop's threads, where a dead name server keeps them waiting.
        self._threads = ThreadPoolExecutor(2, "push-store")

    async def round(self) -> int:
        """Start to send what is due, as far as there are hands; how many messages are under way."""
        free = AT_ONCE - len(self._busy)
        if free > 0:
            found, known = await self._in_store(partial(self._due, frozenset(self._busy)))
            for message in found[:free]:
                if message.subscription in known:
                    task = asyncio.create_task(self._deliver(known[message.subscription], message))
                    self._busy[message.subscription] = task
                    task.add_done_callback(partial(self._done, message.subscription))
        return len(self._busy)

    async def wait(self, seconds: float) -> None:
        """Until one of those under way has ended, or the time is over."""
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End what is under way; it will be tried again."""
        under_way = list(self._busy.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._sender.close()
        self._threads.shutdown()

    def _done(self, name: str, task: "asyncio.Task[None]") -> None:
        del self._busy[name]
        if not task.cancelled() and task.exception() is not None:
            _log.error("a defect in the delivery to %r", name, exc_info=task.exception())

    async def _in_store(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)

    def _due(self, busy: frozenset[str]) -> tuple[list[OutMessage], dict[str, Subscription]]:
        found = outbox.due(self._store, now=self._clock(), without=busy)
        refused = self._refused([one.lead_id for one in found])
        if withdrawn := [one.message_id for one in found if one.lead_id in refused]:
            with self._store.writing() as connection:
                leases.check(connection, LEASE, self._holder)
                outbox.drop(connection, withdrawn)
            found = [one for one in found if one.lead_id not in refused]
        return found, {one.name: one for one in subscriptions.listed(self._store, active=True)} if found else {}

    async def _deliver(self, to: Subscription, message: OutMessage) -> None:
        """Send once; then note what became of it however long that takes, as it would be sent again otherwise."""
        outcome = await self._sender.send(to, message.message_id, message.body.encode("ascii"), self._clock())
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._in_store(partial(self._note, message, outcome))
            except LostLeaseError:
                return self._lost()
            except (VeraisonError, sa.exc.SQLAlchemyError) as error:
                _log.warning("what became of a message to %r cannot be noted yet: %s", to.name, _one_line(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, message: OutMessage, outcome: Outcome) -> None:
        now = self._clock()
        with self._store.writing() as connection:
            leases.check(connection, LEASE, self._holder)
            if outcome.error is None:
                outbox.delivered(connection, message.message_id, now=now)
                meters.DELIVERIES.labels("delivered").inc()
                return
            wait = min(max(delay(message.attempts + 1, message.message_id), outcome.wait), LONGEST_DELAY)
            dead = message.attempts + 1 >= ATTEMPTS
            next_at = now + round(wait * MICROS_PER_SECOND)
            meters.DELIVERIES.labels("given up" if dead else "failed").inc()
            outbox.failed(connection, message, outcome.error, next_at=next_at, dead_at=now if dead else None)
            if outcome.gone:
                subscriptions.disable(connection, message.subscription, now=now)


def delay(attempt: int, message_id: str) -> float:
    """Seconds to wait after an attempt that failed: 10, 20, 40 ... up to six hours, each up to a fifth more.

    The jitter keeps receivers from being called by everyone at once; it comes from the id, so that it can be told.

    >>> [round(delay(attempt, "msg_1")) for attempt in (1, 2, 8, 15)]
    [10, 24, 1288, 20767]
    """
    spread = hashlib.sha256(f"{message_id} {attempt}".encode()).digest()[0] / 255
    return min(FIRST_DELAY * 2.0 ** (attempt - 1), LONGEST_DELAY / 1.2) * (1 + 0.2 * spread)


def _judged(response: httpx.Response) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Outcome()
    asked = response.headers.get("retry-after", "")
    wait = float(asked) if asked.isdecimal() and len(asked) < 8 else 0.0
    if response.is_redirect:
        return Outcome(f"HTTP {status}: redirects are not followed; subscribe to the address it leads to")
    return Outcome(f"HTTP {status}", gone=status == httpx.codes.GONE, wait=wait)


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
