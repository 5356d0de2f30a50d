"""For every feature of the catalogue: nothing that becomes known at or after a moment changes it at that moment.

Not later events of the lead, not those of its colleagues, not outcomes from which rates are learned, not who turns out
to be whom. To the bit. tests/properties/test_leakage.py says the same of scores.
"""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.events import Event
from data.journey import standing
from data.log import EventLog
from features import compute
from features.catalogue import FeatureSet
from features.learning import learn
from features.ops import Op
from tests.features import worlds
from tests.features.worlds import DAY
from tests.histories import alias, at, identify, log_of, named, playbook, track

KEYS = ("email",)
BEGINNING = worlds.BEGINNINGS[0]
AS_OF = BEGINNING + 20 * DAY
BOOK = playbook(
    horizons={"days": [2, 9], "primary": 2},
    features={
        "windows_days": [1, 7, 30],
        "outbound": ["Mail Sent"],
        "traits": {"source": "category", "size": "number", "email": "email", "company": "account"},
        "time_zone": "Europe/Paris",
        "custom": ["tests.features.firm"],
    },
)
"""Two days to convert in, so that leads of these small worlds have outcomes."""

earlier = worlds.histories(BEGINNING, least=5, chained=True)
later = worlds.histories(BEGINNING, known_from=AS_OF, prefix="later-", least=1, chained=True)
moments = st.one_of(st.just(AS_OF), st.integers(BEGINNING + 5 * DAY, AS_OF))

Told = dict[tuple[str, str], bytes]


def told(log: EventLog, feature_set: FeatureSet, as_of: int) -> Told:
    """The bits of every (lead, column), for leads of which anything is known."""
    everyone = np.arange(len(log.leads))
    when = np.full(len(everyone), as_of)
    started = standing(log, BOOK.journey, everyone, when).started
    rows = compute.batch(log, feature_set, everyone, when, started)
    blank = compute.batch(log, feature_set, everyone, np.zeros_like(when), np.full(len(when), np.iinfo(np.int64).max))
    return {
        (lead, name): rows[code, column].tobytes()
        for code, lead in enumerate(log.leads)
        if rows[code].tobytes() != blank[code].tobytes()
        for column, name in enumerate(feature_set.names)
    }


def different(one: Told, other: Told) -> list[tuple[str, str]]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def test_these_tests_look_at_every_op():
    assert worlds.ops(worlds.everything()) == {*Op}


@given(earlier, later, moments)
def test_events_known_later_change_nothing(base, more, as_of):
    feature_set = worlds.everything()
    before, after = (told(log_of(*happened, keys=KEYS), feature_set, as_of) for happened in (base, [*base, *more]))
    assert different(before, after) == []


def learned(happened: list[Event], leads: list[str], before: int) -> FeatureSet:
    log = log_of(*happened, keys=KEYS)
    code = log.codes(leads)
    return learn(log, BOOK, code, np.full(len(code), AS_OF), before=before, min_leads=1, min_values=1)


@given(earlier, later)
def test_nothing_is_learned_from_what_the_snapshot_did_not_know(base, more):
    leads = sorted({one.lead_id for one in base})
    assert learned(base, leads, AS_OF) == learned([*base, *more], leads, AS_OF)


@given(earlier, later, moments)
def test_rates_learned_with_later_outcomes_are_the_same_at_earlier_moments(base, more, as_of):
    """A landmark of the training set is shown what a set trained at that moment would have shown."""
    leads = sorted({one.lead_id for one in base})
    log = log_of(*base, keys=KEYS)
    now = learned(base, leads, as_of).rates
    then = learned([*base, *more], leads, AS_OF + 90 * DAY).rates
    subjects = {one.subject for one in now} & {one.subject for one in then}
    sets = [
        replace(worlds.everything(), rates=tuple(one for one in rates if one.subject in subjects))
        for rates in (now, then)
    ]
    assert different(told(log, sets[0], as_of), told(log, sets[1], as_of)) == []


def test_a_rate_can_be_learned_from_these_worlds():
    """The test above could not fail if nothing were ever counted."""
    happened = [
        *(track(lead, "Lead Created", 1.0 + n) for n, lead in enumerate("abcd")),
        *(identify(lead, 1.0, source="fair") for lead in "abcd"),
        *(track(lead, "Deal Won", 3.0) for lead in "ab"),
    ]
    (rate,) = learned(named(happened), ["a"], AS_OF).rates
    assert (rate.subject, rate.texts, rate.leads[-1], rate.won[-1]) == ("source", ("fair",), 4, 2)


