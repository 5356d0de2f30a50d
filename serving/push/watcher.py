"""Which scores moved: of leads with news soon after these came, of all leads now and then, as time alone moves them.

What is found, and how far was looked, are written in one transaction: a process that is killed has done a step or not.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from data import leases, outbox, subscriptions
from data.consent import may_contact
from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.journey import Status
from data.outbox import OutMessage, Told
from data.store import Store
from data.subscriptions import Subscription
from serving.decisions import grade
from serving.leads import Leads
from serving.models import ModelHolder
from serving.push.changes import changes_of
from serving.push.shapes import body
from serving.ranking import Ranking
from serving.scorer import Scores, score

LEASE = "push"
LOOK_BACK = 60 * MICROS_PER_SECOND
"""Writers may wait for each other: an event becomes visible up to `data.store._PATIENCE` after its ``known_at``."""
KEPT_DELIVERED = 7 * MICROS_PER_DAY

_EVENTS, _SCORES, _SWEPT = "push_events_known_at", "push_scores_id", "push_swept_at"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Moved:
    """A score that one subscription is to be told, or (``tell`` False) only remembered for it."""

    place: int
    subscription: Subscription
    before: Told | None
    tell: bool


class Watcher:
    """Compares scores with those last told.

    holder : names this process among those that hold the lease `LEASE`
    sweep  : seconds between two looks at all leads
    clock  : microseconds UTC
    """

    def __init__(
        self, store: Store, leads: Leads, models: ModelHolder, holder: str, sweep: float, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._leads = leads
        self._models = models
        self._holder = holder
        self._sweep = round(sweep * MICROS_PER_SECOND)
        self._clock = clock
        self._seen: frozenset[str] = frozenset()

    def look(self) -> int:
        """Put messages about what moved since the last look into the outbox; how many.

        Raises LostLeaseError where another process does this now.
        """
        told = [one for one in subscriptions.listed(self._store, active=True) if "scores" in one.about]
        if not told or not self._models.ready:
            return 0
        swept = outbox.mark(self._store, _SWEPT)
        now = self._clock()
        if swept is None or now - swept >= self._sweep or any(one.created_at > swept for one in told):
            return self._all(told, now)
        return self._news(told, now, swept)

    def _news(self, told: list[Subscription], now: int, swept: int) -> int:
        """Of leads with new events, and of those whose scores were served."""
        since = outbox.mark(self._store, _EVENTS) or swept
        arrived = outbox.arrivals(self._store, since=since - LOOK_BACK, before=now)
        served, score_id = outbox.logged_since(self._store, outbox.mark(self._store, _SCORES) or 0)
        fresh = {one.lead_id for one in arrived if one.event_id not in self._seen}
        count = self._each(told, sorted(fresh | served), now)
        if fresh or served:
            newest = max((one.known_at for one in arrived), default=since)
            self._write([], [], {_EVENTS: max(since, newest), _SCORES: score_id})
        self._seen = frozenset(one.event_id for one in arrived)
        return count

    def _all(self, told: list[Subscription], now: int) -> int:
        """Of everyone. Old messages are dropped on the way."""
        logged = outbox.newest_logged(self._store)
        ranking = self._leads.ranking()
        count = self._each(told, self._candidates(told, ranking), now)
        self._write([], [], {_SWEPT: now, _EVENTS: ranking.as_of, _SCORES: logged}, old=now - KEPT_DELIVERED)
        return count

    def _candidates(self, told: list[Subscription], ranking: Ranking) -> list[str]:
        """The leads worth a closer look: unknown to a subscription, or moved."""
        grades = self._models.current().playbook.scoring.grades
        places = np.flatnonzero((ranking.status == Status.scored) & ~np.isnan(ranking.score) & ranking.may_contact)
        ids = [ranking.lead_ids[place] for place in places]
        known = outbox.told(self._store, ids)
        found = []
        for lead_id, points in zip(ids, ranking.score[places].tolist(), strict=True):
            for one in told:
                before = known.get((one.name, lead_id))
                if before is None or _moved(one, before, points, grades):
                    found.append(lead_id)
                    break
        return found

    def _each(self, told: list[Subscription], lead_ids: list[str], now: int) -> int:
        parts = (lead_ids[start : start + _CHUNK] for start in range(0, len(lead_ids), _CHUNK))
        return sum(self._compare(told, part, now) for part in parts)

    def _compare(self, told: list[Subscription], lead_ids: Sequence[str], now: int) -> int:
        scores, log = self._leads.scored(lead_ids, now)
        people = sorted({log.identity.person(lead_id, now) for lead_id in lead_ids})
        if people != list(lead_ids):
            scores = score(scores.bundle, log, people, [now] * len(people))
        allowed = np.append(may_contact(log, self._leads.playbook.consent, now), True)[log.codes(people)]
        moved = [one for one in self._moved(told, scores) if allowed[one.place]]
        changes = changes_of(scores, log, [(one.place, one.before) for one in moved if one.tell])
        messages = [
            OutMessage(
                message_id := _message_id(one.subscription, change.row.lead_id, now, scores.bundle.version),
                one.subscription.name,
                change.row.lead_id,
                body(one.subscription.shape, message_id, change),
                now,
            )
            for one, change in zip((one for one in moved if one.tell), changes, strict=True)
        ]
        self._write(messages, [_news_of(one, scores) for one in moved], {})
        return len(messages)

    def _moved(self, told: list[Subscription], scores: Scores) -> list[_Moved]:
        known = outbox.told(self._store, scores.lead_ids)
        grades = scores.bundle.playbook.scoring.grades
        found = []
        for place, at in enumerate(scores.shown.tolist()):
            for one in told if at >= 0 else ():
                before = known.get((one.name, scores.lead_ids[place]))
                tell = _moved(one, before, float(scores.score[at]), grades)
                if tell or before is None:
                    found.append(_Moved(place, one, before, tell))
        return found

    def _write(
        self, messages: list[OutMessage], news: list[Told], marks: dict[str, int], old: int | None = None
    ) -> None:
        if not (messages or news or marks):
            return
        with self._store.writing() as connection:
            self._hold(connection)
            outbox.put(connection, messages, news)
            for name, value in marks.items():
                outbox.set_mark(connection, name, value)
            if old is not None:
                outbox.forget_delivered(connection, before=old)

    def _hold(self, connection: sa.Connection) -> None:
        leases.check(connection, LEASE, self._holder)


def _moved(one: Subscription, before: Told | None, points: float, grades: dict[str, float]) -> bool:
    earlier = None if before is None else (before.score, before.grade)
    return one.moved(earlier, points, grade(points, grades), next(iter(grades)))


def _news_of(one: _Moved, scores: Scores) -> Told:
    points = float(scores.score[scores.scored[one.place]])
    return Told(
        one.subscription.name,
        scores.lead_ids[one.place],
        points,
        grade(points, scores.bundle.playbook.scoring.grades),
        int(scores.as_of[one.place]),
        scores.bundle.version,
    )


def _message_id(one: Subscription, lead_id: str, now: int, version: str) -> str:
    """The same for the same news, however often it is worked out."""
    what = "\x00".join((one.name, str(one.created_at), lead_id, str(now), version))
    return "msg_" + hashlib.sha256(what.encode()).hexdigest()[:32]
