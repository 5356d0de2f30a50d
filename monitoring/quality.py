"""Is what arrives what people did, and can it be read? The newest week against the usual range.

bots        leads with `ACTS` own acts within `SECONDS`: nobody reads five pages in ten seconds
late        events known more than `LATE_DAYS` after they happened: scores were given without them
duplicates  events that repeat one of the same lead, kind and moment under another id, and so count twice (the same id
            again is stored once and does no harm)
quarantine  messages that could become no event, among all that came
unknown     events of kinds that neither the journey nor the model knows; told, and no fault: what grows by name among
            them is `event_new`

What is usual comes from the weeks before (monitoring.chance): an import whose events all bear the date only, or a list
typed in once a month, is usual then.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.log import Ints
from data.quarantine import Refused
from monitoring import chance
from monitoring.chance import Usual
from monitoring.volumes import TEACHING, Arrivals

ACTS, SECONDS = 5, 10
LATE_DAYS = 1
PAST_WEEKS, MOST_WEEKS = 52, 520
"""Weeks that say what is usual, and how far back they may lie."""
BEYOND = 1.5
"""What is beyond chance is still no fault where it is not so many times what is expected."""
LEAST = 10
"""Nor where it is fewer than so many."""
SHOWN = 5
"""Unknown kinds that are named."""
NOTHING = Refused(np.empty(0, dtype=np.int64))

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Unread(Usual):
    """Messages of the newest week that could become no event.

    reason, source : the commonest of each; the class of a reason (data.quarantine), never its words
    """

    reason: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        return {**Usual.to_dict(self), "reason": self.reason, "source": self.source}


@dataclass(frozen=True, slots=True)
class Unknown(Usual):
    """Events of the newest week whose kind is not known: their share of all, and the commonest kinds."""

    share: float
    kinds: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**Usual.to_dict(self), "share": round(self.share, 4), "kinds": list(self.kinds)}


@dataclass(frozen=True)
class Quality:
    """The newest week, each None where there are too few weeks before it to say what is usual.

    bots : leads at a pace that is nobody's; late, duplicates, unknown : events; unread : messages
    """

    bots: Usual | None
    late: Usual | None
    duplicates: Usual | None
    unread: Unread | None = None
    unknown: Unknown | None = None

    @property
    def faults(self) -> dict[str, Usual]:
        """What is more than usual, by its name."""
        seen = {
            "bots": self.bots, "late_events": self.late, "quarantine": self.unread, "duplicates": self.duplicates,
        }  # fmt: skip
        return {
            name: one
            for name, one in seen.items()
            if one is not None and one.value > one.high and one.value >= max(LEAST, BEYOND * one.expected)
        }


def quality(
    seen: Arrivals, outbound: tuple[str, ...], *, snapshot: int, level: float, known: Collection[str] = (),
    refused: Refused = NOTHING,
) -> Quality:  # fmt: skip
    """The newest week's data against the weeks before the champion learned.

    What came since is not what is usual, lest a fault that stays be usual in a month; only where the history before is
    too short, the weeks since are.

    snapshot : microseconds UTC
    outbound : kinds that the firm does, not the lead
    level    : chance in ]0; 1[ that anything of a usual week is called more than usual
    known    : kinds that the journey or the model knows
    refused  : what could become no event
    """
    own = ~np.isin(seen.kind, [code for code, kind in enumerate(seen.kinds) if kind in (*outbound, *TEACHING)])
    week = chance.weeks(seen.known, seen.at)
    size = max(seen.lead.max(initial=0) + 1, 1)
    fast = _superhuman(seen, own)
    late = seen.known - seen.occurred > LATE_DAYS * MICROS_PER_DAY
    active, events = _leads(week[own], seen.lead[own], size), _weekly(week)
    since = max(1, -((snapshot - seen.at) // chance.WEEK))
    since = since if (events[since:] > 0).sum() >= chance.LEAST_WEEKS else 1
    share = level / 4
    return Quality(
        bots=_held(_leads(week[fast], seen.lead[fast], size), active, since, share),
        late=_held(_weekly(week[late]), events, since, share),
        duplicates=_held(_weekly(week[_repeats(seen, own)]), events, since, share),
        unread=_unread(refused, seen.at, events, since, share),
        unknown=_unknown(seen, week, events, frozenset({*outbound, *TEACHING, *known}), since, share),
    )


def _unread(refused: Refused, at: int, events: Ints, since: int, level: float) -> Unread | None:
    """What was refused, of all that came; of weeks in which nobody noted when, nothing is known."""
    stop = int(np.searchsorted(refused.known, at))
    week = chance.weeks(refused.known[:stop], at)
    counted = _weekly(week)
    noted = MOST_WEEKS if refused.since is None else max((at - refused.since) // chance.WEEK, 0)
    among = np.where(np.arange(MOST_WEEKS) < noted, events + counted, 0)
    if not among[0] or (among[since : since + PAST_WEEKS] > 0).sum() < chance.LEAST_WEEKS:
        since = 1
    found = _held(counted, among, since, level)
    if found is None:
        return None
    newest = np.flatnonzero(week == 0).tolist()
    reason, source = (_commonest([one[place] for place in newest]) for one in (refused.reason, refused.source))
    return Unread(found.value, found.expected, found.low, found.high, found.p, reason, source)


def _unknown(
    seen: Arrivals, week: Ints, events: Ints, known: frozenset[str], since: int, level: float
) -> Unknown | None:
    strange = np.array([kind not in known for kind in seen.kinds], dtype=np.bool_)[seen.kind]
    found = _held(_weekly(week[strange]), events, since, level)
    if found is None:
        return None
    counted = np.bincount(seen.kind[strange & (week == 0)], minlength=len(seen.kinds))
    kinds = tuple(seen.kinds[code] for code in np.argsort(-counted, kind="stable")[:SHOWN].tolist() if counted[code])
    share = found.value / max(int(events[0]), 1)
    return Unknown(found.value, found.expected, found.low, found.high, found.p, share, kinds)


def _commonest(names: list[str]) -> str:
    """Of several as common the first by name; empty where there are none."""
    counted = Counter(names)
    return min(counted, key=lambda name: (-counted[name], name), default="")


def _superhuman(seen: Arrivals, own: Bools) -> Ints:
    """Places of the last acts of bursts."""
    rows = np.flatnonzero(own)
    rows = rows[np.lexsort((seen.occurred[rows], seen.lead[rows]))]
    end, begin = rows[ACTS - 1 :], rows[: max(len(rows) - ACTS + 1, 0)]
    near = seen.occurred[end] - seen.occurred[begin] <= SECONDS * MICROS_PER_SECOND
    found: Ints = end[near & (seen.lead[end] == seen.lead[begin])]
    return found


def _repeats(seen: Arrivals, own: Bools) -> Ints:
    """Places of acts that stand there already for the same lead, kind and moment."""
    rows = np.flatnonzero(own)
    rows = rows[np.lexsort((seen.known[rows], seen.occurred[rows], seen.kind[rows], seen.lead[rows]))]
    one, next_ = rows[:-1], rows[1:]
    same = (seen.lead[one] == seen.lead[next_]) & (seen.kind[one] == seen.kind[next_])
    found: Ints = next_[same & (seen.occurred[one] == seen.occurred[next_])]
    return found


def _weekly(week: Ints) -> Ints:
    """(w,) how many of each week, the newest first."""
    found: Ints = np.bincount(week[week < MOST_WEEKS], minlength=MOST_WEEKS)
    return found


def _leads(week: Ints, lead: Ints, size: int) -> Ints:
    """The same, counting different leads."""
    return _weekly(np.unique(week * np.int64(size) + lead) // size)


def _held(counted: Ints, among: Ints, since: int, level: float) -> Usual | None:
    past = slice(since, since + PAST_WEEKS)
    return chance.usual(int(counted[0]), float(among[0]), counted[past], among[past].astype(np.float64), level)
