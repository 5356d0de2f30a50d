"""Weekly volumes against what was to be expected of them."""

import numpy as np
import pytest

from data.log import Ints
from monitoring.chance import WEEK
from monitoring.sources import Contacts
from monitoring.volumes import Arrivals
from monitoring.weekly_volumes import volumes

AT = 120 * WEEK
NOBODY = Contacts(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), [], "source", AT)


def arrivals(counted: Ints) -> Arrivals:
    """Events spread over weeks, the newest first, (kinds, weeks)."""
    kind, week = (np.repeat(one.ravel(), counted.ravel()) for one in np.indices(counted.shape))
    known = AT - 1 - week * WEEK - np.random.default_rng(1).integers(0, WEEK, len(week)) // 2
    order = np.argsort(known, kind="stable")
    known, kind = known[order], kind[order]
    names = [f"k{code}" for code in range(len(counted))]
    return Arrivals(known, known, kind, np.arange(len(known)), names, AT)


def usual(kinds: int = 4, weeks: int = 110, mean: float = 60) -> Ints:
    return np.random.default_rng(2).poisson(mean, (kinds, weeks))


def test_usual_weeks_are_no_news():
    assert volumes(arrivals(usual()), NOBODY, level=0.01) == {}


@pytest.mark.parametrize("factor", [0.3, 2.5])
def test_a_week_far_from_the_others_is(factor: float):
    counted = usual()
    counted[1, 0] = round(60 * factor)
    assert list(volumes(arrivals(counted), NOBODY, level=0.01)) == ["k1"]


def test_a_source_is_watched_too():
    counted = usual(1)
    counted[0, 0] = 200
    seen = arrivals(counted)
    leads = Contacts(seen.known, seen.kind, ["Fair"], "source", AT)
    assert list(volumes(arrivals(usual()), leads, level=0.01)) == ["source=Fair"]


def test_august_is_no_news_where_there_was_one_before():
    counted = usual()
    counted[:, 52] //= 3
    counted[:, 0] //= 3
    assert volumes(arrivals(counted), NOBODY, level=0.01) == {}
    assert len(volumes(arrivals(counted[:, :52]), NOBODY, level=0.01)) == 4


def test_what_comes_every_other_week_has_no_usual_week():
    counted = usual()
    counted[2, ::2], counted[2, 1::2] = 0, 800
    assert volumes(arrivals(counted), NOBODY, level=0.01) == {}
    assert volumes(arrivals(counted[:, 1:]), NOBODY, level=0.01) == {}


def test_a_young_or_empty_log_says_nothing():
    assert volumes(arrivals(usual(weeks=12)), NOBODY, level=0.01) == {}
    assert volumes(arrivals(usual(weeks=0)), NOBODY, level=0.01) == {}
