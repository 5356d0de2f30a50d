"""Do the same events still arrive, under the same names, with the same categories?

The commonest faults have a name: an event that is called otherwise since Tuesday, a form that no longer sends, a
source that nobody told us of. They are looked for by name, relative to what a model of a given snapshot could know,
so that a model trained after the change no longer raises it.

A worked example: five leads a week ask for a quote, never more than six days apart. None has for two weeks while
everything else went on: more than twice the longest pause has passed and ten leads were to be expected. Alone that
could be a slow August. But since the day of the last one, eleven leads have sent something called "Quote Form Sent":
a kind fell silent and a kind appeared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from data.events import MICROS_PER_DAY, isoformat, parse_instant
from data.journey import Role, roles
from data.log import Codes, EventLog, Ints
from features.catalogue import FeatureSet
from veraison.playbook import Playbook

HISTORY_DAYS = 182
"""How far back the usual pace and the longest pause of a kind are looked for."""
MISSED = 20
"""A kind is silent where at least so many leads would have shown it by now, at its usual share of all events ..."""
MISSED_IN_EXCHANGE = 3
"""... or so many, where a kind that was never seen before began within `EXCHANGE_DAYS` of its last event ..."""
LEARNED = 8
"""A model knows that a kind is silent where so many leads of those it learned from would have shown it."""
EXCHANGE_DAYS = 14
PAUSE = 2.0
"""... and, without such an exchange, the pause is so many times the longest before it (mails go out every other week)
..."""
LEAST_PAUSE_DAYS = 5
"""... and at least so long: no weekend with holidays."""
APPEARED = 10
"""A kind or a category appears where so many different leads of the newest chunk show it ..."""
NEVER_SEEN = 5
"""... or so many where no lead had shown it before the snapshot ..."""
GROWTH = 2.0
"""... and they are so many times as many as its share of leads before the snapshot lets expect, and beyond chance."""
EVERYTHING = "any event"
"""The name under which the silence of all kinds together is told."""
TEACHING = ("identify", "group", "alias")
_CLOSING = (Role.converted, Role.lost, Role.opted_out)

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Structure:
    """What changed by name since a snapshot: event or ``trait=category`` -> numbers."""

    silent: dict[str, Numbers]
    appeared: dict[str, Numbers]
    categories: dict[str, Numbers]


@dataclass(frozen=True)
class Arrivals:
    """Every event once, in the order in which it became known before a moment.

    known    : (n,) microseconds UTC
    occurred : (n,) microseconds UTC
    kind     : (n,) place in `kinds`
    lead     : (n,) code of the lead it first showed for
    at       : the moment, microseconds UTC
    """

    known: Ints
    occurred: Ints
    kind: Ints
    lead: Ints
    kinds: list[str]
    at: int

    def before(self, at: int) -> "Arrivals":
        """Those known before an earlier moment."""
        stop = int(np.searchsorted(self.known, at))
        return Arrivals(self.known[:stop], self.occurred[:stop], self.kind[:stop], self.lead[:stop], self.kinds, at)


def arrivals(log: EventLog, at: int) -> Arrivals:
    """The events known before `at`; an event that an identity merge shows twice counts once."""
    lead = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.offsets))
    seen = (
        pl.DataFrame(
            {
                "id": log.event_ids.to_arrow(),
                "known": log.known,
                "occurred": log.occurred,
                "kind": log.kind,
                "lead": lead,
            }
        )
        .filter(pl.col("known") < at)
        .sort("known", "lead", maintain_order=True)
        .unique("id", keep="first", maintain_order=True)
    )
    return Arrivals(
        known=seen["known"].to_numpy(),
        occurred=seen["occurred"].to_numpy(),
        kind=seen["kind"].to_numpy().astype(np.int64),
        lead=seen["lead"].to_numpy(),
        kinds=log.kinds,
        at=at,
    )


def structure(log: EventLog, seen: Arrivals, playbook: Playbook, known: FeatureSet, *, snapshot: int) -> Structure:
    """What a model could not know and the newest chunk shows.

    known    : the model's features; a kind or a category without a column or a code of its own is new to it
    snapshot : microseconds UTC, when it learned; a kind that was silent by then is silent to it
    """
    new = appeared(seen, playbook, known, snapshot=snapshot)
    already = silent(seen, snapshot, LEARNED, pause=1.0)
    alone = silent(seen, seen.at)
    suspected = silent(seen, seen.at, MISSED_IN_EXCHANGE, pause=1.0)
    fresh = {kind: numbers for kind, numbers in new.items() if not numbers["leads_before"]}
    return Structure(
        silent={
            kind: numbers | ({"instead": others} if others else {})
            for kind, numbers in suspected.items()
            if kind not in already and ((others := _instead(numbers, fresh)) or kind in alone)
        },
        appeared=new,
        categories=new_categories(log, playbook, known, snapshot=snapshot, at=seen.at),
    )


def learnable(changed: Structure, seen: Arrivals, learned: FeatureSet, *, snapshot: int) -> frozenset[str]:
    """Names of the changes that a model with these features, of this snapshot, would know."""
    categories = {f"{trait.name}={category}" for trait in learned.traits for category in trait.categories}
    silent_then = silent(seen, snapshot, LEARNED, pause=1.0)
    return frozenset(
        {*changed.silent} & {*silent_then} | {*changed.appeared} & {*learned.kinds} | {*changed.categories} & categories
    )


def silent(seen: Arrivals, at: int, least: int = MISSED, pause: float = PAUSE) -> dict[str, Numbers]:
    """Kinds of which at least so many leads are missed at a moment: when it was last seen, and how many.

    Leads, not events: ten views of a page by one visitor are one accident. What is missed of a kind goes by the other
    events that came meanwhile, so that a quiet season is no silence; what is missed of `EVERYTHING`, by the calendar.
    """
    stop = int(np.searchsorted(seen.known, at))
    known, kind, lead = seen.known[:stop], seen.kind[:stop], seen.lead[:stop]
    found = {}
    for code in (*np.unique(kind), None)[: None if stop else 0]:
        rows = np.arange(stop) if code is None else np.flatnonzero(kind == code)
        last = int(known[rows[-1]])
        since = int(np.searchsorted(known, last - HISTORY_DAYS * MICROS_PER_DAY))
        rows = rows[rows >= since]
        longest = int(np.diff(known[rows]).max(initial=0))
        upto = int(np.searchsorted(known, last, side="right"))
        leads = len(np.unique(lead[rows]))
        if code is None:
            missed = leads * (at - last) / max(last - int(known[since]), 1)
        else:
            missed = leads * (stop - upto) / (upto - since)
        if round(missed) >= least and at - last > max(pause * longest, LEAST_PAUSE_DAYS * MICROS_PER_DAY):
            found[EVERYTHING if code is None else seen.kinds[code]] = {"last": isoformat(last), "missed": round(missed)}
    return found


def appeared(seen: Arrivals, playbook: Playbook, known: FeatureSet, *, snapshot: int) -> dict[str, Numbers]:
    """Kinds without a column of their own that clearly more leads of the newest chunk show than before the snapshot.

    Messages that teach traits, and events that close a journey, are no inputs and are left out.
    """
    role = roles(seen.kinds, playbook.journey)
    chunk = seen.known >= seen.at - playbook.monitoring.recent_days * MICROS_PER_DAY
    early = seen.known < snapshot
    now, of_chunk = _spread(seen.lead[chunk], seen.kind[chunk], len(seen.kinds))
    before, of_before = _spread(seen.lead[early], seen.kind[early], len(seen.kinds))
    found = {}
    for code in _grown(now, of_chunk, before, of_before):
        kind = seen.kinds[code]
        if role[code] not in _CLOSING and kind not in TEACHING and kind not in known.kinds:
            first = isoformat(int(seen.known[seen.kind == code][0]))
            found[kind] = {"first": first, "leads": int(now[code]), "leads_before": int(before[code])}
    return found


def new_categories(
    log: EventLog, playbook: Playbook, known: FeatureSet, *, snapshot: int, at: int
) -> dict[str, Numbers]:
    """Categories without a code, as ``trait=category``, that clearly more leads have than before the snapshot.

    Counted among the leads whose trait became known in the newest chunk; the share that counts is
    ``monitoring.category_share``.
    """
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.trait_offsets))
    chunk = (log.trait_known < at) & (log.trait_known >= at - playbook.monitoring.recent_days * MICROS_PER_DAY)
    early = log.trait_known < snapshot
    found = {}
    for trait in known.traits:
        if trait.kind != "category" or trait.name not in log.trait_names:
            continue
        mine = log.trait_name == log.trait_names.index(trait.name)
        size = len(log.trait_texts)
        now, of_chunk = _spread(rows[mine & chunk], log.trait_text[mine & chunk], size)
        before, of_before = _spread(rows[mine & early], log.trait_text[mine & early], size)
        for code in _grown(now, of_chunk, before, of_before):
            text, share = log.trait_texts[code], float(now[code] / of_chunk)
            if share >= playbook.monitoring.category_share and text not in trait.categories:
                numbers = {"leads": int(now[code]), "share": round(share, 4), "leads_before": int(before[code])}
                found[f"{trait.name}={text}"] = numbers
    return found


def weekly(seen: Arrivals, recent_days: int) -> list[dict[str, Any]]:
    """Events a week of each kind, in the newest chunk and in the weeks before it, the greatest change first."""
    start = seen.at - recent_days * MICROS_PER_DAY
    since = max(start - HISTORY_DAYS * MICROS_PER_DAY, int(seen.known[0]) if len(seen.known) else start)
    weeks = max((start - since) / (7 * MICROS_PER_DAY), 1.0)
    size = len(seen.kinds)
    recent = np.bincount(seen.kind[seen.known >= start], minlength=size) / (recent_days / 7)
    before = np.bincount(seen.kind[(seen.known >= since) & (seen.known < start)], minlength=size) / weeks
    change = np.abs(np.log((recent + 0.5) / (before + 0.5)))
    return [
        {
            "event": seen.kinds[code],
            "per_week": round(float(recent[code]), 1),
            "per_week_before": round(float(before[code]), 1),
        }
        for code in np.argsort(-change, kind="stable")
        if recent[code] or before[code]
    ]


def _instead(numbers: Numbers, new: dict[str, Numbers]) -> list[str]:
    """The kinds that appeared about when this one fell silent."""
    last = parse_instant(numbers["last"])
    near = EXCHANGE_DAYS * MICROS_PER_DAY
    return sorted(kind for kind, found in new.items() if abs(parse_instant(found["first"]) - last) <= near)


def _spread(lead: Ints, code: Ints | Codes, size: int) -> tuple[Ints, int]:
    """(size,) how many different leads showed each code, and how many leads there are."""
    pairs = np.unique(lead * np.int64(size) + code)
    return np.bincount(pairs % max(size, 1), minlength=size).astype(np.int64), len(np.unique(lead))


def _grown(now: Ints, of_chunk: int, before: Ints, of_before: int) -> list[int]:
    """Codes that enough leads of the chunk show, and more than chance makes of the share there was before."""
    expected = before / max(of_before, 1) * of_chunk
    least = np.where(before > 0, APPEARED, NEVER_SEEN)
    bound = np.maximum(least, GROWTH * expected + 3 * np.sqrt(expected))
    return np.flatnonzero(now >= bound).tolist()
