"""The scores a lead had: from the prediction log, the last of a day, and steps whose parts add up."""

import math
from dataclasses import replace

import numpy as np
import pytest

from data import scorelog
from data.events import MICROS_PER_DAY
from data.store import Store
from serving.dossier import Dossiers
from serving.history import MOST, Moment, history, served
from serving.leads import Leads
from serving.scorer import score
from tests import market
from tests.conftest import empty_postgres
from tests.histories import at, identify, named, track

CREATED = "Lead Created"
NOW, LEADS = at(110), [f"L{n:04d}" for n in range(60)]
WEEKS = [NOW - week * 7 * MICROS_PER_DAY for week in (4, 3, 2, 1, 0)]


def logged(store: Store, moments: list[int], lead_ids: list[str] = LEADS) -> None:
    for moment in moments:
        told = score(market.bundle(), market.log(), lead_ids, [moment] * len(lead_ids))
        scorelog.append(store, (one for one in told.to_log(moment) if one.vector is not None))


def test_steps_add_up_to_what_lies_between_two_scores():
    bundle, steps = market.bundle(), 0
    with Store("sqlite://") as store:
        logged(store, WEEKS)
        for lead in LEADS:
            moments = served(store, bundle, [lead], NOW + 1)
            for before, one in zip(moments, history(bundle, moments)[1:], strict=False):
                assert one.told
                assert one.by_model == 0
                assert one.points == one.score - before.score
                if 0 < one.score < 100 and 0 < before.score < 100:
                    steps += 1
                    assert math.fsum(change.points for change in one.changes) == pytest.approx(one.points, abs=1e-9)
    assert steps > 50


def test_the_log_is_read_up_to_the_moment_and_the_last_of_each_day_counts():
    with Store("sqlite://") as store:
        lead = next(one for one in LEADS if score_of(one, NOW) is not None and score_of(one, NOW - 9) is not None)
        hour = MICROS_PER_DAY // 24
        logged(store, [NOW, NOW + hour, NOW + MICROS_PER_DAY, NOW - 9], [lead])
        found = served(store, market.bundle(), [lead], NOW + MICROS_PER_DAY)
        assert [one.as_of for one in found] == [NOW - 9, NOW + hour]
        logged(store, [NOW + day * MICROS_PER_DAY for day in range(2, MOST + 4)], [lead])
        assert len(served(store, market.bundle(), [lead], NOW + 99 * MICROS_PER_DAY)) <= MOST


def score_of(lead: str, moment: int) -> float | None:
    return score(market.bundle(), market.log(), [lead], [moment]).row(0).score


def vector(lead: str, moment: int) -> Moment:
    told = score(market.bundle(), market.log(), [lead], [moment])
    return Moment(moment, float(told.score[0]), market.bundle().version, told.features[0])


def open_lead() -> str:
    return next(one for one in LEADS if all(score_of(one, moment) is not None for moment in WEEKS))


def test_what_a_newer_model_judges_otherwise_is_a_part_of_its_own():
    bundle, lead = market.bundle(), open_lead()
    then, now = vector(lead, WEEKS[0]), vector(lead, WEEKS[-1])
    by_another = replace(then, score=then.score - 7.0, model_version="older")
    _, step = history(bundle, [by_another, now])
    assert step.by_model == pytest.approx(7.0)
    assert step.by_model + math.fsum(one.points for one in step.changes) == pytest.approx(step.points, abs=1e-9)


@pytest.mark.parametrize("place", [0, 1])
def test_what_cannot_be_told_is_not(place: int):
    bundle, lead = market.bundle(), open_lead()
    moments = [vector(lead, WEEKS[0]), vector(lead, WEEKS[-1])]
    moments[place] = replace(moments[place], vector=None)
    _, step = history(bundle, moments)
    assert (step.told, step.changes) == (False, ())
    assert step.points == moments[1].score - moments[0].score
    _, step = history(bundle, [moments[0], replace(vector(lead, WEEKS[-1]), model_version="older")])
    assert not step.told


def test_vectors_of_other_columns_are_left_aside():
    lead = open_lead()
    with Store("sqlite://") as store:
        told = score(market.bundle(), market.log(), [lead], [NOW])
        scorelog.append(store, (replace(one, feature_set="other") for one in told.to_log(NOW)))
        (found,) = served(store, market.bundle(), [lead], NOW + 1)
    assert found.vector is None
    assert np.isfinite(found.score)


def test_no_scores_no_history():
    assert history(market.bundle(), []) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_scores_of_an_id_that_became_another_are_of_its_past(tmp_path, postgres: str, kind: str):
    empty_postgres(postgres)
    url = f"sqlite:///{tmp_path / 'v.db'}" if kind == "sqlite" else postgres
    with Store(url, market.BOOK.identity.keys) as store:
        born = [("anon-1", 0), ("U1", 50), ("other", 60)]
        known = [identify(one, day, country="FR", size=40.0) for one, day in born]
        store.append(named([*(track(one, CREATED, day) for one, day in born), *known]))
        met = [identify("U1", 100, previous="anon-1"), identify("U1", 110, previous="other")]
        store.append(replace(one, event_id=f"met-{place}") for place, one in enumerate(met))
        dossiers, leads = Dossiers(store), Leads(store, Served(), market.BOOK, lambda: at(120))
        told = score(market.bundle(), store.scan(), ["anon-1", "U1", "other"], [at(40.9), at(70.9), at(105.9)])
        scorelog.append(store, (replace(one, logged_at=one.as_of + MICROS_PER_DAY // 4) for one in told.to_log(NOW)))

        def seen(lead: str, moment: int) -> list[int]:
            return [one.as_of for one in dossiers.past(leads, lead, moment, "en")]

        assert seen("U1", at(120)) == [at(40.9), at(70.9), at(105.9), at(120)]
        assert seen("U1", at(107)) == [at(40.9), at(70.9), at(107)]  # "other" was another person then
        assert seen("U1", at(100)) == [at(70.9), at(100)]
        assert seen("U1", at(71.1)) == [at(71.1)]  # the score of the day before was made six hours later
        assert [one.as_of for one in dossiers.of(leads, "U1", at(107), "en").past] == seen("U1", at(107))


class Served:
    """The model of the market, always."""

    def current(self):
        return market.bundle()
