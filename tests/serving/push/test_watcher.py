"""Which scores are told: on a market with a model, a store of its own, and a clock that the test moves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data import leases, outbox, scorelog
from data.events import MICROS_PER_DAY, MICROS_PER_SECOND, Event, isoformat
from data.leases import LostLeaseError
from data.schema import outbox as table
from data.schema import pushed
from data.store import Store
from serving.decisions import grade
from serving.leads import Leads
from serving.models import ModelHolder
from serving.push.watcher import LEASE, Watcher
from serving.scorer import ExplainedScore, score
from tests.receivers import subscribe
from tests.service import Market, market, publish
from veraison.playbook_consent import Consent

SWEEP = 3600


class Watched:
    """A market that is watched."""

    def __init__(self, where: Market) -> None:
        self.market = where
        self.store: Store = where.store()
        self.clock = where.now
        self.models = ModelHolder(where.workspace)
        self.leads = Leads(self.store, self.models, where.playbook, lambda: self.clock)
        leases.take(self.store, LEASE, "me", now=0, seconds=1e12)
        self.watcher = self.fresh()
        self._read = 0

    def fresh(self) -> Watcher:
        """A watcher as another process would have it."""
        return Watcher(self.store, self.leads, self.models, "me", SWEEP, lambda: self.clock)

    def later(self, seconds: float) -> "Watched":
        self.clock += round(seconds * MICROS_PER_SECOND)
        return self

    def act(self, lead_id: str, kind: str, count: int = 1) -> None:
        """Things that a lead does now."""
        now = self.clock
        ids = (f"{kind}-{lead_id}-{now}-{number}" for number in range(count))
        self.store.append([Event(one, lead_id, "track", kind, now, now, properties={}) for one in ids])

    def look(self) -> dict[str, Any]:
        """One look; the bodies it put into the outbox, by lead."""
        self.watcher.look()
        return {row.lead_id: json.loads(row.body) for row in self.unread()}

    def unread(self) -> list[Any]:
        with self.store.engine.connect() as connection:
            query = sa.select(table).where(table.c.sequence > self._read).order_by(table.c.sequence)
            rows = list(connection.execute(query))
        self._read = max((row.sequence for row in rows), default=self._read)
        return rows

    def scored(self, moment: int | None = None) -> dict[str, ExplainedScore]:
        """The scores of everyone who has one."""
        log, at = self.store.scan(), self.clock if moment is None else moment
        rows = score(self.market.bundle, log, log.leads, [at] * len(log.leads)).rows()
        return {row.lead_id: row for row in rows if row.score is not None}


@pytest.fixture
def watched(tmp_path: Path):
    made = Watched(market().copy(tmp_path))
    yield made
    made.store.close()


def test_without_subscriptions_nothing_is_looked_at(watched: Watched):
    assert watched.look() == {}
    assert outbox.mark(watched.store, "push_swept_at") is None


@pytest.mark.parametrize("first", ["all", "best", "none"])
def test_whom_a_new_subscription_hears_of(watched: Watched, first: str):
    subscribe(watched.store, "crm", "http://crm", first=first)
    everyone = watched.scored()
    best = {lead for lead, row in everyone.items() if row.grade == "A"}
    assert 0 < len(best) < len(everyone)
    assert set(watched.look()) == {"all": set(everyone), "best": best, "none": set()}[first]
    with watched.store.engine.connect() as connection:
        known = {row.lead_id: (row.score, row.grade) for row in connection.execute(sa.select(pushed))}
    assert known == {lead: (row.score, row.grade) for lead, row in everyone.items()}
    assert watched.look() == {}
    assert watched.later(10).look() == {}


def test_a_lead_that_acts_is_told_of_where_its_score_moved_enough(watched: Watched):
    subscribe(watched.store, "fine", "http://fine", first="none", min_points=0.0)
    subscribe(watched.store, "coarse", "http://coarse", first="none", min_points=100.0, grades=("D",))
    watched.look()
    before = watched.scored()
    lead_id = next(lead for lead, row in before.items() if row.grade == "B")
    watched.later(60).act(lead_id, "Pricing Page Viewed", 5)
    watched.later(1)
    told = watched.look()
    assert set(told) == {lead_id}
    now = watched.scored()[lead_id]
    event = told[lead_id]
    assert (event["subject"], event["time"]) == (lead_id, isoformat(watched.clock))
    assert event["data"]["score"] == now.score
    assert event["data"]["grade"] == now.grade == grade(now.score, watched.market.playbook.scoring.grades)
    assert event["data"]["previous"]["score"] == before[lead_id].score
    assert event["data"]["previous"]["as_of"] == isoformat(watched.market.now)
    assert event["data"]["change"] == now.score - before[lead_id].score
    assert sum(reason["points"] for reason in event["data"]["why"]) == pytest.approx(event["data"]["change"], abs=1e-9)
    assert event["data"]["by_model"] == 0
    assert watched.later(1).look() == {}, "the same events are not news twice"


def test_time_alone_is_seen_by_the_slow_look(watched: Watched):
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=5.0)
    watched.look()
    before = watched.scored()
    assert watched.later(SWEEP - 1).look() == {}
    watched.later(9 * 86_400)
    told, now = watched.look(), watched.scored()
    both = before.keys() & now.keys()
    moved = {one for one in both if abs(now[one].score - before[one].score) > 5 or now[one].grade != before[one].grade}
    assert moved
    assert set(told) & both == moved


def test_scores_that_were_served_are_looked_at(watched: Watched):
    """Something old came in late, which no newest moment shows; whoever asks for the lead makes it known."""
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=0.0)
    watched.look()
    lead_id = next(iter(watched.scored()))
    at = watched.clock - 2 * MICROS_PER_DAY
    late = [Event(f"late-{n}", lead_id, "track", "Pricing Page Viewed", at, at, properties={}) for n in range(9)]
    watched.store.append(late)
    assert watched.later(60).look() == {}
    scores, _ = watched.leads.scored([lead_id], watched.clock)
    watched.leads.log(scores, scores.rows())
    assert scorelog.count(watched.store) == 1
    assert set(watched.later(1).look()) == {lead_id}


def test_an_anonymous_visitor_who_says_who_it_is_moves_the_person(watched: Watched):
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=0.0)
    watched.look()
    lead_id = next(lead for lead, row in watched.scored().items() if row.grade == "C")
    watched.later(5).act("a-99", "Pricing Page Viewed", 6)
    now = watched.later(1).clock
    watched.store.append([Event("al", lead_id, "alias", "alias", now, now, previous_id="a-99")])
    told = watched.later(1).look()
    assert set(told) == {lead_id}


def test_a_killed_process_has_done_a_step_or_not(watched: Watched, monkeypatch: pytest.MonkeyPatch):
    """Whatever is cut off before the end of its transaction is worked out again, into the same messages."""
    subscribe(watched.store, "crm", "http://crm")
    whole = outbox.put

    def cut(*args: Any) -> None:
        whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            watched.watcher.look()
    assert watched.unread() == []
    assert outbox.told(watched.store, list(watched.scored())) == {}
    watched.watcher = watched.fresh()
    assert set(watched.look()) == set(watched.scored())


def test_another_process_goes_on_where_one_ended(watched: Watched):
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=0.0)
    watched.look()
    lead_id = next(iter(watched.scored()))
    watched.later(10).act(lead_id, "Pricing Page Viewed", 5)
    watched.watcher = watched.later(1).fresh()
    assert set(watched.look()) == {lead_id}
    watched.watcher = watched.later(1).fresh()
    watched.look()
    assert [row.lead_id for row in watched.unread()] == []


def test_an_event_that_becomes_visible_late_is_seen(watched: Watched):
    """Another writer took its time: its event is older than one that was seen already."""
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=0.0)
    watched.look()
    slow, quick = list(watched.scored())[:2]
    at = watched.later(30).clock
    watched.act(quick, "Pricing Page Viewed", 5)
    assert set(watched.later(1).look()) == {quick}
    late = [Event(f"s{n}", slow, "track", "Pricing Page Viewed", at - 10**7, at - 10**7, properties={}) for n in "123"]
    watched.store.append(late)
    assert set(watched.later(1).look()) == {slow}


def test_who_lost_the_lease_writes_nothing(watched: Watched):
    subscribe(watched.store, "crm", "http://crm")
    leases.give_back(watched.store, LEASE, "me")
    leases.take(watched.store, LEASE, "another", now=0, seconds=1e12)
    with pytest.raises(LostLeaseError):
        watched.watcher.look()
    assert watched.unread() == []
    assert outbox.mark(watched.store, "push_swept_at") is None


def test_a_new_model_says_how_much_of_a_change_is_its_own(watched: Watched):
    subscribe(watched.store, "crm", "http://crm", first="none", min_points=0.0)
    watched.look()
    with watched.store.writing() as connection:
        connection.execute(sa.update(pushed).values(model_version="older", score=pushed.c.score - 3))
    publish(watched.market.workspace, watched.market.bundle, "next")
    told = watched.later(SWEEP).look()
    assert told
    for event in told.values():
        data = event["data"]
        assert data["by_model"] == pytest.approx(3)
        why = sum(reason["points"] for reason in data["why"])
        assert data["change"] == pytest.approx(data["by_model"] + why, abs=1e-6)


def test_each_subscription_has_its_own_measure_and_shape(watched: Watched):
    subscribe(watched.store, "ms", "http://ms", shape="dynamics")
    subscribe(watched.store, "flat", "http://flat", shape="crm")
    watched.watcher.look()
    rows = watched.unread()
    everyone = watched.scored()
    bodies = {(row.subscription, row.lead_id): json.loads(row.body) for row in rows}
    assert set(bodies) == {(name, lead) for name in ("ms", "flat") for lead in everyone}
    for lead_id, row in everyone.items():
        ms, flat = bodies["ms", lead_id], bodies["flat", lead_id]
        assert ms["msdyn_score"] == round(row.score)
        assert ms["msdyn_grade"] == "ABCD".index(row.grade)
        assert (ms["msdyn_entityid"], ms["msdyn_entitytype"], ms["msdyn_scoretrend"]) == (lead_id, "lead", 3)
        assert flat["lead_score"] == round(row.score, 1)
        assert flat["lead_grade"] == row.grade
        assert all(not isinstance(value, dict | list) for value in (ms | flat).values())


def test_who_may_not_be_contacted_is_told_to_nobody(tmp_path: Path):
    """Not in a sweep, not on news, and told as a lead that is new here once it says yes."""
    made = market().copy(tmp_path)
    consent = {"consent": Consent(trait="consent", required=True)}
    watched = Watched(replace(made, playbook=made.playbook.model_copy(update=consent)))
    subscribe(watched.store, "crm", "http://crm", first="all")
    said, *others = sorted(watched.scored())[:3]
    teach(watched, said, "yes")
    assert set(watched.look()) == {said}
    watched.later(5).act(others[0], "Demo Requested", 3)
    assert watched.look() == {}
    teach(watched.later(5), others[0], "yes")
    assert set(watched.look()) == {others[0]}
    teach(watched.later(5), said, "no")
    watched.act(said, "Demo Requested", 5)
    assert watched.look() == {}
    assert watched.later(SWEEP + 1).look() == {}
    watched.store.close()


def teach(watched: Watched, lead_id: str, word: str) -> None:
    """What a lead says of being contacted."""
    now = watched.clock - 1
    message = Event(f"{word}-{lead_id}-{now}", lead_id, "identify", "identify", now, now, traits={"consent": word})
    watched.store.append([message])
