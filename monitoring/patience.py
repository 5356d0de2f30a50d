"""When not to act yet: quiet after a promotion, until a cause was seen often enough, and while a person is asked.

All of it is read from the journal, of verdicts earlier than the moment of the run: the same journal, log, champion and
moment give the same answer.
"""

from dataclasses import dataclass

from data.events import MICROS_PER_DAY, isoformat
from monitoring.causes import Cause
from monitoring.guard import ROLLED_BACK
from monitoring.journal import Decided, Read
from monitoring.policy import STRUCTURAL
from monitoring.progress import Begun, renewals
from monitoring.reasons import Code
from veraison.playbook import Monitoring


@dataclass(frozen=True, slots=True)
class Wait:
    """Why nothing is begun yet. `asks`: the renewal whose challenger waits for a person."""

    reason: str
    code: Code
    asks: Begun | None = None


def why_wait(read: Read, causes: list[Cause], rules: Monitoring, *, champion: str, as_of: int) -> Wait | None:
    """Why a cause that acts is not acted on yet; None where nothing speaks against it, or nothing acts.

    champion : the version that serves
    as_of    : microseconds UTC
    """
    acting = [cause for cause in causes if cause.acts]
    if not acting:
        return None
    asked = _asked(read, champion, rules, as_of)
    if asked is not None:
        return Wait(f"{asked.challenger} was trained on {asked.steps['started']['as_of'][:10]}, passed the gate, and "
                    "waits for a person: veraison models promote challenger.", "asks", asked)  # fmt: skip
    return _quiet(read, rules, as_of) or _young(read, acting, rules, champion, as_of)


def _asked(read: Read, champion: str, rules: Monitoring, as_of: int) -> Begun | None:
    """The renewal that asks, as long as its challenger is fresh: `quiet_days`."""
    last = next(reversed(renewals(read)), None)
    if last is None or last.fate != "asks" or last.champion != champion:
        return None
    return last if last.as_of <= as_of < last.as_of + rules.quiet_days * MICROS_PER_DAY else None


def _quiet(read: Read, rules: Monitoring, as_of: int) -> Wait | None:
    changed = [one.moment for one in read.verdicts if one.promoted or one.action == ROLLED_BACK]
    ends = max((moment for moment in changed if moment <= as_of), default=0) + rules.quiet_days * MICROS_PER_DAY
    if as_of >= ends:
        return None
    return Wait(f"The model that serves was changed less than {rules.quiet_days} days ago; no renewal starts before "
                f"{isoformat(ends)[:10]}.", "quiet_period")  # fmt: skip


def _young(read: Read, acting: list[Cause], rules: Monitoring, champion: str, as_of: int) -> Wait | None:
    """Where every cause that acts has no name of its own and was not seen in enough runs in a row."""
    if rules.for_runs == 1 or any(cause.kind in STRUCTURAL for cause in acting):
        return None
    runs = {one.moment: one for one in read.verdicts if one.moment < as_of}  # of two at one moment the last counts
    earlier = [runs[moment] for moment in sorted(runs, reverse=True)]
    longest = max(1 + _in_a_row(earlier, cause, champion) for cause in acting)
    if longest >= rules.for_runs:
        return None
    runs_so_far = "1 run" if longest == 1 else f"{longest} runs in a row"
    return Wait(f"Seen in {runs_so_far}, it is acted on after {rules.for_runs}.", "awaiting_persistence")


def _in_a_row(earlier: list[Decided], cause: Cause, champion: str) -> int:
    """In how many runs right before, newest first, the same cause was seen against the same champion."""
    for count, one in enumerate(earlier):
        same = any((was["kind"], was["name"], was["acts"]) == (cause.kind, cause.name, True) for was in one.causes)
        if not same or one.champion != champion:
            return count
    return len(earlier)
