"""What the journal tells of renewals: which were begun, what of them is done, which one is to be gone on with."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from data.events import isoformat, parse_instant
from data.log import EventLog
from monitoring.journal import Decided, Journal, Read, Step
from monitoring.shadow import Served, nothing_served
from training.bundle import Bundle
from training.registry import Registry
from veraison.playbook import Playbook

FOLDER = "renewal"
STARTED, WINDOW, TRAINED, JUDGED = "started", "window", "trained", "judged"
REGISTERED, BESIDE, SHADOW, SETTLED = "registered", "beside", "shadow", "settled"
Fate = Literal["promoted", "asks", "kept", "abandoned"]
Say = Callable[[str], None]
GoOn = Callable[[str], None]
"""Called with the name of a step before it is done; raises where the process is to end between two steps."""


@dataclass(frozen=True)
class Work:
    """What a renewal works with.

    reports : the folder of reports; renewals have folders in ``renewal`` there
    served  : what the champion served, from the prediction log
    """

    log: EventLog
    registry: Registry
    playbook: Playbook
    reports: Path
    journal: Journal
    served: Served = nothing_served
    threads: int = 2
    say: Say = lambda _: None
    go_on: GoOn = lambda _: None


@dataclass(frozen=True)
class Begun:
    """A renewal as far as the journal tells: the numbers of each step that is done, by its name."""

    name: str
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def champion(self) -> str:
        """The version it was begun against."""
        return str(self.steps[STARTED]["champion"])

    @property
    def challenger(self) -> str | None:
        """The version that was trained, None before that."""
        return self.steps.get(TRAINED, {}).get("version")

    @property
    def fate(self) -> Fate | None:
        return self.steps.get(SETTLED, {}).get("fate")

    @property
    def as_of(self) -> int:
        """The moment of the run that began it, microseconds UTC; figures are of this moment, whoever goes on."""
        return parse_instant(self.steps[STARTED]["as_of"])

    @property
    def before(self) -> int:
        """The challenger's snapshot, microseconds UTC."""
        return parse_instant(self.steps[STARTED]["before"])

    @property
    def onset(self) -> int | None:
        """Since when the world is another one, microseconds UTC; None where nothing says so."""
        text = self.steps[STARTED]["onset"]
        return None if text is None else parse_instant(text)

    @property
    def levels(self) -> list[dict[str, Any]] | None:
        """The levels that the champion is set to (monitoring.recalibration); None where a challenger is trained."""
        found: list[dict[str, Any]] | None = self.steps[STARTED].get("levels")
        return found


def renewals(read: Read) -> list[Begun]:
    """Every renewal of which the journal tells, oldest first; a step that was done twice counts as it was last done."""
    found: dict[str, Begun] = {}
    for step in read.steps:
        if step.name == STARTED or step.renewal in found:
            steps = found[step.renewal].steps if step.renewal in found else {}
            found[step.renewal] = Begun(step.renewal, steps | {step.name: step.numbers})
    return list(found.values())


def unfinished(read: Read) -> Begun | None:
    """The last renewal, where it is not settled or no verdict has told its fate yet."""
    last = next(reversed(renewals(read)), None)
    if last is None or last.fate == "abandoned":
        return None
    if last.fate is None:
        return last
    since = max(n for n, line in enumerate(read.lines) if _is_end(line, last.name))
    told = any(isinstance(line, Decided) and line.renewal == last.name for line in read.lines[since:])
    return None if told else last


def begin(
    work: Work, champion: Bundle, *, as_of: int, before: int, onset: int | None, causes: list[str],
    levels: list[dict[str, Any]] | None = None,
) -> Begun:  # fmt: skip
    """Write down that a renewal begins.

    as_of, before, onset : microseconds UTC; of the run, of the challenger's snapshot, of the drift
    causes               : what calls for it, in words
    levels               : what the champion is set to, where nothing is trained
    """
    work.go_on(STARTED)
    facts = f"{champion.version} {as_of} {work.playbook.fingerprint}"
    name = f"{isoformat(as_of)[:10]}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}"
    again = sum(one.name.startswith(name) for one in renewals(work.journal.read()))
    begun = Begun(f"{name}-{again + 1}" if again else name)
    numbers: dict[str, Any] = {
        "as_of": isoformat(as_of),
        "before": isoformat(before),
        "onset": None if onset is None else isoformat(onset),
        "champion": champion.version,
        "playbook": work.playbook.fingerprint,
        "causes": causes,
    }
    if levels is not None:
        numbers["levels"] = levels
    return done(work, begun, STARTED, as_of, numbers)


def done(work: Work, begun: Begun, name: str, as_of: int, numbers: dict[str, Any]) -> Begun:
    """Write down that a step is done; the renewal with it."""
    work.journal.add(Step(begun.name, name, isoformat(as_of), numbers).to_dict())
    return Begun(begun.name, begun.steps | {name: numbers})


def _is_end(line: Step | Decided, renewal: str) -> bool:
    return isinstance(line, Step) and line.renewal == renewal and line.name == SETTLED
