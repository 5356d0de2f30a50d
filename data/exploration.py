"""Who is handed over to sales at random: below the list by score, a small share of leads, drawn anew each week.

Sales work on high scores, so what becomes of the others when they are worked is never seen. A few that chance picks
show it (the epsilon-greedy rule; Sutton and Barto 2018, section 2.2). Nothing is stored for it: the draw is a hash of
the seed, the week and the lead, the same in every process and for ever, so that anybody can check it.

Whether a lead is handed over is decided at each score of it:

* by the score, where that is on the list or sales have accepted the lead: propensity 1;
* else by the draw of the week: propensity `share`.

The propensity is logged with the score (data.scorelog), as it was then: a share that is changed later, and ids that are
merged later, change nothing of the past.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from data.events import MICROS_PER_DAY, instant

_ALL = 2**64
_THURSDAY = 3  # 1970 began on one, and ISO weeks begin on Mondays


@dataclass(frozen=True, slots=True)
class HandOver:
    """How a lead came to be handed over at a score, or not.

    propensity : chance in (0; 1] with which it was to be handed over, before the draw
    explored   : whether it is so by the draw alone
    """

    propensity: float
    explored: bool

    @property
    def handed_over(self) -> bool:
        """Whether sales are to work it."""
        return self.explored or self.propensity == 1.0


def draw(lead_id: str, week: str, seed: int) -> float:
    """The number in [0; 1] that a lead draws in a week; below the share, it is chosen.

    >>> round(draw("L42", "2026-W09", 7), 6)
    0.343514
    """
    text = f"{seed} {week} {lead_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) / _ALL


def chosen(lead_id: str, week: str, share: float, seed: int) -> bool:
    """Whether chance hands a lead over in a week.

    week  : as `week_of` writes it
    share : in [0; 1]; 0 chooses nobody

    >>> [lead for lead in ("L1", "L2", "L3", "L4", "L5", "L6") if chosen(lead, "2026-W09", 0.2, 7)]
    ['L2', 'L5']
    """
    return draw(lead_id, week, seed) < share


def week_of(moment: int) -> str:
    """The ISO week (Monday to Monday, UTC) of a moment in microseconds.

    >>> week_of(1_772_236_800_000_000), week_of(0)
    ('2026-W09', '1970-W01')
    """
    year, week, _ = instant(moment).isocalendar()
    return f"{year}-W{week:02d}"


def week_number(moment: Any) -> Any:
    """The same as a number that grows by one each week, of an integer, an array or a column of the store.

    >>> week_number(0), week_number(4 * 86_400_000_000 - 1), week_number(4 * 86_400_000_000)
    (0, 0, 1)
    """
    return (moment // MICROS_PER_DAY + _THURSDAY) // 7


def hand_over(lead_id: str, as_of: int, *, listed: bool, share: float, seed: int) -> HandOver | None:
    """How a lead is handed over at a moment; None where nothing is explored (a share of 0).

    as_of  : microseconds UTC
    listed : whether it is handed over anyhow

    >>> hand_over("L2", 1_772_236_800_000_000, listed=False, share=0.2, seed=7)
    HandOver(propensity=0.2, explored=True)
    """
    if not share:
        return None
    if listed:
        return HandOver(1.0, explored=False)
    return HandOver(share, explored=chosen(lead_id, week_of(as_of), share, seed))
