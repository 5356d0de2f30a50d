"""Whose lead is whose: what a seller may see.

A lead is owned by the seller that its trait names (`[pages] seller` of the playbook), as the newest word has it,
whatever moment is looked at. An id that goes on as another is also owned as that one is.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from data.identity import Identity
from data.log import EventLog
from serving.people import folded


def owners(log: EventLog, trait: str) -> dict[str, str]:
    """Of each lead that has an owner the newest one, by ``occurred_at``, folded for comparison.

    trait : its name; a lead without it, or with an empty one, is nobody's
    """
    if trait not in log.trait_names:
        return {}
    rows = np.flatnonzero(log.trait_name == log.trait_names.index(trait))
    leads = np.searchsorted(log.trait_offsets, rows, side="right") - 1
    newest: dict[int, tuple[int, int]] = {}
    for lead, occurred, text in zip(
        leads.tolist(), log.trait_occurred[rows].tolist(), log.trait_text[rows].tolist(), strict=True
    ):
        if lead not in newest or occurred >= newest[lead][0]:
            newest[lead] = occurred, text
    named = {log.leads[lead]: folded(log.trait_texts[text]) for lead, (_, text) in newest.items()}
    return {lead: name for lead, name in named.items() if name}


def seen(identity: Identity, lead_ids: Sequence[str], owner: dict[str, str], seller: str) -> list[bool]:
    """Whether a seller sees each of these leads: its own, and those of nobody.

    owner : as `owners` gives it
    """
    me = folded(seller)

    def all_mine(ids: Iterable[str]) -> bool:
        return all(owner.get(one, me) == me for one in ids)

    return [all_mine((lead, *(target for target, _ in identity.chain(lead)))) for lead in lead_ids]
