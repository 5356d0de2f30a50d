"""Do leads still come from every source?

A source is a category of the trait that the playbook names (``monitoring.source``). A source that brings nothing any
more is the commonest fault of all: a form that broke, a campaign that nobody paid for, a connection that expired.

Worked example: every fifth lead is of "Webinar", and never did others bring more than thirty without one. For nine days
there has been none, while sixty other leads came: fifteen were to be expected, and none came by chance with
``(4/5) ** 60``, one in a million.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.events import MICROS_PER_DAY, isoformat
from data.log import EventLog, Ints

HISTORY_DAYS = 182
"""How far back a source's usual share and its longest pause are looked for."""
LEAST_LEADS = 8
"""A source with fewer leads in that time has no usual pace."""
PAUSE = 1.25
"""Where a source is silent, the pause is so many times the longest before it (lists are bought once a month). It is
counted in the leads that others brought meanwhile, so that Christmas is no long pause ..."""
LEAST_PAUSE_DAYS = 5
"""... and at least so many days: no weekend with holidays."""

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Contacts:
    """Each lead once, in the order in which its source became known before a moment.

    known  : (n,) microseconds UTC
    source : (n,) place in `names`
    trait  : the trait that says it
    at     : the moment, microseconds UTC
    """

    known: Ints
    source: Ints
    names: list[str]
    trait: str
    at: int

    def before(self, at: int) -> "Contacts":
        """Those known before an earlier moment."""
        stop = int(np.searchsorted(self.known, at))
        return Contacts(self.known[:stop], self.source[:stop], self.names, self.trait, at)


def contacts(log: EventLog, trait: str, at: int) -> Contacts:
    """The first source of each lead, known before `at`; empty where no lead has the trait."""
    rows = np.repeat(np.arange(len(log.leads), dtype=np.int64), np.diff(log.trait_offsets))
    place = log.trait_names.index(trait) if trait in log.trait_names else -1
    mine = np.flatnonzero((log.trait_name == place) & (log.trait_known < at) & (log.merged_at[rows] >= at))
    _, first = np.unique(rows[mine], return_index=True)
    mine = mine[first]
    mine = mine[np.argsort(log.trait_known[mine], kind="stable")]
    codes, source = np.unique(log.trait_text[mine], return_inverse=True)
    return Contacts(
        log.trait_known[mine], source.astype(np.int64), [log.trait_texts[code] for code in codes], trait, at
    )


def silent(seen: Contacts, *, snapshot: int, level: float) -> dict[str, Numbers]:
    """Sources that brought leads until after the snapshot and bring none any more, as ``trait=source``.

    snapshot : microseconds UTC; a source that was silent by then is silent to a model that learned then
    level    : chance in ]0; 1[ that so many other leads come without one of a source that goes on; all sources that are
               looked at share it (Bonferroni)
    """
    already = _silent(seen.before(snapshot), level)
    return {name: numbers for name, numbers in _silent(seen, level).items() if name not in already}


def _silent(seen: Contacts, level: float) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {}
    since = int(np.searchsorted(seen.known, seen.at - HISTORY_DAYS * MICROS_PER_DAY))
    known, source = seen.known[since:], seen.source[since:]
    counted = np.bincount(source, minlength=len(seen.names))
    watched = np.flatnonzero(counted >= LEAST_LEADS)
    for code in watched.tolist():
        rows = np.flatnonzero(source == code)
        last = int(known[rows[-1]])
        share = len(rows) / (rows[-1] + 1)
        others = len(known) - int(rows[-1]) - 1
        long = others > PAUSE * int(np.diff(rows).max()) and seen.at - last > LEAST_PAUSE_DAYS * MICROS_PER_DAY
        if long and share < 1 and others * -np.log1p(-share) > -np.log(level / len(watched)):
            missed = round(others * share / (1 - share))
            found[f"{seen.trait}={seen.names[code]}"] = {"last": isoformat(last), "missed": missed}
    return found
