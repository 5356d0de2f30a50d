"""Sources and money: known answers on logs made by hand, shares against brute force, and what always holds."""

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.costs import Cost
from data.events import Event
from data.log import NO_VALUE
from data.money_report import Contribution, MoneyReport
from features import compute
from monitoring.money import money
from monitoring.money_costs import spent
from monitoring.money_model import copied
from monitoring.money_sales import people
from monitoring.money_shapley import EXACT, groups, shares, values
from monitoring.money_stock import Stock
from monitoring.money_touches import by_rule, channels, touches
from tests import market
from tests.data.test_stays import histories
from tests.histories import alias, at, identify, log_of, playbook, track

BOOK = playbook(
    journey={"ready": ["Accepted"]},
    money={"touches": {"Fair": ["Met"], "Web": ["Visited", "Form"]}, "window_days": 30},
)
JANUARY, FEBRUARY = (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28))


def euros(source: str, period: tuple[date, date], amount: float) -> Cost:
    return Cost(source, *period, round(amount * 1e6))


def line(report: MoneyReport, name: str | None) -> Any:
    return next(one for one in report.sources if one.name == name)


def credits_of(found: Contribution | None, method: str) -> dict[str | None, tuple[float, float]]:
    assert found is not None
    (one,) = (one for one in found.methods if one.name == method)
    return {credit.channel: (credit.sales, credit.revenue) for credit in one.credits}


# --- by hand -----------------------------------------------------------------------------------------------------

STORY = (
    identify("L1", 0, source="Fair"), track("L1", "Lead Created", 0), track("L1", "Accepted", 5),
    track("L1", "Deal Won", 40, value=900), track("L1", "Deal Won", 80, value=5000),
    identify("L2", 3, source="fair"), track("L2", "Lead Created", 3), track("L2", "Deal Lost", 9),
    identify("L3", 35, source="Web"), track("L3", "Lead Created", 35), track("L3", "Deal Won", 60),
    track("L4", "Lead Created", 36), track("a-4", "Visited", 20), alias("a-4", "L4", 36),
    track("L5", "Deal Won", 10, value=100.5), track("L6", "Visited", 10),
    identify("L7", 1, source="Web"), track("L7", "Lead Created", 1), track("L7", "Deal Lost", 2),
    track("L7", "Deal Won", 50, value=70),
)  # fmt: skip
COSTS = (euros("Fair", JANUARY, 310), euros("Web", FEBRUARY, 280), euros("Radio", JANUARY, 62))


def test_a_log_of_seven_people():
    """L1's second sale is another journey's, L7's came after its loss, L6 is no lead, a-4 is L4."""
    report = money(log_of(*STORY), BOOK, COSTS, None, at(100))
    fair, web, radio, unknown = (line(report, name).amounts for name in ("Fair", "Web", "Radio", None))
    assert (fair.cost, fair.leads, fair.ready, fair.won, fair.revenue, fair.priced) == (310, 2, 1, 1, 900, 1)
    assert (web.cost, web.leads, web.ready, web.won, web.revenue, web.priced) == (280, 2, 1, 1, 0, 0)
    assert (radio.cost, radio.leads, radio.cost_per_lead) == (62, 0, None)
    assert (unknown.cost, unknown.leads, unknown.won, unknown.revenue) == (None, 2, 1, 100.5)
    whole = report.whole
    assert (whole.cost, whole.leads, whole.ready, whole.won, whole.revenue) == (652, 6, 3, 3, 1000.5)
    assert (fair.cost_per_lead, fair.cost_per_ready, fair.cost_per_won) == (155, 310, 310)
    assert fair.multiple == pytest.approx(900 / 310)
    # the cost of the web is of February; of its leads one began then
    assert (web.against and web.against.leads, web.cost_per_lead, web.cost_per_won) == (1, 280, 280)
    assert [one.name for one in report.sources] == ["Fair", "Web", "Radio", None]
    assert [one.name for one in report.months] == ["2026-01", "2026-02"]
    assert (report.expected, report.by_model, report.version) == (None, None, None)
    assert report.notes == (
        "money.touches.Fair: no event 'Met' has occurred so far",
        "money.touches.Web: no event 'Form' has occurred so far",
        "costs: no lead has the source 'Radio' so far",
    )


