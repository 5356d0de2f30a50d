"""The compiled kernel against an independent, slow and obvious SQL version (tests/parity/oracle.py).

Integers, flags and categories must be equal, other numbers to 1e-9, what is missing in one missing in the other.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.log import NEVER
from features import compute
from features.catalogue import FeatureSet
from features.ops import Feature, Op
from tests.features import worlds
from tests.features.worlds import DAY
from tests.histories import log_of, named
from tests.parity.oracle import Asked, oracle


def ours(happened: list[Event], feature_set: FeatureSet, asked: list[Asked]) -> np.ndarray:
    log = log_of(*happened)
    started = [NEVER if moment is None else moment for _, _, moment in asked]
    moments = np.array([as_of for _, as_of, _ in asked], dtype=np.int64)
    return compute.batch(
        log, feature_set, log.codes([lead for lead, _, _ in asked]), moments, np.array(started, dtype=np.int64)
    )


def same(feature_set: FeatureSet, feature: Feature, mine: np.ndarray, theirs: np.ndarray, name: str) -> None:
    if feature_set.type_of(feature) != "number":
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
        return
    if feature.op is Op.burstiness:  # of the variance: its root makes a rounding of 1e-16 one of 1e-8
        mine, theirs = (((1 + one) / (1 - one)) ** 2 for one in (mine, theirs))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9, err_msg=name)


def agree(happened: list[Event], feature_set: FeatureSet, asked: list[Asked], outcomes) -> None:  # type: ignore[no-untyped-def]
    mine, theirs = ours(happened, feature_set, asked), oracle(happened, feature_set, asked, outcomes)
    for place, (feature, name) in enumerate(zip(feature_set.features, feature_set.names, strict=True)):
        same(feature_set, feature, mine[:, place], theirs[:, place], name)


@st.composite
def questions(draw, beginning: int, leads: tuple[str, ...]) -> list[Asked]:
    """Some leads at some moments, one of them often again and again."""
    started = st.one_of(st.none(), st.integers(0, 20).map(lambda days: beginning - days * DAY))
    return draw(st.lists(st.tuples(st.sampled_from(leads), worlds.moments(beginning), started), min_size=1, max_size=8))


@given(st.data())
def test_the_kernel_says_what_sql_says(data):
    beginning = data.draw(worlds.beginnings)
    happened = data.draw(worlds.histories(beginning))
    feature_set, outcomes = data.draw(worlds.feature_sets(beginning))
    leads = tuple(sorted({one.lead_id for one in happened}))
    agree(happened, feature_set, data.draw(questions(beginning, leads)), outcomes)


def test_the_oracle_knows_every_op():
    beginning = worlds.BEGINNINGS[0]
    lone = named([Event("", "a", "track", "Quote", beginning, beginning)])
    feature_set = worlds.everything()
    assert worlds.ops(feature_set) == {*Op}
    agree(
        lone,
        feature_set,
        [("a", beginning + DAY, None)],
        {"source": [("fair", beginning, 2, 1)], "actor": [("Petit", beginning + 9 * DAY, 1, 1)]},
    )


@pytest.mark.parametrize("lateness", [0.0, 0.3])
def test_a_lead_with_a_hundred_thousand_events(lateness):
    """Ties by the thousand, three years of days, and a third of it late by up to a month."""
    rng = np.random.default_rng(11)
    beginning, many = worlds.BEGINNINGS[1], 100_000
    occurred = np.sort(beginning + rng.integers(0, 1_100 * 24 * 60, many) * (DAY // 1440))
    late = np.where(rng.random(many) < lateness, rng.integers(0, 30 * 24, many) * (DAY // 24), 0)
    kinds = rng.choice(
        ["Called", "Quote", "Mail Sent", "Lead Created", "Rare"], many, p=[0.002, 0.002, 0.3, 0.1, 0.596]
    )
    values = rng.integers(-(10**9), 10**9, many)
    happened = [
        Event(f"m{n:06d}", "a", "track", str(kinds[n]), int(occurred[n]), int(occurred[n] + late[n]),
              int(values[n]) if n % 3 else None, actor=worlds.ACTORS[n % 3] if n % 7 == 0 else None)
        for n in range(many)
    ]  # fmt: skip
    outcomes = {
        subject: [("Petit", beginning + day * DAY, 1, day % 2) for day in range(30)] for subject in ("source", "actor")
    }
    hours = (10 * 24, 500 * 24 + 7, 501 * 24 + 7, 501 * 24 + 16, 1_130 * 24)  # windows end within days
    asked = [("a", beginning + hour * (DAY // 24), beginning) for hour in hours]
    agree(happened, worlds.everything(outcomes["source"]), asked, outcomes)
