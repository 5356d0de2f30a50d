"""The whole forecast on a small market: no knowledge of what comes later, parts that add up, an honest look back."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import MICROS_PER_DAY, isoformat
from data.forecast_report import ForecastReport
from monitoring.forecast import forecast
from monitoring.forecast_backtest import Tried, backtest, tried, widened
from monitoring.weeks import WEEK
from tests import market
from tests.histories import at, identify, log_of, named, track
from tests.market import BOOK, SNAPSHOT
from training.bundle import Bundle
from veraison.errors import VeraisonError

NOW = at(205)
BY = BOOK.model_copy(update={
    "monitoring": BOOK.monitoring.model_copy(update={"source": "country"}),
    "pages": BOOK.pages.model_copy(update={"seller": "owner"}),
})  # fmt: skip


def told(events, *, as_of: int = NOW, bundle: Bundle | None = None, ahead: int = 4) -> ForecastReport:
    log = log_of(*named(events), keys=("email",))
    return forecast(log, bundle or market.bundle(), BY, as_of=as_of, ahead=ahead, threads=1)


@lru_cache(maxsize=1)
def report() -> ForecastReport:
    return told(market.events())


@lru_cache(maxsize=1)
def made() -> Tried:
    found = tried(market.log(), market.bundle(), BY, until=NOW, ahead=4, threads=1)
    return found


# --- what is told -------------------------------------------------------------------------------------------------


def test_the_parts_add_up():
    found = report()
    assert [one.event for one in found.outlooks] == ["converted", "ready"]
    for one in found.outlooks:
        assert len(one.weeks) == 4
        assert len(one.past) == 26
        for week in one.weeks:
            assert week.stock + week.arrivals + week.unforeseen == pytest.approx(week.count.mean, abs=0.003)
            assert week.count.low <= week.count.mean <= week.count.high + 1
        whole = sum(week.count.mean for week in one.weeks)
        assert one.total.mean == pytest.approx(whole, abs=0.01)
        for portions in (one.sources, one.sellers):
            assert sum(part.count.mean for part in portions) == pytest.approx(whole if portions else 0, abs=0.02)
            for name in ("stock", "arrivals", "unforeseen") if portions else ():
                every = sum(getattr(week, name) for week in one.weeks)
                assert sum(getattr(part, name) for part in portions) == pytest.approx(every, abs=0.02)
        assert {part.name for part in one.sources} >= {"FR", "DE", "IT"}
        assert one.sellers == ()
    assert found.origin.startswith("2026-07-20")  # the Monday of the week in which day 205 lies
    assert found.newcomers < 10  # some 23 a week came until day 120, none since


def test_what_came_is_what_the_events_say():
    """Counted by hand, a person once: from the events themselves."""
    wins = [one.occurred_at for one in market.events() if one.kind == "Deal Won"]
    past = report().outlooks[0].past
    starts = [int(np.datetime64(one.week, "us").astype(np.int64)) for one in past]
    assert [one.count for one in past] == [sum(start <= won < start + WEEK for won in wins) for start in starts]
    assert report().outlooks[0].so_far == sum(starts[-1] + WEEK <= won < NOW for won in wins)


def test_the_stock_is_what_the_probabilities_of_its_leads_say():
    """Before its level: the steps of four weeks are the chance within 28 days."""
    found = made()
    steps, origin = found.weeks.steps, len(found.weeks.starts) - 1
    mine = (steps.week == origin) & ~steps.newcomer
    assert mine.sum() == report().open
    assert steps.chance[mine, 0].sum() == pytest.approx(found.said.stock[0, origin].sum())


# --- nothing of later ----------------------------------------------------------------------------------------------


@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_what_is_known_later_changes_nothing(data: st.DataObject):
    at_ = NOW - 20 * MICROS_PER_DAY
    earlier = [one for one in market.events() if one.known_at < at_]
    leads = sorted({one.lead_id for one in earlier})
    some = data.draw(st.lists(st.sampled_from(leads), min_size=1, max_size=20))
    kinds = st.sampled_from(["Deal Won", "Deal Lost", "Accepted", "Visited"])
    day = st.floats(60, 184)
    later = [track(lead, data.draw(kinds), data.draw(day), known=185.01) for lead in some]
    closed = {one.lead_id for one in earlier if one.kind in ("Deal Won", "Deal Lost", "Stop")}
    still = [lead for lead in leads if lead not in closed]
    assert len(still) > 5
    later += [track(lead, "Deal Won", 165 + n, known=185.02) for n, lead in enumerate(still[:6])]
    later += [track(f"late{n}", "Lead Created", 150 + n, known=186) for n in range(5)]
    later.append(identify(leads[0], 100, known=187, previous=leads[1], country="XX", owner="Zoe"))
    later = [replace(one, event_id=f"later{n}") for n, one in enumerate(later)]  # else they pass for known ones
    assert told([*earlier, *later], as_of=at_) == told(earlier, as_of=at_)


def test_a_model_that_knows_what_came_later_is_not_used():
    said: list[str] = []
    log = market.log()
    found = forecast(
        log, market.bundle(), BY, as_of=SNAPSHOT - 10 * MICROS_PER_DAY, ahead=4, threads=1, say=said.append
    )
    assert any("the champion knows what came later" in one for one in said)
    assert found.version.startswith(isoformat(SNAPSHOT - 10 * MICROS_PER_DAY)[:10])


# --- the look back ---------------------------------------------------------------------------------------------------


def test_the_look_back_is_of_moments_after_the_training_and_its_errors_are_those_of_brute_force():
    found = made()
    back = backtest(0, market.log(), BY, found)
    assert back is not None
    assert back.trained == isoformat(SNAPSHOT)
    starts, over = found.weeks.starts, len(found.weeks.starts) - 1
    origins = [place for place in range(over) if starts[place] >= SNAPSHOT]
    assert (back.origins, back.first, back.last) == (
        len(origins), isoformat(int(starts[origins[0]]))[:10], isoformat(int(starts[origins[-1]]))[:10],
    )  # fmt: skip
    total = found.known[over].total[0]
    off, last, mean4 = [], [], []
    for origin in origins:
        for h in range(min(4, over - origin)):
            off.append(abs(found.made[0][origin].means.total[h] - total[origin + h]))
            last.append(abs(total[origin - 1] - total[origin + h]))
            mean4.append(abs(total[origin - 4 : origin].mean() - total[origin + h]))
    assert back.whole.weeks == len(off) == sum(one.weeks for one in back.rows[1:])
    assert back.whole.error == pytest.approx(np.mean(off), abs=1e-3)
    rules = {one.rule: one.error for one in back.whole.rules}
    assert rules["last"] == pytest.approx(np.mean(last), abs=1e-3)
    assert rules["mean4"] == pytest.approx(np.mean(mean4), abs=1e-3)
    assert rules["year"] is None


def test_a_champion_that_learned_lately_is_judged_by_a_twin():
    back = report().outlooks[0].backtest
    assert back is not None
    assert back.model == "twin"
    assert back.trained < isoformat(SNAPSHOT)


def test_ranges_are_as_wide_as_those_that_can_be_judged_were_wrong():
    """The same curves, taken for those of a model that has just learned, and for those of one that learned before."""
    found = made()
    late = replace(found, bundle=replace(found.bundle, facts={**found.bundle.facts, "as_of": isoformat(NOW)}))
    assert widened(found, found) is found
    assert widened(late, None) is late
    again = widened(late, found)
    for event in range(2):
        for origin, one in found.made[event].items():
            if found.weeks.starts[origin] >= SNAPSHOT:
                assert again.made[event][origin].spreads == pytest.approx(one.spreads)
                assert again.made[event][origin].means.total == pytest.approx(one.means.total)


# --- too little ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [[], [track("A", "Lead Created", 1)]])
def test_too_little_is_one_line(events):
    log = log_of(*named(events))
    with pytest.raises(VeraisonError, match=r"^too little is known before [^\n]* 4 whole weeks are needed; [^\n]*$"):
        forecast(log, market.bundle(), BY, as_of=at(3) if events else SNAPSHOT, ahead=8, threads=1)


def test_a_tiny_store_is_forecast_without_a_look_back():
    events = [track(f"L{n}", "Lead Created", 100 + 10 * n) for n in range(5)] + [track("L0", "Deal Won", 130)]
    found = told(events, as_of=SNAPSHOT, ahead=26)
    assert found.outlooks[0].backtest is None
    assert len(found.outlooks[0].weeks) == 26
    assert sum(one.count for one in found.outlooks[0].past) == 1
    assert found.outlooks[0].total.mean > 0


def test_without_an_event_of_readiness_only_sales_are_told():
    plain = BOOK.model_copy(update={"journey": BOOK.journey.model_copy(update={"ready": ()})})
    found = forecast(market.log(), market.bundle(), plain, as_of=NOW, ahead=2, threads=1)
    assert [one.event for one in found.outlooks] == ["converted"]
