"""Promises of the contract that were not kept go out too: each breach once to each subscription.

The file of the contract (data.contract_lines) is the truth and the outbox follows it, as for what monitoring decides
(serving.push.alerts): how far a subscription was told is written together with the messages. One that was never told
begins with what is added from now on.
"""

import hashlib
from pathlib import Path

from data import leases, outbox, subscriptions
from data.contract_lines import Breach, read
from data.events import parse_instant
from data.journal import Line
from data.outbox import OutMessage
from data.store import Store
from data.subscriptions import Subscription
from serving.push.shapes import broken_body
from serving.push.watcher import LEASE


class Breaches:
    """Puts new breaches into the outbox.

    reports : folder of the file; None where there is no workspace
    holder  : names this process among those that hold the lease of the push
    """

    def __init__(self, store: Store, reports: Path | None, holder: str) -> None:
        self._store, self._reports, self._holder = store, reports, holder

    def look(self, now: int) -> int:
        """Put what is new into the outbox; how many messages. ``now``: microseconds UTC.

        Raises LostLeaseError where another process does this now.
        """
        told = subscriptions.told_until(self._store, "contract")
        if not told:
            return 0
        entries = read(self._reports)
        end = entries[-1][0].end if entries else 0
        active = subscriptions.listed(self._store, active=True)
        behind = [one for one in active if one.name in told and told[one.name] != end]
        if not behind:
            return 0
        news = [
            self._message(to, line, entry, now)
            for to in behind
            for line, entry in entries
            if isinstance(entry, Breach) and (until := told[to.name]) is not None and line.start >= until
        ]
        with self._store.writing() as connection:
            leases.check(connection, LEASE, self._holder)
            outbox.put(connection, news, [])
            for one in behind:
                subscriptions.set_told(connection, one.name, "contract", end)
        return len(news)

    @staticmethod
    def _message(to: Subscription, line: Line, breach: Breach, now: int) -> OutMessage:
        what = "\x00".join((to.name, str(to.created_at), "contract", str(line.start), *breach.name))
        message_id = "msg_" + hashlib.sha256(what.encode()).hexdigest()[:32]
        return OutMessage(message_id, to.name, "", broken_body(message_id, breach, parse_instant(breach.seen)), now)
