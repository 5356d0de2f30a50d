"""What colleagues did: leads whose newest known company is the same."""

import math
from dataclasses import replace

import numpy as np
import pytest

from features import compute
from features.catalogue import FeatureSet, TraitSpec
from tests.histories import alias, at, identify, log_of, named, track

SET = FeatureSet(
    windows=(1, 7, 30), kinds=("Quote", "Mail Sent", "Lead Created"), outbound=("Mail Sent",),
    neutral=("Lead Created", "Deal Won", "identify", "alias"), valued=(), traits=(TraitSpec("company", "account"),),
    won=("Deal Won",),
)  # fmt: skip
COLUMNS = (
    "colleagues", "active_colleagues__7d", "colleague_acts__7d", "active_colleagues__30d", "colleague_acts__30d",
    "since_colleague", "won_colleagues",
)  # fmt: skip


def told(*events, lead="a", day=20.0, which=SET, keys=()):
    """The columns of one lead on one day that are about its colleagues."""
    row = compute.vector(log_of(*events, keys=keys), which, lead, at(day), at(0))
    return tuple(dict(zip(which.names, row.tolist(), strict=True))[name] for name in COLUMNS)


def works(lead, company="acme.fr", day=1.0, **more):
    return identify(lead, day, company=company, **more)


def same(found, *expected):
    assert found == pytest.approx(expected, nan_ok=True)


NOBODY = (0, 0, 0, 0, 0, math.nan, 0)
UNKNOWN = (math.nan,) * 7


def test_acts_of_colleagues_are_theirs_not_ones_own():
    events = [
        works("a"),
        works("b"),
        works("c"),
        track("a", "Quote", 19),
        track("b", "Quote", 18),
        track("b", "Quote", 5),
    ]
    same(told(*events), 2, 1, 1, 1, 2, 2.0, 0)
    same(told(*events, lead="b"), 2, 1, 1, 1, 1, 1.0, 0)
    same(told(*events, lead="c"), 2, 2, 2, 2, 3, 1.0, 0)


def test_only_acts_of_the_lead_count():
    rest = [track("b", kind, 19) for kind in ("Mail Sent", "Lead Created", "Strange")]
    same(told(works("a"), works("b"), *rest), 1, *NOBODY[1:])


def test_a_window_holds_what_is_younger_than_its_days():
    same(told(works("a"), works("b"), track("b", "Quote", 13.0)), 1, 0, 0, 1, 1, 7.0, 0)


def test_a_colleague_that_was_won_counts_once():
    won = [track("b", "Deal Won", 3), track("b", "Deal Won", 4), track("c", "Deal Won", 4)]
    same(told(works("a"), works("b"), works("c", "other.fr"), *won), 1, *NOBODY[1:-1], 1)


def test_who_has_no_company_has_no_colleagues_and_who_is_alone_there_has_none():
    same(told(track("a", "Quote", 1), works("b")), *UNKNOWN)
    same(told(works("a"), works("b", "other.fr")), *NOBODY)
    same(told(track("a", "Quote", 1)), *UNKNOWN)  # nobody in the log has a company


@pytest.mark.parametrize("company", ["gmail.com", "x@GMAIL.com", "", " "])
def test_a_free_mailbox_is_no_company(company):
    same(told(works("a", company), works("b", company), track("b", "Quote", 2)), *UNKNOWN)


def test_companies_are_compared_without_case_and_space():
    same(told(works("a", " Acme.FR"), works("b")), 1, *NOBODY[1:])


def test_the_newest_company_known_at_the_moment_counts():
    moved = [works("a"), works("b"), works("b", "other.fr", day=5.0, known=10.0), works("c", "other.fr")]
    same(told(*moved, day=10.0), 1, *NOBODY[1:])
    same(told(*moved, day=10.1), *NOBODY)
    same(told(*moved, lead="c", day=10.1), 1, *NOBODY[1:])
    left = [works("a"), works("b"), works("b", "gmail.com", day=5.0)]
    same(told(*left), *NOBODY)
    same(told(*left, lead="b"), *UNKNOWN)
    older = [works("a"), works("b", day=5.0), works("b", "other.fr", day=2.0, known=6.0)]  # an older truth came later
    same(told(*older), 1, *NOBODY[1:])


def test_what_is_known_at_the_moment_is_not_visible_yet():
    events = [works("a"), works("b"), track("b", "Quote", 5.0, known=20.0), track("b", "Deal Won", 20.0)]
    same(told(*events), 1, *NOBODY[1:])
    same(told(*events, day=20.0 + 1e-6), 1, 0, 0, 1, 1, 15.0 + 1e-6, 1)


def test_an_id_that_became_a_lead_is_no_colleague_and_its_past_counts_with_the_lead():
    events = [works("a"), works("v"), track("v", "Quote", 2.0), works("b"), alias("v", "b", 10.0)]
    same(told(*events, day=8.0), 2, 1, 1, 1, 1, 6.0, 0)
    same(told(*events, day=11.0), 1, 0, 0, 1, 1, 9.0, 0)
    own = [works("a"), works("v"), track("v", "Quote", 2.0), alias("v", "a", 10.0)]
    same(told(*own, day=8.0), 1, 1, 1, 1, 1, 6.0, 0)
    same(told(*own, day=11.0), *NOBODY)


def test_an_address_names_the_company():
    which = replace(SET, traits=(TraitSpec("email_domain", "account"),))
    events = [
        identify("a", 1, email="x@ACME.fr"),
        identify("b", 1, email=" y@acme.fr"),
        identify("c", 1, email="z@gmail.com"),
    ]
    same(told(*events, which=which), 1, *NOBODY[1:])
    same(told(*events, which=which, lead="c"), *UNKNOWN)


def test_many_colleagues_against_plain_python():
    rng = np.random.default_rng(8)
    leads = [f"L{n:02d}" for n in range(30)]
    companies = {lead: f"firm{rng.integers(0, 5)}.fr" for lead in leads}
    acts = [(str(rng.choice(leads)), float(rng.uniform(2, 40))) for _ in range(300)]
    log = log_of(
        *named(
            [*(works(lead, firm) for lead, firm in companies.items()), *(track(who, "Quote", day) for who, day in acts)]
        )
    )
    some = SET.only(COLUMNS)
    for moment in (3.0, 20.0, 41.0):
        found = compute.batch(log, some, np.arange(30), np.full(30, at(moment)), np.full(30, at(0)))
        for code, lead in enumerate(log.leads):
            others = [one for one in leads if one != lead and companies[one] == companies[lead]]
            seen = [(who, day) for who, day in acts if who in others and at(day) < at(moment)]
            month, week = ([one for one in seen if at(moment) - at(one[1]) < at(days) - at(0)] for days in (30, 7))
            expected = {
                "colleagues": len(others), "colleague_acts__30d": len(month), "colleague_acts__7d": len(week),
                "active_colleagues__30d": len({who for who, _ in month}), "won_colleagues": 0,
                "active_colleagues__7d": len({who for who, _ in week}),
                "since_colleague": moment - max((day for _, day in seen), default=math.nan),
            }  # fmt: skip
            assert found[code].tolist() == pytest.approx([expected[name] for name in some.names], nan_ok=True)
