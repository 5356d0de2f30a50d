"""Is what arrives what people did? Bots, late events and repeats of the newest week against their usual range.

bots        leads with `ACTS` own acts within `SECONDS`: nobody reads five pages in ten seconds
late        events known more than `LATE_DAYS` after they happened: scores were given without them
duplicates  events that repeat one of the same lead, kind and moment under another id, and so count twice (the same id
            again is stored once and does no harm)

What is usual comes from the weeks before (monitoring.chance): an import whose events all bear the date only, or a list
typed in once a month, is usual then.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.events import MICROS_PER_DAY, MICROS_PER_SECOND
from data.log import Ints
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

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """The newest week, each None where there are too few weeks before it to say what is usual.

    bots : leads at a pace that is nobody's; late, duplicates : events
    """

    bots: Usual | None
    late: Usual | None
    duplicates: Usual | None

    @property
    def faults(self) -> dict[str, Usual]:
        """What is more than usual, by its name."""
        seen = {"bots": self.bots, "late_events": self.late, "duplicates": self.duplicates}
        return {
            name: one
            for name, one in seen.items()
            if one is not None and one.value > one.high and one.value >= max(LEAST, BEYOND * one.expected)
        }


def quality(seen: Arrivals, outbound: tuple[str, ...], *, snapshot: int, level: float) -> Quality:
    """The newest week's data against the weeks before the champion learned.

    What came since is not what is usual, lest a fault that stays be usual in a month; only where the history before is
    too short, the weeks since are.

    snapshot : microseconds UTC
    outbound : kinds that the firm does, not the lead
    level    : chance in ]0; 1[ that anything of a usual week is called more than usual
    """
    own = ~np.isin(seen.kind, [code for code, kind in enumerate(seen.kinds) if kind in (*outbound, *TEACHING)])
    week = chance.weeks(seen.known, seen.at)
    size = max(seen.lead.max(initial=0) + 1, 1)
    fast = _superhuman(seen, own)
    late = seen.known - seen.occurred > LATE_DAYS * MICROS_PER_DAY
    active, events = _leads(week[own], seen.lead[own], size), _weekly(week)
    since = max(1, -((snapshot - seen.at) // chance.WEEK))
    since = since if (events[since:] > 0).sum() >= chance.LEAST_WEEKS else 1
    share = level / 3
    return Quality(
        bots=_held(_leads(week[fast], seen.lead[fast], size), active, since, share),
        late=_held(_weekly(week[late]), events, since, share),
        duplicates=_held(_weekly(week[_repeats(seen, own)]), events, since, share),
    )


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
