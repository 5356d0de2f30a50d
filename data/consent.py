"""Who may be contacted at a moment: the newest word on it, of a trait or an event (`[consent]` of the playbook).

One function decides, for every list and every message. Only what is visible counts (``known_at < as_of``), the newest
by ``occurred_at``; of two at one instant the no. An id that has become part of another goes by that one's words, in
which its own are. A worked example, where consent is required: L1 says yes on a form on 1 March and no in a mail on
5 March that comes in on the 7th: it may be contacted from 1 March to the 7th, and not before or after.
"""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from data.identity import fold
from data.log import EventLog, Ints
from data.store import Store
from veraison.playbook_consent import Consent

Bools = npt.NDArray[np.bool_]
_YES, _NO = 1, 0


def may_contact(log: EventLog, consent: Consent, as_of: int) -> Bools:
    """(leads,) whether each lead of a log may be contacted at a moment, microseconds UTC.

    >>> with Store("sqlite://") as store:
    ...     len(may_contact(store.scan(), Consent(), 0))
    0
    """
    count = len(log.leads)
    found: Bools = np.full(count, not consent.required, dtype=np.bool_)
    if not consent.is_asked or not count:
        return np.ones(count, dtype=np.bool_) if not consent.is_asked else found
    lead, at, said = (np.concatenate(parts) for parts in zip(*_words(log, consent, as_of), strict=True))
    order = np.lexsort((said == _NO, at, lead))
    found[lead[order]] = said[order] == _YES  # of one lead the last stays
    result: Bools = found[log.persons(as_of)]
    return result


def refused(store: Store, consent: Consent, lead_ids: Sequence[str], as_of: int) -> set[str]:
    """Those of some leads that may not be contacted at a moment; of ids that nobody has nothing is known."""
    if not consent.is_asked or not lead_ids:
        return set()
    log = store.history(list(dict.fromkeys(lead_ids)))
    allowed, codes = may_contact(log, consent, as_of), log.codes(list(lead_ids))
    return {lead_id for lead_id, code in zip(lead_ids, codes.tolist(), strict=True) if code >= 0 and not allowed[code]}


def absent(log: EventLog, consent: Consent, as_of: int) -> list[str]:
    """One line for each event and the trait that `[consent]` names and that nobody has told so far."""
    kinds = {log.kinds[one] for one in np.unique(log.kind[log.known < as_of])}
    names = {log.trait_names[one] for one in np.unique(log.trait_name[log.trait_known < as_of])}
    found = [
        f"consent.{key}: no event {one!r} has occurred so far"
        for key in ("granted_events", "withdrawn_events")
        for one in getattr(consent, key)
        if one not in kinds
    ]
    if consent.trait and consent.trait not in names:
        found.append(f"consent.trait: no lead has the trait {consent.trait!r} so far")
    return found


def _words(log: EventLog, consent: Consent, as_of: int) -> Iterable[tuple[Ints, Ints, Ints]]:
    """(lead, when, yes or no) of all that is visible: of the trait, then of the events."""
    rows = np.empty(0, dtype=np.int64)
    if consent.trait in log.trait_names:
        rows = np.flatnonzero((log.trait_name == log.trait_names.index(consent.trait)) & (log.trait_known < as_of))
    texts = _meaning(log.trait_texts, consent.granted, consent.withdrawn)
    said = texts[log.trait_text[rows]] if len(rows) else rows
    rows, said = rows[said >= 0], said[said >= 0]
    yield np.searchsorted(log.trait_offsets, rows, side="right") - 1, log.trait_occurred[rows], said
    kinds = _meaning(log.kinds, consent.granted_events, consent.withdrawn_events, form=str)
    rows = np.flatnonzero((kinds[log.kind] >= 0) & (log.known < as_of)) if len(log.kind) else np.empty(0, np.int64)
    yield np.searchsorted(log.offsets, rows, side="right") - 1, log.occurred[rows], kinds[log.kind[rows]]


def _meaning(texts: Sequence[str], yes: Sequence[str], no: Sequence[str], form: "type[str] | None" = None) -> Ints:
    """(texts,) yes, no, or -1 for a text that says neither."""
    written = form or _form
    told = {written(one): _YES for one in yes} | {written(one): _NO for one in no}
    return np.array([told.get(written(one), -1) for one in texts], dtype=np.int64)


@cache
def _form(text: str) -> str:
    return " ".join(fold(text).split())
