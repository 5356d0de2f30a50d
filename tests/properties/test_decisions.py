"""What is decided of leads: one place for each, by what is visible alone, whatever becomes known later."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.consent import may_contact
from data.events import Event
from data.families import families_at
from data.journey import Status, standing
from data.maturity import on_list, signalled
from data.store import Store
from serving.families import meant
from serving.feedback import newest
from serving.routing import Chance, route
from serving.scorer import visible_leads
from tests.histories import alias, at, identify, named, playbook, track
from veraison.playbook import Playbook

PEOPLE = ("L1", "L2", "L3", "a-1")
KINDS = ("Lead Created", "Pricing", "Demo Requested", "Job Application", "Sales Accepted", "Deal Won", "Deal Lost")
REASONS = ("postponed", "wrong_contact", "not_mature")
BOOK = playbook(
    journey={"ready": ["Sales Accepted"], "returned": ["Lead Returned"]},
    features={"traits": {"employees": "number", "country": "category", "firm": "account"}},
    routes=[
        {"name": "big", "when": {"employees": ">=500"}, "to": "key"},
        {"name": "hot", "when": {"employees": ["<500", "missing"], "score": ">=60"}, "to": "inside"},
        {"name": "rest", "when": {"employees": ["<500", "missing"], "score": ["<60", "missing"]}, "to": "inside"},
    ],
    routing={"teams": {"key": ["Amira"], "inside": ["Ugo", "Eva"]}, "capacity": {"inside": 2}, "exceptions": "desk"},
    maturity={
        "acts": ["Demo Requested"],
        "rules": [{"name": "prices", "any": ["Pricing"], "at_least": 2, "within_days": 7}],
        "off_topic": [{"name": "jobs", "events": ["Job Application"]}],
    },
    consent={"trait": "consent", "withdrawn": ["no"]},
    families={"abroad": {"when": {"country": ["DE"]}, "next": "Write in German."}},
)

days = st.integers(0, 60).map(float)


@st.composite
def happenings(draw: Callable[[Any], Any]) -> Event:
    """One thing that happened to somebody, known up to 20 days later."""
    who, day = draw(st.sampled_from(PEOPLE)), draw(days)
    known = day + draw(st.sampled_from([0.0, 0.0, 0.0, 3.0, 20.0]))
    what = draw(st.integers(0, 9))
    if what == 0:
        return alias("a-1", draw(st.sampled_from(PEOPLE[:3])), day)
    if what <= 3:
        traits = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "employees": st.sampled_from([20.0, 800.0]),
                    "country": st.sampled_from(["FR", "DE"]),
                    "firm": st.sampled_from(["acme.fr", "b.io"]),
                    "owner": st.sampled_from(["Eva", "Ugo"]),
                    "consent": st.sampled_from(["yes", "no"]),
                },
            ).filter(bool)
        )
        return identify(who, day, known=known, **traits)
    if what == 4:
        event = track(who, "Lead Returned", day, known=known)
        event.properties["reason"] = draw(st.sampled_from(REASONS))
        return event
    return track(who, draw(st.sampled_from(KINDS)), day, known=known)


histories = st.lists(happenings(), min_size=3, max_size=30).map(
    lambda events: [*(track(who, "Lead Created", 0) for who in PEOPLE[:3]), *events]
)
"""So that there is somebody to decide about."""


def decided(book: Playbook, events: list[Event], as_of: int, leads: list[str] | None = None) -> dict[str, Any]:
    """By lead all that is decided; the score is a number that depends on nothing but the id."""
    with Store("sqlite://") as store:
        store.append(events)
        log = store.scan()
        ids = visible_leads(log, as_of) if leads is None else leads
        codes, moments = log.codes(ids), np.full(len(ids), as_of)
        score = np.array([crc32(one.encode()) % 100 for one in ids], dtype=np.float64)
        signs = signalled(log, book, codes, moments)
        listed = on_list(book, score, 50.0, signs.spoken, signs.off_topic >= 0)
        heard = meant(newest(store, log, book.journey, as_of), book, as_of)
        families = families_at(
            log, book, codes, as_of, score=score, probability=score / 100, heard=heard, least=50.0
        )  # fmt: skip
        chances = [Chance(one / 100, one) for one in score.tolist()]
        routes = route(book, log, ids, as_of, chances)
        allowed = may_contact(log, book.consent, as_of)
        status = standing(log, book.journey, codes, moments).status.tolist()
        return {
            one: {
                "status": Status(status[place]),
                "family": families.name(place),
                "untouched": bool(families.untouched[place]),
                "listed": bool(listed[place]),
                "contact": bool(allowed[codes[place]]),
                "routed": routes[place].to_dict(),
            }
            for place, one in enumerate(ids)
        }


@given(histories, days)
def test_what_is_known_later_changes_no_decision(events: list[Event], day: float):
    whole, as_of = named(events), at(day) + 1
    then = [one for one in whole if one.known_at < as_of]
    told = decided(BOOK, then, as_of)
    assert decided(BOOK, whole, as_of, list(told)) == told


@given(histories, days)
def test_every_open_lead_is_in_one_family_and_on_one_route_or_a_named_exception(events: list[Event], day: float):
    names = {route.name for route in BOOK.routes}
    for one in decided(BOOK, named(events), at(day) + 1).values():
        is_open = one["status"] is Status.scored
        assert (one["family"] is not None) == is_open
        routed = one["routed"]
        assert routed["why"]
        if not is_open:
            assert routed["status"] == one["status"].name
        elif routed["status"] == "routed":
            assert routed["route"] in names
            assert routed["seller"]
        elif routed["status"] == "exception":
            assert (routed["exception"], routed["to"]) == ("full", "desk")  # the routes partition the leads
        else:
            assert routed["status"] in ("account_won", "no_consent")
        assert one["contact"] or routed["status"] != "routed"
