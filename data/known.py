"""What the routes of the playbook ask of a lead, as it was known at a moment: traits, amount, company, seller.

Of each trait the visible word that is true of the latest moment counts, of those that can be read as the playbook says:
a number trait whose newest text is no number keeps the last one that was, as it does for the features.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np

from data.domains import domain_kind
from data.identity import fold
from data.log import NO_VALUE, EventLog, Ints
from data.routes import Value
from veraison.playbook import Playbook
from veraison.playbook_routes import Routing

_MILLIONTHS = 1_000_000  # the unit of an event's value


@dataclass(frozen=True)
class Holding:
    """The seller who has a lead.

    seller : as the trait has the name
    since  : microseconds UTC, when the words that name this seller, and no other after, began
    """

    seller: str
    since: int


def traits_at(log: EventLog, kinds: Mapping[str, str], lead: Ints, as_of: Ints) -> list[dict[str, Value]]:
    """(pairs,) of each lead the traits that are known at a moment; what is missing is not there.

    kinds : name -> kind, those that are wanted
    lead  : codes in the log; as_of : microseconds UTC
    """
    wanted = {place: name for place, name in enumerate(log.trait_names) if name in kinds}
    found = []
    for code, moment in zip(lead.tolist(), as_of.tolist(), strict=True):
        newest: dict[str, int] = {}
        values: dict[str, Value] = {}
        for row in range(int(log.trait_offsets[code]), int(log.trait_offsets[code + 1])):
            if log.trait_known[row] >= moment:
                break
            name = wanted.get(int(log.trait_name[row]))
            if name is None or log.trait_occurred[row] < newest.get(name, 0):
                continue
            value = _readings[kinds[name]](log.trait_texts[log.trait_text[row]], float(log.trait_number[row]))
            if value is not None:
                newest[name], values[name] = int(log.trait_occurred[row]), value
        found.append(values)
    return found


def amounts_at(
    log: EventLog, routing: Routing, traits: list[dict[str, Value]], lead: Ints, as_of: Ints
) -> list[float | None]:
    """(pairs,) what each lead is expected to bring; None where nothing says it.

    traits : of the same pairs, with `routing.amount_trait` among them
    """
    telling = np.array([kind in routing.amount_events for kind in log.kinds], dtype=np.bool_)
    found: list[float | None] = []
    for known, code, moment in zip(traits, lead.tolist(), as_of.tolist(), strict=True):
        told = known.get(routing.amount_trait)
        if not isinstance(told, float) and routing.amount_events:
            told = _newest_value(log, telling, log.visible(code, moment))
        found.append(told if isinstance(told, float) else routing.amount_else or None)
    return found


def companies_at(log: EventLog, playbook: Playbook, as_of: int) -> dict[int, str]:
    """Code of each lead whose company is known at a moment, and the company, folded; not of who is part of another.

    A free mailbox names no company, and a playbook without a trait of kind ``account`` knows none.
    """
    found = {}
    for name in playbook.features.accounts:
        codes = np.flatnonzero(log.merged_at >= as_of)
        kinds = {name: "account"}
        for code, known in zip(codes, traits_at(log, kinds, codes, np.full(len(codes), as_of)), strict=True):
            text = known.get(name)
            if isinstance(text, str) and domain_kind(text) != "free":
                found[int(code)] = fold(text)
    return found


def holdings_at(log: EventLog, trait: str, as_of: int) -> dict[int, Holding]:
    """Code of each lead that a seller has at a moment, and since when; who is part of another is left out.

    trait : that names the seller (`pages.seller` of the playbook)
    """
    if trait not in log.trait_names:
        return {}
    mine = (log.trait_name == log.trait_names.index(trait)) & (log.trait_known < as_of)
    rows = np.flatnonzero(mine)
    lead = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))[rows]
    found: dict[int, Holding] = {}
    for place in np.lexsort((rows, log.trait_occurred[rows], lead)).tolist():
        code, row = int(lead[place]), rows[place]
        seller = log.trait_texts[log.trait_text[row]]
        before = found.get(code)
        if before is None or fold(before.seller) != fold(seller):
            found[code] = Holding(seller, int(log.trait_occurred[row]))
    return {code: one for code, one in found.items() if fold(one.seller) and log.merged_at[code] >= as_of}


def _newest_value(log: EventLog, telling: np.ndarray[tuple[int], np.dtype[np.bool_]], rows: slice) -> float | None:
    """The value of the newest event that tells an amount."""
    places = np.flatnonzero(telling[log.kind[rows]] & (log.value[rows] != NO_VALUE))
    if not len(places):
        return None
    last = places[np.lexsort((places, log.occurred[rows][places]))[-1]]
    return float(log.value[rows][last]) / _MILLIONTHS


def _number(_: str, number: float) -> Value:
    return None if isnan(number) else number


def _text(text: str, _: float) -> Value:
    return text if fold(text) else None


def _kind(text: str, _: float) -> Value:
    return domain_kind(text)


_readings: Mapping[str, Callable[[str, float], Value]] = {
    "number": _number,
    "category": _text,
    "account": _text,
    "email": _kind,
}