BASE = [
    track("a", "Lead Created", 0.5), track("a", "Quote", 2.0, value=3.0),
    track("a", "Quote", 6.0, value=1.0), track("a", "Quote", 12.0, value=1.0), track("a", "Mail Sent", 12.5),
    identify("a", 1.0, company="acme.fr", source="web", size=1.0, country="DE", email="x@gmail.com"),
    track("b", "Quote", 3.0), identify("b", 1.0, company="acme.fr"), identify("c", 1.0, company="other.fr"),
    track("c", "Called", 4.0), track("v", "Quote", 4.0), replace(track("a", "Mail Sent", 2.0), actor="Durand"),
]  # fmt: skip
COLLEAGUES = [
    track("b", "Called", 19.0), track("b", "Deal Won", 19.0), identify("c", 19.0, company="acme.fr"),
    identify("b", 19.5, company="other.fr"), alias("v", "b", 19.0), alias("b", "d", 19.5), track("d", "Called", 19.0),
    identify("d", 19.0, company="ACME.fr "),
]  # fmt: skip
OWN = [
    track("a", "Called", 19.9, value=7.0), track("a", "Quote", 19.95, value=9.0), track("a", "Rare", 19.99),
    track("a", "Mail Sent", 19.5), track("a", "Quote", 1.5, known=19.0, value=-4.0),
    replace(track("a", "Mail Sent", 19.0), actor="Petit"), track("a", "Quote", 19.955, value=9.0),
    identify("a", 19.0, source="fair", size=2.0, country="FR", email="x@acme.fr", gone=1.0),
    track("a", "Lead Created", 0.1, known=19.0),
    track("a", "Lead Created", 19.96),
]  # fmt: skip


def moved(events: list[Event], known: int) -> list[Event]:
    return [replace(one, event_id=f"more{n}", known_at=known) for n, one in enumerate(events)]


def test_later_acts_traits_and_merges_of_colleagues_change_nothing_and_earlier_ones_do():
    feature_set = worlds.everything()
    base = told(log_of(*BASE), feature_set, AS_OF)
    assert different(base, told(log_of(*BASE, *moved(COLLEAGUES, AS_OF)), feature_set, AS_OF)) == []
    shown = told(log_of(*BASE, *moved(COLLEAGUES[:3], AS_OF - 1)), feature_set, AS_OF)
    assert {name.partition("__")[0] for lead, name in different(base, shown) if lead == "a"} == {
        "colleagues", "active_colleagues", "colleague_acts", "since_colleague", "won_colleagues"
    }  # fmt: skip
    for one in COLLEAGUES[:-1]:
        apart = log_of(*BASE, *COLLEAGUES[-2:], *moved([one], AS_OF - 1))
        assert different(told(log_of(*BASE, *COLLEAGUES[-2:]), feature_set, AS_OF), told(apart, feature_set, AS_OF))


def test_the_additions_of_these_tests_would_show_a_moment_earlier():
    """In each op, and to the microsecond: the tests above could not fail if nothing ever changed."""
    told_rates = [
        ("fair", BEGINNING, 9, 9),
        ("web", BEGINNING, 9, 0),
        ("Petit", BEGINNING, 9, 9),
        ("Durand", BEGINNING, 9, 0),
    ]
    feature_set = worlds.everything(told_rates)
    base = told(log_of(*BASE), feature_set, AS_OF)
    added = [*OWN, *COLLEAGUES[:3]]
    assert at(20) == AS_OF
    assert different(base, told(log_of(*BASE, *moved(added, AS_OF)), feature_set, AS_OF)) == []
    shown = different(base, told(log_of(*BASE, *moved(added, AS_OF - 1)), feature_set, AS_OF))
    names = dict(zip(feature_set.names, feature_set.features, strict=True))
    changed = {name for lead, name in shown if lead == "a"}
    assert {names[name].op for name in changed} | {Op.last_actor} == {*Op}
    assert {"rate__source", "rate__actor", "custom__quotes_at_night", "custom__usual_worth"} <= changed
