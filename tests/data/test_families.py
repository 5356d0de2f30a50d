"""Which family a lead is in: the story of the module, each condition, an obvious walk, and what always holds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, Event
from data.families import NOWHERE, OPEN, Families, Heard, families_at
from data.journey import Status, standing
from data.log import NEVER, EventLog
from tests.histories import alias, at, identify, log_of, playbook, track
from tests.properties.test_leakage import AS_OF, histories
from tests.properties.test_leakage import log_of as stored
from veraison.playbook import Playbook

JOURNEY = {"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"], "worked": ["Call"]}
FEATURES = {"outbound": ["Mail Sent"], "traits": {"country": "category", "size": "number"}}
USUAL = playbook(journey=JOURNEY, features=FEATURES)
OWN = playbook(
    journey=JOURNEY,
    features=FEATURES,
    routing={"amount_trait": "size", "amount_else": 100.0},
    families={
        "take_back_days": 10,
        "big": {"when": {"size": ">=500", "returned": {"not": "no budget"}}, "next": "Visit them.", "idle_days": 5},
        "dear": {"when": {"expected_value": ">50"}, "next": "Write a letter."},
        "cold": {"when": {"grade": "D", "country": ["FR", "missing"]}, "next": "Nothing."},
        "sql": {"when": {"stage": ["sql", "mql"], "days_idle": "<2"}, "next": "Wait."},
        "no budget": {"when": {"returned": "No Budget"}, "next": "Ask in a year."},
        "dormant": {},
        "hot": {"idle_days": 3},
    },
)
BOOKS = {"usual": USUAL, "own": OWN}


def found_in(
    log: EventLog, book: Playbook, day: float, *, score: dict[str, float] | None = None, **heard: Heard
) -> Families:
    """All leads of a log; of those that are not named the scorer says nothing."""
    points = np.array([(score or {}).get(name, np.nan) for name in log.leads])
    chance = points / 100
    return families_at(
        log, book, np.arange(len(log.leads)), at(day), score=points, probability=chance,
        heard={log.leads.index(name): one for name, one in heard.items()}, least=50.0,
    )  # fmt: skip


def told(log: EventLog, found: Families) -> dict[str, str | None]:
    return {name: found.name(place) for place, name in enumerate(log.leads)}


def test_the_story_of_the_module():
    """Days count from 1 January: 1 June is day 151."""
    log = log_of(
        track("L1", "Lead Created", 100), track("L1", "Accepted", 139), track("L1", "Call", 147),
        track("L2", "Lead Created", 90), track("L2", "Accepted", 100),
        track("L3", "Lead Created", 90), track("L3", "Accepted", 100), track("L3", "Returned", 129),
        track("L4", "Lead Created", 90), track("L4", "Pricing", 150),
        track("L5", "Lead Created", 10), track("L5", "Pricing", 15), track("L5", "Mail Sent", 149),
        track("L6", "Lead Created", 90), track("L6", "Mail Opened", 140),
        track("L7", "Lead Created", 90), track("L7", "Deal Won", 140),
        track("L8", "Lead Created", 90), track("L8", "Stop", 91),
        track("L9", "Visited", 90), alias("L9", "L4", 120),
    )  # fmt: skip
    heard = Heard("postponed", rests=True)
    found = found_in(log, USUAL, 151, score={"L4": 71, "L5": 40, "L6": 44, "L3": 80}, L3=heard)
    assert told(log, found) == {
        "L1": "with_sales", "L2": "taken_back", "L3": "postponed", "L4": "hot", "L5": "dormant", "L6": "nurture",
        "L7": None, "L8": None, "L9": None,
    }  # fmt: skip
    days = [round(found.idle_days(place), 6) for place in range(6)]
    assert days == [4, 51, 22, 1, 136, 11]
    assert found.of_sales.tolist()[:3] == [at(147), at(100), at(129)]
    assert found.of_sales[3] == NEVER
    assert not found.untouched.any()


def test_untouched_for_longer_than_the_family_allows_is_forgotten():
    story = track("L1", "Lead Created", 0), track("L1", "Mail Sent", 20)
    for day, forgotten in ((30, False), (30.01, True)):
        assert bool(found_in(log_of(*story), USUAL, day).untouched[0]) is forgotten
    for act in ("Call", "Mail Opened"):  # by sales, and of its own
        assert not found_in(log_of(*story, track("L1", act, 5)), USUAL, 34).untouched[0]
    own = found_in(log_of(*story), OWN, 3.5, score={"L1": 60})
    assert (own.name(0), bool(own.untouched[0])) == ("hot", True)


def test_a_lead_comes_back_on_its_day_and_then_is_hot_whatever_its_score():
    log = log_of(track("L1", "Lead Created", 0))
    for heard, family in (
        (Heard("postponed", rests=True), "postponed"),
        (Heard(None, agreed=True), "hot"),
        (Heard(None), "nurture"),
        (Heard("wrong_contact", rests=True), "wrong_contact"),
        (Heard("not_mature", rests=True), "nurture"),
    ):
        assert told(log, found_in(log, USUAL, 5, score={"L1": 10}, L1=heard)) == {"L1": family}


@pytest.mark.parametrize(
    ("traits", "score", "heard", "family"),
    [
        ({"size": 500.0}, None, Heard(), "big"),
        ({"size": 500.0}, None, Heard("no_budget", rests=True), "sql"),
        ({"size": 499.0}, 20.0, Heard(), "dear"),  # 499 x 20 % = 99.8
        ({"size": 200.0}, 20.0, Heard(), "cold"),
        ({"size": 200.0, "country": "DE"}, 20.0, Heard(), "sql"),  # created yesterday
        ({"size": 200.0, "country": "DE"}, None, Heard("no_budget", rests=True), "sql"),
        ({"country": "fr "}, 34.9, Heard(), "cold"),
        ({"country": "fr"}, 35.0, Heard(), "sql"),
        ({}, 50.0, Heard(), "hot"),
        ({"size": 900.0}, 50.0, Heard(rests=True), "big"),
    ],
)
def test_each_condition_takes_its_leads(traits: dict[str, Any], score: float | None, heard: Heard, family: str):
    log = log_of(track("L1", "Lead Created", 1), identify("L1", 1, **traits))
    found = found_in(log, OWN, 2.5, score={} if score is None else {"L1": score}, L1=heard)
    assert told(log, found) == {"L1": family}


def test_a_reason_is_asked_for_in_any_form():
    log = log_of(track("L1", "Lead Created", 1))
    assert told(log, found_in(log, OWN, 9, L1=Heard("no_budget", rests=True))) == {"L1": "no budget"}
    assert told(log, found_in(log, OWN, 9, L1=Heard("not_mature", rests=True))) == {"L1": "nurture"}


# --- what always holds -------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: Any) -> tuple[list[Event], dict[str, float], dict[str, Heard], Playbook]:
    """Any history, any scores of its leads, anything sales may have said."""
    names = ["a", "b", "c", "anon", "ANON"]
    scores = draw(st.dictionaries(st.sampled_from(names), st.floats(0, 100)))
    word = st.builds(
        Heard, st.sampled_from([None, "postponed", "no_budget", "as they say"]), st.booleans(), st.booleans()
    )
    heard = draw(st.dictionaries(st.sampled_from(names), word))
    return draw(histories()), scores, heard, BOOKS[draw(st.sampled_from(sorted(BOOKS)))]


def of_world(log: EventLog, world: tuple[list[Event], dict[str, float], dict[str, Heard], Playbook]) -> Families:
    _, scores, heard, book = world
    there = {name: one for name, one in heard.items() if name in log.leads}
    return found_in(log, book, AS_OF, score=scores, **there)


@given(worlds())
def test_every_open_lead_is_in_exactly_one_and_no_other_lead_in_any(world: Any):
    log, book = stored(world[0]), world[3]
    found = of_world(log, world)
    status = standing(log, book.journey, np.arange(len(log.leads)), np.full(len(log.leads), at(AS_OF))).status
    assert ((found.place != NOWHERE) == np.isin(status, OPEN)).all()
    assert ((found.place >= NOWHERE) & (found.place < len(found.names))).all()
    assert sum(int((found.place == place).sum()) for place in range(len(found.names))) == np.isin(status, OPEN).sum()


@given(worlds(), histories(known_from=AS_OF, prefix="later"))
def test_what_becomes_known_later_changes_nothing(world: Any, later: list[Event]):
    before, after = stored(world[0]), stored([*world[0], *later])
    here, there = of_world(before, world), of_world(after, world)
    for place, name in enumerate(before.leads):
        then = after.leads.index(name)
        assert here.name(place) == there.name(then)
        for column in ("since", "of_sales", "untouched"):
            assert getattr(here, column)[place] == getattr(there, column)[then]


@given(worlds())
def test_it_is_what_an_obvious_walk_finds(world: Any):
    """Of the usual families, lead by lead, in plain words."""
    happened, scores, heard, _ = world
    log = stored(happened)
    found = of_world(log, (happened, scores, heard, USUAL))
    then = standing(log, USUAL.journey, np.arange(len(log.leads)), np.full(len(log.leads), at(AS_OF)))
    for place, name in enumerate(log.leads):
        if then.status[place] != Status.scored:
            continue
        seen = log.visible(place, at(AS_OF))
        acts = [
            (int(when), log.kinds[kind])
            for when, kind in zip(log.occurred[seen], log.kind[seen], strict=True)
            if log.kinds[kind] not in ("identify", "alias", "Mail Sent", "Lead Created")
        ]
        sales = [when for when, kind in acts if kind in ("Accepted", "Returned", "Call")]
        newest = max([when for when, _ in acts], default=int(then.started[place]))
        idle, said = (at(AS_OF) - newest) / MICROS_PER_DAY, heard.get(name, Heard())
        if then.ready[place] != NEVER:
            wanted = "taken_back" if at(AS_OF) - max(sales) > 30 * MICROS_PER_DAY else "with_sales"
        elif not said.rests and (said.agreed or scores.get(name, 0) >= 50):
            wanted = "hot"
        elif said.reason in ("postponed", "wrong_contact"):
            wanted = str(said.reason)
        else:
            wanted = "dormant" if idle >= 90 else "nurture"
        assert found.name(place) == wanted
        assert found.since[place] == newest


def test_the_order_of_what_is_asked_is_kept_and_unknown_leads_are_nowhere():
    log = log_of(track("L1", "Lead Created", 0), track("L2", "Lead Created", 0), track("L2", "Accepted", 1))
    nan = np.full(3, np.nan)
    found = families_at(log, USUAL, np.array([1, -1, 0]), at(3), score=nan, probability=nan, heard={}, least=50.0)
    assert [found.name(place) for place in range(3)] == ["with_sales", None, "nurture"]
    assert [found.of(np.array([2, 0])).name(place) for place in range(2)] == ["nurture", "with_sales"]
    assert len(replace(found)) == 3


def test_who_is_mature_by_an_act_is_hot_and_who_is_off_topic_is_not_whatever_the_score():
    book = playbook(
        maturity={"acts": ["Demo Requested"], "off_topic": [{"name": "jobs", "events": ["Job Application"]}]}
    )
    log = log_of(
        *(track(lead, "Lead Created", 0) for lead in ("L1", "L2", "L3")),
        track("L1", "Demo Requested", 1),
        track("L2", "Demo Requested", 1),
        track("L2", "Job Application", 2),
    )
    score = np.array([10.0, 90.0, 10.0])
    found = families_at(log, book, np.arange(3), at(3), score=score, probability=score / 100, heard={}, least=50.0)
    assert [found.name(place) for place in range(3)] == ["hot", "off_topic", "nurture"]
