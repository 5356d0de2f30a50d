"""Histories in a few words, for tests: events by day, and the log that a store makes of them."""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from data.events import MICROS_PER_DAY, Event, EventType, Trait, parse_instant
from data.log import EventLog
from data.mapping import load_mapping
from data.parse import judge
from data.sources import open_source
from data.store import Store
from veraison.playbook import Playbook

START = parse_instant("2026-01-01T00:00:00Z")
HOUR = MICROS_PER_DAY // 24


def at(day: float) -> int:
    """Microseconds UTC of so many days after the beginning of 2026."""
    return START + round(day * MICROS_PER_DAY)


def track(
    lead: str,
    kind: str,
    day: float,
    *,
    known: float | None = None,
    value: float | None = None,
    type_: EventType = "track",
) -> Event:
    """`kind` happened on `day`, and was known on day `known`."""
    worth = None if value is None else round(value * 1_000_000)
    return Event("", lead, type_, kind, at(day), at(day if known is None else known), worth)


def identify(
    lead: str, day: float, *, known: float | None = None, previous: str | None = None, **traits: Trait
) -> Event:
    """What became known about a lead, and which id continues as it."""
    seen = at(day if known is None else known)
    return Event("", lead, "identify", "identify", at(day), seen, traits=dict(traits), previous_id=previous)


def alias(previous: str, lead: str, day: float) -> Event:
    """From `day` on, `previous` is `lead`."""
    return Event("", lead, "alias", "alias", at(day), at(day), previous_id=previous)


def named(events: Iterable[Event]) -> list[Event]:
    """The same events with ids in their order, where they have none."""
    return [one if one.event_id else replace(one, event_id=f"m{n:06d}") for n, one in enumerate(events)]


def log_of(*events: Event, keys: tuple[str, ...] = ()) -> EventLog:
    """The log of a store that holds these events."""
    with Store("sqlite://", keys) as store:
        store.append(named(events))
        return store.scan()


def ingest(store: Store, path: Path, mapping: Path | None = None) -> int:
    """Everything a file holds, as `veraison ingest` brings it in; returns how many records were refused."""
    rules, now = load_mapping(mapping) if mapping else None, time.time_ns() // 1_000
    return store.append(judge(record, now=now) for record in open_source(path, rules)).quarantined


def playbook(**tables: object) -> Playbook:
    """A playbook that knows ``Lead Created``, ``Deal Won`` and ``Deal Lost``, with some tables of one's own."""
    journey = {"created": ["Lead Created"], "converted": ["Deal Won"], "lost": ["Deal Lost"]}
    return Playbook.model_validate({**tables, "journey": journey | dict(tables.get("journey", {}))})  # type: ignore[call-overload]
