"""The record of scores: who counts where, when, and how sure a share is."""

import dataclasses
import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from data import bands as bands_of
from data import record, scorelog
from data.bands import Band, difference
from data.events import MICROS_PER_DAY, Event
from data.record import Done, Record, banded, served, wilson
from data.scorelog import LATE, LoggedScore
from data.store import Store
from tests.histories import alias, at, identify, named, playbook, track

DAYS = 30
JOURNEY = playbook().journey


def logged(
    lead: str, day: float, score: float | None, *, late: float = 0.0, model: str = "v1", **more: Any
) -> LoggedScore:
    """A score of a lead on a day, whose probability is a hundredth of it."""
    chance = 0.0 if score is None else score / 100
    answer = {f"p_{DAYS}d": chance, "p_7d": 0.0} | more
    asked = at(day) + round(late * MICROS_PER_DAY)
    status = "too_early" if score is None else "scored"
    return LoggedScore(lead, at(day), asked, status, score, chance, model, "f", None, answer)


def bands(found: Record) -> dict[int, tuple[int, int, float]]:
    return {one.low: (one.leads, one.won, round(one.expected, 9)) for one in found.bands if one.leads}


def filled(url: str, events: list[Event], scores: list[LoggedScore]) -> Store:
    store = Store(url)
    store.append(named(events))
    scorelog.append(store, scores)
    return store


def test_the_worked_example(store_url: str):
    events = [track("L1", "Lead Created", 0), track("L1", "Deal Won", 36)]
    scores = [logged("L1", 1, 42), logged("L1", 2, 44), logged("L1", 10, 75)]
    with filled(store_url, events, scores) as store:
        seen = {day: bands(served(store, JOURNEY, DAYS, at(day)).whole) for day in (30.9, 31, 39.9, 40)}
        assert seen == {
            30.9: {},
            31: {40: (1, 0, 0.42)},
            39.9: {40: (1, 0, 0.42)},  # the win is known, but its score's time is not over
            40: {40: (1, 0, 0.42), 70: (1, 1, 0.75)},
        }
        found = served(store, JOURNEY, DAYS, at(40))
        assert (found.whole.everyone.leads, found.whole.everyone.won) == (1, 0)  # by its first score
        assert (found.whole.since, found.whole.until) == (at(1), at(10))


def test_what_does_not_count(store_url: str):
    events = [track(lead, "Lead Created", 0) for lead in ("L1", "L2", "L3", "L4", "L5")]
    events += [track("L1", "Deal Won", 5, known=12), track("L2", "Deal Lost", 20), track("L2", "Deal Won", 25)]
    scores = [
        logged("L1", 10, 95),  # it was won already, which nobody knew
        logged("L2", 10, 15),  # a win after a loss is none
        logged("L3", 10, 15, late=1.01),  # a look back
        logged("L4", 10, None),  # too early for a score
        logged("L5", 10, 15, **{f"p_{DAYS}d": None}),  # of a model with other horizons
        logged("L9", 10, 15),  # nothing is held of it
        logged("L3", 60, 15),
    ]
    with filled(store_url, events, scores) as store:
        found = served(store, JOURNEY, DAYS, at(70))
        assert bands(found.whole) == {10: (1, 0, 0.15)}
        assert (found.waiting, found.replayed) == (1, 1)


def test_what_was_not_observed_yet_does_not_count(store_url: str):
    events = [track("L1", "Lead Created", 0)]
    late = JOURNEY.model_copy(
        update={"observed_from": playbook(journey={"observed_from": "2026-01-15T00:00:00Z"}).journey.observed_from}
    )
    with filled(store_url, events, [logged("L1", 10, 15), logged("L1", 20, 25)]) as store:
        assert bands(served(store, late, DAYS, at(70)).whole) == {20: (1, 0, 0.25)}


def test_a_person_counts_once_under_all_its_ids(store_url: str):
    events = [
        track("a", "Lead Created", 0),
        track("L1", "Lead Created", 1),
        alias("a", "L1", 50),
        track("L1", "Deal Won", 15),
    ]
    with filled(store_url, events, [logged("a", 2, 31), logged("L1", 3, 39), logged("L1", 4, 41)]) as store:
        assert bands(served(store, JOURNEY, DAYS, at(45)).whole) == {30: (2, 1, 0.7), 40: (1, 1, 0.41)}
        assert bands(served(store, JOURNEY, DAYS, at(60)).whole) == {30: (1, 1, 0.31), 40: (1, 1, 0.41)}


def test_a_win_after_an_opt_out_is_a_win(store_url: str):
    journey = playbook(journey={"opted_out": ["Stop"]}).journey
    events = [track("L1", "Lead Created", 0), track("L1", "Stop", 5), track("L1", "Deal Won", 8)]
    with filled(store_url, events, [logged("L1", 2, 31)]) as store:
        assert bands(served(store, journey, DAYS, at(45)).whole) == {30: (1, 1, 0.31)}