def test_of_days_to_come_nothing_is_spent():
    half = money(log_of(*STORY), BOOK, COSTS, None, at(15))  # 15 days of January have passed
    assert line(half, "Fair").amounts.cost == pytest.approx(150)
    assert line(half, "Radio").amounts.cost == pytest.approx(30)
    assert money(log_of(*STORY), BOOK, [euros("Web", FEBRUARY, 280)], None, at(15)).whole.cost is None


def test_an_empty_log_gives_an_empty_report():
    report = money(log_of(), BOOK, (), None, at(10))
    assert (report.whole.leads, report.whole.cost, report.whole.revenue) == (0, None, None)
    assert (report.sources, report.months, report.by_rule, report.since) == ((), (), None, None)


@given(
    first=st.dates(date(2025, 12, 20), date(2026, 3, 10)), days=st.integers(1, 70), amount=st.integers(0, 10**9),
    now=st.integers(0, 120),
)  # fmt: skip
def test_a_cost_is_spent_day_by_day(first: date, days: int, amount: int, now: int):
    one = Cost("Fair", first, first + timedelta(days=days - 1), amount)
    found = spent([one], at(now))
    wanted: dict[tuple[str, int], float] = {}
    for n in range(days):
        day = first + timedelta(days=n)
        if day < date(2026, 1, 1) + timedelta(days=now):
            key = "fair", (day.year - 1970) * 12 + day.month - 1
            wanted[key] = wanted.get(key, 0) + amount / 1e6 / days
    assert found == pytest.approx(wanted)


# --- rules -------------------------------------------------------------------------------------------------------

TOUCHED = (
    track("L1", "Lead Created", 0), track("L1", "Met", 1), track("L1", "Form", 40), track("L1", "Met", 41),
    track("L1", "Visited", 42), track("L1", "Deal Won", 60, value=900), track("L1", "Met", 61),
    track("L2", "Lead Created", 0), track("L2", "Met", 1), track("L2", "Deal Won", 60, value=100),
)  # fmt: skip


def test_first_last_and_linear():
    """Of L1 three touches lie within 30 days before the sale, of L2 none."""
    report = money(log_of(*TOUCHED), BOOK, (), None, at(100))
    assert credits_of(report.by_rule, "first") == {"Fair": (0, 0), "Web": (1, 900), None: (1, 100)}
    assert credits_of(report.by_rule, "last") == {"Fair": (0, 0), "Web": (1, 900), None: (1, 100)}
    third = credits_of(report.by_rule, "linear")
    assert third["Fair"] == pytest.approx((1 / 3, 300))
    assert third["Web"] == pytest.approx((2 / 3, 600))


def test_without_channels_each_kind_of_the_leads_own_acts_is_one():
    book = playbook(features={"outbound": ["Mailed"]}, journey={"ready": ["Accepted"]})
    acts = [track(f"L{n}", f"Act {n % 10}", n / 10) for n in range(40)]
    sold = [one for n in range(40) for one in (track(f"L{n}", "Deal Won", 30), track(f"L{n}", "Mailed", 20))]
    more = [track(f"L{n}", "Act 3", 7) for n in range(3)]
    report = money(log_of(*acts, *sold, *more), book, (), None, at(40))
    assert report.channels == ("Act 3", "Act 0", "Act 1", "Act 2", "Act 4", "Act 5", "Act 6", "…")
    assert credits_of(report.by_rule, "first")["…"] == (12, 0)
    assert credits_of(report.by_rule, "first")[None] == (0, 0)


# --- shares ------------------------------------------------------------------------------------------------------

chances = st.floats(0, 1, allow_nan=False)


