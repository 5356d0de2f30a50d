"""Explained scores: the reasons add up to the score, every pair has its row, and a logged score can be made again."""

import doctest
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from data import scorelog
from data.events import isoformat
from data.journey import Status
from data.store import Store
from serving import decisions
from serving.decisions import grade
from serving.reasons import OTHER_SIGNALS, reasons_of
from serving.scorer import SHOWN_REASONS, score
from tests import market
from tests.histories import alias, at, identify, log_of, track
from training.bundle import Bundle

NOW = at(149)


@pytest.fixture(scope="module")
def scores():
    """Every lead of the market at one moment, and one that nobody knows."""
    return score(market.bundle(), market.log(), [*market.log().leads, "nobody"], [NOW] * 401)


@pytest.fixture(scope="module")
def scored(scores):
    return [one for one in scores.rows() if one.score is not None]


@pytest.fixture(scope="module")
def lead():
    """Somebody who is scored on day 60 and on day 70."""
    log = market.log()
    days = [score(market.bundle(), log, log.leads, [at(day)] * len(log.leads)).scored for day in (60, 70)]
    return log.leads[int(np.flatnonzero((days[0] >= 0) & (days[1] >= 0))[0])]


def standing_of(*events, lead="a", day=50.0):
    log = log_of(*events, keys=("email",))
    return score(market.bundle(), log, [lead], [at(day)]).row(0)


def test_reasons_add_up_to_the_score(scores, scored):
    assert len(scored) > 100
    for shown in (0, 1, 8, 999):
        for one in scores.rows(shown=shown):
            if one.score is not None:
                total = one.base + sum(reason.points for reason in one.reasons)
                assert one.score == pytest.approx(min(max(total, 0), 100), abs=1e-9)


def test_reasons_come_weightiest_first_and_the_rest_together(scores):
    place = next(place for place in range(len(scores)) if scores.scored[place] >= 0)
    all_of_them, few = scores.row(place, shown=999).reasons, scores.row(place, shown=3).reasons
    weights = [abs(reason.points) for reason in all_of_them]
    assert weights == sorted(weights, reverse=True)
    assert few[:3] == all_of_them[:3]
    assert [reason.feature for reason in few[3:]] == [OTHER_SIGNALS]
    assert few[3].points == pytest.approx(sum(reason.points for reason in all_of_them[3:]))
    assert few[3].value is None


def test_a_feature_that_says_nothing_is_no_reason(scores):
    for one in scores.rows(shown=999):
        assert all(reason.points != 0 for reason in one.reasons)


def test_a_reason_tells_its_direction_and_its_value_in_words(scored):
    reasons = [reason for one in scored for reason in one.reasons]
    assert {reason.type for reason in reasons if reason.points > 0} == {"positive"}
    assert {reason.type for reason in reasons if reason.points < 0} == {"negative"}
    country = next(reason for reason in reasons if reason.feature == "trait__country")
    assert country.value in ("FR", "DE", "IT")
    assert country.text == f"country: {country.value}"


def test_reasons_are_told_in_the_language_asked_for(scores):
    place = int(np.flatnonzero(scores.scored >= 0)[0])
    english, french = (scores.row(place, language).reasons for language in ("en", "fr"))
    assert [reason.points for reason in english] == [reason.points for reason in french]
    assert english[-1].text == "all other signals together"
    assert french[-1].text == "tous les autres signaux réunis"


def test_the_probability_is_that_of_the_primary_horizon_and_horizons_never_cross(scored):
    for one in scored:
        assert one.probability == one.probabilities["p_30d"]
        low, high = one.interval
        assert 0 <= low <= one.probability <= high <= 1
        assert (one.to_dict()["probability_low"], one.to_dict()["probability_high"]) == one.interval
        assert 0 <= one.probabilities["p_7d"] <= one.probabilities["p_30d"] <= one.probabilities["p_60d"] <= 1


def test_days_to_readiness_or_the_moment_it_came(scored):
    waiting = [one for one in scored if one.ready_at is None]
    accepted = [one for one in scored if one.ready_at is not None]
    assert waiting
    assert accepted
    assert all(0 < one.ready[0] <= one.ready[1] <= one.ready[2] <= 60 for one in waiting)
    assert all(one.ready is None and one.ready_at < NOW for one in accepted)