def test_models_stand_by_themselves_and_together(store_url: str):
    events = [track(lead, "Lead Created", 0) for lead in ("L1", "L2")] + [track("L2", "Deal Won", 12)]
    scores = [
        logged("L1", 1, 31), logged("L1", 3, 32, model="v2"), logged("L2", 4, 33, model="v2"),
        logged("L2", 9, 38, model="v3"),
    ]  # fmt: skip
    with filled(store_url, events, scores) as store:
        found = served(store, JOURNEY, DAYS, at(60))
        assert bands(found.whole) == {30: (2, 1, 0.64)}
        assert [(name, bands(one)) for name, one in found.versions] == [
            ("v3", {30: (1, 1, 0.38)}), ("v2", {30: (2, 1, 0.65)}), ("v1", {30: (1, 0, 0.31)}),
        ]  # fmt: skip


def test_the_bands_hold_their_lower_bound_and_the_last_both(store_url: str):
    scores = [0.0, 9.999, 10.0, 89.999, 90.0, 100.0]
    events = [track(f"L{n}", "Lead Created", 0) for n in range(len(scores))]
    with filled(store_url, events, [logged(f"L{n}", 1, score) for n, score in enumerate(scores)]) as store:
        found = bands(served(store, JOURNEY, DAYS, at(60)).whole)
        assert {low: leads for low, (leads, _, _) in found.items()} == {0: 2, 10: 1, 80: 1, 90: 2}


