"""One family of columns at a time, by hand: small histories whose every number can be told by looking."""

import doctest
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, Event, parse_instant
from data.log import NEVER
from features import compute, powers
from features.catalogue import FeatureSet, Sequence, TraitSpec
from tests.histories import HOUR, at, identify, log_of, track

SET = FeatureSet(
    windows=(1, 7, 30),
    kinds=("Quote", "Mail Sent", "Lead Created"),
    outbound=("Mail Sent",),
    neutral=("Lead Created", "Deal Won", "identify"),
    valued=("Quote",),
    traits=(TraitSpec("email", "email"), TraitSpec("size", "number"), TraitSpec("company", "account")),
    half_lives=(7, 30),
    sequences=(Sequence("Mail Sent", "Quote", 2),),
    people=True,
)
PARIS = replace(SET, time_zone="Europe/Paris")


def told(*events, day=10.0, which=SET):
    """Every column of lead a on one day, by name."""
    row = compute.vector(log_of(*events), which, "a", at(day), NEVER)
    return dict(zip(which.names, row.tolist(), strict=True))


def quotes(*days, **more):
    return [track("a", "Quote", day, **more) for day in days]


def by(actor, day, kind="Mail Sent", **more):
    return replace(track("a", kind, day, **more), actor=actor)


# --- decays


@pytest.mark.parametrize("whole", [*range(-1022, -1000), *range(-60, 61), *range(1000, 1023)])
def test_a_whole_power_of_two_is_exact(whole):
    assert powers.power_of_two(float(whole)) == math.ldexp(1.0, whole)


@given(st.floats(-1000, 1000))
def test_a_power_of_two_is_right_to_the_last_digits(x):
    assert powers.power_of_two(x) == pytest.approx(math.pow(2.0, x), rel=1e-15, abs=0.0)


def test_what_is_too_small_to_tell_is_nothing():
    assert powers.power_of_two(-1022.5) == powers.power_of_two(-1e300) == 0.0


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(powers).failed == 0


def test_an_event_weighs_half_as_much_each_half_life():
    found = told(*quotes(3.0, 10.0 - 14), day=10.0)
    assert found["decayed__quote__half_7d"] == 0.5 + 0.25
    assert found["decayed__all__half_30d"] == pytest.approx(2 ** (-7 / 30) + 2 ** (-14 / 30), rel=1e-15)
    assert found["decayed__mail_sent__half_7d"] == 0


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_decays_over_sixty_years_are_those_of_exact_sums(seed, moments):
    """Three thousand half-lives of a week: the anchor moves several times, and now and then over years of silence."""
    rng = np.random.default_rng(seed)
    start, years = parse_instant("1975-01-01T00:00:00Z"), 60 * 365 * MICROS_PER_DAY
    occurred = np.sort(start + rng.integers(0, years, 40))
    known = occurred + rng.integers(0, 400, 40) * MICROS_PER_DAY * (rng.random(40) < 0.3)
    log = log_of(
        *(Event(f"m{n:02d}", "a", "track", "Quote", int(occurred[n]), int(known[n])) for n in range(40))
    )  # fmt: skip
    as_of = np.sort(np.append(rng.integers(start, start + years, moments), known + 1))
    some = SET.only(["decayed__quote__half_7d", "decayed__quote__half_30d"])
    found = compute.batch(log, some, np.zeros_like(as_of), as_of, as_of)
    for moment, row in zip(as_of, found, strict=True):
        ages = (moment - occurred[known < moment]) / MICROS_PER_DAY
        for days, number in zip((7, 30), row, strict=True):
            assert number == pytest.approx(math.fsum(2.0 ** (-ages / days)), rel=1e-12, abs=1e-290)


# --- recency and days


def test_the_first_of_a_kind_is_the_oldest_not_the_first_known():
    found = told(*quotes(8.0), track("a", "Quote", 2.0, known=9.0))
    assert (found["first__quote"], found["since__quote"]) == (8.0, 2.0)
    assert math.isnan(found["first__mail_sent"])


def test_active_days_are_days_of_the_calendar():
    """9.9 and 9.1 are one day; 3.1 is of a day that began before the window, and counts as long as the event does."""
    found = told(*quotes(9.9, 9.1, 8.95, 3.1, 2.9), day=10.0)
    assert (found["active_days__all__7d"], found["active_days__inbound__30d"]) == (3, 4)
    assert found["active_days__inbound__ever"] == 4
    edge = told(*quotes(3.0, 3.5), day=10.0)
    assert edge["active_days__all__7d"] == 1
    assert told(*quotes(3.0), day=10.0)["active_days__all__7d"] == 0


def test_a_day_begins_at_midnight_of_the_firm():
    """23:30 and 22:30 UTC are two days in Paris in winter, one in UTC."""
    late = quotes(5 + 22.5 / 24, 5 + 23.5 / 24)
    assert told(*late)["active_days__all__ever"] == told(*late, which=SET)["active_days__all__30d"] == 1
    assert told(*late, which=PARIS)["active_days__all__ever"] == 2
    assert told(*late, which=replace(SET, time_zone="Asia/Kolkata"))["active_days__all__ever"] == 1


