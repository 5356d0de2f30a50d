"""What was promoted is watched: where it does not keep what the gate promised, or cannot be loaded, its predecessor
comes back.

The guard looks at outcomes that had not matured when the gate judged, so nothing is counted twice: landmarks of leads
created since the promoted model's snapshot, whose horizon ended after its renewal began. It falls where the promoted
model's log-loss is worse than the predecessor's by more than ``[monitoring] guard``, at the *near* end of an interval:
a way back needs proof, as the gate asks for proof of the opposite.

It looks again in each run, and each look is another chance to be wrong. So the interval is that of a whole trial
(`boundary`): over all its looks, however many, a model that is worse by no more than ``guard`` falls in at most 2.5 %
of trials.

A worked example: promoted on 1 December, primary horizon 30 days. From 2 December on each run adds the landmarks of
the day before whose thirty days are over. Once ten different leads among them have converted the guard speaks, and it
does until 25 March (30 and ``outcome_days`` days later); then the model is no longer on trial. On 28 December, a
quarter of the trial, it asks for 4.5 standard errors, at the end for 2.24.

Sources: O'Brien and Fleming 1979, A Multiple Testing Procedure for Clinical Trials; Lan and DeMets 1983, Discrete
Sequential Boundaries for Clinical Trials
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from data.events import MICROS_PER_DAY, isoformat
from data.log import Floats, Ints
from monitoring import performance
from monitoring.gate import Paired, losses
from monitoring.journal import Decided, Read, Step
from monitoring.performance import Matured
from monitoring.progress import Begun, Work, renewals, unfinished
from training.bundle import Bundle
from training.landmarks import Bools
from training.registry import CHAMPION, Registered
from veraison.errors import ModelError, RegistryError

ROLLS_BACK, ROLLED_BACK = "rolls_back", "rolled_back"
LEVEL = 0.025
"""Chance of a false alarm in a whole trial."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A promoted model and its predecessor on outcomes that matured since.

    predecessor : its version
    found       : None where fewer than `needed` leads have converted since
    """

    predecessor: str
    pairs: int
    converted: int
    needed: int
    margin: float
    found: Paired | None

    @property
    def fell(self) -> bool:
        return self.found is not None and self.found.low > self.margin

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "fell": self.fell}

    def sentence(self) -> str:
        """What it found, in words."""
        if self.found is None:
            return f"{self.converted} conversions have matured since it was promoted, {self.needed} are needed."
        return (
            f"On {self.pairs} landmarks that matured since ({self.converted} leads converted) its log-loss is worse "
            f"than that of {self.predecessor} by {self.found.difference:+.4f} ({self.found.low:+.4f} to "
            f"{self.found.high:+.4f}, for all looks of the trial together; {self.margin:+.4f} allowed)."
        )


def on_trial(work: Work, read: Read, serving: str, as_of: int) -> Begun | None:
    """The renewal that brought the champion, where its trial is not over; None where no renewal did."""
    lasts = _lasts(work)
    brought = [one for one in renewals(read) if one.challenger == serving and one.fate in ("promoted", "asks")]
    return brought[-1] if brought and brought[-1].as_of <= as_of <= brought[-1].as_of + lasts else None


def _lasts(work: Work) -> int:
    """Length of a trial, microseconds."""
    return (work.playbook.horizons.primary + work.playbook.monitoring.outcome_days) * MICROS_PER_DAY


def measure(work: Work, begun: Begun, promoted: Bundle, seen: Matured, *, as_of: int) -> Guard | None:
    """Hold a promoted model against its predecessor; None where that cannot be had from the registry any more.

    seen  : matured landmarks of leads created since the promoted model's snapshot
    as_of : microseconds UTC
    """
    before = next((one for one in work.registry.versions() if one.version == begun.champion), None)
    if before is None:
        return None
    rules, primary = work.playbook.monitoring, work.playbook.horizons.primary
    since = seen[seen.pairs.as_of + primary * MICROS_PER_DAY > begun.as_of]
    found = None
    if since.converted >= rules.gate_outcomes:
        predecessor = sound(work, before)
        if isinstance(predecessor, ModelError):
            work.say(f"{promoted.version} cannot be held against its predecessor: {predecessor}")
            return None
        models = predecessor, promoted
        old, new = (performance.chances(work.log, one, since, primary, work.threads) for one in models)
        found = over_trial(since.happened, since.person, old, new, (as_of - begun.as_of) / _lasts(work))
    return Guard(begun.champion, len(since), since.converted, rules.gate_outcomes, rules.guard, found)


def boundary(share: float) -> float:
    """Standard errors that a difference must lie beyond, at a share in ]0, 1] of a trial: much early, 2.24 at its end.

    What is learned grows with time, and the summed differences are a Brownian motion in it. It passes c on [0, 1] with
    a chance of 2 (1 - Phi(c)) (reflection), here `LEVEL`; at the share t it is sqrt(t) standard errors that are c.
    So it holds for any number of looks, whenever they are.

    >>> [round(boundary(share), 2) for share in (0.25, 0.5, 1.0)]
    [4.48, 3.17, 2.24]
    """
    return float(norm.isf(LEVEL / 2) / np.sqrt(share))


def over_trial(happened: Bools, person: Ints, first: Floats, second: Floats, share: float) -> Paired:
    """The paired difference in mean log-loss of the second's probabilities to the first's, and its interval.

    happened : (n,) what came of each pair
    person   : (n,) whose pair it is; the standard error is that of sums over persons
    share    : of the trial that is over, in ]0, 1]; with it the interval holds over all looks together (`boundary`)
    """
    loss = losses(happened, second) - losses(happened, first)
    difference = float(loss.mean())
    sums = np.bincount(np.unique(person, return_inverse=True)[1], loss - difference)
    wide = boundary(share) * float(np.sqrt(np.sum(sums**2))) / len(loss)
    return Paired(round(difference, 6), round(difference - wide, 6), round(difference + wide, 6))


def roll_back(work: Work, renewal: str, as_of: int, numbers: dict[str, Any]) -> Registered:
    """Let the predecessor serve again; written down first, so that whoever comes after a crash ends it."""
    work.go_on(ROLLS_BACK)
    step = Step(renewal, ROLLS_BACK, isoformat(as_of), numbers)
    work.journal.add(step.to_dict())
    work.say("going back to the model before")
    return work.registry.roll_back()


def keep_serving(work: Work, as_of: int) -> str | None:
    """See that a champion that can be loaded serves, before anything is measured.

    A way back that was broken off is ended. A champion of whose two copies, the registry's and the one laid down for
    serving, one is damaged gets it again from the other; one of which neither can be loaded makes room for its
    predecessor. Where the workspace serves something else than the registry's champion, that is laid down again.

    Returns : in words, where a predecessor serves again; None where nothing was wrong
    """
    serving = work.registry.aliased(CHAMPION)
    if serving is None:
        return None
    read = work.journal.read()
    begun = _going_back(read)
    if begun is not None:
        if begun.numbers["from"] == serving.version:
            serving = work.registry.roll_back()
        else:
            work.registry.end_roll_back()
        return f"{serving.version} serves again: {begun.numbers['why']}"
    found = sound(work, serving)
    if isinstance(found, ModelError):
        earlier = work.registry.predecessors()
        before = next((one for one in work.registry.versions() if one.number in earlier[-1:]), None)
        if before is None or isinstance(sound(work, before), ModelError):
            raise found
        why = f"{serving.version} cannot be loaded ({found})."
        back = roll_back(work, serving.version, as_of, {"from": serving.version, "why": why})
        return f"{back.version} serves again: {why}"
    if unfinished(read) is None and not work.registry.lies_ready(serving.version):
        work.say(f"laying {serving.version} down for serving again")
        work.registry.assign(CHAMPION, serving.number)
    return None


def sound(work: Work, one: Registered) -> Bundle | ModelError:
    """A version's bundle, or why it cannot be loaded.

    Where the registry's copy is damaged and the one that was laid down for serving is not, it is mended.
    """
    try:
        return work.registry.load(one.number)
    except RegistryError:
        raise
    except ModelError as problem:
        served = work.registry.laid_down(one.version)
        if served is None:
            return problem
        work.say(f"the registry's copy of {one.version} is written again, from the one laid down to serve: {problem}")
        work.registry.mend(one.number, served)
        return served


def _going_back(read: Read) -> Step | None:
    """The way back that was begun and of which no verdict tells."""
    for line in reversed(read.lines):
        if isinstance(line, Decided):
            return None
        if line.name == ROLLS_BACK:
            return line
    return None
