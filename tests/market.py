"""A small market made in a second, and a model of it: for tests that need one but not the simulator's truth."""

from functools import lru_cache

import numpy as np

from data.events import Event
from data.log import EventLog
from tests.histories import at, identify, log_of, named, playbook, track
from training.bundle import Bundle
from training.fit import TrainingSet, fit, training_set
from veraison.playbook import Playbook

BOOK: Playbook = playbook(
    journey={"ready": ["Accepted"], "returned": ["Returned"], "opted_out": ["Stop"]},
    horizons={"days": [7, 30, 60], "primary": 30},
    features={
        "windows_days": [1, 7, 30],
        "outbound": ["Mail Sent"],
        "traits": {"country": "category", "size": "number"},
    },
    training={"landmark_days": [0, 3, 7, 14, 30]},
    identity={"keys": ["email"]},
)
SNAPSHOT = at(150)


def story(lead: str, born: float, rng: np.random.Generator) -> list[Event]:
    """Ninety days of one lead: the more it visits, and the bigger it is, the likelier it wins."""
    size, country = float(rng.integers(1, 200)), str(rng.choice(["FR", "DE", "IT"]))
    eager = rng.gamma(1.0, 0.5)
    events = [track(lead, "Lead Created", born), identify(lead, born, country=country, email=f"{lead}@x.fr")]
    events.append(identify(lead, born + rng.uniform(0, 20), size=size))
    for day in range(90):
        today = born + day
        visits = rng.poisson(0.2 * eager)
        events += [track(lead, "Visited", today + rng.uniform(0.1, 0.5)) for _ in range(visits)]
        if rng.random() < 0.05:
            events.append(track(lead, "Mail Sent", today + 0.3, known=today + 0.3 + rng.integers(0, 3)))
        if visits and rng.random() < 0.1:
            events.append(track(lead, "Quote", today + 0.55, value=float(rng.integers(1, 50))))
            events.append(track(lead, "Accepted", today + 0.6))
        if rng.random() < 0.012 * eager * (1 + size / 100):
            return [*events, track(lead, "Deal Won", today + 0.7)]
        if rng.random() < 0.008:
            return [*events, track(lead, str(rng.choice(["Deal Lost", "Stop"])), today + 0.8)]
    return events


@lru_cache(maxsize=1)
def events(leads: int = 400, days: int = 120) -> list[Event]:
    """All stories, leads born evenly over so many days."""
    rng = np.random.default_rng(5)
    return named(one for n in range(leads) for one in story(f"L{n:04d}", float(rng.uniform(0, days)), rng))


@lru_cache(maxsize=1)
def log() -> EventLog:
    return log_of(*events(), keys=("email",))


@lru_cache(maxsize=1)
def data() -> TrainingSet:
    return training_set(log(), BOOK, before=SNAPSHOT)


@lru_cache(maxsize=1)
def bundle() -> Bundle:
    """The model that this market gives."""
    return fit(data(), BOOK, before=SNAPSHOT, threads=1)