def test_every_pair_is_a_row_that_says_why_it_has_no_score(scores):
    assert len(scores.rows()) == 401
    assert {one.status for one in scores.rows()} >= {"scored", "converted", "lost", "opted_out", "unknown"}
    for one in scores.rows():
        empty = [one.score, one.grade, one.base, one.probability, one.probabilities, one.ready, one.ready_at]
        assert (one.status == "scored") == (one.score is not None)
        assert one.status == "scored" or (empty == [None] * 7 and one.reasons == ())


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([track("a", "Lead Created", 1)], "too_early"),
        ([track("a", "Lead Created", 1), track("a", "Mail Sent", 2), track("a", "Accepted", 3)], "too_early"),
        ([track("a", "Lead Created", 1), identify("a", 1, email="x@y.fr", size="many")], "too_early"),
        ([track("a", "Lead Created", 1), track("a", "Visited", 2, known=50)], "too_early"),
        ([track("a", "Lead Created", 1), track("a", "Visited", 2)], "scored"),
        ([track("a", "Lead Created", 1), track("a", "Never Seen In Training", 2)], "scored"),
        ([track("a", "Lead Created", 1), identify("a", 1, country="FR")], "scored"),
        ([track("a", "Visited", 1)], "not_started"),
        ([track("b", "Lead Created", 1)], "unknown"),
        ([track("a", "Lead Created", 50)], "unknown"),
        ([track("a", "Lead Created", 1), track("a", "Deal Won", 2)], "converted"),
        ([track("a", "Visited", 0), track("a", "Lead Created", 1), track("a", "Deal Won", 2, known=50)], "scored"),
        ([track("a", "Lead Created", 1), track("a", "Deal Lost", 2), track("a", "Deal Won", 3)], "lost"),
        ([track("a", "Lead Created", 1), track("a", "Stop", 2)], "opted_out"),
        ([track("a", "Lead Created", 1), alias("a", "b", 2)], "merged"),
        ([identify("b", 1, email="x@y.fr"), track("a", "Lead Created", 1), identify("a", 2, email="X@y.fr")], "merged"),
    ],
)
def test_a_status_says_what_is_known(events, status):
    assert standing_of(*events).status == status


def test_a_lead_that_is_too_early_has_chances_but_no_score():
    one = standing_of(track("a", "Lead Created", 1))
    assert (one.status, one.score, one.grade, one.base, one.reasons) == ("too_early", None, None, None, ())
    assert 0 < one.probability == one.probabilities["p_30d"] < 1
    assert one.ready is not None
    log = log_of(track("a", "Lead Created", 1))
    scores = score(market.bundle(), log, ["a"], [at(50)])
    row = scores.table().row(0, named=True)
    assert (row["status"], row["score"], row["grade"], row["base"], row["reasons"]) == (
        "too_early",
        None,
        None,
        None,
        "[]",
    )
    assert row["probability"] == one.probability
    assert (row["probability_low"], row["probability_high"]) == one.interval
    (logged,) = scores.to_log(NOW)
    assert (logged.status, logged.score, logged.probability) == ("too_early", None, one.probability)
    assert logged.vector is not None


@pytest.mark.parametrize(
    ("least", "statuses"),
    [(0, "scored scored scored"), (1, "too_early scored scored"), (2, "too_early too_early scored"),
     (4, "too_early too_early too_early")],
)  # fmt: skip
def test_how_much_must_be_known_is_the_playbooks(least, statuses):
    log = log_of(
        *(track(lead, "Lead Created", 1) for lead in "abc"), track("b", "Visited", 2),
        track("c", "Visited", 2), track("c", "Visited", 3), identify("c", 1, country="FR"),
    )  # fmt: skip
    scoring = market.BOOK.scoring.model_copy(update={"min_known": least})
    bundle = replace(market.bundle(), playbook=market.BOOK.model_copy(update={"scoring": scoring}))
    assert [one.status for one in score(bundle, log, list("abc"), [at(50)] * 3).rows()] == statuses.split()


def test_the_customer_of_a_merge_carries_on_with_the_whole_history():
    one = standing_of(track("anon", "Visited", 1), track("anon", "Lead Created", 2), alias("anon", "a", 3))
    assert one.status == "scored"
    assert standing_of(track("a", "Visited", 5), alias("anon", "a", 3)).status == "not_started"


