"""The parts of a forecast: steps of curves, who is counted where, levels, intervals; held to closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from data.events import MICROS_PER_DAY
from monitoring.forecast_counts import Counts, counts
from monitoring.forecast_means import Sums, means
from monitoring.forecast_roll import Forecast, roll
from monitoring.forecast_spread import FREEDOM, UNSEEN, bounds, doubt, spread
from monitoring.forecast_steps import Steps, Weeks, steps, weekly_steps
from monitoring.weeks import WEEK, mondays, within
from tests import market
from tests.histories import alias, at, log_of, named, track

AHEAD = 8


# --- steps ---------------------------------------------------------------------------------------------------------


@given(
    rates=st.lists(st.floats(0.0, 0.3), min_size=2, max_size=5),
    gaps=st.lists(st.floats(0.5, 9.0), min_size=1, max_size=6),
)
def test_steps_add_up_to_the_chance_within_all_of_the_days(rates: list[float], gaps: list[float]):
    edges = np.concatenate([[0.0], np.cumsum(np.full(len(rates), 10.0))])
    hazard = np.concatenate([[0.0], np.cumsum(10.0 * np.array(rates))])[None]
    days = np.concatenate([[0.0], np.cumsum(gaps)])[None]
    found = steps(edges, hazard, days)
    assert (found >= -1e-12).all()
    assert found.sum() == pytest.approx(within(edges, hazard, days[:, -1])[0], abs=1e-9)


def test_steps_of_leads_are_those_of_the_probabilities_at_the_horizons():
    log, bundle = market.log(), market.bundle()
    weeks = weekly_steps(log, bundle, market.BOOK, since=at(60), until=at(95), ahead=AHEAD, threads=1)
    assert weeks.origin <= at(95) < weeks.origin + WEEK
    assert not (weeks.steps.newcomer & (weeks.steps.week == len(weeks.starts) - 1)).any()
    stock = ~weeks.steps.newcomer
    again = weekly_steps(log, bundle, market.BOOK, since=at(60), until=at(95), ahead=1, threads=1)
    assert again.steps.chance[:, 0, 0] == pytest.approx(weeks.steps.chance[:, 0, 0])
    assert (weeks.steps.chance[stock, 0].sum(axis=1) < 1).all()
    # who was accepted before can no more become ready for the first time
    assert np.isnan(weeks.steps.chance[:, 1, 0]).any()


# --- who is counted where ------------------------------------------------------------------------------------------


def of(log, rows, starts):
    """Weeks in which (lead, week, newcomer) have steps of a tenth."""
    places = [log.leads.index(lead) for lead, _, _ in rows]
    many = len(rows)
    return Weeks(
        starts,
        Steps(
            np.array([week for _, week, _ in rows]), np.array(places), np.array([new for *_, new in rows]),
            np.full(many, -1), np.full(many, -1), np.full((many, 2, 4), 0.1),
        ),
    )  # fmt: skip


def test_a_market_of_four_leads_by_hand():
    starts = np.arange(6) * WEEK + int(mondays(at(0), at(60))[0])
    day = (int(starts[0]) - at(0)) / MICROS_PER_DAY
    log = log_of(
        track("open", "Lead Created", day - 3),
        track("open", "Deal Won", day + 15),
        track("twice", "Lead Created", day - 2),  # open under two ids: one person
        track("also", "Lead Created", day - 1),
        alias("also", "twice", day + 20),
        track("twice", "Deal Won", day + 22),
        track("new", "Lead Created", day + 8),
        track("new", "Deal Won", day + 9),
        track("old", "Lead Created", day - 5),  # not followed any more
        track("old", "Deal Won", day + 1),
    )
    rows = [("open", week, False) for week in range(3)] + [("new", 1, True)]
    rows += [(name, week, False) for week in range(3) for name in ("twice", "also")]
    weeks = of(log, rows, starts)
    found = counts(log, market.BOOK, weeks, int(starts[5]))
    assert found.over == 5
    assert found.total[0].tolist() == [1, 1, 1, 1, 0, 0]
    assert found.stock[0, 0].tolist() == [0, 0, 1, 1]
    assert found.newcomers[0, 1].tolist() == [1, 0, 0, 0]
    assert found.unforeseen(0)[0].tolist() == [1, 0, 0, 0]
    assert counts(log, market.BOOK, weeks, int(starts[2])).total[0].tolist() == [1, 1, 0, 0, 0, 0]


@given(seed=st.integers(0, 10_000))
def test_the_three_add_up_to_everybody(seed: int):
    rng = np.random.default_rng(seed)
    starts = np.arange(6) * WEEK + int(mondays(at(0), at(60))[0])
    first = (int(starts[0]) - at(0)) / MICROS_PER_DAY
    events, rows = [], []
    for n in range(8):
        born, won = first + rng.uniform(-20, 30), rng.uniform(0, 20)
        events.append(track(f"L{n}", "Lead Created", born))
        if rng.random() < 0.7:
            events.append(track(f"L{n}", "Deal Won", born + won))
        rows += [(f"L{n}", week, False) for week in range(6) if at(born) < starts[week] and rng.random() < 0.7]
    log = log_of(*named(events))
    weeks = of(log, rows or [("L0", 0, False)], starts)
    found = counts(log, market.BOOK, weeks, int(starts[-1]))
    unforeseen = found.unforeseen(0)
    assert (unforeseen >= 0).all()
    for week in range(6):
        for h in range(min(4, 6 - week)):
            came = sum(found.newcomers[0, week + j, h - j] for j in range(h + 1))
            assert found.stock[0, week, h] + came + unforeseen[week, h] == found.total[0, week + h]


# --- a market with known rates -------------------------------------------------------------------------------------


def planted(seed: int, *, weeks: int = 150, wrong: float = 1.0, fading: float = 1.0, arrivals: float = 60.0):
    """Poisson arrivals; each lead converts with a hazard of its own, .02 to .12 a week, or leaves at .08 a week.

    wrong, fading : the curves say so many times the truth, and by each week ahead again so many times
    Returns      : what the curves say, what came (of each week), and the truth of the stock's and newcomers' means
    """
    rng = np.random.default_rng(seed)
    hazards = np.array([0.02, 0.05, 0.12])
    stay = (1 - hazards) * (1 - 0.08)
    open_ = np.zeros(3)
    stock, new = np.zeros((weeks, AHEAD)), np.zeros((weeks, AHEAD))
    of_stock, of_new, total = np.zeros((weeks, AHEAD)), np.zeros((weeks, AHEAD)), np.zeros(weeks)
    said = wrong * fading ** np.arange(AHEAD)
    ahead = hazards[:, None] * stay[:, None] ** np.arange(AHEAD)
    for week in range(weeks):
        stock[week] = open_ @ ahead * said
        came = rng.poisson(arrivals / 3, 3).astype(float)
        new[week] = came @ ahead * said
        for group in range(3):
            for table, many in ((of_stock, open_[group]), (of_new, came[group])):
                left = int(many)
                for h in range(AHEAD):
                    won = rng.binomial(left, hazards[group])
                    table[week, h] += won
                    left = rng.binomial(left - won, 0.92)
        # what truly becomes of all of them goes on from week to week
        left = open_ + came
        won = np.array([rng.binomial(int(one), rate) for one, rate in zip(left, hazards, strict=True)])
        total[week] = won.sum()
        open_ = np.array([rng.binomial(int(one - two), 0.92) for one, two in zip(left, won, strict=True)], dtype=float)
    blank = np.zeros_like
    truth = np.zeros((weeks, AHEAD))
    for week in range(weeks):
        truth[week] = stock[week] / said + np.cumsum(arrivals / 3 * ahead.sum(axis=0))
    return (
        Sums(np.stack([stock, blank(stock)]), np.stack([new, blank(new)])),
        (total, of_stock, of_new),
        truth,
    )


def known_at(week: int, told) -> Counts:
    """What is known when a week begins, of the groups' own draws."""
    total, of_stock, of_new = told
    over = np.add.outer(np.arange(len(total)), np.arange(AHEAD)) < week
    # what nobody foresaw is the difference: none here but the noise between separate draws
    both = np.where(np.arange(len(total)) < week, total, 0.0)
    none = np.zeros_like(of_stock)
    return Counts(
        week, np.stack([both, 0 * both]), np.stack([of_stock * over, none]), np.stack([of_new * over, none]),
        np.ones((len(total), 2)),
    )  # fmt: skip