LEADS = ("L0", "L1", "L2", "L3", "L4")
SCORE = st.tuples(
    st.sampled_from(LEADS), st.integers(1, 60), st.integers(0, 1000).map(lambda tenth: tenth / 10),
    st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from(["v1", "v2"]),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    scores=st.lists(SCORE, max_size=25, unique_by=lambda one: (one[0], one[1], one[4])),
    won=st.dictionaries(st.sampled_from(LEADS), st.integers(1, 70)),
    merged=st.sets(st.sampled_from(LEADS[:2])),
    now=st.integers(20, 100),
)
def test_the_record_is_that_of_a_slow_and_obvious_count(scores, won, merged, now):
    events = [track(lead, "Lead Created", 0) for lead in LEADS]
    events += [track(lead, "Deal Won", day + 0.5) for lead, day in won.items()]
    events += [alias(lead, "L4", 0.5) for lead in sorted(merged)]
    with filled(
        "sqlite://", events, [logged(who, day, n, late=late, model=model) for who, day, n, late, model in scores]
    ) as store:
        found = served(store, JOURNEY, DAYS, at(now))

    def person(lead: str) -> str:
        return "L4" if lead in merged else lead

    wins = {one: min(day + 0.5 for lead, day in won.items() if person(lead) == one) for one in map(person, won)}
    first: dict[tuple[str, int], tuple[int, bool, float]] = {}
    for who, day, number, late, _ in sorted(scores, key=lambda one: (one[1], LEADS.index(person(one[0])), one[4])):
        one, over = person(who), day + DAYS <= now
        known = wins[one] if one in wins and wins[one] < now else np.inf
        if late * MICROS_PER_DAY <= LATE and over and known > day:
            key = one, min(int(number // 10), 9)
            if key not in first or first[key][0] == day:
                first.setdefault(key, (day, known - day <= DAYS, number / 100))
    counted = {low: [told for (_, band), told in first.items() if band * 10 == low] for low in range(0, 100, 10)}
    assert {low: (leads, came) for low, (leads, came, _) in bands(found.whole).items()} == {
        low: (len(told), sum(came for _, came, _ in told)) for low, told in counted.items() if told
    }


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
):
    found = difference(*(Band(0, 100, leads, won, 0.0) for won, leads in (one, other)))
    assert found == pytest.approx((low, high), abs=6e-5)
    assert difference(Band(0, 100, 0, 0, 0.0), Band(0, 100, 5, 1, 0.0)) is None


@given(leads=st.integers(1, 400), share=st.floats(0, 1))
def test_the_interval_is_wilsons(leads: int, share: float):
    won = round(share * leads)
    theirs = binomtest(won, leads).proportion_ci(0.95, method="wilson")
    assert wilson(won, leads) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_first_score_of_a_band_promises_what_comes():
    """A chance that drifts with what becomes known keeps its promise at the first arrival in each band."""
    rng = np.random.default_rng(3)
    people, steps = 40_000, 12
    drawn = rng.normal(size=(people, steps + 1)).cumsum(axis=1)
    person, moment = np.repeat(np.arange(people), steps), np.tile(np.arange(steps), people)
    left = np.sqrt(steps - np.arange(steps))
    from scipy.stats import norm  # noqa: PLC0415 (one test alone)

    chance = norm.cdf(drawn[:, :steps] / left).ravel()  # of ending above zero
    won = np.repeat(drawn[:, steps] > 0, steps)
    # the walk of `steps` more normal steps; position k has steps - k to come
    found = banded(person, moment, 100 * chance, chance, won, DAYS)
    for band in found.bands:
        low, high = band.interval
        assert low - 0.01 <= band.predicted <= high + 0.01
        assert band.leads > 1_000


def test_a_record_is_kept_as_json_and_comes_back():
    rng = np.random.default_rng(5)
    chance = rng.uniform(size=200)
    found = banded(np.arange(200), np.arange(200) + at(1), 100 * chance, chance, rng.uniform(size=200) < chance, DAYS)
    back = Record.from_dict(found.to_dict())
    assert bands(back) == bands(found)
    assert back.everyone.to_dict() == pytest.approx(found.everyone.to_dict())
    assert (back.since, back.until, back.days) == (found.since, found.until, found.days)
    nothing = banded(*(np.empty(0, dtype=np.int64),) * 2, *(np.empty(0),) * 2, np.empty(0, dtype=np.bool_), DAYS)
    assert Record.from_dict(nothing.to_dict()) == nothing
    assert not nothing.enough


def test_what_the_docstrings_show():
    assert doctest.testmod(bands_of).failed == 0
    found = doctest.testmod(record)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_a_trait_alone_makes_no_outcome(store_url: str):
    with filled(store_url, [identify("L1", 0, size=3.0)], [logged("L1", 2, 31)]) as store:
        assert bands(served(store, JOURNEY, DAYS, at(45)).whole) == {30: (1, 0, 0.31)}


# --- by what sales did -------------------------------------------------------------------------------------------


def handed(lead: str, day: float, score: float, propensity: float, chosen: bool = False) -> LoggedScore:
    return logged(lead, day, score, propensity=propensity, exploration=chosen)


def called(lead: str, day: float) -> Event:
    return dataclasses.replace(track(lead, "Call", day), actor="Petit")


def sides(found: Record, low: int | None = None) -> dict[str, tuple[int, int]]:
    split = found.splits[0 if low is None else 1 + low // 10]
    return {side: (one.leads, one.won) for side in ("worked", "left", "explored", "not_drawn")
            if (one := getattr(split, side))}  # fmt: skip


def test_outcomes_by_what_sales_did(store_url: str):
    events = [track(f"L{n}", "Lead Created", 0) for n in range(6)]
    events += [called("L0", 12), called("L1", 12), called("L2", 12), track("L0", "Deal Won", 20)]
    events += [track("L3", "Deal Won", 20), track("L4", "Deal Won", 21)]
    scores = [
        handed("L0", 10, 72, 1.0), handed("L1", 10, 73, 1.0), handed("L3", 10, 74, 1.0),
        handed("L2", 10, 31, 0.05, chosen=True), handed("L4", 10, 32, 0.05), logged("L5", 10, 33),
    ]  # fmt: skip
    with filled(store_url, events, scores) as store:
        found = served(store, JOURNEY, DAYS, at(60)).whole
    assert sides(found, 70) == {"worked": (2, 1), "left": (1, 1), "explored": (0, 0), "not_drawn": (0, 0)}
    assert sides(found, 30) == {"worked": (1, 0), "left": (2, 1), "explored": (1, 0), "not_drawn": (1, 1)}
    assert sides(found) == {"worked": (3, 1), "left": (3, 2), "explored": (1, 0), "not_drawn": (1, 1)}
    assert sides(Record.from_dict(found.to_dict()), 30) == sides(found, 30)
    told = found.to_dict()["bands"][7]
    assert (told["worked"]["leads"], told["not_worked"]["share"], told["explored"]["share"]) == (2, 1.0, None)


def test_of_who_was_drawn_later_the_first_draw_counts(store_url: str):
    """A rule that looks only back: to count whoever was ever drawn would count who stayed open longest."""
    events = [track("L0", "Lead Created", 0)]
    scores = [handed("L0", 3, 31, 0.05), handed("L0", 10, 32, 0.05, chosen=True), handed("L0", 20, 55, 1.0)]
    with filled(store_url, events, scores) as store:
        found = served(store, JOURNEY, DAYS, at(60)).whole
    assert sides(found)["not_drawn"] == (1, 0)
    assert sides(found)["explored"] == (0, 0)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(0, 60), st.floats(0, 100), st.booleans(), st.booleans(),
            st.sampled_from([float("nan"), 0.1, 1.0]), st.booleans(),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_the_worked_and_the_others_are_all(rows: list[Any]):
    person, day, score, won, worked, propensity, explored = (
        np.array([row[column] for row in rows]) for column in range(7)
    )
    done = Done(worked.astype(bool), propensity.astype(float), explored.astype(bool))
    found = banded(person.astype(int), day.astype(int), score.astype(float), score / 100, won.astype(bool), DAYS, done)
    for band, split in zip((found.everyone, *found.bands), found.splits, strict=True):
        assert split.worked.leads + split.left.leads == band.leads
        assert split.worked.won + split.left.won == band.won
        assert split.worked.expected + split.left.expected == pytest.approx(band.expected)
        assert split.explored.leads + split.not_drawn.leads <= band.leads
