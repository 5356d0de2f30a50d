"""The gate between challenger and champion: how far back a challenger may look, and whether it is not worse.

A worked example: today is 1 December, the primary horizon 30 days, the chunk 28 days. The newest matured landmarks lie
before 1 November. Ten converted leads were created since 20 September, so the challenger learns from what was known
before 20 September, and both models are asked about every matured landmark of the leads created since.
"""

from dataclasses import dataclass

import numpy as np

from data.events import MICROS_PER_DAY
from data.log import Floats, Ints
from monitoring.performance import Matured
from training import metrics
from training.landmarks import Bools
from veraison.playbook import Monitoring

DRAWS = 400


@dataclass(frozen=True, slots=True)
class Gate:
    """Champion and challenger on the same unseen pairs.

    difference : mean log-loss of the challenger minus the champion's, below 0 where the challenger is better
    low, high  : its 95 % interval, by paired bootstrap over leads
    ece        : calibration error of the challenger minus the champion's
    """

    pairs: int
    leads: int
    converted: int
    difference: float
    low: float
    high: float
    ece: float
    passed: bool

    def sentence(self, rules: Monitoring) -> str:
        """What the gate found, in words."""
        found = (
            f"on {self.pairs} landmarks of {self.leads} leads that neither had seen ({self.converted} converted) its "
            f"log-loss differs by {self.difference:+.4f} (95 %: {self.low:+.4f} to {self.high:+.4f}; at most "
            f"{rules.gate_margin:+.4f} allowed) and its calibration error by {self.ece:+.3f} (at most "
            f"{rules.gate_ece:+.3f})"
        )
        return f"The challenger is {'not worse' if self.passed else 'not shown to be as good'}: {found}."


@dataclass(frozen=True, slots=True)
class Paired:
    """Two sets of probabilities on the same pairs: mean log-loss of the second minus the first's, and its interval."""

    difference: float
    low: float
    high: float


def snapshot_for(
    seen: Matured, rules: Monitoring, *, champion: int, primary: int, at: int, outcomes: int | None = None
) -> int | None:
    """The latest midnight UTC a challenger can learn at, so that enough later conversions remain to judge it.

    seen     : matured landmarks of leads created after the champion's snapshot
    champion : the champion's snapshot, microseconds UTC
    primary  : days of the primary horizon
    outcomes : converted leads that must remain; None stands for ``gate_outcomes``
    Returns  : None where no moment after the champion's snapshot leaves so many
    """
    needed = rules.gate_outcomes if outcomes is None else outcomes
    born = seen.pairs.born[seen.happened]
    first = np.full(int(seen.person.max()) + 1 if len(seen) else 0, -1, dtype=np.int64)
    np.maximum.at(first, seen.person[seen.happened], born)
    newest = np.sort(first[first >= 0])[::-1]
    if len(newest) < needed:
        return None
    latest = min(int(newest[needed - 1]), at - (primary + rules.recent_days) * MICROS_PER_DAY)
    midnight = latest // MICROS_PER_DAY * MICROS_PER_DAY
    return midnight if midnight > champion else None


def compare(
    happened: Bools, person: Ints, champion: Floats, challenger: Floats, rules: Monitoring, *, seed: int
) -> Gate:
    """Whether the challenger is not worse than the champion; both are probabilities of the same pairs.

    It passes where the far end of the 95 % interval of the difference in log-loss is at most ``gate_margin``, and its
    expected calibration error is at most ``gate_ece`` larger.

    happened   : (n,) what came of each pair
    person     : (n,) whose pair it is; resampled as a whole
    champion, challenger : (n,) probabilities
    """
    found = paired(happened, person, champion, challenger, seed=seed)
    ece = metrics.ece(happened, challenger) - metrics.ece(happened, champion)
    return Gate(
        pairs=len(happened),
        leads=len(np.unique(person)),
        converted=len(np.unique(person[happened])),
        difference=found.difference,
        low=found.low,
        high=found.high,
        ece=round(ece, 6),
        passed=bool(found.high <= rules.gate_margin and ece <= rules.gate_ece),
    )


def paired(happened: Bools, person: Ints, first: Floats, second: Floats, *, seed: int) -> Paired:
    """The paired difference in log-loss and its 95 % interval by bootstrap over persons; arrays as in `compare`."""
    loss = losses(happened, second) - losses(happened, first)
    low, high = metrics.bootstrap(lambda rows: float(loss[rows].mean()), person, draws=DRAWS, seed=seed)
    return Paired(round(float(loss.mean()), 6), round(low, 6), round(high, 6))


def losses(happened: Bools, probability: Floats) -> Floats:
    """(n,) negative log-likelihood of each pair, as training.metrics.logarithmic_loss averages it."""
    chance = np.clip(probability, 1e-12, 1 - 1e-12)
    found: Floats = -np.log(np.where(happened, chance, 1 - chance))
    return found
