"""Whose lead is whose: what a seller may see.

A lead is owned by the seller that its trait names (`[pages] seller` of the playbook), as the newest word has it,
whatever moment is looked at. An id that goes on as another is also owned as that one is.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from data.identity import Identity, fold
from data.log import NEVER, EventLog


def owners(log: EventLog, trait: str) -> dict[str, str]:
    """Of each lead that has an owner the newest one, by ``occurred_at``, folded for comparison.

    trait : its name; a lead without it, or with an empty one, is nobody's
    """
    named = zip(log.leads, newest_texts(log, trait, NEVER), strict=True)
    found = {lead: fold(text) for lead, text in named if text is not None}
    return {lead: name for lead, name in found.items() if name}


def newest_texts(log: EventLog, trait: str, as_of: int) -> list[str | None]:
    """(leads,) of a trait the visible text that is true of the latest moment, None where there is none.

    as_of : microseconds UTC
    """
    found: list[str | None] = [None] * len(log.leads)
    if trait in log.trait_names:
        rows = np.flatnonzero((log.trait_name == log.trait_names.index(trait)) & (log.trait_known < as_of))
        lead = np.repeat(np.arange(len(log.leads)), np.diff(log.trait_offsets))[rows]
        order = np.lexsort((rows, log.trait_occurred[rows], lead))
        for place in order.tolist():
            found[int(lead[place])] = log.trait_texts[log.trait_text[rows[place]]]
    return found


def seen(identity: Identity, lead_ids: Sequence[str], owner: dict[str, str], seller: str) -> list[bool]:
    """Whether a seller sees each of these leads: its own, and those of nobody.

    owner : as `owners` gives it
    """
    me = fold(seller)

    def all_mine(ids: Iterable[str]) -> bool:
        return all(owner.get(one, me) == me for one in ids)

    return [all_mine((lead, *(target for target, _ in identity.chain(lead)))) for lead in lead_ids]
