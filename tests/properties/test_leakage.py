"""Nothing that becomes known at or after a moment changes a feature, a score, a status or a reason at that moment.

Not the acts of the lead, not its traits, not its outcome, not who it turns out to be. To the bit.
"""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.journey import standing
from data.log import EventLog
from data.store import Store
from features import compute
from serving.scorer import score
from tests import market
from tests.histories import at, named

LEADS = ["a", "b", "c", "anon", "ANON"]
KINDS = [
    "Lead Created",
    "Visited",
    "Quote",
    "Mail Sent",
    "Accepted",
    "Returned",
    "Deal Won",
    "Deal Lost",
    "Stop",
    "New",
]
AS_OF = 40.0

traits = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(["FR", "DE", "XX"]),
        "size": st.one_of(st.floats(-1e6, 1e6), st.just("?")),
        "email": st.sampled_from(["x@y.fr", "X@Y.FR ", "z@y.fr"]),
        "unheard": st.just("of"),
    },
)


@st.composite
def events(draw, known_from: float = 0.0) -> Event:
    """Anything that can happen: acts, outcomes, traits, merges, addresses; known from some day on."""
    lead, previous = draw(st.permutations(LEADS))[:2]
    occurred = draw(st.one_of(st.integers(0, 60).map(float), st.floats(0, 60)))
    known = max(at(occurred) + draw(st.sampled_from([0, 0, 1, at(3) - at(0), at(30) - at(0)])), at(known_from))
    kind = draw(st.sampled_from([*KINDS, "identify", "identify", "identify", "alias"]))
    teaching = kind in ("identify", "alias")
    merges = kind == "alias" or (kind == "identify" and draw(st.integers(0, 3)) == 0)
    return Event(
        event_id="",
        lead_id=lead,
        type=kind if teaching else "track",
        kind=kind,
        occurred_at=at(occurred),
        known_at=known,
        value=draw(st.one_of(st.none(), st.integers(-(10**9), 10**12))),
        traits=draw(traits) if kind == "identify" else {},
        previous_id=previous if merges else None,
    )


@st.composite
def histories(draw, known_from: float = 0.0, prefix: str = "m", least: int = 0) -> list[Event]:
    size = draw(st.integers(least, 30))
    drawn = draw(st.lists(events(known_from), min_size=size, max_size=size))
    return [replace(one, event_id=prefix + one.event_id) for one in named(drawn)]


def log_of(happened: list[Event]) -> EventLog:
    with Store("sqlite://", ("email",)) as store:
        store.append(happened)
        return store.scan()


created = [
    Event(f"born-{lead}", lead, "track", "Lead Created", at(day), at(day))
    for lead, day in (("a", 1), ("b", 5), ("anon", 9))
]
moments = st.one_of(st.just(at(AS_OF)), st.integers(at(30), at(AS_OF)))


def columns(log: EventLog, as_of: int) -> dict[str, bytes]:
    """Every column of the model for every lead, whether it would be scored or not."""
    book, feature_set = market.bundle().playbook, market.bundle().feature_set
    known = [lead for lead in LEADS if lead in log.leads]
    code, when = log.codes(known), np.full(len(known), as_of)
    rows = compute.batch(log, feature_set, code, when, standing(log, book.journey, code, when).started)
    nothing = compute.batch(log, feature_set, code, np.zeros_like(when), np.full(len(known), np.iinfo(np.int64).max))
    found = {lead: row.tobytes() for lead, row in zip(known, rows, strict=True)}
    blank = nothing[0].tobytes() if known else b""  # what a lead looks like of which nothing is known
    return {lead: row for lead, row in found.items() if row != blank}


@given(histories(least=5), histories(known_from=AS_OF, prefix="later-", least=1), moments)
def test_no_column_shows_what_is_known_later(base, later, as_of):
    assert columns(log_of([*created, *base]), as_of) == columns(log_of([*created, *base, *later]), as_of)


@given(histories(least=5), histories(known_from=AS_OF, prefix="later-", least=1), moments)
def test_no_score_status_or_reason_shows_what_is_known_later(base, later, as_of):
    answers = [
        [repr(one) for one in score(market.bundle(), log_of(happened), LEADS, [as_of] * len(LEADS)).rows(shown=99)]
        for happened in ([*created, *base], [*created, *base, *later])
    ]
    assert answers[0] == answers[1]


@given(histories(least=5), histories(known_from=AS_OF, prefix="later-", least=1))
def test_what_the_store_held_before_decides_whatever_arrives_in_between(base, later):
    """The same through one store that grows, and through the histories of single leads."""
    with Store("sqlite://", ("email",)) as store:
        store.append([*created, *base])
        before = [repr(score(market.bundle(), store.history([one]), [one], [at(AS_OF)]).row(0)) for one in LEADS]
        store.append(later)
        assert before == [
            repr(score(market.bundle(), store.history([one]), [one], [at(AS_OF)]).row(0)) for one in LEADS
        ]


@given(histories(least=5))
def test_the_additions_of_these_tests_would_show_a_moment_later(base):
    """The tests above could not fail if nothing ever changed: one visit known just before the moment does show."""
    visit = Event("visit", "a", "track", "Visited", at(AS_OF) - 1, at(AS_OF) - 1)
    assert (
        columns(log_of([*created, *base]), at(AS_OF))["a"] != columns(log_of([*created, *base, visit]), at(AS_OF))["a"]
    )