def forecasts(seed: int, **more: float) -> tuple[dict[int, Forecast], np.ndarray, np.ndarray]:
    said, told, truth = planted(seed, **more)
    return roll(0, said, {week: known_at(week, told) for week in range(1, len(told[0]))}), told[0], truth


@pytest.mark.parametrize(("wrong", "fading"), [(1.0, 1.0), (2.0, 1.0), (0.6, 1.1)])
def test_a_planted_market_is_forecast_as_it_is_however_wrong_its_curves(wrong: float, fading: float):
    held, ratio = [], []
    for seed in range(2):
        made, total, truth = forecasts(seed, wrong=wrong, fading=fading)
        for origin in range(50, 150 - AHEAD, 2):
            one = made[origin]
            for h in range(AHEAD):
                low, high = bounds(float(one.means.total[h]), float(one.spreads[h]))
                held.append(low <= total[origin + h] <= high)
            ratio.append(one.means.total / truth[origin])
    assert np.mean(ratio, axis=0) == pytest.approx(np.ones(AHEAD), abs=0.06)
    assert 0.75 <= np.mean(held) <= 0.87


def test_a_season_of_a_year_ago_comes_again():
    """Every year in eight weeks half as many come: the second year knows, and is less wrong by half."""
    said, (total, of_stock, of_new), _ = planted(5, weeks=160, arrivals=240.0)
    season = np.ones(160)
    for year in (20, 72, 124):
        season[year : year + 8] = 0.3
    rng = np.random.default_rng(1)
    of = np.minimum(np.add.outer(np.arange(160), np.arange(AHEAD)), 159)
    told = (rng.binomial(total.astype(int), season).astype(float), of_stock * season[of], of_new * season[of])
    made = roll(0, said, {week: known_at(week, told) for week in range(1, 160)})
    wrong = {
        start: np.mean(
            [np.abs(made[one].means.total - told[0][one : one + 8]).mean() for one in range(start - 6, start)]
        )
        for start in (20, 124)
    }
    assert (made[19].season == 1).all()
    assert made[124].season.mean() < 0.7
    assert wrong[124] < 0.6 * wrong[20]


