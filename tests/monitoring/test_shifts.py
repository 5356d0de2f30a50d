"""What only conversions show is found by its name within six weeks, and nothing before: three firms of each kind.

Whole logs and a champion, but no simulator: `tests.market` makes leads in seconds. Twenty simulated markets of each:
``make bench-monitoring``.
"""

from typing import Literal

import numpy as np
import pytest

from data.log import EventLog
from monitoring.conversions import ALL
from monitoring.expected import judge
from monitoring.weeks import weekly
from tests import market
from tests.histories import at, identify, log_of, named
from tests.monitoring.test_expected import BOOK, SNAPSHOT

Shift = Literal["price", "quality"]
LEADS, SINCE, WITHIN = 3_000, 110, 6
"""Leads in half a year; the day of the shift; weeks."""
NAMES: dict[Shift, str] = {"price": ALL, "quality": "FR"}


def firm(shift: Shift, seed: int) -> EventLog:
    """Prices rise: every second deal is lost from a day on. Quality: a source's leads of later are worth little."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(LEADS):
        lead, born, country = f"L{number:04d}", float(rng.uniform(0, 180)), "FR" if number % 2 else "DE"
        story, luck = market.story(lead, born, rng), rng.random()
        spared = {"Deal Won": 0.15, "Accepted": 0.39} if shift == "quality" else {"Deal Won": 0.5}
        concerned = shift == "price" or (country == "FR" and born >= SINCE)
        found += [identify(lead, born, country=country)] + [
            one
            for one in story
            if one.kind != "identify"
            and not (concerned and one.occurred_at >= at(SINCE) and luck >= spared.get(one.kind, 1.0))
        ]
    return log_of(*named(found))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("shift", NAMES)
def test_a_shift_of_conversions_is_found_in_time_and_by_its_name(shift: Shift, seed: int):
    log, last = firm(shift, seed), SINCE + 7 * WITHIN
    weeks = weekly(log, market.bundle(), BOOK, since=at(0), until=at(last), threads=1)
    alarms = []
    for day in (SINCE, last):
        found = judge(log, weeks, BOOK, snapshot=SNAPSHOT, as_of=at(day))
        assert found is not None
        alarms.append({one.name: one.direction for one in found.alarms})
    assert alarms[0] == {}
    assert alarms[1].get(NAMES[shift]) == "fewer"
    assert shift == "price" or "DE" not in alarms[1]
