"""Acts, rules and off-topic rules: known answers, and any history against a slow and obvious reading of the words."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, Event
from data.log import NEVER, EventLog
from data.maturity import absent, signalled
from data.signs import NOT_YET, Sign, firings, signs_of
from tests.histories import alias, at, identify, log_of, named, playbook, track
from veraison.playbook import Playbook
from veraison.playbook_maturity import Maturity

BOOK = playbook(
    features={"traits": {"role": "category", "employees": "number"}},
    maturity={
        "acts": ["Demo"],
        "rules": [
            {"name": "prices twice", "any": ["Pricing"], "at_least": 2, "within_days": 3},
            {"name": "any three", "any": ["Pricing", "Guide", "Webinar"], "at_least": 3, "within_days": 4},
            {"name": "guide and webinar", "all": ["Guide", "Webinar"], "within_days": 2},
        ],
        "for_days": 5,
        "off_topic": [
            {"name": "jobs", "events": ["Application"]},
            {"name": "students", "when": {"role": ["Student", "pupil"]}},
            {"name": "tiny", "when": {"employees": "<2", "role": "known"}},
        ],
    },
)
SIGNS = signs_of(BOOK.maturity or Maturity())


def said(log: EventLog, lead: str, day: float, book: Playbook = BOOK) -> tuple[list[float | None], list[bool], str]:
    """Of a lead on a day: the day on which each sign fired last, whether it speaks, and what it is off topic by."""
    assert book.maturity is not None
    found = signalled(log, book, log.codes([lead]), np.array([at(day)]))
    days = [None if one == NOT_YET else (one - at(0)) / MICROS_PER_DAY for one in found.newest[:, 0].tolist()]
    rule = int(found.off_topic[0])
    return days, found.speaks[:, 0].tolist(), "" if rule < 0 else book.maturity.off_topic[rule].name


# --- by hand -----------------------------------------------------------------------------------------------------


def test_the_worked_example():
    """Two looks at prices within 14 days, speaking for 30: 1 March, 10 March, 20 March."""
    rule = {"name": "prices", "any": ["Pricing"], "at_least": 2, "within_days": 14}
    book = playbook(maturity={"rules": [rule]})
    log = log_of(*(track("L1", "Pricing", day) for day in (0, 9, 19)))
    assert said(log, "L1", 9, book) == ([None], [False], "")  # not visible at its very moment
    assert said(log, "L1", 9.01, book) == ([9], [True], "")
    assert said(log, "L1", 19.01, book) == ([19], [True], "")
    assert said(log, "L1", 49, book) == ([19], [True], "")
    assert said(log, "L1", 49.01, book) == ([19], [False], "")


def test_a_late_event_fires_when_it_happened_and_only_where_it_still_speaks():
    log = log_of(
        track("L1", "Demo", 0, known=7),  # known too late: it spoke until day 5
        track("L2", "Pricing", 4), track("L2", "Pricing", 2, known=6),  # the second look is known first
        track("L3", "Pricing", 4), track("L3", "Pricing", 8, known=8), track("L3", "Pricing", 6, known=9),
    )  # fmt: skip
    assert said(log, "L1", 7) == ([None] * 4, [False] * 4, "")
    assert said(log, "L1", 7.5)[0][0] == 0
    assert not said(log, "L1", 7.5)[1][0]
    assert said(log, "L2", 6) == ([None] * 4, [False] * 4, "")
    assert said(log, "L2", 6.1) == ([None, 4, None, None], [False, True, False, False], "")
    assert said(log, "L3", 9)[0][1] is None
    assert said(log, "L3", 9.1)[0] == [None, 8, 8, None]


def test_a_merged_id_counts_as_the_person_from_the_merge_on():
    log = log_of(
        track("a-1", "Guide", 1), track("L1", "Lead Created", 0), alias("a-1", "L1", 2), track("L1", "Webinar", 2.5)
    )  # fmt: skip
    assert said(log, "L1", 2.4)[0] == [None] * 4
    assert said(log, "L1", 2.6)[0] == [None, None, None, 2.5]
    assert said(log, "a-1", 2.6)[0] == [None] * 4  # what came under the old id alone


def test_of_all_each_is_needed_in_whatever_order_and_within_the_days():
    log = log_of(
        track("L1", "Webinar", 1), track("L1", "Guide", 3),
        track("L2", "Webinar", 1), track("L2", "Guide", 3.01),
        track("L3", "Guide", 1), track("L3", "Guide", 2),
    )  # fmt: skip
    assert said(log, "L1", 4)[0][3] == 3
    assert said(log, "L2", 4)[0][3] is None
    assert said(log, "L3", 4)[0][3] is None


def test_who_is_off_topic():
    log = log_of(
        track("L1", "Demo", 1), track("L1", "Application", 2),
        track("L2", "Demo", 1), identify("L2", 2, role=" STUDENT "), identify("L2", 4, role="buyer"),
        identify("L3", 1, employees=1.0, role="buyer"), identify("L4", 1, employees=1.0),
        identify("L5", 1, role="pupil", employees=1.0), track("L5", "Application", 3),
    )  # fmt: skip
    assert [said(log, "L1", day)[2] for day in (1.5, 2.5, 99)] == ["", "jobs", "jobs"]
    assert [said(log, "L2", day)[2] for day in (1.5, 2.5, 4.5)] == ["", "students", ""]
    assert [said(log, lead, 2)[2] for lead in ("L3", "L4", "L5", "nobody")] == ["tiny", "", "students", ""]
    assert said(log, "L5", 4)[2] == "jobs"
    found = signalled(log, BOOK, log.codes(["L1", "L1"]), np.array([at(1.5), at(2.5)]))
    assert found.mature.tolist() == [True, False]


def test_a_playbook_without_the_table_says_nothing():
    log = log_of(track("L1", "Demo", 1))
    found = signalled(log, playbook(), np.array([0, -1]), np.array([at(2), at(2)]))
    assert (found.newest.shape, found.mature.tolist(), found.off_topic.tolist()) == ((0, 2), [False] * 2, [-1] * 2)
    assert absent(log, playbook(), at(2)) == []


def test_what_nobody_ever_sent_is_told():
    log = log_of(track("L1", "Demo", 1), track("L1", "Guide", 5), identify("L1", 1, employees=9.0))
    assert absent(log, BOOK, at(3)) == [
        "maturity.rules.0.any: no event 'Pricing' has occurred so far",
        "maturity.rules.1.any: no event 'Pricing' has occurred so far",
        "maturity.rules.1.any: no event 'Guide' has occurred so far",
        "maturity.rules.1.any: no event 'Webinar' has occurred so far",
        "maturity.rules.2.all: no event 'Guide' has occurred so far",
        "maturity.rules.2.all: no event 'Webinar' has occurred so far",
        "maturity.off_topic.0.events: no event 'Application' has occurred so far",
        "maturity.off_topic.1.when: no lead has the trait 'role' so far",
        "maturity.off_topic.2.when: no lead has the trait 'role' so far",
    ]


# --- any history -------------------------------------------------------------------------------------------------

KINDS = ("Demo", "Pricing", "Guide", "Webinar", "Application", "Visited")
DAYS = st.integers(0, 24).map(lambda n: n / 2)  # coarse, so that bounds and ties are met


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    told: list[Event] = []
    for _ in range(draw(st.integers(0, 14))):
        lead, day, late = draw(st.sampled_from(("a-1", "L1", "L2"))), draw(DAYS), draw(st.sampled_from((0, 0, 0.5, 6)))
        what = draw(st.sampled_from((*KINDS, "word")))
        if what == "word":
            role, employees = draw(st.sampled_from(("student", "buyer"))), draw(st.sampled_from((1.0, 9.0)))
            told.append(identify(lead, day, known=day + late, role=role, employees=employees))
        else:
            told.append(track(lead, what, day, known=day + late))
    if draw(st.booleans()):
        told.append(alias("a-1", "L1", draw(DAYS)))
    return named(told)


def obvious(log: EventLog, code: int, as_of: int, sign: Sign) -> int:
    """When a sign fired last: the newest of the last events of all sets of visible events that meet it."""
    seen = log.visible(code, as_of)
    events = list(zip([log.kinds[k] for k in log.kind[seen]], log.occurred[seen].tolist(), strict=True))
    sets: list[Sequence[tuple[str, int]]]
    if sign.each:
        sets = list(product(*([one for one in events if one[0] == name] for name in sign.events)))
    else:
        sets = list(combinations([one for one in events if one[0] in sign.events], sign.at_least))
    last = [max(when for _, when in one) for one in sets if spread(one) <= sign.within]
    return max(last, default=NOT_YET)


def spread(events: Sequence[tuple[str, int]]) -> int:
    return max(when for _, when in events) - min(when for _, when in events)


@given(histories(), st.lists(DAYS, min_size=1, max_size=6))
def test_any_history_against_all_sets_of_its_events(events, days):
    log = log_of(*events)
    lead = np.repeat(np.arange(-1, len(log.leads)), len(days))
    moments = np.tile([at(day) + 1 for day in days], len(log.leads) + 1)
    found = signalled(log, BOOK, lead, moments)
    for pair, (code, as_of) in enumerate(zip(lead.tolist(), moments.tolist(), strict=True)):
        wanted = [NOT_YET if code < 0 else obvious(log, code, as_of, sign) for sign in SIGNS]
        assert found.newest[:, pair].tolist() == wanted
        speaks = [one != NOT_YET and as_of - one <= 5 * MICROS_PER_DAY for one in wanted]
        assert found.speaks[:, pair].tolist() == speaks
        assert found.mature[pair] == (any(speaks) and found.off_topic[pair] < 0)


@given(histories())
def test_firings_are_what_each_moment_shows_and_rise(events):
    log = log_of(*events)
    for sign in SIGNS:
        found = firings(log, sign)
        assert (np.diff(found.lead) >= 0).all()
        assert (found.at <= found.known).all()
        for code in range(len(log.leads)):
            rows = slice(int(found.offsets[code]), int(found.offsets[code + 1]))
            assert (np.diff(found.known[rows]) > 0).all()
            assert (np.diff(found.at[rows]) > 0).all()
            moments = sorted({int(one) + 1 for one in log.known[log.offsets[code] : log.offsets[code + 1]]})
            first = next((one - 1 for one in moments if obvious(log, code, one, sign) != NOT_YET), NEVER)
            assert found.first_known[code] == first


@given(histories(), histories(), DAYS)
def test_what_is_known_later_changes_nothing(events, later, day):
    before = [one for one in events if one.known_at < at(day)]
    after = [one for one in (*events, *later) if one.known_at >= at(day)]
    log, more = log_of(*before), log_of(*before, *(replace(one, event_id=f"later-{n}") for n, one in enumerate(after)))
    leads = log.leads
    now = np.full(len(leads), at(day))
    short, long = (signalled(one, BOOK, one.codes(leads), now) for one in (log, more))
    for name in ("newest", "speaks", "off_topic"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name))