def test_a_young_log_makes_no_wild_levels():
    none = np.zeros((2, 6, AHEAD))
    said = Sums(none + 0.5, none + 0.1)
    empty = Counts(5, np.zeros((2, 6)), none, none, np.ones((6, 2)))
    found = means(0, said, empty, 5)
    assert (found.level > 0.3).all()
    assert (found.total > 0).all()


def test_weeks_that_the_model_learned_from_say_nothing_of_how_wrong_it_is():
    said, told, _ = planted(0, weeks=60)
    known = {week: known_at(week, told) for week in range(1, 60)}
    every, later = roll(0, said, known), roll(0, said, known, trained=30)
    for origin in range(4, 31):  # nothing was forecast and over yet: as wide as in any first year
        assert later[origin].spreads == pytest.approx(np.full(AHEAD, UNSEEN * doubt(0)))
        assert later[origin].whole == pytest.approx(UNSEEN * doubt(0))
    assert [one.means.total.tolist() for one in later.values()] == [one.means.total.tolist() for one in every.values()]
    assert (every[30].spreads < 0.3 * later[30].spreads).all()
    wide = [later[origin].spreads.mean() for origin in (30, 40, 50, 59)]
    assert wide == sorted(wide, reverse=True)  # the curves are right here: the more forecasts are over, the narrower


def test_a_model_that_learned_lately_learns_its_ranges_from_the_forecasts_of_another():
    said, told, _ = planted(1, weeks=60)
    known = {week: known_at(week, told) for week in range(1, 60)}
    every = roll(0, said, known)
    others = {origin: every[origin] for origin in range(20, 60)}
    own, theirs = roll(0, said, known, trained=20), roll(0, said, known, trained=59, others=others)
    for origin in range(20, 60):
        assert theirs[origin].spreads == pytest.approx(own[origin].spreads)
        assert theirs[origin].whole == pytest.approx(own[origin].whole)


# --- spreads and intervals -----------------------------------------------------------------------------------------


@given(mean=st.floats(0.01, 500), wide=st.floats(1e-6, 0.5))
def test_an_interval_is_the_nearest_to_80_percent_of_those_between_its_tails(mean: float, wide: float):
    low, high = bounds(mean, wide)
    count = nbinom(1 / wide, 1 / (1 + wide * mean))

    def chance(one: int, other: int) -> float:
        return float(count.cdf(other) - count.cdf(one - 1))

    first, last = int(count.ppf(0.1)), int(count.ppf(0.9))
    every = [abs(chance(one, other) - 0.8) for one in (first, first + 1) for other in (last - 1, last) if other >= one]
    assert 0 <= low <= high
    assert abs(chance(low, high) - 0.8) == pytest.approx(min(every), abs=1e-8)
    if count.std() > 10:
        assert chance(low, high) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("wide", [0.01, 0.1, 0.4])
def test_a_spread_is_found_again(wide: float):
    rng = np.random.default_rng(2)
    mean = rng.uniform(20, 60, 4_000)
    seen = rng.negative_binomial(1 / wide, 1 / (1 + wide * mean)).astype(float)
    assert spread(mean, seen, np.ones(4_000)) == pytest.approx(wide, rel=0.15)
    assert spread(mean, rng.poisson(mean).astype(float), np.ones(4_000)) < 0.003
    assert spread(mean[:0], seen[:0], seen[:0], usual=0.07) == pytest.approx(0.07)


@pytest.mark.parametrize("forecasts", [0, 3, 20])
def test_a_variance_learned_from_few_holds_80_percent_once_it_is_widened(forecasts: int):
    """Normal errors whose variance was learned from as many others as there are degrees of freedom."""
    rng = np.random.default_rng(4)
    freedom = FREEDOM + forecasts
    learned = rng.chisquare(freedom, 200_000) / freedom
    error = np.abs(rng.normal(size=200_000))
    known = 1.2815515655446004  # what holds 80 % of a standard normal
    assert (error <= known * np.sqrt(learned * doubt(forecasts))).mean() == pytest.approx(0.8, abs=0.004)
    assert (error <= known * np.sqrt(learned)).mean() < 0.8 - 0.2 / freedom
