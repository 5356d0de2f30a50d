"""Where a lead stands, against a slow and obvious telling of the same rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.journey import Role, Status, first_ripening, roles, standing
from data.log import NEVER
from tests.data.logs import KINDS, LEADS, some_events
from tests.data.test_log import logged, merge
from veraison.playbook import Journey

RULES = {"ready": ("Accepted",), "returned": ("Returned",), "converted": ("Won",), "lost": ("Lost",)}
CREATED = Journey(created=("Created",), opted_out=("Stop",), **RULES)
ANY_START = Journey(opted_out=("Stop",), **RULES)


def happened(*names, known=None):
    """A history of L1: event n happens at 10 * n, and is known then, or at `known`."""
    return [
        Event(f"e{n}", "L1", "track", kind, 10 * n, 10 * n if known is None else known)
        for n, kind in enumerate(names, 1)
    ]


def stands(batch, as_of=1_000, journey=CREATED, lead="L1"):
    log = logged(batch)
    then = standing(log, journey, log.codes([lead]), np.array([as_of]))
    moments = (then.started, then.closed, then.ready)
    return Status(then.status[0]).name, *(None if one[0] == NEVER else int(one[0]) for one in moments)


@pytest.mark.parametrize(
    ("names", "status", "started", "closed", "ready"),
    [
        (["Seen"], "not_started", None, None, None),
        (["Seen", "Created"], "scored", 20, None, None),
        (["Created", "Created"], "scored", 10, None, None),
        (["Created", "Accepted"], "scored", 10, None, 20),
        (["Created", "Accepted", "Returned"], "scored", 10, None, None),
        (["Created", "Accepted", "Returned", "Accepted"], "scored", 10, None, 40),
        (["Created", "Accepted", "Accepted"], "scored", 10, None, 20),
        (["Created", "Accepted", "Returned", "Accepted", "Accepted"], "scored", 10, None, 40),
        (["Created", "Returned"], "scored", 10, None, None),
        (["Created", "Won"], "converted", 10, 20, None),
        (["Created", "Lost", "Won"], "lost", 10, 20, None),
        (["Created", "Won", "Lost"], "converted", 10, 20, None),
        (["Won"], "converted", None, 10, None),
        (["Created", "Stop"], "opted_out", 10, None, None),
        (["Created", "Stop", "Won"], "opted_out", 10, 30, None),
    ],
)
def test_a_journey(names, status, started, closed, ready):
    assert stands(happened(*names)) == (status, started, closed, ready)


def test_without_created_events_the_first_event_starts_the_journey():
    assert stands(happened("Seen", "Seen"), journey=ANY_START) == ("scored", 10, None, None)


def test_a_lead_is_unknown_until_something_is_known_of_it():
    assert [stands(happened("Created"), as_of)[0] for as_of in (10, 11)] == ["unknown", "scored"]
    assert stands(happened("Created"), lead="nobody") == ("unknown", None, None, None)


def test_what_happened_first_closes_the_journey_whenever_it_became_known():
    late = Event("late", "L1", "track", "Lost", 5, 500)
    batch = [*happened("Created", "Won"), late]
    assert stands(batch, 500) == ("converted", 10, 20, None)
    assert stands(batch, 501) == ("lost", 10, 5, None)


@pytest.mark.parametrize("names", [("Won", "Lost"), ("Lost", "Won")])
def test_a_win_and_a_loss_at_one_moment_are_a_win(names):
    batch = [Event(f"e{n}", "L1", "track", kind, 10, 10) for n, kind in enumerate(names)]
    assert stands(batch)[0] == "converted"


def test_a_merged_lead_is_no_longer_scored_and_its_person_stands_where_both_stand():
    batch = [*happened("Created"), Event("w", "L1", "track", "Won", 15, 15), merge(30, "L1", "L2")]
    assert stands(batch, 30)[0] == "converted"
    assert stands(batch, 31)[0] == "merged"
    assert stands(batch, 31, lead="L2") == ("converted", 10, 15, None)
    assert stands(batch, 30, lead="L2")[0] == "unknown"


def test_each_kind_has_the_role_the_playbook_gives_it():
    found = [Role(code).name for code in roles(list(KINDS), CREATED)]
    assert found == ["other", "created", "ready", "returned", "converted", "lost", "opted_out"]


# Against the slow telling


def visible(log, lead, as_of):
    code = log.leads.index(lead) if lead in log.leads else -1
    rows = [] if code < 0 else range(log.offsets[code], log.offsets[code + 1])
    return [(int(log.known[n]), int(log.occurred[n]), log.kinds[log.kind[n]]) for n in rows if log.known[n] < as_of]


def slow_standing(log, journey, lead, as_of):
    seen = visible(log, lead, as_of)

    def times(names):
        return [occurred for _, occurred, kind in seen if kind in names]

    starts = journey.created or (*KINDS, "alias")
    closings = sorted(
        [(when, 0, "converted") for when in times(journey.converted)]
        + [(when, 1, "lost") for when in times(journey.lost)]
    )
    last_return = max(times(journey.returned), default=-1)
    acceptances = [when for when in times(journey.ready) if when > last_return]
    merged = log.identity.merged.get(lead, (None, NEVER))[1] < as_of
    if not seen:
        status = "unknown"
    elif merged:
        status = "merged"
    elif times(journey.opted_out):
        status = "opted_out"
    elif closings:
        status = closings[0][2]
    else:
        status = "scored" if times(starts) else "not_started"
    return (
        status,
        min(times(starts), default=NEVER),
        min([known for known, _, kind in seen if kind in starts], default=NEVER),
        closings[0][0] if closings else NEVER,
        min(acceptances, default=NEVER),
    )


def fast_standing(log, journey, leads, moments):
    then = standing(log, journey, log.codes(leads), np.array(moments))
    names = [Status(code).name for code in then.status]
    rows = zip(names, then.started, then.started_known, then.closed, then.ready, strict=True)
    return [(name, *map(int, numbers)) for name, *numbers in rows]


@given(batch=some_events(), journey=st.sampled_from([CREATED, ANY_START]))
def test_the_kernel_says_what_the_slow_telling_says(batch, journey):
    log = logged(batch)
    pairs = [(lead, as_of) for lead in (*LEADS, "nobody") for as_of in range(0, 14, 2)]
    fast = fast_standing(log, journey, *zip(*pairs, strict=True))
    assert fast == [slow_standing(log, journey, lead, as_of) for lead, as_of in pairs]


@given(batch=some_events(), later=some_events("later", least_known=6), journey=st.sampled_from([CREATED, ANY_START]))
def test_what_is_known_later_does_not_move_a_lead(batch, later, journey):
    pairs = [(lead, as_of) for lead in LEADS for as_of in range(7)]
    leads, moments = zip(*pairs, strict=True)
    before = fast_standing(logged(batch), journey, leads, moments)
    assert fast_standing(logged([*batch, *later]), journey, leads, moments) == before


@given(batch=some_events(), journey=st.sampled_from([CREATED, ANY_START]))
def test_the_first_ripening_is_the_first_acceptance_or_win_that_no_loss_precedes(batch, journey):
    log = logged(batch)
    triples = [(lead, after, after + more) for lead in log.leads for after in range(0, 9, 2) for more in (0, 3, 9)]
    if not triples:
        return
    leads, after, before = (list(part) for part in zip(*triples, strict=True))
    found = first_ripening(log, journey, log.codes(leads), np.array(after), np.array(before))
    expected = []
    for lead, earliest, snapshot in triples:
        seen = visible(log, lead, snapshot)
        ripe = [when for _, when, kind in seen if kind in ("Accepted", "Won") and when >= earliest]
        lost = [when for _, when, kind in seen if kind == "Lost"]
        first = min(ripe, default=NEVER)
        expected.append(first if first <= min(lost, default=NEVER) else NEVER)
    assert found.tolist() == expected
