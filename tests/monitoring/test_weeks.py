"""Who is scored in which week, what is counted, and how late that is known."""

import numpy as np
import pytest

from data.events import MICROS_PER_DAY
from monitoring.weeks import WEEK, completeness, known_by, mondays, outcomes, weekly, within
from tests import market
from tests.histories import at, identify, log_of, named, track
from training.bundle import Bundle

DAY = MICROS_PER_DAY


def weeks_of(*events, until):
    log = log_of(*named(events))
    return log, weekly(log, market.bundle(), market.BOOK, since=at(0), until=until, threads=1)


def test_weeks_are_whole_and_begin_on_mondays():
    starts = mondays(at(3), at(40))
    assert np.all((starts - at(3)) >= 0)
    assert starts[-1] + WEEK <= at(40)
    assert np.all((starts // DAY + 3) % 7 == 0)  # day 0 of the epoch was a Thursday
    assert mondays(int(starts[0]), int(starts[0]) + WEEK).tolist() == [starts[0]]


def test_a_market_of_two_leads_by_hand():
    first = int(mondays(at(0), at(60))[0])
    day = (first - at(0)) / DAY
    log, weeks = weeks_of(
        track("A", "Lead Created", day - 1),
        identify("A", day - 1, source="Fair"),
        track("A", "Deal Won", day + 9),
        track("B", "Lead Created", day + 2),
        track("B", "Deal Lost", day + 3),
        until=first + 3 * WEEK,
    )
    scored = weeks.scored
    rows = [(log.leads[lead], week) for lead, week in zip(scored.lead, scored.week, strict=True)]
    assert rows == [("A", 0), ("A", 1), ("B", 0)]
    assert scored.as_of[:2].tolist() == [first, first + WEEK]
    assert scored.as_of[2] == pytest.approx(first + 2 * DAY + 60_000_000, abs=2)
    assert [weeks.sources[one] if one >= 0 else None for one in scored.source] == ["Fair", "Fair", None]
    happened, _ = outcomes(log, market.BOOK, weeks, first + 3 * WEEK)
    assert happened[:, 0].tolist() == [False, True, False]
    assert outcomes(log, market.BOOK, weeks, first + 9 * DAY)[0].sum() == 0


def test_a_chance_of_a_week_is_that_of_the_horizon_of_seven_days():
    log, bundle = market.log(), market.bundle()
    weeks = weekly(log, bundle, market.BOOK, since=at(60), until=at(75), threads=1)
    whole = weeks.scored.as_of == weeks.starts[weeks.scored.week]
    assert 10 < whole.sum() < len(whole)
    days = np.full(3, 7.0)
    hazard = np.array([[0.0, 0.1, 0.3]] * 3)
    assert within(np.array([0.0, 7.0, 30.0]), hazard, days) == pytest.approx(1 - np.exp(-0.1))
    assert np.all((weeks.scored.chance[:, 0] > 0) & (weeks.scored.chance[:, 0] < 1))


def test_hazards_give_the_probabilities_of_the_horizons():
    bundle: Bundle = market.bundle()
    rows = market.data().features[:40]
    (edges, conversion), (days, ripening) = bundle.hazards(rows)
    told = bundle.predict(rows)
    for place, horizon in enumerate(bundle.playbook.horizons.days):
        assert within(edges, conversion, np.full(40, float(horizon))) == pytest.approx(told.probability[:, place])
    assert within(days, ripening, np.full(40, 7.0)) == pytest.approx(
        bundle.readiness_curve(rows)[1][:, days == 7][:, 0]
    )


def test_delays_that_could_not_be_seen_yet_are_not_taken_for_punctuality():
    rng = np.random.default_rng(4)
    room = rng.integers(1, 40, 4_000)
    delay = np.where(rng.random(4_000) < 0.5, 0, 20)
    seen = delay < room
    told = known_by(delay[seen], room[seen], np.array([0.0, 10.0, 30.0]))
    assert told == pytest.approx([0.5, 0.5, 1.0], abs=0.04)
    assert seen[delay == 0].sum() / seen.sum() > 0.6  # what counting alone would say


def test_a_week_whose_outcomes_come_late_is_expected_in_part():
    events = [track(f"L{n}", "Lead Created", 1 + n % 40) for n in range(80)]
    events += [track(f"L{n}", "Deal Won", 5 + n % 40, known=5 + n % 40 + 10 * (n % 2)) for n in range(80)]
    log = log_of(*named(events))
    starts = mondays(at(0), at(60))
    told = completeness(log, market.BOOK, starts, int(starts[-1]) + WEEK)[:, 0]
    assert told[-1] == pytest.approx(0.5, abs=0.05)
    assert told[0] == 1.0