def test_the_same_lead_may_be_asked_for_at_several_moments_in_any_order(lead):
    asked = [(lead, at(70)), ("nobody", at(70)), (lead, at(60)), (lead, at(70))]
    found = score(market.bundle(), market.log(), [lead for lead, _ in asked], [moment for _, moment in asked])
    assert [(one.lead_id, one.as_of) for one in found.rows()] == asked
    assert found.row(0) == found.row(3)
    assert found.row(0).score != found.row(2).score


def test_nobody_asked_for_gives_an_empty_table():
    found = score(market.bundle(), market.log(), [], [])
    assert found.rows() == []
    assert found.table().height == 0


def test_the_table_has_the_agreed_columns(scores):
    table = scores.table()
    assert table.columns == [
        "lead_id", "as_of", "status", "score", "grade", "probability", "probability_low",
        "probability_high", "p_7d", "p_30d", "p_60d",
        "ready_p10", "ready_p50", "ready_p90", "ready_at", "base", "reasons", "model_version",
    ]  # fmt: skip
    assert table["as_of"].dtype == pl.Datetime("us", "UTC")
    assert table.height == 401
    told = table.filter(status="scored").row(0, named=True)
    assert told["score"] == pytest.approx(
        min(max(told["base"] + sum(reason["points"] for reason in json.loads(told["reasons"])), 0), 100), abs=1e-9
    )
    assert set(table["model_version"]) == {market.bundle().version}


def test_an_answer_is_plain_json(scores):
    for one in scores.rows():
        answer = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        assert answer["as_of"] == isoformat(NOW)
        assert answer["score"] == one.score


def test_grades_are_the_playbooks(lead):
    assert doctest.testmod(decisions).failed == 0
    bounds = {"A": 65.0, "B": 50.0, "C": 35.0, "D": 0.0}
    assert [grade(points, bounds) for points in (100, 65, 64.999, 50, 35, 34.9, 0)] == list("AABBCDD")
    scoring = market.BOOK.scoring.model_copy(update={"grades": {"hot": 1.0, "cold": 0.0}})
    bundle = replace(market.bundle(), playbook=market.BOOK.model_copy(update={"scoring": scoring}))
    assert score(bundle, market.log(), [lead], [at(70)]).row(0).grade == "hot"


def test_a_score_beyond_the_scale_is_clipped_and_its_reasons_say_by_how_much(lead):
    far = replace(market.bundle(), base_odds=1e-9)
    one = score(far, market.log(), [lead], [at(70)]).row(0)
    assert one.score == 100
    assert one.base + sum(reason.points for reason in one.reasons) > 100
    assert one.probability == score(market.bundle(), market.log(), [lead], [at(70)]).row(0).probability


def test_a_logged_score_can_be_made_again_from_its_own_row(scores, tmp_path):
    market.bundle().save(tmp_path / "model")
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        scorelog.append(store, scores.to_log(NOW + 1))
        logged = {one.lead_id: one for one in scorelog.read(store)}
    bundle = Bundle.load(tmp_path / "model")
    willing = [one for one in scores.rows() if one.status != "opted_out"]
    assert len(logged) == len(willing) == 336
    for one in willing:
        row = logged[one.lead_id]
        assert (row.status, row.model_version, row.logged_at) == (one.status, bundle.version, NOW + 1)
        assert row.feature_set == bundle.feature_set.fingerprint
        assert row.answer == json.loads(json.dumps(one.to_dict()))
        if row.vector is None:
            assert one.status != "scored"
            continue
        again = bundle.predict(row.vector[None])
        base, points, points_score = bundle.points(again)
        assert (float(points_score[0]), base) == (row.score, one.base)
        assert float(again.probability[0, bundle.primary]) == row.probability
        assert one.reasons == reasons_of(bundle.feature_set, row.vector, points[0], "en", SHOWN_REASONS)


def test_answers_that_are_made_already_are_logged_as_they_are(scores):
    french = scores.rows("fr", shown=2)
    assert [one.answer for one in scores.to_log(NOW, served=french)] == [
        one.to_dict() for one in french if one.status != "opted_out"
    ]


def test_statuses_are_those_of_the_design():
    assert [status.name for status in Status] == [
        "scored", "too_early", "not_started", "merged", "converted", "lost", "opted_out", "unknown",
    ]  # fmt: skip