@pytest.mark.parametrize(
    ("change", "hours"), [("2026-03-29T00:00:00+01:00", 23), ("2026-10-25T00:00:00+02:00", 25)]
)  # fmt: skip
def test_the_days_on_which_clocks_change_have_other_lengths(change, hours):
    midnight = parse_instant(change)
    day = (midnight - at(0)) / MICROS_PER_DAY
    last = midnight + hours * HOUR - 1
    inside = [Event("x", "a", "track", "Quote", midnight, midnight), Event("y", "a", "track", "Quote", last, last)]
    assert told(*inside, day=day + 3, which=PARIS)["active_days__all__ever"] == 1
    assert told(*inside, day=day + 3, which=PARIS)["busiest_day__all"] == 2
    outside = [inside[0], Event("y", "a", "track", "Quote", last + 1, last + 1)]
    assert told(*outside, day=day + 3, which=PARIS)["active_days__all__ever"] == 2


def test_a_day_is_in_a_window_as_long_as_its_newest_event_is_whichever_was_known_last():
    log = log_of(*quotes(5.9), track("a", "Quote", 5.1, known=6.0))
    days = [6.5, 12.5, 12.95]
    as_of = np.array([at(day) for day in days])
    found = compute.batch(log, SET.only(["active_days__all__7d"]), np.zeros_like(as_of), as_of, as_of)
    assert found[:, 0].tolist() == [1, 1, 0]


def test_the_busiest_day_is_of_all_days_whatever_came_late():
    found = told(*quotes(1.1, 1.2, 1.3, 5.0, 5.1), track("a", "Quote", 1.4, known=9.0), track("a", "Mail Sent", 5.2))
    assert [found[f"busiest_day__{group}"] for group in ("all", "inbound", "outbound")] == [4, 4, 1]
    assert told(track("a", "Quote", 11.0))["busiest_day__all"] == 0


def test_office_hours_are_those_of_the_firm():
    """5 January 2026 is a Monday; nine o'clock is in, eighteen is not, Saturday is not."""
    monday = [4 + hour / 24 for hour in (8.999, 9.0, 17.0, 17.999, 18.0)]
    saturday = [9 + 10 / 24]
    found = told(*quotes(*monday, *saturday), day=20)
    assert found["office_hours__inbound"] == 3 / 6
    assert told(*quotes(*monday, *saturday), day=20, which=PARIS)["office_hours__inbound"] == 2 / 6
    assert math.isnan(found["office_hours__outbound"])


# --- gaps


def test_gaps_lie_between_one_event_and_the_next():
    found = told(*quotes(1.0, 2.0, 6.0), day=10.0)
    assert found["gap_mean__inbound"] == 2.5
    assert found["gap_longest__inbound"] == 4.0
    assert found["overdue__inbound"] == 4 / 2.5
    variation = 1.5 / 2.5
    assert found["burstiness__inbound"] == pytest.approx((variation - 1) / (variation + 1), rel=1e-12)


def test_what_came_late_or_at_once_makes_a_gap_of_nothing():
    found = told(*quotes(1.0, 5.0, 5.0), track("a", "Quote", 3.0, known=6.0), day=10.0)
    assert (found["gap_mean__inbound"], found["gap_longest__inbound"]) == (4 / 3, 4.0)


def test_one_event_has_no_rhythm_and_two_have_no_bursts():
    one, two = told(*quotes(1.0)), told(*quotes(1.0, 2.0))
    rhythm = ("gap_mean", "gap_longest", "burstiness", "overdue")
    assert [math.isnan(one[f"{name}__all"]) for name in rhythm] == [True] * 4
    assert [math.isnan(two[f"{name}__all"]) for name in rhythm] == [False, False, True, False]
    at_once = told(*quotes(1.0, 1.0, 1.0))
    assert (at_once["gap_mean__all"], at_once["gap_longest__all"]) == (0, 0)
    assert math.isnan(at_once["burstiness__all"])
    assert math.isnan(at_once["overdue__all"])


def test_a_clock_is_as_little_bursty_as_can_be():
    assert told(*quotes(*range(1, 9)))["burstiness__all"] == -1
    assert told(*quotes(*(0.1 * n for n in range(1, 99))))["burstiness__all"] == pytest.approx(-1, abs=1e-6)
    assert told(*quotes(*([1.0] * 50), 9.0))["burstiness__all"] > 0.7


# --- values, stages, people, sequences


def test_the_highest_value_and_the_newest():
    found = told(
        *quotes(1.0, value=5.0), *quotes(3.0, value=-2.5), *quotes(4.0), track("a", "Quote", 2.0, known=8.0, value=1.0)
    )
    assert (found["highest__quote"], found["latest__quote"]) == (5.0, -2.5)
    assert told(*quotes(1.0, value=-7.0))["highest__quote"] == -7.0
    assert math.isnan(told(*quotes(1.0))["highest__quote"])
    assert math.isnan(told(*quotes(1.0))["latest__quote"])