@st.composite
def games(draw: st.DrawFn) -> tuple[int, dict[int, float]]:
    players = draw(st.integers(0, 5))
    return players, {group: draw(chances) for group in range(1 << players)}


@given(games())
def test_shapley_values_are_the_mean_over_all_orders(game: tuple[int, dict[int, float]]):
    players, worth = game
    wanted = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        bits = 0
        for player in order:
            wanted[player] += (worth[bits | 1 << player] - worth[bits]) / len(orders)
            bits |= 1 << player
    found = values(worth, players)
    assert found == pytest.approx(wanted, abs=1e-9)
    assert found.sum() == pytest.approx(worth[(1 << players) - 1] - worth[0], abs=1e-9)  # efficiency


@given(game=games())
def test_shares_are_parts_of_one(game: tuple[int, dict[int, float]]):
    players, worth = game
    found = shares(worth, players)
    assert found.sum() == pytest.approx(1)
    assert np.all(found >= -1e-12)


def test_one_takes_all_two_alike_share_and_who_adds_nothing_gets_nothing():
    assert shares({0: 0.0, 1: 0.4}, 1).tolist() == [1, 0]
    assert shares({0: 0.1, 1: 0.3, 2: 0.3, 3: 0.4}, 2) == pytest.approx([0.375, 0.375, 0.25])
    assert shares({0: 0.1, 1: 0.4, 2: 0.1, 3: 0.4}, 2) == pytest.approx([0.75, 0, 0.25])
    assert shares({0: 0.4, 1: 0.1, 2: 0.4, 3: 0.2}, 2).tolist() == [0, 0, 1]  # they only lower it
    assert shares({0: 0.0}, 0).tolist() == [1]


def test_many_players_are_drawn_in_few_groups_and_what_adds_up_is_exact():
    players = EXACT + 3
    parts = np.arange(1, players + 1) / 100
    known = groups(players)
    assert len(known) < 64 * players
    worth = {group: 0.05 + float(sum(parts[n] for n in range(players) if group >> n & 1)) for group in known}
    assert values(worth, players) == pytest.approx(parts)
    assert groups(players) == known


# --- the model ---------------------------------------------------------------------------------------------------


def modelled(**tables: Any) -> MoneyReport:
    book = market.BOOK.model_copy(update={"money": playbook(money=tables).money})
    return money(market.log(), book, (), market.bundle(), market.SNAPSHOT)


@pytest.fixture(scope="module")
def report() -> MoneyReport:
    return modelled(touches={"Visits": ["Visited"], "Mails": ["Mail Sent"], "Quotes": ["Quote"]})


def test_what_the_model_says_adds_up_to_all_that_was_sold(report: MoneyReport):
    one = report.by_model
    assert one is not None
    assert one.mean_with is not None
    assert one.mean_without is not None
    assert (one.seen, one.sampled) == (one.sales, 0)  # the market's model has learned from all of them
    assert sum(credit.sales for credit in one.methods[0].credits) == pytest.approx(one.sales)
    told = credits_of(one, "model")
    assert told["Visits"][0] > 2 * told["Mails"][0]  # visits are what sells in this market, mails do nothing
    assert 0 < one.mean_without < one.mean_with


def test_a_touch_that_no_feature_sees_contributes_nothing():
    one = modelled(touches={"Never": ["Never"]}).by_model
    assert one is not None
    assert credits_of(one, "model") == {"Never": (0, 0), None: (one.sales, 0)}


def test_a_copy_with_all_events_has_the_bits_of_the_original():
    log, bundle = market.log(), market.bundle()
    lead = np.arange(0, len(log.leads), 7)
    moment = np.full(len(lead), at(100))
    started = np.full(len(lead), at(1))
    kept = [np.arange(seen.start, seen.stop) for seen in (log.visible(int(code), at(100)) for code in lead)]
    copies = copied(log, lead, kept)
    mine = compute.batch(copies, bundle.feature_set, np.arange(len(lead)), moment, started)
    assert np.array_equal(mine, compute.batch(log, bundle.feature_set, lead, moment, started), equal_nan=True)


