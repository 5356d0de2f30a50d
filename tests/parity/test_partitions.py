"""A feature's bits depend on nothing but the lead's history, its colleagues' and the moment.

Not on who else is asked for, in which order, by how many threads, in which part of the log, at how many other moments,
or beside which other columns.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.log import EventLog
from data.store import Store
from data.units import export, part_count, read_part
from features import compute
from features.catalogue import Family, FeatureSet
from tests.features import worlds
from tests.features.worlds import DAY
from tests.histories import log_of

ACCOUNTS = ("company", "email_domain")
KEYS = ("email",)


@st.composite
def asked_worlds(draw):  # type: ignore[no-untyped-def]
    """Events, a feature set, and every lead at the same few moments."""
    beginning = draw(worlds.beginnings)
    happened = draw(worlds.histories(beginning, chained=True))
    feature_set, _ = draw(worlds.feature_sets(beginning))
    moments = draw(st.lists(worlds.moments(beginning), min_size=1, max_size=6, unique=True))
    return happened, feature_set, sorted(moments)


@given(asked_worlds(), st.data())
def test_any_choice_and_order_of_leads_and_moments(world, data):
    happened, feature_set, moments = world
    log = log_of(*happened, keys=KEYS)
    everyone = [(lead, moment) for lead in log.leads for moment in moments]
    lead, as_of = (np.array(one) for one in zip(*[(log.leads.index(who), when) for who, when in everyone], strict=True))
    started = np.full(len(lead), moments[0] - DAY)
    whole = compute.batch(log, feature_set, lead, as_of, started)
    order = data.draw(st.lists(st.integers(0, len(everyone) - 1), min_size=1, max_size=12))
    some = compute.batch(log, feature_set, lead[order], as_of[order], started[order])
    assert some.tobytes() == whole[order].tobytes()
    for place in dict.fromkeys(order):  # one moment of one lead takes a shorter way
        who, when = everyone[place]
        row = compute.vector(log, feature_set, who, when, int(started[place]))
        assert row.tobytes() == whole[place].tobytes()


@given(asked_worlds(), st.data())
def test_any_choice_of_columns(world, data):
    happened, feature_set, moments = world
    log = log_of(*happened)
    asked = np.repeat(np.arange(len(log.leads)), len(moments)), np.tile(moments, len(log.leads))
    started = np.full(len(asked[0]), moments[0])
    whole = compute.batch(log, feature_set, *asked, started)
    wanted = data.draw(st.sets(st.sampled_from(feature_set.names), min_size=1))
    family: Family = data.draw(st.sampled_from(sorted({one.family for one in feature_set.features})))
    for fewer in (feature_set.only(wanted), feature_set.without(family)):
        places = [feature_set.names.index(name) for name in fewer.names]
        found = compute.batch(log, fewer, *asked, started)
        assert found.tobytes() == np.ascontiguousarray(whole[:, places]).tobytes()


@given(asked_worlds(), st.integers(1, 9))
def test_any_cutting_of_the_log_into_parts(tmp_path_factory, world, size):
    happened, feature_set, moments = world
    folder = tmp_path_factory.mktemp("tables")
    with Store("sqlite://", KEYS) as store:
        store.append(happened)
        log = store.scan()
        export(store, folder, ACCOUNTS, size)
    whole = rows(log, feature_set, moments)
    found: dict[tuple[str, int], bytes] = {}
    for part in range(part_count(folder)):
        mine = rows(read_part(folder, part), feature_set, moments)
        assert not mine.keys() & found.keys()
        found |= mine
    assert found == whole


@given(asked_worlds())
def test_one_lead_with_what_the_store_fetches_for_it(world):
    happened, feature_set, moments = world
    with Store("sqlite://", KEYS, ACCOUNTS) as store:
        store.append(happened)
        whole = rows(store.scan(), feature_set, moments)
        for lead in dict.fromkeys(who for who, _ in whole):
            fetched = rows(store.history([lead]), feature_set, moments)
            assert {pair: fetched[pair] for pair in whole if pair[0] == lead} == {
                pair: row for pair, row in whole.items() if pair[0] == lead
            }


def rows(log: EventLog, feature_set: FeatureSet, moments: list[int]) -> dict[tuple[str, int], bytes]:
    """The bits of every lead at every moment."""
    asked = [(lead, moment) for lead in log.leads for moment in moments]
    lead, as_of = np.repeat(np.arange(len(log.leads)), len(moments)), np.tile(moments, len(log.leads))
    found = compute.batch(log, feature_set, lead, as_of, np.full(len(asked), moments[0]))
    return {pair: row.tobytes() for pair, row in zip(asked, found, strict=True)}


@pytest.fixture(scope="module")
def weekly() -> tuple[EventLog, list[int]]:
    """Forty leads of two hundred events each over a year, one in five of them late; and every week of it."""
    rng = np.random.default_rng(3)
    beginning = worlds.BEGINNINGS[3]
    happened = []
    for n in range(8_000):
        occurred = beginning + int(rng.integers(0, 365 * 24)) * DAY // 24
        known = occurred + (int(rng.integers(1, 60 * 24)) * DAY // 24 if rng.random() < 0.2 else 0)
        kind = str(rng.choice(worlds.KINDS))
        worth = int(rng.integers(-(10**9), 10**9)) if n % 3 else None
        actor = str(rng.choice(worlds.ACTORS)) if n % 5 == 0 else None
        traits = (
            {"company": str(rng.choice(worlds.COMPANIES)), "source": "fair", "size": float(n)} if n % 50 == 0 else {}
        )
        happened.append(
            Event(f"m{n}", f"L{n % 40:02d}", "track", kind, occurred, known, worth, traits=traits, actor=actor)
        )
    return log_of(*happened), [beginning + 7 * week * DAY for week in range(1, 53)]


@pytest.mark.parametrize("zone", worlds.ZONES)
def test_one_moment_alone_is_the_same_moment_among_fifty_two(weekly, zone):
    log, weeks = weekly
    feature_set = worlds.everything(zone=zone)
    lead, as_of = np.repeat(np.arange(40), 52), np.tile(weeks, 40)
    started = np.full(len(lead), weeks[0])
    whole = compute.batch(log, feature_set, lead, as_of, started)
    for week in range(52):  # each lead at one moment only
        mine = np.flatnonzero(as_of == weeks[week])
        alone = compute.batch(log, feature_set, lead[mine], as_of[mine], started[mine])
        np.testing.assert_array_equal(alone.view(np.int64), whole[mine].view(np.int64))


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(weekly, threads):
    log, weeks = weekly
    feature_set = worlds.everything()
    lead, as_of = np.repeat(np.arange(40), 52), np.tile(weeks, 40)
    started = np.full(len(lead), weeks[0])
    whole = compute.batch(log, feature_set, lead, as_of, started)
    assert compute.batch(log, feature_set, lead, as_of, started, threads=threads).tobytes() == whole.tobytes()
    mixed = np.random.default_rng(0).permutation(len(lead))
    found = compute.batch(log, feature_set, lead[mixed], as_of[mixed], started[mixed], threads=threads)
    assert found.tobytes() == whole[mixed].tobytes()
    by_columns = compute.batch(log, feature_set, lead, as_of, started, threads=threads, order="F")
    assert by_columns.tobytes() == whole.tobytes()
