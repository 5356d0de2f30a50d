"""A market in which customers buy again at known chances, for tests of the journey after the sale.

Every lead is won a few days after its creation or lost. From the sale on a customer visits; whoever was shown the new
product (an event before each day's draw) orders again at `EAGER` a day, the others at `CALM`, and some are lost. What
happened before the sale says nothing of what comes after it.
"""

from functools import lru_cache

import numpy as np

from data.events import Event
from data.log import EventLog
from tests.histories import at, identify, log_of, named, playbook, track
from veraison.playbook import Playbook

CALM, EAGER, LOST, SHOWN = 0.004, 0.03, 0.004, 0.01
DAYS = 300
BOOK: Playbook = playbook(
    journey={"ready": ["Accepted"], "opted_out": ["Stop"]},
    horizons={"days": [7, 30], "primary": 30},
    features={"windows_days": [7, 30], "traits": {"country": "category"}, "half_lives_days": [30]},
    training={"landmark_days": [0, 7, 14, 30, 60]},
    after_sale={"converted": ["Repeat Order"], "lost": ["Deal Lost"], "days": [30, 60], "primary": 60},
)


def within(days: int, *, shown: bool) -> float:
    """The chance of an order within some days of a customer who has been shown the product by now, or has not."""
    calm, eager, ordered = float(not shown), float(shown), 0.0
    for _ in range(days):
        calm, eager = calm * (1 - SHOWN), eager + calm * SHOWN
        ordered += CALM * calm + EAGER * eager
        calm, eager = calm * (1 - CALM) * (1 - LOST), eager * (1 - EAGER) * (1 - LOST)
    return ordered


@lru_cache(maxsize=4)
def events(leads: int = 700, seed: int = 3) -> tuple[Event, ...]:
    """All stories, leads born evenly over the first two thirds of the days."""
    rng = np.random.default_rng(seed)
    found: list[Event] = []
    for n in range(leads):
        name, born = f"L{n:04d}", float(rng.uniform(0, DAYS * 2 / 3))
        found += [track(name, "Lead Created", born), identify(name, born, country=str(rng.choice(["FR", "DE"])))]
        found += [track(name, "Visited", born + float(rng.uniform(0, 5))) for _ in range(rng.poisson(2))]
        sold = born + float(rng.uniform(5, 10))
        if rng.random() < 0.3:
            found.append(track(name, "Deal Lost", sold))
            continue
        found += [track(name, "Accepted", sold - 1), track(name, "Deal Won", sold, value=100)]
        found += _after(name, sold, rng)
    return tuple(named(one for one in found if one.occurred_at < at(DAYS)))


def _after(name: str, sold: float, rng: np.random.Generator) -> list[Event]:
    found, shown = [], False
    for day in range(1, DAYS):
        now = sold + day
        if rng.random() < 0.1:
            found.append(track(name, "Visited", now))
        if not shown and rng.random() < SHOWN:
            found.append(track(name, "Product Shown", now + 0.1))
            shown = True
        if rng.random() < (EAGER if shown else CALM):
            return [*found, track(name, "Repeat Order", now + 0.5, value=50)]
        if rng.random() < LOST:
            return [*found, track(name, "Deal Lost", now + 0.6)]
    return found


@lru_cache(maxsize=1)
def log() -> EventLog:
    return log_of(*events())
