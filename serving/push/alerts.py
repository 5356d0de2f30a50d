"""What monitoring decided goes out too: each line of its journal that is news, once to each subscription.

The journal is the truth and the outbox follows it: how far a subscription was told stands in the store, and is written
together with the messages. A process that is killed in between has told a line or not.
"""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from data import leases, outbox, subscriptions
from data.outbox import OutMessage
from data.store import Store
from data.subscriptions import Subscription
from serving.push.shapes import decided_body
from serving.push.watcher import LEASE
from serving.verdicts import Journal, Line, Lines, Verdict


def alerts(verdicts: Sequence[Line]) -> list[Line]:
    """The lines that somebody is to be told of.

    A run that decided ``hold``, ``recalibrate`` or ``retrain`` is told where the one before decided otherwise, or for other causes; a
    model that was promoted or rolled back always.
    """
    found, before = [], None
    for line in verdicts:
        now = _alarm(line.verdict)
        if line.verdict.promoted or line.verdict.went_back or (now is not None and now != before):
            found.append(line)
        before = now
    return found


def _alarm(verdict: Verdict) -> tuple[str, frozenset[tuple[str, str]]] | None:
    """What an alarm consists of; None where there is none."""
    if verdict.decision == "none":
        return None
    return verdict.decision, frozenset((cause.kind, cause.name) for cause in verdict.causes if cause.acts)


class Alerts:
    """Puts news of the journal into the outbox.

    holder : names this process among those that hold the lease of the push
    """

    def __init__(self, store: Store, journal: Journal, holder: str) -> None:
        self._store, self._journal, self._holder = store, journal, holder

    def look(self, now: int) -> int:
        """Put what is new into the outbox; how many messages. ``now``: microseconds UTC.

        A subscription that was never told begins with the newest line, where that is an alarm. Raises LostLeaseError
        where another process does this now.
        """
        told = subscriptions.told_until(self._store, "monitoring")
        if not told:
            return 0
        known = self._journal.lines()
        if all(until == known.size for until in told.values()):
            return 0
        active = subscriptions.listed(self._store, active=True)
        behind = [one for one in active if one.name in told and told[one.name] != known.size]
        if not behind:
            return 0
        news = {one.name: self._messages(one, known, told[one.name], now) for one in behind}
        with self._store.writing() as connection:
            self._hold(connection)
            outbox.put(connection, [message for each in news.values() for message in each], [])
            for one in behind:
                subscriptions.set_told(connection, one.name, "monitoring", known.size)
        return sum(map(len, news.values()))

    def _messages(self, to: Subscription, known: Lines, until: int | None, now: int) -> list[OutMessage]:
        if until is None:
            newest = known.verdicts[-1:]
            fresh = [one for one in newest if _alarm(one.verdict) is not None]
        else:  # a journal that was put back to an earlier state is gone through from where it ends now
            fresh = [one for one in alerts(known.verdicts) if one.start >= until]
        return [self._message(to, one, now) for one in fresh]

    def _message(self, to: Subscription, line: Line, now: int) -> OutMessage:
        message_id = _message_id(to, line)
        body = decided_body(message_id, self._journal.whole(line), line.verdict.at)
        return OutMessage(message_id, to.name, "", body, now)

    def _hold(self, connection: sa.Connection) -> None:
        leases.check(connection, LEASE, self._holder)


def _message_id(to: Subscription, line: Line) -> str:
    """The same for the same line, however often it is read."""
    what = "\x00".join((to.name, str(to.created_at), "monitoring", str(line.start), line.verdict.as_of))
    return "msg_" + hashlib.sha256(what.encode()).hexdigest()[:32]
