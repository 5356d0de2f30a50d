"""A trend is two scores of one model, and its changes add up to what lies between them."""

import math

import pytest

from data.events import MICROS_PER_DAY
from serving.details import in_detail
from serving.scorer import score
from serving.trend import trends, with_trends
from tests import market
from tests.histories import at, identify, log_of, named, track

NOW = at(110)
LEADS = [f"L{n:04d}" for n in range(60)]


def scored(log, leads, as_of=NOW):
    return score(market.bundle(), log, leads, [as_of] * len(leads))


def test_changes_add_up_to_what_lies_between_two_scores():
    log = market.log()
    now, before = scored(log, LEADS), scored(log, LEADS, NOW - 7 * MICROS_PER_DAY)
    seen = 0
    for place, trend in enumerate(trends(now, log)):
        row, earlier = now.row(place), before.row(place)
        if row.score is None:
            assert trend is None
            continue
        assert trend is not None
        assert (trend.status, trend.score) == (earlier.status, earlier.score)
        if earlier.score is None:
            assert trend.points is None
            assert trend.changes == ()
            continue
        seen += 1
        assert trend.points == row.score - earlier.score
        if 0 < row.score < 100 and 0 < earlier.score < 100:
            assert math.fsum(one.points for one in trend.changes) == pytest.approx(trend.points, abs=1e-9)
        assert len(trend.changes) <= 4
    assert seen > 20


def test_visits_are_named_as_what_changed():
    story = [track("a", "Lead Created", 80), identify("a", 80, country="FR", size=150.0), track("a", "Visited", 81)]
    log = log_of(*named([*story, *(track("a", "Visited", day) for day in (106, 107, 108, 109))]))
    trend = in_detail(scored(log, ["a"]), log).trend
    assert trend is not None
    assert trend.points > 0
    visits = next(one for one in trend.changes if one.group == "event:Visited")
    assert visits.points > 0
    assert [one.at for one in visits.evidence] == [at(109), at(108), at(107)]
    assert trend.to_dict()["since"] == "2026-04-14T00:00:00Z"


def test_a_lead_that_was_not_there_has_no_earlier_score():
    log = log_of(
        *named([track("a", "Lead Created", 108), identify("a", 108, country="FR"), track("a", "Visited", 109)])
    )
    trend = in_detail(scored(log, ["a"]), log).trend
    assert trend is not None
    assert (trend.status, trend.score, trend.points, trend.changes) == ("unknown", None, None, ())


def test_what_is_known_later_changes_no_trend():
    story = [track("a", "Lead Created", 80), identify("a", 80, country="FR"), track("a", "Visited", 101)]
    later = [track("a", "Quote", 105, known=120), track("a", "Visited", 102, known=111), track("a", "Quote", 130)]
    short, long = log_of(*named(story)), log_of(*named(story + later))
    assert in_detail(scored(short, ["a"]), short).trend == in_detail(scored(long, ["a"]), long).trend


def test_who_opted_out_has_no_trend():
    story = [track("a", "Lead Created", 80), identify("a", 80, country="FR", size=150.0), track("a", "Visited", 106)]
    stop = track("a", market.BOOK.journey.opted_out[0], 109)
    for events, has in ((story, True), ([*story, stop], False)):
        log = log_of(*named(events))
        now = scored(log, ["a"])
        (trend,) = trends(now, log)
        assert (trend is not None) == has
        (row,) = with_trends(now.rows(), now, log)
        assert (row.trend is not None) == (in_detail(now, log).trend is not None) == has