def test_of_two_values_of_one_moment_the_one_known_last_is_the_newest():
    both = [track("a", "Quote", 3.0, known=5.0, value=1.0), track("a", "Quote", 3.0, known=4.0, value=2.0)]
    assert told(*both)["latest__quote"] == 1.0


def test_the_newest_kinds_by_when_they_happened():
    events = [
        track("a", "Quote", 1.0), track("a", "Mail Sent", 3.0), track("a", "Strange", 4.0),
        track("a", "Quote", 2.0, known=6.0), identify("a", 5.0, size=1.0), track("a", "Deal Won", 5.0),
    ]  # fmt: skip
    found = told(*events)
    assert [found[f"recent_kind__{place}"] for place in (1, 2, 3)] == [0, 2, 1]  # other, Mail Sent, Quote
    few = told(track("a", "Lead Created", 1.0))
    assert few["recent_kind__1"] == 3  # neutral, but with columns of its own
    assert math.isnan(few["recent_kind__2"])
    assert told(track("a", "Quote", 1.0), track("a", "Mail Sent", 1.0))["recent_kind__1"] == 2  # known last


def test_a_stage_is_reached_with_each_new_kind():
    events = [*quotes(1.0, 9.0), track("a", "Mail Sent", 4.0), track("a", "Strange", 8.0)]
    found = told(*events)
    assert (found["stage"], found["in_stage"]) == (2, 6.0)
    earlier = told(*events, track("a", "Mail Sent", 2.0, known=9.5))
    assert (earlier["stage"], earlier["in_stage"]) == (2, 8.0)
    nothing = told(track("a", "Strange", 8.0))
    assert nothing["stage"] == 0
    assert math.isnan(nothing["in_stage"])


def test_people_are_counted_once_and_only_where_the_event_counts():
    events = [by("Petit", 1.0), by("Durand", 2.0), by("Petit", 3.0, "Strange"), by("Martin", 4.0, "Deal Won")]
    assert told(*events)["actors"] == 2
    assert told(*events, day=1.5)["actors"] == 1
    assert told(*quotes(1.0))["actors"] == 0


def test_people_of_one_lead_are_not_those_of_the_next():
    log = log_of(by("Petit", 1.0), replace(by("Petit", 1.0), lead_id="b"), replace(by("Durand", 1.0), lead_id="b"))
    some = SET.only(["actors"])
    found = compute.batch(log, some, np.array([0, 1, 0]), np.full(3, at(9)), np.full(3, at(0)))
    assert found[:, 0].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("first", "then", "hit"),
    [
        (1.0, 2.0, 1), (1.0, 3.0, 0), (1.0, 3.0 - 1 / MICROS_PER_DAY, 1), (2.0, 1.0, 0), (1.0, 1.0, 1), (1.0, 9.0, 0),
    ],
)  # fmt: skip
def test_a_sequence_is_the_one_and_then_in_time_the_other(first, then, hit):
    events = [track("a", "Mail Sent", first), track("a", "Quote", then)]
    assert told(*events)["sequence__mail_sent__quote__2d"] == hit


def test_a_sequence_looks_at_the_newest_event_known_by_then():
    mails = [track("a", "Mail Sent", day) for day in (1.0, 5.0)]
    assert told(*mails, track("a", "Quote", 2.0, known=6.0))["sequence__mail_sent__quote__2d"] == 0
    assert told(*mails, track("a", "Quote", 6.5))["sequence__mail_sent__quote__2d"] == 1
    unknown_yet = [track("a", "Mail Sent", 1.0, known=6.0), track("a", "Quote", 2.0, known=3.0)]
    assert told(*unknown_yet)["sequence__mail_sent__quote__2d"] == 0


# --- traits


def test_a_trait_is_known_since_it_became_true():
    found = told(identify("a", 2.0, known=8.0, size=1.0), identify("a", 4.0, size="unreadable"))
    assert (found["missing__size"], found["learned__size"], found["profile"]) == (0, 8.0, 1)
    nothing = told(*quotes(1.0))
    assert (nothing["missing__size"], nothing["missing__company"], nothing["profile"]) == (1, 1, 0)
    assert math.isnan(nothing["learned__size"])


@pytest.mark.parametrize(
    ("address", "code"),
    [("x@GMAIL.com", 1), (" x@etu.univ-lyon1.fr", 2), ("x@acme.fr", 3), ("acme.fr", 3), ("by phone", math.nan)],
)
def test_an_address_is_of_a_kind(address, code):
    found = told(identify("a", 1.0, email=address))
    assert found["trait__email"] == pytest.approx(code, nan_ok=True)
    assert found["missing__email"] == math.isnan(code)


def test_an_address_that_is_none_does_not_hide_the_one_before():
    assert told(identify("a", 1.0, email="x@acme.fr"), identify("a", 2.0, email="?"))["trait__email"] == 3


def test_a_company_is_no_column_but_known_or_not():
    found = told(identify("a", 4.0, company="acme.fr"))
    assert "trait__company" not in found
    assert (found["missing__company"], found["learned__company"], found["colleagues"]) == (0, 6.0, 0)