def test_the_stock_adds_up_by_source_and_its_interval_is_that_of_chance(report: MoneyReport):
    assert report.expected is not None
    parts = [one.expected for one in report.sources if one.expected is not None]
    assert sum(one.leads for one in parts) == report.expected.leads
    assert sum(one.sales for one in parts) == pytest.approx(report.expected.sales)
    rng = np.random.default_rng(3)
    chance = rng.uniform(0, 0.6, 400)
    amount = np.where(rng.random(400) < 0.5, rng.uniform(10, 90, 400), np.nan)
    past = np.array([20.0, 100.0])
    found = Stock(np.arange(400), chance, amount, past).expected(np.ones(400, dtype=np.bool_))
    own = ~np.isnan(amount)
    mean = np.where(own, amount, 60.0)
    square = np.where(own, amount**2, (20.0**2 + 100.0**2) / 2)
    sd = np.sqrt((chance * square - (chance * mean) ** 2).sum())
    assert found.revenue == pytest.approx((chance * mean).sum())
    assert (found.low, found.high) == pytest.approx(
        ((chance * mean).sum() - 1.2816 * sd, (chance * mean).sum() + 1.2816 * sd), rel=0.03
    )


# --- always ------------------------------------------------------------------------------------------------------

PLAYBOOKS = {"named": BOOK, "by kind": playbook(journey={"ready": ["Accepted"], "returned": ["Returned"]})}


@pytest.mark.parametrize("name", PLAYBOOKS)
@settings(max_examples=50)
@given(events=histories, later=histories, now=st.integers(0, 14))
def test_what_is_known_later_changes_nothing(name: str, events: list[Event], later: list[Event], now: int):
    book, moment = PLAYBOOKS[name], at(now)
    known = [event for event in events if event.known_at < moment]
    late = [event for event in [*events, *later] if event.known_at >= moment]
    to_come = euros("Web", (date(2026, 1, 1) + timedelta(days=now), date(2026, 6, 1)), 99)
    before = money(log_of(*known), book, (), None, moment)
    after = money(log_of(*known, *late), book, [to_come], None, moment)
    assert after == before


@settings(max_examples=5)
@given(now=st.integers(40, 140))
def test_of_the_model_neither(now: int):
    """A log that ends at a moment says the same of it as one that goes on; the model is the same."""
    moment = at(now)
    known = [one for one in market.events() if one.known_at < moment]
    book, bundle = market.BOOK, market.bundle()
    log = log_of(*known, keys=("email",))
    assert money(log, book, (), bundle, moment) == money(market.log(), book, (), bundle, moment)


@settings(max_examples=50)
@given(events=histories, now=st.integers(0, 24))
def test_sums_over_sources_months_and_channels_are_the_whole(events: list[Event], now: int):
    log = log_of(*events)
    report = money(log, BOOK, COSTS, None, at(now))
    for groups_ in (
        [one.amounts for one in report.sources],
        [one.amounts for one in report.months],
        [amounts for month in report.months for amounts in month.sources],
    ):
        for name in ("leads", "ready", "won", "priced"):
            assert sum(getattr(one, name) for one in groups_) == getattr(report.whole, name)
        assert sum(one.cost or 0 for one in groups_) == pytest.approx(report.whole.cost or 0)
        assert sum(one.revenue or 0 for one in groups_) == pytest.approx(report.whole.revenue or 0)
    sold = people(log, BOOK, at(now)).sold
    known = channels(log, BOOK, sold, at(now))
    one = by_rule(touches(log, known.of, sold, 30, at(now)), known.names, sold)
    assert one == report.by_rule
    for method in one.methods if one else ():
        assert sum(credit.sales for credit in method.credits) == pytest.approx(len(sold))
        assert sum(credit.revenue for credit in method.credits) == pytest.approx(report.whole.revenue or 0)
    assert (sold.amount == NO_VALUE).sum() == report.whole.won - report.whole.priced
    assert MoneyReport.model_validate_json(report.model_dump_json()) == report
