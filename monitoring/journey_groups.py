"""What stays are grouped by: the source of a lead, months and quarters, the month of its creation."""

from dataclasses import dataclass

import numpy as np

from data.events import instant, micros
from data.journey import standing
from data.log import NEVER, NO_VALUE, EventLog, Floats, Ints
from data.stays import AT_ONCE, Bools, Stays
from veraison.playbook import Journey

SOURCES = 12
"""So many sources are told apart, those of most leads; the others are taken together."""
OTHERS = "…"
"""The name of all sources beyond them."""


@dataclass(frozen=True)
class Sources:
    """(leads,) where each lead of a log comes from.

    code  : place in `names`, -1 where that is not known
    since : when it first said so, microseconds UTC
    """

    code: Ints
    since: Ints
    names: tuple[str, ...]

    def known(self, found: Stays) -> Bools:
        """(n,) whether the source was known when each stay began: of who is asked later, only who went on is known."""
        told: Bools = (self.code[found.lead] >= 0) & (self.since[found.lead] <= found.entered + AT_ONCE)
        return told


def sources(log: EventLog, trait: str, at: int, among: Ints, most: int = SOURCES) -> Sources:
    """The first source of each lead that is known before a moment.

    trait : its name, such as "source"
    among : (n,) leads by which the most frequent sources are chosen
    most  : so many are told apart
    """
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.trait_offsets))
    place = log.trait_names.index(trait) if trait in log.trait_names else -1
    mine = np.flatnonzero((log.trait_name == place) & (log.trait_known < at))
    who, first = np.unique(rows[mine], return_index=True)
    code, since = np.full(len(log.leads), -1, dtype=np.int64), np.full(len(log.leads), NEVER, dtype=np.int64)
    code[who], since[who] = log.trait_text[mine[first]], log.trait_occurred[mine[first]]
    texts, counts = np.unique(code[among][code[among] >= 0], return_counts=True)
    chosen = sorted(zip(-counts, (log.trait_texts[one] for one in texts), texts.tolist(), strict=True))
    names = [name for _, name, _ in chosen[:most]]
    table = np.full(len(log.trait_texts) + 1, -1, dtype=np.int64)
    table[[text for _, _, text in chosen[:most]]] = np.arange(len(names))
    if rest := [text for _, _, text in chosen[most:]]:
        table[rest] = len(names)
        names.append(OTHERS)
    return Sources(table[code], since, tuple(names))


def months(moments: Ints) -> Ints:
    """(n,) months since 1970, in UTC.

    >>> months(np.array([0, 32 * 86_400_000_000])).tolist()
    [0, 1]
    """
    return moments.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def month_name(month: int) -> str:
    """A month as reports write it.

    >>> month_name(674)
    '2026-03'
    """
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def quarter_name(quarter: int) -> str:
    """A quarter of a year, counted from 1970, as reports write it.

    >>> quarter_name(224)
    '2026-Q1'
    """
    return f"{1970 + quarter // 4}-Q{quarter % 4 + 1}"


def month_end(month: int) -> int:
    """The first moment after a month, microseconds UTC."""
    after = month + 1
    return micros(instant(0).replace(year=1970 + after // 12, month=after % 12 + 1))


def created(log: EventLog, journey: Journey, at: int) -> Ints:
    """(leads,) when the journey of each lead began, as known at a moment; `NEVER` where it has not."""
    every = np.arange(len(log.leads), dtype=np.int64)
    return standing(log, journey, every, np.full(len(every), at)).started


def mean_amount(log: EventLog, journey: Journey, at: int) -> float | None:
    """What a customer was worth on average, in the money of the events; None where no sale has an amount."""
    wins = [place for place, name in enumerate(log.kinds) if name in journey.converted]
    whose = np.repeat(log.merged_at, np.diff(log.offsets))  # who is somebody else by now would count twice
    rows = np.isin(log.kind, wins) & (log.known < at) & (whose >= at) & (log.value != NO_VALUE)
    amounts: Floats = log.value[rows] / 1e6
    return float(amounts.mean()) if len(amounts) and amounts.sum() > 0 else None
